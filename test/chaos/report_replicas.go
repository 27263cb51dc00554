//go:build unix

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report prints the table, and what is wrong.
func (j *joint) report(v *verdict) {
	w := tabwriter.NewWriter(j.out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	struck := func(b blow) string {
		var all []string
		n := 0
		for _, m := range slices.Sorted(maps.Keys(j.striker.done[b])) {
			all = append(all, fmt.Sprintf("%d %s", j.striker.done[b][m], m))
			n += j.striker.done[b][m]
		}
		return fmt.Sprintf("%d: %s", n, strings.Join(all, ", "))
	}
	var away, longest time.Duration
	for _, o := range j.cluster.outages {
		away += o.to.Sub(o.from)
		longest = max(longest, o.to.Sub(o.from))
	}
	stops, start, stop := slowest(j.cluster.lives.history())

	fmt.Fprintln(j.out)
	row("replicas", "%d on one PostgreSQL, %d processes in all", j.replicas, len(j.cluster.lives.history()))
	row("Telegram", "%s", j.limitsInWords())
	row("kills", "%s", struck(blowKill))
	row("freezes", "%s; %d of them for 10 s and longer", struck(blowFreeze), j.striker.long)
	row("outages of PostgreSQL", "%s; %s in all, the longest %s", struck(blowOutage), round(away), round(longest))
	row("ends in order", "%d, slowest %s", stops, stop.Round(time.Millisecond))
	row("slowest start", "%s", start.Round(time.Millisecond))
	row("pushes acknowledged", "%d of %d sent; %d given up without an answer", j.load.acknowledged.Load(), j.load.sent.Load(), j.load.unknown.Load())
	row("deployments", "%d with %d events", v.deployments, v.events)
	row("messages", "%d in %d chats, %d of them alerts", v.messages, len(j.telegram.lanes), v.alerts)
	row("edits", "%d; %d removals", v.edits, v.removals)
	row("lanes empty", "%s after the last push", round(j.drained))
	row("slowest announcement from sleep", "%s", round(j.woken))
	row("hand-overs of lanes", "%d", v.handovers)
	row("requests without the lane", "%d; %d writes", v.unheld, v.unheldWrites)
	row("messages of which a process kept silent", "%d", v.unkept)
	row("requests beyond Telegram's limits", "%d forgotten, %d unexplained", v.beyond.forgotten, v.beyond.unexplained)
	v.tabulate(row)
	row("seed", "%d", j.seed)
	row("duration", "%s", time.Since(j.started).Round(100*time.Millisecond))
	_ = w.Flush()
	v.conclude(j.out)
}
