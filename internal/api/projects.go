package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/wire"
)

// patience is how long a request waits for the board to be read after a start.
const patience = 5 * time.Second

// ready waits until the board knows what is live.
func (a *API) ready(ctx context.Context) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-a.Board.Ready():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	return starting()
}

func starting() error {
	r := refuse(http.StatusServiceUnavailable, wire.CodeStarting, "The server has just started", "the ledger is being read; try again")
	r.retryAfter = 1
	return r
}

func (a *API) projectParams() []string { return append(a.listParams(), paramState) }

// listProjects answers by name: by state, which changes meanwhile, a project could be
// missed between two parts.
func (a *API) listProjects(q query) (any, error) {
	f, err := a.filter(q.params)
	if err != nil {
		return nil, err
	}
	states, err := states(q.params)
	if err != nil {
		return nil, err
	}
	n, err := limit(q.params)
	if err != nil {
		return nil, err
	}
	var after board.Spot
	if text := q.params.Get(paramAfter); text != "" {
		if after, err = board.ParseSpot(text); err != nil {
			return nil, badParam(wire.CodeInvalidParameter, paramAfter, "Parameter not understood", "the next of an earlier answer")
		}
	}
	if err := a.ready(q.Context()); err != nil {
		return nil, err
	}
	cards, _ := a.Board.Cards()
	var found []*board.Card
	for i := range cards {
		c := &cards[i]
		if c.Spot.Compare(after) > 0 && (len(states) == 0 || slices.Contains(states, c.State())) && c.Passes(f) {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(x, y *board.Card) int { return x.Spot.Compare(y.Spot) })
	o := wire.Projects{Projects: []wire.Project{}}
	for _, c := range found[:min(n, len(found))] {
		o.Projects = append(o.Projects, project(*c))
	}
	if len(found) > n {
		o.Next = found[n-1].Spot.String()
		next := f.Values()
		for _, s := range states {
			next.Add(paramState, string(s))
		}
		next.Set(paramAfter, o.Next)
		next.Set(paramLimit, strconv.Itoa(n))
		setNext(q, next)
	}
	return o, nil
}

// states reads the states that are asked for; none where all are.
func states(v url.Values) ([]board.State, error) {
	var all []board.State
	for _, text := range v[paramState] {
		for word := range strings.SplitSeq(text, ",") {
			if word == "" {
				continue
			}
			s := board.State(word)
			if !slices.Contains(board.States(), s) {
				return nil, badParam(wire.CodeInvalidParameter, paramState, "Parameter not understood", "one or more of "+words(board.States())+", separated by commas")
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// words are names as a sentence lists them.
func words[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}

// getLive answers what is live in one environment of a project.
func (a *API) getLive(q query) (any, error) {
	t, err := projectType(q)
	if err != nil {
		return nil, err
	}
	card, err := a.card(q, t, q.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if card.Live == nil {
		return nil, refuse(http.StatusNotFound, wire.CodeNothingLive, "Nothing is known to be live there", "of the deployments that are known of it, nobody told that one succeeded; GET /api/v1/deployments lists them")
	}
	return project(card), nil
}

func projectType(q query) (shipbell.ProjectType, error) {
	t, err := shipbell.ParseProjectType(q.PathValue("type"))
	if err != nil {
		return "", refuse(http.StatusNotFound, wire.CodeNotFound, "No such type of project", "worker or pages")
	}
	return t, nil
}

// card returns the card that a path and its environment name.
func (a *API) card(q query, t shipbell.ProjectType, name string) (board.Card, error) {
	if err := a.ready(q.Context()); err != nil {
		return board.Card{}, err
	}
	s := board.Spot{Type: t, Project: name, Environment: shipbell.Production}
	if e := q.params.Get(paramEnvironment); e != "" {
		s.Environment = e
	}
	card, err := a.Board.Card(s)
	if errors.Is(err, shipbell.ErrNotFound) {
		return card, refuse(http.StatusNotFound, wire.CodeNotFound, "No such project in this environment", "GET /api/v1/projects lists all, with their environments")
	}
	return card, err
}

func project(c board.Card) wire.Project {
	o := wire.Project{
		Type: c.Type, Project: c.Project, Environment: c.Environment, State: wire.ProjectState(c.State()),
		Brought: briefOf(c.Brought), UnderWay: []wire.Brief{}, Failed: briefOf(c.Failed), Frozen: briefOf(c.Frozen),
		Last: brief(c.Last), UsualSeconds: c.Usual.Seconds(),
	}
	if c.Live != nil {
		live := deployment(*c.Live)
		o.Live, o.Commit = &live, live.Commit
		if o.Commit == "" && c.Brought != nil {
			o.Commit = c.Brought.Commit
		}
	}
	for _, d := range c.UnderWay {
		o.UnderWay = append(o.UnderWay, brief(d))
	}
	return o
}
