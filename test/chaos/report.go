package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// shownFailures is how many failures are printed; the first ones tell the most.
const shownFailures = 20

// report prints the table, and what is wrong.
func (r *run) report(v *verdict) {
	w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	var aims []string
	for _, m := range moments {
		aims = append(aims, fmt.Sprintf("%d %s", r.killer.aims[m], m))
	}
	stops, start, stop := slowest(r.server.lives.history())

	fmt.Fprintln(r.out)
	row("kills", "%d: %s", r.killer.count(), strings.Join(aims, ", "))
	row("ends in order", "%d, slowest %s", stops, stop.Round(time.Millisecond))
	row("slowest start after an end", "%s", start.Round(time.Millisecond))
	row("pushes acknowledged", "%d of %d sent; %d given up without an answer", r.load.acknowledged.Load(), r.load.sent.Load(), r.load.unknown.Load())
	row("deployments", "%d with %d events", v.deployments, v.events)
	row("messages", "%d in %d chats, %d of them alerts", v.messages, len(r.telegram.lanes), v.alerts)
	row("edits", "%d", v.edits)
	v.tabulate(row)
	row("seed", "%d", r.seed)
	row("duration", "%s", time.Since(r.started).Round(100*time.Millisecond))
	_ = w.Flush()
	v.conclude(r.out)
}

// tabulate adds the rows that every run has.
func (v *verdict) tabulate(row func(name, format string, args ...any)) {
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(v.faults)) {
		faults = append(faults, fmt.Sprintf("%d %s", v.faults[name], name))
	}
	row("requests that Telegram failed", "%s", strings.Join(faults, ", "))
	row("early requests after a 429", "%d forgotten, %d under way, %d unexplained", v.early.forgotten, v.early.inFlight, len(v.early.unexplained))
	row("lost", "%d", v.lost)
	row("wrong text", "%d", v.wrong)
	row("out of order", "%d", v.disorder)
	for _, why := range v.causes {
		k := v.doubles.by[why]
		row("doubles by "+string(why), "%d, at most %d at once; widest window between answer and %s %s; %d not answered yet",
			k.count, k.most, strings.TrimPrefix(strings.TrimPrefix(string(why), "a "), "an "), k.window.Round(10*time.Microsecond), k.unanswered)
	}
	row("doubles by a broken connection", "%d", v.doubles.byConnection)
	row("doubles unexplained", "%d", len(v.doubles.unexplained))
	row("of the doubles", "%d were removed again, %d are left of which nobody could know", v.doubles.removed, v.doubles.left)
}

// conclude prints what is wrong.
func (v *verdict) conclude(out io.Writer) {
	if len(v.failures) == 0 {
		fmt.Fprintf(out, "\nok: nothing was lost, and every double is explained\n")
		return
	}
	fmt.Fprintf(out, "\nFAILED: %d findings\n", len(v.failures))
	for _, f := range v.failures[:min(len(v.failures), shownFailures)] {
		fmt.Fprintf(out, "- %s\n", f)
	}
	if more := len(v.failures) - shownFailures; more > 0 {
		fmt.Fprintf(out, "- and %d more\n", more)
	}
}

// slowest returns how many lives ended in order, and the longest times from an
// end to the next answer and from a SIGTERM to the end.
func slowest(lives []life) (stops int, start, stop time.Duration) {
	for i, l := range lives {
		if l.how == stopped {
			stops++
			stop = max(stop, l.took)
		}
		if i > 0 && !l.ready.IsZero() {
			start = max(start, l.ready.Sub(l.started))
		}
	}
	return stops, start, stop
}
