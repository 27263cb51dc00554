package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/shipbell/shipbell"
)

// State is what the system before Shipbell kept in its key-value store: the ids
// it had announced, oldest first. The shape is part of the contract.
type State struct {
	Workers   []string `json:"workers"`
	Pages     []string `json:"pages"`
	LastCheck string   `json:"lastCheck"`
}

// StateSize is how many ids of each project type the state holds at most.
const StateSize = 1000

// stateTime is the form of lastCheck.
const stateTime = "2006-01-02T15:04:05Z"

// State returns the newest ids of each project type. LastCheck is when the
// ids last grew; of an empty ledger, now.
func (l *Ledger) State(ctx context.Context) (State, error) {
	s := State{}
	err := l.store.View(ctx, func(tx Tx) (err error) {
		if s.Workers, err = tx.Newest(shipbell.Worker, StateSize); err != nil {
			return err
		}
		if s.Pages, err = tx.Newest(shipbell.Pages, StateSize); err != nil {
			return err
		}
		last, err := tx.LastRecorded()
		if last.IsZero() {
			last = l.now()
		}
		s.LastCheck = last.UTC().Format(stateTime)
		return err
	})
	if err != nil {
		return State{}, fmt.Errorf("read state: %w", err)
	}
	// The shape has lists, never null.
	s.Workers = append([]string{}, s.Workers...)
	s.Pages = append([]string{}, s.Pages...)
	return s, nil
}

// Import remembers the ids of a state so that none of them is announced again.
// It returns how many ids were unknown. Importing again changes nothing.
func (l *Ledger) Import(ctx context.Context, s State) (workers, pages int, err error) {
	if err := s.validate(); err != nil {
		return 0, 0, err
	}
	err = l.update(ctx, func(tx Tx) (err error) {
		if workers, err = tx.Remember(shipbell.Worker, s.Workers, l.now()); err != nil {
			return err
		}
		pages, err = tx.Remember(shipbell.Pages, s.Pages, l.now())
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("import state: %w", err)
	}
	return workers, pages, nil
}

func (s State) validate() error {
	for _, list := range []struct {
		name string
		ids  []string
	}{{"workers", s.Workers}, {"pages", s.Pages}} {
		for i, id := range list.ids {
			if id == "" || len(id) > shipbell.MaxKeyLength {
				return fmt.Errorf("%s[%d]: an id of %d bytes: %w: 1 to %d", list.name, i, len(id), shipbell.ErrInvalid, shipbell.MaxKeyLength)
			}
		}
	}
	if s.LastCheck != "" {
		if _, err := time.Parse(time.RFC3339, s.LastCheck); err != nil {
			return fmt.Errorf("lastCheck %q: %w: an RFC 3339 time such as 2025-01-15T10:30:45Z", s.LastCheck, shipbell.ErrInvalid)
		}
	}
	return nil
}

// Retention says how long things are kept.
type Retention struct {
	// Deployments is the age at which a deployment goes.
	Deployments time.Duration
	// Ids is how long ids are remembered at least, so that a late repeat is
	// still told. Longer of the two counts.
	Ids time.Duration
}

// DefaultRetention keeps deployments a little longer than a year, so that the
// same season a year ago can be compared, and ids for a quarter.
var DefaultRetention = Retention{Deployments: 400 * 24 * time.Hour, Ids: 90 * 24 * time.Hour}

// sweepBatch bounds one sweeping transaction, so that pushes never wait long.
const sweepBatch = 500

// Sweep deletes what is older than the retention. What still waits to be
// delivered in one of the channels stays. It returns how many deployments went.
func (l *Ledger) Sweep(ctx context.Context, r Retention, channels []shipbell.ChannelID) (int, error) {
	now := l.now()
	before := now.Add(-r.Deployments)
	idsBefore := now.Add(-max(r.Ids, r.Deployments))
	total := 0
	for {
		var n int
		err := l.update(ctx, func(tx Tx) (err error) {
			n, err = tx.Sweep(before, idsBefore, channels, sweepBatch)
			return err
		})
		if err != nil {
			return total, fmt.Errorf("sweep: %w", err)
		}
		total += n
		if n < sweepBatch {
			return total, nil
		}
	}
}
