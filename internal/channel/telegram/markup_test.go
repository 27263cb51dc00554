package telegram_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/shipbell/shipbell"
)

// deployment is a message as it usually looks, with a commit message to fill in.
func deployment(subject string, details ...shipbell.Line) shipbell.Message {
	lines := []shipbell.Line{
		{Spans: []shipbell.Span{{Text: "✅ "}, {Text: "api-service deployed", Style: shipbell.StyleBold}}},
		{},
		{Label: "Environment", Spans: []shipbell.Span{{Text: "production"}}},
		{Label: "Commit", Spans: []shipbell.Span{
			{Text: "0a1b2c3d", Style: shipbell.StyleCode, URL: "https://example.com/acme/api/commit/0a1b2c3d"},
			{Text: " "},
			{Text: subject, Give: 3},
		}},
		{Label: "Deployment", Spans: []shipbell.Span{{Text: "6f1f1c0e-2a38", Style: shipbell.StyleCode}}},
		{Label: "Log", Spans: []shipbell.Span{{Text: "open", URL: "https://example.com/log?a=1&b=\"2\""}}},
	}
	return shipbell.Message{Lines: append(lines, details...)}
}

// awkward are the messages that have broken other senders.
var awkward = []struct {
	name    string
	message shipbell.Message
}{
	{"usual", deployment("Fix the login")},
	{"markup", deployment(`<b>not bold</b> & "quoted" &lt; </code> *_[x](y)_* ~#|{}.!- <a href='x'>`,
		shipbell.Line{Label: "A<b>&", Spans: []shipbell.Span{
			{Text: "</b>", Style: shipbell.StyleBold},
			{Text: "<&>", Style: shipbell.StyleCode},
			{Text: "</a>", URL: `https://example.com/"><b>?a=1&lt;=2`},
		}})},
	{"right-to-left", deployment("إصلاح تسجيل الدخول \u202egnp.exe\u202c שלום",
		shipbell.Line{Label: "المؤلف", Spans: []shipbell.Span{{Text: "ليلى"}}})},
	{"10-kB-commit", deployment(strings.Repeat("All work and no play makes Jack a dull boy. ", 233))},
	{"emoji-at-the-limit", deployment(strings.Repeat("🚢🔔", 2000))},
	{"emoji-in-sequence", deployment(strings.Repeat("👩‍👩‍👧‍👦", 10) + "🏳️‍🌈é")},
	{"missing-fields", shipbell.Message{Lines: []shipbell.Line{
		{Spans: []shipbell.Span{{Text: ""}}},
		{Label: "Commit"},
		{Spans: []shipbell.Span{{Text: "", Style: shipbell.StyleBold}, {Text: "", Style: shipbell.StyleCode}}},
		{Label: "Log", Spans: []shipbell.Span{{URL: "https://example.com/log"}}},
	}}},
	{"empty", shipbell.Message{}},
	{"invisible", text("\u200b \u2800\ufeff\u00a0\t\u0333")},
	{"control-characters", deployment("a\x00b\x1b[31mred\x1b[0m\r\nStatus: success\u2028forged\x7f\u0085" + string([]byte{0xff, 0xc3}) + "\xed\xa0\x80end")},
	{"addresses", shipbell.Message{Lines: []shipbell.Line{{Spans: []shipbell.Span{
		{Text: "script ", URL: "javascript:alert(1)"},
		{Text: "mention ", URL: "tg://user?id=1"},
		{Text: "file ", URL: "file:///etc/passwd"},
		{Text: "relative ", URL: "/log"},
		{Text: "broken ", URL: "https://exa mple.com/%zz"},
		{Text: "loud ", URL: "HTTPS://EXAMPLE.COM/Log"},
		{Text: "bold ", URL: "http://example.com", Style: shipbell.StyleBold},
		{Text: "no dot", URL: "http://localhost:8080/log"},
		{Text: " code, no dot", URL: "http://localhost:8080/log", Style: shipbell.StyleCode},
		{Text: " six ", URL: "http://[::1]:8080/"},
	}}}}},
	{"nothing-gives", shipbell.Message{Lines: []shipbell.Line{
		{Label: "Kept", Spans: []shipbell.Span{{Text: strings.Repeat("x", 3000), Style: shipbell.StyleCode}}},
		{Label: "Kept", Spans: []shipbell.Span{{Text: strings.Repeat("y", 3000), Style: shipbell.StyleBold}}},
	}}},
	{"labels-alone", shipbell.Message{Lines: []shipbell.Line{
		{Label: strings.Repeat("<l>", 1000), Spans: []shipbell.Span{{Text: "one"}}},
		{Label: strings.Repeat("🔔", 3000), Spans: []shipbell.Span{{Text: "two"}}},
	}}},
	{"quotations", deployment("Fix <it>", append(append(quoted("</blockquote> & <b>", "", "  indented \u202e", "\x1b[31m"), shipbell.Line{}), quoted("", " ")...)...)},
	{"10-kB-quotation", deployment("Fix it", quoted(strings.Split(strings.Repeat("A line of a log & no end <in sight>.\n", 280), "\n")...)...)},
	{"one-line-of-10-kB-quoted", deployment("Fix it", append(quoted(strings.Repeat("<x>🚀 ", 2000)), quoted("the next")...)...)},
	{"addresses-beyond-32-KiB", shipbell.Message{Lines: []shipbell.Line{{Label: "Log", Spans: []shipbell.Span{
		{Text: "one & ", URL: "https://example.com/" + strings.Repeat("1", 20_000)},
		{Text: "two", URL: "https://example.com/" + strings.Repeat("2", 20_000)},
	}}}}},
}

