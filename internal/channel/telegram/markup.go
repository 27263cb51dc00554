package telegram

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/shipbell/shipbell"
)

// The policy of this file: whatever strings a message holds, Telegram accepts
// the text that is made of it. HTML, because it has the fewest characters to
// escape (https://core.telegram.org/bots/api#html-style), and the fewer the
// rules, the fewer the refusals.

// maxUnits is the longest text of a message, in UTF-16 code units after the
// markup was parsed, https://core.telegram.org/bots/api#sendmessage.
const maxUnits = 4096

// maxRaw is the longest text parameter, markup included, in bytes:
// get_formatted_text in Client.cpp of https://github.com/tdlib/telegram-bot-api.
// Texts of maxUnits stay below it, whatever has to be escaped; only addresses or
// a thousand tags can exceed it.
const maxRaw = 1 << 15

const (
	parseModeHTML = "HTML"
	ellipsis      = "…"
)

// compose turns a message into the text of a request, and its parse mode.
func compose(m shipbell.Message, plain bool) (text, parseMode string) {
	m = clean(m)
	if plain {
		// The text that an address takes the place of is not shown; shortening it
		// would gain nothing, one character at a time.
		m = clone(m, func(s shipbell.Span) shipbell.Span {
			if s.URL != "" && s.Plain() == s.URL {
				s.Text = ellipsis
			}
			return s
		})
		text = fit(m, shipbell.Message.Plain).Plain()
		if blank(text) {
			text = ellipsis
		}
		return text, ""
	}
	m = fit(m, visible)
	if blank(visible(m)) {
		return ellipsis, parseModeHTML
	}
	if text = markUp(m); len(text) > maxRaw {
		text = escapeText(visible(m))
	}
	return text, parseModeHTML
}

// markUp writes a clean message as HTML.
func markUp(m shipbell.Message) string {
	var b strings.Builder
	for i, l := range m.Lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if l.Quote && (i == 0 || !m.Lines[i-1].Quote) {
			b.WriteString("<blockquote expandable>")
		}
		if l.Label != "" {
			b.WriteString("<b>" + escapeText(l.Label) + ":</b> ")
		}
		for _, s := range l.Spans {
			markUpSpan(&b, s)
		}
		if l.Quote && (i == len(m.Lines)-1 || !m.Lines[i+1].Quote) {
			b.WriteString("</blockquote>")
		}
	}
	return b.String()
}

// markUpSpan writes one span. Of a link in fixed width only the link is
// written: Telegram lets code neither hold nor be part of another entity and
// drops one of the two, see are_entities_valid in td/telegram/MessageEntity.cpp
// of https://github.com/tdlib/td. An address is worth more than a typeface.
func markUpSpan(b *strings.Builder, s shipbell.Span) {
	text := escapeText(s.Text)
	switch {
	case s.Text == "":
		return
	case s.Style == shipbell.StyleBold:
		text = "<b>" + text + "</b>"
	case s.Style == shipbell.StyleCode && s.URL == "":
		text = "<code>" + text + "</code>"
	}
	if s.URL != "" {
		text = `<a href="` + escapeAttribute(s.URL) + `">` + text + "</a>"
	}
	b.WriteString(text)
}

// escapeText keeps a text from being read as markup.
func escapeText(s string) string { return textEscaper.Replace(s) }

// escapeAttribute does so between double quotes.
func escapeAttribute(s string) string { return attributeEscaper.Replace(s) }

var (
	textEscaper      = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	attributeEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")
)

// visible is the text of a clean message as it remains after Telegram has
// parsed the markup.
func visible(m shipbell.Message) string {
	var b strings.Builder
	for i, l := range m.Lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if l.Label != "" {
			b.WriteString(l.Label + ": ")
		}
		for _, s := range l.Spans {
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

// fit shortens a clean message until the text that show makes of it is no
// longer than Telegram allows. What may give way does; where that is not enough,
// everything may; where labels alone are too long, style goes and the end is cut.
func fit(m shipbell.Message, show func(shipbell.Message) string) shipbell.Message {
	size := func(m shipbell.Message) int { return units(show(m)) }
	if m = m.Fit(maxUnits, size); size(m) <= maxUnits {
		return m
	}
	m = clone(m, func(s shipbell.Span) shipbell.Span {
		s.Give = max(s.Give, 1)
		return s
	})
	if m = m.Fit(maxUnits, size); size(m) <= maxUnits {
		return m
	}
	var cut shipbell.Message
	for line := range strings.SplitSeq(cutUnits(show(m), maxUnits-1)+ellipsis, "\n") {
		cut.Lines = append(cut.Lines, shipbell.Line{Spans: []shipbell.Span{{Text: line}}})
	}
	return cut
}

// units is the length of a valid UTF-8 text in UTF-16 code units.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// cutUnits is the start of a valid UTF-8 text, at most n UTF-16 code units long.
func cutUnits(s string, n int) string {
	for i, r := range s {
		if n -= utf16.RuneLen(r); n < 0 {
			return s[:i]
		}
	}
	return s
}

// clean returns a copy of m whose texts are valid UTF-8 on one line each, and
// whose addresses are such that Telegram makes links of them.
func clean(m shipbell.Message) shipbell.Message {
	m = clone(m, func(s shipbell.Span) shipbell.Span {
		s.Text = cleanText(s.Text)
		s.URL = cleanText(s.URL)
		switch reachOf(s.URL) {
		case unsafe:
			s.URL = ""
		case local:
			s.Text, s.URL = s.Plain(), ""
		case public:
			if s.Text == "" {
				s.Text = s.URL
			}
		}
		return s
	})
	for i := range m.Lines {
		m.Lines[i].Label = cleanText(m.Lines[i].Label)
	}
	return m
}

// clone copies m and passes every span through change.
func clone(m shipbell.Message, change func(shipbell.Span) shipbell.Span) shipbell.Message {
	lines := make([]shipbell.Line, len(m.Lines))
	for i, l := range m.Lines {
		lines[i] = l
		lines[i].Spans = make([]shipbell.Span, len(l.Spans))
		for j, s := range l.Spans {
			lines[i].Spans[j] = change(s)
		}
	}
	return shipbell.Message{Lines: lines}
}

// cleanText replaces what is not UTF-8, which Telegram refuses, and control
// characters, which it replaces too; a line break in a span would forge a line.
func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return -1
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// reach is who can follow an address.
type reach int

const (
	unsafe reach = iota // not a web address, not even to look at
	local               // a host without a dot, of which Telegram makes no link: the address itself must be shown
	public
)

// reachOf judges an address as LinkManager::get_checked_link of
// https://github.com/tdlib/td does.
func reachOf(address string) reach {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return unsafe
	case !strings.Contains(strings.Trim(u.Hostname(), "."), ".") && !strings.Contains(u.Hostname(), ":"):
		return local
	}
	return public
}

// blank reports whether nothing of the text is visible; Telegram refuses such
// messages. It takes more characters for invisible than Telegram does, see
// is_empty_string in td/telegram/misc.cpp of https://github.com/tdlib/td.
func blank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		switch {
		case unicode.IsSpace(r), unicode.In(r, unicode.Cc, unicode.Cf, unicode.Mn):
			return false
		case r == '\u2800', r == '\ufffc', 0xe0000 <= r && r <= 0xe007f:
			return false
		}
		return true
	})
}
