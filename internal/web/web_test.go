package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
	"github.com/shipbell/shipbell/internal/web"
)

const token = "your-deploy-notify-token"

// gate knows that token alone.
func gate() *access.Gate { return access.New(access.Options{PushToken: token}) }

// contract is the request of the contract.
const contract = `{
  "deployment": {
    "type": "worker",
    "projectName": "api-service",
    "deploymentId": "build-abc123",
    "branch": "feature/add-auth",
    "commitHash": "abc123def456789...",
    "commitMessage": "Add JWT authentication\n\nImplemented:\n- Token generation\n- Token validation\n- Refresh tokens",
    "author": "dev@example.com",
    "timestamp": "2025-01-15T10:30:45Z",
    "environment": "production",
    "isCI": true
  }
}`

type everywhere []shipbell.ChannelID

func (e everywhere) Channels(shipbell.Deployment) []shipbell.ChannelID { return e }
func (e everywhere) Everywhere() []shipbell.ChannelID                  { return e }

// fixture is a web side on a ledger in memory.
type fixture struct {
	*testing.T
	ledger *ledger.Ledger
	server *web.Server
	log    strings.Builder
}

// failing is a ledger whose disk is full.
type failing struct{ *ledger.Ledger }

var errDisk = &shipbell.StoreError{Reason: "the disk is full", Hint: "make room", Err: errors.New("commit: database or disk is full (13)")}

func (failing) Record(context.Context, shipbell.Event) (ledger.Recorded, error) {
	return ledger.Recorded{}, errDisk
}
func (failing) Check(context.Context) error { return errDisk }

func newFixture(t *testing.T) *fixture {
	f := &fixture{T: t}
	f.ledger = ledger.New(ledger.Options{Store: memory.New(), Router: everywhere{"telegram:-1"}, Now: func() time.Time { return channeltest.Start }})
	f.server = f.serve(f.ledger)
	return f
}

func (f *fixture) serve(l web.Ledger) *web.Server {
	return web.New(web.Options{
		Ledger: l, Gate: gate(), Channels: []shipbell.ChannelID{"telegram:-1"}, Version: "1.2.3", Started: time.Now(),
		Log: slog.New(slog.NewTextHandler(&f.log, nil)),
	})
}

// do sends a request and returns the answer's status and body.
func (f *fixture) do(method, path, authorization, body string) *httptest.ResponseRecorder {
	f.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	f.server.Handler().ServeHTTP(w, r)
	return w
}

func (f *fixture) want(w *httptest.ResponseRecorder, status int, body string) {
	f.Helper()
	if w.Code != status || w.Body.String() != body {
		f.Errorf("got  %d %s\nwant %d %s", w.Code, w.Body, status, body)
	}
}

func TestNotify(t *testing.T) {
	f := newFixture(t)
	for range 3 {
		w := f.do("POST", "/notify", "Bearer "+token, contract)
		f.want(w, 200, `{"success":true,"message":"Notification queued"}`)
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("content type %q", got)
		}
	}
	f.want(f.do("GET", "/state", "Bearer "+token, ""), 200, `{"workers":["build-abc123"],"pages":[],"lastCheck":"2025-01-15T10:30:45Z"}`)
}

func TestUnauthorized(t *testing.T) {
	f := newFixture(t)
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic " + token, token, "Bearer " + token + " ", "Bearer " + token + "x"} {
		for _, r := range [][2]string{{"POST", "/notify"}, {"GET", "/state"}} {
			f.want(f.do(r[0], r[1], authorization, contract), 401, "Unauthorized")
		}
		f.server = f.serve(f.ledger) // forgets the mistakes
	}
	f.want(f.do("GET", "/state", "Bearer "+token, ""), 200, `{"workers":[],"pages":[],"lastCheck":"2025-01-15T10:30:45Z"}`)
	if strings.Contains(f.log.String(), token) {
		t.Error("the token is in the log")
	}
}

func TestRefusals(t *testing.T) {
	f := newFixture(t)
	large := `{"deployment":{"projectName":"a","deploymentId":"1","commitMessage":"` + strings.Repeat("x", web.MaxBody) + `"}}`
	for _, test := range []struct{ method, path, body, want string }{
		{"POST", "/notify", `{`, `400 {"error":"Invalid request body","code":"invalid_json","hint":"one JSON object; at byte 1: unexpected end of JSON input"}`},
		{"POST", "/notify", `{"deployment":{"deploymentId":"1"}}`, `400 {"error":"Invalid request body","code":"missing_field","field":"deployment.projectName","hint":"text of 1 to 255 bytes"}`},
		{"POST", "/notify", large, `413 {"error":"Request body too large","code":"too_large","hint":"at most 256 KiB; shorten commitMessage or error"}`},
		{"GET", "/notify", ``, `405 {"error":"Method not allowed","code":"method_not_allowed","hint":"use POST"}`},
		{"POST", "/state", ``, `405 {"error":"Method not allowed","code":"method_not_allowed","hint":"use GET"}`},
		{"DELETE", "/health", ``, `405 {"error":"Method not allowed","code":"method_not_allowed","hint":"use GET"}`},
		{"GET", "/api/v1/deploymnts", ``, `404 {"error":"Not found","code":"not_found","hint":"GET /api/v1/openapi.json has all paths of the API"}`},
		{"GET", "/elsewhere", ``, `404 {"error":"Not found","code":"not_found","hint":"POST /notify, GET /state, GET /health"}`},
	} {
		w := f.do(test.method, test.path, "Bearer "+token, test.body)
		if got := fmt.Sprintf("%d %s", w.Code, w.Body); got != test.want {
			t.Errorf("%s %s:\n got %s\nwant %s", test.method, test.path, got, test.want)
		}
	}
	f.want(f.do("GET", "/state", "Bearer "+token, ""), 200, `{"workers":[],"pages":[],"lastCheck":"2025-01-15T10:30:45Z"}`)
}