// quoted are lines of a log.
func quoted(texts ...string) []shipbell.Line {
	var lines []shipbell.Line
	for _, t := range texts {
		l := shipbell.Line{Quote: true}
		if t != "" {
			l.Spans = []shipbell.Span{{Text: t, Give: 9}}
		}
		lines = append(lines, l)
	}
	return lines
}

// TestGoldenRequests holds the exact requests for every awkward message.
// SHIPBELL_UPDATE=1 rewrites them.
func TestGoldenRequests(t *testing.T) {
	for _, a := range awkward {
		for _, variant := range []struct {
			suffix   string
			delivery shipbell.Delivery
		}{
			{"post", shipbell.Delivery{}},
			{"plain", shipbell.Delivery{Plain: true}},
			{"edit", shipbell.Delivery{Ref: `{"chat":-100123,"message":7}`}},
		} {
			t.Run(a.name+"/"+variant.suffix, func(t *testing.T) {
				w := accepting()
				d := variant.delivery
				d.Message = a.message
				if _, err := w.channel(t, "-100123:45").Deliver(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				golden(t, a.name+"."+variant.suffix+".json", w.sent(t).body)
			})
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "requests", name)
	if os.Getenv("SHIPBELL_UPDATE") != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (SHIPBELL_UPDATE=1 writes it)", err)
	}
	if got != string(want) {
		t.Errorf("%s\n  got  %.2000s\n  want %.2000s", file, got, want)
	}
}

func TestRequestsAreWellFormed(t *testing.T) {
	for _, a := range awkward {
		for _, plain := range []bool{false, true} {
			w := accepting()
			before, err := json.Marshal(a.message)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.channel(t, "42").Deliver(t.Context(), shipbell.Delivery{Message: a.message, Plain: plain}); err != nil {
				t.Fatal(err)
			}
			sent := w.sent(t)
			fields := sent.fields(t)
			if _, ok := fields["parse_mode"]; ok == plain {
				t.Errorf("%s, plain %t: parse_mode is %v", a.name, plain, fields["parse_mode"])
			}
			if strings.Contains(sent.body, `\u003c`) {
				t.Errorf("%s: the JSON escapes HTML", a.name)
			}
			if sent.header.Get("Content-Type") != "application/json" || sent.path != "/bot"+token+"/sendMessage" {
				t.Errorf("%s: %s %v", a.name, sent.path, sent.header)
			}
			body := fields["text"].(string)
			if n := len(utf16.Encode([]rune(body))); plain && n > 4096 {
				t.Errorf("%s: %d UTF-16 code units", a.name, n)
			}
			if len(body) > 1<<15 || strings.TrimSpace(body) == "" {
				t.Errorf("%s: text of %d bytes: %.40q", a.name, len(body), body)
			}
			after, err := json.Marshal(a.message)
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("%s: the message was changed", a.name)
			}
		}
	}
}
