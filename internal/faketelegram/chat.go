package faketelegram

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ChatType is the kind of a chat.
type ChatType string

// The kinds of chats.
const (
	Private    ChatType = "private"
	Group      ChatType = "group"
	Supergroup ChatType = "supergroup"
	Channel    ChatType = "channel"
)

// Chat is a place for messages. An empty Type is read off the id: positive is
// private, from -1000000000000 down is a supergroup, the rest a group; a channel
// must say so. A supergroup or channel with a Username can be addressed as
// @username.
type Chat struct {
	ID       int64
	Type     ChatType
	Title    string // the first name in a private chat
	Username string // without the @
	Forum    bool   // the supergroup has topics
}

// firstSupergroupID is where ids of supergroups and channels begin, downwards.
const firstSupergroupID = -1_000_000_000_000

// generalTopic is the topic every forum has; messages go there without naming it.
const generalTopic = 1

// state is whether the bot may write to a chat.
type state int

const (
	open state = iota
	blocked
	deactivated
	kicked
	left
	deleted
)

// chat is a Chat and all that happened in it. It is guarded by Server.mu.
type chat struct {
	Chat
	state   state
	movedTo int64         // the supergroup this group became
	topics  map[int]topic // by thread
	slots   []*slot       // by message id - 1
	sent    int           // messages the bot sent
	budget  budget
}

// topic is a topic of a forum.
type topic struct{ deleted bool }

// slot is what a message id stands for.
type slot struct {
	Message
	own      bool // sent by the bot
	keyboard bool // sent with a keyboard that is not inline, after which Telegram allows no edits
}

// add gives the next message id to what is in the slot.
func (c *chat) add(s *slot) int {
	s.Chat, s.ID = c.ID, len(c.slots)+1
	c.slots = append(c.slots, s)
	return s.ID
}

// message finds a message that exists, or nil.
func (c *chat) message(id int) *slot {
	if id < 1 || id > len(c.slots) || c.slots[id-1].Deleted {
		return nil
	}
	return c.slots[id-1]
}

