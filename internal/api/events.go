package api

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/feed"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/wire"
)

// The policy of this file: a reader is told what changed, encoded once for all, or
// that changes were lost. One that does not read is cut off, and comes back with the
// id of the last event that it has.

const (
	// maxReaders bounds the streams of one server: each holds a connection and a
	// goroutine.
	maxReaders = 5000
	// beat is how often a stream says that it is there, and asks whether its reader
	// may still read.
	beat = 15 * time.Second
	// writeWithin is how long a reader may take for what fits into one write.
	writeWithin = 10 * time.Second
	// maxWrite bounds one write, in bytes.
	maxWrite = 64 << 10
	// comeBack is after how long a reader that lost its stream asks for it again.
	comeBack = 2 * time.Second
	// fullFor is when one that found no room should, in seconds.
	fullFor = 10
)

const contentEvents = "text/event-stream"

// Feed tells what changes.
type Feed interface {
	Follow(ctx context.Context) (*feed.Reader, error)
	Resume(ctx context.Context, since shipbell.Cursor) (*feed.Reader, error)
}

// EncodeNews returns the frame of an event stream that tells of news. All readers
// pass it on as it is; it is what [feed.Options] encodes with.
func EncodeNews(n ledger.News) []byte {
	if n.Was != 0 {
		return frame(n.At, wire.EventGone, wire.Gone{ID: n.Was, Into: n.Deployment.ID})
	}
	return frame(n.At, wire.EventDeployment, brief(n.Deployment))
}

func frame(at shipbell.Cursor, event string, data any) []byte {
	b := append([]byte(nil), "id: "...)
	b = append(b, at.String()...)
	b = append(b, "\nevent: "...)
	b = append(b, event...)
	b = append(b, "\ndata: "...)
	b = append(b, encode(data)...)
	return append(b, "\n\n"...)
}

// streamParams are those of a filter but for the times: what changes is new.
func streamParams() []string {
	names := slices.DeleteFunc(shipbell.FilterParams(), func(name string) bool { return name == "since" || name == "until" })
	return append(names, paramAfter)
}

func (a *API) events() access.Route {
	return access.Route{
		Method: http.MethodGet, Path: "/api/v1/events", Need: shipbell.ScopeRead,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := a.stream(w, r); err != nil {
				a.fail(w, r, err)
			}
		}),
	}
}

// stream tells a reader what changes, until it goes, may not read any more, or the
// server ends. An error comes before anything was answered.
func (a *API) stream(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	if err := checkParams(v, streamParams()); err != nil {
		return err
	}
	f, err := a.filter(v)
	if err != nil {
		return err
	}
	if a.readers.Add(1) > maxReaders {
		a.readers.Add(-1)
		full := refuse(http.StatusServiceUnavailable, wire.CodeTooManyReaders, "Too many streams", "this server serves "+strconv.Itoa(maxReaders)+" at most; come back later")
		full.retryAfter = fullFor
		return full
	}
	defer a.readers.Add(-1)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.stopping, cancel)()
	reader, err := a.follow(ctx, r)
	if err != nil {
		return err
	}

	h := w.Header()
	h.Set("Content-Type", contentEvents)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // nginx must not collect it
	// It ends with its connection. Each write is then one system call instead of
	// three, two of which only tell of the length of the third.
	h.Set("Transfer-Encoding", "identity")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	s := stream{w: w, to: http.NewResponseController(w), filter: f, all: f.Empty()}
	// The server's own time-outs are for requests that end.
	_ = s.to.SetReadDeadline(time.Time{})
	a.pass(ctx, r, reader, &s)
	return nil
}

