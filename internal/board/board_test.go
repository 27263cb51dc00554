package board_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
)

var start = time.Date(2025, 1, 15, 10, 30, 45, 0, time.UTC)

type nowhere struct{}

func (nowhere) Channels(shipbell.Deployment) []shipbell.ChannelID { return nil }
func (nowhere) Everywhere() []shipbell.ChannelID                  { return nil }

// world is a ledger with a board that follows it.
type world struct {
	*testing.T
	ledger *ledger.Ledger
	board  *board.Board
	now    time.Time
	at     shipbell.Cursor
	ids    map[string]shipbell.DeploymentID
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, now: start, ids: make(map[string]shipbell.DeploymentID)}
	now := func() time.Time { return w.now }
	w.ledger = ledger.New(ledger.Options{Store: memory.New(), Router: nowhere{}, Now: now})
	w.board = board.New(board.Options{Ledger: w.ledger, Now: now})
	return w
}

// run starts the board and returns when it has read the ledger.
func (w *world) run() {
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.board.Run(ctx) }()
	w.Cleanup(func() { cancel(); <-done })
	<-w.board.Ready()
}

// tell records that a deployment came to a status, minutes after the start.
func (w *world) tell(id string, status shipbell.Status, minutes int, change ...func(*shipbell.Event)) {
	w.Helper()
	e := shipbell.Event{
		Source: shipbell.SourcePush, ID: shipbell.EventID(fmt.Sprint(id, status, minutes)), At: start.Add(time.Duration(minutes) * time.Minute),
		Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: id}},
		Observation: shipbell.Observation{
			Type: shipbell.Worker, Project: "api", Status: status, Commit: "c-" + id,
		},
	}
	for _, c := range change {
		c(&e)
	}
	r, err := w.ledger.Record(w.Context(), e)
	if err != nil {
		w.Fatal(err)
	}
	w.ids[id] = r.Deployment
}

// follow gives the board what changed, in parts.
func (w *world) follow() {
	w.Helper()
	for {
		news, at, err := w.ledger.Changes(w.Context(), w.at, 2)
		if err != nil {
			w.Fatal(err)
		}
		if at == w.at {
			return
		}
		w.board.Apply(news)
		w.at = at
	}
}

