package telegram_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/telegram"
	"github.com/shipbell/shipbell/internal/outbound"
)

// TestTarget holds which chat, topic and message a request names.
func TestTarget(t *testing.T) {
	const stored = `{"chat":-100123,"message":7}`
	tests := []struct {
		name, chat string
		d          shipbell.Delivery
		method     string
		want       string // chat_id, message_thread_id and message_id
	}{
		{"post", "-100123", shipbell.Delivery{}, "sendMessage", "-100123 <nil> <nil>"},
		{"post to a topic", "-100123:45", shipbell.Delivery{}, "sendMessage", "-100123 45 <nil>"},
		{"post by name", "@name:45", shipbell.Delivery{}, "sendMessage", "@name 45 <nil>"},
		{"post after the topic was deleted", "-100123:45", shipbell.Delivery{Memory: `{"general":true}`}, "sendMessage", "-100123 <nil> <nil>"},
		{"post after the chat moved", "-100123", shipbell.Delivery{Memory: `{"chat":-1009876543210123}`}, "sendMessage", "-1009876543210123 <nil> <nil>"},
		{"post with a memory nobody can read", "-100123:45", shipbell.Delivery{Memory: "?"}, "sendMessage", "-100123 45 <nil>"},
		{"edit", "-100123", shipbell.Delivery{Ref: stored}, "editMessageText", "-100123 <nil> 7"},
		{"edit in a topic", "-100123:45", shipbell.Delivery{Ref: stored}, "editMessageText", "-100123 <nil> 7"},
		{"edit where the message is", "@name", shipbell.Delivery{Ref: stored}, "editMessageText", "-100123 <nil> 7"},
		{"edit without a known id", "@name", shipbell.Delivery{Ref: `{"message":7}`}, "editMessageText", "@name <nil> 7"},
		{"edit after the chat moved", "-5", shipbell.Delivery{Ref: `{"chat":-100456,"message":8}`, Memory: `{"chat":-100456}`}, "editMessageText", "-100456 <nil> 8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := accepting()
			d := test.d
			d.Message = text("x")
			ref, err := w.channel(t, test.chat).Deliver(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			sent := w.sent(t)
			fields := sent.fields(t)
			got := fmt.Sprint(fields["chat_id"], " ", fields["message_thread_id"], " ", fields["message_id"])
			if got != test.want || sent.method != test.method {
				t.Errorf("%s %s, want %s %s", sent.method, got, test.method, test.want)
			}
			if want := shipbell.MessageRef(stored); d.Ref == "" && ref != want {
				t.Errorf("ref %q, want %q", ref, want)
			}
			if d.Ref != "" && ref != d.Ref {
				t.Errorf("ref %q, want the same as before", ref)
			}
		})
	}
}

// TestReply holds what a post answers, and that it is sent also where that is
// gone.
func TestReply(t *testing.T) {
	for _, test := range []struct {
		name, chat string
		d          shipbell.Delivery
		want       string
	}{
		{"reply", "-100123", shipbell.Delivery{ReplyTo: `{"chat":-100123,"message":7}`}, "map[allow_sending_without_reply:true message_id:7]"},
		{"in a topic", "-100123:45", shipbell.Delivery{ReplyTo: `{"chat":-100123,"message":7}`}, "map[allow_sending_without_reply:true message_id:7]"},
		{"by name", "@name", shipbell.Delivery{ReplyTo: `{"chat":-100123,"message":7}`}, "map[allow_sending_without_reply:true message_id:7]"},
		{"nothing", "-100123", shipbell.Delivery{}, "<nil>"},
		{"a handle nobody can read", "-100123", shipbell.Delivery{ReplyTo: "?"}, "<nil>"},
		{"what stayed behind", "-5", shipbell.Delivery{ReplyTo: `{"chat":-5,"message":7}`, Memory: `{"chat":-100456}`}, "<nil>"},
		{"what is elsewhere", "-100456", shipbell.Delivery{ReplyTo: `{"chat":-100123,"message":7}`}, "<nil>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := accepting()
			test.d.Message = text("x")
			deliver(t, w.channel(t, test.chat), test.d)
			if got := fmt.Sprint(w.sent(t).fields(t)["reply_parameters"]); got != test.want {
				t.Errorf("answers %s, want %s", got, test.want)
			}
		})
	}
}

