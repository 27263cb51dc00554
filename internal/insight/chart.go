package insight

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell/internal/render"
)

// The policy of this file: whatever the numbers are, what is drawn is well-formed
// and stays within its frame. What cannot be drawn is left out.

// The frame of [Bars], in units of its viewBox. The text can still be read where a
// phone shows it at two thirds of the size.
const (
	barsWidth, barsHeight = 480, 140
	barsLeft, barsRight   = 44, 476 // of the bars; the scale's numbers stand to the left
	barsTop, barsBottom   = 10, 116 // and the days below
	fontSize              = 13
	widestBar             = 28
	// least is the height of the smallest part: one failure among a thousand successes
	// is what people must see.
	least = 2
)

// The frame of [Spark].
const (
	sparkWidth, sparkHeight = 160, 36
	sparkEdge               = 4 // keeps the line and the dot inside
	dotRadius               = 2.5
	// longest bounds what is drawn and said, in seconds.
	longest = 1e9
)

// Bars draws a bar for each day: the successes, and the failures on top. The label
// says what it is a picture of, for those who cannot see it.
func Bars(label string, days []Day) template.HTML {
	var successes, failures, most float64
	for _, d := range days {
		s, f := count(d.Successes), count(d.Failures)
		successes, failures, most = successes+s, failures+f, max(most, s+f)
	}
	says := ": nothing yet"
	if most > 0 {
		says = fmt.Sprintf(": %s and %s in %s, at most %s on one of them", plural(successes, "success", "successes"),
			plural(failures, "failure", "failures"), plural(float64(len(days)), "day", "days"), number(most))
	}
	b := begin(barsWidth, barsHeight, label+says)
	if most > 0 {
		b.axis(barsTop)
		b.text(barsLeft-6, barsTop+fontSize/2, "end", number(most))
		b.text(barsLeft-6, barsBottom, "end", "0")
		step := float64(barsRight-barsLeft) / float64(len(days))
		for i, d := range days {
			b.bar(barsLeft+step*(float64(i)+.5), min(step*.8, widestBar), d, most)
		}
	}
	if most == 0 {
		b.text((barsLeft+barsRight)/2, (barsTop+barsBottom)/2, "middle", "Nothing yet")
	}
	b.axis(barsBottom)
	if n := len(days); n > 0 {
		b.text(barsLeft, barsHeight-6, "start", days[0].Date)
		if n > 1 {
			b.text(barsRight, barsHeight-6, "end", days[n-1].Date)
		}
	}
	return b.end()
}

// bar draws one day, at least as high as can be seen.
func (b *drawing) bar(middle, width float64, d Day, most float64) {
	s, f := count(d.Successes), count(d.Failures)
	if s+f == 0 {
		return
	}
	height := func(n float64) float64 {
		if n == 0 {
			return 0
		}
		// What the smallest of both parts may gain is kept free.
		return least + (barsBottom-barsTop-2*least)*(n/most)
	}
	b.add(`<g><title>%s</title>`, escape(fmt.Sprintf("%s: %s, %s", d.Date, plural(s, "success", "successes"), plural(f, "failure", "failures"))))
	y := float64(barsBottom)
	for _, part := range []struct {
		class string
		n     float64
	}{{"chart-success", s}, {"chart-failure", f}} {
		if h := height(part.n); h > 0 {
			y -= h
			b.add(`<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, part.class, unit(middle-width/2), unit(y), unit(width), unit(h))
		}
	}
	b.add(`</g>`)
}

// Spark draws the course of the median duration, day by day. Days of which it is not
// known are passed over. The label says what it is a picture of.
func Spark(label string, days []Day) template.HTML {
	type point struct{ x, seconds float64 }
	var points []point
	lowest, highest := math.Inf(1), 0.
	step := float64(sparkWidth-2*sparkEdge) / float64(max(len(days)-1, 1))
	for i, d := range days {
		if s, ok := drawn(d.MedianSeconds); ok {
			points = append(points, point{sparkEdge + step*float64(i), s})
			lowest, highest = min(lowest, s), max(highest, s)
		}
	}
	n := len(points)
	if n == 0 {
		return begin(sparkWidth, sparkHeight, label+": nothing yet").end()
	}
	says := fmt.Sprintf(": %s", spoken(points[0].seconds))
	if n > 1 {
		says = fmt.Sprintf(": between %s and %s, at last %s", spoken(lowest), spoken(highest), spoken(points[n-1].seconds))
	}
	b := begin(sparkWidth, sparkHeight, label+says)
	y := func(s float64) string {
		if highest == 0 {
			return unit(sparkHeight - sparkEdge)
		}
		return unit(sparkHeight - sparkEdge - (sparkHeight-2*sparkEdge)*(s/highest))
	}
	if n > 1 {
		places := make([]string, n)
		for i, p := range points {
			places[i] = unit(p.x) + "," + y(p.seconds)
		}
		b.add(`<polyline class="chart-line" fill="none" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round" points="%s"/>`, strings.Join(places, " "))
	}
	last := points[n-1]
	b.add(`<circle class="chart-dot" cx="%s" cy="%s" r="%v"/>`, unit(last.x), y(last.seconds), dotRadius)
	return b.end()
}

// drawing is an SVG element that is being written.
type drawing struct{ strings.Builder }

func begin(width, height int, title string) *drawing {
	b := &drawing{}
	b.add(`<svg class="chart" role="img" viewBox="0 0 %d %d" preserveAspectRatio="xMidYMid meet"><title>%s</title>`, width, height, escape(title))
	return b
}

func (b *drawing) end() template.HTML {
	b.add(`</svg>`)
	return template.HTML(b.String()) // every text in it went through escape
}

func (b *drawing) add(format string, a ...any) { fmt.Fprintf(b, format, a...) }

func (b *drawing) axis(y int) {
	b.add(`<line class="chart-axis" x1="%d" y1="%d" x2="%d" y2="%d" stroke-width="1"/>`, barsLeft, y, barsRight, y)
}

func (b *drawing) text(x, y int, anchor, text string) {
	b.add(`<text class="chart-text" x="%d" y="%d" text-anchor="%s" font-size="%d">%s</text>`, x, y, anchor, fontSize, escape(text))
}

// escape makes text fit for XML; what XML cannot hold becomes U+FFFD.
func escape(text string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		return "" // a strings.Builder takes everything
	}
	return b.String()
}

// count is what can be drawn of a number.
func count(n int) float64 { return float64(max(n, 0)) }

// drawn is what can be drawn of a length, and whether anything can.
func drawn(seconds *float64) (float64, bool) {
	if seconds == nil || math.IsNaN(*seconds) || *seconds < 0 {
		return 0, false
	}
	return min(*seconds, longest), true
}

// unit writes a length in units of the viewBox.
func unit(x float64) string { return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64) }

// number writes a count, a large one in few characters.
func number(n float64) string {
	switch {
	case n >= 1e9:
		return strconv.FormatFloat(n/1e9, 'g', 3, 64) + "G"
	case n >= 1e6:
		return strconv.FormatFloat(n/1e6, 'g', 3, 64) + "M"
	case n >= 1e4:
		return strconv.FormatFloat(n/1e3, 'f', 0, 64) + "k"
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

func plural(n float64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// spoken writes a length of time.
func spoken(seconds float64) string {
	return render.Duration(time.Duration(seconds * float64(time.Second)))
}
