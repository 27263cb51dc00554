package feed_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/feed"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
)

type nowhere struct{}

func (nowhere) Channels(shipbell.Deployment) []shipbell.ChannelID { return nil }
func (nowhere) Everywhere() []shipbell.ChannelID                  { return nil }

// world is a ledger with a feed of it.
type world struct {
	*testing.T
	ledger *ledger.Ledger
	feed   *feed.Feed
	reads  int
	broken error
	mu     sync.Mutex
}

// Changes counts how often the ledger is read, and can fail.
func (w *world) Changes(ctx context.Context, since shipbell.Cursor, n int) ([]ledger.News, shipbell.Cursor, error) {
	w.mu.Lock()
	w.reads++
	broken := w.broken
	w.mu.Unlock()
	if broken != nil {
		return nil, since, broken
	}
	return w.ledger.Changes(ctx, since, n)
}

// count returns how often the ledger was read.
func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reads
}

func (w *world) Latest(ctx context.Context) (shipbell.Cursor, error) { return w.ledger.Latest(ctx) }

func newWorld(t *testing.T) *world {
	w := &world{T: t}
	w.ledger = ledger.New(ledger.Options{Store: memory.New(), Router: nowhere{}, Committed: func() { w.feed.Wake() }})
	w.feed = feed.New(feed.Options{Ledger: w, Encode: func(n ledger.News) []byte { return []byte(n.Deployment.ShownID) }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.feed.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func (w *world) push(id string) {
	w.Helper()
	w.tell(id, "")
}

// pushLong pushes with a message as long as one can be.
func (w *world) pushLong(id string) {
	w.Helper()
	w.tell(id, strings.Repeat("x", 200_000))
}

func (w *world) tell(id, message string) {
	w.Helper()
	_, err := w.ledger.Record(w.Context(), shipbell.Event{
		Source: shipbell.SourcePush, ID: shipbell.EventID(id), At: time.Now(),
		Keys:        []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: id}},
		Observation: shipbell.Observation{Type: shipbell.Worker, Project: "api", Status: shipbell.Announced, CommitMessage: message},
	})
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) follow() *feed.Reader {
	w.Helper()
	r, _ := w.begin()
	return r
}

// next returns what the next batch tells.
func (w *world) next(r *feed.Reader) string {
	w.Helper()
	b, err := r.Next(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return text(b)
}

func text(b feed.Batch) string {
	var words []string
	for _, e := range b.Events {
		words = append(words, string(e.Encoded))
	}
	if b.Lost {
		words = append(words, "lost")
	}
	return strings.Join(words, " ")
}

// TestLostIsWaitedFor: readers are told to read anew once there is something new.
func TestLostIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ready := make(chan struct{})
		w.feed.Lost = func(context.Context) { <-ready }
		reader := w.follow()
		w.mu.Lock()
		w.broken = shipbell.ErrNotFound
		w.mu.Unlock()
		w.push("a")
		told := make(chan string)
		go func() { told <- w.next(reader) }()
		synctest.Wait()
		time.Sleep(time.Minute)
		select {
		case got := <-told:
			t.Errorf("told too early: %q", got)
		default:
		}
		close(ready)
		if got := <-told; got != "lost" {
			t.Errorf("told %q", got)
		}
	})
}

// TestAllAreTold, each change once, in order, and the ledger is read once for all.
func TestAllAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var readers []*feed.Reader
		for range 100 {
			readers = append(readers, w.follow())
		}
		synctest.Wait()
		before := w.count()
		w.push("a")
		for _, r := range readers {
			if got := w.next(r); got != "a" {
				t.Fatalf("told %q", got)
			}
		}
		if reads := w.count() - before; reads > 2 {
			t.Errorf("the ledger was read %d times", reads)
		}
		// What comes quickly is told together.
		for i := range 10 {
			w.push(fmt.Sprint("b", i))
		}
		if got := w.next(readers[0]); got != "b0 b1 b2 b3 b4 b5 b6 b7 b8 b9" {
			t.Errorf("told %q", got)
		}
	})
}

// TestSlowReader holds up nobody, is told that it is behind, and goes on.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		slow, quick := w.follow(), w.follow()
		for i := range 300 {
			w.push(fmt.Sprint("d", i))
			if got, want := w.next(quick), fmt.Sprint("d", i); got != want {
				t.Fatalf("the quick one was told %q, want %q", got, want)
			}
		}
		if got := w.next(slow); got != "lost" {
			t.Errorf("the slow one was told %q", got)
		}
		w.push("last")
		if got := w.next(slow); got != "last" {
			t.Errorf("then %q", got)
		}
	})
}

// begin returns a reader, and where it began.
func (w *world) begin() (*feed.Reader, shipbell.Cursor) {
	w.Helper()
	r, err := w.feed.Follow(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	first, err := r.Next(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return r, first.At
}

// TestResume tells what was missed, and says where that cannot be known.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, first := w.begin()
		w.push("a")
		w.push("b")
		w.next(r)
		resumed, err := w.feed.Resume(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.next(resumed); got != "a b" {
			t.Errorf("missed %q", got)
		}
		w.push("c")
		if got := w.next(resumed); got != "c" {
			t.Errorf("then %q", got)
		}
		foreign, err := w.feed.Resume(t.Context(), shipbell.Cursor{Opened: 99, Changed: 99})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.next(foreign); got != "lost" {
			t.Errorf("a cursor of another ledger: %q", got)
		}
	})
}

// TestResumeInParts: who missed much is told part by part, nothing is left out, and
// one that takes too long over it is told to look anew. No part holds more than a
// list would show.
func TestResumeInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, first := w.begin()
		var want []string
		for i := range 250 {
			id := fmt.Sprint("d", i)
			want = append(want, id)
			w.pushLong(id)
		}
		for n := 0; n < len(want); {
			b, err := r.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n += len(b.Events)
		}
		resumed, err := w.feed.Resume(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		slow, err := w.feed.Resume(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for more := true; more; {
			b, err := resumed.Next(t.Context())
			if err != nil || b.Lost || len(b.Events) > 100 {
				t.Fatalf("a part of %d, lost %v, %v", len(b.Events), b.Lost, err)
			}
			for _, e := range b.Events {
				if n := len(e.Deployment.CommitMessage); n > 4<<10 {
					t.Fatalf("%d bytes of a message are kept", n)
				}
				got = append(got, string(e.Encoded))
			}
			more = b.More
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("missed %q", got)
		}
		if _, err := slow.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			w.push(fmt.Sprint("e", i))
			w.next(resumed)
		}
		if got := w.next(slow); got != "lost" {
			t.Errorf("the slow one was told %q", got)
		}
	})
}

// TestLedgerAway: the feed goes on where it was.
func TestLedgerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.follow()
		w.mu.Lock()
		w.broken = errors.New("away")
		w.mu.Unlock()
		w.push("a")
		time.Sleep(time.Minute) // of the bubble's clock
		w.mu.Lock()
		w.broken = nil
		w.mu.Unlock()
		if got := w.next(r); got != "a" {
			t.Errorf("told %q", got)
		}
	})
}

// TestNobodySaidSo: what another process wrote is told, too.
func TestNobodySaidSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.follow()
		wake := w.feed
		w.feed = feed.New(feed.Options{Ledger: w}) // takes the wakes
		w.push("a")
		if got := w.next(r); got != "a" {
			t.Errorf("told %q", got)
		}
		w.feed = wake
	})
}

func TestWhoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.follow()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}
