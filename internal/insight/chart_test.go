package insight

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/channel/channeltest"
)

// course is n days in which everything goes up and down.
func course(n int) []Day {
	var days []Day
	for i := range n {
		d := Day{Date: noon.AddDate(0, 0, i-n+1).Format("2006-01-02"), Successes: i * 7 % 12, Failures: i % 4 / 3 * (i % 5)}
		if d.Successes > 0 {
			d.MedianSeconds = seconds(30 + float64(i*13%50))
		}
		days = append(days, d)
	}
	return days
}

func TestCharts(t *testing.T) {
	quiet := []Day{{Date: "2026-11-24"}, {Date: "2026-11-25"}}
	for name, days := range map[string][]Day{
		"none": nil, "one": course(4)[3:], "week": course(7), "quarter": course(90), "quiet": quiet,
		"uneven": {{Date: "2026-11-24", Successes: 2000000}, {Date: "2026-11-25", Failures: 1, Successes: 1, MedianSeconds: seconds(0)}},
	} {
		t.Run(name, func(t *testing.T) {
			bars, spark := Bars("Deployments of a&b", days), Spark("Duration of a&b", days)
			check(t, bars)
			check(t, spark)
			readable := strings.ReplaceAll(string(bars)+"\n"+string(spark)+"\n", "><", ">\n<")
			channeltest.Golden(t, name+".svg.txt", readable)
		})
	}
}

// classes are those that the package comment names.
var classes = []string{"chart", "chart-success", "chart-failure", "chart-line", "chart-dot", "chart-axis", "chart-text"}

// check reads a picture as a strict reader of XML does, and holds that a page
// without inline styles and scripts can show it and that nothing leaves its frame.
func check(t *testing.T, picture template.HTML) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(picture)))
	var frame [2]float64
	elements, titles := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in %s", err, picture)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		elements++
		if !slices.Contains([]string{"svg", "title", "g", "rect", "line", "text", "polyline", "circle"}, e.Name.Local) {
			t.Errorf("element %s", e.Name.Local)
		}
		at := make(map[string]string)
		for _, a := range e.Attr {
			at[a.Name.Local] = a.Value
			if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
				t.Errorf("attribute %s", a.Name.Local)
			}
		}
		if c, ok := at["class"]; ok && !slices.Contains(classes, c) {
			t.Errorf("class %s", c)
		}
		switch e.Name.Local {
		case "svg":
			if _, err := fmt.Sscanf(at["viewBox"], "0 0 %g %g", &frame[0], &frame[1]); err != nil || at["role"] != "img" || elements != 1 {
				t.Errorf("frame %v", at)
			}
		case "title":
			titles++
		case "rect":
			x, y, w, h := real(t, at["x"]), real(t, at["y"]), real(t, at["width"]), real(t, at["height"])
			if x < 0 || y < 0 || w <= 0 || h < least || x+w > frame[0] || y+h > frame[1] {
				t.Errorf("outside of %v: %v", frame, at)
			}
		case "polyline":
			for place := range strings.SplitSeq(at["points"], " ") {
				x, y, _ := strings.Cut(place, ",")
				inside(t, frame, x, y)
			}
		case "circle":
			inside(t, frame, at["cx"], at["cy"])
		}
	}
	if elements == 0 || titles == 0 {
		t.Errorf("no picture with a title: %s", picture)
	}
}

func real(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		t.Errorf("%q is no length", text)
	}
	return x
}

func inside(t *testing.T, frame [2]float64, x, y string) {
	t.Helper()
	if px, py := real(t, x), real(t, y); px < 0 || py < 0 || px > frame[0] || py > frame[1] {
		t.Errorf("%s,%s is outside of %v", x, y, frame)
	}
}

// FuzzCharts: whatever the numbers and the names are.
func FuzzCharts(f *testing.F) {
	f.Add("Deployments", "2026-11-25", 3, 1, 41.5, 7)
	f.Add("</title><script>alert(1)</script>", "\x00\xff\"'", -1, 1, math.NaN(), 1)
	f.Add("", "", math.MaxInt, math.MaxInt, math.Inf(1), 90)
	f.Add("\u2028]]>", "<!--", math.MinInt, 0, math.Inf(-1), 2)
	f.Add("a", "b", 1, 0, math.MaxFloat64, 365)
	f.Add("a", "b", 0, 0, math.SmallestNonzeroFloat64, 0)
	f.Fuzz(func(t *testing.T, label, date string, successes, failures int, length float64, n int) {
		var days []Day
		for i := range min(max(n, 0), 400) {
			d := Day{Date: date}
			// Not the same on all days, so that there is something to compare.
			if i%2 == 0 {
				d.Successes, d.Failures, d.MedianSeconds = successes, failures, &length
			} else if i%3 == 0 {
				d.Successes, d.MedianSeconds = i, seconds(float64(i))
			}
			days = append(days, d)
		}
		check(t, Bars(label, days))
		check(t, Spark(label, days))
	})
}
