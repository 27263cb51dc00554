package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/api"
	"github.com/shipbell/shipbell/internal/feed"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/wire"
)

// withFeed puts a feed of the ledger beside the API.
func (f *fixture) withFeed() *feed.Feed {
	fd := feed.New(feed.Options{Ledger: f.ledger, Encode: api.EncodeNews})
	f.committed = fd.Wake
	f.options.Feed = fd
	f.api = api.New(f.options)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = fd.Run(ctx)
	}()
	f.Cleanup(func() { cancel(); <-ended })
	return fd
}

// pipes is a listener whose connections are pipes: they work by the clock of a
// bubble, and hold nothing that nobody reads.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

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

// serve runs a server with the time-outs of the real one.
func (f *fixture) serve() *pipes {
	p := newPipes()
	server := &http.Server{Handler: routes(f.api, shipbell.Visitor{}), ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second}
	server.RegisterOnShutdown(f.api.Stop)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(p)
	}()
	f.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			f.Error(err)
		}
		<-ended
	})
	return p
}

// listener is one who listens to a stream.
type listener struct {
	net.Conn
	*bufio.Reader
	answer *http.Response
}

// listen asks for a stream and reads the header of the answer.
func (p *pipes) listen(t *testing.T, query string, header ...string) *listener {
	t.Helper()
	l := p.dial(t, query, header...)
	answer, err := http.ReadResponse(bufio.NewReader(l.Conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.answer, l.Reader = answer, bufio.NewReader(answer.Body)
	return l
}

// dial asks for a stream.
func (p *pipes) dial(t *testing.T, query string, header ...string) *listener {
	t.Helper()
	ours, theirs := net.Pipe()
	p.conns <- theirs
	t.Cleanup(func() { _ = ours.Close() })
	text := "GET /api/v1/events?" + query + " HTTP/1.1\r\nHost: x\r\n"
	for i := 0; i+1 < len(header); i += 2 {
		text += header[i] + ": " + header[i+1] + "\r\n"
	}
	if _, err := io.WriteString(ours, text+"\r\n"); err != nil {
		t.Fatal(err)
	}
	return &listener{Conn: ours}
}

// event is one event of a stream.
type event struct{ id, name, data, comment string }

// next reads what comes next, a comment alone too.
func (l *listener) next() (event, error) {
	var e event
	for {
		line, err := l.ReadString('\n')
		if err != nil {
			return e, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if value != "" {
				e.comment = value
			} else if e != (event{}) {
				return e, nil
			}
		}
	}
}

func (l *listener) mustNext(t *testing.T, name string) event {
	t.Helper()
	e, err := l.next()
	if err != nil || e.name != name {
		t.Fatalf("event %+v, %v; want %q", e, err, name)
	}
	return e
}

func (e event) deployment(t *testing.T) wire.Brief {
	t.Helper()
	var b wire.Brief
	if err := json.Unmarshal([]byte(e.data), &b); err != nil {
		t.Fatalf("%v: %s", err, e.data)
	}
	return b
}

func TestStreamTellsWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.withFeed()
		p := f.serve()
		l := p.listen(t, "project=api-service")
		if h := l.answer.Header; h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("header %v", h)
		}
		l.mustNext(t, wire.EventHere)
		f.record(func(e *shipbell.Event) { e.Project = "other" })
		id := f.record(nil)
		e := l.mustNext(t, wire.EventDeployment)
		if d := e.deployment(t); d.ID != id || d.Project != "api-service" || d.Subject != "Add JWT authentication" {
			t.Errorf("told %+v", d)
		}
		if n := len(e.data); n < 250 || n > 400 {
			t.Errorf("an event of %d bytes: %s", n, e.data)
		}
		f.record(func(e *shipbell.Event) { e.Keys[0].ID, e.Status = "build-002", shipbell.Success })
		if d := l.mustNext(t, wire.EventDeployment).deployment(t); d.ID != id || d.Status != shipbell.Success || d.FinishedAt.IsZero() {
			t.Errorf("told %+v", d)
		}
	})
}

// TestStreamLivesOn beyond the time-outs of the server, says so, and tells how far
// it is where nothing of it was wanted.
func TestStreamLivesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.withFeed()
		l := f.serve().listen(t, "project=other")
		here := l.mustNext(t, wire.EventHere)
		f.record(nil)
		began := time.Now()
		beat := l.mustNext(t, "")
		if beat.comment != "still here" || beat.id == "" || beat.id == here.id || time.Since(began) > 15*time.Second {
			t.Errorf("the first beat: %+v after %s", beat, time.Since(began))
		}
		for range 8 {
			if beat = l.mustNext(t, ""); beat.comment != "still here" || beat.id != "" {
				t.Errorf("a beat: %+v", beat)
			}
		}
		f.record(func(e *shipbell.Event) { e.Project = "other" })
		l.mustNext(t, wire.EventDeployment)
		if lived := time.Since(began); lived < 2*time.Minute {
			t.Errorf("lived only %s", lived)
		}
	})
}

