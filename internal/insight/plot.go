package insight

import "unicode/utf8"

// The policy of this file: a picture within a frame is as wide as what it stands
// in, and so high as it is told. Along it everything is a part of the width, and
// up everything is pixels; so words, gaps and the hatching are as they are drawn
// at every width.

const (
	// textAbove and textBelow are kept for words.
	textAbove = 20
	textBelow = 20
	fontSize  = 12
	// letters is how many stand beside as many others where it is narrowest.
	letters = 20
	// usualHeight is that of a picture of which nothing is said, and lowest what
	// has room for more than words.
	usualHeight = 168
	lowest      = 64
)

// plot is a picture within a frame, being written.
type plot struct {
	drawing
	above, ground float64 // where the greatest value is, and nought
}

// begin opens a picture of a height.
func (p *plot) begin(height int, title, desc string) {
	if height == 0 {
		height = usualHeight
	}
	height = min(max(height, lowest), maxSide)
	p.above, p.ground = textAbove, float64(height-textBelow)
	p.drawing.begin(ClassPlot, `width="100%" height="`+num(float64(height))+`"`, title, desc)
}

// line draws one across the picture.
func (p *plot) line(y float64, opacity, dashes string) {
	p.add(`<line class="%s" x1="0%%" x2="100%%" y1="%s" y2="%s" stroke="currentColor" stroke-opacity="%s"%s/>`, ClassAxis, num(y), num(y), opacity, dashes)
}

// text writes words that start at the left, or end at the right.
func (p *plot) text(y float64, right bool, words string) {
	x, anchor := "0%", "start"
	if right {
		x, anchor = "100%", "end"
	}
	p.add(`<text class="%s" x="%s" y="%s" text-anchor="%s" font-size="%d" fill="currentColor">%s</text>`,
		ClassLabel, x, num(y), anchor, fontSize, escape(room(words)))
}

// frame draws the ground with the first and the last label below, and the line of
// the greatest value with what that is above.
func (p *plot) frame(first, last, greatest string) {
	p.line(p.ground, "0.4", "")
	if greatest != "" {
		p.line(p.above, "0.15", "")
		p.text(p.above-7, false, greatest)
	}
	y := p.ground + textBelow - 5
	if first != "" {
		p.text(y, false, first)
	}
	if last != "" && last != first {
		p.text(y, true, last)
	}
}

// part is a part of the width.
func part(of float64) string { return num(100*of) + "%" }

// room cuts words to what has place.
func room(words string) string {
	if utf8.RuneCountInString(words) <= letters {
		return words
	}
	return string([]rune(words)[:letters-1]) + "…"
}
