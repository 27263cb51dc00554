package demo

import "github.com/shipbell/shipbell/internal/terminal"

// glyph is what a terminal puts into one place, with the style in which it is set.
type glyph struct {
	text  string
	width int // columns
	style style
}

// glyphs splits text into what a terminal draws.
func glyphs(text string) []glyph {
	var all []glyph
	for _, g := range terminal.Glyphs(text) {
		all = append(all, glyph{text: g.Text, width: g.Width})
	}
	return all
}

// width is how many columns text takes in a terminal.
func width(text string) int { return terminal.Width(text) }

func glyphsWidth(line []glyph) int {
	n := 0
	for _, g := range line {
		n += g.width
	}
	return n
}

// wrap breaks a line at spaces into lines of at most n columns. A word that is
// longer than a line is broken where it must be. Every result has at least one
// line, and the space at a break is left out.
func wrap(line []glyph, n int) [][]glyph {
	var lines [][]glyph
	for {
		end, used, space := 0, 0, -1
		for end < len(line) && (used+line[end].width <= n || end == 0) {
			if line[end].text == " " {
				space = end
			}
			used += line[end].width
			end++
		}
		if end == len(line) {
			return append(lines, line)
		}
		switch {
		case line[end].text == " ":
			lines, line = append(lines, line[:end]), line[end+1:]
		case space > 0:
			lines, line = append(lines, line[:space]), line[space+1:]
		default:
			lines, line = append(lines, line[:end]), line[end:]
		}
	}
}
