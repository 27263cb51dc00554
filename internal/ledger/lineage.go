package ledger

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

// remembered is how many of the newest deployments of a project are looked at for
// what came before.
const remembered = 200

// lineage derives what the history says of a deployment.
func lineage(tx Tx, d shipbell.Deployment) (shipbell.Lineage, error) {
	var l shipbell.Lineage
	history, err := forebears(tx, d)
	if err != nil {
		return l, err
	}
	for _, s := range history {
		succeeded := s.Status == shipbell.Success
		if succeeded {
			l.Live = &s // the last one counts
		}
		switch before := moment(s).Before(moment(d)); {
		case s.ID == d.ID:
		case before && succeeded:
			l.Previous, l.Failures, l.FailingSince = &s, 0, time.Time{}
		case before && s.Status == shipbell.Failure:
			if l.Failures++; l.Failures == 1 {
				l.FailingSince = s.StartedAt
			}
		case !before && !succeeded:
			l.Waiting = append(l.Waiting, s)
		}
	}
	l.Brought, err = brought(tx, d)
	return l, err
}

// moment is when a deployment took its place among the others: when it went
// live, and of one that did not when it started.
func moment(d shipbell.Deployment) time.Time {
	if d.Status == shipbell.Success {
		return d.FinishedAt
	}
	return d.StartedAt
}

// siblings are the deployments to the same place in the order of their moments,
// itself included.
func siblings(tx Tx, d shipbell.Deployment) ([]shipbell.Deployment, error) {
	recent, err := tx.Recent(d.Type, d.Names(), remembered, false)
	return inPlace(recent, d), err
}

// forebears are those of the siblings that lineage needs. The newest [matched]
// deployments of a project nearly always go back to what was live before, and every
// message and every page of a deployment asks: to read all takes five times as long.
func forebears(tx Tx, d shipbell.Deployment) ([]shipbell.Deployment, error) {
	recent, err := tx.Recent(d.Type, d.Names(), matched, false)
	if err == nil && len(recent) == matched && !reaches(recent, d) {
		return siblings(tx, d)
	}
	return inPlace(recent, d), err
}

// inPlace returns a deployment with those that went to the same place, in the order of
// their moments.
func inPlace(recent []shipbell.Deployment, d shipbell.Deployment) []shipbell.Deployment {
	recent = slices.DeleteFunc(recent, func(s shipbell.Deployment) bool { return s.ID == d.ID || !shipbell.SamePlace(d, s) })
	recent = append(recent, d)
	slices.SortFunc(recent, func(a, b shipbell.Deployment) int {
		return cmp.Or(moment(a).Compare(moment(b)), cmp.Compare(a.ID, b.ID))
	})
	return recent
}

// reaches reports whether deployments go back to what was live before one of them.
func reaches(recent []shipbell.Deployment, d shipbell.Deployment) bool {
	return slices.ContainsFunc(recent, func(s shipbell.Deployment) bool { return s.ID == d.ID }) &&
		slices.ContainsFunc(recent, func(s shipbell.Deployment) bool {
			return s.ID != d.ID && s.Status == shipbell.Success && shipbell.SamePlace(d, s) && moment(s).Before(moment(d))
		})
}

// brought finds the deployment that brought the version of another one.
func brought(tx Tx, d shipbell.Deployment) (*shipbell.Deployment, error) {
	version := cmp.Or(d.VersionID, d.Key(shipbell.KeyVersion))
	if version == "" {
		return nil, nil
	}
	found, err := tx.Find([]shipbell.Key{{Type: d.Type, ID: version}})
	if err != nil {
		return nil, err
	}
	for _, id := range deploymentsOf(found) {
		if id == d.ID {
			continue
		}
		old, err := tx.Deployment(id)
		if errors.Is(err, shipbell.ErrNotFound) {
			continue
		}
		return &old, err
	}
	return nil, nil
}