// TestRemove holds which message is deleted, and that what is not there any more
// counts as removed.
func TestRemove(t *testing.T) {
	remove := shipbell.Delivery{Ref: `{"chat":-100123,"message":7}`, Remove: true, Message: text("x")}
	for _, w := range []*wire{
		{status: 200, body: `{"ok":true,"result":true}`},
		{status: 400, body: refusal(400, "Bad Request: message to delete not found")},
		{status: 400, body: refusal(400, "Bad Request: MESSAGE_ID_INVALID")},
		{status: 400, body: refusal(400, "Bad Request: message thread not found")},
	} {
		ref, err := w.channel(t, "@name:45").Deliver(t.Context(), remove)
		if ref != "" || err != nil {
			t.Errorf("%s: ref %q, error %v", w.body, ref, err)
		}
		if sent := w.sent(t); sent.method != "deleteMessage" || sent.body != `{"chat_id":-100123,"message_id":7}`+"\n" {
			t.Errorf("%s %s", sent.method, sent.body)
		}
	}
	for _, d := range []shipbell.Delivery{
		{Ref: "?", Remove: true},
		{Ref: `{"chat":-100123,"message":7}`, Memory: `{"chat":-100456}`, Remove: true},
	} {
		w := accepting()
		if ref, err := w.channel(t, "-100123").Deliver(t.Context(), d); ref != "" || err != nil || len(w.requests) != 0 {
			t.Errorf("%+v: ref %q, error %v, %d requests", d, ref, err, len(w.requests))
		}
	}
}

// TestUselessRef holds that no request is spent on a ref that leads nowhere.
func TestUselessRef(t *testing.T) {
	for _, d := range []shipbell.Delivery{
		{Ref: "?"},
		{Ref: `{"chat":-100123}`},
		{Ref: `{"chat":-100123,"message":-1}`},
		{Ref: `{"chat":-100123,"message":7}`, Memory: `{"chat":-100456}`},
		{Ref: `{"message":7}`, Memory: `{"chat":-100456}`},
	} {
		w := accepting()
		ref, err := w.channel(t, "-100123").Deliver(t.Context(), d)
		if e := fault(t, err); e.Fault != shipbell.FaultGone || e.Reason == "" || ref != "" {
			t.Errorf("%+v: %q, %+v", d, ref, *e)
		}
		if len(w.requests) != 0 {
			t.Errorf("%+v: %d requests", d, len(w.requests))
		}
	}
}

func TestAddress(t *testing.T) {
	for _, test := range []struct{ api, want string }{
		{"", "https://api.telegram.org/bot" + token + "/sendMessage"},
		{"http://127.0.0.1:8081", "http://127.0.0.1:8081/bot" + token + "/sendMessage"},
		{" https://example.com/telegram// ", "https://example.com/telegram/bot" + token + "/sendMessage"},
	} {
		var got string
		client := outbound.New(outbound.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			got = r.URL.String()
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(accepting().body))}, nil
		})})
		c := newChannel(t, telegram.Config{APIURL: test.api, HTTP: client, Token: outbound.NewSecret(token + "\n")}, "42")
		if _, err := c.Deliver(t.Context(), shipbell.Delivery{Message: text("x")}); err != nil || got != test.want {
			t.Errorf("%q: asked %q, error %v", test.api, got, err)
		}
	}
	for _, api := range []string{"api.telegram.org", "ftp://example.com", "http://", "://", "http://exa mple.com", "http://[::1"} {
		w := accepting()
		c := newChannel(t, telegram.Config{APIURL: api, HTTP: outbound.New(outbound.Options{Transport: w})}, "42")
		_, err := c.Deliver(t.Context(), shipbell.Delivery{Message: text("x")})
		if e := fault(t, err); e.Fault != shipbell.FaultBlocked || !strings.Contains(e.Hint, "address of the Telegram API") || len(w.requests) != 0 {
			t.Errorf("%q: %+v", api, *e)
		}
		mustHide(t, err)
	}
}

