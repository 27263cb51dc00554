package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/shipbell/shipbell/internal/remote"
	"github.com/shipbell/shipbell/internal/terminal"
	"github.com/shipbell/shipbell/internal/wire"
)

type tailCmd struct {
	server
	filter
	JSON bool `name:"json" help:"Print each change as a line of JSON."`
}

// Help says whom it asks, what is printed, and shows examples.
func (tailCmd) Help() string {
	return askHelp + `

Prints a line for each change as it happens, until it is stopped: the time in UTC, when the deployment ended or else when the change was heard; its number, for shipbell show NUMBER; its status, where it went, why it failed, what was changed and by whom. When the connection breaks it comes back and prints what was missed. With --json it says with the event "here" that it is connected.

Examples:

  shipbell tail
  shipbell tail --status failure
  shipbell tail --json | jq -r 'select(.event == "deployment") | .data.project'`
}

// Run prints what changes until ctx is done.
func (c tailCmd) Run(ctx context.Context, s streams) error {
	params, err := c.params("", "")
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	p := paperOf(s.out)
	lost := false
	err = client.Follow(ctx, params, remote.Watch{
		Tell: func(e remote.Event) error {
			if lost {
				lost = false
				fmt.Fprintln(s.err, "shipbell: connected again")
			}
			return c.print(p, s, e, time.Now())
		},
		Lost: func(err error, wait time.Duration) {
			if !lost {
				fmt.Fprintf(s.err, "shipbell: %s; trying again\n", printable(err.Error()))
			}
			lost = true
		},
	})
	return c.explain(err)
}

// print prints one change.
func (c tailCmd) print(p paper, s streams, e remote.Event, now time.Time) error {
	if c.JSON {
		line := struct {
			ID    string          `json:"id"`
			Event string          `json:"event"`
			Data  json.RawMessage `json:"data"`
		}{e.ID, e.Name, e.Data}
		enc := json.NewEncoder(terminal.JSONWriter{To: p})
		enc.SetEscapeHTML(false)
		return enc.Encode(line)
	}
	line, err := changeLine(p, e, now)
	switch {
	case err != nil:
		return fmt.Errorf("the server told a change that cannot be understood: %w", err)
	case e.Name == wire.EventReset:
		_, err = fmt.Fprintln(s.err, "shipbell: changes were missed; shipbell ls shows what is now")
	case line != "":
		_, err = fmt.Fprintln(p, line)
	}
	return err
}

const (
	// numberRoom is the width of a number that is not among the longest.
	numberRoom = 5
	// statusRoom is the width of the longest status.
	statusRoom = 11
)

// changeLine is a change in a line that is no longer than the paper; empty for what
// this version does not know. Its time is when the deployment ended, or else when the
// change was heard.
func changeLine(p paper, e remote.Event, heard time.Time) (string, error) {
	switch e.Name {
	case wire.EventDeployment:
		var d wire.Brief
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return "", err
		}
		at := heard
		if !d.FinishedAt.IsZero() {
			at = d.FinishedAt
		}
		status := statusText(d)
		before := fmt.Sprintf("%sZ  %-*d  ", stamp(at), numberRoom, d.ID)
		space := strings.Repeat(" ", max(statusRoom-len(status), 0)+gap)
		text := strings.Join(changeWords(d), "  ")
		if p.columns > 0 {
			text = terminal.Cut(text, max(p.columns-len(before)-len(status)-len(space), 1))
		}
		return before + p.status(status, d.Status, d.Frozen) + space + text, nil
	case wire.EventGone:
		var g wire.Gone
		if err := json.Unmarshal(e.Data, &g); err != nil {
			return "", err
		}
		what := "was deleted"
		if g.Into != 0 {
			what = fmt.Sprintf("became part of %d", g.Into)
		}
		return fmt.Sprintf("%sZ  %-*d  %-*s  %s", stamp(heard), numberRoom, g.ID, statusRoom, "gone", what), nil
	}
	return "", nil
}

// changeWords are what a line tells beside time, number and status. Why it failed
// comes before what was changed: there may not be room for both.
func changeWords(d wire.Brief) []string {
	words := []string{printable(d.Project), printable(d.Environment)}
	for _, word := range []string{d.Reason, short(d.Commit) + " " + d.Subject, d.Author} {
		if word = strings.TrimSpace(printable(word)); word != "" {
			words = append(words, word)
		}
	}
	return words
}
