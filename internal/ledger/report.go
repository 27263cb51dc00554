package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/shipbell/shipbell"
)

// Report records what a source that asks has heard, with what it wants to
// remember, in one transaction. Reported again it changes nothing. One event
// that is not valid refuses the whole report.
func (l *Ledger) Report(ctx context.Context, report shipbell.Report) error {
	recordings := make([]*recording, len(report.Events))
	for i, e := range report.Events {
		if err := e.Validate(); err != nil {
			return fmt.Errorf("report of %s: %w", report.Source, err)
		}
		recordings[i] = l.recording(e)
		late := !report.LateBefore.IsZero() && e.At.Before(report.LateBefore)
		recordings[i].baseline, recordings[i].quiet = report.Baseline, report.Baseline || late
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	var told []shipbell.ChannelID
	err := l.update(ctx, func(tx Tx) (err error) {
		var late []shipbell.DeploymentID
		for _, r := range recordings {
			if err := r.run(tx); err != nil {
				return fmt.Errorf("event %s of %s: %w", r.event.ID, r.event.Keys[0], err)
			}
			if r.quiet && r.result.Verdict == Opened {
				late = append(late, r.result.Deployment)
			}
		}
		told = nil
		if !report.Baseline {
			if told, err = l.tellMissed(tx, report, late); err != nil {
				return err
			}
		}
		if report.Memory == "" {
			return nil
		}
		return tx.PutMemory(report.Source, report.Memory)
	})
	if err != nil {
		return fmt.Errorf("record report of %s: %w", report.Source, err)
	}
	for _, r := range recordings {
		l.recorded(ctx, r)
	}
	for _, c := range told {
		l.wake(c)
	}
	return nil
}

// tellMissed makes one bulletin of the deployments that were heard of late, but
// for those that failed, which have messages of their own; one for each set of
// channels, so that nobody hears of what is not for them.
func (l *Ledger) tellMissed(tx Tx, report shipbell.Report, late []shipbell.DeploymentID) ([]shipbell.ChannelID, error) {
	type told struct {
		shipbell.Bulletin
		channels []shipbell.ChannelID
	}
	var all []*told
	for _, id := range late {
		d, err := tx.Deployment(id)
		if errors.Is(err, shipbell.ErrNotFound) {
			continue // a later event of the report put it together with another
		}
		if err != nil {
			return nil, err
		}
		channels := l.router.Channels(d)
		if d.Status == shipbell.Failure || len(channels) == 0 {
			continue
		}
		i := slices.IndexFunc(all, func(t *told) bool { return slices.Equal(t.channels, channels) })
		if i < 0 {
			i = len(all)
			all = append(all, &told{channels: channels, Bulletin: shipbell.Bulletin{
				Kind: shipbell.BulletinMissed, Source: report.Source, At: d.StartedAt, Key: fmt.Sprintf("missed/%s/%d", report.Source, id),
			}})
		}
		all[i].Missed = append(all[i].Missed, id)
		if d.StartedAt.Before(all[i].At) {
			all[i].At = d.StartedAt
		}
	}
	var stale []shipbell.ChannelID
	for _, t := range all {
		if err := tell(tx, t.Bulletin, t.channels); err != nil {
			return nil, err
		}
		stale = append(stale, t.channels...)
	}
	return stale, nil
}

// Tell says something that is not about one deployment, in every channel. Said
// again under the same key it is the same bulletin, brought up to date.
func (l *Ledger) Tell(ctx context.Context, b shipbell.Bulletin) error {
	channels := l.router.Everywhere()
	err := l.update(ctx, func(tx Tx) error { return tell(tx, b, channels) })
	if err != nil {
		return fmt.Errorf("tell %s: %w", b.Key, err)
	}
	for _, c := range channels {
		l.wake(c)
	}
	return nil
}

func tell(tx Tx, b shipbell.Bulletin, channels []shipbell.ChannelID) error {
	known, err := tx.BulletinOf(b.Key)
	switch {
	case errors.Is(err, shipbell.ErrNotFound):
		b.ID, b.Revision = 0, 1
	case err != nil:
		return err
	case same(known, b):
		return nil
	default:
		b.ID, b.Revision = known.ID, known.Revision+1
	}
	if b.ID, err = tx.PutBulletin(b); err != nil {
		return err
	}
	rows, err := tx.Announcements(b.ID.Subject())
	if err != nil {
		return err
	}
	for _, a := range rows {
		a.Wanted = b.Revision
		if err := tx.PutAnnouncement(a); err != nil {
			return err
		}
	}
	if len(rows) > 0 {
		return nil
	}
	return tx.Announce(b.ID.Subject(), b.Revision, channels)
}

// same reports whether two bulletins tell the same.
func same(a, b shipbell.Bulletin) bool {
	return a.At.Equal(b.At) && a.OverAt.Equal(b.OverAt) && a.Reason == b.Reason && a.Hint == b.Hint && slices.Equal(a.Missed, b.Missed)
}

// Memory returns what a source wanted remembered; empty at first.
func (l *Ledger) Memory(ctx context.Context, s shipbell.Source) (string, error) {
	var memory string
	err := l.store.View(ctx, func(tx Tx) (err error) {
		memory, err = tx.Memory(s)
		return err
	})
	return memory, err
}

// Story is everything known of one deployment.
type Story struct {
	Subject       shipbell.Subject
	Deployment    shipbell.Deployment
	Events        []shipbell.Event
	Announcements []shipbell.Announcement
	Attempts      []shipbell.Attempt
}

// Story returns everything known of the deployment that a key leads to, or
// [shipbell.ErrNotFound].
func (l *Ledger) Story(ctx context.Context, key shipbell.Key) (Story, error) {
	var s Story
	err := l.store.View(ctx, func(tx Tx) error {
		found, err := tx.Find([]shipbell.Key{key})
		if err != nil {
			return err
		}
		ids := deploymentsOf(found)
		if len(ids) == 0 {
			return fmt.Errorf("deployment %s: %w", key, shipbell.ErrNotFound)
		}
		s, err = story(tx, ids[0])
		return err
	})
	return s, err
}

func story(tx Tx, id shipbell.DeploymentID) (Story, error) {
	var s Story
	var err error
	if s.Deployment, err = tx.Deployment(id); err != nil {
		return s, err
	}
	s.Subject.Deployment = s.Deployment
	if s.Subject.Lineage, err = lineage(tx, s.Deployment); err != nil {
		return s, err
	}
	if s.Events, err = tx.Events(id); err != nil {
		return s, err
	}
	if s.Announcements, err = tx.Announcements(id); err != nil {
		return s, err
	}
	s.Attempts, err = tx.Attempts(id)
	return s, err
}
