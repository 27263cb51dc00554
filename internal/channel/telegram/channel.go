package telegram

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/outbound"
)

// DefaultAPIURL is the address of Telegram's own Bot API server.
const DefaultAPIURL = "https://api.telegram.org"

// Config is what a [Channel] is made of.
type Config struct {
	Token     outbound.Secret
	Chat      Chat
	APIURL    string           // empty: DefaultAPIURL; another for a Bot API server of one's own
	HTTP      *outbound.Client // nil: one with default settings
	Unlimited bool             // no budget: for tests and a Bot API server without limits
}

// Channel is one chat or forum topic. It keeps no state and is safe for
// concurrent use.
type Channel struct {
	bot       bot
	chat      Chat
	unlimited bool
}

// New returns the channel of a chat.
func New(c Config) *Channel {
	client := c.HTTP
	if client == nil {
		client = outbound.New(outbound.Options{})
	}
	return &Channel{
		bot: bot{
			api: strings.TrimRight(cmp.Or(strings.TrimSpace(c.APIURL), DefaultAPIURL), "/"),
			// Tokens come out of files, with a line feed at the end.
			token: outbound.NewSecret(strings.TrimSpace(c.Token.Reveal())),
			http:  client,
		},
		chat:      c.Chat,
		unlimited: c.Unlimited,
	}
}

// ID returns telegram: and the chat as it was configured. It stays the same when
// the chat moves or the topic is deleted.
func (c *Channel) ID() shipbell.ChannelID { return shipbell.ChannelID("telegram:" + c.chat.String()) }

// String returns the ID.
func (c *Channel) String() string { return string(c.ID()) }

// Telegram's limits for one chat. They count posts and edits together, see
// https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
// and https://github.com/tdlib/td/issues/2592.
const (
	requestsPerSecond = 1
	requestsPerMinute = 20 // groups, supergroups and channels only
)

// Budget returns the limits of the chat, which all its topics share.
func (c *Channel) Budget() shipbell.Budget {
	budget := shipbell.Budget{Name: "telegram:" + c.chat.place()}
	if c.unlimited {
		return budget
	}
	budget.Limits = append(budget.Limits, shipbell.Limit{N: requestsPerSecond, Per: time.Second})
	if c.chat.crowd() {
		budget.Limits = append(budget.Limits, shipbell.Limit{N: requestsPerMinute, Per: time.Minute})
	}
	return budget
}

// noPreview keeps a link from growing a picture below the message.
type noPreview struct {
	IsDisabled bool `json:"is_disabled"`
}

// sendMessage is https://core.telegram.org/bots/api#sendmessage.
type sendMessage struct {
	ChatID             any       `json:"chat_id"`
	MessageThreadID    int64     `json:"message_thread_id,omitempty"`
	Text               string    `json:"text"`
	ParseMode          string    `json:"parse_mode,omitempty"`
	LinkPreviewOptions noPreview `json:"link_preview_options"`
	ReplyParameters    *answered `json:"reply_parameters,omitempty"`
}

// answered is https://core.telegram.org/bots/api#replyparameters. Telegram sends
// the message also where the one it answers is gone, except across chats and
// topics.
type answered struct {
	MessageID int64 `json:"message_id"`
	Optional  bool  `json:"allow_sending_without_reply"`
}

// deleteMessage is https://core.telegram.org/bots/api#deletemessage.
type deleteMessage struct {
	ChatID    any   `json:"chat_id"`
	MessageID int64 `json:"message_id"`
}

// editMessageText is https://core.telegram.org/bots/api#editmessagetext.
type editMessageText struct {
	ChatID             any       `json:"chat_id"`
	MessageID          int64     `json:"message_id"`
	Text               string    `json:"text"`
	ParseMode          string    `json:"parse_mode,omitempty"`
	LinkPreviewOptions noPreview `json:"link_preview_options"`
}

// Deliver makes a message visible: it posts where d has no Ref, and edits
// otherwise, or deletes where d says Remove. It sends one request, or none where
// the Ref cannot lead to a message any more. Every error is a
// [*shipbell.DeliveryError].
//
// Telegram has no way to recognise a repeated post: after FaultTemporary the
// message may be there nevertheless.
func (c *Channel) Deliver(ctx context.Context, d shipbell.Delivery) (shipbell.MessageRef, error) {
	remembered := readMemory(d.Memory)
	chat := c.chat.withID(remembered.Chat)
	if remembered.General {
		chat.Topic = 0
	}
	if d.Ref == "" {
		return c.post(ctx, d, attempt{plain: d.Plain, chat: chat, memory: remembered})
	}
	a := attempt{edit: true, plain: d.Plain, chat: chat, memory: remembered}
	if d.Remove {
		return c.remove(ctx, d, a)
	}
	return c.edit(ctx, d, a)
}

