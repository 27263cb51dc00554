package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

// The policy of this file: recording does not pay for lists. Whoever reads one
// first takes into it what was recorded since, and a quiet moment does the same
// for all that nobody has looked at.

const (
	// EnlistBatch bounds one transaction that brings the lists up to date: pushes
	// wait for it.
	EnlistBatch = 250
	// enlistPatience is how long a reader does it before it is shown what there is,
	// and enlistAtMost how many there can be: of more it would not come to the end.
	enlistPatience = time.Second
	enlistAtMost   = 10_000
	// searched is how many deployments are read in search of a text for one answer,
	// and searchBatch how many in one go.
	searched    = 2000
	searchBatch = 200
	// listBatch is how many are read in one go for a list without a text.
	listBatch = 51
	// maxLists is how many lists are read at once. Each holds whole deployments while
	// it is, and others, such as who finds out who makes a request, want to read too.
	maxLists = 2
)

// List is a part of the list of deployments.
type List struct {
	Deployments []shipbell.Deployment
	// Next is the position from which to go on; zero at the end of the list. With a
	// Text there can be a next part although this one is not full, or empty: so far
	// was searched.
	Next shipbell.Position
	// Unlisted counts deployments that are not in the list yet; it can be too high.
	Unlisted int
}

// List returns at most n deployments that pass the filter and stand behind the
// position, the newest first. What was recorded before the call is in it, unless
// so much was that bringing the list up to date takes longer than a second. They are
// as short as [shipbell.Deployment.Short]; few lists are read at once.
func (l *Ledger) List(ctx context.Context, f shipbell.Filter, after shipbell.Position, n int) (List, error) {
	select {
	case l.lists <- struct{}{}:
		defer func() { <-l.lists }()
	case <-ctx.Done():
		return List{}, ctx.Err()
	}
	unlisted := l.catchUp(ctx)
	var list List
	err := l.store.View(ctx, func(tx Tx) (err error) {
		list, err = walk(tx, f, after, n)
		return err
	})
	if err != nil {
		return List{}, fmt.Errorf("list deployments: %w", err)
	}
	list.Unlisted = unlisted
	return list, nil
}

func walk(tx Tx, f shipbell.Filter, after shipbell.Position, n int) (List, error) {
	var list List
	batch, left := min(n+1, listBatch), n+1
	if f.Text != "" {
		batch, left = searchBatch, searched
	}
	for {
		briefs, err := tx.Briefs(f, after, batch)
		if err != nil {
			return list, err
		}
		read, err := tx.Read(idsOf(briefs), f.Text)
		if err != nil {
			return list, err
		}
		for _, b := range briefs {
			if len(list.Deployments) == n {
				list.Next = after
				return list, nil
			}
			after = b.Position()
			if len(read) == 0 || read[0].ID != b.ID {
				continue // it does not have the text
			}
			if f.Text == "" || f.Match(read[0]) {
				list.Deployments = append(list.Deployments, read[0].Short())
			}
			read = read[1:]
		}
		if len(briefs) < batch {
			return list, nil
		}
		if left -= len(briefs); f.Text != "" && left <= 0 {
			list.Next = after
			return list, nil
		}
	}
}

func idsOf(briefs []shipbell.Brief) []shipbell.DeploymentID {
	ids := make([]shipbell.DeploymentID, len(briefs))
	for i, b := range briefs {
		ids[i] = b.ID
	}
	return ids
}

