package dispatch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/faketelegram"
)

func (f *fixture) wantReplies(chat int64, replies string) {
	f.Helper()
	if got := f.replies(chat); got != replies {
		f.Errorf("replies in chat %d: %s\nwant: %s", chat, got, replies)
	}
}

// methods returns the methods of the calls from the nth on.
func (f *fixture) methods(from int) string {
	var all []string
	for _, c := range f.fake.Calls()[from:] {
		all = append(all, c.Method)
	}
	return strings.Join(all, ", ")
}

// TestAlertRings: a failure is a new message, which goes out before the edit of
// the main one.
func TestAlertRings(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.push("a", shipbell.Announced)
		f.settle(34 * time.Second)
		f.push("a", shipbell.Failure)
		f.settle(10 * time.Second)
		f.want(private, "a (❌ Failed after 34 s)")
		f.wantReplies(private, "a: ❌ api-service (production) failed after 34 s")
		if got := f.methods(1); got != "sendMessage, editMessageText" {
			t.Errorf("requests: %s", got)
		}
	})
}

func TestSuccessIsQuiet(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.push("a", shipbell.Announced)
		f.settle(34 * time.Second)
		f.push("a", shipbell.InProgress)
		f.settle(34 * time.Second)
		f.push("a", shipbell.Success)
		f.settle(10 * time.Second)
		f.want(private, "a (✅ Deployed in 1 min 8 s)")
		f.wantReplies(private, "")
	})
}

// TestFirstPostRingsByItself: a failure that is known when the message is posted
// needs no other one, also not when more becomes known.
func TestFirstPostRingsByItself(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.fake.SetFaults(func(faketelegram.Call) faketelegram.Fault { return faketelegram.Fault{Kind: faketelegram.FaultReset} })
		f.push("a", shipbell.Announced)
		f.settle(time.Second)
		f.push("a", shipbell.Failure)
		f.fake.SetFaults(nil)
		f.settle(10 * time.Second)
		f.want(private, "a (❌ Failed after 1 s)")
		f.record(shipbell.SourceExec, shipbell.Failure, shipbell.Key{Kind: shipbell.KeyPushed, ID: "a"})
		f.settle(10 * time.Second)
		if n := f.fake.Count(private); n != 1 {
			f.Errorf("%d messages, want one", n)
		}
	})
}

// TestFailureFromTheStart: the first that is heard of a deployment is that it
// failed. More that is heard of it does not ring again.
func TestFailureFromTheStart(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.push("a", shipbell.Failure)
		f.settle(10 * time.Second)
		f.record(shipbell.SourceBuilds, shipbell.Failure, shipbell.Key{Kind: shipbell.KeyPushed, ID: "a"})
		f.settle(10 * time.Second)
		f.want(private, "a (❌ Failed after 10 s)")
		f.wantReplies(private, "")
	})
}

// TestAlertOfWhatSucceededMeanwhile is not sent, and takes no request.
func TestAlertOfWhatSucceededMeanwhile(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.push("a", shipbell.Announced)
		f.settle(10 * time.Second)
		f.fake.SetFaults(func(faketelegram.Call) faketelegram.Fault { return faketelegram.Fault{Kind: faketelegram.FaultReset} })
		f.record(shipbell.SourceAlert, shipbell.Failure, shipbell.Key{Kind: shipbell.KeyPushed, ID: "a"})
		f.settle(100 * time.Millisecond)
		f.record(shipbell.SourceBuilds, shipbell.Success, shipbell.Key{Kind: shipbell.KeyPushed, ID: "a"})
		f.fake.SetFaults(nil)
		calls := f.fake.CallCount()
		f.settle(10 * time.Second)
		f.want(private, "a (✅ Deployed in 10 s)")
		f.wantReplies(private, "")
		if got := f.methods(calls); got != "editMessageText" {
			f.Errorf("requests: %s", got)
		}
		story, err := f.ledger.Story(f.Context(), shipbell.Key{Type: shipbell.Worker, ID: "a"})
		if err != nil {
			f.Fatal(err)
		}
		found := false
		for _, a := range story.Attempts {
			found = found || a.Part == shipbell.PartAlert && strings.Contains(a.Detail, "nothing to tell")
		}
		if !found {
			f.Errorf("no attempt says why there is no alert: %+v", story.Attempts)
		}
	})
}

