package insight

import (
	"fmt"
	"html/template"
	"time"
)

// Bar is what happened on one day.
type Bar struct {
	Label               string // the day
	Successes, Failures float64
}

// BarsOf returns the bars of days.
func BarsOf(days []Day) []Bar {
	bars := make([]Bar, len(days))
	for i, d := range days {
		bars[i] = Bar{d.Start.Format(time.DateOnly), float64(d.Successes), float64(d.Failures)}
	}
	return bars
}

const (
	// widest is how wide a bar is at most, and gap what stands between two, as a
	// part of a step.
	widest = 28
	gap    = 0.2
	// thinnest is how high a part of a bar is at least that is not nothing: one
	// failure among hundreds must be seen.
	thinnest = 2
	// textAbove and textBelow are kept for words.
	textAbove = 16
	textBelow = 16
)

// Bars draws successes and, above them, failures.
func Bars(title string, bars []Bar, size Size) template.HTML {
	size = size.or(Size{360, 120})
	top := 0.0
	var good, bad float64
	for _, b := range bars {
		good += count(b.Successes)
		bad += count(b.Failures)
		top = max(top, count(b.Successes)+count(b.Failures))
	}
	var d drawing
	d.begin(size, ClassBars, title, describeBars(bars, good, bad, top))
	width, above, below := float64(size.Width), float64(textAbove), float64(textBelow)
	if float64(size.Height) < 3*(above+below)/2 {
		above, below = 2, 2 // too low for words
	}
	ground := float64(size.Height) - below
	if top > 0 {
		step := width / float64(len(bars))
		for i, b := range bars {
			d.bar(b, step*float64(i), step, ground, (ground-above)/top)
		}
	}
	d.line(width, ground, "0.4")
	if below >= textBelow {
		if top > 0 {
			d.line(width, above, "0.15")
		}
		d.captions(bars, top, width, ground)
	}
	return d.end()
}

func (d *drawing) line(width, y float64, opacity string) {
	d.add(`<line class="%s" x1="0" x2="%s" y1="%s" y2="%s" stroke="currentColor" stroke-opacity="%s"/>`, ClassAxis, num(width), num(y), num(y), opacity)
}

// bar draws the two parts of one step, which starts at x.
func (d *drawing) bar(b Bar, x, step, ground, unit float64) {
	good, bad := count(b.Successes), count(b.Failures)
	if good+bad == 0 {
		return
	}
	width := min(step*(1-gap), widest)
	x += (step - width) / 2
	d.add(`<g><title>%s: %s succeeded, %s failed</title>`, escape(b.Label), figure(good), figure(bad))
	for _, part := range []struct {
		class string
		value float64
	}{{ClassSuccess, good}, {ClassFailure, bad}} {
		if part.value == 0 {
			continue
		}
		height := max(part.value*unit, thinnest)
		ground -= height
		d.add(`<rect class="%s" x="%s" y="%s" width="%s" height="%s" fill="currentColor"/>`, part.class, num(x), num(ground), num(width), num(height))
	}
	d.WriteString("</g>")
}

// captions writes the first and the last label below, and above how high the
// highest bar is.
func (d *drawing) captions(bars []Bar, top, width, ground float64) {
	y := ground + textBelow - 4
	switch n := len(bars); {
	case n == 1:
		d.text(width/2, y, "middle", room(bars[0].Label, width))
	case n > 1:
		d.text(0, y, "start", room(bars[0].Label, width/2-letter))
		d.text(width, y, "end", room(bars[n-1].Label, width/2-letter))
	}
	words := "none"
	if top > 0 {
		words = figure(top)
	}
	d.text(0, textAbove-5, "start", room(words, width))
}

func describeBars(bars []Bar, good, bad, top float64) string {
	if len(bars) == 0 {
		return "There are no days."
	}
	days := bars[0].Label
	if n := len(bars); n > 1 {
		days = fmt.Sprintf("%s to %s", days, bars[n-1].Label)
	}
	return fmt.Sprintf("%s: %s succeeded, %s failed; at most %s on one day.", days, figure(good), figure(bad), figure(top))
}
