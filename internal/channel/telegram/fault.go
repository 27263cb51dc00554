package telegram

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// The policy of this file: Telegram tells what is wrong in a status code and an
// English sentence, and this is the only place that reads them. The sentences
// are those of https://github.com/tdlib/telegram-bot-api (Client.cpp) and
// https://github.com/tdlib/td; the codes in capitals come from the servers
// behind them and are passed on as they are.
//
// What is not known is FaultRefused: one message set aside. A lane is paused
// only for what is known to last until a person acts.

const (
	// minRetryAfter keeps a zero from turning into a storm of requests.
	minRetryAfter = time.Second

	// defaultRetryAfter is for a 429 that does not say how long, such as a
	// proxy's: after a minute Telegram's limit of 20 messages per minute starts
	// over, and 60 s is what its own flood rule asks for.
	defaultRetryAfter = time.Minute

	// maxRetryAfter keeps a nonsense number from silencing a lane for ever. The
	// longest waits that have been reported are hours.
	maxRetryAfter = 24 * time.Hour
)

// goneWords mean that the message to edit is not there any more, or is not one
// that this bot can edit. Its state has to be shown in a new message.
var goneWords = []string{
	"message to edit not found",
	"message can't be edited",
	"there is no text in the message to edit",
	"message_id_invalid",
	"message_author_required",
	"message_edit_time_expired",
}

// lostReplyWords mean that the message to answer is not there any more. Older
// servers say so of a deleted topic, too: they looked for the message that
// opened it.
var lostReplyWords = []string{
	"message to be replied not found",
	"replied message not found",
	"reply message not found",
}

// lostTopicWords mean that the topic was deleted.
var lostTopicWords = append([]string{
	"message thread not found",
	"topic_deleted",
	"topic_id_invalid",
}, lostReplyWords...)

// notThereWords mean that a message to delete is not there.
var notThereWords = []string{
	"message to delete not found",
	"message_id_invalid",
}

// markupWords mean that the text may pass without its markup.
var markupWords = []string{
	"can't parse entities",
	"can't find end",
	"entities_too_long",
	"entity_",
	"entity begin", // "… begins in a middle of a UTF-16 symbol" and the like
	"wrong http url specified",
}

// lasting are the refusals that last until a person acts, and what to do. The
// first that fits counts.
var lasting = []struct {
	words  []string
	action string
}{
	{
		[]string{"bot was blocked by the user", "user_is_blocked"},
		"open the chat with the bot in Telegram and unblock it",
	},
	{
		[]string{"bot was kicked from the channel", "bot is not a member of the channel", "need administrator rights in the channel"},
		"add the bot to the channel again, as an administrator who may post messages",
	},
	{
		[]string{"bot was kicked", "bot is not a member"},
		"add the bot to the group again",
	},
	{
		[]string{"group chat was deleted"},
		"the group does not exist any more: put another chat in its place in the list of Telegram chats and restart Shipbell",
	},
	{
		[]string{"group chat was upgraded", "group chat was migrated"},
		"the group became a supergroup and has a new id: put that in the list of Telegram chats and restart Shipbell",
	},
	{
		[]string{"user is deactivated", "input_user_deactivated", "user_deactivated", "user_deleted"},
		"the Telegram account does not exist any more: put another chat in its place in the list of Telegram chats and restart Shipbell",
	},
	{
		[]string{"can't initiate conversation"},
		"open the chat with the bot in Telegram and press Start",
	},
	{
		[]string{"can't send messages to"},
		"a bot cannot write to this chat: put another in its place in the list of Telegram chats and restart Shipbell",
	},
	{
		[]string{"chat not found", "chat_id is empty", "peer_id_invalid", "chat_id_invalid", "channel_invalid", "channel_private"},
		"check the id in the list of Telegram chats, and that the bot is a member of the chat (a person must have pressed Start)",
	},
	{
		[]string{"topic_closed"},
		"open the topic again, or let the bot manage topics",
	},
	{
		[]string{
			"not enough rights", "have no rights", "no write access", "need administrator rights", "chat_write_forbidden",
			"chat_send_plain_forbidden", "chat_guest_send_forbidden", "chat_restricted", "chat_admin_required",
			"user_banned_in_channel", "user_restricted",
		},
		"let the bot send text messages: in the permissions of the group, or as an administrator who may post messages",
	},
	{
		[]string{"logged out"},
		"the bot was logged out of this Bot API server: check the address of the Telegram API",
	},
}

const (
	checkToken   = "check the bot token: @BotFather shows the valid one; put it in the configuration and restart Shipbell"
	checkAddress = "check the address of the Telegram API"
)

