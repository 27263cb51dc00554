package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/telegram"
	"github.com/shipbell/shipbell/internal/dispatch"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/render"
	"github.com/shipbell/shipbell/internal/store/memory"
)

// The chats of the fake.
const (
	group   int64 = -100200
	private int64 = 42
)

// fixture is a dispatcher with a real ledger and real Telegram channels on a
// fake Telegram, all in one synctest bubble: time passes when everybody waits.
type fixture struct {
	*testing.T
	fake       *faketelegram.Server
	store      ledger.Store
	ledger     *ledger.Ledger
	dispatcher *dispatch.Dispatcher
	channels   []shipbell.ChannelID
	stop       func()
	pushed     int
	// failMarks makes so many marks fail.
	failMarks atomic.Int64
	mu        sync.Mutex
	counted   []shipbell.Attempt
	// lose ends the right to the lanes, as when another replica takes them.
	lose func()
}

// Channels routes every deployment everywhere.
func (f *fixture) Channels(shipbell.Deployment) []shipbell.ChannelID { return f.channels }

// Everywhere routes every bulletin everywhere.
func (f *fixture) Everywhere() []shipbell.ChannelID { return f.channels }

// unreliable is the ledger with marks that fail.
type unreliable struct {
	*ledger.Ledger
	f *fixture
}

func (u unreliable) Mark(ctx context.Context, a shipbell.Announcement, attempt shipbell.Attempt, lane shipbell.Lane, told []shipbell.Part) error {
	if u.f.failMarks.Add(-1) >= 0 {
		return errors.New("disk full")
	}
	return u.Ledger.Mark(ctx, a, attempt, lane, told)
}

// run runs a test in a bubble, with one lane per chat.
func run(t *testing.T, chats string, test func(*fixture)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{T: t, fake: faketelegram.New(faketelegram.Options{}), store: memory.New(), stop: func() {}}
		f.fake.AddChat(faketelegram.Chat{ID: group, Type: faketelegram.Supergroup, Forum: true})
		f.fake.AddChat(faketelegram.Chat{ID: private, Type: faketelegram.Private})
		f.start(chats)
		test(f)
		f.stop()
		if v := f.fake.Violations(); len(v) > 0 {
			t.Errorf("violations of the Bot API: %s", v)
		}
		if n := f.fake.IgnoredRetryAfter(); n > 0 {
			t.Errorf("%d requests did not wait as they were told", n)
		}
	})
}

// start starts a dispatcher on the stored state, as a new process does.
func (f *fixture) start(chats string) {
	f.Helper()
	f.stop()
	parsed, err := telegram.ParseChats(chats)
	if err != nil {
		f.Fatal(err)
	}
	client := outbound.New(outbound.Options{Transport: f.fake.Client().Transport})
	var channels []dispatch.Channel
	f.channels = nil
	for _, chat := range parsed {
		c := telegram.New(telegram.Config{Token: outbound.NewSecret(f.fake.Token()), Chat: chat, HTTP: client})
		channels = append(channels, c)
		f.channels = append(f.channels, c.ID())
	}
	f.ledger = ledger.New(ledger.Options{Store: f.store, Router: f, Wake: func(c shipbell.ChannelID) { f.dispatcher.Wake(c) }})
	held, lose := context.WithCancel(f.Context())
	f.lose = lose
	f.dispatcher = dispatch.New(dispatch.Options{
		While: func(ctx context.Context, _ shipbell.LeaseName, run func(context.Context)) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(held, cancel)()
			run(ctx)
		},
		Ledger: unreliable{f.ledger, f}, Channels: channels, Render: render.Announcement, Grace: 5 * time.Second,
		NothingDue: func(err error) (time.Time, bool) {
			var none ledger.NothingDue
			ok := errors.As(err, &none)
			return none.Next, ok
		},
		Count: func(a shipbell.Attempt) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.counted = append(f.counted, a)
		},
	})
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.dispatcher.Run(ctx)
	}()
	f.stop = func() {
		cancel()
		<-ended
	}
}

// push records a deployment, or an outcome for one.
func (f *fixture) push(id string, status shipbell.Status) {
	f.Helper()
	f.record(shipbell.SourcePush, status, shipbell.Key{Kind: shipbell.KeyPushed, ID: id})
}

