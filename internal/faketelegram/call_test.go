package faketelegram

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCalls(t *testing.T) {
	f := newFake(t, Options{})
	f.call("sendMessage", params{"chat_id": "@shipnews", "text": "<i>a</i>", "parse_mode": "HTML"})
	f.clock.Advance(time.Second)
	f.call("editMessageText", params{"chat_id": channel, "message_id": 9, "text": "b"})
	calls := f.Calls()
	want := []Call{
		{Seq: 1, Method: "sendMessage", Chat: channel, MessageID: 1, Text: "<i>a</i>", ParseMode: "HTML", Received: f.clock.Now().Add(-time.Second), Done: true, Accepted: true, Status: 200},
		{Seq: 2, Method: "editMessageText", Chat: channel, MessageID: 9, Text: "b", Received: f.clock.Now(), Done: true, Status: 400, Description: "Bad Request: message to edit not found"},
	}
	for i := range want {
		if calls[i] != want[i] {
			t.Errorf("call %d\n  got  %+v\n  want %+v", i, calls[i], want[i])
		}
	}
}

func TestBoundedHistory(t *testing.T) {
	for _, c := range []struct {
		calls, revisions int
		wantCalls, want  string
	}{
		{0, 0, "[1 2 3 4 5]", "[0 1 2 3 4]"},
		{2, 2, "[4 5]", "[2 3 4]"},
		{-1, -1, "[]", "[4]"},
	} {
		f := newFake(t, Options{Unlimited: true, MaxCalls: c.calls, MaxRevisions: c.revisions})
		f.send(person, "0")
		for i := range 4 {
			f.call("editMessageText", params{"chat_id": person, "message_id": 1, "text": fmt.Sprint(i + 1)})
		}
		calls := []int{}
		for _, call := range f.Calls() {
			calls = append(calls, call.Seq)
		}
		texts := []string{}
		for _, r := range f.Messages(person)[0].History() {
			texts = append(texts, r.Text)
		}
		if fmt.Sprint(calls) != c.wantCalls || fmt.Sprint(texts) != c.want || f.CallCount() != 5 {
			t.Errorf("bounds %d and %d: calls %v, want %s; history %v, want %s", c.calls, c.revisions, calls, c.wantCalls, texts, c.want)
		}
	}
}

func TestViolations(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	accepted := func(p params) {
		t.Helper()
		if a := f.call("sendMessage", p); !a.OK {
			t.Errorf("%v: %s", p, a.Body)
		}
	}
	// Telegram lets all of these pass.
	accepted(params{"chat_id": "42", "text": "a", "disable_web_page_preview": true, "allow_sending_without_reply": true})
	f.wantViolations()
	accepted(params{"chat_id": person, "text": "a", "silent": true})
	accepted(params{"chat_id": person, "text": "a", "silent": true}) // told once
	accepted(params{"chat_id": person, "text": "a", "disable_notification": "true"})
	accepted(params{"chat_id": person, "text": 5})
	accepted(params{"chat_id": person, "text": "a", "link_preview_options": params{"disabled": true}})
	accepted(params{"chat_id": person, "text": "a", "link_preview_options": params{"is_disabled": 1 > 0, "url": 3 > 0}})
	accepted(params{"chat_id": person, "text": "a", "reply_parameters": params{"message_id": "1"}})
	accepted(params{"chat_id": person, "text": "a", "direct_messages_topic_id": 1})
	accepted(params{"chat_id": person, "text": "*a*", "parse_mode": "MarkdownV2"})
	// These it refuses.
	f.call("sendMessage", params{"chat_id": person, "text": "a", "entities": []params{{"type": "bold", "offset": 0}}}).wantRefused(t, bad(`can't parse MessageEntity: Can't find field "length"`))
	f.call("sendMessage", params{"chat_id": person, "text": "a", "reply_markup": params{"inline_keyboard": [][]params{{{"url": "https://example.com"}}}}}).wantRefused(t, bad(`can't parse inline keyboard button: Can't find field "text"`))
	const path = "/bot" + DefaultToken + "/sendMessage"
	f.post(path, "application/x-www-form-urlencoded", "chat_id=42&text=a&disable_notification=maybe&message_thread_id=")
	f.post(path, "application/json", `{"chat_id":42,`)
	f.post(path, "text/plain", "chat_id=42&text=a")
	f.call("getMe", params{"text": "a"})
	f.call("deleteMessage", params{"chat_id": person})
	f.wantViolations(
		`sendMessage: unknown parameter "silent"`,
		`sendMessage: parameter "disable_notification": "true" is not of type Boolean`,
		`sendMessage: parameter "text": not of type String`,
		`sendMessage: parameter "link_preview_options": unknown field "disabled"`,
		`sendMessage: parameter "link_preview_options": field "url": not of type String`,
		`sendMessage: parameter "reply_parameters": field "message_id": not of type Integer`,
		`sendMessage: faketelegram does not act on parameter "direct_messages_topic_id"`,
		`faketelegram does not know parse mode "MarkdownV2"`,
		`sendMessage: parameter "entities": [0]: required field "length" is missing`,
		`sendMessage: parameter "reply_markup": field "inline_keyboard": [0]: [0]: required field "text" is missing`,
		`sendMessage: parameter "disable_notification": "maybe" is not of type Boolean`,
		`sendMessage: parameter "message_thread_id": "" is not of type Integer`,
		`sendMessage: the body is not a JSON object`,
		`sendMessage: required parameter "chat_id" is missing`,
		`sendMessage: required parameter "text" is missing`,
		`sendMessage: a body of type "text/plain" is not read for parameters`,
		`getMe: unknown parameter "text"`,
		`deleteMessage: required parameter "message_id" is missing`,
	)
}

func TestViolationsAreBounded(t *testing.T) {
	f := newFake(t, Options{MaxCalls: -1})
	unknown := params{}
	for i := range maxViolations + 5 {
		unknown[fmt.Sprint("p", i)] = 1
	}
	f.call("getMe", unknown)
	if n := len(f.Violations()); n != maxViolations {
		t.Errorf("%d violations are kept, want %d", n, maxViolations)
	}
}

// BenchmarkSend measures a message in process; see BenchmarkNetwork for a whole
// request.
func BenchmarkSend(b *testing.B) {
	s := New(Options{Unlimited: true})
	s.AddChat(Chat{ID: group})
	client := s.Client()
	benchmark(b, client, "http://telegram.test")
}

// BenchmarkNetwork measures a message over a local connection.
func BenchmarkNetwork(b *testing.B) {
	s := New(Options{Unlimited: true})
	s.AddChat(Chat{ID: group})
	base, stop, err := s.Start()
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	benchmark(b, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}, base)
}

func benchmark(b *testing.B, client *http.Client, base string) {
	const body = `{"chat_id":-77,"text":"<b>shop</b> is live\nBranch: <code>main</code>\nCommit: <a href=\"https://example.com/c/1\">a1b2c3d</a> fix the basket","parse_mode":"HTML","link_preview_options":{"is_disabled":true}}`
	b.ReportAllocs()
	for b.Loop() {
		response, err := client.Post(base+"/bot"+DefaultToken+"/sendMessage", "application/json", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		response.Body.Close()
	}
}