// lose has the board miss what changed, and hear that it did.
func (w *world) lose() {
	w.Helper()
	at, err := w.ledger.Latest(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	w.at = at
	gone, cancel := context.WithCancel(w.Context())
	cancel() // it may not run yet
	w.board.Reset(gone)
}

// cards describes the cards, a line each.
func (w *world) cards() string {
	cards, _ := w.board.Cards()
	return describe(cards)
}

func describe(cards []board.Card) string {
	var lines []string
	for _, c := range cards {
		line := fmt.Sprintf("%s/%s %s", c.Project, c.Environment, c.State())
		for _, part := range []struct {
			name string
			d    *shipbell.Deployment
		}{{"live", c.Live}, {"failed", c.Failed}, {"frozen", c.Frozen}, {"last", &c.Last}} {
			if part.d != nil {
				line += " " + part.name + "=" + part.d.ShownID
			}
		}
		for _, d := range c.UnderWay {
			line += " under=" + d.ShownID
		}
		if c.Usual > 0 {
			line += " usual=" + c.Usual.String()
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func (w *world) want(text string) {
	w.Helper()
	if got := w.cards(); got != strings.TrimSpace(text) {
		w.Errorf("got:\n%s\nwant:\n%s", got, strings.TrimSpace(text))
	}
}

func TestCardFollows(t *testing.T) {
	w := newWorld(t)
	w.run()
	w.want("")
	w.tell("a", shipbell.InProgress, 0)
	w.follow()
	w.want("api/production under_way last=a under=a")
	w.tell("a", shipbell.Success, 2)
	w.follow()
	w.want("api/production live live=a last=a")
	w.tell("b", shipbell.InProgress, 10)
	w.tell("b", shipbell.Failure, 11)
	w.follow()
	w.want("api/production failing live=a failed=b last=b")
	w.tell("c", shipbell.InProgress, 20)
	w.follow()
	w.want("api/production failing live=a failed=b last=c under=c")
	w.tell("c", shipbell.Success, 21)
	w.tell("s", shipbell.Success, 22, func(e *shipbell.Event) { e.Environment = "staging" })
	w.follow()
	// What is live stays where it was, by name.
	w.want("api/production live live=c failed=b last=c\napi/staging live live=s last=s")
}

// TestUsual is the median of what succeeded, once it was often enough.
func TestUsual(t *testing.T) {
	w := newWorld(t)
	w.run()
	for i, minutes := range []int{4, 1, 30} {
		w.tell(fmt.Sprint(i), shipbell.InProgress, 100*i)
		w.tell(fmt.Sprint(i), shipbell.Success, 100*i+minutes)
		w.follow()
	}
	w.want("api/production live live=2 last=2 usual=4m0s")
}

// TestForgotten: what was announced and never heard of again is not under way for
// ever.
func TestForgotten(t *testing.T) {
	w := newWorld(t)
	w.run()
	w.tell("a", shipbell.Announced, 0)
	w.tell("b", shipbell.InProgress, 0, func(e *shipbell.Event) { e.Project = "web" })
	w.follow()
	w.want("api/production under_way last=a under=a\nweb/production under_way last=b under=b")
	w.now = w.now.Add(2 * time.Hour)
	w.want("web/production under_way last=b under=b\napi/production announced last=a")
	w.now = w.now.Add(24 * time.Hour)
	w.want("api/production announced last=a\nweb/production unknown last=b")
}

// TestMerged: a deployment that became part of another one leaves its card.
func TestMerged(t *testing.T) {
	w := newWorld(t)
	w.run()
	w.tell("a", shipbell.InProgress, 0)
	w.tell("b", shipbell.InProgress, 1)
	w.follow()
	w.want("api/production under_way last=b under=b under=a")
	w.tell("a", shipbell.Success, 2, func(e *shipbell.Event) {
		e.Keys = append(e.Keys, shipbell.Key{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: "b"})
	})
	w.follow()
	w.want("api/production live live=a last=a")
}

// TestAnyHistory: a board that follows shows what one that reads at the end does.
func TestAnyHistory(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { anyHistory(t, seed) })
	}
}

func anyHistory(t *testing.T, seed uint64) {
	dice := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	early := dice.IntN(2) == 0
	if early {
		w.run()
	}
	statuses := []shipbell.Status{shipbell.Announced, shipbell.InProgress, shipbell.Success, shipbell.Success, shipbell.Failure, shipbell.Canceled}
	for n := range 30 {
		id := fmt.Sprint("d", dice.IntN(12))
		w.tell(id, statuses[dice.IntN(len(statuses))], n, func(e *shipbell.Event) {
			i := int(id[1]) - '0'
			e.Project, e.Environment = []string{"api", "web"}[i%2], []string{"", "staging"}[i/2%2]
			if dice.IntN(4) == 0 {
				e.Source = shipbell.SourcePoll
			}
		})
		switch dice.IntN(9) {
		case 0, 1, 2:
			w.follow()
		case 3:
			w.lose()
		}
	}
	if !early {
		w.run()
	}
	w.follow()
	read := board.New(board.Options{Ledger: w.ledger, Now: func() time.Time { return w.now }})
	other := &world{T: t, ledger: w.ledger, board: read, now: w.now}
	other.run()
	strip := func(text string) string { // how long it usually takes may differ by order
		lines := strings.Split(text, "\n")
		for i, l := range lines {
			lines[i], _, _ = strings.Cut(l, " usual=")
		}
		return strings.Join(lines, "\n")
	}
	if got, want := strip(w.settled()), strip(other.cards()); got != want {
		t.Fatalf("seed %d: the one that followed:\n%s\nthe one that read:\n%s", seed, got, want)
	}
}

// settled returns the cards once those were made anew that had to be, which is not done
// without a pause.
func (w *world) settled() string {
	time.Sleep(10 * time.Second)
	synctest.Wait()
	return w.cards()
}

// weak is a ledger that cannot be read as often as failing says.
type weak struct {
	*ledger.Ledger
	failing int
}

func (l *weak) Recent(ctx context.Context, p shipbell.Place, n int) ([]shipbell.Deployment, error) {
	if l.failing--; l.failing >= 0 {
		return nil, errors.New("the disk is full")
	}
	return l.Ledger.Recent(ctx, p, n)
}

// TestWeakLedger: what could not be read is read later, be it all or one place.
func TestWeakLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		l := &weak{Ledger: w.ledger, failing: 2}
		w.board = board.New(board.Options{Ledger: l, Now: w.board.Now})
		w.tell("a", shipbell.Success, 0)
		w.tell("b", shipbell.Success, 1)
		w.run()
		w.want("api/production live live=b last=b")
		w.tell("b", shipbell.Failure, 2, func(e *shipbell.Event) { e.Source = shipbell.SourcePoll })
		l.failing = 2
		w.follow()
		time.Sleep(time.Minute)
		if got := w.settled(); !strings.HasSuffix(got, "live=a failed=b last=b") {
			t.Errorf("it shows %s", got)
		}
		if l.failing >= 0 {
			t.Errorf("it was not read again")
		}
	})
}

// TestReset returns once the cards say what is now, and forgets what was told before.
func TestReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		l := &weak{Ledger: w.ledger}
		w.board = board.New(board.Options{Ledger: l, Now: w.board.Now})
		w.tell("a", shipbell.Success, 0)
		w.run()
		w.follow()
		w.tell("b", shipbell.Success, 1)
		l.failing = 3
		began := time.Now()
		w.board.Reset(t.Context())
		w.want("api/production live live=b last=b")
		if took := time.Since(began); took < 3*time.Second || took > 5*time.Second {
			t.Errorf("it took %s with three failures", took)
		}
		// Who waits for a ledger that does not come back goes on some time.
		l.failing = 1000
		w.board.Reset(t.Context())
		w.want("api/production live live=b last=b")
	})
}

// TestLongAgo: what went live, and what failed, is known however much was deployed
// since.
func TestLongAgo(t *testing.T) {
	w := newWorld(t)
	w.tell("good", shipbell.Success, 0)
	w.tell("bad", shipbell.Failure, 1)
	w.tell("better", shipbell.Success, 2)
	for i := range 100 {
		w.tell(fmt.Sprint("p", i), shipbell.Canceled, 10+i)
	}
	w.run()
	w.want("api/production live live=better failed=bad last=p99")
}

func TestStatesAreAll(t *testing.T) {
	if n := len(slices.Compact(board.States())); n != 6 {
		t.Errorf("%d states", n)
	}
}
