package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/remote"
	"github.com/shipbell/shipbell/internal/wire"
)

type showCmd struct {
	server
	Deployment string `arg:"" help:"Number of the deployment, one of its ids, the start of one, or the name of a project for its newest; id:TEXT for an id that is a number."`
	JSON       bool   `name:"json" help:"Print the server's JSON."`
}

// Help says whom it asks, and shows examples.
func (showCmd) Help() string {
	return askHelp + `

shipbell why tells as much without a server, from its data directory.

Examples:

  shipbell show 1042
  shipbell show api-service
  shipbell show build-abc123 --json`
}

// Run prints what is known.
func (c showCmd) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	d, raw, err := find(ctx, client, c.Deployment)
	var refused *remote.Refused
	if errors.As(err, &refused) && refused.Code == wire.CodeNotFound {
		return hinted{fmt.Errorf("the server knows nothing of %s", printable(c.Deployment)), "a number, an id, or the name of a project; to search commits, messages and authors: shipbell ls -q " + quoted(printable(c.Deployment))}
	}
	if err != nil {
		return c.explain(err)
	}
	if other := namesake(ctx, client, c.Deployment, d.ID); other != "" {
		fmt.Fprintf(s.err, "shipbell: %s is the number of this deployment, and the id of another, %s\nhint: shipbell show id:%s shows the other\n", c.Deployment, other, c.Deployment)
	}
	if c.JSON {
		return printJSON(s.out, raw)
	}
	return printDetail(paperOf(s.out), d)
}

// find returns the deployment of that name, or the newest of the project with that
// name.
func find(ctx context.Context, client *remote.Client, name string) (wire.Detail, json.RawMessage, error) {
	d, raw, err := client.Deployment(ctx, name)
	var refused *remote.Refused
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		return d, raw, err
	}
	newest, failed := client.List(ctx, url.Values{"project": {name}, "limit": {"1"}})
	if failed != nil || len(newest.Deployments.Deployments) == 0 {
		return d, raw, err
	}
	return client.Deployment(ctx, strconv.FormatInt(int64(newest.Deployments.Deployments[0].ID), 10))
}

// namesake names another deployment than that of a number which has the number as
// its id; empty where there is none.
func namesake(ctx context.Context, client *remote.Client, number string, shown shipbell.DeploymentID) string {
	if _, err := strconv.ParseInt(number, 10, 64); err != nil {
		return ""
	}
	d, _, err := client.Deployment(ctx, "id:"+number)
	all := []wire.Brief{d.Brief}
	if refused := new(remote.Refused); errors.As(err, &refused) {
		all = refused.Candidates
	}
	for _, b := range all {
		// Of one with an id that only starts so nobody asked.
		exact := b.ShownID == number || slices.ContainsFunc(d.Keys, func(k wire.Key) bool { return k.ID == number })
		if exact && b.ID != shown {
			return fmt.Sprintf("%d of %s (%s)", b.ID, printable(b.Project), printable(b.Environment))
		}
	}
	return ""
}

// printDetail prints a deployment, a block for each question.
func printDetail(p paper, d wire.Detail) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s  %s\n", printable(d.Project), d.Type, printable(d.Environment), p.status(statusText(d.Brief), d.Status, d.Frozen))
	fmt.Fprintf(&b, "number %d, started %s", d.ID, stamp(d.StartedAt))
	if !d.FinishedAt.IsZero() {
		fmt.Fprintf(&b, ", ended %s", stamp(d.FinishedAt))
	}
	fmt.Fprintf(&b, "; all times are UTC\n")
	if d.Silenced {
		fmt.Fprintf(&b, "silenced: no message is added\n")
	}
	printFields(&b, d)
	printBlock(&b, "Heard", len(d.Events), func(t io.Writer) {
		for _, e := range d.Events {
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", stamp(e.At), e.Source, cmp.Or(string(e.Status), "-"), cmp.Or(printable(e.Joined), "opened"))
		}
	})
	for _, a := range d.Announcements {
		fmt.Fprintf(&b, "\n%s in %s: %s\n", strings.ToUpper(string(a.Part[:1]))+string(a.Part[1:]), printable(string(a.Channel)), shownState(a))
		for line := range strings.SplitSeq(a.Text, "\n") {
			fmt.Fprintf(&b, "  │ %s\n", printable(line))
		}
	}
	printBlock(&b, "Attempts", len(d.Attempts), func(t io.Writer) {
		for _, a := range d.Attempts {
			fmt.Fprintf(t, "  %s\t%s\t%s %s\trevision %d\t%d ms\t%s\n", stamp(a.At), printable(string(a.Channel)), a.What, a.Part, a.Revision,
				a.TookMs, printable(strings.TrimSpace(string(a.Fault)+" "+a.Detail)))
		}
	})
	_, err := io.WriteString(p, b.String())
	return err
}