// TestShownAlertIsTakenBack: an alert that turned out wrong says so where it is.
func TestShownAlertIsTakenBack(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.push("a", shipbell.Announced)
		f.settle(10 * time.Second)
		f.record(shipbell.SourceAlert, shipbell.Failure, shipbell.Key{Kind: shipbell.KeyPushed, ID: "a"})
		f.settle(10 * time.Second)
		f.record(shipbell.SourcePoll, shipbell.Success, shipbell.Key{Kind: shipbell.KeyPushed, ID: "a"})
		f.settle(10 * time.Second)
		f.want(private, "a (✅ Deployed in 20 s)")
		f.wantReplies(private, "a: ↩️ api-service (production) did not fail")
		if n := f.fake.Count(private); n != 2 {
			f.Errorf("%d messages, want two", n)
		}
	})
}

// TestAlarmAndItsEnd: one loud message when a deployment does not end, and one
// when it did after all.
func TestAlarmAndItsEnd(t *testing.T) {
	run(t, "42", func(f *fixture) {
		watch := func() {
			if _, err := f.ledger.Watch(f.Context(), nil); err != nil {
				f.Fatal(err)
			}
			f.settle(10 * time.Second)
		}
		f.push("a", shipbell.InProgress)
		f.settle(31 * time.Minute)
		watch()
		f.wantReplies(private, "a: 🧊 api-service (production) is overdue")
		f.settle(10 * time.Minute)
		f.push("a", shipbell.Success)
		f.settle(time.Minute)
		watch()
		f.wantReplies(private, "a: 🧊 api-service (production) was overdue, a: ✅ api-service (production) has moved")
		if m := f.fake.Messages(private); len(m) != 3 {
			f.Errorf("%d messages, want three", len(m))
		}
	})
}

// TestAlarmThatWasOverBeforeItWasTold tells nothing: neither that it began nor
// that it is over.
func TestAlarmThatWasOverBeforeItWasTold(t *testing.T) {
	run(t, "42", func(f *fixture) {
		watch := func() {
			if _, err := f.ledger.Watch(f.Context(), nil); err != nil {
				f.Fatal(err)
			}
		}
		f.push("a", shipbell.InProgress)
		f.settle(31 * time.Minute)
		f.fake.SetFaults(func(faketelegram.Call) faketelegram.Fault { return faketelegram.Fault{Kind: faketelegram.FaultReset} })
		watch()
		f.settle(time.Minute)
		f.push("a", shipbell.Success)
		watch()
		f.fake.SetFaults(nil)
		f.settle(10 * time.Minute)
		f.want(private, "a (✅ Deployed in 32 min)")
		f.wantReplies(private, "")
	})
}

// TestAnswersADeletedMessage: somebody deleted the main message. The alert comes
// without it, and the main message is posted anew.
func TestAnswersADeletedMessage(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.push("a", shipbell.Announced)
		f.settle(10 * time.Second)
		f.fake.DeleteMessage(private, 1)
		f.push("a", shipbell.Failure)
		f.settle(10 * time.Second)
		var first []string
		for _, m := range f.fake.Messages(private)[1:] {
			line, _, _ := strings.Cut(m.Text, "\n")
			first = append(first, line)
		}
		if got := strings.Join(first, ", "); got != "❌ api-service (production) failed after 10 s, ⚡ New Worker Deployment" {
			f.Errorf("messages: %s", got)
		}
	})
}

// TestGoesWithoutAnAnswer: a server that insists on the answered message does not
// hold up the alert.
func TestGoesWithoutAnAnswer(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.push("a", shipbell.Announced)
		f.settle(10 * time.Second)
		refused := 0
		f.fake.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
			if c.Method == "sendMessage" && refused == 0 {
				refused++
				return faketelegram.Fault{Kind: faketelegram.FaultRefuse, Description: "Bad Request: message to be replied not found"}
			}
			return faketelegram.Fault{}
		})
		f.push("a", shipbell.Failure)
		f.settle(5 * time.Second)
		m := f.fake.Messages(private)
		if len(m) != 2 || m[1].ReplyTo != 0 || !strings.HasPrefix(m[1].Text, "❌") {
			f.Errorf("messages: %+v", m)
		}
	})
}

// twice makes two messages of one deployment, and then lets the ledger learn
// that they are one.
func (f *fixture) twice(apart time.Duration) {
	f.Helper()
	f.push("a", shipbell.Announced)
	f.settle(apart)
	version := shipbell.Key{Kind: shipbell.KeyVersion, ID: "version"}
	f.record(shipbell.SourcePoll, shipbell.Success, version)
	f.settle(10 * time.Second)
	if n := f.fake.Count(private); n != 2 {
		f.Fatalf("%d messages to begin with, want two: %s", n, f.shown(private))
	}
}

