package insight

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

// The policy of this file: a picture is one svg element that stands on its own
// and in a page with a strict policy of content: no script, no style, no id but that
// of the hatching. Its shapes have classes, by which a page colours them; without
// one they have the colour of the text. It says in words what it shows, and no
// two parts of it differ by colour alone. Numbers may be anything; what cannot be
// drawn is drawn as nothing.

// The classes of what is in a picture. A page may set fill, and stroke for the
// line.
const (
	ClassChart   = "chart"         // the picture
	ClassPlot    = "chart-plot"    // the same, within a frame
	ClassSpark   = "chart-spark"   // the same, of a sparkline
	ClassSuccess = "chart-success" // a part of a bar
	ClassFailure = "chart-failure" // the part above it, which is hatched
	ClassHatch   = "chart-hatch"   // what it is hatched with
	ClassAxis    = "chart-axis"    // the ground line, and those for the greatest and the least value
	ClassLabel   = "chart-label"   // words
	ClassLine    = "chart-line"    // a line, of one piece or of many
	ClassPoint   = "chart-point"   // its points
)

// Hatch is the id of the hatching of failures, which [Bars] brings along. A page
// fills with it what stands for them elsewhere, and so shows one picture of bars.
const Hatch = "chart-hatch"

// Size is that of a sparkline, in units that are pixels where it is not scaled.
// Zero is 120 by 28.
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
func (d *drawing) begin(kind, shape, title, desc string) {
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" class="%s %s" role="img" %s>`, ClassChart, kind, shape)
	d.add(`<title>%s</title><desc>%s</desc>`, escape(title), escape(desc))
}

func (d *drawing) end() template.HTML {
	d.WriteString("</svg>")
	return template.HTML(d.String()) // every text went through escape
}

// add writes a format whose texts are escaped.
func (d *drawing) add(format string, values ...any) { fmt.Fprintf(d, format, values...) }

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