func printFields(b *strings.Builder, d wire.Detail) {
	printBlock(b, "", 1, func(t io.Writer) {
		for _, f := range []struct{ name, value string }{
			{"Commit", strings.TrimSpace(short(d.Commit) + "  " + d.Subject)},
			{"Branch", d.Branch}, {"Author", d.Author}, {"Tag", d.Tag}, {"Took", took(d)},
			{"Address", d.URL}, {"Build log", d.LogURL}, {"Dashboard", d.DashboardURL},
			{"Error", d.Error}, {"Rollout", d.Rollout}, {"Cause", string(d.Cause)}, {"Alarm", alarmText(d.Alarm)},
			{"Before it", briefText(d.Lineage.Previous)}, {"Live now", liveText(d)}, {"Brought by", briefText(d.Lineage.Brought)},
		} {
			if f.value != "" {
				fmt.Fprintf(t, "  %s\t%s\n", f.name, printable(f.value))
			}
		}
		for _, k := range d.Keys {
			fmt.Fprintf(t, "  Id\t%s  (%s)\n", printable(k.ID), k.Kind)
		}
	})
	if d.Log != "" {
		fmt.Fprintf(b, "\nLog\n")
		for line := range strings.SplitSeq(d.Log, "\n") {
			fmt.Fprintf(b, "  %s\n", printable(line))
		}
	}
}

func took(d wire.Detail) string {
	if d.TookSeconds <= 0 {
		return ""
	}
	return max(time.Duration(d.TookSeconds*float64(time.Second)).Round(time.Second), time.Second).String()
}

func alarmText(a *wire.Alarm) string {
	if a == nil {
		return ""
	}
	text := stamp(a.At) + ": " + cmp.Or(alarmWords[a.Reason], string(a.Reason))
	if !a.OverAt.IsZero() {
		text += "; over at " + stamp(a.OverAt)
	}
	return text
}

func briefText(b *wire.Brief) string {
	if b == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d  %s  %s  %s", b.ID, stamp(b.StartedAt), short(b.Commit), b.Subject))
}

func liveText(d wire.Detail) string {
	if d.Lineage.Live != nil && d.Lineage.Live.ID == d.ID {
		return "this one"
	}
	return briefText(d.Lineage.Live)
}

func shownState(a wire.Announcement) string {
	switch a.State {
	case wire.AnnouncementHeld:
		return "waits for the message that it answers"
	case wire.AnnouncementTold:
		return "not needed: another message told it"
	case wire.AnnouncementWaiting:
		return fmt.Sprintf("waits, shows revision %d of %d", a.Shown, a.Wanted)
	}
	return fmt.Sprintf("current, revision %d", a.Shown)
}

// printBlock prints a table under a title, unless it is empty.
func printBlock(b *strings.Builder, title string, n int, rows func(io.Writer)) {
	if n == 0 {
		return
	}
	if b.WriteByte('\n'); title != "" {
		fmt.Fprintln(b, title)
	}
	t := table(b)
	rows(t)
	_ = t.Flush() // a Builder takes everything
}
