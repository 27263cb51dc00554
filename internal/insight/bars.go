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
	// widest is how wide a bar is at most, as a part of the picture, and gap what
	// stands between two, as a part of a step.
	widest = 0.08
	gap    = 0.2
	// thinnest is how high a part of a bar is at least that is not nothing: one
	// failure among hundreds must be seen, and its hatching with it.
	thinnest, thinnestFailure = 2, 4
	// between is what stands between the two parts of a bar.
	between = 2
)

// Bars draws successes and, above them, hatched failures, so high; 0 is usual.
func Bars(title string, bars []Bar, height int) template.HTML {
	top := 0.0
	var good, bad float64
	for _, b := range bars {
		good += count(b.Successes)
		bad += count(b.Failures)
		top = max(top, count(b.Successes)+count(b.Failures))
	}
	var p plot
	p.begin(height, title, describeBars(bars, good, bad, top))
	p.add(`<defs><pattern id="%s" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">`, Hatch)
	p.add(`<rect class="%s" width="6" height="6" fill="currentColor" fill-opacity="0.25"/><rect class="%s" width="3" height="6" fill="currentColor"/></pattern></defs>`, ClassHatch, ClassHatch)
	if top > 0 {
		step := 1 / float64(len(bars))
		for i, b := range bars {
			p.bar(b, step*float64(i), step, top)
		}
	}
	first, last, greatest := "", "", "none"
	if n := len(bars); n > 0 {
		first, last = bars[0].Label, bars[n-1].Label
	}
	if top > 0 {
		greatest = figure(top)
	}
	p.frame(first, last, greatest)
	return p.end()
}

// bar draws the two parts of one step, which starts at x.
func (p *plot) bar(b Bar, x, step, top float64) {
	good, bad := count(b.Successes), count(b.Failures)
	if good+bad == 0 {
		return
	}
	width := min(step*(1-gap), widest)
	x += (step - width) / 2
	space, y := p.ground-p.above, p.ground
	failed := 0.0
	if bad > 0 {
		failed = max(bad/top*space, thinnestFailure)
	}
	p.add(`<g><title>%s: %s succeeded, %s failed</title>`, escape(b.Label), figure(good), figure(bad))
	if good > 0 {
		left := space
		if bad > 0 {
			left -= failed + between
		}
		height := min(max(good/top*space, thinnest), max(left, thinnest))
		y -= height
		p.add(`<rect class="%s" x="%s" y="%s" width="%s" height="%s" fill="currentColor"/>`, ClassSuccess, part(x), num(y), part(width), num(height))
		y -= between
	}
	if bad > 0 {
		failed = min(failed, y-p.above)
		p.add(`<rect class="%s" x="%s" y="%s" width="%s" height="%s" fill="url(#%s)"/>`, ClassFailure, part(x), num(y-failed), part(width), num(failed), Hatch)
	}
	p.WriteString("</g>")
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
