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

Prints a line for each change as it happens, until it is stopped. When the connection breaks it comes back and prints what was missed. With --json it says with the event "here" that it is connected.

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

// statusRoom is the width of the longest status.
const statusRoom = 11

// changeLine is a change in a line that is no longer than the paper; empty for what
// this version does not know.
func changeLine(p paper, e remote.Event, now time.Time) (string, error) {
	at := now.Format(time.TimeOnly)
	switch e.Name {
	case wire.EventDeployment:
		var d wire.Brief
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return "", err
		}
		status := statusText(d)
		rest := []string{printable(d.Project), printable(d.Environment)}
		for _, word := range []string{strings.TrimSpace(short(d.Commit) + " " + printable(d.Subject)), printable(d.Author)} {
			if word != "" {
				rest = append(rest, word)
			}
		}
		space := strings.Repeat(" ", max(statusRoom-len(status), 0))
		text := strings.Join(rest, "  ")
		if p.columns > 0 {
			text = terminal.Cut(text, max(p.columns-len(at)-len(status)-len(space)-2*gap, 1))
		}
		return at + "  " + p.status(status, d.Status, d.Frozen) + space + "  " + text, nil
	case wire.EventGone:
		var g wire.Gone
		if err := json.Unmarshal(e.Data, &g); err != nil {
			return "", err
		}
		if g.Into == 0 {
			return fmt.Sprintf("%s  gone         %d was deleted", at, g.ID), nil
		}
		return fmt.Sprintf("%s  gone         %d became part of %d", at, g.ID, g.Into), nil
	}
	return "", nil
}
