package ledger

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

// The policy of this file: a deployment of which nothing is heard any more is
// looked at again. What started must end within a time that the project's own
// history sets; what was called deployed must be seen at Cloudflare, where
// Cloudflare is asked. Nothing is concluded from not seeing what cannot be seen.

const (
	// A project without a history gets this long; Workers Builds ends a build
	// after 20 minutes, and it may have to wait for a machine.
	defaultDeadline = 30 * time.Minute
	minDeadline     = 5 * time.Minute
	maxDeadline     = 60 * time.Minute
	// deadlineHistory is how many of the last durations count, and
	// leastHistory how few of them say something.
	deadlineHistory = 20
	leastHistory    = 3
	// confirmAfter is how long Cloudflare may take to show what was deployed.
	confirmAfter = 2 * time.Minute
	// lookAgain is how often what waits for something is looked at.
	lookAgain = 15 * time.Second
	// giveUp is when what cannot be confirmed or is never over is let go.
	giveUp = 2 * time.Hour
	// toldLate is how long after it happened something can be told and still be
	// looked for at Cloudflare.
	toldLate    = 30 * time.Minute
	giveUpAlarm = 7 * 24 * time.Hour
	// dueBatch bounds one transaction.
	dueBatch = 50
)

// Witness says what was looked at.
type Witness interface {
	// Looked returns when the last complete look began at the account of a
	// project with one of the names, zero where no such project is known there.
	Looked(t shipbell.ProjectType, names []string) time.Time
}

// blind sees nothing.
type blind struct{}

func (blind) Looked(shipbell.ProjectType, []string) time.Time { return time.Time{} }

// watch sets when to look at a deployment again after a change, if at all.
func (r *recording) watch(tx Tx, before, after shipbell.Deployment) error {
	due := r.firstLook(after)
	if due.IsZero() && r.firstLook(before).IsZero() {
		return nil
	}
	return tx.Watch(after.ID, due)
}

// firstLook returns when a deployment in this state must be looked at.
func (l *Ledger) firstLook(d shipbell.Deployment) time.Time {
	switch {
	case d.ID == 0, d.Quiet, d.Environment == shipbell.Preview:
		return time.Time{}
	case d.Alarm != nil && d.Alarm.OverAt.IsZero():
		return l.now()
	case d.Status == shipbell.Queued, d.Status == shipbell.InProgress, d.Status == shipbell.Announced && l.asked && current(d):
		return begun(d).Add(minDeadline)
	case d.Status == shipbell.Success && l.asked && current(d) && !d.Claimed(shipbell.SourcePoll) && l.now().Sub(d.FinishedAt) < giveUp:
		return d.FinishedAt.Add(confirmAfter)
	case d.Status == shipbell.Skipped && l.asked:
		return d.FinishedAt.Add(minDeadline)
	}
	return time.Time{}
}

// begun returns from when on a deployment has been under way as far as the
// ledger can tell: one that was told late has not been overdue all the time.
func begun(d shipbell.Deployment) time.Time {
	if d.RecordedAt.After(d.StartedAt) {
		return d.RecordedAt
	}
	return d.StartedAt
}

// current reports whether the deployment was told about when it happened. A look
// made later does not show what was there before.
func current(d shipbell.Deployment) bool { return d.RecordedAt.Sub(d.StartedAt) < toldLate }

// Watch looks at every deployment whose time has come, and raises and ends
// alarms. It returns how many changed. Witness may be nil where nobody asks.
func (l *Ledger) Watch(ctx context.Context, w Witness) (int, error) {
	if w == nil {
		w = blind{}
	}
	changed := 0
	for {
		var ids []shipbell.DeploymentID
		err := l.store.View(ctx, func(tx Tx) (err error) {
			ids, err = tx.Due(l.now(), dueBatch)
			return err
		})
		if err != nil {
			return changed, fmt.Errorf("watch: %w", err)
		}
		for _, id := range ids {
			r := &recording{Ledger: l, event: shipbell.Event{Source: shipbell.SourceWatch}}
			err := l.update(ctx, func(tx Tx) error { return r.look(tx, id, w) })
			if err != nil {
				return changed, fmt.Errorf("watch deployment %d: %w", id, err)
			}
			for _, c := range r.stale {
				l.wake(c)
			}
			if r.result.Verdict == Changed {
				l.count(r.counted())
				changed++
			}
		}
		if len(ids) < dueBatch {
			return changed, nil
		}
	}
}

