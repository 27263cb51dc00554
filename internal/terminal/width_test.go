package terminal_test

import (
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/terminal"
)

func TestWidth(t *testing.T) {
	for text, want := range map[string]int{
		"":                        0,
		"shipbell":                8,
		"naïve":                   5,
		"nai\u0308ve":             5, // a combining mark
		"⚡":                       2,
		"📄":                       2,
		"🚀":                       2,
		"✅":                       2,
		"❌":                       2,
		"🔧":                       2,
		"🚫":                       2,
		"⏳":                       2,
		"🔄":                       2,
		"⏭️":                      2, // narrow by itself, told to look like an emoji
		"⏭":                       1,
		"✓":                       1,
		"│":                       1,
		"1\ufe0f":                 1,
		"✈️ x":                    4,
		"👩‍💻":                     2, // joined
		"👍🏽":                      2, // with a skin tone
		"🏽":                       2, // a skin tone alone
		"🇩🇪":                      2, // two letters make a flag
		"漢字":                      4,
		"ｆｕｌｌ":                    8,
		"한글":                      4,
		"\u200b":                  0,
		"a\x1bb":                  2,
		"⚡ New Worker Deployment": 24,
	} {
		if got := terminal.Width(text); got != want {
			t.Errorf("width of %q: %d, want %d", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"", 0, ""}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"漢字漢字", 5, "漢字…"}, {"漢字漢字", 4, "漢…"}, {"👩‍💻👩‍💻", 3, "👩‍💻…"}, {"a", 0, "…"},
	} {
		if got := terminal.Cut(c.text, c.columns); got != c.want {
			t.Errorf("%q at %d: %q, want %q", c.text, c.columns, got, c.want)
		}
	}
}

// FuzzCut: what is cut fits, and is the start of the text.
func FuzzCut(f *testing.F) {
	f.Add("⚡ New Worker Deployment 👩‍💻 漢字", 7)
	f.Fuzz(func(t *testing.T, text string, columns int) {
		columns = 1 + int(uint(columns)%100)
		text = strings.ToValidUTF8(text+"\xff", "\ufffd")
		got := terminal.Cut(text, columns)
		if terminal.Width(got) > columns || !strings.HasPrefix(text, strings.TrimSuffix(got, "…")) {
			t.Errorf("%q at %d: %q", text, columns, got)
		}
	})
}
