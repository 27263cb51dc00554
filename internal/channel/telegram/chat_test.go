package telegram_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/telegram"
)

func TestParseChats(t *testing.T) {
	tests := []struct {
		in   string
		want []telegram.Chat
	}{
		{"-100123", []telegram.Chat{{ID: -100123}}},
		{"-100123:45", []telegram.Chat{{ID: -100123, Topic: 45}}},
		{"@channelname", []telegram.Chat{{Name: "channelname"}}},
		{"@Name_1:45", []telegram.Chat{{Name: "name_1", Topic: 45}}},
		{" 42 , -9223372036854775808 : 2147483647,@name", []telegram.Chat{
			{ID: 42}, {ID: -9223372036854775808, Topic: 2147483647}, {Name: "name"},
		}},
		{"-100123,-100123:45,-100123:46", []telegram.Chat{{ID: -100123}, {ID: -100123, Topic: 45}, {ID: -100123, Topic: 46}}},
	}
	for _, test := range tests {
		got, err := telegram.ParseChats(test.in)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%q: %v, %v; want %v", test.in, got, err, test.want)
		}
		for _, c := range got {
			again, err := telegram.ParseChats(c.String())
			if err != nil || len(again) != 1 || again[0] != c {
				t.Errorf("%v does not read back: %v, %v", c, again, err)
			}
		}
	}
}

func TestParseChatsTellsEverything(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"", []string{"entry 1 is empty"}},
		{"-1,,@x", []string{"entry 2 is empty", `"@x": a public name`}},
		{"channelname", []string{`"channelname": neither a chat id nor a public name with its @`}},
		{"0", []string{`"0": neither`}},
		{"9223372036854775808", []string{`"9223372036854775808": neither`}},
		{"−100123", []string{`"−100123": neither`}},
		{"-100123:", []string{`"-100123:": a topic is a positive number`}},
		{"-100123:0, @name:-1,-5:2147483648,-5:x", []string{`"-100123:0": a topic`, `"@name:-1": a topic`, `"-5:2147483648": a topic`, `"-5:x": a topic`}},
		{"-100123:1", []string{`"-100123:1": topic 1 is the general topic: leave it out`}},
		{"-100123, -100123:4, -0100123:4", []string{`"-100123:4" is there twice`}},
		{"@Name,@name", []string{`"@name" is there twice`}},
		{"@1name,@na-me,@" + strings.Repeat("a", 33), []string{`"@1name"`, `"@na-me"`, `"@aaa`}},
		{"https://t.me/name", []string{`"https://t.me/name"`}},
	}
	for _, test := range tests {
		got, err := telegram.ParseChats(test.in)
		if !errors.Is(err, shipbell.ErrInvalid) || got != nil {
			t.Errorf("%q: %v, %v", test.in, got, err)
			continue
		}
		for _, want := range append(test.want, telegram.AcceptedChats) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %q is not in: %v", test.in, want, err)
			}
		}
	}
}

func TestParseChatsDoesNotQuoteTokens(t *testing.T) {
	_, err := telegram.ParseChats("-100123," + token + ",x:" + token)
	if err == nil || strings.Contains(err.Error(), "very_secret") || !strings.Contains(err.Error(), "entry 2 looks like a bot token") {
		t.Errorf("error = %v", err)
	}
}

func TestIdentityAndBudget(t *testing.T) {
	perSecond := shipbell.Limit{N: 1, Per: time.Second}
	perMinute := shipbell.Limit{N: 20, Per: time.Minute}
	tests := []struct {
		chat   string
		id     shipbell.ChannelID
		budget string
		limits []shipbell.Limit
	}{
		{"42", "telegram:42", "telegram:42", []shipbell.Limit{perSecond}},
		{"42:9", "telegram:42:9", "telegram:42", []shipbell.Limit{perSecond}},
		{"-5", "telegram:-5", "telegram:-5", []shipbell.Limit{perSecond, perMinute}},
		{"-100123:45", "telegram:-100123:45", "telegram:-100123", []shipbell.Limit{perSecond, perMinute}},
		{"@name", "telegram:@name", "telegram:@name", []shipbell.Limit{perSecond, perMinute}},
		{"@name:45", "telegram:@name:45", "telegram:@name", []shipbell.Limit{perSecond, perMinute}},
	}
	for _, test := range tests {
		c := newChannel(t, telegram.Config{}, test.chat)
		if c.ID() != test.id || c.String() != string(test.id) {
			t.Errorf("%s: ID %q, String %q", test.chat, c.ID(), c.String())
		}
		if b := c.Budget(); b.Name != test.budget || !slices.Equal(b.Limits, test.limits) {
			t.Errorf("%s: budget %+v", test.chat, b)
		}
		if b := newChannel(t, telegram.Config{Unlimited: true}, test.chat).Budget(); b.Name != test.budget || b.Limits != nil {
			t.Errorf("%s, unlimited: budget %+v", test.chat, b)
		}
	}
}
