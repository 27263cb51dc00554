package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/shipbell/shipbell"
)

// The policy of waiting.
const (
	// A lane whose remote is down tries again after 1 s, 2 s, 4 s … 5 min, for
	// ever. More would leave people without messages long after it is back up.
	firstSetback = time.Second
	maxSetback   = 5 * time.Minute
	// A message that is refused while others pass is tried again after 1 min,
	// 2 min … 6 h: it needs a change on one side or the other.
	firstSetAside = time.Minute
	maxSetAside   = 6 * time.Hour
	// A lane that stands still looks this often whether a person resumed it.
	resumePoll = time.Second
	// Reading or marking that fails is tried again this often.
	storeRetry = time.Second
	// No remote asks to wait longer than this.
	maxPark = 24 * time.Hour
	// So many answers "it moved" in a row are no longer believed.
	maxMoves = 5
	// asleep is how long a lane without work sleeps; wakes end it.
	asleep = time.Hour
)

// lane is the running side of a [shipbell.Lane]. One goroutine uses it.
type lane struct {
	Options
	channel Channel
	budget  *budget
	wake    chan struct{}
	log     *slog.Logger

	state shipbell.Lane
	// plain is the announcement whose markup was refused, at that revision.
	plain struct {
		deployment shipbell.DeploymentID
		revision   shipbell.Revision
	}
	moves int
	// looked is when a lane that stands still last looked whether it was resumed.
	looked time.Time
}

func (l *lane) run(ctx context.Context) {
	for ctx.Err() == nil {
		wait, idle := l.step(ctx)
		var wake <-chan struct{}
		if idle {
			wake = l.wake
		}
		if wait > 0 && !sleep(ctx, wait, wake) {
			return
		}
	}
}

// sleep waits for d, a wake or the end; it reports whether to go on.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return true
}

func (l *lane) load(ctx context.Context) bool {
	state, err := l.Ledger.Lane(ctx, l.channel.ID())
	if err != nil {
		l.logStore("read lane", err)
		return false
	}
	l.state = state
	// The clock may have been ahead when these were stored.
	now := time.Now()
	for i, at := range l.state.Recent {
		if at.After(now) {
			l.state.Recent[i] = now
		}
	}
	if latest := now.Add(maxPark); l.state.ParkedUntil.After(latest) {
		l.state.ParkedUntil = latest
	}
	l.budget.load(l.state.Recent)
	l.budget.park(l.state.ParkedUntil)
	if state.Pause != nil {
		l.log.Warn("lane is paused", "since", state.Pause.At, "reason", state.Pause.Reason, "hint", state.Pause.Hint)
	}
	return true
}

// step does one thing and returns how long to wait before the next. Only an
// idle lane is woken: one that has to wait anyway must not look up for every
// push.
func (l *lane) step(ctx context.Context) (wait time.Duration, idle bool) {
	if wait := l.stands(ctx); wait > 0 {
		return wait, false
	}
	if wait := l.budget.wait(time.Now()); wait > 0 {
		return wait, false
	}
	a, d, err := l.Ledger.Stale(ctx, l.channel.ID())
	if err != nil {
		if next, ok := l.NothingDue(err); ok {
			if next.IsZero() {
				return asleep, true
			}
			return max(time.Until(next), time.Millisecond), true
		}
		l.logStore("find stale announcement", err)
		return storeRetry, false
	}
	start := time.Now()
	if !l.budget.take(start) {
		return max(l.budget.wait(start), time.Millisecond), false
	}
	l.deliver(ctx, a, d, start)
	return 0, false
}

// stands returns how long a paused or parked lane still stands, and looks
// whether a person resumed it.
func (l *lane) stands(ctx context.Context) time.Duration {
	parked := time.Until(l.state.ParkedUntil)
	if l.state.Pause == nil && parked <= 0 {
		return 0
	}
	wait := resumePoll
	if l.state.Pause == nil {
		wait = min(parked, resumePoll)
	}
	// A lane may be parked for less than the time between two looks.
	if next := resumePoll - time.Since(l.looked); next > 0 {
		return min(wait, next)
	}
	l.looked = time.Now()
	stored, err := l.Ledger.Lane(ctx, l.channel.ID())
	if err != nil {
		l.logStore("read lane", err)
		return storeRetry
	}
	if stored.Pause == nil && stored.ParkedUntil.IsZero() {
		l.log.Info("lane was resumed")
		l.state.Pause, l.state.ParkedUntil, l.state.ParkedFor, l.state.Setbacks = nil, time.Time{}, "", 0
		l.budget.release()
		return 0
	}
	return wait
}

func (l *lane) deliver(ctx context.Context, a shipbell.Announcement, d shipbell.Deployment, start time.Time) {
	request, cancel := l.graceful(ctx)
	ref, err := l.channel.Deliver(request, shipbell.Delivery{
		Message: l.Render(d),
		Ref:     a.Ref,
		Plain:   l.plain.deployment == d.ID && l.plain.revision == d.Revision,
		Memory:  l.state.Memory,
	})
	cancel()
	now := time.Now()
	l.budget.answered(start, now)

	attempt := shipbell.Attempt{
		Deployment: a.Deployment, Channel: a.Channel, Revision: d.Revision,
		At: start, Edit: a.Ref != "", Took: now.Sub(start),
	}
	a.Tries++
	if err == nil {
		l.delivered(&a, d, ref, now)
		attempt.Detail = "delivered"
	} else {
		de := asDeliveryError(err)
		l.failed(&a, d, de, now)
		attempt.Fault, attempt.Detail = de.Fault, de.Error()
	}
	l.state.Recent = l.budget.snapshot()
	l.mark(ctx, a, attempt)
}

