package faketelegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// eachTransport runs a test in process and over the network.
func eachTransport(t *testing.T, test func(t *testing.T, f *fake, post func(text string) (*http.Response, error))) {
	t.Run("in process", func(t *testing.T) {
		f := newFake(t, Options{Unlimited: true})
		test(t, f, func(text string) (*http.Response, error) {
			return f.Client().PostForm("http://telegram.test/bot"+DefaultToken+"/sendMessage", url.Values{"chat_id": {"42"}, "text": {text}})
		})
	})
	t.Run("network", func(t *testing.T) {
		f := newFake(t, Options{Unlimited: true})
		base, stop, err := f.Start()
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		test(t, f, func(text string) (*http.Response, error) {
			return client.PostForm(base+"/bot"+DefaultToken+"/sendMessage", url.Values{"chat_id": {"42"}, "text": {text}})
		})
	})
}

func TestResets(t *testing.T) {
	eachTransport(t, func(t *testing.T, f *fake, post func(string) (*http.Response, error)) {
		f.SetFaults(func(c Call) Fault {
			switch c.Text {
			case "before":
				return Fault{Kind: FaultReset}
			case "after":
				return Fault{Kind: FaultReset, Accepted: true}
			}
			return Fault{}
		})
		for i, text := range []string{"before", "after"} {
			response, err := post(text)
			if err == nil {
				response.Body.Close()
				t.Fatalf("%s: HTTP %d instead of a broken connection", text, response.StatusCode)
			}
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: %v", text, err)
			}
			if f.Count(person) != i {
				t.Errorf("%s: %d messages", text, f.Count(person))
			}
			c := f.Calls()[i]
			if !c.Done || c.Status != 0 || c.Accepted != (text == "after") || c.Fault.Kind != FaultReset {
				t.Errorf("%s: call %+v", text, c)
			}
		}
		response, err := post("fine")
		if err != nil {
			t.Fatal(err)
		}
		if a := readAnswer(t, response); !a.OK {
			t.Error(a.Body)
		}
	})
}

func TestUnreadableAnswers(t *testing.T) {
	eachTransport(t, func(t *testing.T, f *fake, post func(string) (*http.Response, error)) {
		for _, c := range []struct {
			fault    Fault
			status   int
			messages int
		}{
			{Fault{Kind: FaultStatus}, 502, 0},
			{Fault{Kind: FaultStatus, Status: 500, Accepted: true}, 500, 1},
			{Fault{Kind: FaultGarbage}, 200, 1},
			{Fault{Kind: FaultGarbage, Accepted: true}, 200, 2},
		} {
			f.SetFaults(func(Call) Fault { return c.fault })
			response, err := post("a")
			if err != nil {
				t.Fatal(err)
			}
			a := readAnswer(t, response)
			if a.Status != c.status || json.Valid([]byte(a.Body)) || f.Count(0) != c.messages {
				t.Errorf("%+v: HTTP %d %s, %d messages", c.fault, a.Status, a.Body, f.Count(0))
			}
		}
	})
}

func TestRefuse(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	f.SetFaults(RefuseMarkup("odd"))
	f.call("sendMessage", params{"chat_id": person, "text": "<b>odd</b>", "parse_mode": "HTML"}).wantRefused(t, bad("can't parse entities: Unexpected end tag at byte offset 0"))
	f.send(person, "odd")
	if a := f.call("sendMessage", params{"chat_id": person, "text": "even", "parse_mode": "HTML"}); !a.OK {
		t.Error(a.Body)
	}
	f.SetFaults(func(Call) Fault {
		return Fault{Kind: FaultRefuse, Status: 403, Description: "Forbidden: CHAT_RESTRICTED", Accepted: true}
	})
	f.try(person).wantRefused(t, `{"ok":false,"error_code":403,"description":"Forbidden: CHAT_RESTRICTED"}`)
	f.SetFaults(nil)
	if f.send(person, "last"); f.Count(0) != 3 {
		t.Errorf("%d messages, want 3", f.Count(0))
	}
}

func TestSlowAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		s.AddChat(Chat{ID: person})
		for _, c := range []struct {
			fault    Fault
			messages int
		}{
			{Fault{Delay: time.Minute, Accepted: true}, 1},
			{Fault{Delay: time.Minute}, 1},
			{Fault{Delay: time.Second}, 2},
		} {
			s.SetFaults(func(Call) Fault { return c.fault })
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://telegram.test/bot"+DefaultToken+"/sendMessage?chat_id=42&text=a", nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := s.Client().Do(request)
			if err == nil {
				response.Body.Close()
			}
			if timedOut := c.fault.Delay == time.Minute; timedOut != errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%+v: %v", c.fault, err)
			}
			cancel()
			synctest.Wait()
			if s.Count(0) != c.messages {
				t.Errorf("%+v: %d messages, want %d", c.fault, s.Count(0), c.messages)
			}
		}
	})
}

func TestGetUpdatesWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		begin := time.Now()
		for _, query := range []string{"", "?timeout=30", "?timeout=3000"} {
			response, err := s.Client().Get("http://telegram.test/bot" + DefaultToken + "/getUpdates" + query)
			if err != nil {
				t.Fatal(err)
			}
			if a := readAnswer(t, response); a.Body != `{"ok":true,"result":[]}` {
				t.Error(a.Body)
			}
		}
		if waited := time.Since(begin); waited != 80*time.Second {
			t.Errorf("waited %s, want 80s", waited)
		}
	})
}

// TestWait: a test waits for an event of another goroutine without polling, on
// the virtual clock.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		s.AddChat(Chat{ID: person})
		go func() {
			for i := range 5 {
				time.Sleep(time.Hour)
				response, err := s.Client().Get(fmt.Sprintf("http://telegram.test/bot%s/sendMessage?chat_id=42&text=%d", DefaultToken, i))
				if err != nil {
					panic(err)
				}
				response.Body.Close()
			}
		}()
		begin := time.Now()
		if err := s.Wait(t.Context(), func(s *Server) bool { return s.Count(person) == 3 }); err != nil {
			t.Fatal(err)
		}
		if passed := time.Since(begin); passed != 3*time.Hour {
			t.Errorf("waited %s, want 3h", passed)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		err := s.Wait(ctx, func(s *Server) bool { return s.Count(person) == 6 })
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "after 5 calls") {
			t.Errorf("wait for what never happens: %v", err)
		}
	})
}

// TestRandomFaults: what is drawn arrives whole.
func TestRandomFaults(t *testing.T) {
	mix := Mix{Status: 0.15, RateLimit: 0.15, ResetBefore: 0.15, ResetAfter: 0.15, Garbage: 0.15, Slow: 0.15, RetryAfter: time.Minute, Delay: time.Hour}
	faults, got := RandomFaults(1, mix), map[Fault]bool{}
	for seq := range 1000 {
		got[faults(Call{Seq: seq})] = true
	}
	want := map[Fault]bool{
		{}:                               true,
		{Kind: FaultStatus, Status: 500}: true,
		{Kind: FaultStatus, Status: 502}: true,
		{Kind: FaultRateLimit, RetryAfter: time.Minute}: true,
		{Kind: FaultReset}:                   true,
		{Kind: FaultReset, Accepted: true}:   true,
		{Kind: FaultGarbage}:                 true,
		{Kind: FaultGarbage, Accepted: true}: true,
		{Accepted: true, Delay: time.Hour}:   true,
	}
	if !maps.Equal(got, want) {
		t.Errorf("faults\n  got  %v\n  want %v", got, want)
	}
}

// TestConcurrency runs everything at once for the race detector, and checks that
// no message is lost or doubled.
func TestConcurrency(t *testing.T) {
	f := newFake(t, Options{Unlimited: true, MaxCalls: 10, MaxRevisions: 1})
	const senders, each = 8, 25
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for j := range each {
				a := f.call("sendMessage", params{"chat_id": group, "text": fmt.Sprint(i, "/", j)})
				f.call("editMessageText", params{"chat_id": group, "message_id": a.message(t).MessageID, "text": fmt.Sprint("edited ", i, "/", j)})
				f.SetFaults(nil)
				_, _, _, _ = f.Messages(group), f.AllMessages(), f.Calls(), f.Violations()
			}
		})
	}
	if err := f.Wait(t.Context(), func(s *Server) bool { return s.CallCount() == 2*senders*each }); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	texts := map[string]bool{}
	for i, m := range f.Messages(group) {
		texts[m.Text] = true
		if m.ID != i+1 || len(m.History()) != 2 {
			t.Errorf("message %d: %+v", i, m)
		}
	}
	if len(texts) != senders*each || f.Count(group) != senders*each {
		t.Errorf("%d different texts of %d messages, want %d", len(texts), f.Count(group), senders*each)
	}
}
