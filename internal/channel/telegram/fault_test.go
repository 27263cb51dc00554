package telegram_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
)

// refusal is the body of a refusal as the Bot API writes it.
func refusal(code int, description string) string {
	return fmt.Sprintf(`{"ok":false,"error_code":%d,"description":%q}`, code, description)
}

const (
	notFoundToEdit = "Bad Request: message to edit not found"
	notModified    = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message"
	resume         = ", then run: shipbell lanes resume telegram:-100123:45"
)

func TestClassification(t *testing.T) {
	edit := shipbell.Delivery{Ref: `{"chat":-100123,"message":7}`}
	plain := shipbell.Delivery{Plain: true}
	general := shipbell.Delivery{Memory: `{"general":true}`}
	reply := shipbell.Delivery{ReplyTo: edit.Ref}
	remove := shipbell.Delivery{Ref: edit.Ref, Remove: true}
	tests := []struct {
		name   string
		status int
		header http.Header
		body   string
		d      shipbell.Delivery
		want   shipbell.DeliveryError // Err is not compared, Hint must be contained
	}{
		// Moved.
		{
			"migration", 400, nil,
			`{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1009876543210123}}`,
			shipbell.Delivery{},
			shipbell.DeliveryError{Fault: shipbell.FaultMoved, Memory: `{"chat":-1009876543210123}`, Reason: "the group became a supergroup, its id is now -1009876543210123"},
		},
		{
			"migration, found by an edit, keeps what was remembered", 400, nil,
			`{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1009876543210123}}`,
			shipbell.Delivery{Ref: edit.Ref, Memory: general.Memory},
			shipbell.DeliveryError{Fault: shipbell.FaultMoved, Memory: `{"chat":-1009876543210123,"general":true}`, Reason: "the group became a supergroup, its id is now -1009876543210123"},
		},
		{
			"migration to itself does not go round in circles", 400, nil,
			`{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-100123}}`,
			shipbell.Delivery{},
			shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Bad Request: group chat was upgraded to a supergroup chat", Hint: "has a new id"},
		},
		{
			"topic deleted", 400, nil, refusal(400, "Bad Request: message thread not found"), shipbell.Delivery{},
			shipbell.DeliveryError{Fault: shipbell.FaultMoved, Memory: `{"general":true}`, Reason: "topic 45 was deleted: messages go to the general topic from now on"},
		},
		{
			"topic deleted, as a code", 400, nil, refusal(400, "Bad Request: TOPIC_DELETED"), shipbell.Delivery{Memory: `{"chat":-100456}`},
			shipbell.DeliveryError{Fault: shipbell.FaultMoved, Memory: `{"chat":-100456,"general":true}`, Reason: "topic 45 was deleted: messages go to the general topic from now on"},
		},
		{
			"no topic was named", 400, nil, refusal(400, "Bad Request: message thread not found"), general,
			shipbell.DeliveryError{Fault: shipbell.FaultRefused, Reason: "Bad Request: message thread not found"},
		},

		// Gone.
		{"deleted", 400, nil, refusal(400, notFoundToEdit), edit, shipbell.DeliveryError{Fault: shipbell.FaultGone, Reason: notFoundToEdit}},
		{"not editable", 400, nil, refusal(400, "Bad Request: message can't be edited"), edit, shipbell.DeliveryError{Fault: shipbell.FaultGone, Reason: "Bad Request: message can't be edited"}},
		{"unknown id", 400, nil, refusal(400, "Bad Request: MESSAGE_ID_INVALID"), edit, shipbell.DeliveryError{Fault: shipbell.FaultGone, Reason: "Bad Request: MESSAGE_ID_INVALID"}},
		{"another bot's", 400, nil, refusal(400, "Bad Request: MESSAGE_AUTHOR_REQUIRED"), edit, shipbell.DeliveryError{Fault: shipbell.FaultGone, Reason: "Bad Request: MESSAGE_AUTHOR_REQUIRED"}},
		{"with its topic", 400, nil, refusal(400, "Bad Request: message thread not found"), edit, shipbell.DeliveryError{Fault: shipbell.FaultGone, Reason: "Bad Request: message thread not found"}},
		{"a post is never gone", 400, nil, refusal(400, "Bad Request: MESSAGE_ID_INVALID"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultRefused, Reason: "Bad Request: MESSAGE_ID_INVALID"}},

		{"what it answers", 400, nil, refusal(400, "Bad Request: message to be replied not found"), reply, shipbell.DeliveryError{Fault: shipbell.FaultGone, Reason: "Bad Request: message to be replied not found"}},
		{
			"without an answer it was the topic", 400, nil, refusal(400, "Bad Request: message to be replied not found"), shipbell.Delivery{},
			shipbell.DeliveryError{Fault: shipbell.FaultMoved, Memory: `{"general":true}`, Reason: "topic 45 was deleted: messages go to the general topic from now on"},
		},
		{
			"topic deleted under an answer", 400, nil, refusal(400, "Bad Request: message thread not found"), reply,
			shipbell.DeliveryError{Fault: shipbell.FaultMoved, Memory: `{"general":true}`, Reason: "topic 45 was deleted: messages go to the general topic from now on"},
		},

		// Kept.
		{"too old", 400, nil, refusal(400, "Bad Request: message can't be deleted for everyone"), remove, shipbell.DeliveryError{Fault: shipbell.FaultKept, Reason: "Bad Request: message can't be deleted for everyone"}},
		{"not deletable", 400, nil, refusal(400, "Bad Request: message can't be deleted"), remove, shipbell.DeliveryError{Fault: shipbell.FaultKept, Reason: "Bad Request: message can't be deleted"}},
		{"not deletable, as a code", 400, nil, refusal(400, "Bad Request: MESSAGE_DELETE_FORBIDDEN"), remove, shipbell.DeliveryError{Fault: shipbell.FaultKept, Reason: "Bad Request: MESSAGE_DELETE_FORBIDDEN"}},
		{"no right to delete", 400, nil, refusal(400, "Bad Request: not enough rights"), remove, shipbell.DeliveryError{Fault: shipbell.FaultKept, Reason: "Bad Request: not enough rights"}},
		{"kicked before it could delete", 403, nil, refusal(403, "Forbidden: bot was kicked from the supergroup chat"), remove, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Forbidden: bot was kicked from the supergroup chat", Hint: "add the bot to the group again" + resume}},

		// Markup.
		{
			"entities", 400, nil, refusal(400, `Bad Request: can't parse entities: Unsupported start tag "x" at byte offset 3`), shipbell.Delivery{},
			shipbell.DeliveryError{Fault: shipbell.FaultMarkup, Reason: `Bad Request: can't parse entities: Unsupported start tag "x" at byte offset 3`},
		},
		{"entities of an edit", 400, nil, refusal(400, "Bad Request: ENTITY_BOUNDS_INVALID"), edit, shipbell.DeliveryError{Fault: shipbell.FaultMarkup, Reason: "Bad Request: ENTITY_BOUNDS_INVALID"}},
		{"too many entities", 400, nil, refusal(400, "Bad Request: ENTITIES_TOO_LONG"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultMarkup, Reason: "Bad Request: ENTITIES_TOO_LONG"}},
		{"entities of a plain text", 400, nil, refusal(400, "Bad Request: can't parse entities: x"), plain, shipbell.DeliveryError{Fault: shipbell.FaultRefused, Reason: "Bad Request: can't parse entities: x"}},

		// Blocked.
		{"kicked", 403, nil, refusal(403, "Forbidden: bot was kicked from the supergroup chat"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Forbidden: bot was kicked from the supergroup chat", Hint: "add the bot to the group again" + resume}},
		{"left", 403, nil, refusal(403, "Forbidden: bot is not a member of the group chat"), edit, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Forbidden: bot is not a member of the group chat", Hint: "add the bot to the group again" + resume}},
		{"kicked from a channel", 403, nil, refusal(403, "Forbidden: bot was kicked from the channel chat"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Forbidden: bot was kicked from the channel chat", Hint: "as an administrator who may post messages" + resume}},
		{"blocked", 403, nil, refusal(403, "Forbidden: bot was blocked by the user"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Forbidden: bot was blocked by the user", Hint: "unblock it" + resume}},
		{"deactivated", 403, nil, refusal(403, "Forbidden: user is deactivated"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Forbidden: user is deactivated", Hint: "the Telegram account does not exist any more"}},
		{"group deleted", 403, nil, refusal(403, "Forbidden: the group chat was deleted"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Forbidden: the group chat was deleted", Hint: "put another chat in its place"}},
		{"never started", 403, nil, refusal(403, "Forbidden: bot can't initiate conversation with a user"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Forbidden: bot can't initiate conversation with a user", Hint: "press Start" + resume}},
		{"a bot", 403, nil, refusal(403, "Forbidden: bot can't send messages to the bot"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Forbidden: bot can't send messages to the bot", Hint: "a bot cannot write to this chat"}},
		{"chat not found", 400, nil, refusal(400, "Bad Request: chat not found"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Bad Request: chat not found", Hint: "check the id"}},
		{"may not write", 400, nil, refusal(400, "Bad Request: not enough rights to send text messages to the chat"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Bad Request: not enough rights to send text messages to the chat", Hint: "let the bot send text messages"}},
		{"may not write, as a code", 400, nil, refusal(400, "Bad Request: CHAT_WRITE_FORBIDDEN"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Bad Request: CHAT_WRITE_FORBIDDEN", Hint: "let the bot send text messages"}},
		{"no administrator", 400, nil, refusal(400, "Bad Request: need administrator rights in the channel chat"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Bad Request: need administrator rights in the channel chat", Hint: "as an administrator"}},
		{"topic closed", 400, nil, refusal(400, "Bad Request: TOPIC_CLOSED"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Bad Request: TOPIC_CLOSED", Hint: "open the topic again"}},
		{"wrong token", 401, nil, refusal(401, "Unauthorized"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Unauthorized", Hint: "check the bot token"}},
		{"malformed token", 404, nil, refusal(404, "Not Found"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Not Found", Hint: "check the bot token"}},
		{"another server's bot", 421, nil, refusal(421, "Misdirected Request: unallowed token specified"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Misdirected Request: unallowed token specified", Hint: "check the address of the Telegram API"}},
		{"logged out", 400, nil, refusal(400, "Bad Request: Logged out"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "Bad Request: Logged out", Hint: "check the address of the Telegram API"}},

		// Rate limited.
		{"both say how long", 429, http.Header{"Retry-After": {"99"}}, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 17","parameters":{"retry_after":17}}`, edit, shipbell.DeliveryError{Fault: shipbell.FaultRateLimited, Reason: "Too Many Requests: retry after 17", RetryAfter: 17 * time.Second}},
		{"the header alone", 429, http.Header{"Retry-After": {" 245 "}}, refusal(429, "Too Many Requests"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultRateLimited, Reason: "Too Many Requests", RetryAfter: 245 * time.Second}},
		{"a proxy's", 429, http.Header{"Retry-After": {"3"}}, "<html>slow down</html>", shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultRateLimited, Reason: "HTTP status 429 with an answer that is not the Bot API's", RetryAfter: 3 * time.Second}},
		{"nobody says how long", 429, http.Header{"Retry-After": {"Sat, 01 Jan 2028 00:00:00 GMT"}}, refusal(429, "Too Many Requests"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultRateLimited, Reason: "Too Many Requests", RetryAfter: time.Minute}},
		{"zero", 429, http.Header{"Retry-After": {"9"}}, `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":0}}`, shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultRateLimited, Reason: "Too Many Requests", RetryAfter: time.Second}},
		{"negative", 429, http.Header{"Retry-After": {"-9"}}, refusal(429, "Too Many Requests"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultRateLimited, Reason: "Too Many Requests", RetryAfter: time.Second}},
		{"for ever", 429, nil, `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":9223372036854775807}}`, shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultRateLimited, Reason: "Too Many Requests", RetryAfter: 24 * time.Hour}},

		// Temporary.
		{"Telegram is down", 500, nil, refusal(500, "Internal Server Error: restart"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: "Internal Server Error: restart"}},
		{"bad gateway", 502, nil, "<html>\r\n<head><title>502 Bad Gateway</title></head></html>", shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: "HTTP status 502 with an answer that is not the Bot API's"}},
		{"cut off", 200, nil, `{"ok":true,"result":{"message_id":7`, shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: "HTTP status 200 with an answer that is not the Bot API's"}},
		{"empty", 200, nil, "", shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: "HTTP status 200 with an answer that is not the Bot API's"}},
		{"JSON of somebody else", 200, nil, `{"hello":"world"}`, shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: "HTTP status 200 with an answer that is not the Bot API's"}},
		{"a proxy's 404", 404, nil, "404 page not found\n", shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: "HTTP status 404 with an answer that is not the Bot API's", Hint: "check the address of the Telegram API"}},
		{"a proxy's 403", 403, nil, `["blocked by policy"]`, shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: "HTTP status 403 with an answer that is not the Bot API's"}},
		{"redirect", 302, http.Header{"Location": {"https://example.com/"}}, "", shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: "HTTP status 302 with an answer that is not the Bot API's"}},

		// Refused.
		{"unknown 400", 400, nil, refusal(400, "Bad Request: something new"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultRefused, Reason: "Bad Request: something new"}},
		{"unknown 403", 403, nil, refusal(403, "Forbidden: something new"), edit, shipbell.DeliveryError{Fault: shipbell.FaultRefused, Reason: "Forbidden: something new"}},
		{"too long", 400, nil, refusal(400, "Bad Request: message is too long"), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultRefused, Reason: "Bad Request: message is too long"}},
		{"not modified is about edits", 400, nil, refusal(400, notModified), shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultRefused, Reason: notModified}},
		{"accepted, but nobody knows where", 200, nil, `{"ok":true,"result":true}`, shipbell.Delivery{}, shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: "the message was accepted, but the answer does not say which one it is", Hint: "check the address of the Telegram API, then run: shipbell lanes resume telegram:-100123:45"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := &wire{status: test.status, header: test.header, body: test.body}
			d := test.d
			d.Message = text("x")
			ref, err := w.channel(t, "-100123:45").Deliver(t.Context(), d)
			got, want := fault(t, err), test.want
			if ref != "" || got.Fault != want.Fault || got.Reason != want.Reason || got.Memory != want.Memory || got.RetryAfter != want.RetryAfter {
				t.Errorf("\n  got  %+v\n  want %+v", *got, want)
			}
			if !strings.Contains(got.Hint, want.Hint) {
				t.Errorf("hint %q does not contain %q", got.Hint, want.Hint)
			}
			if (got.Fault == shipbell.FaultBlocked) != strings.HasSuffix(got.Hint, resume) {
				t.Errorf("%s with hint %q", got.Fault, got.Hint)
			}
			w.sent(t)
		})
	}
}

func TestNothingAnswers(t *testing.T) {
	for _, cause := range []error{syscall.ECONNREFUSED, syscall.ECONNRESET, context.DeadlineExceeded, context.Canceled} {
		w := &wire{err: fmt.Errorf("dial: %w", cause)}
		_, err := w.channel(t, "-100123").Deliver(t.Context(), shipbell.Delivery{Message: text("x")})
		if e := fault(t, err); e.Fault != shipbell.FaultTemporary || !errors.Is(err, cause) {
			t.Errorf("%v: %v", cause, err)
		}
	}
}

func TestNotModifiedIsSuccess(t *testing.T) {
	w := &wire{status: 400, body: refusal(400, notModified)}
	const stored = `{"chat":-100123,"message":7}`
	ref, err := w.channel(t, "-100123").Deliver(t.Context(), shipbell.Delivery{Message: text("x"), Ref: stored})
	if ref != stored || err != nil {
		t.Errorf("ref %q, error %v", ref, err)
	}
}
