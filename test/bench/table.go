package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one line of the table. Only what, and figure or missing, are always
// there.
type row struct {
	what     string
	figure   string
	p50, p99 time.Duration
	cpu      time.Duration // of the server's processes, for one answer
	against  string        // what the ratio is to, with its own figure
	ratio    string
	goal     goal
	stored   string // whether what it acknowledges is stored before, and how
	missing  string // why there is no figure
}

// goal is a bound from the project's issues, and whether this run kept it.
type goal struct {
	text string
	kept bool
}

func (g goal) String() string {
	switch {
	case g.text == "":
		return ""
	case g.kept:
		return g.text + " kept"
	}
	return g.text + " MISSED"
}

func atLeast(bound, value float64) goal {
	return goal{fmt.Sprintf("≥ %g", bound), value >= bound}
}

// below takes a unit because some goals bound a figure and not a ratio.
func below(bound, value float64, unit string) goal {
	return goal{fmt.Sprintf("< %g%s", bound, unit), value < bound}
}

func atMost(bound, value float64, unit string) goal {
	return goal{fmt.Sprintf("≤ %g%s", bound, unit), value <= bound}
}

// both is kept where each of two goals is.
func both(a, b goal) goal { return goal{a.text + ", " + b.text, a.kept && b.kept} }

func writeTable(out io.Writer, rows []row) error {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tFIGURE\tP50\tP99\tCPU\tAGAINST\tRATIO\tGOAL\tSTORED BEFORE IT ANSWERS")
	for _, r := range rows {
		if r.missing != "" {
			r.figure = "-"
			r.stored = "not measured: " + r.missing
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			r.what, r.figure, short(r.p50), short(r.p99), short(r.cpu), r.against, r.ratio, r.goal, r.stored)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// short prints a duration in few characters, and zero as nothing.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return ms(d)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func perSecond(f float64) string { return fmt.Sprintf("%.0f/s", f) }

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/mb) }

func kilobytes(bytes int64) string { return fmt.Sprintf("%.1f kB", float64(bytes)/1000) }

const mb = 1_000_000

// ratio prints two digits that say something.
func ratio(f float64) string {
	switch {
	case f < 0.1:
		return fmt.Sprintf("%.3f", f)
	case f < 10:
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.0f", f)
}
