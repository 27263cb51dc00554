package fakecloudflare

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/fakeserver"
)

// fake is a server under test on its own clock.
type fake struct {
	*Server
	t     *testing.T
	clock *fakeserver.Clock
	token string
}

func newFake(t *testing.T, o Options) *fake {
	t.Helper()
	f := &fake{t: t, clock: fakeserver.NewClock(), token: DefaultToken}
	o.Now = f.clock.Now
	f.Server = New(o)
	return f
}

// answered is what came back from a call.
type answered struct {
	Status  int
	Header  http.Header
	Body    string
	Success bool
	Errors  []apiError
	Result  json.RawMessage
	Info    *resultInfo `json:"result_info"`
}

// do sends a request below the account; a path that starts with a slash is below
// BasePath.
func (f *fake) do(method, path, body string) answered {
	f.t.Helper()
	if !strings.HasPrefix(path, "/") {
		path = "/accounts/" + f.Account() + "/" + path
	}
	r, err := http.NewRequest(method, "http://cloudflare.test"+BasePath+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if f.token != "" {
		r.Header.Set("Authorization", "Bearer "+f.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return f.send(r)
}

func (f *fake) send(r *http.Request) answered {
	f.t.Helper()
	response, err := f.Client().Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	a := answered{Status: response.StatusCode, Header: response.Header, Body: string(b)}
	if err := json.Unmarshal(b, &a); err != nil {
		f.t.Fatalf("%s %s: %v in %s", r.Method, r.URL, err, b)
	}
	return a
}

func (f *fake) get(path string) answered {
	f.t.Helper()
	return f.do("GET", path, "")
}

// getOK gets something that is there and decodes the result.
func getOK[T any](f *fake, path string) T {
	f.t.Helper()
	return decode[T](f.t, f.get(path))
}

func decode[T any](t *testing.T, a answered) T {
	t.Helper()
	var v T
	if !a.Success {
		t.Fatalf("refused: %d %s", a.Status, a.Body)
	}
	if err := json.Unmarshal(a.Result, &v); err != nil {
		t.Fatalf("result of %s: %v", a.Body, err)
	}
	return v
}

// wantRefused checks the status and the first code of a refusal.
func (a answered) wantRefused(t *testing.T, status, code int) {
	t.Helper()
	if a.Success || a.Status != status || len(a.Errors) == 0 || a.Errors[0].Code != code {
		t.Errorf("got %d %s; want %d with code %d", a.Status, a.Body, status, code)
	}
}

// dig follows names and indexes into decoded JSON.
func dig(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("%v is no object, looking for %q", v, p)
			}
			v = m[p]
		case int:
			l, ok := v.([]any)
			if !ok || p >= len(l) {
				t.Fatalf("%v has no element %d", v, p)
			}
			v = l[p]
		}
	}
	return v
}
