package demo

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

// A message with everything that makes a bubble hard to draw.
func hardMessage() faketelegram.Message {
	const text = "⚡ New Worker Deployment\n✅ Deployed in 34 s\n\nProject: api-service\nEnvironment: 🚀 production\n" +
		"Commit: abc123d - 漢字と絵文字 👩‍💻 in a subject that is far too long for the bubble it must fit into\n" +
		"Tag: v1.0.0-with-a-name-that-has-no-space-anywhere-and-so-has-to-be-broken\n\nView Deployment: api.example.com"
	entity := func(t faketelegram.EntityType, part string) faketelegram.Entity {
		before, _, _ := strings.Cut(text, part)
		return faketelegram.Entity{Type: t, Offset: units(before), Length: units(part)}
	}
	return faketelegram.Message{
		ID:   7,
		Text: text,
		Entities: []faketelegram.Entity{
			entity(faketelegram.Bold, "New Worker Deployment"),
			entity(faketelegram.Bold, "Deployed"),
			entity(faketelegram.Bold, "Commit:"),
			entity(faketelegram.Code, "abc123d"),
			entity(faketelegram.TextLink, "api.example.com"),
		},
		Sent:   time.Date(2026, 1, 2, 10, 30, 45, 0, time.UTC),
		Edited: time.Date(2026, 1, 2, 10, 31, 19, 0, time.UTC),
	}
}

var escapes = regexp.MustCompile(`\x1b\[[0-9;]*m`)

func TestBubble(t *testing.T) {
	m := hardMessage()
	before := strings.Split(strings.Replace(m.Text, "✅ Deployed in 34 s\n", "", 1), "\n")
	for name, s := range map[string]screen{
		"bubble-colour.txt": {width: 60, rich: true, colour: true},
		"bubble-lines.txt":  {width: 80, rich: true},
		"bubble-plain.txt":  {width: 60},
	} {
		var out bytes.Buffer
		s.w = &out
		s.bubble(m, before)
		wantGolden(t, name, out.String())
		for l := range strings.Lines(out.String()) {
			l = strings.TrimRight(escapes.ReplaceAllString(l, ""), "\n")
			if n := width(l); s.rich && l != "" && n != s.width {
				t.Errorf("%s: %d columns instead of %d: %s", name, n, s.width, l)
			}
		}
	}
}

// Of a change the first line and what is new is drawn; a quotation is marked, and
// an address too long for its line is cut.
func TestChange(t *testing.T) {
	const text = "⚡ New Worker Deployment\n❌ Failed\nerror\n  ~~~\n\nProject: web\nTime: now\nBuild log: dash.example.com/a/very/long/address"
	units := func(part string) (offset, length int) {
		before, _, _ := strings.Cut(text, part)
		return units(before), units(part)
	}
	m := faketelegram.Message{ID: 2, Text: text}
	for part, typ := range map[string]faketelegram.EntityType{
		"error\n  ~~~": faketelegram.ExpandableBlockquote, "dash.example.com/a/very/long/address": faketelegram.TextLink,
	} {
		e := faketelegram.Entity{Type: typ}
		e.Offset, e.Length = units(part)
		m.Entities = append(m.Entities, e)
	}
	before := strings.Split("⚡ New Worker Deployment\n\nProject: web\nTime: now", "\n")
	for name, c := range map[string]struct {
		screen screen
		want   string
	}{
		"lines": {screen{width: 44, rich: true}, `
      ╭─ Shipbell ─────────────────────────╮
      │ ⚡ New Worker Deployment           │
    + │ ❌ Failed                          │
    + │ ▎ error                            │
    + │ ▎   ~~~                            │
      │ …                                  │
    + │ Build log: dash.example.com/a/ver… │
      ╰────────────── message 2, 00:00:00 ─╯

`},
		"plain": {screen{width: 40}, `
      Shipbell: message 2, 00:00:00
      | ⚡ New Worker Deployment
    + | ❌ Failed
    + | > error
    + | >   ~~~
      | ...
    + | Build log: dash.example.com/a/very/long/address

`},
	} {
		var out bytes.Buffer
		c.screen.w = &out
		c.screen.change(m, before)
		if out.String() != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, out.String(), c.want)
		}
	}
}

// Styles land on the text that the entities mean, also behind characters that
// count as two UTF-16 code units.
func TestSet(t *testing.T) {
	lines := set("🚀 a\nbc👩‍💻d", []faketelegram.Entity{
		{Type: faketelegram.Bold, Offset: 3, Length: 3}, // a, the line feed and b
		{Type: faketelegram.Code, Offset: 12, Length: 1},
		{Type: faketelegram.TextLink, Offset: 6, Length: 1},
		{Type: faketelegram.Spoiler, Offset: 0, Length: 13},
	})
	var got []string
	for _, l := range lines {
		for _, g := range l {
			if g.style != 0 {
				got = append(got, g.text+string(rune('0'+int(g.style))))
			}
		}
	}
	if want := "a1 b1 c4 d2"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCommand(t *testing.T) {
	var out bytes.Buffer
	s := &screen{w: &out, width: 40}
	s.command("", "GET /state")
	s.command("app", "shipbell notify", "--status success", "--url https://api.example.com")
	s.ready("export", "A=1", "B=2")
	const want = `    $ GET /state
    app $ shipbell notify \
            --status success \
            --url https://api.example.com
    export A=1 B=2
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// What is not a terminal gets neither colours nor anything beyond ASCII, but for
// what stands in messages.
func TestNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := newScreen(f)
	if s.rich || s.colour || s.paced || s.width != maxWidth {
		t.Errorf("a file is taken for a terminal: %+v", s)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "plain.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		for _, r := range l {
			if r > 0x7e && !strings.ContainsRune("⚡📄🚀🔧✅❌🔄🧊│╵…", r) || r < ' ' && r != '\n' {
				t.Errorf("%q in %s", r, l)
			}
		}
	}
}
