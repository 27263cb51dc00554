package telegram_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/telegram"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/outbound"
)

// The chats of these tests.
const (
	person  = int64(42)
	group   = int64(-77)
	forum   = int64(-1001000000001)
	news    = int64(-1001000000002)
	newHome = int64(-1001000000003)
)

// fake is a Telegram on the local machine. Every test ends with the question
// whether all requests were as documented.
type fake struct {
	*faketelegram.Server
	t   *testing.T
	url string
}

func newFake(t *testing.T, o faketelegram.Options) *fake {
	t.Helper()
	server := faketelegram.New(o)
	server.AddChat(faketelegram.Chat{ID: person, Title: "Ada"})
	server.AddChat(faketelegram.Chat{ID: group, Title: "Team"})
	server.AddChat(faketelegram.Chat{ID: forum, Title: "Forum", Forum: true})
	server.AddChat(faketelegram.Chat{ID: news, Type: faketelegram.Channel, Title: "News", Username: "ShipNews"})
	url, stop, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	t.Cleanup(func() {
		if v := server.Violations(); len(v) > 0 {
			t.Errorf("violations: %q", v)
		}
	})
	return &fake{Server: server, t: t, url: url}
}

func (f *fake) channel(chat string) *telegram.Channel {
	f.t.Helper()
	client := outbound.New(outbound.Options{})
	f.t.Cleanup(client.CloseIdleConnections)
	return newChannel(f.t, telegram.Config{Token: outbound.NewSecret(f.Token()), APIURL: f.url, HTTP: client}, chat)
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

// deliver is a delivery that must work.
func deliver(t *testing.T, c *telegram.Channel, d shipbell.Delivery) shipbell.MessageRef {
	t.Helper()
	ref, err := c.Deliver(t.Context(), d)
	if err != nil || ref == "" {
		t.Fatalf("ref %q, error %v", ref, err)
	}
	return ref
}

// refuse is a delivery that must end with the fault.
func refuse(t *testing.T, c *telegram.Channel, d shipbell.Delivery, want shipbell.Fault) *shipbell.DeliveryError {
	t.Helper()
	_, err := c.Deliver(t.Context(), d)
	e := fault(t, err)
	if e.Fault != want {
		t.Fatalf("%+v, want %s", *e, want)
	}
	return e
}

// shown are the texts of the messages that still exist in a chat.
func (f *fake) shown(chat int64) string {
	var texts []string
	for _, m := range f.Messages(chat) {
		if !m.Deleted {
			texts = append(texts, m.Text)
		}
	}
	return strings.Join(texts, "|")
}

func (f *fake) wantShown(chat int64, want string) {
	f.t.Helper()
	if got := f.shown(chat); got != want {
		f.t.Errorf("chat %d shows %q, want %q", chat, got, want)
	}
}

func TestPostAndEdit(t *testing.T) {
	f := newFake(t, faketelegram.Options{Unlimited: true})
	for _, test := range []struct {
		chat string
		id   int64
	}{{id(person), person}, {id(group), group}, {id(forum), forum}, {"@shipnews", news}} {
		c := f.channel(test.chat)
		ref := deliver(t, c, shipbell.Delivery{Message: text("<one>")})
		f.wantShown(test.id, "<one>")
		if again := deliver(t, c, shipbell.Delivery{Message: text("<one>"), Ref: ref}); again != ref {
			t.Errorf("not modified: ref %q, want %q", again, ref)
		}
		deliver(t, c, shipbell.Delivery{Message: text("two"), Ref: ref})
		f.wantShown(test.id, "two")
		if m := f.Messages(test.id)[0]; !m.PreviewDisabled {
			t.Errorf("link preview is on: %+v", m)
		}
	}
}

func TestAwkwardMessagesAreAccepted(t *testing.T) {
	f := newFake(t, faketelegram.Options{Unlimited: true})
	c := f.channel(id(group))
	for _, a := range awkward {
		ref := deliver(t, c, shipbell.Delivery{Message: a.message})
		deliver(t, c, shipbell.Delivery{Message: a.message, Ref: ref, Plain: true})
		deliver(t, c, shipbell.Delivery{Message: a.message, Ref: ref})
	}
}

func TestEntities(t *testing.T) {
	f := newFake(t, faketelegram.Options{Unlimited: true})
	deliver(t, f.channel(id(group)), shipbell.Delivery{Message: deployment(`a <b> & "c" 🚢`)})
	m := f.Messages(group)[0]
	want := "✅ api-service deployed\n\nEnvironment: production\nCommit: 0a1b2c3d a <b> & \"c\" 🚢\nDeployment: 6f1f1c0e-2a38\nLog: open"
	if m.Text != want {
		t.Errorf("text\n  got  %q\n  want %q", m.Text, want)
	}
	runes := []rune(m.Text) // all in one UTF-16 code unit up to the emoji, behind which nothing is looked at but the end
	var got []string
	for _, e := range m.Entities {
		if e.Offset+e.Length < len(runes)-40 {
			got = append(got, string(e.Type)+" "+string(runes[e.Offset:e.Offset+e.Length])+" "+e.URL)
		}
	}
	wantEntities := []string{
		"bold api-service deployed ", "bold Environment: ", "bold Commit: ",
		"text_link 0a1b2c3d https://example.com/acme/api/commit/0a1b2c3d",
	}
	if strings.Join(got, "\n") != strings.Join(wantEntities, "\n") {
		t.Errorf("entities %q, want %q", got, wantEntities)
	}
	last := m.Entities[len(m.Entities)-1]
	if last.Type != faketelegram.TextLink || last.URL != `https://example.com/log?a=1&b="2"` {
		t.Errorf("last entity %+v", last)
	}
}

func TestDeletedMessageIsPostedAnew(t *testing.T) {
	f := newFake(t, faketelegram.Options{Unlimited: true})
	c := f.channel(id(group))
	ref := deliver(t, c, shipbell.Delivery{Message: text("one")})
	f.DeleteMessage(group, f.Messages(group)[0].ID)

	refuse(t, c, shipbell.Delivery{Message: text("two"), Ref: ref}, shipbell.FaultGone)
	deliver(t, c, shipbell.Delivery{Message: text("two")})
	f.wantShown(group, "two")
}

func TestAnotherMembersMessageIsGone(t *testing.T) {
	f := newFake(t, faketelegram.Options{Unlimited: true})
	foreign := f.AddMessage(group, "hello")
	ref := shipbell.MessageRef(`{"chat":-77,"message":` + strconv.Itoa(foreign) + `}`)
	refuse(t, f.channel(id(group)), shipbell.Delivery{Message: text("two"), Ref: ref}, shipbell.FaultGone)
}

// TestMigration goes the way of the dispatcher: an edit of a message of the old
// group leads to the new id, then to a new message in the new chat.
func TestMigration(t *testing.T) {
	f := newFake(t, faketelegram.Options{Unlimited: true})
	c := f.channel(id(group))
	old := deliver(t, c, shipbell.Delivery{Message: text("old")})
	f.Migrate(group, newHome)

	d := shipbell.Delivery{Message: text("new"), Ref: old}
	moved := refuse(t, c, d, shipbell.FaultMoved)
	if !strings.Contains(moved.Reason, id(newHome)) {
		t.Errorf("reason %q does not name the new id", moved.Reason)
	}
	d.Memory = moved.Memory
	calls := f.CallCount()
	refuse(t, c, d, shipbell.FaultGone)
	if n := f.CallCount() - calls; n != 0 {
		t.Errorf("%d requests for a message that stayed behind", n)
	}
	d.Ref = ""
	d.Ref = deliver(t, c, d)
	f.wantShown(newHome, "new")
	d.Message = text("newer")
	deliver(t, c, d)
	f.wantShown(newHome, "newer")

	if e := refuse(t, c, shipbell.Delivery{Message: text("x")}, shipbell.FaultMoved); e.Memory != moved.Memory {
		t.Errorf("a post remembers %q, an edit %q", e.Memory, moved.Memory)
	}
}

// TestReplies: an answer hangs on its message, and comes also when that is gone.
func TestReplies(t *testing.T) {
	f := newFake(t, faketelegram.Options{Unlimited: true})
	topic := f.AddTopic(forum)
	c := f.channel(id(forum) + ":" + strconv.Itoa(topic))
	main := deliver(t, c, shipbell.Delivery{Message: text("main")})
	deliver(t, c, shipbell.Delivery{Message: text("answer"), ReplyTo: main})
	f.DeleteMessage(forum, f.Messages(forum)[0].ID)
	deliver(t, c, shipbell.Delivery{Message: text("late answer"), ReplyTo: main})
	m := f.Messages(forum)
	if m[1].ReplyTo != m[0].ID || m[2].ReplyTo != 0 || m[2].Thread != topic {
		t.Errorf("answers %+v", m[1:])
	}
}

// TestRemoves: a message is deleted while Telegram allows it, and made a pointer
// later.
func TestRemoves(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f := newFake(t, faketelegram.Options{Unlimited: true, Now: func() time.Time { return now }})
	c := f.channel(id(group))
	old := deliver(t, c, shipbell.Delivery{Message: text("old")})
	now = now.Add(47 * time.Hour)
	young := deliver(t, c, shipbell.Delivery{Message: text("young")})
	now = now.Add(time.Hour)
	for range 2 {
		if ref, err := c.Deliver(t.Context(), shipbell.Delivery{Ref: young, Remove: true}); ref != "" || err != nil {
			t.Errorf("ref %q, error %v", ref, err)
		}
	}
	refuse(t, c, shipbell.Delivery{Ref: old, Remove: true}, shipbell.FaultKept)
	deliver(t, c, shipbell.Delivery{Ref: old, Message: text("pointer")})
	f.wantShown(group, "pointer")
}

func TestDeletedTopic(t *testing.T) {
	f := newFake(t, faketelegram.Options{Unlimited: true})
	topic := f.AddTopic(forum)
	c := f.channel(id(forum) + ":" + strconv.Itoa(topic))
	d := shipbell.Delivery{Message: text("one")}
	d.Ref = deliver(t, c, d)
	if m := f.Messages(forum)[0]; m.Thread != topic {
		t.Errorf("posted to topic %d, want %d", m.Thread, topic)
	}
	f.DeleteTopic(forum, topic)

	d.Message = text("two")
	refuse(t, c, d, shipbell.FaultGone)
	d.Ref = ""
	moved := refuse(t, c, d, shipbell.FaultMoved)
	d.Memory = moved.Memory
	d.Ref = deliver(t, c, d)
	f.wantShown(forum, "two")
	d.Message = text("three")
	deliver(t, c, d)
	f.wantShown(forum, "three")
}

func TestWhatLastsUntilAPersonActs(t *testing.T) {
	tests := []struct {
		name string
		chat int64
		do   func(*faketelegram.Server, int64)
		hint string
	}{
		{"blocked", person, (*faketelegram.Server).Block, "unblock it"},
		{"deactivated", person, (*faketelegram.Server).Deactivate, "account does not exist any more"},
		{"kicked from a group", group, (*faketelegram.Server).Kick, "add the bot to the group again"},
		{"left a group", group, (*faketelegram.Server).Leave, "add the bot to the group again"},
		{"group deleted", group, (*faketelegram.Server).DeleteGroup, "the group does not exist any more"},
		{"kicked from a supergroup", forum, (*faketelegram.Server).Kick, "add the bot to the group again"},
		{"supergroup deleted", forum, (*faketelegram.Server).DeleteGroup, "check the id"},
		{"kicked from a channel", news, (*faketelegram.Server).Kick, "as an administrator"},
		{"left a channel", news, (*faketelegram.Server).Leave, "as an administrator"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t, faketelegram.Options{Unlimited: true})
			c := f.channel(id(test.chat))
			ref := deliver(t, c, shipbell.Delivery{Message: text("one")})
			test.do(f.Server, test.chat)
			for _, d := range []shipbell.Delivery{{Message: text("two")}, {Message: text("two"), Ref: ref}} {
				e := refuse(t, c, d, shipbell.FaultBlocked)
				if want := ", then run: shipbell lanes resume telegram:" + id(test.chat); !strings.Contains(e.Hint, test.hint) || !strings.HasSuffix(e.Hint, want) {
					t.Errorf("hint %q", e.Hint)
				}
			}
			f.Unblock(test.chat)
			deliver(t, c, shipbell.Delivery{Message: text("two"), Ref: ref})
			f.wantShown(test.chat, "two")
		})
	}
}