func (f *fixture) join() {
	f.Helper()
	f.record(shipbell.SourcePush, shipbell.Announced, shipbell.Key{Kind: shipbell.KeyPushed, ID: "a"}, shipbell.Key{Kind: shipbell.KeyVersion, ID: "version"})
}

// TestSecondMessageIsRemoved: of two messages the later goes.
func TestSecondMessageIsRemoved(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.twice(time.Hour)
		f.join()
		f.settle(10 * time.Second)
		f.want(private, "a (✅ Deployed in 1 h)")
		calls := f.fake.CallCount()
		f.settle(24 * time.Hour)
		if n := f.fake.CallCount() - calls; n != 0 {
			f.Errorf("%d requests after that", n)
		}
	})
}

func TestSecondMessageBecomesAPointer(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.twice(time.Hour)
		f.settle(48 * time.Hour)
		calls := f.fake.CallCount()
		f.join()
		f.settle(10 * time.Second)
		f.want(private, "a (✅ Deployed in 1 h), ↑ See the message about api-service (production) above")
		if n := f.fake.CallCount() - calls; n != 3 {
			f.Errorf("%d requests, want an edit, a refused removal and the pointer: %s", n, f.methods(calls))
		}
		f.settle(24 * time.Hour)
		if n := f.fake.CallCount() - calls; n != 3 {
			f.Errorf("%d requests after that", n-3)
		}
	})
}

func TestSecondMessageIsGoneAlready(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.twice(time.Hour)
		f.settle(48 * time.Hour)
		f.fake.DeleteMessage(private, 2)
		calls := f.fake.CallCount()
		f.join()
		f.settle(time.Hour)
		f.want(private, "a (✅ Deployed in 1 h)")
		if n := f.fake.CallCount() - calls; n != 2 {
			f.Errorf("%d requests, want two: %s", n, f.methods(calls))
		}
	})
}

// TestCrashBeforeThePointer: a process that dies between the refused removal and
// the pointer learns it again.
func TestCrashBeforeThePointer(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.twice(time.Hour)
		f.settle(48 * time.Hour)
		refused := make(chan struct{}, 1)
		f.fake.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
			if c.Method == "deleteMessage" {
				select {
				case refused <- struct{}{}:
				default:
				}
			}
			return faketelegram.Fault{}
		})
		f.join()
		<-refused
		f.start("42")
		f.settle(10 * time.Second)
		f.want(private, "a (✅ Deployed in 1 h), ↑ See the message about api-service (production) above")
	})
}

// TestCrashBetweenAnswerAndMark: a message that was delivered and could not be
// marked comes a second time, and no other does.
func TestCrashBetweenAnswerAndMark(t *testing.T) {
	for name, announced := range map[string]bool{"the alert": true, "a first post that rings": false} {
		t.Run(name, func(t *testing.T) {
			run(t, "42", func(f *fixture) {
				if announced {
					f.push("a", shipbell.Announced)
					f.settle(10 * time.Second)
				}
				f.failMarks.Store(1000)
				f.push("a", shipbell.Failure)
				f.settle(3 * time.Second)
				f.stop()
				f.failMarks.Store(0)
				f.start("42")
				f.settle(time.Minute)
				texts := map[string]int{}
				for _, m := range f.fake.Messages(private) {
					first, _, _ := strings.Cut(m.Text, "\n")
					texts[first]++
				}
				want := map[string]int{"⚡ New Worker Deployment": 2}
				if announced {
					want = map[string]int{"⚡ New Worker Deployment": 1, "❌ api-service (production) failed after 10 s": 2}
				}
				if fmt.Sprint(texts) != fmt.Sprint(want) {
					f.Errorf("messages %v, want %v", texts, want)
				}
			})
		})
	}
}

// TestReserve: edits that can wait leave a part of the budget, and an alert that
// comes while they wait goes out at once.
func TestReserve(t *testing.T) {
	run(t, "-100200", func(f *fixture) {
		for i := range 12 {
			f.push(fmt.Sprint(i), shipbell.Announced)
		}
		f.settle(5 * time.Minute)
		edits := f.fake.CallCount()
		for i := range 12 {
			f.push(fmt.Sprint(i), shipbell.Queued)
		}
		f.settle(13 * time.Second)
		for i := range 12 {
			f.push(fmt.Sprint(i), shipbell.InProgress)
		}
		f.settle(15 * time.Second)
		if n := f.fake.CallCount() - edits; n != 15 {
			f.Errorf("%d edits within a minute, want 15 of 20", n)
		}
		start := time.Now()
		calls := f.fake.CallCount()
		f.push("3", shipbell.Failure)
		synctest.Wait()
		if got := f.methods(calls); got != "sendMessage" || time.Since(start) > 0 {
			f.Errorf("after %s: %s", time.Since(start), got)
		}
		f.settle(2 * time.Minute)
		for _, c := range f.fake.Calls() {
			if c.Done && c.Status != 200 {
				f.Fatalf("refused: %+v", c)
			}
		}
	})
}

