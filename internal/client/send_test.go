package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
)

const token = "tok-5ecret"

var somePush = Push{Type: shipbell.Worker, Project: "api", ID: "1", Time: noon, Environment: "production"}

func targetOf(t *testing.T, address string) Target {
	t.Helper()
	target, err := ParseTarget(address, token)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// impatient sends without pauses, and gives up after three tries.
func impatient(t *testing.T, address string) (s *sender, tries *int) {
	t.Helper()
	payload, err := somePush.Body()
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	n := 1
	return &sender{
		target: targetOf(t, address), payload: payload, transport: transport,
		pause: func(context.Context, time.Duration) error {
			if n == 3 {
				return errors.New("enough")
			}
			n++
			return nil
		},
	}, &n
}

func TestSend(t *testing.T) {
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		io.WriteString(w, `{"success":true,"message":"Notification queued"}`)
	}))
	defer server.Close()
	if err := Send(t.Context(), targetOf(t, server.URL), somePush); err != nil {
		t.Fatal(err)
	}
	want, _ := somePush.Body()
	if got.Method != "POST" || got.URL.Path != "/notify" || got.Header.Get("Authorization") != "Bearer "+token ||
		got.Header.Get("Content-Type") != "application/json" || got.ContentLength != int64(len(want)) || string(body) != string(want) {
		t.Errorf("got %s %s %v\n%s", got.Method, got.URL, got.Header, body)
	}
}

func TestAnswers(t *testing.T) {
	for _, tc := range []struct {
		name         string
		status       int
		body         string
		header       string // Retry-After
		tries        int
		says, advice string // empty: success
	}{
		{name: "contract", status: 200, body: `{"success":true,"message":"Notification queued"}`, tries: 1},
		{name: "accepted", status: 202, body: `{}`, tries: 1},
		{name: "nothing", status: 204, tries: 1},
		{name: "plain text", status: 200, body: "ok", tries: 1},
		{name: "not stored", status: 200, body: `{"success":false,"message":"disk\nfull"}`, tries: 1, says: "did not take the push: disk full", advice: "--dry-run"},
		{name: "web page", status: 200, body: "\n<!doctype html><title>hello", tries: 1, says: "web page", advice: envURL},

		{name: "400", status: 400, body: `{"error":"deployment.timestamp: invalid_value"}`, tries: 1, says: "(400): deployment.timestamp: invalid_value", advice: "--dry-run"},
		{name: "400 with a hint", status: 400, body: `{"error":{"code":"too_long","message":"projectName is too long","hint":"at most 255 bytes"}}`, tries: 1, says: "(400): projectName is too long", advice: "at most 255 bytes"},
		{name: "400 without words", status: 400, body: `]`, tries: 1, says: "did not take the push (400)", advice: "--dry-run"},
		{name: "400 with escapes", status: 400, body: `{"error":"\u001b[31mred\u0007 \u202eb` + strings.Repeat("x", 500) + `"}`, tries: 1, says: "(400): [31mred bxxx", advice: "--dry-run"},
		{name: "401", status: 401, body: "Unauthorized", tries: 1, says: "refuses the token (401)", advice: "differs from the server's DEPLOY_NOTIFY_TOKEN"},
		{name: "403", status: 403, body: "<html>", tries: 1, says: "(403)", advice: "POST /notify"},
		{name: "404", status: 404, body: "not found", tries: 1, says: "knows no /notify (404)", advice: "base address"},
		{name: "405", status: 405, tries: 1, says: "knows no /notify (405)", advice: "base address"},
		{name: "413", status: 413, tries: 1, says: "too large", advice: "--message"},
		{name: "422", status: 422, body: `{"message":"no"}`, tries: 1, says: "(422): no", advice: "--dry-run"},

		{name: "408", status: 408, tries: 3, says: "(408) (tried 3 times)", advice: "log"},
		{name: "429", status: 429, tries: 3, says: "too many requests (429)", advice: "--timeout"},
		{name: "500", status: 500, body: `{"error":"database is locked"}`, tries: 3, says: "(500): database is locked (tried 3 times)", advice: "log"},
		{name: "502", status: 502, body: "<html>", tries: 3, says: "(502)", advice: "log"},
		{name: "503", status: 503, tries: 3, says: "(503)", advice: "log"},
		{name: "503 that asks for long", status: 503, header: "3600", tries: 1, says: "asks to wait 1h0m0s, and the time limit is 1m0s", advice: "--timeout"},
		{name: "429 with a date long gone", status: 429, header: "Wed, 15 Jan 2025 10:30:45 GMT", tries: 3, says: "(429)", advice: "--timeout"},
		{name: "429 with nonsense", status: 429, header: "soon", tries: 3, says: "(429)", advice: "--timeout"},
		{name: "echo of the token", status: 400, body: `{"error":"wrong: Bearer ` + token + `","hint":"not ` + token + `"}`, tries: 1, says: "wrong: Bearer [token]", advice: "not [token]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var bodies []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies = append(bodies, string(body))
				if tc.header != "" {
					w.Header().Set("Retry-After", tc.header)
				}
				w.WriteHeader(tc.status)
				io.WriteString(w, tc.body)
			}))
			defer server.Close()
			s, _ := impatient(t, server.URL)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			p := s.send(ctx)
			check(t, p, tc.says, tc.advice)
			if len(bodies) != tc.tries || len(slices.Compact(slices.Clone(bodies))) != 1 {
				t.Errorf("%d tries, want %d with one body: %q", len(bodies), tc.tries, bodies)
			}
		})
	}
}

