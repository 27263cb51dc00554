package insight

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The policy of this file: a picture is one svg element that stands on its own
// and in a page with a strict policy of content: no script, no style, no id. Its
// shapes have classes, by which a page colours them; without one they have the
// colour of the text. It says in words what it shows. It scales as a whole, so
// its words are as large as they are drawn where it is as wide as its Size.
// Numbers may be anything; what cannot be drawn is drawn as nothing.

// The classes of what is in a picture. A page may set fill, and stroke for the
// line.
const (
	ClassChart   = "chart"         // the picture
	ClassBars    = "chart-bars"    // the same, of bars
	ClassSpark   = "chart-spark"   // the same, of a sparkline
	ClassSuccess = "chart-success" // a part of a bar
	ClassFailure = "chart-failure" // the part above it
	ClassAxis    = "chart-axis"    // the ground line, and the one at the top
	ClassLabel   = "chart-label"   // words
	ClassLine    = "chart-line"    // the line of a sparkline
	ClassPoint   = "chart-point"   // its last point
)

// Size is that of a picture, in units that are pixels where it is not scaled.
// Text is readable where it is about as wide as the page shows it; 360 fits a
// phone. Zero is 360 by 120 for bars, and 120 by 28 for a sparkline.
type Size struct{ Width, Height int }

const (
	minSide, maxSide = 16, 4096
	// largest is where numbers are cut: beyond it a picture has no use for them.
	largest = 1e15
)

// or returns the size, within bounds.
func (s Size) or(usual Size) Size {
	if s.Width == 0 || s.Height == 0 {
		return usual
	}
	return Size{min(max(s.Width, minSide), maxSide), min(max(s.Height, minSide), maxSide)}
}

// drawing is a picture being written.
type drawing struct{ strings.Builder }

// begin opens a picture that has a name and says what it shows.
func (d *drawing) begin(s Size, kind, title, desc string) {
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" class="%s %s" role="img" viewBox="0 0 %d %d" width="%d" height="%d" preserveAspectRatio="xMidYMid meet">`,
		ClassChart, kind, s.Width, s.Height, s.Width, s.Height)
	d.add(`<title>%s</title><desc>%s</desc>`, escape(title), escape(desc))
}

func (d *drawing) end() template.HTML {
	d.WriteString("</svg>")
	return template.HTML(d.String()) // every text went through escape
}

// add writes a format whose texts are escaped.
func (d *drawing) add(format string, values ...any) { fmt.Fprintf(d, format, values...) }

// text writes words that end or start at x.
func (d *drawing) text(x, y float64, anchor, words string) {
	d.add(`<text class="%s" x="%s" y="%s" text-anchor="%s" font-size="%d" fill="currentColor">%s</text>`,
		ClassLabel, num(x), num(y), anchor, fontSize, escape(words))
}

const (
	fontSize = 11
	// letter is about as wide as a digit of that size.
	letter = 6.5
)

// room cuts words to what has place in the width, and leaves none where that is
// less than a few letters.
func room(words string, width float64) string {
	n := int(width / letter)
	switch {
	case utf8.RuneCountInString(words) <= n:
		return words
	case n < 4:
		return ""
	}
	return string([]rune(words)[:n-1]) + "…"
}

// escape makes a text that may stand in an element or an attribute. What is not
// allowed in XML becomes U+FFFD.
func escape(text string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		return ""
	}
	return b.String()
}

// num writes a coordinate.
func num(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	text := strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0")
	return strings.TrimSuffix(text, ".")
}

// count reads a number of things: what is none is 0.
func count(v float64) float64 {
	if math.IsNaN(v) || v <= 0 {
		return 0
	}
	return min(v, largest)
}

// figure writes a number for people.
func figure(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// brief writes a duration for people.
func brief(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Truncate(time.Second/10).Seconds(), 'f', -1, 64) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}
