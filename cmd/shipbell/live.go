package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/remote"
	"github.com/shipbell/shipbell/internal/terminal"
	"github.com/shipbell/shipbell/internal/wire"
)

type liveCmd struct {
	server
	Project     string   `arg:"" optional:"" help:"Only this project."`
	Type        string   `placeholder:"TYPE" help:"Only projects of this type: worker or pages."`
	Environment string   `short:"e" placeholder:"NAME" help:"Only this environment."`
	State       []string `placeholder:"STATE" help:"Only these states: frozen, failing, under_way, live, announced, unknown."`
	JSON        bool     `name:"json" help:"Print the server's JSON."`
}

// Help says whom it asks, how the table is read, and shows examples.
func (liveCmd) Help() string {
	return askHelp + `

A line is a project in one environment, with the commit that is live there, since when, and by whom. Beside a state that is not live stands the number of the deployment that failed, froze or is going out: shipbell show NUMBER tells more.

Examples:

  shipbell live
  shipbell live api-service -e production
  shipbell live --state frozen,failing
  shipbell live api-service --json | jq -r '.projects[0].commit'`
}

// projectStates are the states that can be asked for.
var projectStates = []string{
	string(wire.ProjectFrozen), string(wire.ProjectFailing), string(wire.ProjectUnderWay),
	string(wire.ProjectLive), string(wire.ProjectAnnounced), string(wire.ProjectUnknown),
}

// Run prints the table.
func (c liveCmd) Run(ctx context.Context, s streams) error {
	params, err := c.params()
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	list, err := everyProject(ctx, client, params)
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		return printJSON(s.out, struct {
			Projects []json.RawMessage `json:"projects"`
		}{list.Raw})
	}
	if len(list.Projects.Projects) == 0 {
		_, err := fmt.Fprintln(s.out, "no project fits")
		return err
	}
	return printLive(paperOf(s.out), list.Projects.Projects, time.Now())
}

func (c liveCmd) params() (url.Values, error) {
	for _, word := range c.State {
		if !slices.Contains(projectStates, word) {
			return nil, misused{fmt.Errorf("--state %s: not a state", printable(word)), "one or more of " + strings.Join(projectStates, ", ") + ", separated by commas"}
		}
	}
	params, err := filter{Project: c.Project, Type: c.Type, Environment: c.Environment}.params("", "")
	if len(c.State) > 0 && err == nil {
		params.Set("state", strings.Join(c.State, ","))
	}
	return params, err
}

// everyProject asks for the list part by part.
func everyProject(ctx context.Context, client *remote.Client, params url.Values) (remote.ProjectPage, error) {
	all := remote.ProjectPage{Raw: []json.RawMessage{}}
	params.Set("limit", strconv.Itoa(pageSize))
	for {
		p, err := client.Projects(ctx, params)
		if err != nil {
			return all, err
		}
		all.Raw = append(all.Raw, p.Raw...)
		all.Projects.Projects = append(all.Projects.Projects, p.Projects.Projects...)
		if p.Next == "" {
			return all, nil
		}
		params.Set("after", p.Next)
	}
}

// maxUnderWay is how many deployments under way a line names.
const maxUnderWay = 3

// nothingLive stands where what is live would be told.
const nothingLive = "nothing is known to be live"

// printLive prints a table that is no wider than the paper, as that of deployments.
func printLive(p paper, list []wire.Project, now time.Time) error {
	columns := []column{
		{title: "STATE"}, {title: "PROJECT"}, {title: "ENVIRONMENT", spare: 1}, {title: "COMMIT", spare: 2},
		{title: "SINCE"}, {title: "BY", spare: 3}, {title: "SUBJECT"},
	}
	for _, o := range list {
		for i, cell := range append([]string{stateText(o), terminal.Cut(printable(o.Project), maxProject), printable(o.Environment)}, liveCells(o, now)...) {
			columns[i].cells = append(columns[i].cells, strings.TrimSpace(cell))
		}
	}
	return printTable(p, columns, "STATE", func(row int, text string) string { return p.state(text, list[row].State) })
}

// liveCells are the commit, the age, the author and the subject of what is live. An
// older version that was put back has those of the deployment that brought it.
func liveCells(o wire.Project, now time.Time) []string {
	if o.Live == nil {
		return []string{"", "", "", nothingLive}
	}
	d, since := o.Live.Brief, o.Live.StartedAt
	if !d.FinishedAt.IsZero() {
		since = d.FinishedAt
	}
	if b := o.Brought; b != nil {
		d.Subject, d.Author = b.Subject, cmp.Or(d.Author, b.Author)
	}
	return []string{short(o.Commit), ago(since, now), printable(d.Author), cmp.Or(printable(d.Subject), printable(d.ShownID))}
}

// stateText says how a project is, and with which deployments.
func stateText(o wire.Project) string {
	var words []string
	add := func(state wire.ProjectState, ids ...shipbell.DeploymentID) {
		word := string(state)
		for _, id := range ids {
			word += " " + strconv.FormatInt(int64(id), 10)
		}
		words = append(words, word)
	}
	switch {
	case o.State == wire.ProjectFrozen && o.Frozen != nil:
		add(o.State, o.Frozen.ID)
	case o.State == wire.ProjectFailing && o.Failed != nil:
		add(o.State, o.Failed.ID)
	case o.State == wire.ProjectAnnounced:
		add(o.State, o.Last.ID)
	case o.State != wire.ProjectUnderWay:
		add(o.State)
	}
	if len(o.UnderWay) > 0 && o.State != wire.ProjectAnnounced {
		var ids []shipbell.DeploymentID
		for _, d := range o.UnderWay[:min(len(o.UnderWay), maxUnderWay)] {
			ids = append(ids, d.ID)
		}
		add(wire.ProjectUnderWay, ids...)
		if more := len(o.UnderWay) - len(ids); more > 0 {
			words[len(words)-1] += fmt.Sprintf(" and %d more", more)
		}
	}
	return strings.Join(words, ", ")
}
