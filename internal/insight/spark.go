package insight

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// Point is a value of one day.
type Point struct {
	Label string // the day
	// Value is 0 or more; NaN where there is none.
	Value float64
	Text  string // the value for people
}

// PointsOf returns the median durations of days.
func PointsOf(days []Day) []Point {
	points := make([]Point, len(days))
	for i, d := range days {
		points[i] = Point{Label: d.Start.Format(time.DateOnly), Value: math.NaN()}
		if d.Median > 0 {
			points[i].Value, points[i].Text = d.Median.Seconds(), brief(d.Median)
		}
	}
	return points
}

// Measured returns the points that have a value.
func Measured(points []Point) []Point {
	var some []Point
	for _, i := range measured(points) {
		some = append(some, points[i])
	}
	return some
}

// measured returns which points have a value.
func measured(points []Point) []int {
	known := make([]int, 0, len(points))
	for i, p := range points {
		if !math.IsNaN(p.Value) {
			known = append(known, i)
		}
	}
	return known
}

// extremes returns which of the known points has the least value, and which the
// greatest.
func extremes(points []Point, known []int) (low, high int) {
	low, high = known[0], known[0]
	for _, i := range known {
		if count(points[i].Value) < count(points[low].Value) {
			low = i
		}
		if count(points[i].Value) > count(points[high].Value) {
			high = i
		}
	}
	return low, high
}

// Spark draws a line through the points, across days without a value. Its middle
// is in the middle, and its scale that from 0 to the greatest value, so that a
// small change looks small.
func Spark(title string, points []Point, size Size) template.HTML {
	size = size.or(Size{120, 28})
	known := measured(points)
	var top, middle float64
	if len(known) > 0 {
		low, high := extremes(points, known)
		top = count(points[high].Value)
		middle = (top + count(points[low].Value)) / 2
	}
	var d drawing
	d.begin(ClassSpark, fmt.Sprintf(`viewBox="0 0 %d %d" width="%d" height="%d" preserveAspectRatio="xMidYMid meet"`, size.Width, size.Height, size.Width, size.Height),
		title, describePoints(points, known))
	const edge = 3.0 // of a point
	at := func(i int) (x, y float64) {
		x, y = float64(size.Width)/2, float64(size.Height)/2
		if n := len(points); n > 1 {
			x = edge + (float64(size.Width)-2*edge)*float64(i)/float64(n-1)
		}
		if top > 0 {
			y -= (float64(size.Height) - 2*edge) * (count(points[i].Value) - middle) / top
		}
		return x, y
	}
	if len(known) > 1 {
		var line strings.Builder
		for _, i := range known {
			x, y := at(i)
			fmt.Fprintf(&line, " %s,%s", num(x), num(y))
		}
		d.add(`<polyline class="%s" points="%s" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round"/>`,
			ClassLine, line.String()[1:])
	}
	if n := len(known); n > 0 {
		x, y := at(known[n-1])
		d.add(`<circle class="%s" cx="%s" cy="%s" r="2.5" fill="currentColor"/>`, ClassPoint, num(x), num(y))
	}
	return d.end()
}

func describePoints(points []Point, known []int) string {
	if len(known) == 0 {
		return "Nothing is known."
	}
	say := func(i int) string { return points[i].Text + " on " + points[i].Label }
	first, last := known[0], known[len(known)-1]
	if first == last {
		return say(first) + "."
	}
	low, high := extremes(points, known)
	return fmt.Sprintf("From %s to %s; between %s and %s.", say(first), say(last), points[low].Text, points[high].Text)
}