// roundTrip is a transport without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// errValue is an error that shows its text under every verb.
type errValue struct{ Text string }

func (e errValue) Error() string { return e.Text }

// TestTokenIsNeverShown forces every error path with a remote that quotes the
// whole request, and searches all there is to print for the token.
func TestTokenIsNeverShown(t *testing.T) {
	quoting := func(status int, body string) outbound.Options {
		return outbound.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: status,
				Header:     http.Header{"Retry-After": {token}, "Location": {r.URL.String()}},
				Body:       io.NopCloser(strings.NewReader(strings.ReplaceAll(body, "URL", r.URL.String()))),
			}, nil
		})}
	}
	failing := func(err func(*http.Request) error) outbound.Options {
		return outbound.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) { return nil, err(r) })}
	}
	paths := map[string]outbound.Options{
		"no connection": {Transport: &http.Transport{Proxy: nil}},
		"transport quotes the URL": failing(func(r *http.Request) error {
			return errValue{r.URL.String()}
		}),
		"transport quotes the path": failing(func(r *http.Request) error {
			return fmt.Errorf("%q: %w", r.URL.EscapedPath(), errValue{r.URL.Path})
		}),
		"too large": {MaxBody: 1, Transport: accepting()},
		"no body": {Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(failingReader{r.URL.String()})}, nil
		})},
	}
	for name, body := range map[string]string{
		"HTML":             "<html>URL</html>",
		"400":              refusal(400, "Bad Request: URL"),
		"401":              refusal(401, "Unauthorized: URL"),
		"403":              refusal(403, "Forbidden: bot was kicked from URL"),
		"404":              refusal(404, "Not Found: URL"),
		"421":              refusal(421, "Misdirected Request: URL"),
		"429":              refusal(429, "Too Many Requests: URL"),
		"500":              refusal(500, "Internal Server Error: URL"),
		"gone":             refusal(400, "Bad Request: message to edit not found URL"),
		"entities":         refusal(400, "Bad Request: can't parse entities: URL"),
		"topic":            refusal(400, "Bad Request: message thread not found URL"),
		"at the cut":       refusal(400, strings.Repeat("x", 385)+"URL"),
		"migration":        `{"ok":false,"error_code":400,"description":"URL","parameters":{"migrate_to_chat_id":-1}}`,
		"ok without an id": `{"ok":true,"result":"URL"}`,
	} {
		paths[name] = quoting(400, body)
		paths[name+" with status 200"] = quoting(200, body)
		paths[name+" with status 302"] = quoting(302, body)
	}
	for name, options := range paths {
		t.Run(name, func(t *testing.T) {
			// A port nobody listens on; only "no connection" gets that far.
			const api = "http://127.0.0.1:1"
			c := newChannel(t, telegram.Config{APIURL: api, HTTP: outbound.New(options)}, "-100123:45")
			_, posted := c.Deliver(t.Context(), shipbell.Delivery{Message: text("x")})
			fault(t, posted)
			mustHide(t, posted)
			_, edited := c.Deliver(t.Context(), shipbell.Delivery{Message: text("x"), Ref: `{"chat":-100123,"message":7}`})
			mustHide(t, edited)
			_, checked := c.Check(t.Context())
			fault(t, checked)
			mustHide(t, checked)
		})
	}
}

type failingReader struct{ text string }

func (r failingReader) Read([]byte) (int, error) { return 0, errValue{r.text} }

