package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell/internal/remote"
	"github.com/shipbell/shipbell/internal/terminal"
	"github.com/shipbell/shipbell/internal/wire"
)

type lsCmd struct {
	server
	filter
	Since  string `placeholder:"TIME" help:"Only those that started then or later: 2026-11-25T10:30:00Z, 2026-11-25, or how long ago: 12h, 7d."`
	Until  string `placeholder:"TIME" help:"Only those that started before."`
	Number int    `short:"n" default:"20" placeholder:"N" help:"How many at most, up to 1000."`
	JSON   bool   `name:"json" help:"Print the server's JSON."`
}

// Help says whom it asks, and shows examples.
func (lsCmd) Help() string {
	return askHelp + `

Examples:

  shipbell ls
  shipbell ls --status failure --since 7d
  shipbell ls -p api-service -n 1 --json | jq -r '.deployments[0].commit'`
}

const (
	// maxLs is how many deployments one call shows, and pageSize how many are asked
	// for at once.
	maxLs    = 1000
	pageSize = 200
)

// Run prints the list.
func (c lsCmd) Run(ctx context.Context, s streams) error {
	if c.Number < 1 || c.Number > maxLs {
		return misused{fmt.Errorf("-n %d: not a number from 1 to %d", c.Number, maxLs), "shipbell ls --help"}
	}
	params, err := c.params(c.Since, c.Until)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	list, err := collect(ctx, client, params, c.Number)
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		return printJSON(s.out, struct {
			Deployments []json.RawMessage `json:"deployments"`
			Next        string            `json:"next,omitempty"`
			Unlisted    int               `json:"unlisted,omitempty"`
		}{list.Raw, list.Next, list.Unlisted})
	}
	if len(list.Deployments.Deployments) == 0 {
		_, err := fmt.Fprintln(s.out, "no deployment fits")
		return err
	}
	if err := printList(paperOf(s.out), list.Deployments.Deployments, time.Now()); err != nil {
		return err
	}
	if list.Unlisted > 0 {
		fmt.Fprintf(s.err, "%d deployments that were recorded last are not listed yet\n", list.Unlisted)
	}
	return nil
}

// collect asks for the list part by part.
func collect(ctx context.Context, client *remote.Client, params url.Values, n int) (remote.Page, error) {
	all := remote.Page{Raw: []json.RawMessage{}}
	for {
		params.Set("limit", strconv.Itoa(min(n-len(all.Raw), pageSize)))
		p, err := client.List(ctx, params)
		if err != nil {
			return all, err
		}
		all.Raw = append(all.Raw, p.Raw...)
		all.Deployments.Deployments = append(all.Deployments.Deployments, p.Deployments.Deployments...)
		all.Next, all.Unlisted = p.Next, p.Unlisted
		if p.Next == "" || len(all.Raw) >= n {
			return all, nil
		}
		params.Set("after", p.Next)
	}
}

// printJSON prints a value for people and programs.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(terminal.JSONWriter{To: w})
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// column is one of a table.
type column struct {
	title string
	cells []string
	// spare says how readily the column goes where there is little room: the
	// highest goes first, 0 never.
	spare int
	width int
}

// maxProject is the most room that the name of a project takes.
const maxProject = 28

// leastSubject is the room that must be left for what was changed.
const leastSubject = 16

// printList prints a table that is no wider than the paper. What was changed stands
// last and has what room is left.
func printList(p paper, list []wire.Deployment, now time.Time) error {
	columns := []column{
		{title: "ID"}, {title: "STATUS"}, {title: "PROJECT"}, {title: "ENVIRONMENT", spare: 2},
		{title: "AGE"}, {title: "COMMIT", spare: 1}, {title: "AUTHOR", spare: 3}, {title: "SUBJECT"},
	}
	for _, d := range list {
		for i, cell := range []string{
			strconv.FormatInt(int64(d.ID), 10), statusText(d.Brief), terminal.Cut(printable(d.Project), maxProject), printable(d.Environment),
			ago(d.StartedAt, now), short(d.Commit), printable(d.Author), printable(d.Subject),
		} {
			columns[i].cells = append(columns[i].cells, strings.TrimSpace(cell))
		}
	}
	return printTable(p, columns, "STATUS", func(row int, text string) string { return p.status(text, list[row].Status, list[row].Frozen) })
}

// printTable prints columns within the paper, with one of them painted.
func printTable(p paper, columns []column, painted string, paint func(row int, text string) string) error {
	rows := len(columns[0].cells)
	columns = fit(columns, p.columns)
	var b strings.Builder
	writeRow(&b, columns, func(c column) string { return c.title }, nil)
	for row := range rows {
		writeRow(&b, columns, func(c column) string { return c.cells[row] }, func(c column, text string) string {
			if c.title != painted {
				return text
			}
			return paint(row, text)
		})
	}
	_, err := io.WriteString(p, b.String())
	return err
}

// gap parts two columns.
const gap = 2

// fit gives each column its width, and leaves out those for which there is no room.
func fit(columns []column, room int) []column {
	for i := range columns {
		c := &columns[i]
		c.width = terminal.Width(c.title)
		for _, cell := range c.cells {
			c.width = max(c.width, terminal.Width(cell))
		}
	}
	last := len(columns) - 1
	if room == 0 {
		return columns
	}
	for {
		used := 0
		for _, c := range columns[:last] {
			used += c.width + gap
		}
		if left := room - used; left >= min(leastSubject, columns[last].width) {
			columns[last].width = min(columns[last].width, left)
			return columns
		}
		spare := 0
		for i, c := range columns {
			if c.spare > columns[spare].spare {
				spare = i
			}
		}
		if columns[spare].spare == 0 {
			return squeeze(columns, room)
		}
		columns = append(columns[:spare:spare], columns[spare+1:]...)
		last--
	}
}

// squeeze shares the room among the columns that must be there: the widest gives
// way.
func squeeze(columns []column, room int) []column {
	for {
		used, widest := -gap, 0
		for i, c := range columns {
			used += c.width + gap
			if c.width > columns[widest].width {
				widest = i
			}
		}
		if used <= room || columns[widest].width <= 1 {
			return columns
		}
		columns[widest].width--
	}
}

// writeRow writes a row without the space at its end.
func writeRow(b *strings.Builder, columns []column, text func(column) string, paint func(column, string) string) {
	space := 0
	for _, c := range columns {
		cell := terminal.Cut(text(c), c.width)
		if cell != "" {
			b.WriteString(strings.Repeat(" ", space))
			space = 0
		}
		space += c.width - terminal.Width(cell) + gap
		if paint != nil {
			cell = paint(c, cell)
		}
		b.WriteString(cell)
	}
	b.WriteByte('\n')
}
