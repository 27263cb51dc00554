package insight

import (
	"fmt"
	"html/template"
)

// Line draws a line through the points within a frame, so high; 0 is usual. It
// goes from the first day that has a value to the last, across those without one.
// The ground is 0, so that a small change looks small.
func Line(title string, points []Point, height int) template.HTML {
	known := measured(points)
	var p plot
	p.begin(height, title, describePoints(points, known))
	if len(known) == 0 {
		p.frame("", "", "")
		return p.end()
	}
	first, last := known[0], known[len(known)-1]
	low, high := extremes(points, known)
	top := count(points[high].Value)
	at := func(i int) (x, y float64) {
		const edge = 0.005 // of a point
		x, y = 0.5, p.ground
		if last > first {
			x = edge + (1-2*edge)*float64(i-first)/float64(last-first)
		}
		if top > 0 {
			y -= (p.ground - p.above) * count(points[i].Value) / top
		}
		return x, y
	}
	p.frame(points[first].Label, points[last].Label, points[high].Text)
	_, bottom := at(low)
	least := points[low].Text != points[high].Text
	if least {
		p.line(bottom, "0.3", ` stroke-dasharray="2 4"`)
	}
	p.pieces(known, at)
	for _, i := range known {
		x, y := at(i)
		p.add(`<g><title>%s</title><circle class="%s" cx="%s" cy="%s" r="2" fill="currentColor"/></g>`,
			escape(fmt.Sprintf("%s: %s", points[i].Label, points[i].Text)), ClassPoint, part(x), num(y))
	}
	if least { // below its line, where the other one never is
		p.text(min(bottom+fontSize+2, p.ground-4), false, points[low].Text)
	}
	return p.end()
}

// pieces draws what leads from each of the known points to the next.
func (p *plot) pieces(known []int, at func(int) (x, y float64)) {
	for n, i := range known[1:] {
		x1, y1 := at(known[n])
		x2, y2 := at(i)
		p.add(`<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"/>`,
			ClassLine, part(x1), num(y1), part(x2), num(y2))
	}
}