// record records what a source says of a deployment; the first key names it.
func (f *fixture) record(source shipbell.Source, status shipbell.Status, keys ...shipbell.Key) {
	f.Helper()
	f.pushed++
	for i := range keys {
		keys[i].Type = shipbell.Worker
	}
	id := keys[0].ID
	_, err := f.ledger.Record(f.Context(), shipbell.Event{
		Source: source, ID: shipbell.EventID(fmt.Sprint(f.pushed)), At: time.Now(), Keys: keys,
		Observation: shipbell.Observation{Type: shipbell.Worker, Project: "api-service", Environment: "production", Status: status, CommitMessage: "deploy " + id},
	})
	if err != nil {
		f.Fatal(err)
	}
}

// settle waits until nobody has anything to do within d.
func (f *fixture) settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// replies returns the first lines of what answers a message in a chat, oldest
// first, each with the id of the deployment that it answers.
func (f *fixture) replies(chat int64) string {
	var all []string
	for _, m := range f.fake.Messages(chat) {
		if m.Deleted || m.ReplyTo == 0 {
			continue
		}
		first, _, _ := strings.Cut(m.Text, "\n")
		main, _ := f.fake.Message(chat, m.ReplyTo)
		all = append(all, idIn(main.Text)+": "+first)
	}
	return strings.Join(all, ", ")
}

func idIn(text string) string {
	_, id, _ := strings.Cut(text, "Deployment ID: ")
	id, _, _ = strings.Cut(id, "\n")
	return id
}

// shown returns the ids whose messages a chat shows, oldest first, each with the
// second line of its message; replies are left out.
func (f *fixture) shown(chat int64) string {
	var all []string
	for _, m := range f.fake.Messages(chat) {
		if m.Deleted || m.ReplyTo != 0 {
			continue
		}
		lines := strings.Split(m.Text, "\n")
		id := idIn(m.Text)
		if len(lines) == 1 {
			id = m.Text
		} else if lines[1] != "" {
			id += " (" + lines[1] + ")"
		}
		all = append(all, id)
	}
	return strings.Join(all, ", ")
}

func (f *fixture) want(chat int64, shown string) {
	f.Helper()
	if got := f.shown(chat); got != shown {
		f.Errorf("chat %d shows: %s\nwant: %s", chat, got, shown)
	}
}

func (f *fixture) lane(c shipbell.ChannelID) shipbell.Lane {
	f.Helper()
	lane, err := f.ledger.Lane(f.Context(), c)
	if err != nil {
		f.Fatal(err)
	}
	return lane
}

func TestPostsThenEdits(t *testing.T) {
	run(t, "-100200,42", func(f *fixture) {
		f.push("a", shipbell.Announced)
		synctest.Wait()
		f.want(group, "a")
		f.want(private, "a")
		f.settle(34 * time.Second)
		f.push("a", shipbell.Success)
		synctest.Wait()
		f.want(group, "a (✅ Deployed in 34 s)")
		f.want(private, "a (✅ Deployed in 34 s)")
	})
}

// TestSkipsWhatNobodyHadTimeToShow: states that came and went while the lane
// had to wait are never shown.
func TestSkipsWhatNobodyHadTimeToShow(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.push("a", shipbell.Announced)
		synctest.Wait()
		f.push("a", shipbell.Queued)
		f.push("a", shipbell.InProgress)
		f.push("a", shipbell.Failure)
		f.settle(10 * time.Second)
		f.want(private, "a (❌ Failed)")
		if n := f.fake.CallCount(); n != 3 {
			f.Errorf("%d requests, want a post, an alert and an edit", n)
		}
	})
}

// TestKeepsLimits: a burst is spread over time so that the fake, which has the
// true limits, never refuses anything; topics of one group share its limits.
func TestKeepsLimits(t *testing.T) {
	run(t, "-100200, -100200:1000, 42", func(f *fixture) {
		thread := f.fake.AddTopic(group)
		f.start(fmt.Sprintf("-100200, -100200:%d, 42", thread))
		start := time.Now()
		for i := range 30 {
			f.push(fmt.Sprint(i), shipbell.Announced)
		}
		if err := f.fake.Wait(f.Context(), func(s *faketelegram.Server) bool { return s.Count(group) == 60 && s.Count(private) == 30 }); err != nil {
			f.Fatal(err)
		}
		if took := time.Since(start); took < 2*time.Minute || took > 4*time.Minute {
			f.Errorf("60 messages in one group took %s", took)
		}
		for _, c := range f.fake.Calls() {
			if c.Done && c.Status != 200 {
				f.Fatalf("refused: %+v", c)
			}
		}
	})
}