// TestManyAtOnce: who filters nothing is told the same as who lets all pass by a
// filter, also where it does not fit into one write, and hears no end of it later.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.withFeed()
		p := f.serve()
		all, filtered := p.listen(t, ""), p.listen(t, "type=worker")
		all.mustNext(t, wire.EventHere)
		filtered.mustNext(t, wire.EventHere)
		const changes = 400 // in one batch, of more than 64 KiB
		for range changes {
			f.record(nil)
		}
		told := make(chan []event)
		for _, l := range []*listener{all, filtered} {
			go func() {
				var events []event
				for range changes + 1 {
					e, err := l.next()
					if err != nil {
						t.Error(err)
					}
					events = append(events, e)
				}
				told <- events
			}()
		}
		a, b := <-told, <-told
		if !slices.Equal(a, b) {
			t.Error("one was told other things than the other")
		}
		if last := a[changes]; last.comment != "still here" || last.id != "" || a[changes-1].deployment(t).ID != changes {
			t.Errorf("the last two are %+v and %+v", a[changes-1], last)
		}
	})
}

// TestSlowReaderSlowsNobody, and is cut off.
func TestSlowReaderSlowsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.withFeed()
		p := f.serve()
		slow := p.dial(t, "") // reads nothing, ever
		quick := p.listen(t, "")
		quick.mustNext(t, wire.EventHere)
		began := time.Now()
		for range 20 {
			id := f.record(nil)
			if d := quick.mustNext(t, wire.EventDeployment).deployment(t); d.ID != id {
				t.Fatalf("told of %d, want %d", d.ID, id)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("20 changes took %s", took)
		}
		for deadline := began.Add(time.Minute); f.api.Readers() == 2 && time.Now().Before(deadline); {
			time.Sleep(time.Second) // by the clock of the bubble
		}
		if f.api.Readers() != 1 {
			t.Error("who does not read is not cut off")
		}
		if text, err := io.ReadAll(slow.Conn); err != nil || len(text) > 0 && !strings.HasPrefix(string(text), "HTTP/1.1 200") {
			t.Errorf("the slow one has %q, %v", text, err)
		}
	})
}

// TestResumeMissesNothing, whatever happened between two streams.
func TestResumeMissesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.withFeed()
		p := f.serve()
		var told []string
		last := p.listen(t, "").mustNext(t, wire.EventHere).id
		for i := range 10 {
			f.record(nil)
			f.record(nil)
			l := p.listen(t, "after="+last)
			if i%2 == 0 {
				l = p.listen(t, "after=0-0", "Last-Event-ID", last) // an address that is followed again
			}
			f.record(nil)
			for range i%3 + 1 { // not all of it is read
				e, err := l.next()
				for ; err == nil && e.name != wire.EventDeployment; e, err = l.next() {
				}
				if err != nil {
					t.Fatal(err)
				}
				told, last = append(told, e.deployment(t).ShownID), e.id
			}
			_ = l.Close()
		}
		l := p.listen(t, "", "Last-Event-ID", last)
		for e := l.mustNext(t, wire.EventDeployment); e.name == wire.EventDeployment; e, _ = l.next() {
			told = append(told, e.deployment(t).ShownID)
		}
		if len(told) != f.n {
			t.Errorf("told %d of %d", len(told), f.n)
		}
		for i, id := range told {
			if id != fmt.Sprintf("build-%03d", i+1) {
				t.Fatalf("told %v", told)
			}
		}
	})
}

// TestResumeFromNowhere says that what is shown must be read anew.
func TestResumeFromNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.withFeed()
		f.record(nil)
		p := f.serve()
		for _, last := range []string{"999-0", "1-999", "nonsense", "9223372036854775807-9223372036854775807"} {
			e := p.listen(t, "", "Last-Event-ID", last).mustNext(t, wire.EventReset)
			if e.id == "" || !strings.Contains(e.data, e.id) {
				t.Errorf("%s: %+v", last, e)
			}
		}
		answer := p.listen(t, "after=nonsense").answer
		f.refused(answer, http.StatusBadRequest, wire.CodeInvalidParameter)
	})
}

func TestMergedDeploymentIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.withFeed()
		l := f.serve().listen(t, "project=other") // it may have shown it all the same
		l.mustNext(t, wire.EventHere)
		push := f.record(func(e *shipbell.Event) { e.Keys[0].ID = "a" })
		second := f.record(func(e *shipbell.Event) { e.Source, e.Keys[0].ID, e.Commit = shipbell.SourcePoll, "b", "" })
		if push == second {
			t.Fatal("they are one already")
		}
		time.Sleep(time.Second) // by the clock of the bubble: both have been told
		f.record(func(e *shipbell.Event) {
			e.Keys = []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: "a"}, {Type: shipbell.Worker, Kind: shipbell.KeyVersion, ID: "b"}}
		})
		e := l.mustNext(t, wire.EventGone)
		if e.data != fmt.Sprintf(`{"id":%d,"into":%d}`, second, push) {
			t.Errorf("gone: %s", e.data)
		}
	})
}

func TestStreamOfARevokedTokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var revoked atomic.Bool
		f.options.Still = func(*http.Request) bool { return !revoked.Load() }
		f.withFeed()
		l := f.serve().listen(t, "")
		l.mustNext(t, wire.EventHere)
		l.mustNext(t, "")
		revoked.Store(true)
		began := time.Now()
		if e, err := l.next(); !errors.Is(err, io.EOF) || time.Since(began) > time.Minute {
			t.Errorf("%+v, %v after %s", e, err, time.Since(began))
		}
	})
}

func TestStreamsEndWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.withFeed()
		l := f.serve().listen(t, "")
		l.mustNext(t, wire.EventHere)
		f.api.Stop()
		began := time.Now()
		if e, err := l.next(); !errors.Is(err, io.EOF) || time.Since(began) > 0 {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

func TestFeedThatIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.options.Feed = feed.New(feed.Options{Ledger: f.ledger})
		f.api = api.New(f.options)
		f.refused(f.serve().listen(t, "").answer, http.StatusServiceUnavailable, wire.CodeStarting)
	})
}

// TestRoomForReaders has an end, and a reader that leaves makes room.
func TestRoomForReaders(t *testing.T) {
	f := newFixture(t)
	f.withFeed()
	f.ask(http.MethodHead, "/api/v1/events", "")
	if n := f.api.Readers(); n != 0 {
		t.Errorf("%d readers after all have left", n)
	}
	f.api.Fill()
	full := f.api.Readers()
	answer := f.ask(http.MethodGet, "/api/v1/events", "")
	f.refused(answer, http.StatusServiceUnavailable, wire.CodeTooManyReaders)
	if answer.Header.Get("Retry-After") != "10" || f.api.Readers() != full {
		t.Errorf("%v, %d readers", answer.Header, f.api.Readers())
	}
}

func TestParametersOfTheStream(t *testing.T) {
	f := newFixture(t)
	f.withFeed()
	f.refused(f.ask(http.MethodGet, "/api/v1/events?since=12h", ""), http.StatusBadRequest, wire.CodeUnknownParameter)
	f.refused(f.ask(http.MethodGet, "/api/v1/events?status=x", ""), http.StatusBadRequest, wire.CodeInvalidParameter)
	if answer := f.ask(http.MethodHead, "/api/v1/events", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %d", answer.StatusCode)
	}
}

// TestManyReaders over TCP: each is told everything, in order.
func TestManyReaders(t *testing.T) {
	f := newFixture(t)
	f.withFeed()
	server := httptest.NewServer(routes(f.api, shipbell.Visitor{}))
	defer server.Close()
	defer f.api.Stop()
	const readers, changes = 30, 100
	var ready, done sync.WaitGroup
	for range readers {
		ready.Add(1)
		done.Go(func() {
			answer, err := http.Get(server.URL + "/api/v1/events")
			if err != nil {
				t.Error(err)
				ready.Done()
				return
			}
			defer answer.Body.Close()
			l := listener{Reader: bufio.NewReader(answer.Body)}
			_, err = l.next()
			ready.Done()
			for want := shipbell.DeploymentID(1); err == nil && want <= changes; want++ {
				var e event
				if e, err = l.next(); err == nil && e.deployment(t).ID != want {
					err = fmt.Errorf("told %s, want %d", e.data, want)
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	for range changes {
		f.record(nil)
	}
	done.Wait()
}

// TestFrames: whatever a deployment holds, a frame is one event.
func TestFrames(t *testing.T) {
	hostile := "a\nid: 9-9\r\nevent: reset\u2028\u2029\x00</script>"
	d := shipbell.Deployment{ID: 3, ShownID: hostile, Observation: shipbell.Observation{Project: hostile, CommitMessage: hostile, Author: hostile, Branch: hostile}}
	frame := string(api.EncodeNews(ledger.News{At: shipbell.Cursor{Opened: 3, Changed: 7}, Deployment: d}))
	lines := strings.FieldsFunc(frame, func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) != 3 || lines[0] != "id: 3-7" || lines[1] != "event: deployment" || !strings.HasSuffix(frame, "\n\n") {
		t.Errorf("frame %q", frame)
	}
}
