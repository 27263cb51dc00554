package outbound_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell/internal/outbound"
)

const token = "123456:AAE-very_secret"

func get(t *testing.T, ctx context.Context, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// roundTrip is a transport without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

func TestAnyStatusIsAnAnswer(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, r.UserAgent())
	})
	c := outbound.New(outbound.Options{Version: "1.2.3"})
	defer c.CloseIdleConnections()

	resp, err := c.Do(get(t, t.Context(), srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "7" {
		t.Errorf("answer = %d, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
	}
	if got := string(resp.Body); got != "shipbell/1.2.3" {
		t.Errorf("User-Agent = %q", got)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var followed atomic.Bool
	other := serve(t, func(http.ResponseWriter, *http.Request) { followed.Store(true) })
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	c := outbound.New(outbound.Options{})
	defer c.CloseIdleConnections()

	resp, err := c.Do(get(t, t.Context(), srv.URL+"/bot"+token+"/getMe"))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != http.StatusTemporaryRedirect || followed.Load() {
		t.Errorf("status = %d, followed = %t", resp.Status, followed.Load())
	}
}

func TestConnectionIsReused(t *testing.T) {
	var connections atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	c := outbound.New(outbound.Options{})
	defer c.CloseIdleConnections()

	for range 5 {
		if _, err := c.Do(get(t, t.Context(), srv.URL)); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for 5 requests", n)
	}
}

func TestAnswerIsLimited(t *testing.T) {
	for _, test := range []struct {
		size int
		want error
	}{{100, nil}, {101, outbound.ErrTooLarge}, {1 << 20, outbound.ErrTooLarge}} {
		srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", test.size))
		})
		c := outbound.New(outbound.Options{MaxBody: 100})
		resp, err := c.Do(get(t, t.Context(), srv.URL))
		c.CloseIdleConnections()
		if !errors.Is(err, test.want) {
			t.Errorf("%d bytes: error = %v, want %v", test.size, err, test.want)
		}
		if err == nil && len(resp.Body) != test.size {
			t.Errorf("%d bytes: got %d", test.size, len(resp.Body))
		}
	}
}

func TestTimeoutCoversHeadersAndBody(t *testing.T) {
	hang := map[string]roundTrip{
		"headers": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"body": func(r *http.Request) (*http.Response, error) {
			body := readFunc(func([]byte) (int, error) {
				<-r.Context().Done()
				return 0, r.Context().Err()
			})
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body)}, nil
		},
	}
	for name, transport := range hang {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				c := outbound.New(outbound.Options{Transport: transport})
				_, err := c.Do(get(t, t.Context(), "http://example.test/bot"+token), outbound.NewSecret(token))
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error = %v, want a deadline", err)
				}
				if got := time.Since(started); got != outbound.DefaultTimeout {
					t.Errorf("gave up after %s", got)
				}
				var timeout interface{ Timeout() bool }
				if !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("%v is no time-out", err)
				}
				mustHide(t, err)
			})
		})
	}
}

func TestCallerCancels(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := outbound.New(outbound.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		cancel()
		<-r.Context().Done()
		return nil, r.Context().Err()
	})})
	_, err := c.Do(get(t, ctx, "http://example.test/"+token), outbound.NewSecret(token))
	if !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want canceled", err)
	}
	mustHide(t, err)
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// errValue is an error that prints its text under every verb, as a value.
type errValue struct{ Text string }

func (e errValue) Error() string { return e.Text }

