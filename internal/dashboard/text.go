package dashboard

import (
	"strings"
	"unicode/utf8"

	"github.com/shipbell/shipbell/internal/render"
)

// The most of a text from outside that a page shows, in characters: on one line of a
// list, and where there is all of it.
const (
	maxLine      = 160
	maxParagraph = 20_000
)

// line makes text fit for one line: of a long one the start.
func line(text string) string { return cut(render.Text(cut(text, 8*maxLine)), maxLine) }

// paragraph keeps the lines of a text.
func paragraph(text string) string {
	var b strings.Builder
	for l := range strings.SplitSeq(cut(text, maxParagraph), "\n") {
		b.WriteString(render.Text(l))
		b.WriteByte('\n')
	}
	return strings.TrimSpace(b.String())
}

// cut returns at most n characters of a text.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for i := range text {
		if n--; n < 0 {
			return strings.TrimRight(text[:i], " \u200d\ufe0f") + "…"
		}
	}
	return text
}

// web is an address that a page may lead to; else nothing.
func web(address string) string {
	if !utf8.ValidString(address) {
		return ""
	}
	return render.WebAddress(address)
}
