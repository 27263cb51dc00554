package main

import (
	"fmt"
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
	var aims, faults []string
	for _, m := range moments {
		aims = append(aims, fmt.Sprintf("%d %s", r.killer.aims[m], m))
	}
	for _, name := range slices.Sorted(maps.Keys(v.faults)) {
		faults = append(faults, fmt.Sprintf("%d %s", v.faults[name], name))
	}
	stops, start, stop := slowest(r.server.history())

	fmt.Fprintln(r.out)
	row("kills", "%d: %s", r.killer.count(), strings.Join(aims, ", "))
	row("ends in order", "%d, slowest %s", stops, stop.Round(time.Millisecond))
	row("slowest start after an end", "%s", start.Round(time.Millisecond))
	row("pushes acknowledged", "%d of %d sent; %d given up without an answer", r.load.acknowledged.Load(), r.load.sent.Load(), r.load.unknown.Load())
	row("deployments", "%d with %d events", v.deployments, v.events)
	row("messages", "%d in %d chats, %d of them alerts", v.messages, len(r.telegram.lanes), v.alerts)
	row("edits", "%d", v.edits)
	row("requests that Telegram failed", "%s", strings.Join(faults, ", "))
	row("early requests after a 429", "%d by a kill, %d under way, %d unexplained", v.early.byKill, v.early.inFlight, len(v.early.unexplained))
	row("lost", "%d", v.lost)
	row("wrong text", "%d", v.wrong)
	row("doubles by a kill", "%d, at most %d at once; widest window between answer and kill %s; %d not answered yet",
		v.doubles.byKill, v.doubles.most, v.doubles.window.Round(10*time.Microsecond), v.doubles.unanswered)
	row("doubles by a broken connection", "%d", v.doubles.byConnection)
	row("doubles unexplained", "%d", len(v.doubles.unexplained))
	row("seed", "%d", r.seed)
	row("duration", "%s", time.Since(r.started).Round(100*time.Millisecond))
	_ = w.Flush()

	if len(v.failures) == 0 {
		fmt.Fprintf(r.out, "\nok: nothing was lost, and every double is explained\n")
		return
	}
	fmt.Fprintf(r.out, "\nFAILED: %d findings\n", len(v.failures))
	for _, f := range v.failures[:min(len(v.failures), shownFailures)] {
		fmt.Fprintf(r.out, "- %s\n", f)
	}
	if more := len(v.failures) - shownFailures; more > 0 {
		fmt.Fprintf(r.out, "- and %d more\n", more)
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
