package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/shipbell/shipbell"
)

// Search returns the deployments that a person may mean, at most n: the one with
// that id; else the newest of the project with that name, the newest first; else
// those with an id that starts so. None is [shipbell.ErrNotFound].
func (l *Ledger) Search(ctx context.Context, text string, n int) ([]Story, error) {
	text = strings.TrimSpace(text)
	return l.named(ctx, text, n, func(tx Tx) ([]shipbell.DeploymentID, error) { return search(tx, text, n) })
}

func search(tx Tx, text string, n int) ([]shipbell.DeploymentID, error) {
	types := []shipbell.ProjectType{shipbell.Worker, shipbell.Pages}
	var exact, starting, named []shipbell.DeploymentID
	for _, t := range types {
		found, err := tx.Find([]shipbell.Key{{Type: t, ID: text}})
		if err != nil {
			return nil, err
		}
		exact = append(exact, deploymentsOf(found)...)
		if found, err = tx.StartingWith(t, text, n); err != nil {
			return nil, err
		}
		starting = append(starting, deploymentsOf(found)...)
		recent, err := tx.Recent(t, []string{text}, n, false)
		if err != nil {
			return nil, err
		}
		for _, d := range recent {
			named = append(named, d.ID)
		}
	}
	switch {
	case len(exact) > 0:
		return exact, nil
	case len(named) > 0:
		return named, nil
	}
	return starting, nil
}

// idMark stands before an id that is not to be taken for a number.
const idMark = "id:"

// ByID returns the deployments that a text names, at most n: the one with that number,
// or else those with that id, of a Worker and of a Pages project. The number of one
// that became part of another leads to that one. After id: stands no number; where
// nothing has what stands there, id: is part of the id. None is [shipbell.ErrNotFound].
func (l *Ledger) ByID(ctx context.Context, text string, n int) ([]Story, error) {
	return l.named(ctx, text, n, func(tx Tx) ([]shipbell.DeploymentID, error) {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil && id > 0 {
			found, err := numbered(tx, shipbell.DeploymentID(id))
			if !errors.Is(err, shipbell.ErrNotFound) {
				return []shipbell.DeploymentID{found}, err
			}
		}
		return byKey(text, func(t shipbell.ProjectType, id string) ([]Found, error) {
			return tx.Find([]shipbell.Key{{Type: t, ID: id}})
		})
	})
}

// ByStart returns the deployments with an id that starts with a text, at most n, and
// treats id: as ByID does. None is [shipbell.ErrNotFound].
func (l *Ledger) ByStart(ctx context.Context, text string, n int) ([]Story, error) {
	return l.named(ctx, text, n, func(tx Tx) ([]shipbell.DeploymentID, error) {
		return byKey(text, func(t shipbell.ProjectType, id string) ([]Found, error) { return tx.StartingWith(t, id, n) })
	})
}

// named returns everything known of the deployments that find finds.
func (l *Ledger) named(ctx context.Context, text string, n int, find func(Tx) ([]shipbell.DeploymentID, error)) ([]Story, error) {
	var stories []Story
	err := l.store.View(ctx, func(tx Tx) error {
		stories = nil
		ids, err := find(tx)
		if err != nil {
			return err
		}
		for _, id := range ids[:min(n, len(ids))] {
			s, err := story(tx, id)
			if err != nil {
				return err
			}
			stories = append(stories, s)
		}
		return nil
	})
	if err == nil && len(stories) == 0 {
		err = fmt.Errorf("deployment %q: %w", text, shipbell.ErrNotFound)
	}
	return stories, err
}

// numbered returns the number under which a deployment is kept now.
func numbered(tx Tx, id shipbell.DeploymentID) (shipbell.DeploymentID, error) {
	into, err := partOf(tx, id)
	if err == nil && into == id {
		_, err = tx.Deployment(id)
	}
	return into, err
}

// partOf returns the number of the deployment that another one became part of; its own
// where it did not.
func partOf(tx Tx, id shipbell.DeploymentID) (shipbell.DeploymentID, error) {
	into, err := tx.Merged(id)
	if errors.Is(err, shipbell.ErrNotFound) {
		return id, nil
	}
	return into, err
}

// byKey returns the deployments of the keys that find finds: without the mark that the
// text may start with, or else with it.
func byKey(text string, find func(t shipbell.ProjectType, id string) ([]Found, error)) ([]shipbell.DeploymentID, error) {
	forms := []string{text}
	if id, marked := strings.CutPrefix(text, idMark); marked {
		forms = []string{id, text}
	}
	for _, id := range forms {
		if id == "" || len(id) > shipbell.MaxKeyLength {
			continue
		}
		var all []Found
		for _, t := range []shipbell.ProjectType{shipbell.Worker, shipbell.Pages} {
			found, err := find(t, id)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
		if ids := deploymentsOf(all); len(ids) > 0 {
			return ids, nil
		}
	}
	return nil, nil
}