// AddChat makes the chat known and the bot a member of it. Adding it again
// changes its description and keeps its messages.
func (s *Server) AddChat(description Chat) {
	if description.Type == "" {
		switch {
		case description.ID > 0:
			description.Type = Private
		case description.ID <= firstSupergroupID:
			description.Type = Supergroup
		default:
			description.Type = Group
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chats[description.ID]
	if c == nil {
		c = &chat{topics: map[int]topic{}}
		s.chats[description.ID] = c
	}
	delete(s.usernames, lower(c.Username))
	c.Chat = description
	if c.Username != "" {
		s.usernames[lower(c.Username)] = c
	}
	s.news.Changed()
}

// AddTopic opens a topic in the forum as another member does, and returns its
// message_thread_id: the id of the message by which it was opened.
func (s *Server) AddTopic(chatID int64) (thread int) {
	s.change(chatID, func(c *chat) {
		c.Forum = true
		if len(c.slots) == 0 {
			c.add(&slot{}) // the supergroup's own first message: 1 is the general topic
		}
		thread = c.add(&slot{})
		c.topics[thread] = topic{}
	})
	return thread
}

// DeleteTopic deletes the topic and all its messages.
func (s *Server) DeleteTopic(chatID int64, thread int) {
	s.change(chatID, func(c *chat) {
		c.topics[thread] = topic{deleted: true}
		now := s.now()
		for _, m := range c.slots {
			if m.Thread == thread && !m.Deleted {
				m.Deleted, m.DeletedAt = true, now
			}
		}
	})
}

// Migrate upgrades a group to a supergroup with another id, as Telegram does by
// itself when certain settings of a group change. From then on the old id
// answers with the new one, and its messages cannot be edited any more: the
// supergroup starts without messages.
func (s *Server) Migrate(from, to int64) {
	s.mu.Lock()
	old := s.known(from)
	description := old.Chat
	s.mu.Unlock()
	description.ID, description.Type = to, Supergroup
	s.AddChat(description)
	s.change(from, func(c *chat) { c.movedTo = to })
}

// Block makes the person of a private chat block the bot.
func (s *Server) Block(chatID int64) { s.setState(chatID, blocked) }

// Deactivate deletes the account of the person of a private chat.
func (s *Server) Deactivate(chatID int64) { s.setState(chatID, deactivated) }

// Kick removes and bans the bot from a group, supergroup or channel.
func (s *Server) Kick(chatID int64) { s.setState(chatID, kicked) }

// Leave makes the bot a non-member of a group, supergroup or channel.
func (s *Server) Leave(chatID int64) { s.setState(chatID, left) }

// DeleteGroup deletes a group. Telegram tells it apart from a kick only for
// groups, not for supergroups and channels, where it says the chat is not found.
func (s *Server) DeleteGroup(chatID int64) { s.setState(chatID, deleted) }

// Unblock undoes [Server.Block], [Server.Kick] and their like.
func (s *Server) Unblock(chatID int64) { s.setState(chatID, open) }

func (s *Server) setState(chatID int64, to state) {
	s.change(chatID, func(c *chat) { c.state = to })
}

// AddMessage adds a message of another member and returns its id. The bot can
// reply to it, but not edit it. It is not among [Server.Messages].
func (s *Server) AddMessage(chatID int64, text string) (id int) {
	s.change(chatID, func(c *chat) { id = c.add(&slot{Message: Message{Text: text, Sent: s.now()}}) })
	return id
}

// DeleteMessage deletes a message as a person does.
func (s *Server) DeleteMessage(chatID int64, id int) {
	s.change(chatID, func(c *chat) {
		if m := c.message(id); m != nil {
			m.Deleted, m.DeletedAt = true, s.now()
		}
	})
}

// Chats returns the known chats, sorted by id.
func (s *Server) Chats() []Chat {
	s.mu.Lock()
	defer s.mu.Unlock()
	chats := make([]Chat, 0, len(s.chats))
	for _, id := range slices.Sorted(maps.Keys(s.chats)) {
		chats = append(chats, s.chats[id].Chat)
	}
	return chats
}

// change applies a change to a chat and tells those who wait.
func (s *Server) change(chatID int64, apply func(*chat)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	apply(s.known(chatID))
	s.news.Changed()
}

// known is the chat of that id. Naming one that was never added is a mistake in
// a test, hence the panic.
func (s *Server) known(chatID int64) *chat {
	c := s.chats[chatID]
	if c == nil {
		panic(fmt.Sprintf("faketelegram: chat %d was not added", chatID))
	}
	return c
}

// access is what a method wants to do with a chat.
type access int

const (
	read access = iota
	edit
	write
)

// find returns the chat a chat_id names if the bot may use it that way. It
// follows check_chat and check_chat_access in telegram-bot-api/Client.cpp.
func (s *Server) find(id string, want access) (*chat, error) {
	var c *chat
	if name, ok := strings.CutPrefix(id, "@"); ok {
		c = s.usernames[lower(name)]
		if c != nil && c.Type != Supergroup && c.Type != Channel {
			c = nil
		}
	} else if id == "" {
		return nil, refuse("chat_id is empty")
	} else {
		c = s.chats[leadingInt(id)]
	}
	if c == nil {
		return nil, refuse("Chat not found")
	}
	switch c.Type {
	case Private:
		if c.state == deactivated && want != read {
			return nil, forbid("user is deactivated")
		}
	case Group:
		// The open source server looks at the migration only before it sends or
		// deletes. Its answer to an edit comes from Telegram's closed servers; an
		// edit of such a message is impossible either way
		// (https://github.com/telegramdesktop/tdesktop/issues/3002).
		switch {
		case c.movedTo != 0 && want != read:
			return nil, &apiError{
				Code:        400,
				Description: "Bad Request: group chat was upgraded to a supergroup chat",
				Parameters:  parameters{MigrateToChatID: c.movedTo},
			}
		case c.state == deleted && want != read:
			return nil, forbid("the group chat was deleted")
		case c.state == kicked && want != read:
			return nil, forbid("bot was kicked from the group chat")
		case c.state == left && want != read:
			return nil, forbid("bot is not a member of the group chat")
		}
	default:
		switch {
		case c.state == deleted:
			return nil, refuse("Chat not found")
		case c.state == kicked:
			return nil, forbid("bot was kicked from the " + string(c.Type) + " chat")
		case c.state == left && (want != read || c.Username == ""):
			return nil, forbid("bot is not a member of the " + string(c.Type) + " chat")
		}
	}
	return c, nil
}