// Briefs returns at most n briefs as List returns deployments. The filter's Text
// takes no part.
func (l *Ledger) Briefs(ctx context.Context, f shipbell.Filter, after shipbell.Position, n int) ([]shipbell.Brief, error) {
	l.catchUp(ctx)
	var briefs []shipbell.Brief
	err := l.store.View(ctx, func(tx Tx) (err error) {
		briefs, err = tx.Briefs(f, after, n)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list deployments: %w", err)
	}
	return briefs, nil
}

// catchUp brings the lists up to date and returns how many deployments they lack
// afterwards. Where nothing can be written they stay as they are.
func (l *Ledger) catchUp(ctx context.Context) (left int) {
	err := l.store.View(ctx, func(tx Tx) (err error) {
		left, err = tx.Unlisted()
		return err
	})
	if left > enlistAtMost {
		return left
	}
	for until := time.Now().Add(enlistPatience); err == nil && left > 0 && time.Now().Before(until); {
		left, err = l.Enlist(ctx)
	}
	if err != nil && ctx.Err() == nil {
		l.log.Warn("could not bring the lists up to date; they are shown as they are", "error", err)
	}
	return left
}

// Enlist takes some deployments into the lists that are not in them yet, and
// returns how many are left.
func (l *Ledger) Enlist(ctx context.Context) (left int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	// It is waited for also when the caller leaves: left is read afterwards.
	err = l.store.Update(context.WithoutCancel(ctx), func(tx Tx) (err error) {
		left, err = tx.Enlist(EnlistBatch)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("bring the lists up to date: %w", err)
	}
	return left, nil
}

// Unlisted returns how many deployments are not in the lists yet, or more.
func (l *Ledger) Unlisted(ctx context.Context) (int, error) {
	var n int
	err := l.store.View(ctx, func(tx Tx) (err error) {
		n, err = tx.Unlisted()
		return err
	})
	return n, err
}

// Deployment returns everything known of a deployment by its number, or
// [shipbell.ErrNotFound]. The number of one that became part of another leads to
// that one.
func (l *Ledger) Deployment(ctx context.Context, id shipbell.DeploymentID) (Story, error) {
	var s Story
	err := l.store.View(ctx, func(tx Tx) (err error) {
		now, err := partOf(tx, id)
		if err == nil {
			s, err = story(tx, now)
		}
		return err
	})
	return s, err
}

// Places returns at most n places that have deployments, the one with the newest
// first.
func (l *Ledger) Places(ctx context.Context, n int) ([]shipbell.Place, error) {
	var places []shipbell.Place
	err := l.store.View(ctx, func(tx Tx) (err error) {
		places, err = tx.Places(n)
		return err
	})
	return places, err
}

// Recent returns the newest n deployments of a place in the order of their
// numbers, the newest first.
func (l *Ledger) Recent(ctx context.Context, p shipbell.Place, n int) ([]shipbell.Deployment, error) {
	var recent []shipbell.Deployment
	err := l.store.View(ctx, func(tx Tx) (err error) {
		recent, err = tx.Recent(p.Type, []string{p.Name}, n, false)
		return err
	})
	return recent, err
}

// Brought returns the deployment that brought the version which went live with
// this one, or [shipbell.ErrNotFound] where that is this one, or not known.
func (l *Ledger) Brought(ctx context.Context, d shipbell.Deployment) (shipbell.Deployment, error) {
	var old *shipbell.Deployment
	err := l.store.View(ctx, func(tx Tx) (err error) {
		old, err = brought(tx, d)
		return err
	})
	if err == nil && old == nil {
		err = shipbell.ErrNotFound
	}
	if err != nil {
		return shipbell.Deployment{}, err
	}
	return *old, nil
}

// News is one change with the deployment as it is now.
type News struct {
	At shipbell.Cursor
	// Deployment is the one that was opened or changed, with all that people see of it
	// or as short as [shipbell.Deployment.Short]. Where it became part of
	// another one, or was deleted, it is that other one, or has nothing but its ID.
	Deployment shipbell.Deployment
	// Was is the number that is gone; zero where none is.
	Was shipbell.DeploymentID
}

// Changes returns at most n changes behind a cursor, in order, and the cursor from
// which to go on. A deployment that changed several times is told once, at its last
// change. A cursor that the feed does not reach back to is [shipbell.ErrNotFound].
func (l *Ledger) Changes(ctx context.Context, since shipbell.Cursor, n int) ([]News, shipbell.Cursor, error) {
	var all []News
	next := since
	err := l.store.View(ctx, func(tx Tx) error {
		changes, err := tx.Changes(since, n)
		if err != nil {
			return err
		}
		last := make(map[shipbell.DeploymentID]int, len(changes))
		for i, c := range changes {
			last[c.Deployment] = i
		}
		now, err := l.readLast(tx, since, changes, last)
		if err != nil {
			return err
		}
		for i, c := range changes {
			next = c.At
			if last[c.Deployment] != i {
				continue
			}
			if d, ok := now[c.Deployment]; ok {
				all = append(all, News{At: c.At, Deployment: d})
				continue
			}
			changed, err := goneOf(tx, c)
			if err != nil {
				return err
			}
			all = append(all, changed)
		}
		return nil
	})
	if err != nil {
		return nil, since, fmt.Errorf("read changes: %w", err)
	}
	return all, next, nil
}

// readLast returns the deployments of changes, each as it is at its last one or later.
func (l *Ledger) readLast(tx Tx, since shipbell.Cursor, changes []shipbell.Change, last map[shipbell.DeploymentID]int) (map[shipbell.DeploymentID]shipbell.Deployment, error) {
	now := make(map[shipbell.DeploymentID]shipbell.Deployment, len(last))
	var ids, opened []shipbell.DeploymentID
	for id, i := range last {
		if changes[i].At.Changed == since.Changed {
			opened = append(opened, id)
		} else {
			ids = append(ids, id)
		}
	}
	ids = append(ids, l.fresh.take(opened, now)...)
	slices.Sort(ids)
	read, err := tx.Read(ids, "")
	for _, d := range read {
		now[d.ID] = d
	}
	return now, err
}

// goneOf tells of a deployment that is not there any more.
func goneOf(tx Tx, c shipbell.Change) (News, error) {
	changed := News{At: c.At, Was: c.Deployment}
	into, err := tx.Merged(c.Deployment)
	if err == nil {
		changed.Deployment, err = tx.Deployment(into)
	}
	if errors.Is(err, shipbell.ErrNotFound) {
		return changed, nil // it was swept
	}
	return changed, err
}

// Latest returns the cursor behind the last change.
func (l *Ledger) Latest(ctx context.Context) (shipbell.Cursor, error) {
	var c shipbell.Cursor
	err := l.store.View(ctx, func(tx Tx) (err error) {
		c, err = tx.Latest()
		return err
	})
	return c, err
}