// mustHide fails if any way to print err, or what it unwraps to, shows the token.
func mustHide(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; {
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Error("x", "err", e, "whole", fmt.Sprintf("%#v", e))
		asJSON, _ := json.Marshal(e)
		mustNotContainToken(t, log.String(), string(asJSON))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			mustNotContainToken(t, fmt.Sprintf(verb, e))
		}
		if d, ok := e.(*shipbell.DeliveryError); ok {
			mustNotContainToken(t, d.Hint, d.Memory, d.Reason, fmt.Sprintf("%+v %#v", *d, *d))
		}
		if many, ok := e.(interface{ Unwrap() []error }); ok {
			for _, next := range many.Unwrap() {
				mustHide(t, next)
			}
			return
		}
		e = errors.Unwrap(e)
	}
}

func mustNotContainToken(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		for _, part := range []string{"very_secret", fmt.Sprintf("%x", "very_secret")} {
			if strings.Contains(s, part) {
				t.Errorf("shows the token: %s", s)
			}
		}
	}
}

func TestChannelDoesNotPrintTheToken(t *testing.T) {
	c := newChannel(t, telegram.Config{}, "-100123")
	config := telegram.Config{Token: outbound.NewSecret(token)}
	type holder struct {
		c      *telegram.Channel
		v      telegram.Channel
		config telegram.Config
	}
	for _, v := range []any{c, *c, config, &config, holder{c, *c, config}, &holder{c, *c, config}, []any{*c, config}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			mustNotContainToken(t, fmt.Sprintf(verb, v))
		}
		asJSON, _ := json.Marshal(v)
		mustNotContainToken(t, string(asJSON))
	}
}

func TestCheck(t *testing.T) {
	answers := map[string]string{
		"getMe":   `{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"Ship","username":"ship_bot"}}`,
		"getChat": `{"ok":true,"result":{"id":-100123,"type":"supergroup","title":"Deployments","username":"deploys"}}`,
	}
	check := func(change map[string]string) (telegram.Identity, error) {
		return newChannel(t, telegram.Config{HTTP: outbound.New(outbound.Options{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				method := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
				body := answers[method]
				if c, ok := change[method]; ok {
					body = c
				}
				return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body))}, nil
			}),
		})}, "-100123:45").Check(t.Context())
	}
	for _, test := range []struct {
		change map[string]string
		want   telegram.Identity
		fault  shipbell.Fault
		hint   string
	}{
		{nil, telegram.Identity{Bot: "@ship_bot", Chat: "Deployments (@deploys)"}, "", ""},
		{map[string]string{"getChat": `{"ok":true,"result":{"id":42,"type":"private","first_name":"Ada"}}`}, telegram.Identity{Bot: "@ship_bot", Chat: "Ada"}, "", ""},
		{map[string]string{"getChat": `{"ok":true,"result":{"id":42,"type":"private","username":"ada"}}`}, telegram.Identity{Bot: "@ship_bot", Chat: "@ada"}, "", ""},
		{map[string]string{"getMe": refusal(401, "Unauthorized")}, telegram.Identity{}, shipbell.FaultBlocked, "check the bot token"},
		{map[string]string{"getMe": `{"ok":true,"result":[]}`}, telegram.Identity{}, shipbell.FaultTemporary, ""},
		{map[string]string{"getChat": refusal(400, "Bad Request: chat not found")}, telegram.Identity{Bot: "@ship_bot"}, shipbell.FaultBlocked, "check the id"},
		{map[string]string{"getChat": "<html>"}, telegram.Identity{Bot: "@ship_bot"}, shipbell.FaultTemporary, ""},
	} {
		got, err := check(test.change)
		if got != test.want {
			t.Errorf("%v: %+v, want %+v", test.change, got, test.want)
		}
		if test.fault == "" {
			if err != nil {
				t.Errorf("%v: %v", test.change, err)
			}
			continue
		}
		e := fault(t, err)
		if e.Fault != test.fault || !strings.Contains(e.Hint, test.hint) || strings.Contains(e.Hint, "lanes resume") {
			t.Errorf("%v: %+v", test.change, *e)
		}
	}
}
