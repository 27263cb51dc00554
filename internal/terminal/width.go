// Package terminal knows how text looks in a terminal.
//
// Its one rule: what it says of a width is what terminals draw, as Unicode has it.
// It writes nothing and asks no terminal.
package terminal

import (
	"strings"
	"unicode"
)

// Glyph is what a terminal puts into one place: a character with all that is
// drawn over it or joins it.
type Glyph struct {
	Text  string
	Width int // columns
}

// The characters that change the width of the one before them.
const (
	emojiPresentation = '\ufe0f'
	zeroWidthJoiner   = '\u200d'
	firstSkinTone     = '\U0001f3fb'
	lastSkinTone      = '\U0001f3ff'
)

// Glyphs splits text into what a terminal draws, as Unicode has it: marks take
// no room, East Asian characters and emoji take two columns, a character that
// is told to look like an emoji becomes as wide as one, and joined emoji are
// drawn as one.
func Glyphs(text string) []Glyph {
	var all []Glyph
	joined := false
	for _, r := range text {
		w := runeWidth(r)
		var last *Glyph
		if n := len(all); n > 0 {
			last = &all[n-1]
		}
		joins := joined || r >= firstSkinTone && r <= lastSkinTone && last != nil && last.Width == 2
		joined = r == zeroWidthJoiner && last != nil && last.Width == 2
		if last == nil || w > 0 && !joins {
			all = append(all, Glyph{Text: string(r), Width: w})
			continue
		}
		last.Text += string(r)
		if r == emojiPresentation && last.Width == 1 && last.Text[0] >= 0x80 {
			last.Width = 2
		}
	}
	return all
}

// Width is how many columns text takes.
func Width(text string) int {
	n := 0
	for _, g := range Glyphs(text) {
		n += g.Width
	}
	return n
}

// Cut returns as much of text as fits into the columns, with an ellipsis where
// something was left out.
func Cut(text string, columns int) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	used, bytes := 0, 0
	kept := 0 // the bytes that leave room for the ellipsis
	for _, g := range Glyphs(text) {
		if used+g.Width > columns {
			return text[:kept] + "…"
		}
		used += g.Width
		bytes += len(g.Text)
		if used < columns {
			kept = bytes
		}
	}
	return text
}

// runeWidth is the width of a character that stands alone.
func runeWidth(r rune) int {
	switch {
	case r >= ' ' && r < 0x7f:
		return 1
	case unicode.IsControl(r), unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf), r >= 0x1160 && r <= 0x11ff:
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// wide are the characters of two columns: those that
// https://www.unicode.org/Public/17.0.0/ucd/EastAsianWidth.txt calls wide or
// full-width. Blocks of ideographs are taken whole.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x231a, 0x231b, 1}, {0x2329, 0x232a, 1}, {0x23e9, 0x23ec, 1},
		{0x23f0, 0x23f3, 3}, {0x25fd, 0x25fe, 1}, {0x2614, 0x2615, 1}, {0x2630, 0x2637, 1},
		{0x2648, 0x2653, 1}, {0x267f, 0x267f, 1}, {0x268a, 0x268f, 1}, {0x2693, 0x26a1, 14},
		{0x26aa, 0x26ab, 1}, {0x26bd, 0x26be, 1}, {0x26c4, 0x26c5, 1}, {0x26ce, 0x26d4, 6},
		{0x26ea, 0x26ea, 1}, {0x26f2, 0x26f3, 1}, {0x26f5, 0x26fa, 5}, {0x26fd, 0x2705, 8},
		{0x270a, 0x270b, 1}, {0x2728, 0x2728, 1}, {0x274c, 0x274e, 2}, {0x2753, 0x2755, 1},
		{0x2757, 0x2757, 1}, {0x2795, 0x2797, 1}, {0x27b0, 0x27bf, 15}, {0x2b1b, 0x2b1c, 1},
		{0x2b50, 0x2b55, 5}, {0x2e80, 0x303e, 1}, {0x3041, 0x3247, 1}, {0x3250, 0xa4cf, 1},
		{0xa960, 0xa97f, 1}, {0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe10, 0xfe19, 1}, {0xfe30, 0xfe6f, 1},
		{0xff01, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{
		{0x16fe0, 0x18cff, 1}, {0x18d00, 0x18dff, 1}, {0x1aff0, 0x1b2ff, 1}, {0x1d300, 0x1d376, 1},
		{0x1f004, 0x1f0cf, 203}, {0x1f18e, 0x1f18e, 1}, {0x1f191, 0x1f19a, 1}, {0x1f200, 0x1f320, 1},
		{0x1f32d, 0x1f335, 1}, {0x1f337, 0x1f37c, 1}, {0x1f37e, 0x1f393, 1}, {0x1f3a0, 0x1f3ca, 1},
		{0x1f3cf, 0x1f3d3, 1}, {0x1f3e0, 0x1f3f0, 1}, {0x1f3f4, 0x1f3f4, 1}, {0x1f3f8, 0x1f43e, 1},
		{0x1f440, 0x1f440, 1}, {0x1f442, 0x1f4fc, 1}, {0x1f4ff, 0x1f53d, 1}, {0x1f54b, 0x1f54e, 1},
		{0x1f550, 0x1f567, 1}, {0x1f57a, 0x1f57a, 1}, {0x1f595, 0x1f596, 1}, {0x1f5a4, 0x1f5a4, 1},
		{0x1f5fb, 0x1f64f, 1}, {0x1f680, 0x1f6c5, 1}, {0x1f6cc, 0x1f6cc, 1}, {0x1f6d0, 0x1f6d2, 1},
		{0x1f6d5, 0x1f6d8, 1}, {0x1f6dc, 0x1f6df, 1}, {0x1f6eb, 0x1f6ec, 1}, {0x1f6f4, 0x1f6fc, 1},
		{0x1f7e0, 0x1f7eb, 1}, {0x1f7f0, 0x1f7f0, 1}, {0x1f90c, 0x1f93a, 1}, {0x1f93c, 0x1f945, 1},
		{0x1f947, 0x1f9ff, 1}, {0x1fa70, 0x1faff, 1}, {0x20000, 0x2fffd, 1}, {0x30000, 0x3fffd, 1},
	},
}
