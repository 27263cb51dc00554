package faketelegram

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shipbell/shipbell/internal/fakeserver"
)

const (
	// maxText is the longest message, after its entities were parsed:
	// https://core.telegram.org/bots/api#sendmessage
	maxText = 4096
	// maxRaw is the longest text parameter, in bytes: get_formatted_text in
	// telegram-bot-api/Client.cpp.
	maxRaw = 1 << 15
	// maxPoll is the longest getUpdates waits, as LONG_POLL_MAX_TIMEOUT in
	// telegram-bot-api/Client.h.
	maxPoll = 50 * time.Second
	// maxDeleteAge is how old a message may be that a bot deletes:
	// https://core.telegram.org/bots/api#deletemessage. A bot with the right to
	// delete messages gets no further: https://github.com/grammyjs/types/pull/4
	maxDeleteAge = 48 * time.Hour
)

// method lets a call take effect.
func (s *Server) method(ctx context.Context, call *Call, a arguments) (result any, err error) {
	switch call.Method {
	case "getMe":
		result = s.me()
	case "getUpdates":
		result = s.getUpdates(ctx, a)
	case "getChat":
		result, err = s.getChat(a)
	case "sendMessage":
		result, err = s.sendMessage(call, a)
	case "editMessageText":
		result, err = s.editMessageText(call, a)
	case "deleteMessage":
		result, err = s.deleteMessage(a)
	}
	if err == nil {
		s.mu.Lock()
		call.Accepted = true
		s.mu.Unlock()
	}
	return result, err
}

// botJSON is the bot as getMe describes it.
type botJSON struct {
	User
	CanJoinGroups           bool `json:"can_join_groups"`
	CanReadAllGroupMessages bool `json:"can_read_all_group_messages"`
	SupportsInlineQueries   bool `json:"supports_inline_queries"`
}

func (s *Server) me() botJSON { return botJSON{User: s.bot, CanJoinGroups: true} }

// getUpdates has nothing to tell, but keeps the client waiting as long as it
// asked for, on a real timer: otherwise it would ask again at once.
func (s *Server) getUpdates(ctx context.Context, a arguments) []struct{} {
	wait := time.Duration(max(a.integer("timeout"), 0)) * time.Second
	fakeserver.Pause(ctx, min(wait, maxPoll))
	return []struct{}{}
}

// chatFullJSON is a chat as getChat describes it.
type chatFullJSON struct {
	*chatJSON
	AccentColorID    int  `json:"accent_color_id"`
	MaxReactionCount int  `json:"max_reaction_count"`
	HasHiddenMembers bool `json:"has_hidden_members,omitempty"`
}

func (s *Server) getChat(a arguments) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.find(a.text("chat_id"), read)
	if err != nil {
		return nil, err
	}
	return chatFullJSON{chatJSON: c.Chat.json(), MaxReactionCount: 11}, nil
}

// content is what a message or an edit shall say. The error is one that
// Telegram finds only after it has looked at the chat.
type content struct {
	raw      string
	text     string
	entities []Entity
	length   int
	preview  bool
	markup   string
	err      error
}

// content reads what sendMessage and editMessageText have in common, in the
// order in which Telegram finds mistakes: get_input_message_text in
// telegram-bot-api/Client.cpp.
func (s *Server) content(a arguments) (content, error) {
	c := content{raw: a.text("text"), preview: !a.flag("disable_web_page_preview")}
	if options := a.text("link_preview_options"); options != "" {
		var o struct {
			IsDisabled bool `json:"is_disabled"`
		}
		if err := decode(options, &o, "link preview options"); err != nil {
			return c, err
		}
		c.preview = !o.IsDisabled
	}
	if c.raw == "" {
		return c, refuse("Message text is empty")
	}
	if len(c.raw) > maxRaw {
		return c, refuse("Text is too long")
	}
	text := c.raw
	var entities []Entity
	switch mode := lower(a.text("parse_mode")); mode {
	case "html":
		if !utf8.ValidString(text) {
			return c, refuse("Text must be encoded in UTF-8")
		}
		var err error
		if text, entities, err = parseHTML(text); err != nil {
			return c, refuse("Can't parse entities: %s", err)
		}
	case "", "none":
		if list := a.text("entities"); list != "" {
			var err error
			if entities, err = readEntities(list); err != nil {
				return c, err
			}
		}
	case "markdown", "markdownv2":
		s.violate("faketelegram does not know parse mode %q", a.text("parse_mode"))
	default:
		return c, refuse("Unsupported parse_mode")
	}
	c.text, c.entities, c.err = compose(text, entities)
	c.length = length16(c.text)
	if s.options.CountCharacters {
		c.length = utf8.RuneCountInString(c.text)
	}
	return c, nil
}

