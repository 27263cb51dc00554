package faketelegram

import (
	"encoding/json"
	"time"
)

// User is a person or a bot.
type User struct {
	ID        int64  `json:"id"`
	IsBot     bool   `json:"is_bot"`
	FirstName string `json:"first_name,omitempty"`
	Username  string `json:"username,omitempty"`
}

// Message is a message of the bot as it is shown now.
type Message struct {
	Chat    int64
	Thread  int // the topic; 0 for none
	ID      int // grows from 1 in every chat
	ReplyTo int // the message it answers; 0 for none

	Text     string // as people read it
	Entities []Entity
	Raw      string // the text parameter as it was received

	Markup          string // reply_markup as it was received
	PreviewDisabled bool   // no link preview
	Silent          bool   // disable_notification; says how it arrived, edits never ring
	Protected       bool   // protect_content

	Sent      time.Time
	Edited    time.Time // zero if never edited
	Deleted   bool
	DeletedAt time.Time
	// Earlier are the states before the current one, oldest first; see
	// [Message.History] and [Options].MaxRevisions.
	Earlier []Revision
}

// Revision is what a message said from a time on.
type Revision struct {
	Time     time.Time
	Text     string
	Entities []Entity
	Raw      string
}

// History returns all that the message ever said, the current state last.
func (m Message) History() []Revision {
	return append(m.Earlier[:len(m.Earlier):len(m.Earlier)], m.revision())
}

func (m Message) revision() Revision {
	r := Revision{Time: m.Sent, Text: m.Text, Entities: m.Entities, Raw: m.Raw}
	if !m.Edited.IsZero() {
		r.Time = m.Edited
	}
	return r
}

// Messages returns the messages the bot sent to the chat, in order, deleted ones
// included. It copies them: use [Server.Count] where the number is enough.
func (s *Server) Messages(chatID int64) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chats[chatID]
	if c == nil {
		return nil
	}
	messages := make([]Message, 0, c.sent)
	for _, m := range c.slots {
		if m.own {
			messages = append(messages, m.Message)
		}
	}
	return messages
}

// AllMessages returns the messages the bot sent to all chats in the order in
// which they were accepted, deleted ones included.
func (s *Server) AllMessages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages := make([]Message, len(s.sent))
	for i, m := range s.sent {
		messages[i] = m.Message
	}
	return messages
}

// Message returns one message; false if the bot never sent it.
func (s *Server) Message(chatID int64, id int) (Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chats[chatID]
	if c == nil || id < 1 || id > len(c.slots) || !c.slots[id-1].own {
		return Message{}, false
	}
	return c.slots[id-1].Message, true
}

// Count is how many messages the bot sent to the chat, deleted ones included; in
// all chats if chatID is 0. It costs nothing.
func (s *Server) Count(chatID int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if chatID == 0 {
		return len(s.sent)
	}
	if c := s.chats[chatID]; c != nil {
		return c.sent
	}
	return 0
}

// The JSON of answers.

type chatJSON struct {
	ID        int64    `json:"id"`
	Title     string   `json:"title,omitempty"`
	FirstName string   `json:"first_name,omitempty"`
	Username  string   `json:"username,omitempty"`
	IsForum   bool     `json:"is_forum,omitempty"`
	Type      ChatType `json:"type"`
}

func (c Chat) json() *chatJSON {
	j := &chatJSON{ID: c.ID, Title: c.Title, Username: c.Username, IsForum: c.Forum, Type: c.Type}
	if c.Type == Private {
		j.Title, j.FirstName = "", c.Title
	}
	return j
}

type messageJSON struct {
	MessageID          int             `json:"message_id"`
	From               *User           `json:"from,omitempty"`
	SenderChat         *chatJSON       `json:"sender_chat,omitempty"`
	Chat               *chatJSON       `json:"chat"`
	Date               int64           `json:"date"`
	EditDate           int64           `json:"edit_date,omitempty"`
	MessageThreadID    int             `json:"message_thread_id,omitempty"`
	IsTopicMessage     bool            `json:"is_topic_message,omitempty"`
	ReplyToMessage     *messageJSON    `json:"reply_to_message,omitempty"`
	Text               string          `json:"text,omitempty"`
	Entities           []Entity        `json:"entities,omitempty"`
	LinkPreviewOptions *previewJSON    `json:"link_preview_options,omitempty"`
	HasProtected       bool            `json:"has_protected_content,omitempty"`
	ReplyMarkup        json.RawMessage `json:"reply_markup,omitempty"`
}

type previewJSON struct {
	IsDisabled bool `json:"is_disabled,omitempty"`
}

// answer is the JSON of the message.
func (s *Server) answer(c Chat, m Message, own bool) *messageJSON {
	j := &messageJSON{
		MessageID:       m.ID,
		Chat:            c.json(),
		Date:            m.Sent.Unix(),
		MessageThreadID: m.Thread,
		IsTopicMessage:  m.Thread != 0,
		Text:            m.Text,
		Entities:        m.Entities,
		HasProtected:    m.Protected,
	}
	switch {
	case c.Type == Channel:
		j.SenderChat = j.Chat
	case own:
		j.From = &s.bot
	}
	if !m.Edited.IsZero() {
		j.EditDate = m.Edited.Unix()
	}
	if m.PreviewDisabled {
		j.LinkPreviewOptions = &previewJSON{IsDisabled: true}
	}
	if inline(m.Markup) {
		j.ReplyMarkup = json.RawMessage(m.Markup)
	}
	return j
}
