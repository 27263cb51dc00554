package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

// style is how a part of a message is set; styles can be combined.
type style int

const (
	bold style = 1 << iota
	code
	link
	quotation
)

// folded stands for lines that are as before, quoted before each line of a
// quotation, where lines can be drawn and where not.
const (
	folded      = "…"
	foldedPlain = "..."
	quoted      = "▎ "
	quotedPlain = "> "
)

// bubble draws a message as it stands in the chat, marking the lines that
// differ from before; nil for a message that was not shown yet.
func (s *screen) bubble(m faketelegram.Message, before []string) {
	s.draw(m, set(m.Text, m.Entities), before)
}

// change draws of a message that was shown before what is new in it.
func (s *screen) change(m faketelegram.Message, before []string) {
	s.draw(m, fold(set(m.Text, m.Entities), before), before)
}

func (s *screen) draw(m faketelegram.Message, lines [][]glyph, before []string) {
	when := fmt.Sprintf("message %d, ", m.ID)
	if m.ReplyTo != 0 {
		when += fmt.Sprintf("answers %d, ", m.ReplyTo)
	}
	if before == nil || m.Edited.IsZero() {
		when += m.Sent.Format(time.TimeOnly)
	} else {
		when += "edited " + m.Edited.Format(time.TimeOnly)
	}
	s.gap()
	if s.rich {
		changed := good
		if strings.Contains(m.Text, "❌") || strings.Contains(m.Text, "🧊") {
			changed = bad
		}
		s.box(lines, when, before, changed)
	} else {
		s.bar(lines, when, before)
	}
	s.gap()
}

// fold leaves the first line and what is new.
func fold(lines [][]glyph, before []string) [][]glyph {
	var kept [][]glyph
	skipped := false
	for i, l := range lines {
		if i > 0 && !isNew(l, before) {
			skipped = true
			continue
		}
		if skipped {
			kept = append(kept, glyphs(folded))
		}
		kept, skipped = append(kept, l), false
	}
	if skipped {
		kept = append(kept, glyphs(folded))
	}
	return kept
}

// bar is the bubble where nothing but lines of text can be counted on.
func (s *screen) bar(lines [][]glyph, when string, before []string) {
	s.line("      ", botName+": "+when)
	for _, l := range lines {
		gutter, text := "      ", plain(l)
		if isNew(l, before) {
			gutter = "    + "
		}
		switch {
		case text == folded:
			text = foldedPlain
		case isQuoted(l):
			text = quotedPlain + text
		}
		s.line(gutter, strings.TrimRight("| "+text, " "))
	}
}

// minBubble keeps bubbles of short messages from looking lost.
const minBubble = 44

// box is the bubble in a terminal; changed is the colour of new lines.
func (s *screen) box(lines [][]glyph, when string, before []string, changed string) {
	const around = len("    + ") + len("| ") + len(" |")
	inner := min(max(minBubble, widest(lines)+width(quoted)), s.width-around)

	title, foot := " "+botName+" ", " "+when+" "
	s.line("      ", s.dim("╭─")+s.paint(title, accent, sgrBold)+s.dim(strings.Repeat("─", inner-len(title)+1)+"╮"))
	for _, l := range lines {
		gutter, edge, base := "      ", s.dim("│"), ""
		if isNew(l, before) {
			gutter, edge, base = "    "+s.paint("+ ", changed, sgrBold), s.paint("│", changed), changed
		}
		mark := ""
		if isQuoted(l) {
			mark = quoted
		}
		for _, part := range wrap(cutLink(l, inner), inner-width(mark)) {
			space := strings.Repeat(" ", inner-width(mark)-glyphsWidth(part))
			s.line(gutter, edge+" "+s.dim(mark)+s.glyphs(part, base)+space+" "+edge)
		}
	}
	s.line("      ", s.dim("╰"+strings.Repeat("─", inner-len(foot)+1)+foot+"─╯"))
}

func widest(lines [][]glyph) int {
	n := 0
	for _, l := range lines {
		n = max(n, glyphsWidth(l))
	}
	return n
}

// isNew reports whether a line was not there before. The lines of one message
// differ from each other, but for the empty ones.
func isNew(line []glyph, before []string) bool {
	return before != nil && len(line) > 0 && plain(line) != folded && !slices.Contains(before, plain(line))
}

// cutLink cuts a line that ends with a link to n columns: nobody reads the end of
// an address.
func cutLink(line []glyph, n int) []glyph {
	if len(line) == 0 || line[len(line)-1].style&link == 0 || glyphsWidth(line) <= n {
		return line
	}
	used, end := 0, 0
	for used+line[end].width < n {
		used += line[end].width
		end++
	}
	if line[end].style&link == 0 {
		return line // there is no room for any of it
	}
	return append(line[:end:end], glyph{text: folded, width: 1, style: line[end].style})
}

func isQuoted(line []glyph) bool { return len(line) > 0 && line[0].style&quotation != 0 }

func plain(line []glyph) string {
	var b strings.Builder
	for _, g := range line {
		b.WriteString(g.text)
	}
	return b.String()
}

// set gives every part of a text the styles of its entities, line by line.
// Entities count UTF-16 code units.
func set(text string, entities []faketelegram.Entity) [][]glyph {
	var lines [][]glyph
	at := 0
	for line := range strings.SplitSeq(text, "\n") {
		all := glyphs(line)
		for i := range all {
			for _, e := range entities {
				if e.Offset <= at && at < e.Offset+e.Length {
					all[i].style |= styleOf(e.Type)
				}
			}
			at += units(all[i].text)
		}
		lines = append(lines, all)
		at++ // the line feed
	}
	return lines
}

func styleOf(t faketelegram.EntityType) style {
	switch t {
	case faketelegram.Bold:
		return bold
	case faketelegram.Code, faketelegram.Pre:
		return code
	case faketelegram.TextLink:
		return link
	case faketelegram.Blockquote, faketelegram.ExpandableBlockquote:
		return quotation
	}
	return 0
}

// units is the length of a text in UTF-16 code units.
func units(text string) int {
	n := 0
	for _, r := range text {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// glyphs writes a line with its styles, on top of a base colour.
func (s *screen) glyphs(line []glyph, base string) string {
	var b strings.Builder
	for len(line) > 0 {
		n := 1
		for n < len(line) && line[n].style == line[0].style {
			n++
		}
		var codes []string
		if base != "" {
			codes = append(codes, base)
		}
		if line[0].style&bold != 0 {
			codes = append(codes, sgrBold)
		}
		if line[0].style&(code|link) != 0 && base == "" {
			codes = append(codes, accent)
		}
		if line[0].style&link != 0 {
			codes = append(codes, sgrUnderline)
		}
		b.WriteString(s.paint(plain(line[:n]), codes...))
		line = line[n:]
	}
	return b.String()
}