// graceful returns a context that outlives ctx by the grace: a request under
// way at shut-down is worth waiting for, because its answer tells whether the
// message is there.
func (l *lane) graceful(ctx context.Context) (context.Context, context.CancelFunc) {
	request, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(l.Grace, cancel)
		context.AfterFunc(request, func() { timer.Stop() })
	})
	return request, func() {
		stop()
		cancel()
	}
}

func (l *lane) delivered(a *shipbell.Announcement, d shipbell.Deployment, ref shipbell.MessageRef, now time.Time) {
	l.log.Info("delivered", "project", d.Project, "deployment", d.ShownID, "status", d.Status, "edit", a.Ref != "")
	a.Shown, a.Ref, a.DueAt = d.Revision, ref, time.Time{}
	l.state.Setbacks, l.state.ParkedUntil, l.state.ParkedFor = 0, time.Time{}, ""
	l.state.LastSuccess = now
	l.moves = 0
}

// failed acts on the class of the error, and on nothing else.
func (l *lane) failed(a *shipbell.Announcement, d shipbell.Deployment, e *shipbell.DeliveryError, now time.Time) {
	level := slog.LevelWarn
	switch e.Fault {
	case shipbell.FaultRateLimited:
		l.park(now.Add(e.RetryAfter), e)
		l.budget.park(now.Add(e.RetryAfter))
	case shipbell.FaultGone:
		if a.Ref == "" {
			l.setAside(a, now) // a post that finds nothing to edit makes no sense
			break
		}
		a.Ref = ""
	case shipbell.FaultMoved:
		l.moves++
		if l.moves > maxMoves {
			l.setback(e, now)
			break
		}
		l.state.Memory, l.state.Note = e.Memory, e.Reason
	case shipbell.FaultMarkup:
		if l.plain.deployment == d.ID && l.plain.revision == d.Revision {
			l.setAside(a, now)
			break
		}
		l.plain.deployment, l.plain.revision = d.ID, d.Revision
	case shipbell.FaultRefused:
		l.setAside(a, now)
	case shipbell.FaultBlocked:
		l.state.Pause = &shipbell.Pause{At: now, Reason: e.Reason, Hint: e.Hint}
		level = slog.LevelError
	default:
		l.setback(e, now)
	}
	l.log.Log(context.Background(), level, "not delivered", "project", d.Project, "deployment", d.ShownID,
		"fault", e.Fault, "reason", e.Reason, "hint", e.Hint, "again_at", l.againAt(a))
}

// againAt tells people when the next attempt will be made.
func (l *lane) againAt(a *shipbell.Announcement) string {
	switch {
	case l.state.Pause != nil:
		return "when the lane is resumed"
	case l.state.ParkedUntil.After(a.DueAt):
		return l.state.ParkedUntil.UTC().Format(time.RFC3339)
	case !a.DueAt.IsZero():
		return a.DueAt.UTC().Format(time.RFC3339)
	}
	return "now"
}

func (l *lane) park(until time.Time, e *shipbell.DeliveryError) {
	l.state.ParkedUntil, l.state.ParkedFor = until, e.Error()
}

func (l *lane) setback(e *shipbell.DeliveryError, now time.Time) {
	l.state.Setbacks++
	l.park(now.Add(backOff(l.state.Setbacks, firstSetback, maxSetback)), e)
}

func (l *lane) setAside(a *shipbell.Announcement, now time.Time) {
	a.DueAt = now.Add(backOff(a.Tries, firstSetAside, maxSetAside))
}

// backOff doubles from first with every try up to most, and takes off up to
// half by chance, so that lanes that failed together do not return together.
func backOff(tries int, first, most time.Duration) time.Duration {
	d := first
	for i := 1; i < tries && d < most; i++ {
		d *= 2
	}
	d = min(d, most)
	return d - rand.N(d/2+1)
}

// mark stores the outcome, and tries again until it is stored: going on
// without would deliver the same message twice. Only the end of the process,
// after the grace, gives up.
func (l *lane) mark(ctx context.Context, a shipbell.Announcement, attempt shipbell.Attempt) {
	patient, cancel := l.graceful(ctx)
	defer cancel()
	for {
		err := l.Ledger.Mark(context.WithoutCancel(ctx), a, attempt, l.state)
		if err == nil {
			return
		}
		l.logStore("mark announcement", err)
		timer := time.NewTimer(storeRetry)
		select {
		case <-patient.Done():
			timer.Stop()
			l.log.Error("what was delivered could not be stored; it may be delivered again", "deployment", a.Deployment)
			return
		case <-timer.C:
		}
	}
}

func (l *lane) logStore(what string, err error) {
	l.log.Error(fmt.Sprintf("could not %s; trying again", what), "error", err)
}
