package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/wire"
)

func (a *API) listParams() []string {
	return append(shipbell.FilterParams(), paramAfter, paramLimit)
}

func (a *API) listDeployments(q query) (any, error) {
	f, err := a.filter(q.params)
	if err != nil {
		return nil, err
	}
	n, err := limit(q.params)
	if err != nil {
		return nil, err
	}
	after, err := shipbell.ParsePosition(q.params.Get(paramAfter))
	if err != nil {
		return nil, badParam(wire.CodeInvalidParameter, paramAfter, "Parameter not understood", "the next of an earlier answer")
	}
	list, err := a.Ledger.List(q.Context(), f, after, n)
	if err != nil {
		return nil, err
	}
	o := wire.Deployments{Deployments: []wire.Deployment{}, Next: list.Next.String(), Unlisted: list.Unlisted}
	for _, d := range list.Deployments {
		o.Deployments = append(o.Deployments, deployment(d))
	}
	if o.Next != "" {
		next := f.Values() // what was told as an age must not move from part to part
		next.Set(paramAfter, o.Next)
		next.Set(paramLimit, strconv.Itoa(n))
		setNext(q, next)
	}
	return o, nil
}

// setNext links to the next part of a list.
func setNext(q query, params url.Values) {
	q.header.Set("Link", fmt.Sprintf("<%s?%s>; rel=%q", q.URL.EscapedPath(), params.Encode(), "next"))
}

func (a *API) getDeployment(q query) (any, error) {
	s, err := a.find(q)
	if err != nil {
		return nil, err
	}
	return detail(s), nil
}

// candidates is how many deployments an ambiguous id is answered with.
const candidates = 5

// find returns the deployment that a path names: by its number, or else by one of
// its ids, or the start of one.
func (a *API) find(q query) (ledger.Story, error) {
	text := q.PathValue("id")
	stories, err := a.Ledger.ByID(q.Context(), text, candidates)
	if errors.Is(err, shipbell.ErrNotFound) {
		stories, err = a.Ledger.ByStart(q.Context(), text, candidates)
	}
	switch {
	case errors.Is(err, shipbell.ErrNotFound):
		return ledger.Story{}, unknownDeployment()
	case err != nil:
		return ledger.Story{}, err
	case len(stories) == 1:
		return stories[0], nil
	}
	r := refuse(http.StatusConflict, wire.CodeAmbiguous, "Several deployments have such an id", "use the number of one of the candidates")
	for _, s := range stories {
		r.Candidates = append(r.Candidates, brief(s.Deployment))
	}
	return ledger.Story{}, r
}

func unknownDeployment() error {
	return refuse(http.StatusNotFound, wire.CodeNotFound, "No such deployment", "a number, a known id, or the start of one, with id: before it where it looks like a number; GET /api/v1/deployments lists all")
}