// check compares a problem, and looks for what must not be in one.
func check(t *testing.T, p *Problem, says, advice string) {
	t.Helper()
	if says == "" {
		if p != nil {
			t.Errorf("got %+v, want success", p)
		}
		return
	}
	if p == nil {
		t.Fatalf("got success, want %q", says)
	}
	if !strings.Contains(p.Sentence, says) || !strings.Contains(p.Hint, advice) {
		t.Errorf("got %q, hint %q\nwant %q, hint %q", p.Sentence, p.Hint, says, advice)
	}
	for _, text := range []string{p.Sentence, p.Hint} {
		if text == "" || strings.Contains(text, token) || strings.ContainsAny(text, "\x1b\n\r\u202e") || len(text) > 500 {
			t.Errorf("not fit to print: %q", text)
		}
	}
}

// TestRecovers: a server that fails at first gets the push.
func TestRecovers(t *testing.T) {
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch n++; n {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks
		}
	}))
	defer server.Close()
	s, tries := impatient(t, server.URL)
	if p := s.send(t.Context()); p != nil || *tries != 3 {
		t.Errorf("got %v after %d tries", p, *tries)
	}
}

func TestRedirects(t *testing.T) {
	var reached []string
	var server *httptest.Server
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the token went to another server")
	}))
	defer other.Close()
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached = append(reached, r.Method+" "+r.URL.Path)
		location := map[string]string{
			"/within/notify":    "/shipbell/notify",
			"/absolute/notify":  server.URL + "/shipbell/notify",
			"/circle/notify":    "/circle/notify",
			"/elsewhere/notify": other.URL + "/notify?login=" + r.Header.Get("Authorization"),
			"/user/notify":      strings.Replace(server.URL, "//", "//user@", 1) + "/notify",
			"/broken/notify":    "http://%zz",
			"/downgrade/notify": strings.Replace(server.URL, "127.0.0.1", "localhost", 1),
		}[r.URL.Path]
		switch {
		case r.URL.Path == "/shipbell/notify":
			if body, _ := io.ReadAll(r.Body); len(body) == 0 || r.Header.Get("Authorization") != "Bearer "+token {
				t.Error("the redirected push is not whole")
			}
			return
		case location != "":
			w.Header().Set("Location", location)
		}
		w.WriteHeader(http.StatusFound)
	}))
	defer server.Close()
	for path, want := range map[string]struct {
		says, advice string
		hops         int
	}{
		"/within":    {"", "", 2},
		"/absolute":  {"", "", 2},
		"/circle":    {"in a circle", envURL, maxHops},
		"/elsewhere": {"redirect to " + strings.TrimPrefix(other.URL, "http://") + ", and the token stays here", "POST /notify", 1},
		"/user":      {"answers with a redirect", envURL, 1},
		"/broken":    {"answers with a redirect", envURL, 1},
		"/downgrade": {"answers with a redirect to localhost", envURL, 1},
		"/nowhere":   {"answers with a redirect", envURL, 1},
	} {
		reached = nil
		s, _ := impatient(t, server.URL+path)
		check(t, s.send(t.Context()), want.says, want.advice)
		if len(reached) != want.hops || reached[len(reached)-1][:4] != "POST" {
			t.Errorf("%s: %v", path, reached)
		}
	}
}

