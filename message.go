package shipbell

import (
	"sort"
	"strings"
)

// Message is what a person reads, before any channel's markup. A channel turns
// it into its own markup, or into plain text with [Message.Plain].
type Message struct {
	Lines []Line
}

// Line is one line of a message. A line without label and spans is empty and
// parts two blocks, unless it is in a quote.
type Line struct {
	Label string // shown before the spans as "Label: ", emphasised where possible
	Spans []Span
	// Quote is set on lines that were taken from a log. Neighbours with it are one
	// quotation, which a channel may fold.
	Quote bool
}

// Span is a run of text with one style. Text never holds a line break.
type Span struct {
	Text  string
	Style Style
	URL   string // where the text leads; empty for none
	// Give says how readily the text gives way when a channel's limit is
	// exceeded: the highest goes first, 0 never. See [Message.Fit].
	Give int
}

// Style is how a span is set.
type Style int

// The styles.
const (
	StylePlain Style = iota
	StyleBold
	StyleCode // an id or a hash: fixed width, copied with one touch
)

// Empty reports whether the line only parts two blocks.
func (l Line) Empty() bool { return l.Label == "" && len(l.Spans) == 0 && !l.Quote }

// Empty reports whether there is nothing to tell.
func (m Message) Empty() bool { return len(m.Lines) == 0 }

// plainQuote stands before a quoted line where there is no markup.
const plainQuote = "  "

// Plain renders the message without markup, lines joined by line feeds. A span
// that leads somewhere shows the address instead of its text, because plain
// text cannot hide one. What is quoted is indented.
func (m Message) Plain() string {
	var b strings.Builder
	for i, l := range m.Lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if l.Quote && len(l.Spans) > 0 {
			b.WriteString(plainQuote)
		}
		if l.Label != "" {
			b.WriteString(l.Label)
			b.WriteString(": ")
		}
		for _, s := range l.Spans {
			b.WriteString(s.Plain())
		}
	}
	return b.String()
}

// Plain is the span without markup.
func (s Span) Plain() string {
	if s.URL != "" && s.Style == StylePlain {
		return s.URL
	}
	return s.Text
}

// ellipsis marks where text was left out.
const ellipsis = "…"

// Fit returns a message that size finds no larger than limit. Whole texts
// shrink, never markup: the span with the highest Give loses as much of its end
// as it must, down to an ellipsis, then the next. Among equals the longest
// shrinks. A quotation first loses its last lines. A message that fits is
// returned as it is. Where nothing may shrink any more the result can still be
// too large; callers keep the rest of a message small. What size counts is the
// channel's business: Fit only compares.
func (m Message) Fit(limit int, size func(Message) int) Message {
	fits := func() bool { return size(m) <= limit }
	if fits() {
		return m
	}
	m = m.clone()
	for {
		line, s := m.giveWay()
		if s == nil {
			return m
		}
		if from, to := m.quotation(line); to-from > 1 {
			m.shortenQuotation(from, to, fits)
		} else {
			s.shorten(fits)
		}
		if fits() {
			return m
		}
	}
}

// giveWay finds the span that must shrink next and its line; nil for none.
func (m Message) giveWay() (line int, next *Span) {
	for i := range m.Lines {
		for j := range m.Lines[i].Spans {
			s := &m.Lines[i].Spans[j]
			if s.Give <= 0 || s.spent() {
				continue
			}
			if next == nil || s.Give > next.Give || (s.Give == next.Give && len(s.Text) > len(next.Text)) {
				line, next = i, s
			}
		}
	}
	return line, next
}

// quotation returns the lines that are one quotation with this one; none where
// it is in none.
func (m Message) quotation(line int) (from, to int) {
	for from = line; from > 0 && m.Lines[from-1].Quote; from-- {
	}
	for to = line; to < len(m.Lines) && m.Lines[to].Quote; to++ {
	}
	return from, to
}

// shortenQuotation keeps as many lines as fit, at least the first, and marks
// that some are missing.
func (m *Message) shortenQuotation(from, to int, fits func() bool) {
	lines := m.Lines
	keep := func(n int) {
		m.Lines = append([]Line(nil), lines[:from+n]...)
		m.Lines = append(m.Lines, Line{Quote: true, Spans: []Span{{Text: ellipsis}}})
		m.Lines = append(m.Lines, lines[to:]...)
	}
	n := sort.Search(to-from, func(n int) bool {
		keep(n)
		return !fits()
	}) - 1
	if n >= 1 {
		keep(n)
		return
	}
	m.Lines = append(append([]Line(nil), lines[:from+1]...), lines[to:]...)
}

// spent reports whether nothing is left of the span to give.
func (s *Span) spent() bool { return (s.Text == ellipsis || s.Text == "") && s.URL == "" }

// shorten keeps as much of the text as fits, and an ellipsis. A link without
// text leads nowhere: an address cannot be cut, only left out.
func (s *Span) shorten(fits func() bool) {
	if s.Text == ellipsis || s.Text == "" {
		s.URL = ""
		return
	}
	text := strings.TrimSuffix(s.Text, ellipsis)
	cuts := []int{0}
	for i := range text {
		if i > 0 {
			cuts = append(cuts, i)
		}
	}
	// The last cut that fits; the whole text, which is no cut, does not.
	n := sort.Search(len(cuts), func(n int) bool {
		s.Text = cut(text, cuts[n])
		return !fits()
	})
	s.Text = cut(text, cuts[max(n-1, 0)])
}

// cut ends text at a byte and marks that. It leaves no half of an emoji that is
// joined from several.
func cut(text string, at int) string {
	return strings.TrimRight(text[:at], " \u200d\ufe0f") + ellipsis
}

func (m Message) clone() Message {
	lines := make([]Line, len(m.Lines))
	for i, l := range m.Lines {
		lines[i] = l
		lines[i].Spans = append([]Span(nil), l.Spans...)
	}
	return Message{Lines: lines}
}