func TestUnknownChatAndToken(t *testing.T) {
	f := newFake(t, faketelegram.Options{})
	for _, chat := range []string{"-999", "@nobody", "7"} {
		refuse(t, f.channel(chat), shipbell.Delivery{Message: text("x")}, shipbell.FaultBlocked)
	}
	for _, wrong := range []string{"1:unknown", "no token at all", "a/b?c=d"} {
		c := newChannel(t, telegram.Config{Token: outbound.NewSecret(wrong), APIURL: f.url}, id(group))
		e := refuse(t, c, shipbell.Delivery{Message: text("x")}, shipbell.FaultBlocked)
		if !strings.Contains(e.Hint, "check the bot token") {
			t.Errorf("token %q: %+v", wrong, *e)
		}
		if _, err := c.Check(t.Context()); fault(t, err).Fault != shipbell.FaultBlocked {
			t.Errorf("token %q: Check says %v", wrong, err)
		}
	}
	got, err := f.channel("@shipnews").Check(t.Context())
	if want := (telegram.Identity{Bot: "@shipbell_bot", Chat: "News (@ShipNews)"}); err != nil || got != want {
		t.Errorf("Check = %+v, %v", got, err)
	}
}

func TestRefusedMarkupPassesAsPlainText(t *testing.T) {
	f := newFake(t, faketelegram.Options{Unlimited: true})
	f.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
		if c.ParseMode == "" {
			return faketelegram.Fault{}
		}
		return faketelegram.Fault{Kind: faketelegram.FaultRefuse, Description: `Bad Request: can't parse entities: Unsupported start tag "b" at byte offset 0`}
	})
	c := f.channel(id(group))
	d := shipbell.Delivery{Message: deployment("Fix <it>")}
	refuse(t, c, d, shipbell.FaultMarkup)
	d.Plain = true
	d.Ref = deliver(t, c, d)
	f.wantShown(group, d.Message.Plain())
	d.Message = deployment("Fix it")
	deliver(t, c, d)
	f.wantShown(group, d.Message.Plain())
}

