package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/wire"
)

// Acts are what a person can do.
type Acts interface {
	Replay(ctx context.Context, id shipbell.DeploymentID, by string, channels ...shipbell.ChannelID) error
	Silence(ctx context.Context, id shipbell.DeploymentID, by string) error
	Unsilence(ctx context.Context, id shipbell.DeploymentID, by string) error
	Resume(ctx context.Context, c shipbell.ChannelID, by string) error
	Test(ctx context.Context, c shipbell.ChannelID, by string) error
}

// maxBody bounds the body of an act, in bytes.
const maxBody = 64 << 10

// post makes a route that does something.
func (a *API) post(path string, fn func(query) (any, error)) access.Route {
	return access.Route{
		Method: http.MethodPost, Path: path, Need: shipbell.ScopeAdmin,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			q := query{r, r.URL.Query(), w.Header()}
			err := checkParams(q.params, nil)
			if err == nil {
				var v any
				if v, err = fn(q); err == nil {
					w.Header().Set("Cache-Control", "no-store")
					write(w, http.StatusOK, contentJSON, encode(v))
					return
				}
			}
			a.fail(w, r, err)
		}),
	}
}

// by is who the audit log says did it.
func (q query) by() string { return cmp.Or(access.VisitorOf(q.Context()).Name, "somebody") }

func (a *API) replay(q query) (any, error) {
	var body wire.Replay
	if err := readBody(q, &body); err != nil {
		return nil, err
	}
	if body.Channels != nil && len(body.Channels) == 0 {
		// A program that found none does not mean all.
		r := refuse(http.StatusBadRequest, wire.CodeInvalidJSON, "No channel is named", "leave channels out for all of them; accepted: "+words(a.Channels))
		r.Field = "channels"
		return nil, r
	}
	for _, c := range body.Channels {
		if !slices.Contains(a.Channels, c) {
			r := refuse(http.StatusBadRequest, wire.CodeUnknownChannel, "No such channel", "accepted: "+words(a.Channels))
			r.Field = "channels"
			return nil, r
		}
	}
	return a.act(q, func(ctx context.Context, id shipbell.DeploymentID, by string) error {
		return a.Acts.Replay(ctx, id, by, body.Channels...)
	})
}

func (a *API) silence(q query) (any, error) { return a.act(q, a.Acts.Silence) }

func (a *API) unsilence(q query) (any, error) { return a.act(q, a.Acts.Unsilence) }

// act does something to the deployment that a path names, and answers what it is
// afterwards.
func (a *API) act(q query, do func(context.Context, shipbell.DeploymentID, string) error) (any, error) {
	s, err := a.find(q)
	if err != nil {
		return nil, err
	}
	id := s.Deployment.ID
	if err = do(q.Context(), id, q.by()); err == nil {
		s, err = a.Ledger.Deployment(q.Context(), id)
	}
	if errors.Is(err, shipbell.ErrNotFound) {
		return nil, unknownDeployment() // it went meanwhile
	}
	if err != nil {
		return nil, err
	}
	return deployment(s.Deployment), nil
}

// resumeLane lets a lane go on. One that was never used has nothing to resume.
func (a *API) resumeLane(q query) (any, error) {
	l, err := a.findLane(q)
	if err != nil {
		return nil, err
	}
	if err := a.Acts.Resume(q.Context(), l.Channel, q.by()); err != nil && !errors.Is(err, shipbell.ErrNotFound) {
		return nil, err
	}
	return a.findLane(q)
}

func (a *API) testLane(q query) (any, error) {
	l, err := a.findLane(q)
	if err != nil {
		return nil, err
	}
	if l.Status == wire.LaneUnconfigured {
		return nil, refuse(http.StatusNotFound, wire.CodeNotFound, "The channel is not in the settings any more", "nothing is delivered there; accepted: "+words(a.Channels))
	}
	if err := a.Acts.Test(q.Context(), l.Channel, q.by()); err != nil {
		return nil, err
	}
	return a.findLane(q)
}

// readBody reads an optional JSON body.
func readBody(q query, v any) error {
	text, err := io.ReadAll(q.Body)
	if large := new(http.MaxBytesError); errors.As(err, &large) {
		return refuse(http.StatusRequestEntityTooLarge, wire.CodeTooLarge, "Request body too large", "at most 64 KiB")
	}
	if err != nil {
		return refuse(http.StatusBadRequest, wire.CodeInvalidJSON, "Invalid request body", "the body ended early or came too slowly")
	}
	if strings.TrimSpace(string(text)) == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil || d.More() {
		return refuse(http.StatusBadRequest, wire.CodeInvalidJSON, "Invalid request body", `nothing, or an object such as {"channels": ["telegram:-1001234567890"]}`)
	}
	return nil
}