// TestLargestBody: a body of exactly the limit passes.
func TestLargestBody(t *testing.T) {
	f := newFixture(t)
	head, tail := `{"deployment":{"projectName":"a","deploymentId":"1","commitMessage":"`, `"}}`
	body := head + strings.Repeat("x", web.MaxBody-len(head)-len(tail)) + tail
	f.want(f.do("POST", "/notify", "Bearer "+token, body), 200, `{"success":true,"message":"Notification queued"}`)
}

func TestStoreAway(t *testing.T) {
	f := newFixture(t)
	f.server = f.serve(failing{f.ledger})
	w := f.do("POST", "/notify", "Bearer "+token, contract)
	f.want(w, 503, `{"error":"Not stored","code":"store_unavailable","hint":"nothing was stored; try again"}`)
	if w.Header().Get("Retry-After") != "1" {
		t.Error("no Retry-After")
	}
	f.want(f.do("GET", "/health", "", ""), 503, "the store cannot be written: the disk is full: commit: database or disk is full (13)")
	f.want(f.do("GET", "/health?verbose", "", ""), 503, `{"status":"unhealthy","version":"1.2.3","uptimeSeconds":0,`+
		`"store":{"status":"error","error":"the disk is full: commit: database or disk is full (13)","hint":"make room"},`+
		`"lanes":[{"channel":"telegram:-1","status":"ok","backlog":0}],"sources":[]}`)
}

func TestHealth(t *testing.T) {
	f := newFixture(t)
	f.want(f.do("GET", "/health", "", ""), 200, "OK")
	f.do("POST", "/notify", "Bearer "+token, contract)
	a, _, err := f.ledger.Stale(t.Context(), "telegram:-1")
	if err != nil {
		t.Fatal(err)
	}
	lane := shipbell.Lane{Channel: "telegram:-1", LastSuccess: channeltest.Start, Pause: &shipbell.Pause{At: channeltest.Start, Reason: "bot was kicked", Hint: "add it again"}}
	if err := f.ledger.Mark(t.Context(), a, shipbell.Attempt{Deployment: a.Deployment, Channel: a.Channel}, lane, nil); err != nil {
		t.Fatal(err)
	}
	f.want(f.do("GET", "/health", "", ""), 200, "OK")
	f.want(f.do("GET", "/health?verbose", "", ""), 200, `{"status":"ok","version":"1.2.3","uptimeSeconds":0,"store":{"status":"ok"},"lanes":[`+
		`{"channel":"telegram:-1","status":"paused","backlog":1,"pause":{"since":"2025-01-15T10:30:45Z","reason":"bot was kicked","hint":"add it again"},"lastSuccess":"2025-01-15T10:30:45Z"}],"sources":[]}`)
}

// TestWrongTokensAreSlowedDown, and the right one never is.
func TestWrongTokensAreSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		attempt := func(authorization string) time.Duration {
			start := time.Now()
			f.do("POST", "/notify", authorization, contract)
			return time.Since(start)
		}
		for i := range 10 {
			if took := attempt("Bearer wrong"); took != 0 {
				t.Fatalf("mistake %d took %s", i+1, took)
			}
		}
		if took := attempt("Bearer wrong"); took < time.Second {
			t.Errorf("mistake 11 was answered after %s", took)
		}
		if took := attempt("Bearer " + token); took != 0 {
			t.Errorf("the right token was held for %s", took)
		}
		// A flood is turned away instead of being held.
		var group sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		for range 100 {
			group.Go(func() {
				w := f.do("POST", "/notify", "Bearer wrong", "")
				mu.Lock()
				defer mu.Unlock()
				codes[w.Code]++
			})
		}
		group.Wait()
		if codes[401] != 64 || codes[429] != 36 {
			t.Errorf("answers to a flood: %v", codes)
		}
		time.Sleep(2 * time.Hour)
		if took := attempt("Bearer wrong"); took != 0 {
			t.Errorf("a mistake hours later took %s", took)
		}
	})
}

// TestSlowClientIsCutOff: a client that sends its header or its body too slowly
// loses its connection.
func TestSlowClientIsCutOff(t *testing.T) {
	f := newFixture(t)
	server := f.server.HTTPServer()
	if server.ReadHeaderTimeout <= 0 || server.ReadTimeout <= 0 || server.WriteTimeout <= 0 || server.IdleTimeout <= 0 {
		t.Fatalf("a time-out is missing: %+v", server)
	}
	// The same server with shorter time-outs, so that the test is quick.
	server.ReadHeaderTimeout, server.ReadTimeout = 50*time.Millisecond, 100*time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	defer group.Wait()
	defer server.Close()
	group.Go(func() { _ = server.Serve(listener) })
	for _, sent := range []string{
		"POST /notify HTTP/1.1\r\nHost: x\r\nAuth",
		"POST /notify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nContent-Length: 100\r\n\r\n{",
	} {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		// Ends when the server closes the connection.
		answer, err := io.ReadAll(bufio.NewReader(conn))
		if err != nil && !errors.Is(err, net.ErrClosed) {
			t.Logf("connection ended: %v", err)
		}
		if strings.Contains(string(answer), "200 OK") {
			t.Errorf("half a request was taken: %s", answer)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	f.want(f.do("GET", "/state", "Bearer "+token, ""), 200, `{"workers":[],"pages":[],"lastCheck":"2025-01-15T10:30:45Z"}`)
}

func TestRoot(t *testing.T) {
	f := newFixture(t)
	w := f.do("GET", "/", "", "")
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "Deployment Monitor Active") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
