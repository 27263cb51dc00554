package telegram

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/shipbell/shipbell"
)

// Chat names a place for messages as the operator does: by id or by public
// name, and for a forum by its topic.
type Chat struct {
	ID    int64  // 0 where the chat has a Name; negative for groups and channels
	Name  string // of a public group or channel, without the @, in lower case
	Topic int64  // message_thread_id; 0 for the chat itself or its general topic
}

// String returns the chat as [ParseChats] reads it.
func (c Chat) String() string {
	if c.Topic == 0 {
		return c.place()
	}
	return c.place() + ":" + strconv.FormatInt(c.Topic, 10)
}

// place is the chat without its topic.
func (c Chat) place() string {
	if c.Name != "" {
		return "@" + c.Name
	}
	return strconv.FormatInt(c.ID, 10)
}

// crowd reports whether the chat is a group, supergroup or channel.
func (c Chat) crowd() bool { return c.Name != "" || c.ID < 0 }

// identifier is the chat as the Bot API takes it: an integer or "@name".
func (c Chat) identifier() any {
	if c.Name != "" {
		return "@" + c.Name
	}
	return c.ID
}

// AcceptedChats is the form that [ParseChats] reads, for help and errors.
const AcceptedChats = "-1001234567890, -1001234567890:45 (a forum topic), @channelname or @groupname:45, separated by commas"

// generalTopic is the topic every forum has. Telegram answers "message thread
// not found" to messages that name it; they must name none.
const generalTopic = 1

// maxTopic is the largest message_thread_id, a 32-bit number.
const maxTopic = 1<<31 - 1

var (
	// publicName follows https://core.telegram.org/method/account.checkUsername,
	// but lets the four-letter names pass that Telegram sells.
	publicName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{3,31}$`)

	// tokenLike finds bot tokens, which must not be quoted in an error. A chat
	// with a topic never has that many characters after the colon.
	tokenLike = regexp.MustCompile(`[0-9]+:[A-Za-z0-9_-]{20,}`)
)

// ParseChats reads a comma-separated list of chats. It reports everything that
// is wrong with the list in one [shipbell.ErrInvalid].
func ParseChats(s string) ([]Chat, error) {
	var chats []Chat
	var problems []string
	seen := map[Chat]bool{}
	for i, entry := range strings.Split(s, ",") {
		entry = strings.TrimSpace(entry)
		chat, err := parseChat(entry)
		switch {
		case entry == "":
			problems = append(problems, fmt.Sprintf("entry %d is empty", i+1))
		case tokenLike.MatchString(entry):
			problems = append(problems, fmt.Sprintf("entry %d looks like a bot token, which is an option of its own", i+1))
		case err != nil:
			problems = append(problems, fmt.Sprintf("%q: %v", entry, err))
		case seen[chat]:
			problems = append(problems, fmt.Sprintf("%q is there twice", chat))
		default:
			seen[chat] = true
			chats = append(chats, chat)
		}
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("list of Telegram chats: %w: %s; accepted: %s",
			shipbell.ErrInvalid, strings.Join(problems, "; "), AcceptedChats)
	}
	return chats, nil
}

func parseChat(entry string) (Chat, error) {
	place, topic, hasTopic := strings.Cut(entry, ":")
	place, topic = strings.TrimSpace(place), strings.TrimSpace(topic)
	var c Chat
	if name, ok := strings.CutPrefix(place, "@"); ok {
		if !publicName.MatchString(name) {
			return Chat{}, errors.New("a public name has 4 to 32 letters, digits and underscores, and starts with a letter")
		}
		c.Name = strings.ToLower(name)
	} else {
		id, err := strconv.ParseInt(place, 10, 64)
		if err != nil || id == 0 {
			return Chat{}, errors.New("neither a chat id nor a public name with its @")
		}
		c.ID = id
	}
	if !hasTopic {
		return c, nil
	}
	n, err := strconv.ParseInt(topic, 10, 64)
	if err != nil || n < 1 || n > maxTopic {
		return Chat{}, errors.New("a topic is a positive number")
	}
	if n == generalTopic {
		return Chat{}, errors.New("topic 1 is the general topic: leave it out")
	}
	c.Topic = n
	return c, nil
}

// withID is the chat under the id it moved to; 0 leaves it as it is.
func (c Chat) withID(id int64) Chat {
	if id == 0 {
		return c
	}
	return Chat{ID: id, Topic: c.Topic}
}

// chatName is what people call a chat.
func chatName(title, firstName, username string) string {
	name := cmp.Or(title, firstName)
	switch {
	case username == "":
		return name
	case name == "":
		return "@" + username
	}
	return name + " (@" + username + ")"
}