// TestLimitsSurviveARestart: a new process knows what the last one sent.
func TestLimitsSurviveARestart(t *testing.T) {
	run(t, "-100200", func(f *fixture) {
		for i := range 20 {
			f.push(fmt.Sprint(i), shipbell.Announced)
		}
		f.settle(25 * time.Second)
		f.start("-100200")
		for i := range 5 {
			f.push("again "+fmt.Sprint(i), shipbell.Announced)
		}
		f.settle(2 * time.Minute)
		for _, c := range f.fake.Calls() {
			if c.Done && c.Status != 200 {
				f.Fatalf("refused after a restart: %+v", c)
			}
		}
		if n := f.fake.Count(group); n != 25 {
			f.Errorf("%d messages, want 25", n)
		}
	})
}

func TestRetryAfterParksThatLaneOnly(t *testing.T) {
	run(t, "-100200,42", func(f *fixture) {
		var once atomic.Bool
		f.fake.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
			if c.Chat == group && once.CompareAndSwap(false, true) {
				return faketelegram.Fault{Kind: faketelegram.FaultRateLimit, RetryAfter: 90 * time.Second}
			}
			return faketelegram.Fault{}
		})
		f.push("a", shipbell.Announced)
		f.push("b", shipbell.Announced)
		f.settle(60 * time.Second)
		f.want(private, "a, b")
		f.want(group, "")
		if lane := f.lane("telegram:-100200"); lane.ParkedFor == "" || lane.Pause != nil || lane.Setbacks != 0 {
			f.Errorf("lane: %+v", lane)
		}
		f.settle(35 * time.Second)
		f.want(group, "a, b")
	})
}

// TestRetryAfterSurvivesARestart, for every lane on the chat's budget.
func TestRetryAfterSurvivesARestart(t *testing.T) {
	run(t, "-100200", func(f *fixture) {
		chats := fmt.Sprintf("-100200, -100200:%d", f.fake.AddTopic(group))
		f.start(chats)
		var once atomic.Bool
		f.fake.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
			if once.CompareAndSwap(false, true) {
				return faketelegram.Fault{Kind: faketelegram.FaultRateLimit, RetryAfter: 90 * time.Second}
			}
			return faketelegram.Fault{}
		})
		f.push("a", shipbell.Announced)
		f.settle(time.Second)
		for range 5 {
			f.start(chats)
			f.settle(time.Second)
		}
		if n := f.fake.CallCount(); n != 1 {
			f.Errorf("%d requests within the wait, want 1", n)
		}
		f.settle(2 * time.Minute)
		f.want(group, "a, a")
	})
}

// TestClockWasAhead: times that were stored by a clock far ahead do not silence
// a lane for as long.
func TestClockWasAhead(t *testing.T) {
	run(t, "42", func(f *fixture) {
		ahead := time.Now().Add(1000 * time.Hour)
		err := f.store.Update(f.Context(), func(tx ledger.Tx) error {
			return tx.PutLane(shipbell.Lane{Channel: "telegram:42", Recent: []time.Time{ahead}})
		})
		if err != nil {
			f.Fatal(err)
		}
		f.start("42")
		f.push("a", shipbell.Announced)
		f.settle(10 * time.Second)
		f.want(private, "a")
	})
}

// TestClockWasAheadKeepsLimits: what a clock that was ahead said of the last
// requests still says how many they were.
func TestClockWasAheadKeepsLimits(t *testing.T) {
	run(t, "-100200", func(f *fixture) {
		var recent []time.Time
		for i := range 20 {
			recent = append(recent, time.Now().Add(time.Duration(i-10)*2*time.Second))
		}
		err := f.store.Update(f.Context(), func(tx ledger.Tx) error {
			return tx.PutLane(shipbell.Lane{Channel: "telegram:-100200", Recent: recent})
		})
		if err != nil {
			f.Fatal(err)
		}
		f.start("-100200")
		f.push("a", shipbell.Announced)
		f.settle(25 * time.Second)
		f.want(group, "")
		f.settle(2 * time.Second)
		f.want(group, "a")
	})
}