func TestNoErrorShowsTheSecret(t *testing.T) {
	closed := serve(t, func(http.ResponseWriter, *http.Request) {})
	refusing := closed.URL
	closed.Close()
	reset := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "short")
	})
	echo := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = fmt.Fprintf(conn, "%s is no HTTP\r\n\r\n", r.RequestURI)
		_ = conn.Close()
	})

	tests := []struct {
		name      string
		url       string
		transport http.RoundTripper
		is        error
	}{
		{"refused", refusing, nil, syscall.ECONNREFUSED},
		{"reset", reset.URL, nil, io.EOF},
		{"cut off", cut.URL, nil, io.ErrUnexpectedEOF},
		{"answer quotes the request", echo.URL, nil, nil},
		{"scheme", "gopher://example.test", nil, nil},
		{"no host", "http://", nil, nil},
		{"cause quotes the request", "http://example.test", roundTrip(func(r *http.Request) (*http.Response, error) {
			return nil, errValue{"no way to " + r.URL.String() + " nor " + r.URL.Path}
		}), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := outbound.New(outbound.Options{Transport: test.transport})
			defer c.CloseIdleConnections()
			_, err := c.Do(get(t, t.Context(), test.url+"/bot"+token+"/sendMessage?again="+token), outbound.NewSecret(token))
			if err == nil {
				t.Fatal("no error")
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			mustHide(t, err)
			if !strings.Contains(err.Error(), "/bot[redacted]/sendMessage") {
				t.Errorf("the text does not say where: %v", err)
			}
			if strings.Contains(err.Error(), `Get "`) {
				t.Errorf("the text says twice where: %v", err)
			}
		})
	}
}

// mustHide fails if any way to print err, or what it unwraps to, shows the token.
func mustHide(t *testing.T, err error) {
	t.Helper()
	for _, e := range chain(err) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, e); strings.Contains(got, "very_secret") || strings.Contains(got, fmt.Sprintf("%x", "very_secret")) {
				t.Errorf("%s of %T shows the token: %s", verb, e, got)
			}
		}
	}
}

func chain(err error) []error {
	errs := []error{err}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if next := e.Unwrap(); next != nil {
			errs = append(errs, chain(next)...)
		}
	case interface{ Unwrap() []error }:
		for _, next := range e.Unwrap() {
			errs = append(errs, chain(next)...)
		}
	}
	return errs
}

func TestSecretNeverPrints(t *testing.T) {
	type hidden struct {
		Name string
		s    outbound.Secret
	}
	s := outbound.NewSecret(token)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "whole", hidden{"n", s})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "whole", hidden{"n", s})
	asJSON, err := json.Marshal(map[string]any{"secret": s})
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{log.String(), string(asJSON), fmt.Sprint(s), fmt.Sprintln(s, &s)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%p"} {
		printed = append(printed, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s),
			fmt.Sprintf(verb, hidden{"n", s}), fmt.Sprintf(verb, &hidden{"n", s}), fmt.Sprintf(verb, []any{s}))
	}
	for _, p := range printed {
		if strings.Contains(p, "very_secret") || strings.Contains(p, fmt.Sprintf("%x", "very_secret")) {
			t.Errorf("shows the secret: %s", p)
		}
	}
	if s.Reveal() != token || s.Empty() || !(outbound.Secret{}).Empty() || (outbound.Secret{}).Reveal() != "" {
		t.Error("Reveal or Empty is wrong")
	}
}

func TestRedact(t *testing.T) {
	odd := outbound.NewSecret("a b/c\n\"é")
	for _, test := range []struct{ name, in, want string }{
		{"as it is", "x a b/c\n\"é y", "x [redacted] y"},
		{"quoted", `x a b/c\n\"é y`, "x [redacted] y"},
		{"in a path", "/a%20b%2Fc%0A%22%C3%A9/", "/[redacted]/"},
		{"in a path, slash kept", "/a%20b/c%0A%22%C3%A9/", "/[redacted]/"},
		{"in a query", "?q=a+b%2Fc%0A%22%C3%A9&", "?q=[redacted]&"},
		{"user information", `invalid proxy "http://me:pass@proxy:1"`, `invalid proxy "http://[redacted]@proxy:1"`},
		{"nothing", "https://example.test/@name", "https://example.test/@name"},
	} {
		if got := outbound.Redact(test.in, odd, outbound.Secret{}); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
