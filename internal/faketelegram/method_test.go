package faketelegram

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAddress(t *testing.T) {
	f := newFake(t, Options{})
	for _, c := range []struct {
		path, want string
	}{
		{"/bot" + DefaultToken + "/getMe", `{"ok":true,"result":{"id":1234567890,"is_bot":true,"first_name":"Shipbell","username":"shipbell_bot","can_join_groups":true,"can_read_all_group_messages":false,"supports_inline_queries":false}}`},
		{"/bot" + DefaultToken + "/GETME", `{"ok":true,"result":{"id":1234567890,"is_bot":true,"first_name":"Shipbell","username":"shipbell_bot","can_join_groups":true,"can_read_all_group_messages":false,"supports_inline_queries":false}}`},
		{"/bot" + DefaultToken + "/?method=getUpdates", `{"ok":true,"result":[]}`},
		{"/bot" + DefaultToken + "/getMoo", `{"ok":false,"error_code":404,"description":"Not Found: method not found"}`},
		{"/bot1234567890:wrong/getMe", `{"ok":false,"error_code":401,"description":"Unauthorized"}`},
		{"/botnonsense/getMe", `{"ok":false,"error_code":404,"description":"Not Found"}`},
		{"/bot/getMe", `{"ok":false,"error_code":404,"description":"Not Found"}`},
		{"/bot" + DefaultToken, `{"ok":false,"error_code":404,"description":"Not Found"}`},
		{"/", `{"ok":false,"error_code":404,"description":"Not Found"}`},
	} {
		response, err := f.Client().Get("http://telegram.test" + c.path)
		if err != nil {
			t.Fatal(err)
		}
		a := readAnswer(t, response)
		if a.Body != c.want {
			t.Errorf("%s\n  got  %s\n  want %s", c.path, a.Body, c.want)
		}
		if !a.OK {
			a.wantRefused(t, c.want)
		} else if a.Status != http.StatusOK {
			t.Errorf("%s: HTTP %d with %s", c.path, a.Status, a.Body)
		}
	}
	f.wantViolations(`getUpdates: unknown parameter "method"`, `unknown method "getMoo"`)
	for _, call := range f.Calls() {
		if strings.Contains(fmt.Sprint(call), "wrong") {
			t.Errorf("the log of calls holds a token: %+v", call)
		}
	}
}