// TestUnderPressure: 200 deployments within ten minutes in one group, which takes
// 20 requests a minute, and some of them fail. Nothing is refused, nothing is
// told twice, the alerts are there within seconds, and in the end every message
// shows the last state.
func TestUnderPressure(t *testing.T) {
	run(t, "-100200", func(f *fixture) {
		const deployments, every, fails = 200, 3 * time.Second, 20
		const alertWithin = 15 * time.Second
		failedAt := map[string]time.Time{}
		want := map[string]string{}
		type step struct {
			id     string
			status shipbell.Status
		}
		// Each takes 40 s: queued after 2 steps, in progress after 5, over after 13.
		due := map[int][]step{}
		for i := range deployments {
			id := fmt.Sprint(i)
			end := step{id, shipbell.Success}
			want[id] = "✅ Deployed in 39 s"
			if i%fails == fails/2 {
				end.status = shipbell.Failure
				want[id] = "❌ Failed after 39 s"
			}
			due[i] = append(due[i], step{id, shipbell.Announced})
			due[i+2] = append(due[i+2], step{id, shipbell.Queued})
			due[i+5] = append(due[i+5], step{id, shipbell.InProgress})
			due[i+13] = append(due[i+13], end)
		}
		for tick := range deployments + 14 {
			for _, s := range due[tick] {
				f.push(s.id, s.status)
				if s.status == shipbell.Failure {
					failedAt[s.id] = time.Now()
				}
			}
			f.settle(every)
		}
		f.settle(30 * time.Minute)

		got, alerts := map[string]string{}, map[string]int{}
		for _, m := range f.fake.Messages(group) {
			if m.ReplyTo != 0 {
				main, _ := f.fake.Message(group, m.ReplyTo)
				alerts[idIn(main.Text)]++
				if took := m.Sent.Sub(failedAt[idIn(main.Text)]); took > alertWithin {
					f.Errorf("the alert of %s took %s", idIn(main.Text), took)
				}
				continue
			}
			id := idIn(m.Text)
			if got[id] != "" {
				f.Errorf("%s has two messages", id)
			}
			got[id] = strings.Split(m.Text, "\n")[1]
			// Where the first post told of the failure, that is the alert.
			if at, ok := failedAt[id]; ok && !m.Sent.Before(at) {
				alerts[id]++
				if took := m.Sent.Sub(at); took > alertWithin {
					f.Errorf("the first message of %s, which failed, took %s", id, took)
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			f.Errorf("the group shows %v\nwant %v", got, want)
		}
		for id := range failedAt {
			if alerts[id] != 1 {
				f.Errorf("%s rang %d times", id, alerts[id])
			}
		}
		for _, c := range f.fake.Calls() {
			if c.Done && c.Status != 200 {
				f.Fatalf("refused: %+v", c)
			}
		}
		if len(failedAt) != deployments/fails {
			f.Fatal(errors.New("the scene is not what it should be"))
		}
	})
}

// TestAlertThatAPersonDeleted rang, and does not ring again.
func TestAlertThatAPersonDeleted(t *testing.T) {
	run(t, "42", func(f *fixture) {
		f.push("a", shipbell.Announced)
		f.settle(10 * time.Second)
		f.record(shipbell.SourceAlert, shipbell.Failure, shipbell.Key{Kind: shipbell.KeyPushed, ID: "a"})
		f.settle(10 * time.Second)
		f.fake.DeleteMessage(private, f.fake.Messages(private)[1].ID)
		f.record(shipbell.SourceBuilds, shipbell.Failure, shipbell.Key{Kind: shipbell.KeyPushed, ID: "a"})
		f.settle(10 * time.Second)
		f.record(shipbell.SourcePoll, shipbell.Failure, shipbell.Key{Kind: shipbell.KeyPushed, ID: "a"})
		f.settle(10 * time.Second)
		f.wantReplies(private, "")
	})
}
