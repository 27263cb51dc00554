package shipbell_test

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/shipbell/shipbell"
)

// size counts the characters of the plain form.
func size(m shipbell.Message) int { return utf8.RuneCountInString(m.Plain()) }

func message(spans ...shipbell.Span) shipbell.Message {
	return shipbell.Message{Lines: []shipbell.Line{{Spans: []shipbell.Span{{Text: "title"}}}, {}, {Label: "Commit", Spans: spans}}}
}

func TestFitGivesWayInOrder(t *testing.T) {
	m := message(shipbell.Span{Text: strings.Repeat("a", 50), Give: 1}, shipbell.Span{Text: strings.Repeat("b", 50), Give: 2})
	for _, test := range []struct {
		limit int
		want  string
	}{
		{1000, "title\n\nCommit: " + strings.Repeat("a", 50) + strings.Repeat("b", 50)},
		{80, "title\n\nCommit: " + strings.Repeat("a", 50) + strings.Repeat("b", 14) + "…"},
		{40, "title\n\nCommit: " + strings.Repeat("a", 23) + "……"},
		{1, "title\n\nCommit: ……"},
	} {
		if got := m.Fit(test.limit, size).Plain(); got != test.want {
			t.Errorf("fit to %d:\n got %q\nwant %q", test.limit, got, test.want)
		}
	}
	if len(m.Lines[2].Spans[0].Text) != 50 {
		t.Error("Fit changed its receiver")
	}
}

// quoted is a message with a log in its middle.
func quoted(lines ...string) shipbell.Message {
	m := shipbell.Message{Lines: []shipbell.Line{{Spans: []shipbell.Span{{Text: "title"}}}}}
	for _, l := range lines {
		line := shipbell.Line{Quote: true}
		if l != "" {
			line.Spans = []shipbell.Span{{Text: l, Give: 2}}
		}
		m.Lines = append(m.Lines, line)
	}
	return shipbell.Message{Lines: append(m.Lines, shipbell.Line{Label: "Commit", Spans: []shipbell.Span{{Text: "abcdefghij", Give: 1}}})}
}

// TestFitShortensAQuotationByLines: its end goes before anything else, the rest
// of its first line next.
func TestFitShortensAQuotationByLines(t *testing.T) {
	m := quoted("one", "", "three", "four four four")
	for _, test := range []struct {
		limit int
		want  string
	}{
		{1000, "title\n  one\n\n  three\n  four four four\nCommit: abcdefghij"},
		{44, "title\n  one\n\n  three\n  …\nCommit: abcdefghij"},
		{40, "title\n  one\n\n  …\nCommit: abcdefghij"},
		{31, "title\n  one\nCommit: abcdefghij"},
		{28, "title\n  …\nCommit: abcdefghij"},
		{27, "title\n  …\nCommit: abcdefgh…"},
	} {
		got := m.Fit(test.limit, size).Plain()
		if got != test.want {
			t.Errorf("fit to %d:\n got %q\nwant %q", test.limit, got, test.want)
		}
	}
	if len(m.Lines) != 6 || len(m.Lines[4].Spans[0].Text) != 14 {
		t.Error("Fit changed its receiver")
	}
}

// TestQuotedLinesPartNothing: an empty line of a log is part of its quotation.
func TestQuotedLinesPartNothing(t *testing.T) {
	if (shipbell.Line{Quote: true}).Empty() || !(shipbell.Line{}).Empty() {
		t.Error("a quoted line parts two blocks")
	}
	if !(shipbell.Message{}).Empty() || quoted().Empty() {
		t.Error("a message with lines is empty, or one without is not")
	}
}

func TestFitDropsLinkAfterItsText(t *testing.T) {
	m := message(shipbell.Span{Text: "example.com", URL: "https://example.com/" + strings.Repeat("x", 100), Give: 1})
	if got := m.Fit(40, size).Plain(); got != "title\n\nCommit: …" {
		t.Errorf("got %q", got)
	}
}

// TestFitCountsAsTheChannelDoes: where an emoji counts two, half of them stay.
func TestFitCountsAsTheChannelDoes(t *testing.T) {
	m := message(shipbell.Span{Text: strings.Repeat("🚀", 100), Give: 1})
	units := func(m shipbell.Message) int { return len(utf16.Encode([]rune(m.Plain()))) }
	if got := units(m.Fit(115, units)); got != 114 {
		t.Errorf("%d units for a limit of 115, want 114", got)
	}
}

func TestFitLeavesNoHalfEmoji(t *testing.T) {
	m := message(shipbell.Span{Text: "👩\u200d👩\u200d👧 and a long text", Give: 1})
	if got := m.Fit(size(message())+3, size).Plain(); !strings.HasSuffix(got, ": 👩…") {
		t.Errorf("got %q", got)
	}
}

// TestFitProperty: the result fits wherever it can, gives nothing away when it
// need not, and never touches what must stay.
func TestFitProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) shipbell.Span {
			s := shipbell.Span{Text: rapid.StringN(0, 60, 200).Draw(t, "text"), Give: rapid.IntRange(0, 3).Draw(t, "give")}
			if rapid.Bool().Draw(t, "link") {
				s.URL = "https://example.com/" + rapid.StringMatching(`[a-z]{0,40}`).Draw(t, "path")
			}
			return s
		}), 0, 5).Draw(t, "spans")
		m := message(spans...)
		least := 0
		for _, s := range spans {
			if s.Text == "" && s.URL == "" {
				continue
			}
			if s.Give == 0 {
				least += utf8.RuneCountInString(s.Plain())
			} else {
				least++
			}
		}
		least += size(message())
		limit := rapid.IntRange(0, 300).Draw(t, "limit")
		fitted := m.Fit(limit, size)
		if size(fitted) > max(limit, least) {
			t.Fatalf("%d characters for a limit of %d: %q", size(fitted), limit, fitted.Plain())
		}
		if size(m) <= limit && fitted.Plain() != m.Plain() {
			t.Fatal("a message that fits was changed")
		}
		for i, s := range spans {
			if s.Give == 0 && fitted.Lines[2].Spans[i] != s {
				t.Fatalf("a span that must stay was changed: %+v", s)
			}
		}
	})
}