// TestEncodings sends one message in every way that Telegram reads parameters.
func TestEncodings(t *testing.T) {
	values := url.Values{
		"chat_id": {fmt.Sprint(person)}, "text": {"<b>é</b>&amp;"}, "parse_mode": {"HTML"}, "disable_notification": {"true"},
		"link_preview_options": {`{"is_disabled":true}`},
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name, v := range values {
		if err := w.WriteField(name, v[0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const jsonBody = `{"chat_id":42,"text":"<b>\u00e9</b>&amp;","parse_mode":"HTML","disable_notification":true,"link_preview_options":{"is_disabled":true}}`
	const path = "/bot" + DefaultToken + "/sendMessage"
	for _, c := range []struct{ name, path, contentType, body string }{
		{"query", path + "?" + values.Encode(), "", ""},
		{"form", path, "application/x-www-form-urlencoded", values.Encode()},
		{"multipart", path, w.FormDataContentType(), form.String()},
		{"json", path, "application/json; charset=utf-8", jsonBody},
		{"query before body", path + "?disable_notification=true", "application/json", strings.Replace(jsonBody, `"disable_notification":true`, `"disable_notification":false`, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, Options{})
			const want = `{"ok":true,"result":{"message_id":1,"from":{"id":1234567890,"is_bot":true,"first_name":"Shipbell","username":"shipbell_bot"},"chat":{"id":42,"first_name":"Ada","type":"private"},"date":1767323045,"text":"é&","entities":[{"type":"bold","offset":0,"length":1}],"link_preview_options":{"is_disabled":true}}}`
			if a := f.post(c.path, c.contentType, c.body); a.Body != want || a.Status != 200 {
				t.Errorf("HTTP %d\n  got  %s\n  want %s", a.Status, a.Body, want)
			}
			m := f.Messages(person)[0]
			if m.Raw != "<b>é</b>&amp;" || !m.Silent || !m.PreviewDisabled {
				t.Errorf("message %+v", m)
			}
			f.wantViolations()
		})
	}
}

func TestOverTheNetwork(t *testing.T) {
	f := newFake(t, Options{})
	base, stop, err := f.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	response, err := http.PostForm(base+"/bot"+f.Token()+"/sendMessage", url.Values{"chat_id": {"@SHIPNEWS"}, "text": {"hi"}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"ok":true,"result":{"message_id":1,"sender_chat":{"id":-1001000000002,"title":"News","username":"ShipNews","type":"channel"},"chat":{"id":-1001000000002,"title":"News","username":"ShipNews","type":"channel"},"date":1767323045,"text":"hi"}}`
	if got := strings.TrimSpace(string(body)); got != want || response.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	stop()
	stop() // a second time does nothing
}

// TestRefusals holds the exact words of every refusal that does not depend on
// time.
func TestRefusals(t *testing.T) {
	const gone = int64(-1001000000009)
	f := newFake(t, Options{Unlimited: true})
	for _, id := range []int64{501, 502, -601, -602, -603, -604} {
		f.AddChat(Chat{ID: id})
	}
	f.AddChat(Chat{ID: gone})
	f.AddChat(Chat{ID: gone - 1})
	f.AddChat(Chat{ID: gone - 2, Type: Channel})
	f.AddChat(Chat{ID: gone - 3})
	for _, id := range []int64{501, 502, -601, -602, -603, -604, gone, gone - 1, gone - 2, gone - 3} {
		f.send(id, "before")
	}
	f.Block(501)
	f.Deactivate(502)
	f.Kick(-601)
	f.Leave(-602)
	f.DeleteGroup(-603)
	f.Migrate(-604, -1001000000604)
	f.DeleteGroup(gone)
	f.Kick(gone - 1)
	f.Kick(gone - 2)
	f.Leave(gone - 3)

	topic := f.AddTopic(forum)
	f.call("sendMessage", params{"chat_id": forum, "text": "in the topic", "message_thread_id": topic})
	deletedTopic := f.AddTopic(forum)
	lost := f.call("sendMessage", params{"chat_id": forum, "text": "in the other", "message_thread_id": deletedTopic}).message(t).MessageID
	f.DeleteTopic(forum, deletedTopic)

	f.send(person, "one")
	deleted := f.send(person, "two")
	f.DeleteMessage(person, deleted)
	other := f.AddMessage(person, "mine")
	keyboard := f.call("sendMessage", params{"chat_id": person, "text": "x", "reply_markup": map[string]any{"remove_keyboard": true}}).message(t).MessageID

	forbidden := func(words string) string {
		return `{"ok":false,"error_code":403,"description":"Forbidden: ` + words + `"}`
	}
	const moved = `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001000000604}}`
	long := strings.Repeat("a", 4097)
	for _, c := range []struct {
		method string
		p      params
		want   string
	}{
		{"sendMessage", params{"chat_id": 1, "text": "a"}, bad("chat not found")},
		{"sendMessage", params{"chat_id": "@nobody", "text": "a"}, bad("chat not found")},
		{"sendMessage", params{"chat_id": "nonsense", "text": "a"}, bad("chat not found")},
		{"sendMessage", params{"text": "a"}, bad("chat_id is empty")},
		{"sendMessage", params{"chat_id": person}, bad("message text is empty")},
		{"sendMessage", params{}, bad("message text is empty")},
		{"sendMessage", params{"chat_id": 1, "text": long}, bad("chat not found")},
		{"sendMessage", params{"chat_id": person, "text": long}, bad("message is too long")},
		{"sendMessage", params{"chat_id": person, "text": "a", "parse_mode": "RTF"}, bad("unsupported parse_mode")},
		{"sendMessage", params{"chat_id": 501, "text": "a"}, forbidden("bot was blocked by the user")},
		{"sendMessage", params{"chat_id": 502, "text": "a"}, forbidden("user is deactivated")},
		{"sendMessage", params{"chat_id": -601, "text": "a"}, forbidden("bot was kicked from the group chat")},
		{"sendMessage", params{"chat_id": -602, "text": "a"}, forbidden("bot is not a member of the group chat")},
		{"sendMessage", params{"chat_id": -603, "text": "a"}, forbidden("the group chat was deleted")},
		{"sendMessage", params{"chat_id": -604, "text": "a"}, moved},
		{"sendMessage", params{"chat_id": gone, "text": "a"}, bad("chat not found")},
		{"sendMessage", params{"chat_id": gone - 1, "text": "a"}, forbidden("bot was kicked from the supergroup chat")},
		{"sendMessage", params{"chat_id": gone - 2, "text": "a"}, forbidden("bot was kicked from the channel chat")},
		{"sendMessage", params{"chat_id": gone - 3, "text": "a"}, forbidden("bot is not a member of the supergroup chat")},
		{"sendMessage", params{"chat_id": forum, "text": "a", "message_thread_id": 999}, bad("message thread not found")},
		{"sendMessage", params{"chat_id": forum, "text": "a", "message_thread_id": 1}, bad("message thread not found")},
		{"sendMessage", params{"chat_id": forum, "text": "a", "message_thread_id": deletedTopic}, bad("message thread not found")},
		{"sendMessage", params{"chat_id": person, "text": "a", "message_thread_id": 5}, bad("message thread not found")},
		{"sendMessage", params{"chat_id": person, "text": "a", "reply_parameters": params{"message_id": 99}}, bad("message to be replied not found")},
		{"sendMessage", params{"chat_id": person, "text": "a", "reply_parameters": params{"message_id": deleted}}, bad("message to be replied not found")},
		{"sendMessage", params{"chat_id": person, "text": "a", "reply_to_message_id": 99}, bad("message to be replied not found")},
		{"sendMessage", params{"chat_id": person, "text": "a", "reply_parameters": params{"message_id": 1, "chat_id": 8}}, bad("chat not found")},
		{"sendMessage", params{"chat_id": person, "text": "a", "reply_parameters": "["}, bad("can't parse reply parameters JSON object")},
		{"sendMessage", params{"chat_id": person, "text": "a", "reply_parameters": []int{1}}, bad("object expected as reply parameters")},
		{"sendMessage", params{"chat_id": person, "text": "a", "reply_parameters": params{"quote": "a"}}, bad(`can't find field "message_id"`)},
		{"sendMessage", params{"chat_id": person, "text": "a", "link_preview_options": "x"}, bad("can't parse link preview options JSON object")},
		{"sendMessage", params{"chat_id": person, "text": "a", "link_preview_options": 1}, bad("object expected as link preview options")},
		{"sendMessage", params{"chat_id": person, "text": "a", "reply_markup": "x"}, bad("can't parse reply keyboard markup JSON object")},
		{"sendMessage", params{"chat_id": person, "text": "a", "reply_markup": 1}, bad("object expected as reply markup")},
		{"sendMessage", params{"chat_id": person, "text": "a👍", "entities": []Entity{{Type: Bold, Offset: 1, Length: 1}}}, bad("entity beginning at UTF-16 offset 1 ends in a middle of a UTF-16 symbol at byte offset 5")},
		{"sendMessage", params{"chat_id": person, "text": "a👍", "entities": []Entity{{Type: Bold, Offset: 2, Length: 1}}}, bad("entity begins in a middle of a UTF-16 symbol at byte offset 5")},
		{"sendMessage", params{"chat_id": person, "text": "a", "entities": []Entity{{Type: Bold, Offset: 1, Length: 1}}}, bad("entity beginning at UTF-16 offset 1 ends after the end of the text at UTF-16 offset 2")},

		{"editMessageText", params{"chat_id": person, "message_id": 1, "text": "one"}, bad("message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message")},
		{"editMessageText", params{"chat_id": person, "message_id": 1, "text": " one\n"}, bad("message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message")},
		{"editMessageText", params{"chat_id": person, "message_id": 99, "text": "a"}, bad("message to edit not found")},
		{"editMessageText", params{"chat_id": person, "message_id": deleted, "text": "a"}, bad("message to edit not found")},
		{"editMessageText", params{"chat_id": person, "text": "a"}, bad("message to edit not found")},
		{"editMessageText", params{"chat_id": forum, "message_id": lost, "text": "a"}, bad("message to edit not found")},
		{"editMessageText", params{"chat_id": person, "message_id": other, "text": "a"}, bad("message can't be edited")},
		{"editMessageText", params{"chat_id": person, "message_id": keyboard, "text": "a"}, bad("message can't be edited")},
		{"editMessageText", params{"chat_id": person, "message_id": 1, "text": long}, bad("MESSAGE_TOO_LONG")},
		{"editMessageText", params{"chat_id": person, "message_id": 1}, bad("message text is empty")},
		{"editMessageText", params{"chat_id": person, "message_id": 1, "text": " "}, bad("text must be non-empty")},
		{"editMessageText", params{"text": "a"}, bad("message identifier is not specified")},
		{"editMessageText", params{"message_id": 1, "text": "a"}, bad("chat_id is empty")},
		{"editMessageText", params{"chat_id": 1, "message_id": 1, "text": "a"}, bad("chat not found")},
		{"editMessageText", params{"chat_id": 501, "message_id": 1, "text": "a"}, forbidden("bot was blocked by the user")},
		{"editMessageText", params{"chat_id": 502, "message_id": 1, "text": "a"}, forbidden("user is deactivated")},
		{"editMessageText", params{"chat_id": -601, "message_id": 1, "text": "a"}, forbidden("bot was kicked from the group chat")},
		{"editMessageText", params{"chat_id": -604, "message_id": 1, "text": "a"}, moved},
		{"editMessageText", params{"chat_id": int64(-1001000000604), "message_id": 1, "text": "a"}, bad("message to edit not found")},

		{"deleteMessage", params{"chat_id": person, "message_id": 99}, bad("message to delete not found")},
		{"deleteMessage", params{"chat_id": person, "message_id": deleted}, bad("message to delete not found")},
		{"deleteMessage", params{"chat_id": person, "message_id": other}, bad("message can't be deleted")},
		{"deleteMessage", params{"chat_id": person}, bad("message identifier is not specified")},
		{"deleteMessage", params{"message_id": 1}, bad("chat identifier is not specified")},
		{"deleteMessage", params{"chat_id": -604, "message_id": 1}, moved},

		{"getChat", params{"chat_id": 1}, bad("chat not found")},
		{"getChat", params{}, bad("chat_id is empty")},
		{"getChat", params{"chat_id": gone - 1}, forbidden("bot was kicked from the supergroup chat")},
	} {
		before := len(f.AllMessages())
		a := f.call(c.method, c.p)
		if a.Body != c.want {
			t.Errorf("%s %v", c.method, c.p)
		}
		a.wantRefused(t, c.want)
		if after := len(f.AllMessages()); after != before {
			t.Errorf("%s %v was refused and made a message", c.method, c.p)
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	f := newFake(t, Options{})
	const path = "/bot" + DefaultToken + "/sendMessage"
	f.post(path, "application/x-www-form-urlencoded", "chat_id=42&text=a%ff").wantRefused(t, bad("strings must be encoded in UTF-8"))
	f.post(path, "application/json", "{\"chat_id\":42,\"text\":\"a\xff\"}").wantRefused(t, bad("strings must be encoded in UTF-8"))
	f.post(path, "application/x-www-form-urlencoded", "chat_id=42&parse_mode=HTML&text=a%ff").wantRefused(t, bad("text must be encoded in UTF-8"))
}

func TestTooManyParameters(t *testing.T) {
	f := newFake(t, Options{})
	a := f.post("/bot"+DefaultToken+"/sendMessage", "application/x-www-form-urlencoded", "text="+strings.Repeat("a", 1<<20))
	a.wantRefused(t, `{"ok":false,"error_code":413,"description":"Request Entity Too Large: too many parameters"}`)
}

func TestGetChat(t *testing.T) {
	f := newFake(t, Options{})
	for id, want := range map[any]string{
		person:      `{"ok":true,"result":{"id":42,"first_name":"Ada","type":"private","accent_color_id":0,"max_reaction_count":11}}`,
		group:       `{"ok":true,"result":{"id":-77,"title":"Team","type":"group","accent_color_id":0,"max_reaction_count":11}}`,
		forum:       `{"ok":true,"result":{"id":-1001000000001,"title":"Forum","is_forum":true,"type":"supergroup","accent_color_id":0,"max_reaction_count":11}}`,
		"@shipnews": `{"ok":true,"result":{"id":-1001000000002,"title":"News","username":"ShipNews","type":"channel","accent_color_id":0,"max_reaction_count":11}}`,
	} {
		if a := f.call("getChat", params{"chat_id": id}); a.Body != want {
			t.Errorf("getChat %v\n  got  %s\n  want %s", id, a.Body, want)
		}
	}
	f.wantViolations()
}

func TestTopicsAndReplies(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	topic := f.AddTopic(forum)
	first := f.call("sendMessage", params{"chat_id": forum, "text": "a", "message_thread_id": topic}).message(t)
	if first.MessageThreadID != topic || !first.IsTopicMessage || first.MessageID <= topic {
		t.Errorf("message in topic %d: %+v", topic, first)
	}
	second := f.call("sendMessage", params{"chat_id": forum, "text": "b", "message_thread_id": topic, "reply_parameters": params{"message_id": first.MessageID}}).message(t)
	if second.ReplyToMessage == nil || second.ReplyToMessage.Text != "a" || second.MessageID != first.MessageID+1 {
		t.Errorf("reply %+v", second)
	}
	f.DeleteMessage(forum, first.MessageID)
	third := f.call("sendMessage", params{"chat_id": forum, "text": "c", "reply_parameters": params{"message_id": first.MessageID, "allow_sending_without_reply": true}})
	if !third.OK || third.message(t).ReplyToMessage != nil {
		t.Errorf("reply to a deleted message: %s", third.Body)
	}
	// Where there are no topics the parameter is ignored.
	if m := f.call("sendMessage", params{"chat_id": group, "text": "d", "message_thread_id": 7}).message(t); m.MessageThreadID != 0 {
		t.Errorf("message in a group: %+v", m)
	}
	f.DeleteTopic(forum, topic)
	for i, m := range f.Messages(forum) {
		if wantDeleted := i < 2; m.Deleted != wantDeleted || m.Deleted != !m.DeletedAt.IsZero() {
			t.Errorf("after the topic was deleted: %+v", m)
		}
	}
	f.wantViolations()
}

func TestHistoryOfEdits(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	id := f.send(person, "one")
	sent := f.clock.Now()
	f.clock.Advance(time.Minute)
	a := f.call("editMessageText", params{"chat_id": person, "message_id": id, "text": "<b>two</b>", "parse_mode": "HTML"})
	if m := a.message(t); m.EditDate != sent.Add(time.Minute).Unix() || m.Date != sent.Unix() || m.Text != "two" {
		t.Errorf("edited message %+v", m)
	}
	held := f.Messages(person)[0]
	f.clock.Advance(time.Minute)
	f.call("editMessageText", params{"chat_id": person, "message_id": id, "text": "three"})
	if a := f.call("deleteMessage", params{"chat_id": person, "message_id": id}); a.Body != `{"ok":true,"result":true}` {
		t.Error(a.Body)
	}
	m, ok := f.Message(person, id)
	if !ok || !m.Deleted || m.Text != "three" {
		t.Errorf("message %+v", m)
	}
	want := []Revision{
		{Time: sent, Text: "one", Raw: "one"},
		{Time: sent.Add(time.Minute), Text: "two", Raw: "<b>two</b>", Entities: []Entity{{Type: Bold, Length: 3}}},
		{Time: sent.Add(2 * time.Minute), Text: "three", Raw: "three"},
	}
	if got, want := fmt.Sprint(m.History()), fmt.Sprint(want); got != want {
		t.Errorf("history\n  got  %s\n  want %s", got, want)
	}
	if len(held.History()) != 2 || held.Text != "two" {
		t.Errorf("a message that was looked at before changed: %+v", held)
	}
	if got := f.send(person, "next"); got != id+1 {
		t.Errorf("the id after a deleted message is %d, want %d", got, id+1)
	}
}

// TestDeletesOnlyWhatIsYoung: an old message can be edited for ever, but not be
// deleted.
func TestDeletesOnlyWhatIsYoung(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	old := f.send(person, "old")
	f.clock.Advance(time.Second)
	young := f.send(person, "young")
	f.clock.Advance(48*time.Hour - time.Second)
	f.call("deleteMessage", params{"chat_id": person, "message_id": old}).wantRefused(t, bad("message can't be deleted for everyone"))
	if a := f.call("deleteMessage", params{"chat_id": person, "message_id": young}); !a.OK {
		t.Error(a.Body)
	}
	if a := f.call("editMessageText", params{"chat_id": person, "message_id": old, "text": "older"}); !a.OK {
		t.Error(a.Body)
	}
}

// TestHistoryIsACopy: what was handed out stays as it was, whatever follows.
func TestHistoryIsACopy(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	f.send(person, "0")
	var histories [][]Revision
	for i := range 9 {
		f.call("editMessageText", params{"chat_id": person, "message_id": 1, "text": fmt.Sprint(i + 1)})
		histories = append(histories, f.Messages(person)[0].History())
		f.Messages(person)[0].History()[i+1].Text = "scribbled"
	}
	for _, h := range histories {
		for i, r := range h {
			if r.Text != fmt.Sprint(i) {
				t.Errorf("revision %d of %d says %q", i, len(h), r.Text)
			}
		}
	}
}

func TestInlineKeyboard(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	keyboard := params{"inline_keyboard": [][]params{{{"text": "Logs", "url": "https://example.com"}}}}
	a := f.call("sendMessage", params{"chat_id": person, "text": "a", "reply_markup": keyboard})
	id := a.message(t).MessageID
	if got, want := string(a.message(t).ReplyMarkup), `{"inline_keyboard":[[{"text":"Logs","url":"https://example.com"}]]}`; got != want {
		t.Errorf("reply_markup %s, want %s", got, want)
	}
	if a := f.call("editMessageText", params{"chat_id": person, "message_id": id, "text": "a", "reply_markup": keyboard}); a.OK {
		t.Error("an edit without a change was accepted")
	}
	if a := f.call("editMessageText", params{"chat_id": person, "message_id": id, "text": "a"}); !a.OK || a.message(t).ReplyMarkup != nil {
		t.Errorf("an edit without the keyboard does not remove it: %s", a.Body)
	}
	f.wantViolations()
}

func TestMigration(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	f.send(group, "before")
	const next = int64(-1001000000077)
	f.Migrate(group, next)
	var body struct {
		Parameters struct {
			To int64 `json:"migrate_to_chat_id"`
		}
	}
	a := f.call("sendMessage", params{"chat_id": group, "text": "after"})
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil || body.Parameters.To != next {
		t.Fatalf("%s: %v", a.Body, err)
	}
	if id := f.send(body.Parameters.To, "after"); id != 1 {
		t.Errorf("first message of the supergroup has id %d", id)
	}
	if f.Count(group) != 1 || f.Count(next) != 1 || f.Count(0) != 2 {
		t.Errorf("counts %d, %d, %d", f.Count(group), f.Count(next), f.Count(0))
	}
}

func TestUnblock(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	f.Block(person)
	if a := f.call("sendMessage", params{"chat_id": person, "text": "a"}); a.Status != 403 {
		t.Errorf("HTTP %d", a.Status)
	}
	f.Unblock(person)
	f.send(person, "a")
}

func TestOrderOverChats(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	f.send(person, "a")
	f.send(group, "b")
	f.send(person, "c")
	var got []string
	for _, m := range f.AllMessages() {
		got = append(got, fmt.Sprintf("%d/%d %s", m.Chat, m.ID, m.Text))
	}
	if want := "[42/1 a -77/1 b 42/2 c]"; fmt.Sprint(got) != want {
		t.Errorf("order %v, want %s", got, want)
	}
	if n := len(f.Chats()); n != 4 {
		t.Errorf("%d chats", n)
	}
}

func TestUnknownChatInSetUpPanics(t *testing.T) {
	defer func() {
		if v := recover(); v != "faketelegram: chat 5 was not added" {
			t.Errorf("panic %v", v)
		}
	}()
	New(Options{}).Block(5)
}