// decode reads a parameter that is a JSON object, with Telegram's words for what
// is none.
func decode(text string, into any, what string) error {
	if !json.Valid([]byte(text)) {
		return refuse("Can't parse %s JSON object", what)
	}
	if text[0] != '{' {
		return refuse("Object expected as %s", what)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return refuse("Can't parse %s JSON object", what)
	}
	return nil
}

// readEntities reads the parameter entities. Telegram ignores one that is no
// array and entities of types that it finds itself.
func readEntities(text string) ([]Entity, error) {
	var list []json.RawMessage
	if json.Unmarshal([]byte(text), &list) != nil {
		return nil, nil
	}
	var entities []Entity
	for _, raw := range list {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			return nil, refuse("Can't parse MessageEntity: expected an Object")
		}
		for _, name := range []string{"offset", "length", "type"} {
			if object[name] == nil {
				return nil, refuse("Can't parse MessageEntity: Can't find field %q", name)
			}
		}
		var e Entity
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, refuse("Can't parse MessageEntity: %s", err)
		}
		if e.Type == TextLink {
			e.URL = checkedLink(e.URL)
		}
		if e.Type.rank() < 99 || e.Type == CustomEmoji {
			entities = append(entities, e)
		}
	}
	return entities, nil
}

// readMarkup reads the parameter reply_markup and returns it without white space.
func readMarkup(a arguments) (string, error) {
	text := a.text("reply_markup")
	if text == "" {
		return "", nil
	}
	var markup map[string]any
	if err := decode(text, &markup, "reply markup"); err != nil {
		if !json.Valid([]byte(text)) {
			err = refuse("Can't parse reply keyboard markup JSON object")
		}
		return "", err
	}
	rows, _ := markup["inline_keyboard"].([]any)
	for _, row := range rows {
		buttons, ok := row.([]any)
		if !ok {
			return "", refuse("Field \"inline_keyboard\" of the InlineKeyboardMarkup must be an Array of Arrays")
		}
		for _, b := range buttons {
			button, ok := b.(map[string]any)
			if !ok {
				return "", refuse("Can't parse inline keyboard button: InlineKeyboardButton must be an Object")
			}
			if button["text"] == nil {
				return "", refuse("Can't parse inline keyboard button: Can't find field \"text\"")
			}
		}
	}
	compact, err := json.Marshal(markup)
	return string(compact), err
}

// inline reports whether the markup is an inline keyboard, the only one that
// stays with a message.
func inline(markup string) bool {
	var keyboard struct {
		Inline [][]any `json:"inline_keyboard"`
	}
	return markup != "" && json.Unmarshal([]byte(markup), &keyboard) == nil && len(keyboard.Inline) > 0
}

// reply is the parameter reply_parameters, or its predecessors.
type reply struct {
	MessageID looseInt        `json:"message_id"`
	ChatID    json.RawMessage `json:"chat_id"`
	Optional  bool            `json:"allow_sending_without_reply"`
}

// looseInt is a number that may be given as text.
type looseInt int

// UnmarshalJSON reads a number or a string that holds one.
func (n *looseInt) UnmarshalJSON(b []byte) error {
	*n = looseInt(leadingInt(strings.Trim(string(b), `"`)))
	return nil
}

func readReply(a arguments) (reply, error) {
	text := a.text("reply_parameters")
	if text == "" {
		return reply{MessageID: looseInt(a.integer("reply_to_message_id")), Optional: a.flag("allow_sending_without_reply")}, nil
	}
	var r reply
	if err := decode(text, &r, "reply parameters"); err != nil {
		return reply{}, err
	}
	if r.MessageID == 0 && text != "{}" {
		return reply{}, refuse("Can't find field \"message_id\"")
	}
	return r, nil
}

// sendMessage follows process_send_message_query and do_send_message in
// telegram-bot-api/Client.cpp, and ends where Telegram's closed servers begin:
// with the limits and the question whether the person blocked the bot.
func (s *Server) sendMessage(call *Call, a arguments) (any, error) {
	said, err := s.content(a)
	if err != nil {
		return nil, err
	}
	answering, err := readReply(a)
	if err != nil {
		return nil, err
	}
	if said.markup, err = readMarkup(a); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.find(a.text("chat_id"), write)
	if err != nil {
		return nil, err
	}
	thread, err := c.thread(call.Thread)
	if err != nil {
		return nil, err
	}
	answered, err := s.answered(c, answering)
	if err != nil {
		return nil, err
	}
	if said.err != nil {
		return nil, said.err
	}
	if said.length > maxText {
		return nil, refuse("Message is too long")
	}
	if err := s.afford(c, call); err != nil {
		return nil, err
	}
	if c.state == blocked {
		return nil, forbid("bot was blocked by the user")
	}
	m := &slot{own: true, Message: Message{
		Thread: thread, Text: said.text, Entities: said.entities, Raw: said.raw, Markup: said.markup,
		PreviewDisabled: !said.preview, Silent: a.flag("disable_notification"), Protected: a.flag("protect_content"),
		Sent: s.now(),
	}}
	m.keyboard = said.markup != "" && !inline(said.markup)
	if answered != nil {
		m.ReplyTo = answered.ID
	}
	call.MessageID = c.add(m)
	c.sent++
	s.sent = append(s.sent, m)
	result := s.answer(c.Chat, m.Message, true)
	if answered != nil {
		result.ReplyToMessage = s.answer(c.Chat, answered.Message, answered.own)
	}
	return result, nil
}