// follow finds where in the feed a reader is.
func (a *API) follow(ctx context.Context, r *http.Request) (*feed.Reader, error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var reader *feed.Reader
	var err error
	last, after := r.Header.Get("Last-Event-ID"), r.URL.Query().Get(paramAfter)
	switch {
	case last != "":
		// One that is not ours is one that the feed does not reach back to: a
		// reader that comes back by itself cannot be asked to mend it.
		since, bad := shipbell.ParseCursor(last)
		if bad != nil {
			since = shipbell.Cursor{Opened: math.MaxInt64, Changed: math.MaxInt64}
		}
		reader, err = a.Feed.Resume(bounded, since)
	case after != "":
		since, bad := shipbell.ParseCursor(after)
		if bad != nil {
			return nil, badParam(wire.CodeInvalidParameter, paramAfter, "Parameter not understood", "the id of an earlier event")
		}
		reader, err = a.Feed.Resume(bounded, since)
	default:
		reader, err = a.Feed.Follow(bounded)
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, starting()
	}
	return reader, err
}

// pass tells batch by batch, and in between that the stream is there.
func (a *API) pass(ctx context.Context, r *http.Request, reader *feed.Reader, s *stream) {
	for first := true; ; {
		waiting, cancel := context.WithTimeout(ctx, beat)
		for waiting.Err() == nil {
			b, err := reader.Next(waiting)
			if err != nil {
				break
			}
			if s.tell(b, first) != nil {
				cancel()
				return
			}
			first = first && b.More
		}
		cancel()
		if ctx.Err() != nil || !a.Still(r) {
			s.allow() // the end of the answer is to be written yet
			return
		}
		if s.live() != nil {
			return
		}
	}
}

// stream is the way to one reader.
type stream struct {
	w      http.ResponseWriter
	to     *http.ResponseController
	filter shipbell.Filter
	all    bool            // the filter lets all pass
	at     shipbell.Cursor // behind what was told
	told   shipbell.Cursor // of the last event that bore an id
	buffer []byte
	// greeted is set once the reader was told when to come back.
	greeted bool
}

// tell passes on what of a batch is wanted, in one write.
func (s *stream) tell(b feed.Batch, first bool) error {
	if s.all && len(b.Encoded) > 0 && !first && !b.Lost {
		s.at, s.told = b.At, b.Events[len(b.Events)-1].At
		return s.write(b.Encoded)
	}
	s.buffer = s.buffer[:0]
	if !s.greeted {
		s.greeted = true
		s.buffer = append(s.buffer, "retry: "+strconv.FormatInt(comeBack.Milliseconds(), 10)+"\n\n"...)
	}
	for i := range b.Events {
		e := &b.Events[i]
		// Who showed one that is gone may have got to know it by another filter.
		if !s.all && e.Was == 0 && !s.filter.Match(e.Deployment) {
			continue
		}
		s.buffer, s.told = append(s.buffer, e.Encoded...), e.At
		if len(s.buffer) > maxWrite {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	s.at = b.At
	switch {
	case b.Lost:
		s.buffer, s.told = append(s.buffer, frame(b.At, wire.EventReset, wire.Here{At: b.At.String()})...), b.At
	case first && !b.More:
		s.buffer, s.told = append(s.buffer, frame(b.At, wire.EventHere, wire.Here{At: b.At.String()})...), b.At
	}
	return s.flush()
}

// live says that the stream is there. Where changes were passed over it says how
// far it is: a reader that comes back need not go through them again.
func (s *stream) live() error {
	s.buffer = append(s.buffer[:0], ": still here\n"...)
	if s.told != s.at {
		s.buffer = append(s.buffer, "id: "+s.at.String()+"\n"...)
		s.told = s.at
	}
	s.buffer = append(s.buffer, '\n')
	return s.flush()
}

func (s *stream) flush() error {
	if len(s.buffer) == 0 {
		return nil
	}
	err := s.write(s.buffer)
	s.buffer = s.buffer[:0]
	return err
}

// write sends a text in parts for each of which there is time.
func (s *stream) write(text []byte) error {
	for part := range slices.Chunk(text, maxWrite) {
		s.allow()
		if _, err := s.w.Write(part); err != nil {
			return err
		}
		if err := s.to.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// allow gives the reader time for one write.
func (s *stream) allow() { _ = s.to.SetWriteDeadline(time.Now().Add(writeWithin)) }

// Readers returns how many streams there are.
func (a *API) Readers() int { return int(a.readers.Load()) }

// Stop ends all streams: they would hold up the end of the server. Readers come
// back by themselves, and miss nothing.
func (a *API) Stop() { a.stop() }
