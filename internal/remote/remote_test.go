package remote_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell/internal/remote"
	"github.com/shipbell/shipbell/internal/wire"
)

const token = "sb_secret"

func client(t *testing.T, o remote.Options) *remote.Client {
	t.Helper()
	o.Token = token
	c, err := remote.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "bell.example.com", "ftp://a", "http://", "http://user:password@a", "http://[", "javascript:alert(1)"} {
		if _, err := remote.New(remote.Options{URL: bad}); !errors.Is(err, remote.ErrAddress) || strings.Contains(err.Error(), "password@") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestListAndDeployment(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token || r.Header.Get("User-Agent") != "shipbell/1.2.3" {
			t.Errorf("header %v", r.Header)
		}
		switch r.URL.EscapedPath() {
		case "/below/api/v1/deployments":
			fmt.Fprintf(w, `{"deployments":[{"id":7,"new":%q}],"next":"n"}`, r.URL.RawQuery)
		case "/below/api/v1/deployments/a%2Fb%20c":
			_, _ = io.WriteString(w, `{"id":8}`)
		case "/below/api/v1/projects":
			_, _ = io.WriteString(w, `{"projects":[{"project":"a","new":1}],"next":"n"}`)
		default:
			t.Error(r.URL)
		}
	}))
	defer server.Close()
	c := client(t, remote.Options{URL: server.URL + "/below/?x#y", Version: "1.2.3"})
	p, err := c.List(t.Context(), url.Values{"project": {"a&b"}})
	if err != nil || p.Next != "n" || p.Deployments.Deployments[0].ID != 7 || string(p.Raw[0]) != `{"id":7,"new":"project=a%26b"}` {
		t.Errorf("%+v, %v", p, err)
	}
	all, err := c.Projects(t.Context(), nil)
	if err != nil || all.Next != "n" || all.Projects.Projects[0].Project != "a" || string(all.Raw[0]) != `{"project":"a","new":1}` {
		t.Errorf("%+v, %v", all, err)
	}
	d, raw, err := c.Deployment(t.Context(), "a/b c")
	if err != nil || d.ID != 8 || string(raw) != `{"id":8}` {
		t.Errorf("%+v, %s, %v", d, raw, err)
	}
}