// TestRateLimit holds that the fake's own limits, not an injected fault, come
// back with the time they name. Its clock stands still.
func TestRateLimit(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f := newFake(t, faketelegram.Options{Now: func() time.Time { return now }})
	c := f.channel(id(group))
	d := shipbell.Delivery{Message: text("one")}
	for range faketelegram.DefaultBurst {
		deliver(t, c, d)
	}
	if e := refuse(t, c, d, shipbell.FaultRateLimited); e.RetryAfter != time.Second {
		t.Errorf("retry after %s", e.RetryAfter)
	}
	f.SetFaults(func(faketelegram.Call) faketelegram.Fault {
		return faketelegram.Fault{Kind: faketelegram.FaultRateLimit, RetryAfter: 17 * time.Second}
	})
	if e := refuse(t, c, d, shipbell.FaultRateLimited); e.RetryAfter != 17*time.Second {
		t.Errorf("retry after %s", e.RetryAfter)
	}
}

func TestBrokenAnswersAreTemporary(t *testing.T) {
	for name, broken := range map[string]faketelegram.Fault{
		"reset":                 {Kind: faketelegram.FaultReset},
		"reset after accepting": {Kind: faketelegram.FaultReset, Accepted: true},
		"garbage":               {Kind: faketelegram.FaultGarbage, Accepted: true},
		"bad gateway":           {Kind: faketelegram.FaultStatus, Status: http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, faketelegram.Options{Unlimited: true})
			c := f.channel(id(group))
			f.SetFaults(func(faketelegram.Call) faketelegram.Fault { return broken })
			e := refuse(t, c, shipbell.Delivery{Message: text("x")}, shipbell.FaultTemporary)
			if broken.Kind == faketelegram.FaultReset && !errors.Is(e, syscall.ECONNRESET) {
				t.Errorf("%v is no reset", e)
			}
			// One request, whatever happened to it: the transport must not repeat a post.
			if n := f.CallCount(); n != 1 {
				t.Errorf("%d requests for one delivery", n)
			}
			f.SetFaults(nil)
			deliver(t, c, shipbell.Delivery{Message: text("x")})
		})
	}
}

// TestResetOfAReusedConnection is the case in which an HTTP transport repeats
// requests by itself.
func TestResetOfAReusedConnection(t *testing.T) {
	f := newFake(t, faketelegram.Options{Unlimited: true})
	c := f.channel(id(group))
	deliver(t, c, shipbell.Delivery{Message: text("one")})
	f.SetFaults(func(faketelegram.Call) faketelegram.Fault {
		return faketelegram.Fault{Kind: faketelegram.FaultReset, Accepted: true}
	})
	refuse(t, c, shipbell.Delivery{Message: text("two")}, shipbell.FaultTemporary)
	f.wantShown(group, "one|two")
}
