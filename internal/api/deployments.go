package api

import (
	"context"
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

// idMark stands before an id that is not to be taken for a number.
const idMark = "id:"

// find returns the deployment that a path names: by its number, or else by one of
// its ids, or the start of one.
func (a *API) find(q query) (ledger.Story, error) {
	text := q.PathValue("id")
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		s, err := a.Ledger.Deployment(q.Context(), shipbell.DeploymentID(n))
		if !errors.Is(err, shipbell.ErrNotFound) {
			return s, err
		}
	}
	stories, err := a.withID(q.Context(), strings.TrimPrefix(text, idMark))
	if err == nil && len(stories) == 0 && strings.HasPrefix(text, idMark) {
		stories, err = a.withID(q.Context(), text) // it may be a part of the id
	}
	switch {
	case err != nil:
		return ledger.Story{}, err
	case len(stories) == 0:
		return ledger.Story{}, unknownDeployment()
	case len(stories) == 1:
		return stories[0], nil
	}
	r := refuse(http.StatusConflict, wire.CodeAmbiguous, "Several deployments have such an id", "use the number of one of the candidates")
	for _, s := range stories {
		r.Candidates = append(r.Candidates, brief(s.Deployment))
	}
	return ledger.Story{}, r
}

// withID returns the deployments with an id, or else those with one that starts so.
func (a *API) withID(ctx context.Context, text string) ([]ledger.Story, error) {
	if text == "" || len(text) > shipbell.MaxKeyLength {
		return nil, nil
	}
	stories, err := a.Ledger.Search(ctx, text, candidates)
	if err != nil && !errors.Is(err, shipbell.ErrNotFound) {
		return nil, err
	}
	// The name of a project is no id of a deployment.
	return slices.DeleteFunc(stories, func(s ledger.Story) bool {
		return !slices.ContainsFunc(s.Deployment.Keys, func(k shipbell.Key) bool { return strings.HasPrefix(k.ID, text) })
	}), nil
}

func unknownDeployment() error {
	return refuse(http.StatusNotFound, wire.CodeNotFound, "No such deployment", "a number, a known id, or the start of one, with id: before it where it looks like a number; GET /api/v1/deployments lists all")
}
