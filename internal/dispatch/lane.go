package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	// asleep is how long a lane without work sleeps unless it is said; wakes end
	// it.
	asleep = time.Hour
)

// lane is the running side of a [shipbell.Lane]. One goroutine uses it.
type lane struct {
	Options
	channel Channel
	budget  *budget
	wake    chan struct{}
	log     *slog.Logger
	// process is done when all lanes are to end, whoever holds them.
	process context.Context

	state shipbell.Lane
	// What was learned of one message, for its next attempt. A restart learns it
	// again.
	plain target // its markup was refused
	alone target // the message that it answers is gone
	kept  target // it cannot be removed
	moves int
	// looked is when a lane that stands still last looked whether it was resumed.
	looked time.Time
}

// target is a message in one state.
type target struct {
	deployment shipbell.DeploymentID
	part       shipbell.Part
	revision   shipbell.Revision
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

// load reads the lane as whoever held it last has left it.
func (l *lane) load(ctx context.Context) bool {
	state, err := l.Ledger.Lane(ctx, l.channel.ID())
	if err != nil {
		l.logStore("read lane", err)
		return false
	}
	l.state, l.moves, l.looked = state, 0, time.Time{}
	l.plain, l.alone, l.kept = target{}, target{}, target{}
	// The clock may have been ahead when these were stored. How far apart they are
	// stays.
	now := l.Now()
	if n := len(l.state.Recent); n > 0 {
		ahead := max(l.state.Recent[n-1].Sub(now), 0)
		for i, at := range l.state.Recent {
			l.state.Recent[i] = at.Add(-ahead)
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
// push. One that waits only because its message can wait is idle, too: what
// wakes it may be more urgent.
func (l *lane) step(ctx context.Context) (wait time.Duration, idle bool) {
	if wait := l.stands(ctx); wait > 0 {
		return wait, false
	}
	if wait := l.budget.wait(l.Now(), shipbell.UrgencyHigh); wait > 0 {
		return wait, false
	}
	a, s, err := l.Ledger.Stale(ctx, l.channel.ID())
	if err != nil {
		if next, ok := l.NothingDue(err); ok {
			if next.IsZero() {
				return l.Asleep, true
			}
			return max(next.Sub(l.Now()), time.Millisecond), true
		}
		l.logStore("find stale announcement", err)
		return storeRetry, false
	}
	start := l.Now()
	m := l.Render(a, s)
	if m.Empty() || a.Part.Obsolete() && a.Ref == "" {
		l.skip(ctx, a, s, start)
		return 0, false
	}
	if shipbell.Allowed(ctx) != nil {
		return storeRetry, false // the end of ctx is on its way
	}
	if !l.budget.take(start, a.Urgency) {
		return max(l.budget.wait(start, a.Urgency), time.Millisecond), true
	}
	l.deliver(ctx, a, s, m, start)
	return 0, false
}

// stands returns how long a paused or parked lane still stands, and looks
// whether a person resumed it.
func (l *lane) stands(ctx context.Context) time.Duration {
	parked := l.state.ParkedUntil.Sub(l.Now())
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

// skip marks an announcement that has nothing to tell.
func (l *lane) skip(ctx context.Context, a shipbell.Announcement, s shipbell.Subject, now time.Time) {
	l.log.Debug("nothing to tell", about(a, s)...)
	attempt := shipbell.Attempt{
		Deployment: a.Deployment, Channel: a.Channel, Part: a.Part, Revision: revisionOf(s),
		At: now, Edit: a.Ref != "", Detail: "nothing to tell, no request was made",
	}
	var told []shipbell.Part
	if a.Part == shipbell.PartAlert && a.Ref == "" {
		told = []shipbell.Part{shipbell.PartOver} // nobody heard of what is over
	}
	a.Shown, a.DueAt = shows(a, s), time.Time{}
	l.mark(ctx, a, attempt, told)
}

// deliver makes one request and marks what it came to.
func (l *lane) deliver(ctx context.Context, a shipbell.Announcement, s shipbell.Subject, m shipbell.Message, start time.Time) {
	this := target{a.Deployment, a.Part, revisionOf(s)}
	d := shipbell.Delivery{
		Message: m,
		Ref:     a.Ref,
		Remove:  a.Part.Obsolete() && l.kept != this,
		Plain:   l.plain == this,
		Memory:  l.state.Memory,
	}
	if a.Part != shipbell.PartMain && a.Ref == "" && l.alone != this {
		d.ReplyTo = a.Main
	}
	request, cancel := l.graceful(ctx)
	ref, err := l.channel.Deliver(request, d)
	cancel()
	now := l.Now()
	l.budget.answered(start, now)

	attempt := shipbell.Attempt{
		Deployment: a.Deployment, Channel: a.Channel, Part: a.Part, Revision: this.revision,
		At: start, Edit: a.Ref != "", Took: now.Sub(start),
	}
	var told []shipbell.Part
	a.Tries++
	if err == nil {
		if a.Part == shipbell.PartMain && a.Ref == "" {
			told = rung(s)
		}
		attempt.Detail = l.delivered(&a, s, d, ref, now)
	} else {
		de := asDeliveryError(err)
		l.failed(&a, s, de, now)
		attempt.Fault, attempt.Detail = de.Fault, de.Error()
	}
	l.Count(attempt)
	l.state.Recent = l.budget.snapshot()
	l.mark(ctx, a, attempt, told)
}

// rung returns the parts that a first post of the main message makes needless:
// it made the phone ring by itself, and shows what they would.
func rung(s shipbell.Subject) []shipbell.Part {
	alarm := s.Deployment.Alarm
	switch {
	case s.Bulletin != nil:
		return nil
	case alarm != nil && !alarm.OverAt.IsZero():
		return []shipbell.Part{shipbell.PartAlert, shipbell.PartOver}
	case alarm != nil, s.Deployment.Status == shipbell.Failure, s.Deployment.OwnFailure():
		return []shipbell.Part{shipbell.PartAlert}
	}
	return nil
}

// revisionOf is the revision that a message about the subject shows.
func revisionOf(s shipbell.Subject) shipbell.Revision {
	if s.Bulletin != nil {
		return s.Bulletin.Revision
	}
	return s.Deployment.Revision
}

// shows is what an announcement shows once it is current. A message that must go
// follows no revision.
func shows(a shipbell.Announcement, s shipbell.Subject) shipbell.Revision {
	if a.Part.Obsolete() {
		return a.Wanted
	}
	return revisionOf(s)
}

// about tells people what an announcement is of.
func about(a shipbell.Announcement, s shipbell.Subject) []any {
	if b := s.Bulletin; b != nil {
		return []any{"bulletin", b.Kind, "source", b.Source, "edit", a.Ref != ""}
	}
	d := s.Deployment
	return []any{"project", d.Project, "deployment", d.ShownID, "status", d.Status, "part", a.Part, "edit", a.Ref != ""}
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

// delivered takes in that a request worked, and returns what it did, for people.
func (l *lane) delivered(a *shipbell.Announcement, s shipbell.Subject, d shipbell.Delivery, ref shipbell.MessageRef, now time.Time) (detail string) {
	detail = "delivered"
	switch {
	case d.Remove:
		detail = "removed"
	case a.Part.Obsolete():
		detail = "made a pointer to the message that stays"
	}
	l.log.Info(detail, about(*a, s)...)
	if a.Part.Obsolete() {
		ref = "" // whatever is left of it is not ours to edit any more
	}
	a.Shown, a.Ref, a.DueAt = shows(*a, s), ref, time.Time{}
	l.state.Setbacks, l.state.ParkedUntil, l.state.ParkedFor = 0, time.Time{}, ""
	l.state.LastSuccess = now
	l.moves = 0
	return detail
}

// failed acts on the class of the error, and on nothing else.
func (l *lane) failed(a *shipbell.Announcement, s shipbell.Subject, e *shipbell.DeliveryError, now time.Time) {
	level := slog.LevelWarn
	this := target{a.Deployment, a.Part, revisionOf(s)}
	logged := about(*a, s)
	l.state.LastError, l.state.LastErrorAt = e.Error(), now
	switch e.Fault {
	case shipbell.FaultRateLimited:
		l.park(now.Add(e.RetryAfter), e)
		l.budget.park(now.Add(e.RetryAfter))
	case shipbell.FaultGone:
		l.gone(a, s, now)
	case shipbell.FaultKept:
		if l.kept == this {
			l.setAside(a, now) // an edit that cannot be removed makes no sense
			break
		}
		l.kept = this
	case shipbell.FaultMoved:
		l.moves++
		if l.moves > maxMoves {
			l.setback(e, now)
			break
		}
		l.state.Memory, l.state.Note = e.Memory, e.Reason
	case shipbell.FaultMarkup:
		if l.plain == this {
			l.setAside(a, now)
			break
		}
		l.plain = this
	case shipbell.FaultRefused:
		l.setAside(a, now)
	case shipbell.FaultBlocked:
		l.state.Pause = &shipbell.Pause{At: now, Reason: e.Reason, Hint: e.Hint}
		level = slog.LevelError
	default:
		l.setback(e, now)
	}
	l.log.Log(context.Background(), level, "not delivered",
		append(logged, "fault", e.Fault, "reason", e.Reason, "hint", e.Hint, "again_at", l.againAt(a))...)
}

// gone acts on a message that is not there any more.
func (l *lane) gone(a *shipbell.Announcement, s shipbell.Subject, now time.Time) {
	this := target{a.Deployment, a.Part, revisionOf(s)}
	switch {
	case a.Part.Obsolete():
		a.Ref, a.Shown, a.DueAt = "", a.Wanted, time.Time{} // all the better
	case a.Ref != "" && a.Part != shipbell.PartMain:
		a.Ref, a.Shown, a.DueAt = "", a.Wanted, time.Time{} // it rang, and somebody has read it
	case a.Ref != "":
		a.Ref = ""
	case a.Part != shipbell.PartMain && l.alone != this:
		l.alone = this // it was the message to answer
	default:
		l.setAside(a, now) // a post that finds nothing to edit makes no sense
	}
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
	l.park(now.Add(backOff(l.state.Setbacks, firstSetback, maxSetback, l.Chance)), e)
}

func (l *lane) setAside(a *shipbell.Announcement, now time.Time) {
	a.DueAt = now.Add(backOff(a.Tries, firstSetAside, maxSetAside, l.Chance))
}

// backOff doubles from first with every try up to most, and takes off up to
// half by chance, so that lanes that failed together do not return together.
func backOff(tries int, first, most time.Duration, chance func(below time.Duration) time.Duration) time.Duration {
	d := first
	for i := 1; i < tries && d < most; i++ {
		d *= 2
	}
	d = min(d, most)
	return d - chance(d/2+1)
}

// mark stores the outcome, and tries again until it is stored: going on
// without would deliver the same message twice. Only the end of the process,
// after the grace, gives up. That the lane is lost meanwhile does not: the ledger
// then keeps the handle of what was posted, for the one of two that must go.
func (l *lane) mark(ctx context.Context, a shipbell.Announcement, attempt shipbell.Attempt, told []shipbell.Part) {
	patient, cancel := l.graceful(l.process)
	defer cancel()
	for {
		err := l.Ledger.Mark(context.WithoutCancel(ctx), a, attempt, l.state, told)
		if err == nil {
			return
		}
		if errors.Is(err, shipbell.ErrLost) {
			l.log.Warn("the lane went to another replica during a request; a message may be there twice for a moment", "deployment", a.Deployment)
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
