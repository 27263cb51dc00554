package faketelegram

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/fakeserver"
)

// The chats most tests use.
const (
	person  = int64(42)
	group   = int64(-77)
	forum   = int64(-1001)*1_000_000_000 - 1
	channel = int64(-1001)*1_000_000_000 - 2
)

// fake is a server under test on its own clock, with the usual chats.
type fake struct {
	*Server
	t     *testing.T
	clock *fakeserver.Clock
}

func newFake(t *testing.T, o Options) *fake {
	t.Helper()
	f := &fake{t: t, clock: fakeserver.NewClock()}
	o.Now = f.clock.Now
	f.Server = New(o)
	f.AddChat(Chat{ID: person, Title: "Ada"})
	f.AddChat(Chat{ID: group, Title: "Team"})
	f.AddChat(Chat{ID: forum, Title: "Forum", Forum: true})
	f.AddChat(Chat{ID: channel, Type: Channel, Title: "News", Username: "ShipNews"})
	return f
}

// params are the parameters of a call, sent as JSON.
type params map[string]any

// answerOf is what came back from a call.
type answerOf struct {
	Status     int
	RetryAfter string
	Body       string
	OK         bool
	Result     json.RawMessage
}

// message decodes the result as a message.
func (a answerOf) message(t *testing.T) messageJSON {
	t.Helper()
	var m messageJSON
	if err := json.Unmarshal(a.Result, &m); err != nil {
		t.Fatalf("result of %s: %v", a.Body, err)
	}
	return m
}

func (f *fake) call(method string, p params) answerOf {
	f.t.Helper()
	body, err := json.Marshal(p)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.post("/bot"+DefaultToken+"/"+method, "application/json", string(body))
}

func (f *fake) post(path, contentType, body string) answerOf {
	f.t.Helper()
	response, err := f.Client().Post("http://telegram.test"+path, contentType, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	return readAnswer(f.t, response)
}

func readAnswer(t *testing.T, response *http.Response) answerOf {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answerOf{Status: response.StatusCode, RetryAfter: response.Header.Get("Retry-After"), Body: string(bytes.TrimSpace(body))}
	_ = json.Unmarshal(body, &a) // not every answer is JSON
	return a
}

// send sends a plain text and returns its id.
func (f *fake) send(chat int64, text string) int {
	f.t.Helper()
	a := f.call("sendMessage", params{"chat_id": chat, "text": text})
	if !a.OK {
		f.t.Fatalf("sendMessage: %s", a.Body)
	}
	return a.message(f.t).MessageID
}

// wantRefused checks the whole body of a refusal.
func (a answerOf) wantRefused(t *testing.T, want string) {
	t.Helper()
	if a.Body != want {
		t.Errorf("answer\n  got  %s\n  want %s", a.Body, want)
	}
	var body struct {
		Code int `json:"error_code"`
	}
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil || body.Code != a.Status {
		t.Errorf("HTTP status %d, error_code %d (%v)", a.Status, body.Code, err)
	}
}

// bad is the body of a 400.
func bad(description string) string {
	return `{"ok":false,"error_code":400,"description":"Bad Request: ` + strings.ReplaceAll(description, `"`, `\"`) + `"}`
}

func (f *fake) wantViolations(want ...string) {
	f.t.Helper()
	if got := f.Violations(); !slices.Equal(got, want) {
		f.t.Errorf("violations\n  got  %q\n  want %q", got, want)
	}
}