// attempt is what the classification must know of a failed request.
type attempt struct {
	edit   bool
	remove bool // of the edits: it deletes
	reply  bool // it answers a message
	plain  bool
	chat   Chat // as it was asked for, topic included
	memory memory
}

// classify turns the error of a request into what the dispatcher acts on. Hint
// holds what the operator must do, without how to go on afterwards.
func classify(err error, a attempt) *shipbell.DeliveryError {
	refusal, ok := errors.AsType[*apiError](err)
	if !ok {
		if errors.Is(err, errAddress) {
			return &shipbell.DeliveryError{Fault: shipbell.FaultBlocked, Reason: err.Error(), Hint: checkAddress, Err: err}
		}
		return &shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: err.Error(), Err: err}
	}
	e := &shipbell.DeliveryError{Reason: refusal.Description, Err: refusal}
	code := refusal.Code
	if code == 0 {
		code = refusal.Status
	}
	switch {
	case code == 429, code == 420: // 420 is what 429 is called behind the Bot API
		e.Fault = shipbell.FaultRateLimited
		e.RetryAfter = cmp.Or(refusal.RetryAfter, defaultRetryAfter)
	case refusal.Code == 0:
		// Not Telegram's word, whatever the status: a proxy's, or no Bot API at all.
		e.Fault, e.Hint = shipbell.FaultTemporary, checkAddress+" if this goes on"
	case code >= 500, code == 408:
		e.Fault = shipbell.FaultTemporary
	case code == 401, code == 404: // 404 answers a token that was never one
		e.Fault, e.Hint = shipbell.FaultBlocked, checkToken
	case code == 421: // a Bot API server that serves other bots only
		e.Fault, e.Hint = shipbell.FaultBlocked, checkAddress+", which does not serve this bot"
	default:
		classifyRefusal(e, refusal, a)
	}
	return e
}

// classifyRefusal sorts the 400s and 403s by their words.
func classifyRefusal(e *shipbell.DeliveryError, refusal *apiError, a attempt) {
	said := strings.ToLower(refusal.Description)
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(said, w) })
	}
	switch {
	case refusal.MigrateTo != 0 && refusal.MigrateTo != a.chat.ID:
		a.memory.Chat = refusal.MigrateTo
		e.Fault = shipbell.FaultMoved
		e.Memory = a.memory.String()
		e.Reason = fmt.Sprintf("the group became a supergroup, its id is now %d", refusal.MigrateTo)
	case a.remove && refusal.Code == 400:
		// Too old, as a rule: bots delete what is younger than 48 hours. Whatever
		// the reason is, the message can still be made a pointer; where not even
		// that can be done, the edit will say why.
		e.Fault = shipbell.FaultKept
	case a.reply && says(lostReplyWords...):
		e.Fault = shipbell.FaultGone
	case a.edit && (says(goneWords...) || says(lostTopicWords...)):
		e.Fault = shipbell.FaultGone // a topic takes its messages with it; the new post will learn of it
	case a.chat.Topic != 0 && says(lostTopicWords...):
		a.memory.General = true
		e.Fault = shipbell.FaultMoved
		e.Memory = a.memory.String()
		e.Reason = fmt.Sprintf("topic %d was deleted: messages go to the general topic from now on", a.chat.Topic)
	case says(markupWords...) && !a.plain:
		e.Fault = shipbell.FaultMarkup
	// "message is too long" stays among the refused below. The text was measured
	// by Telegram's documented rule; if that changed, nobody knows how much
	// shorter is short enough, and cutting blindly would hide the change. One
	// message set aside shows it.
	default:
		e.Fault = shipbell.FaultRefused
		for _, l := range lasting {
			if says(l.words...) {
				e.Fault, e.Hint = shipbell.FaultBlocked, l.action
				return
			}
		}
	}
}

// notThere reports whether a message could not be deleted because there is none,
// or because its topic took it along.
func notThere(err error) bool {
	refusal, ok := errors.AsType[*apiError](err)
	said := ""
	if ok && refusal.Code == 400 {
		said = strings.ToLower(refusal.Description)
	}
	return slices.ContainsFunc(slices.Concat(notThereWords, lostTopicWords), func(w string) bool { return said != "" && strings.Contains(said, w) })
}

// notModified reports whether an edit was refused because the message already
// shows the text.
func notModified(err error) bool {
	refusal, ok := errors.AsType[*apiError](err)
	return ok && refusal.Code == 400 && strings.Contains(strings.ToLower(refusal.Description), "message is not modified")
}