// look looks at one deployment, and sets when to look again.
func (r *recording) look(tx Tx, id shipbell.DeploymentID, w Witness) error {
	r.result, r.stale, r.step = Recorded{}, nil, Step{Join: JoinWatch}
	d, err := tx.Deployment(id)
	if errors.Is(err, shipbell.ErrNotFound) {
		return tx.Watch(id, time.Time{}) // it was swept
	}
	if err != nil {
		return err
	}
	alarmed := d.Alarm != nil && d.Alarm.OverAt.IsZero()
	if d.Status == shipbell.Success && !alarmed {
		return r.confirm(tx, d, w)
	}
	history, err := siblings(tx, d)
	if err != nil {
		return err
	}
	after, again := d, time.Time{}
	switch {
	case alarmed:
		after, again = r.lookForEnd(d, history)
	case d.Status == shipbell.Skipped:
		after, again = r.lookAfterSkip(d, history)
	case !d.Status.Final():
		after, again = r.lookAtDeadline(d, history, w)
	}
	if after.Alarm != d.Alarm {
		return r.alarm(tx, d, after)
	}
	return tx.Watch(id, again)
}

// alarm stores a change of the alarm and tells of it.
func (r *recording) alarm(tx Tx, before, after shipbell.Deployment) error {
	after.Revision++
	if err := tx.Save(after); err != nil {
		return err
	}
	if err := r.follow(tx, before, after); err != nil || !after.Alarm.OverAt.IsZero() {
		return err
	}
	return tx.Watch(after.ID, r.now().Add(lookAgain))
}

func (r *recording) raise(d shipbell.Deployment, reason shipbell.AlarmReason) shipbell.Deployment {
	d.Alarm = &shipbell.Alarm{At: r.stamp(), Reason: reason}
	r.step.Alarm = reason
	return d
}

// lookForEnd ends an alarm when production has moved: with the deployment
// itself, or with a later one.
func (r *recording) lookForEnd(d shipbell.Deployment, history []shipbell.Deployment) (shipbell.Deployment, time.Time) {
	now := r.stamp()
	moved := r.live(d) || slices.ContainsFunc(history, func(s shipbell.Deployment) bool {
		return s.ID != d.ID && r.live(s) && s.StartedAt.After(d.StartedAt)
	})
	ended := d.Alarm.Reason == shipbell.AlarmUnfinished && d.Status.Final() && d.Status != shipbell.Failure
	switch {
	case moved, ended:
		over := *d.Alarm
		over.OverAt = now
		d.Alarm = &over
		return d, time.Time{}
	case now.Sub(d.Alarm.At) > giveUpAlarm:
		return d, time.Time{}
	}
	return d, now.Add(patience(now.Sub(d.Alarm.At)))
}

// live reports whether the deployment is known to have gone live: where
// Cloudflare is asked, by its word.
func (r *recording) live(d shipbell.Deployment) bool {
	return d.Status == shipbell.Success && (!r.asked || d.Claimed(shipbell.SourcePoll))
}

// patience is how long to wait before the next look at what has waited so long
// already.
func patience(waited time.Duration) time.Duration {
	return min(max(waited/20, lookAgain), 5*time.Minute)
}

// lookAtDeadline raises an alarm for what started and did not end, or was
// announced and is not seen.
func (r *recording) lookAtDeadline(d shipbell.Deployment, history []shipbell.Deployment, w Witness) (shipbell.Deployment, time.Time) {
	now := r.now()
	deadline := begun(d).Add(Deadline(history))
	if now.Before(deadline) {
		return d, deadline
	}
	// What was replaced while it waited says nothing about production.
	if slices.ContainsFunc(history, func(s shipbell.Deployment) bool {
		return s.ID != d.ID && s.Status == shipbell.Success && s.StartedAt.After(d.StartedAt)
	}) {
		return d, time.Time{}
	}
	looked := w.Looked(d.Type, d.OwnNames())
	if d.Status != shipbell.Announced {
		// Where it can be seen that it ended it must have been looked for: after a
		// downtime the first look may tell.
		if !looked.IsZero() && looked.Before(deadline) && now.Sub(deadline) < giveUp {
			return d, now.Add(lookAgain)
		}
		return r.raise(d, shipbell.AlarmUnfinished), time.Time{}
	}
	switch {
	case looked.IsZero() || looked.Before(deadline):
		return d, r.waitFor(d, now)
	case !wentLive(d.Branch, history), unclear(d, history):
		return d, time.Time{}
	}
	return r.raise(d, shipbell.AlarmMissing), time.Time{}
}

// wentLive reports whether a deployment of the branch is known to have gone live
// before. A build step that does not know says production; a branch that is only
// previewed must not alarm for it.
func wentLive(branch string, history []shipbell.Deployment) bool {
	return branch == "" || slices.ContainsFunc(history, func(s shipbell.Deployment) bool {
		return s.Branch == branch && s.Status == shipbell.Success && s.Claimed(shipbell.SourcePoll)
	})
}