// TestOutage: Telegram is down for three hours. Nothing is lost, the order is
// kept, and it is not hammered.
func TestOutage(t *testing.T) {
	run(t, "42", func(f *fixture) {
		down := faketelegram.Fault{Kind: faketelegram.FaultReset}
		f.fake.SetFaults(func(faketelegram.Call) faketelegram.Fault { return down })
		for i := range 10 {
			f.push(fmt.Sprint(i), shipbell.Announced)
		}
		f.settle(3 * time.Hour)
		f.push("3", shipbell.Canceled)
		if n := f.fake.CallCount(); n < 30 || n > 90 {
			f.Errorf("%d requests within three hours of outage", n)
		}
		f.fake.SetFaults(nil)
		f.settle(6 * time.Minute)
		f.want(private, "0, 1, 2, 3 (🚫 Canceled after 3 h), 4, 5, 6, 7, 8, 9")
		lane := f.lane("telegram:42")
		if lane.Setbacks != 0 || !lane.ParkedUntil.IsZero() {
			f.Errorf("lane after the outage: %+v", lane)
		}
		story, err := f.ledger.Story(f.Context(), shipbell.Key{Type: shipbell.Worker, ID: "0"})
		if err != nil {
			f.Fatal(err)
		}
		last := story.Attempts[len(story.Attempts)-1]
		if len(story.Attempts) < 30 || story.Attempts[0].Fault != shipbell.FaultTemporary || story.Attempts[0].Detail == "" || last.Fault != "" {
			f.Errorf("attempts: %+v", story.Attempts)
		}
	})
}

func TestDeletedMessageIsPostedAnew(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.push("a", shipbell.Announced)
		synctest.Wait()
		f.fake.DeleteMessage(private, f.fake.Messages(private)[0].ID)
		f.push("a", shipbell.Success)
		f.settle(10 * time.Second)
		f.want(private, "a (✅ Deployed)")
	})
}

func TestMigrationIsFollowedForGood(t *testing.T) {
	run(t, "-300", func(f *fixture) {
		f.fake.AddChat(faketelegram.Chat{ID: -300, Type: faketelegram.Group})
		f.push("a", shipbell.Announced)
		synctest.Wait()
		f.fake.AddChat(faketelegram.Chat{ID: -100300, Type: faketelegram.Supergroup})
		f.fake.Migrate(-300, -100300)
		f.push("b", shipbell.Announced)
		f.settle(10 * time.Second)
		f.want(-100300, "b")
		f.start("-300")
		calls := f.fake.CallCount()
		f.push("c", shipbell.Announced)
		f.settle(10 * time.Second)
		f.want(-100300, "b, c")
		if n := f.fake.CallCount() - calls; n != 1 {
			f.Errorf("after a restart it took %d requests, want 1", n)
		}
		if note := f.lane("telegram:-300").Note; !strings.Contains(note, "-100300") {
			f.Errorf("note: %q", note)
		}
	})
}

func TestDeletedTopicGoesToTheGeneralOne(t *testing.T) {
	run(t, "-100200", func(f *fixture) {
		thread := f.fake.AddTopic(group)
		f.start(fmt.Sprintf("-100200:%d", thread))
		f.push("a", shipbell.Announced)
		synctest.Wait()
		f.fake.DeleteTopic(group, thread)
		f.push("b", shipbell.Announced)
		f.settle(10 * time.Second)
		messages := f.fake.Messages(group)
		if last := messages[len(messages)-1]; last.Thread != 0 || !strings.Contains(last.Text, "deploy b") {
			f.Errorf("last message: %+v", last)
		}
		if note := f.lane(f.channels[0]).Note; note == "" {
			f.Error("the lane is not flagged")
		}
	})
}

func TestBlockedLaneIsPausedAndResumed(t *testing.T) {
	run(t, "-100200,42", func(f *fixture) {
		f.fake.Kick(group)
		f.push("a", shipbell.Announced)
		f.push("b", shipbell.Announced)
		f.settle(24 * time.Hour)
		f.want(private, "a, b")
		lane := f.lane("telegram:-100200")
		if lane.Pause == nil || !strings.Contains(lane.Pause.Reason, "kicked") || !strings.Contains(lane.Pause.Hint, "shipbell lanes resume telegram:-100200") {
			f.Fatalf("pause: %+v", lane.Pause)
		}
		calls := f.fake.CallCount()
		// A restart keeps the pause.
		f.start("-100200,42")
		f.settle(time.Hour)
		if f.fake.CallCount() != calls {
			f.Error("a paused lane made a request")
		}
		f.fake.Unblock(group)
		// As another process does: nobody is woken.
		other := ledger.New(ledger.Options{Store: f.store, Router: f})
		if err := other.Resume(f.Context(), "telegram:-100200", "test"); err != nil {
			f.Fatal(err)
		}
		f.settle(10 * time.Second)
		f.want(group, "a, b")
	})
}

