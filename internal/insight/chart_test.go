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
		"bars-0":       insight.Bars("Deployments", nil, 0),
		"bars-1":       insight.Bars("Deployments", insight.BarsOf(days(2)[1:]), 0),
		"bars-7":       insight.Bars("Deployments", insight.BarsOf(days(7)), 0),
		"bars-90":      insight.Bars("Deployments", insight.BarsOf(days(90)), 0),
		"bars-high":    insight.Bars("Deployments", insight.BarsOf(days(30)), 400),
		"bars-low":     insight.Bars("Deployments", insight.BarsOf(days(30)), 20),
		"bars-none":    insight.Bars("Deployments", insight.BarsOf(make([]insight.Day, 3)), 0),
		"bars-hostile": insight.Bars("<b>&\"", hostile, 0),
		"bars-huge":    insight.Bars("Deployments", []insight.Bar{{Label: "1", Successes: math.Inf(1)}, {Label: "2", Successes: math.NaN(), Failures: -1}, {Label: "3", Failures: 1}}, 0),
		"line-0":       insight.Line("Duration", nil, 0),
		"line-1":       insight.Line("Duration", insight.PointsOf(days(2)), 0),
		"line-few":     insight.Line("Duration", insight.PointsOf(append(make([]insight.Day, 20), days(4)...)), 0),
		"line-30":      insight.Line("Duration", insight.PointsOf(days(30)), 0),
		"line-same":    insight.Line("Duration", []insight.Point{{"1", 2, "2 s"}, {"2", 2, "2 s"}}, 0),
		"line-zero":    insight.Line("Duration", []insight.Point{{"1", 0, "0 s"}, {"2", -1, "?"}, {"3", math.Inf(-1), "?"}}, 0),
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

// TestLineFills: whatever days are known, the line goes from one side to the other.
func TestLineFills(t *testing.T) {
	for name, points := range map[string][]insight.Point{
		"all": insight.PointsOf(days(30)), "the last few": insight.PointsOf(append(make([]insight.Day, 26), days(4)...)),
		"the first few": insight.PointsOf(append(days(4), make([]insight.Day, 26)...)),
	} {
		svg := string(insight.Line("Duration", points, 0))
		for _, want := range []string{` cx="0.5%"`, ` cx="99.5%"`, ` width="100%"`} {
			if !strings.Contains(svg, want) {
				t.Errorf("%s: no%s in %s", name, want, svg)
			}
		}
		some := insight.Measured(points)
		for _, want := range []string{some[0].Label, some[len(some)-1].Label} {
			if !strings.Contains(svg, ">"+want+"</text>") {
				t.Errorf("%s: %s is not said in %s", name, want, svg)
			}
		}
	}
}

// TestApart: the parts of a bar differ by more than their colour, and do not touch.
func TestApart(t *testing.T) {
	for _, b := range []insight.Bar{{Successes: 1, Failures: 1}, {Successes: 1e9, Failures: 1}, {Successes: 1, Failures: 1e9}} {
		svg := string(insight.Bars("Deployments", []insight.Bar{b}, 0))
		var good, bad, goodHeight, badHeight float64
		_, rest, _ := strings.Cut(svg, `class="chart-success"`)
		success, failure, _ := strings.Cut(rest, `class="chart-failure"`)
		for _, part := range []struct {
			text      string
			y, height *float64
		}{{success, &good, &goodHeight}, {failure, &bad, &badHeight}} {
			var x, width float64
			if _, err := fmt.Sscanf(part.text, ` x="%g%%" y="%g" width="%g%%" height="%g"`, &x, part.y, &width, part.height); err != nil {
				t.Fatalf("%v in %s", err, svg)
			}
		}
		if gap := good - (bad + badHeight); math.Abs(gap-2) > 0.01 || goodHeight < 2 || badHeight < 4 {
			t.Errorf("%v: %v high, and %v above it %v high", b, goodHeight, gap, badHeight)
		}
		if !strings.Contains(failure, `fill="url(#`+insight.Hatch+`)"`) {
			t.Errorf("%v: failures are not hatched in %s", b, svg)
		}
	}
}

// check reports what a picture must not be: ill-formed XML, nameless, larger than
// itself, or with anything that a strict policy forbids. Parts of the width are
// taken for hundredths of it, as the width of such a picture is.
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
			case n == "id" && a.Value == insight.Hatch && start.Name.Local == "pattern", n == "fill" && a.Value == "url(#"+insight.Hatch+")":
			case n == "style", n == "id", n == "href", strings.HasPrefix(n, "on"), strings.Contains(a.Value, "url("):
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
		if !strings.Contains(" svg title desc defs pattern g rect line polyline circle text ", " "+element+" ") {
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
			check(t, "bars", insight.Bars(text, bars, height))
			check(t, "line", insight.Line(text, points, height))
			check(t, "spark", insight.Spark(text, points, size))
			bars = append(bars, insight.Bar{Label: text, Successes: a, Failures: b})
			points = append(points, insight.Point{Label: text, Value: c, Text: text})
			a, b, c = b, c, a
		}
	})
}
