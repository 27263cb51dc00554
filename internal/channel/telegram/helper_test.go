package telegram_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/telegram"
	"github.com/shipbell/shipbell/internal/outbound"
)

const token = "123456:AAE-very_secret_token_of_a_bot"

// wire is a Bot API that answers every request alike and keeps what it was sent.
type wire struct {
	status int
	header http.Header
	body   string
	err    error

	mu       sync.Mutex
	requests []request
}

// request is what arrived.
type request struct {
	method string // of the Bot API
	path   string
	header http.Header
	body   string
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, request{path.Base(r.URL.Path), r.URL.Path, r.Header, string(body)})
	if w.err != nil {
		return nil, w.err
	}
	return &http.Response{StatusCode: w.status, Header: w.header, Body: io.NopCloser(strings.NewReader(w.body)), Request: r}, nil
}

// accepting is a wire that accepts everything.
func accepting() *wire {
	return &wire{status: http.StatusOK, body: `{"ok":true,"result":{"message_id":7,"chat":{"id":-100123,"type":"supergroup"},"date":1}}`}
}

// channel returns a channel of the chat on the wire.
func (w *wire) channel(t testing.TB, chat string) *telegram.Channel {
	t.Helper()
	return newChannel(t, telegram.Config{HTTP: outbound.New(outbound.Options{Transport: w})}, chat)
}

func newChannel(t testing.TB, c telegram.Config, chat string) *telegram.Channel {
	t.Helper()
	chats, err := telegram.ParseChats(chat)
	if err != nil {
		t.Fatal(err)
	}
	c.Chat = chats[0]
	if c.Token.Empty() {
		c.Token = outbound.NewSecret(token)
	}
	return telegram.New(c)
}

// sent is the only request so far.
func (w *wire) sent(t testing.TB) request {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.requests) != 1 {
		t.Fatalf("%d requests, want 1", len(w.requests))
	}
	return w.requests[0]
}

// fields decodes the body of a request.
func (r request) fields(t testing.TB) map[string]any {
	t.Helper()
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewBufferString(r.body))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return fields
}

// fault is the DeliveryError in err.
func fault(t testing.TB, err error) *shipbell.DeliveryError {
	t.Helper()
	e, ok := errors.AsType[*shipbell.DeliveryError](err)
	if !ok {
		t.Fatalf("error %v (%T) is no DeliveryError", err, err)
	}
	return e
}

// text is a message of one plain line.
func text(s string) shipbell.Message {
	return shipbell.Message{Lines: []shipbell.Line{{Spans: []shipbell.Span{{Text: s}}}}}
}