func TestRefusedMarkupGoesAsPlainText(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.fake.SetFaults(faketelegram.RefuseMarkup("deploy b"))
		f.push("a", shipbell.Announced)
		f.push("b", shipbell.Announced)
		f.push("c", shipbell.Announced)
		f.settle(10 * time.Second)
		f.want(private, "a, b, c")
		if m := f.fake.Messages(private)[1]; len(m.Entities) != 0 {
			f.Errorf("the second message has markup: %+v", m)
		}
	})
}

// TestRefusedMessageDoesNotHoldUpTheLane: it is tried again, later and later.
func TestRefusedMessageDoesNotHoldUpTheLane(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.fake.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
			if strings.Contains(c.Text, "deploy a") {
				return faketelegram.Fault{Kind: faketelegram.FaultRefuse, Description: "Bad Request: SOMETHING_NEW"}
			}
			return faketelegram.Fault{}
		})
		f.push("a", shipbell.Announced)
		f.push("b", shipbell.Announced)
		f.settle(10 * time.Second)
		f.want(private, "b")
		f.settle(48 * time.Hour)
		if n := f.fake.CallCount(); n < 12 || n > 40 {
			f.Errorf("%d requests in two days", n)
		}
		f.fake.SetFaults(nil)
		f.settle(7 * time.Hour)
		f.want(private, "b, a")
	})
}

// TestFailedMarkDoesNotRepeat: what was delivered and could not be marked is
// marked later, not delivered again.
func TestFailedMarkDoesNotRepeat(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.failMarks.Store(20)
		f.push("a", shipbell.Announced)
		f.push("b", shipbell.Announced)
		f.settle(time.Minute)
		f.want(private, "a, b")
	})
}

// TestLostLaneIsMarked: what was posted before a lane was lost is marked whenever
// the store can be written again, or nobody could edit or remove the message.
func TestLostLaneIsMarked(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.failMarks.Store(60)
		f.push("a", shipbell.Announced)
		f.settle(2 * time.Second)
		f.lose()
		f.settle(2 * time.Minute)
		if lane := f.lane(f.channels[0]); lane.LastSuccess.IsZero() || lane.Backlog != 0 {
			t.Errorf("what was posted was never marked: %+v", lane)
		}
	})
}

// TestStopWaitsForTheAnswer: a request under way at shut-down is finished and
// marked, so that the next start does not repeat it.
func TestStopWaitsForTheAnswer(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.fake.SetFaults(func(faketelegram.Call) faketelegram.Fault {
			return faketelegram.Fault{Accepted: true, Delay: 3 * time.Second}
		})
		f.push("a", shipbell.Announced)
		synctest.Wait()
		f.start("42") // stops the first, which waits
		f.settle(time.Minute)
		f.want(private, "a")
	})
}

// TestStopIsBounded: a remote that never answers does not hold up the end.
func TestStopIsBounded(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.fake.SetFaults(func(faketelegram.Call) faketelegram.Fault {
			return faketelegram.Fault{Delay: time.Hour}
		})
		f.push("a", shipbell.Announced)
		synctest.Wait()
		start := time.Now()
		f.stop()
		if took := time.Since(start); took > 6*time.Second {
			f.Errorf("stopping took %s", took)
		}
	})
}

// TestEveryRequestIsCounted once, when it is answered and not when it is marked;
// what made no request is not.
func TestEveryRequestIsCounted(t *testing.T) {
	run(t, "-100200,42", func(f *fixture) {
		fault := faketelegram.Fault{Kind: faketelegram.FaultReset}
		f.fake.SetFaults(func(faketelegram.Call) faketelegram.Fault { return fault })
		f.push("a", shipbell.Announced)
		synctest.Wait()
		f.fake.SetFaults(nil)
		f.failMarks.Store(5)
		f.settle(time.Minute)
		f.push("a", shipbell.Success)
		f.settle(time.Minute)
		f.mu.Lock()
		defer f.mu.Unlock()
		if n := f.fake.CallCount(); len(f.counted) != n || n != 6 {
			t.Errorf("%d counted of %d requests, want 6", len(f.counted), n)
		}
		outcomes := make(map[string]int)
		for _, a := range f.counted {
			outcomes[fmt.Sprintf("%s %q %t", a.Channel, a.Fault, a.Edit)]++
		}
		for _, c := range f.channels {
			for _, want := range []string{`"temporary" false`, `"" false`, `"" true`} {
				if n := outcomes[string(c)+" "+want]; n != 1 {
					t.Errorf("%s %s was counted %d times", c, want, n)
				}
			}
		}
	})
}

func TestWakeOfUnknownChannel(t *testing.T) {
	dispatch.New(dispatch.Options{}).Wake("telegram:unknown")
}