// waitFor returns when to look again for what has not been looked at yet, zero
// when it is not worth it any more.
func (r *recording) waitFor(d shipbell.Deployment, now time.Time) time.Time {
	waited := now.Sub(begun(d))
	if waited > giveUp {
		return time.Time{}
	}
	return now.Add(patience(waited))
}

// lookAfterSkip raises an alarm when a skipped deployment was followed by others
// of which none went live and none is known to have failed: nobody else would
// say so.
func (r *recording) lookAfterSkip(d shipbell.Deployment, history []shipbell.Deployment) (shipbell.Deployment, time.Time) {
	now := r.now()
	deadline := d.FinishedAt.Add(Deadline(history))
	if now.Before(deadline) {
		return d, deadline
	}
	waiting := false
	for _, s := range history {
		switch {
		case s.ID == d.ID || s.StartedAt.Before(d.StartedAt):
		case s.Status == shipbell.Success || s.Status == shipbell.Failure || s.Alarm != nil:
			return d, time.Time{} // it went on, or somebody else says that it did not
		case s.Status == shipbell.Skipped || s.Status == shipbell.Canceled:
			// On purpose, as when the change is not the project's.
		case now.Before(begun(s).Add(Deadline(history))):
			return d, begun(s).Add(Deadline(history))
		default:
			waiting = true
		}
	}
	if !waiting {
		return d, time.Time{}
	}
	return r.raise(d, shipbell.AlarmSkipped), time.Time{}
}

// confirm looks for a deployment that was called deployed at Cloudflare. What a
// complete look that began well after it did not show is not there. Should it be
// seen after all, that counts more.
func (r *recording) confirm(tx Tx, d shipbell.Deployment, w Witness) error {
	if d.Claimed(shipbell.SourcePoll) {
		return tx.Watch(d.ID, time.Time{})
	}
	told, err := toldAt(tx, d)
	if err != nil {
		return err
	}
	looked := w.Looked(d.Type, d.OwnNames())
	if looked.IsZero() || looked.Before(told.Add(confirmAfter)) {
		return tx.Watch(d.ID, r.waitFor(d, r.now()))
	}
	history, err := siblings(tx, d)
	if err != nil {
		return err
	}
	if unclear(d, history) {
		return tx.Watch(d.ID, time.Time{})
	}
	e := shipbell.Event{
		Source: shipbell.SourceWatch, ID: shipbell.EventID(fmt.Sprintf("absent/%d", d.ID)), At: d.FinishedAt,
		ReceivedAt: r.stamp(), Keys: d.Keys[:1],
		Joined: "looked for at " + looked.UTC().Format(time.RFC3339),
		Observation: shipbell.Observation{
			Type: d.Type, Project: d.Project, Status: shipbell.Failure,
			Error: "Cloudflare shows no deployment of it",
		},
	}
	if err := tx.AddEvent(d.ID, e); err != nil {
		return err
	}
	after := r.raise(shipbell.Apply(d, e), shipbell.AlarmNotLive)
	return r.alarm(tx, d, after)
}

// toldAt returns when the deployment was called deployed, as far as both clocks
// tell: a build step may date its word at the start of the build.
func toldAt(tx Tx, d shipbell.Deployment) (time.Time, error) {
	events, err := tx.Events(d.ID)
	if err != nil {
		return time.Time{}, err
	}
	told := d.FinishedAt
	for _, e := range events {
		if e.Status == shipbell.Success && e.ReceivedAt.After(told) {
			told = e.ReceivedAt
		}
	}
	return told, nil
}

// unclear reports whether Cloudflare showed a deployment of the project at that
// time which no build step named: this may be it, and which of several it is
// cannot be told.
func unclear(d shipbell.Deployment, history []shipbell.Deployment) bool {
	return slices.ContainsFunc(history, func(s shipbell.Deployment) bool {
		return s.ID != d.ID && !s.Named() && s.Status == shipbell.Success &&
			s.StartedAt.After(d.StartedAt.Add(-confirmAfter))
	})
}

// Deadline returns how long a deployment may take, from the durations in a
// history, the oldest first: twice what nearly all of the last ones took.
func Deadline(history []shipbell.Deployment) time.Duration {
	var took []time.Duration
	for _, d := range slices.Backward(history) {
		if t := d.Took(); d.Status == shipbell.Success && t > 0 && len(took) < deadlineHistory {
			took = append(took, t)
		}
	}
	if len(took) < leastHistory {
		return defaultDeadline
	}
	slices.Sort(took)
	const nearlyAll = 0.95
	longest := took[int(math.Ceil(nearlyAll*float64(len(took))))-1]
	return min(max(2*longest, minDeadline), maxDeadline)
}
