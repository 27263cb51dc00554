package faketelegram

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func limited(seconds int) string {
	return fmt.Sprintf(`{"ok":false,"error_code":429,"description":"Too Many Requests: retry after %d","parameters":{"retry_after":%d}}`, seconds, seconds)
}

func (f *fake) wantLimited(a answerOf, seconds int) {
	f.t.Helper()
	a.wantRefused(f.t, limited(seconds))
	if a.RetryAfter != fmt.Sprint(seconds) {
		f.t.Errorf("header Retry-After %q, want %d", a.RetryAfter, seconds)
	}
}

func (f *fake) try(chat int64) answerOf {
	f.t.Helper()
	return f.call("sendMessage", params{"chat_id": chat, "text": "a"})
}

func TestPaceOfAChat(t *testing.T) {
	f := newFake(t, Options{})
	f.send(person, "1")
	f.send(person, "2") // a burst of two passes
	f.wantLimited(f.try(person), 1)
	f.send(group, "another chat has its own budget")
	if n := f.IgnoredRetryAfter(); n != 0 {
		t.Errorf("%d calls ignored a pause nobody knew of", n)
	}

	f.clock.Advance(999 * time.Millisecond)
	f.wantLimited(f.try(person), 1)
	if n := f.IgnoredRetryAfter(); n != 1 {
		t.Errorf("%d calls ignored the pause, want 1", n)
	}
	f.clock.Advance(time.Millisecond)
	f.send(person, "3")
	f.wantLimited(f.try(person), 1)

	f.clock.Advance(time.Hour)
	for range 50 { // a steady client is never refused, in a private chat
		f.send(person, "steady")
		f.clock.Advance(time.Second)
	}
	if n := f.IgnoredRetryAfter(); n != 1 {
		t.Errorf("%d calls ignored a pause, want 1", n)
	}
}

func TestTwentyAMinute(t *testing.T) {
	for _, chat := range []int64{group, forum, channel} {
		f := newFake(t, Options{})
		id := f.send(chat, "0")
		for i := range 19 { // edits share the budget
			f.clock.Advance(time.Second)
			if a := f.call("editMessageText", params{"chat_id": chat, "message_id": id, "text": fmt.Sprint("edit ", i)}); !a.OK {
				t.Fatalf("edit %d: %s", i, a.Body)
			}
		}
		f.clock.Advance(time.Second)
		f.wantLimited(f.try(chat), 40)
		f.clock.Advance(30 * time.Second)
		f.wantLimited(f.call("editMessageText", params{"chat_id": chat, "message_id": id, "text": "early"}), 10)
		f.clock.Advance(10 * time.Second)
		f.send(chat, "in time")
		f.clock.Advance(500 * time.Millisecond)
		f.wantLimited(f.try(chat), 1)
		if n := f.IgnoredRetryAfter(); n != 1 {
			t.Errorf("%d calls ignored a pause, want 1", n)
		}
	}
}

func TestWhatCostsNothing(t *testing.T) {
	f := newFake(t, Options{})
	id := f.send(person, "a")
	f.try(person)
	f.wantLimited(f.try(person), 1)
	for range 5 {
		if a := f.call("getChat", params{"chat_id": person}); !a.OK {
			t.Error(a.Body)
		}
		f.call("sendMessage", params{"chat_id": person, "text": "<b", "parse_mode": "HTML"}).wantRefused(t, bad("can't parse entities: Unclosed start tag at byte offset 0"))
	}
	if a := f.call("deleteMessage", params{"chat_id": person, "message_id": id}); !a.OK {
		t.Error(a.Body)
	}
	f.clock.Advance(time.Second)
	f.send(person, "b")
}

func TestOtherLimits(t *testing.T) {
	f := newFake(t, Options{Limits: Limits{Interval: 10 * time.Second, Burst: 3, PerMinute: 4}})
	for range 3 {
		f.send(group, "burst")
	}
	f.wantLimited(f.try(group), 10)
	f.clock.Advance(10 * time.Second)
	f.send(group, "fourth")
	f.wantLimited(f.try(group), 50)

	free := newFake(t, Options{Unlimited: true})
	for range 100 {
		free.send(group, "no limits")
	}
}

func TestIgnoredPauseOfAFault(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	f.SetFaults(func(c Call) Fault {
		if c.Seq == 1 {
			return Fault{Kind: FaultRateLimit, RetryAfter: 17 * time.Second}
		}
		return Fault{}
	})
	f.wantLimited(f.try(group), 17)
	f.send(person, "another chat")
	f.clock.Advance(2500 * time.Millisecond)
	f.wantLimited(f.try(group), 15)
	f.clock.Advance(14500 * time.Millisecond)
	f.send(group, "after")
	if n := f.IgnoredRetryAfter(); n != 1 {
		t.Errorf("%d calls ignored the pause, want 1", n)
	}
}

// TestInFlight: a call that was received before the 429 was decided could not
// know of it.
func TestInFlight(t *testing.T) {
	f := newFake(t, Options{})
	hold := make(chan struct{})
	f.SetFaults(func(c Call) Fault {
		if c.Text == "early" {
			return Fault{Hold: hold}
		}
		return Fault{}
	})
	early := make(chan answerOf, 1)
	go func() {
		response, err := f.Client().Post("http://telegram.test/bot"+DefaultToken+"/sendMessage?chat_id=42&text=early", "", nil)
		if err != nil {
			panic(err)
		}
		early <- readAnswer(t, response)
	}()
	if err := f.Wait(t.Context(), func(s *Server) bool { return s.CallCount() == 1 }); err != nil {
		t.Fatal(err)
	}
	f.send(person, "1")
	f.send(person, "2")
	f.wantLimited(f.try(person), 1)
	close(hold)
	f.wantLimited(<-early, 1)
	if n := f.IgnoredRetryAfter(); n != 0 {
		t.Errorf("%d calls ignored the pause, want 0", n)
	}
	f.try(person)
	if n := f.IgnoredRetryAfter(); n != 1 {
		t.Errorf("%d calls ignored the pause, want 1", n)
	}
}

func TestParametersOfARefusal(t *testing.T) {
	b, err := json.Marshal(envelope{ErrorCode: 400, Description: "x"})
	if err != nil || string(b) != `{"ok":false,"error_code":400,"description":"x"}` {
		t.Errorf("%s, %v", b, err)
	}
}
