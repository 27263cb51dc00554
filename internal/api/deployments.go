package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

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
	ctx, text := q.Context(), q.PathValue("id")
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		s, err := a.Ledger.Deployment(ctx, shipbell.DeploymentID(n))
		if !errors.Is(err, shipbell.ErrNotFound) {
			return s, err
		}
	}
	if len(text) > shipbell.MaxKeyLength {
		return ledger.Story{}, unknownDeployment()
	}
	stories, err := a.Ledger.Search(ctx, text, candidates)
	if err != nil && !errors.Is(err, shipbell.ErrNotFound) {
		return ledger.Story{}, err
	}
	// The name of a project is no id of a deployment.
	stories = slices.DeleteFunc(stories, func(s ledger.Story) bool {
		return !slices.ContainsFunc(s.Deployment.Keys, func(k shipbell.Key) bool { return strings.HasPrefix(k.ID, text) })
	})
	switch len(stories) {
	case 0:
		return ledger.Story{}, unknownDeployment()
	case 1:
		return stories[0], nil
	}
	r := refuse(http.StatusConflict, wire.CodeAmbiguous, "Several deployments have such an id", "use the number of one of the candidates")
	for _, s := range stories {
		r.Candidates = append(r.Candidates, brief(s.Deployment))
	}
	return ledger.Story{}, r
}

func unknownDeployment() error {
	return refuse(http.StatusNotFound, wire.CodeNotFound, "No such deployment", "a number, a known id, or the start of one; GET /api/v1/deployments lists all")
}