func TestWhatGoesWrong(t *testing.T) {
	var answer func(http.ResponseWriter)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
	c := client(t, remote.Options{URL: server.URL})
	var refused *remote.Refused
	var nobody *remote.Unreachable

	answer = func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"error":"Several","code":"ambiguous","hint":"h","candidates":[{"id":1}]}`)
	}
	if _, _, err := c.Deployment(t.Context(), "a"); !errors.As(err, &refused) || refused.Code != wire.CodeAmbiguous || len(refused.Candidates) != 1 {
		t.Errorf("%v", err)
	}
	answer = func(w http.ResponseWriter) { http.Error(w, "<html>", http.StatusBadGateway) }
	if _, err := c.List(t.Context(), nil); !errors.As(err, &refused) || refused.Status != http.StatusBadGateway || !strings.Contains(err.Error(), "Bad Gateway") {
		t.Errorf("%v", err)
	}
	answer = func(w http.ResponseWriter) {
		w.Header().Set("Location", "https://elsewhere.example.com/")
		w.WriteHeader(http.StatusFound)
	}
	if _, err := c.List(t.Context(), nil); !errors.As(err, &refused) || refused.Status != http.StatusFound {
		t.Errorf("a redirect: %v", err)
	}
	answer = func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") }
	if _, err := c.List(t.Context(), nil); !errors.As(err, &nobody) {
		t.Errorf("another kind of server: %v", err)
	}
	server.Close()
	if _, err := c.List(t.Context(), url.Values{"q": {"x"}}); !errors.As(err, &nobody) || strings.Contains(err.Error(), "/api/v1") || strings.Contains(err.Error(), token) {
		t.Errorf("nobody there: %v", err)
	}
}

// pipes serve connections within a bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	mu     sync.Mutex
	down   bool
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

func (p *pipes) set(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// serve answers streams, and returns a client of them.
func serve(t *testing.T, h http.HandlerFunc) (*remote.Client, *pipes) {
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(p) }()
	transport := &http.Transport{DialContext: p.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-ended
	})
	return client(t, remote.Options{URL: "http://bell", Transport: transport}), p
}

// collector keeps what a stream tells.
type collector struct {
	mu   sync.Mutex
	told []string
	lost []time.Duration
	why  []error
}

func (c *collector) watch() remote.Watch {
	return remote.Watch{
		Tell: func(e remote.Event) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.told = append(c.told, e.ID+" "+e.Name+" "+string(e.Data))
			return nil
		},
		Lost: func(err error, wait time.Duration) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.lost, c.why = append(c.lost, wait), append(c.why, err)
		},
	}
}

func (c *collector) events() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.told)
}

// TestFollowTakesUpWhereItBroke, whatever broke it.
func TestFollowTakesUpWhereItBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		c, p := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Header.Get("Last-Event-ID"))
			if len(asked) == 3 {
				http.Error(w, `{"code":"starting"}`, http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			switch len(asked) {
			case 1:
				_, _ = io.WriteString(w, "retry: 2000\n\n: hello\n\nid: 1-0\nevent: deployment\ndata: one\n\nid: 1-1\n\nid: 2-1\nevent: deployment\ndata: half")
			case 2:
				_, _ = io.WriteString(w, "id: 2-1\nevent: deployment\ndata:two\n\n")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done() // it says nothing any more
			default:
				_, _ = io.WriteString(w, "id: 3-1\nevent: deployment\ndata: three\n\n")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}
		})
		var got collector
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Follow(ctx, url.Values{"project": {"a"}}, got.watch()) }()
		began := time.Now()
		for len(got.events()) < 2 {
			time.Sleep(time.Second)
		}
		p.set(true) // and when the silence is noticed, nobody answers for a minute
		time.Sleep(2 * time.Minute)
		p.set(false)
		for len(got.events()) < 3 && time.Since(began) < time.Hour {
			time.Sleep(time.Second)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if want := []string{"1-0 deployment one", "2-1 deployment two", "3-1 deployment three"}; !slices.Equal(got.events(), want) {
			t.Errorf("told %q", got.events())
		}
		if want := []string{"", "1-1", "2-1", "2-1"}; !slices.Equal(asked, want) {
			t.Errorf("asked from %q", asked)
		}
		if !errors.As(got.why[0], new(*remote.Ended)) || !strings.Contains(fmt.Sprint(got.why[1]), "not a sign of it for 45s") {
			t.Errorf("lost for %q", got.why)
		}
		if n := len(got.lost); n < 5 || n > 20 {
			t.Errorf("%d attempts: %v", n, got.lost)
		}
	})
}

// TestFollowEnds where nothing will mend by itself.
func TestFollowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := http.StatusUnauthorized
		c, p := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		var refused *remote.Refused
		if err := c.Follow(t.Context(), nil, new(collector).watch()); !errors.As(err, &refused) || refused.Status != status {
			t.Error(err)
		}
		status = http.StatusOK // of another kind of server
		if err := c.Follow(t.Context(), nil, new(collector).watch()); !errors.As(err, new(*remote.Unreachable)) {
			t.Error(err)
		}
		p.set(true)
		fresh := client(t, remote.Options{URL: "http://bell", Transport: &http.Transport{DialContext: p.dial}})
		if err := fresh.Follow(t.Context(), nil, new(collector).watch()); !errors.As(err, new(*remote.Unreachable)) {
			t.Error(err)
		}
	})
}

// TestFollowEndsWithItsCaller, who could not use an event.
func TestFollowEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: one\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		full := errors.New("the pipe is closed")
		if err := c.Follow(t.Context(), nil, remote.Watch{Tell: func(remote.Event) error { return full }}); !errors.Is(err, full) {
			t.Error(err)
		}
	})
}

// FuzzStream: whatever a server says, following it ends.
func FuzzStream(f *testing.F) {
	f.Add("id: 1\nevent: e\ndata: a\ndata: b\n\n:x\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		done := errors.New("done")
		transport := canned(text)
		c, err := remote.New(remote.Options{URL: "http://bell", Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err = c.Follow(ctx, nil, remote.Watch{
			Tell: func(e remote.Event) error {
				if e.Data == nil {
					t.Error("an event without data")
				}
				return done
			},
			Lost: func(error, time.Duration) { cancel() },
		})
		if err != nil && !errors.Is(err, done) {
			t.Error(err)
		}
	})
}

// canned answers every request with the same stream.
type canned string

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(bufio.NewReader(strings.NewReader(string(c))))}, nil
}