func (c *Channel) post(ctx context.Context, d shipbell.Delivery, a attempt) (shipbell.MessageRef, error) {
	text, parseMode := compose(d.Message, d.Plain)
	reply := c.answering(d.ReplyTo, a)
	a.reply = reply != nil
	result, err := c.bot.call(ctx, "sendMessage", sendMessage{
		ChatID:             a.chat.identifier(),
		MessageThreadID:    a.chat.Topic,
		Text:               text,
		ParseMode:          parseMode,
		LinkPreviewOptions: noPreview{IsDisabled: true},
		ReplyParameters:    reply,
	})
	if err != nil {
		return "", c.fail(err, a)
	}
	var sent struct {
		MessageID int64 `json:"message_id"`
		Chat      struct {
			ID int64 `json:"id"`
		} `json:"chat"`
	}
	if err := json.Unmarshal(result, &sent); err != nil || sent.MessageID <= 0 {
		// The message is there, but nothing leads to it. Trying again by ourselves
		// would post it again and again.
		return "", &shipbell.DeliveryError{
			Fault:  shipbell.FaultBlocked,
			Reason: "the message was accepted, but the answer does not say which one it is",
			Hint:   checkAddress + ", then run: shipbell lanes resume " + string(c.ID()),
		}
	}
	return shipbell.MessageRef(ref{Chat: cmp.Or(sent.Chat.ID, a.chat.ID), Message: sent.MessageID}.String()), nil
}

// answering is the message that a post answers, or nil where there is none in
// the chat.
func (c *Channel) answering(to shipbell.MessageRef, a attempt) *answered {
	target, err := find(to, a)
	if err != nil {
		return nil
	}
	if here := a.chat.ID; here != 0 && target.Chat != 0 && target.Chat != here {
		return nil
	}
	return &answered{MessageID: target.Message, Optional: true}
}

// find returns the message that a handle leads to, or why it leads nowhere.
func find(r shipbell.MessageRef, a attempt) (ref, error) {
	target, ok := readRef(r)
	if !ok {
		return ref{}, &shipbell.DeliveryError{Fault: shipbell.FaultGone, Reason: "the stored message handle is not one of Telegram's"}
	}
	if moved := a.memory.Chat; moved != 0 && target.Chat != moved {
		// A supergroup starts without messages: no id of the old group is valid in it.
		return ref{}, &shipbell.DeliveryError{Fault: shipbell.FaultGone, Reason: "the message stayed behind in the group that became a supergroup"}
	}
	return target, nil
}

// remove deletes a message. One that is not there, or that nothing leads to, is
// removed.
func (c *Channel) remove(ctx context.Context, d shipbell.Delivery, a attempt) (shipbell.MessageRef, error) {
	target, err := find(d.Ref, a)
	if err != nil {
		return "", nil
	}
	a.remove, a.chat = true, a.chat.withID(target.Chat)
	_, err = c.bot.call(ctx, "deleteMessage", deleteMessage{ChatID: a.chat.identifier(), MessageID: target.Message})
	if err != nil && !notThere(err) {
		return "", c.fail(err, a)
	}
	return "", nil
}

func (c *Channel) edit(ctx context.Context, d shipbell.Delivery, a attempt) (shipbell.MessageRef, error) {
	target, err := find(d.Ref, a)
	if err != nil {
		return "", err
	}
	// Where the message is, not where the channel points: a public name can
	// change hands.
	a.chat = a.chat.withID(target.Chat)
	text, parseMode := compose(d.Message, d.Plain)
	_, err = c.bot.call(ctx, "editMessageText", editMessageText{
		ChatID:             a.chat.identifier(),
		MessageID:          target.Message,
		Text:               text,
		ParseMode:          parseMode,
		LinkPreviewOptions: noPreview{IsDisabled: true},
	})
	if err != nil && !notModified(err) {
		return "", c.fail(err, a)
	}
	return d.Ref, nil
}

// fail classifies the error of a delivery, and tells how to go on once the
// operator has done what the hint says.
func (c *Channel) fail(err error, a attempt) error {
	e := classify(err, a)
	if e.Fault == shipbell.FaultBlocked && e.Hint != "" {
		e.Hint += ", then run: shipbell lanes resume " + string(c.ID())
	}
	return e
}

// Identity is who writes and where, in words for people.
type Identity struct {
	Bot  string // @name of the bot
	Chat string // title of the chat
}

// Check asks Telegram who the bot is and what the chat is called, so that a wrong
// token or chat id is noticed at start-up. No delivery needs it. The error is a
// [*shipbell.DeliveryError]; where only the chat is the matter, Identity names
// the bot.
func (c *Channel) Check(ctx context.Context) (Identity, error) {
	type names struct {
		Title     string `json:"title"`
		FirstName string `json:"first_name"`
		Username  string `json:"username"`
	}
	ask := func(method string, params any) (names, error) {
		var n names
		result, err := c.bot.call(ctx, method, params)
		if err != nil {
			return n, classify(err, attempt{chat: c.chat})
		}
		if err := json.Unmarshal(result, &n); err != nil {
			return n, classify(errNoNames, attempt{})
		}
		return n, nil
	}
	me, err := ask("getMe", struct{}{})
	if err != nil {
		return Identity{}, err
	}
	identity := Identity{Bot: "@" + me.Username}
	chat, err := ask("getChat", struct {
		ChatID any `json:"chat_id"`
	}{c.chat.identifier()})
	if err != nil {
		return identity, err
	}
	identity.Chat = chatName(chat.Title, chat.FirstName, chat.Username)
	return identity, nil
}

var errNoNames = errors.New("the answer of the Bot API cannot be read")
