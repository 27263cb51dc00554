package insight_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/insight"
)

// days makes a history of so many days.
func days(n int) []insight.Day {
	all := make([]insight.Day, n)
	for i := range all {
		all[i] = insight.Day{Start: time.Date(2026, 9, 1+i, 0, 0, 0, 0, time.UTC), Successes: i * 7 % 11, Failures: i % 5 / 3, Median: time.Duration(i*13%29) * 5 * time.Second}
	}
	return all
}

// TestCharts pins every picture, for a person to look at.
func TestCharts(t *testing.T) {
	hostile := []insight.Bar{{Label: `<script>"'&` + "\x00\xff", Successes: 3, Failures: 1}, {Label: strings.Repeat("long ", 50), Successes: 1}}
	for name, got := range map[string]template.HTML{
		"bars-0":       insight.Bars("Deployments", nil, insight.Size{}),
		"bars-1":       insight.Bars("Deployments", insight.BarsOf(days(2)[1:]), insight.Size{}),
		"bars-7":       insight.Bars("Deployments", insight.BarsOf(days(7)), insight.Size{}),
		"bars-90":      insight.Bars("Deployments", insight.BarsOf(days(90)), insight.Size{}),
		"bars-wide":    insight.Bars("Deployments", insight.BarsOf(days(30)), insight.Size{Width: 720, Height: 200}),
		"bars-small":   insight.Bars("Deployments", insight.BarsOf(days(30)), insight.Size{Width: 60, Height: 20}),
		"bars-none":    insight.Bars("Deployments", insight.BarsOf(make([]insight.Day, 3)), insight.Size{}),
		"bars-hostile": insight.Bars("<b>&\"", hostile, insight.Size{}),
		"bars-huge":    insight.Bars("Deployments", []insight.Bar{{Label: "1", Successes: math.Inf(1)}, {Label: "2", Successes: math.NaN(), Failures: -1}, {Label: "3", Failures: 1}}, insight.Size{}),
		"spark-0":      insight.Spark("Duration", nil, insight.Size{}),
		"spark-1":      insight.Spark("Duration", insight.PointsOf(days(2)), insight.Size{}),
		"spark-90":     insight.Spark("Duration", insight.PointsOf(days(90)), insight.Size{}),
		"spark-same":   insight.Spark("Duration", []insight.Point{{"1", 2, "2 s"}, {"2", 2, "2 s"}, {"3", 2, "2 s"}}, insight.Size{}),
		"spark-zero":   insight.Spark("Duration", []insight.Point{{"1", 0, "0 s"}, {"2", -1, "?"}, {"3", math.Inf(-1), "?"}}, insight.Size{}),
	} {
		channeltest.Golden(t, name+".svg", strings.ReplaceAll(string(got), "><", ">\n<")+"\n")
		check(t, name, got)
	}
}

// check reports what a picture must not be: ill-formed XML, nameless, larger than
// itself, or with anything that a strict policy forbids.
func check(t *testing.T, name string, svg template.HTML) {
	t.Helper()
	text := string(svg)
	if !strings.HasPrefix(text, "<svg ") || !strings.HasSuffix(text, "</svg>") || !strings.Contains(text, ` role="img" `) {
		t.Errorf("%s: no picture: %.80s", name, text)
	}
	var width, height float64
	var seen []string
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v in %s", name, err, text)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		seen = append(seen, start.Name.Local)
		at := map[string]float64{}
		for _, a := range start.Attr {
			switch n := a.Name.Local; {
			case n == "style", n == "id", n == "href", strings.HasPrefix(n, "on"):
				t.Errorf("%s: attribute %s", name, n)
			case n == "x", n == "y", n == "width", n == "height", n == "cx", n == "cy":
				var v float64
				if _, err := fmt.Sscan(a.Value, &v); err != nil {
					t.Errorf("%s: %s=%q", name, n, a.Value)
				}
				at[n] = v
			}
		}
		if start.Name.Local == "svg" {
			width, height = at["width"], at["height"]
		}
		const slack = 0.02 // coordinates have two decimals
		if x, y := at["x"]+at["cx"], at["y"]+at["cy"]; start.Name.Local != "svg" &&
			(x < -slack || y < -slack || x+at["width"] > width+slack || y+at["height"] > height+slack) {
			t.Errorf("%s: %s %v outside of %v by %v", name, start.Name.Local, at, width, height)
		}
	}
	for i, want := range []string{"svg", "title", "desc"} {
		if len(seen) <= i || seen[i] != want {
			t.Fatalf("%s: elements %q", name, seen)
		}
	}
	for _, element := range seen {
		if !strings.Contains(" svg title desc g rect line polyline circle text ", " "+element+" ") {
			t.Errorf("%s: element %s", name, element)
		}
	}
}

// FuzzCharts: whatever the numbers and words are, the picture is one.
func FuzzCharts(f *testing.F) {
	f.Add("2026-11-25", 1.0, 2.0, 3.0, 360, 120)
	f.Add("<&\"\x00\xff\ufffe]]>", math.NaN(), math.Inf(1), -math.MaxFloat64, 1, -5)
	f.Add("", math.MaxFloat64, math.SmallestNonzeroFloat64, 0.5, 1<<40, 17)
	f.Fuzz(func(t *testing.T, text string, a, b, c float64, width, height int) {
		size := insight.Size{Width: width, Height: height}
		var bars []insight.Bar
		var points []insight.Point
		for range 3 {
			check(t, "bars", insight.Bars(text, bars, size))
			check(t, "spark", insight.Spark(text, points, size))
			bars = append(bars, insight.Bar{Label: text, Successes: a, Failures: b})
			points = append(points, insight.Point{Label: text, Value: c, Text: text})
			a, b, c = b, c, a
		}
	})
}
