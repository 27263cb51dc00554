package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

type whyCmd struct {
	store
	Deployment string `arg:"" help:"Id of the deployment, the start of one, or the name of a project for its newest."`
	All        bool   `help:"Show all that fit, not only the newest."`
}

// Help shows an example.
func (whyCmd) Help() string {
	return `Tells what each source said of a deployment and when, which rule joined what, why its status is what it is, what was announced where, and each attempt with its answer.

Examples:

  shipbell why build-abc123
  shipbell why api-service`
}

// maxWhy bounds how many deployments one call shows.
const maxWhy = 20

// Run prints what is known.
func (c whyCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, reads, func(l *ledger.Ledger) error {
		n := 1
		if c.All {
			n = maxWhy
		}
		stories, err := l.Search(ctx, c.Deployment, n)
		if errors.Is(err, shipbell.ErrNotFound) {
			return hinted{fmt.Errorf("nothing is known of %s", printable(c.Deployment)), "shipbell state lists the newest ids; a project's name works too"}
		}
		if err != nil {
			return err
		}
		for i, story := range stories {
			if i > 0 {
				fmt.Fprintln(s.out)
			}
			if err := explainStory(s.out, story); err != nil {
				return err
			}
		}
		return nil
	})
}

// explainStory prints one deployment, a block for each question.
func explainStory(w io.Writer, s ledger.Story) error {
	d := s.Deployment
	fmt.Fprintf(w, "%s  %s  %s  %s\n", printable(d.Project), d.Type, printable(cmp.Or(d.Environment, shipbell.Production)), statusOf(d))
	fmt.Fprintf(w, "started %s", stamp(d.StartedAt))
	if !d.FinishedAt.IsZero() {
		fmt.Fprintf(w, ", ended %s", stamp(d.FinishedAt))
	}
	fmt.Fprintf(w, "; all times are UTC\n\nKeys\n")
	t := table(w)
	for _, k := range d.Keys {
		shown := ""
		if k.ID == d.ShownID {
			shown = "shown to people"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", k.Kind, printable(k.ID), shown)
	}
	if err := t.Flush(); err != nil {
		return err
	}

	fmt.Fprintf(w, "\nHeard\n")
	t = table(w)
	for _, e := range s.Events {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", stamp(e.At), e.Source, cmp.Or(string(e.Status), "-"), cmp.Or(printable(e.Joined), "opened"))
		if e.Error != "" {
			fmt.Fprintf(t, "  \t\t\t%s\n", printable(e.Error))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}

	fmt.Fprintf(w, "\nVerdict\n  %s\n", verdict(d))
	for _, o := range d.Disputes() {
		fmt.Fprintf(w, "  %s says %s, at %s\n", o.Source, o.Status, stamp(o.At))
	}
	if a := d.Alarm; a != nil {
		fmt.Fprintf(w, "  alarm at %s: %s", stamp(a.At), alarmWords[a.Reason])
		if !a.OverAt.IsZero() {
			fmt.Fprintf(w, "; over at %s", stamp(a.OverAt))
		}
		fmt.Fprintln(w)
	}
	explainLineage(w, s)
	return explainDeliveries(w, s)
}

// alarmWords say what an alarm means.
var alarmWords = map[shipbell.AlarmReason]string{
	shipbell.AlarmUnfinished: "it started and did not end in the time that the project usually takes",
	shipbell.AlarmMissing:    "it was announced, and Cloudflare shows no deployment of it",
	shipbell.AlarmNotLive:    "it was called deployed, and Cloudflare shows no deployment of it",
	shipbell.AlarmSkipped:    "it was skipped, and nothing newer went live",
}

// verdict says why the status is what it is.
func verdict(d shipbell.Deployment) string {
	if !d.Status.Final() {
		return string(d.Status) + ": no source has told an outcome"
	}
	var sources []string
	for _, o := range d.Outcomes {
		if o.Status == d.Status {
			sources = append(sources, string(o.Source))
		}
	}
	slices.Sort(sources)
	text := fmt.Sprintf("%s: said by %s", d.Status, strings.Join(sources, ", "))
	if len(d.Disputes()) > 0 {
		text += ", which is believed more than"
	}
	return text
}

func statusOf(d shipbell.Deployment) string {
	text := string(d.Status)
	if took := d.Took(); took > 0 {
		text += " after " + max(took.Round(time.Second), time.Second).String()
	}
	return text
}

func explainLineage(w io.Writer, s ledger.Story) {
	l := s.Subject.Lineage
	if l.Previous != nil {
		fmt.Fprintf(w, "  before it %s was live, since %s\n", printable(l.Previous.ShownID), stamp(l.Previous.StartedAt))
	}
	if l.Failures > 0 {
		fmt.Fprintf(w, "  %d failed before it, since %s\n", l.Failures, stamp(l.FailingSince))
	}
	if l.Live != nil && l.Live.ID != s.Deployment.ID {
		fmt.Fprintf(w, "  live is %s, since %s\n", printable(l.Live.ShownID), stamp(l.Live.StartedAt))
	}
}

func explainDeliveries(w io.Writer, s ledger.Story) error {
	fmt.Fprintf(w, "\nTold\n")
	switch {
	case s.Deployment.Quiet && len(s.Announcements) == 0:
		fmt.Fprintf(w, "  nowhere by itself: it was heard of late, or was there before Shipbell first looked\n")
	case len(s.Announcements) == 0:
		fmt.Fprintf(w, "  nowhere: no channel wants this project (WORKER_PROJECTS, PAGE_PROJECTS)\n")
	}
	t := table(w)
	for _, a := range s.Announcements {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", a.Channel, partWords(a.Part), announcementState(a, s.Deployment))
	}
	if err := t.Flush(); err != nil || len(s.Attempts) == 0 {
		return err
	}
	fmt.Fprintf(w, "\nAttempts\n")
	t = table(w)
	for _, a := range s.Attempts {
		what := "post"
		if a.Edit {
			what = "edit"
		}
		if a.Part.Obsolete() {
			what = "remove"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s %s\trevision %d\t%d ms\t%s\n", stamp(a.At), a.Channel, what, partWords(a.Part), a.Revision,
			a.Took.Milliseconds(), printable(a.Detail))
	}
	return t.Flush()
}

func announcementState(a shipbell.Announcement, d shipbell.Deployment) string {
	switch {
	case a.Held():
		return "waits for the message that it answers"
	case a.Told():
		return "not needed: another message told it"
	case a.DueAt.After(d.RecordedAt) && a.Stale():
		return fmt.Sprintf("set aside until %s, shows revision %d of %d", stamp(a.DueAt), a.Shown, a.Wanted)
	case a.Stale():
		return fmt.Sprintf("waits, shows revision %d of %d", a.Shown, a.Wanted)
	}
	return fmt.Sprintf("current, revision %d", a.Shown)
}

func partWords(p shipbell.Part) string {
	switch p {
	case shipbell.PartMain:
		return "message"
	case shipbell.PartAlert:
		return "alert"
	case shipbell.PartOver:
		return "end of the alarm"
	}
	return "second message, to be removed"
}

func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 4, 2, ' ', 0) }

// stamp is a time for people who compare times.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// printable makes text from outside fit for a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
}
