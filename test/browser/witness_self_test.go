package browser

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shipbell/shipbell/test/hostile"
)

// TestWitness: each thing that must not happen is seen where it does.
func TestWitness(t *testing.T) {
	t.Parallel()
	const policy = "script-src 'self' 'unsafe-inline'; img-src 'self' data: https://elsewhere.example; connect-src https://elsewhere.example; style-src 'none'"
	for _, test := range []struct{ name, head, want string }{
		{"none", "", ""},
		{"log", `<script>console.log("hello")</script>`, "console.log: hello"},
		{"error", `<script>console.error("broken", 1)</script>`, "console.error: broken"},
		{"exception", `<script>undefined.x</script>`, "exception: Uncaught TypeError"},
		{"rejection", `<script>Promise.reject(new Error("x"))</script>`, "exception: Uncaught (in promise) Error: x"},
		{"policy", `<style>body{color:red}</style>`, "policy: style-src"},
		{"eval", `<script>eval("1")</script>`, "policy: script-src"},
		{"missing", `<link rel=icon href=/missing.png><img src="/missing.png">`, "404 (Not Found)"},
		{"elsewhere", `<img src="https://elsewhere.example/x.png">`, "another server is asked: https://elsewhere.example/x.png"},
		{"fetch", `<script>fetch("https://elsewhere.example/").catch(() => {})</script>`, "another server is asked: https://elsewhere.example/"},
		{"alert", `<script>alert(1)</script>`, `dialog: alert "1"`},
		{"prompt", `<script>prompt("token?")</script>`, `dialog: prompt "token?"`},
		{"window", `<script>open("/x")</script>`, "a window was opened"},
		{"frame", `<iframe src="/x"></iframe>`, "a frame was loaded"},
		{"pwned", `<script>__pwned(name)</script>`, "a hostile value ran"},
		{"pwned in a frame", `<iframe srcdoc="<script>__pwned(name)</script>"></iframe>`, "a hostile value ran"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/missing") {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", policy)
			if r.URL.Path == "/" {
				fmt.Fprint(w, `<!doctype html><link rel=icon href="data:,">`+test.head)
			}
		}))
		p := open(t, server.URL)
		p.visit("/")
		p.until(`document.readyState === "complete"`)
		wrongs := strings.Join(p.take(), "\n")
		if test.want == "" && wrongs != "" || !strings.Contains(wrongs, test.want) {
			t.Errorf("%s: want %q among\n%s", test.name, test.want, wrongs)
		}
		p.close()
		server.Close()
	}
}

// TestHostileValuesRun: what is said to run does, in a page that does not escape. A
// corpus of duds would prove nothing.
func TestHostileValuesRun(t *testing.T) {
	t.Parallel()
	values := hostile.Values()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int
		var way string
		if _, err := fmt.Sscanf(r.URL.Path, "/%d/%s", &n, &way); err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		const start = `<!doctype html><link rel=icon href="data:,">`
		text := values[n].Text
		switch way {
		case "body":
			fmt.Fprint(w, start, text)
		case "attribute":
			fmt.Fprintf(w, `%s<input value="%s"><input value='%s'><title>%s</title><textarea>%s</textarea><style>%s</style>`, start, text, text, text, text, text)
		case "escaped":
			fmt.Fprint(w, start, html.EscapeString(text))
		}
	}))
	t.Cleanup(server.Close)
	p := open(t, server.URL)
	for n, v := range values {
		for way, runs := range map[string]bool{"body": v.Runs, "attribute": v.Breaks} {
			if !runs {
				continue
			}
			p.visit(fmt.Sprintf("/%d/%s", n, way))
			p.soon(fmt.Sprintf("window.%s.called", pwned))
			if !strings.Contains(strings.Join(p.take(), "\n"), "a hostile value ran") {
				t.Errorf("%s does not run in %s", v.Name, way)
			}
			p.visit(fmt.Sprintf("/%d/escaped", n))
			if wrongs := p.take(); len(wrongs) > 0 {
				t.Errorf("%s, escaped: %s", v.Name, wrongs)
			}
		}
	}
}