// thread is the topic a message goes to. It follows check_message_topic: only
// forums and private chats have topics, elsewhere the parameter is ignored, and
// the general topic must not be named.
func (c *chat) thread(id int) (int, error) {
	if id == 0 || c.Type != Private && !c.Forum {
		return 0, nil
	}
	if t, ok := c.topics[id]; id == generalTopic || !ok || t.deleted {
		return 0, refuse("Message thread not found")
	}
	return id, nil
}

// answered is the message that is answered; nil for none.
func (s *Server) answered(c *chat, r reply) (*slot, error) {
	if r.MessageID <= 0 {
		return nil, nil
	}
	if len(r.ChatID) > 0 {
		var id string
		if json.Unmarshal(r.ChatID, &id) != nil {
			id = string(r.ChatID)
		}
		var err error
		if c, err = s.find(id, read); err != nil {
			return nil, err
		}
	}
	m := c.message(int(r.MessageID))
	if m == nil && !r.Optional {
		return nil, refuse("message to be replied not found")
	}
	return m, nil
}

// editMessageText follows process_edit_message_text_query in
// telegram-bot-api/Client.cpp and edit_message_text in td. Whether something
// changes and whether the text is too long is found by Telegram's closed
// servers, which answer with a code. A bot may edit its messages forever: see
// can_edit_message in td/telegram/MessagesManager.cpp.
func (s *Server) editMessageText(call *Call, a arguments) (any, error) {
	said, err := s.content(a)
	if err != nil {
		return nil, err
	}
	if said.markup, err = readMarkup(a); err != nil {
		return nil, err
	}
	if a.text("chat_id") == "" && call.MessageID == 0 {
		return nil, refuse("Message identifier is not specified")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.find(a.text("chat_id"), edit)
	if err != nil {
		return nil, err
	}
	m := c.message(call.MessageID)
	if m == nil {
		return nil, refuse("message to edit not found")
	}
	if !m.own || m.keyboard {
		return nil, refuse("Message can't be edited")
	}
	if said.err != nil {
		return nil, said.err
	}
	if err := s.afford(c, call); err != nil {
		return nil, err
	}
	switch {
	case c.state == blocked:
		return nil, forbid("bot was blocked by the user")
	case said.length > maxText:
		// Not "message is too long": only sendMessage translates the code.
		return nil, refuse("MESSAGE_TOO_LONG")
	case said.text == m.Text && slices.EqualFunc(said.entities, m.Entities, Entity.equal) && said.markup == m.Markup:
		return nil, refuse("message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message")
	}
	m.keep(s.options.MaxRevisions)
	m.Text, m.Entities, m.Raw, m.Markup = said.text, said.entities, said.raw, said.markup
	m.PreviewDisabled = !said.preview
	m.Edited = s.now()
	return s.answer(c.Chat, m.Message, true), nil
}

// keep moves the current state to the earlier ones, of which at most limit stay:
// 0 all, negative none. It never changes a list that was handed out.
func (m *slot) keep(limit int) {
	if limit < 0 {
		return
	}
	earlier := append(m.Earlier, m.revision())
	if limit > 0 && len(earlier) > limit {
		earlier = slices.Clone(earlier[len(earlier)-limit:])
	}
	m.Earlier = earlier
}

func (s *Server) deleteMessage(a arguments) (any, error) {
	id := a.integer("message_id")
	switch {
	case a.text("chat_id") == "":
		return nil, refuse("Chat identifier is not specified")
	case id <= 0:
		return nil, refuse("Message identifier is not specified")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.find(a.text("chat_id"), write)
	if err != nil {
		return nil, err
	}
	m := c.message(id)
	if m == nil {
		return nil, refuse("message to delete not found")
	}
	if !m.own {
		return nil, refuse("message can't be deleted")
	}
	if s.now().Sub(m.Sent) >= maxDeleteAge {
		return nil, refuse("message can't be deleted for everyone")
	}
	if c.state == blocked {
		return nil, forbid("bot was blocked by the user")
	}
	m.Deleted, m.DeletedAt = true, s.now()
	return true, nil
}