func TestSameServer(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		want     bool
	}{
		{"http://a.example", "https://a.example", true},
		{"http://a.example:8080", "https://A.example", true},
		{"https://a.example", "http://a.example", false},
		{"https://a.example", "https://b.example", false},
		{"https://a.example", "https://a.example:8443", false},
		{"https://a.example", "https://a.example.evil", false},
		{"https://a.example", "https://x@a.example", false},
	} {
		from := targetOf(t, tc.from).endpoint
		to, err := from.Parse(tc.to)
		if err != nil || sameServer(from, to) != tc.want {
			t.Errorf("%s to %s: want %v", tc.from, tc.to, tc.want)
		}
	}
}

func TestTransport(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = discardLog()
	secure.StartTLS()
	defer secure.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	garbage := listen(t, func(c net.Conn) { io.WriteString(c, "220 mail.example.com ESMTP\r\n") })
	silent := listen(t, func(net.Conn) {})
	aborting := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	aborting.Config.ErrorLog = discardLog()
	defer aborting.Close()

	trusting := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}
	trusting.TLSClientConfig.RootCAs.AddCert(secure.Certificate())
	later := trusting.Clone()
	later.TLSClientConfig.Time = func() time.Time { return time.Now().AddDate(200, 0, 0) }
	defer trusting.CloseIdleConnections()
	defer later.CloseIdleConnections()

	for _, tc := range []struct {
		name, address string
		transport     http.RoundTripper
		tries         int
		says, advice  string
	}{
		{"refused", closed.URL, nil, 3, "nothing listens at 127.0.0.1:", "start the server"},
		{"broken off", aborting.URL, nil, 3, "breaks off the connection", "https://"},
		{"not HTTP", "http://" + garbage, nil, 3, "the connection to 127.0.0.1:", "check"},
		{"closed at once", "http://" + silent, nil, 3, "breaks off the connection", "https://"},
		{"HTTPS to HTTP", strings.Replace(plain.URL, "http:", "https:", 1), nil, 1, "does not speak TLS", "http://"},
		{"HTTPS to mail", "https://" + garbage, nil, 1, "does not speak TLS", "port"},
		{"HTTP to HTTPS", strings.Replace(secure.URL, "https:", "http:", 1), nil, 1, "(400)", ""},
		{"unknown authority", secure.URL, nil, 1, "authority that is not known", "SSL_CERT_FILE"},
		{"another name", strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), trusting, 1, "for another host", envURL},
		{"expired", secure.URL, later, 1, "has expired", "clock"},
		{"unknown host", "https://user:pw@shipbell.example.com:8443", failing(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "shipbell.example.com", IsNotFound: true}}), 1, "no host named shipbell.example.com", envURL},
		{"DNS is down", "https://shipbell.example.com", failing(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}), 3, "could not be looked up", "DNS"},
		{"no route", "https://shipbell.example.com", failing(&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}), 3, "no connection to shipbell.example.com", "network|reach"},
		{"proxy", "https://shipbell.example.com", failing(&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}), 3, "the proxy on the way to shipbell.example.com", "NO_PROXY"},
		{"handshake", "https://shipbell.example.com", failing(&net.OpError{Op: "remote error", Err: tls.AlertError(40)}), 1, "breaks off the TLS handshake", "TLS"},
		{"certificate", "https://shipbell.example.com", failing(&tls.CertificateVerificationError{Err: errors.New("odd")}), 1, "certificate of shipbell.example.com is not valid", "certificate"},
		{"something else", "https://shipbell.example.com", failing(fmt.Errorf("odd: %s", token)), 3, "the connection to shipbell.example.com broke off", "check"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, tries := impatient(t, tc.address)
			if tc.transport != nil {
				s.transport = tc.transport
			}
			p := s.send(t.Context())
			advice, other, _ := strings.Cut(tc.advice, "|")
			if p != nil && other != "" && strings.Contains(p.Hint, other) {
				advice = other
			}
			check(t, p, tc.says, advice)
			if *tries != tc.tries {
				t.Errorf("%d tries, want %d", *tries, tc.tries)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func failing(err error) roundTripper {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// listen serves bare connections.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1)) // what comes first, so that the close is not a refusal
			serve(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// schedule sends within five seconds of synthetic time and returns when the
// tries were made, and what came of it.
func schedule(t *testing.T, answer func(try int, r *http.Request) (*http.Response, error)) (at []time.Duration, took time.Duration, p *Problem) {
	t.Helper()
	s, _ := impatient(t, "https://shipbell.example.com")
	s.pause = pause
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s.transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			at = append(at, time.Since(begin).Round(time.Millisecond))
			return answer(len(at), r)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		p = s.send(ctx)
		took = time.Since(begin)
	})
	return at, took, p
}

func response(status int, headers ...string) *http.Response {
	r := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func milliseconds(list ...int) (d []time.Duration) {
	for _, ms := range list {
		d = append(d, time.Duration(ms)*time.Millisecond)
	}
	return d
}

func TestScheduleOfFailures(t *testing.T) {
	at, took, p := schedule(t, func(int, *http.Request) (*http.Response, error) { return response(503), nil })
	if want := milliseconds(0, 200, 600, 1400, 3000); !slices.Equal(at, want) || took > 5*time.Second {
		t.Errorf("tries at %v, ended at %s", at, took)
	}
	check(t, p, "(503) (tried 5 times)", "log")
}

func TestScheduleOfRetryAfter(t *testing.T) {
	at, _, p := schedule(t, func(try int, _ *http.Request) (*http.Response, error) {
		if try == 1 {
			return response(429, "Retry-After", "2"), nil
		}
		return response(200), nil
	})
	if want := milliseconds(0, 2000); !slices.Equal(at, want) || p != nil {
		t.Errorf("tries at %v, %v", at, p)
	}
	at, _, p = schedule(t, func(int, *http.Request) (*http.Response, error) {
		return response(503, "Retry-After", time.Now().Add(3*time.Second).UTC().Format(http.TimeFormat)), nil
	})
	if want := milliseconds(0, 3000); !slices.Equal(at, want) {
		t.Errorf("tries at %v", at)
	}
	check(t, p, "asks to wait 3s, and the time limit is 5s", "--timeout")
}

// TestScheduleOfHanging: the first try leaves time for others, and the whole
// stays within the limit.
func TestScheduleOfHanging(t *testing.T) {
	at, took, p := schedule(t, func(_ int, r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	if len(at) < 2 || at[1] != 3200*time.Millisecond || took > 5*time.Second {
		t.Errorf("tries at %v, ended at %s", at, took)
	}
	check(t, p, "did not answer in time", "--timeout")

	// An answer that begins and does not end is no better.
	_, took, p = schedule(t, func(_ int, r *http.Request) (*http.Response, error) {
		res := response(200)
		res.Body = io.NopCloser(readerFunc(func([]byte) (int, error) { <-r.Context().Done(); return 0, r.Context().Err() }))
		return res, nil
	})
	if took > 5*time.Second {
		t.Errorf("ended at %s", took)
	}
	check(t, p, "did not answer in time", "--timeout")
}

// TestScheduleOfASlowServer: one that needs two seconds is waited for.
func TestScheduleOfASlowServer(t *testing.T) {
	at, took, p := schedule(t, func(_ int, r *http.Request) (*http.Response, error) {
		return response(200), pause(r.Context(), 2*time.Second)
	})
	if len(at) != 1 || took != 2*time.Second || p != nil {
		t.Errorf("tries at %v, ended at %s, %v", at, took, p)
	}
}

func TestInterrupted(t *testing.T) {
	s, tries := impatient(t, "https://shipbell.example.com")
	ctx, cancel := context.WithCancel(t.Context())
	s.transport = roundTripper(func(*http.Request) (*http.Response, error) {
		cancel()
		return nil, ctx.Err()
	})
	check(t, s.send(ctx), "interrupted", "again")
	if *tries != 1 {
		t.Errorf("%d tries", *tries)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }
