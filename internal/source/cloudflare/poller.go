package cloudflare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
)

// Ledger is where a source that asks reports. [ledger.Ledger] is one.
type Ledger interface {
	// Report records events together with what is to be remembered, in one
	// transaction. Reported again it changes nothing.
	Report(ctx context.Context, r shipbell.Report) error
	// Memory returns what was remembered; empty at first.
	Memory(ctx context.Context, s shipbell.Source) (string, error)
	// Tell says something that is not about one deployment. Said again it is the
	// same.
	Tell(ctx context.Context, b shipbell.Bulletin) error
}

// DefaultInterval is how often the poller looks.
const DefaultInterval = time.Minute

const (
	// lateAfter is the age from which what is new is told in one message.
	lateAfter = time.Hour
	// blindAfter is how long Cloudflare may not answer before people are told.
	blindAfter = time.Hour
	// sweepEvery is how often all Workers are listed, to forget those that are
	// gone.
	sweepEvery = time.Hour
	// refusedFor is how long a part that the token may not read is left alone.
	refusedFor = time.Hour
	// firstBackoff and maxBackoff bound the wait after a cycle that failed.
	firstBackoff = 5 * time.Second
	maxBackoff   = 5 * time.Minute
	// wakeGap is the least time between two cycles of an account, however often
	// the poller is woken: many pushes at once need one look.
	wakeGap = 5 * time.Second
	// lowShare is the part of the rate limit below which the poller slows down.
	lowShare = 0.2
)

// PollerOptions are the parts a [Poller] works with.
type PollerOptions struct {
	Client *Client
	Ledger Ledger
	// Accounts are the ids of the accounts to watch; empty for the only one that
	// the token sees.
	Accounts []string
	Interval time.Duration // 0: DefaultInterval
	// Allow reports whether people want to hear of a project, by one of its
	// names; nil for all. What they do not is remembered nevertheless.
	Allow func(shipbell.ProjectType, string) bool
	// DryRun reports and tells nothing.
	DryRun bool
	Now    func() time.Time // nil: the system clock
	Log    *slog.Logger     // nil: none
}

// Poller asks the API what has changed, over and over. Its methods are safe for
// concurrent use, but for Once and Run, of which one runs at a time.
type Poller struct {
	o      PollerOptions
	wake   chan struct{}
	memory *memory // nil until it was read
	stored string  // as the ledger has it

	mu      sync.Mutex
	watches []*watch
	hearing shipbell.Hearing
	reason  map[string]blindness // by account
	// unread counts how often memory could not be read in a row.
	unread int
}

// watch is what the process knows of one account, beside memory.
type watch struct {
	account  Account
	failures int // in a row
	dueAt    time.Time
	lastAt   time.Time // start of the last cycle
	sweepAt  time.Time
	refused  map[string]refusal // by part
	stale    map[string]int     // by Worker: looks that found no new deployment though it moved
	rotation int                // where asking for latest builds goes on
	maxTags  int                // how many Workers one call may name
	address  string             // subdomain of workers.dev, once asked
	sites    map[string]site    // by Worker, of those listed since the start
	notes    []string
	lasting  []lasting // notes that stay for a while
	heardAt  time.Time
	requests int

	// names and looked are guarded by Poller.mu: they are asked by others.
	names  map[shipbell.ProjectType]map[string]site
	looked map[shipbell.ProjectType]time.Time
}

// lasting is a note of something that is over, but that people should see.
type lasting struct {
	at   time.Time
	text string
}

const (
	lastsFor   = 24 * time.Hour
	maxLasting = 20
)

type refusal struct {
	at  time.Time
	err error
}

// NewPoller returns a poller. It asks nothing before Run or Once.
func NewPoller(o PollerOptions) *Poller {
	o.Interval = cmp.Or(o.Interval, DefaultInterval)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Allow == nil {
		o.Allow = func(shipbell.ProjectType, string) bool { return true }
	}
	return &Poller{
		o:       o,
		wake:    make(chan struct{}, 1),
		hearing: shipbell.Hearing{Source: shipbell.SourcePoll, Remaining: -1},
		reason:  make(map[string]blindness),
	}
}

// now is the time to the millisecond, in UTC.
func (p *Poller) now() time.Time { return p.o.Now().UTC().Truncate(time.Millisecond) }

// Run looks until ctx ends, and then returns nil.
func (p *Poller) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		next := p.round(ctx, false, nil)
		p.sleep(ctx, next)
	}
	return nil
}

// sleep waits until then, or until the poller is woken.
func (p *Poller) sleep(ctx context.Context, until time.Time) {
	timer := time.NewTimer(max(until.Sub(p.o.Now()), 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-p.wake:
		now := p.now()
		if p.o.Client.Limit().low() {
			return // what is left of it must last
		}
		for _, w := range p.watched() {
			// Whoever must wait because of a failure goes on waiting.
			if w.failures == 0 {
				w.dueAt = later(now, w.lastAt.Add(wakeGap))
			}
		}
	}
}

// Once looks once, whether it is time or not, and returns what it reported. Its
// error says what could not be asked or recorded; what could was reported.
func (p *Poller) Once(ctx context.Context) (shipbell.Report, error) {
	var sum outcome
	p.round(ctx, true, &sum)
	slices.SortStableFunc(sum.report.Events, func(a, b shipbell.Event) int { return a.At.Compare(b.At) })
	return sum.report, errors.Join(sum.errs...)
}

// outcome collects what a round came to.
type outcome struct {
	report shipbell.Report
	errs   []error
}

// Wake makes the poller look soon. It does not block.
func (p *Poller) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Hearing returns how well Cloudflare can be heard.
func (p *Poller) Hearing() shipbell.Hearing {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hearing
	h.Notes = slices.Clone(h.Notes)
	return h
}

// Looked returns when the last complete look at the account that has a project
// of one of these names began; zero if none has, or there was no such look since
// the start. What was deployed before then is recorded.
func (p *Poller) Looked(t shipbell.ProjectType, names []string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	var at time.Time
	for _, w := range p.watches {
		for _, name := range names {
			if _, ok := w.names[t][name]; ok {
				at = later(at, w.looked[t])
			}
		}
	}
	return at
}

// Base returns what the tags of a Worker say of its name: the base name and the
// environment, as far as the last look knows. Those who hear of a Worker by its
// own name alone ask it.
func (p *Poller) Base(account, script string) (project, environment, url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.watches {
		if s, ok := w.names[shipbell.Worker][script]; ok && s.script == script && (account == "" || w.account.ID == account) {
			return s.project, s.env, s.url
		}
	}
	return script, "", ""
}

func (p *Poller) watched() []*watch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.watches)
}

// round looks at every account that is due and returns when the next one is.
func (p *Poller) round(ctx context.Context, all bool, sum *outcome) time.Time {
	if err := p.load(ctx); err != nil {
		return p.unreadable(err, sum)
	}
	if !p.resolve(ctx, sum) {
		return p.next()
	}
	for _, w := range p.watched() {
		if ctx.Err() != nil {
			break
		}
		// Against the clock itself: one cut to milliseconds would be early, and spin.
		if !all && w.dueAt.After(p.o.Now()) {
			continue
		}
		if err := p.load(ctx); err != nil {
			return p.unreadable(err, sum)
		}
		p.cycle(ctx, w, sum)
	}
	return p.next()
}

// unreadable notes that memory cannot be read and returns when to try again. To go
// on without it would tell everything anew.
func (p *Poller) unreadable(err error, sum *outcome) time.Time {
	p.troubled("", err, sum)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unread++
	if p.hearing.BlindSince.IsZero() {
		p.hearing.BlindSince = p.now()
	}
	p.hearing.Reason, p.hearing.Hint = reasonOf(err), "what the poller remembers cannot be read from the data directory"
	return p.o.Now().Add(backoff(p.unread))
}

func (p *Poller) next() time.Time {
	var next time.Time
	for _, w := range p.watched() {
		if next.IsZero() || w.dueAt.Before(next) {
			next = w.dueAt
		}
	}
	return next
}

// load reads memory, unless it was.
func (p *Poller) load(ctx context.Context) error {
	if p.memory != nil {
		return nil
	}
	stored, err := p.o.Ledger.Memory(ctx, shipbell.SourcePoll)
	if err != nil {
		return err
	}
	m, err := readMemory(stored)
	if err != nil {
		return err
	}
	p.memory, p.stored, p.unread = m, stored, 0
	return nil
}

// resolve finds the accounts, unless they were found. While it fails the place of
// the accounts is taken by one without an id, which has their back-off.
func (p *Poller) resolve(ctx context.Context, sum *outcome) (found bool) {
	watches := p.watched()
	if len(watches) > 0 && watches[0].account.ID != "" {
		return true
	}
	before, started := p.o.Client.Requests(), p.now()
	accounts, err := Accounts(ctx, p.o.Client, p.o.Accounts)
	if ctx.Err() != nil {
		return false
	}
	if setup, ok := errors.AsType[*SetupError](err); err != nil && (!ok || setup.Err != nil) {
		// Nobody answered. The account of before is as good, and whether it can be
		// heard shows at once.
		if id, ok := p.memory.only(); ok {
			accounts, err = []Account{{ID: id}}, nil
		}
	}
	if err == nil {
		if len(watches) > 0 || p.memory.Accounts[""] != nil {
			// That the account is found does not mean that it can be heard, but
			// that will show at once.
			m := p.memory.account("")
			if p.sees(ctx, m, Account{}, started, nil); !m.Told {
				delete(p.memory.Accounts, "")
			}
		}
		p.mu.Lock()
		p.watches = nil
		for _, a := range accounts {
			p.watches = append(p.watches, newWatch(a))
		}
		p.mu.Unlock()
		return true
	}
	var w *watch
	if len(watches) > 0 {
		w = watches[0]
	} else {
		w = newWatch(Account{})
		p.mu.Lock()
		p.watches = []*watch{w}
		p.mu.Unlock()
	}
	w.requests = p.o.Client.Requests() - before
	p.sees(ctx, p.memory.account(""), Account{}, started, err)
	if err := p.commit(ctx, nil, sum); err != nil {
		p.troubled("", err, sum)
	}
	if sum != nil {
		sum.errs = append(sum.errs, err)
	}
	p.schedule(w, err)
	p.publish()
	return false
}

func newWatch(a Account) *watch {
	return &watch{
		account: a,
		refused: make(map[string]refusal),
		stale:   make(map[string]int),
		sites:   make(map[string]site),
		maxTags: maxLatestTags,
		names:   make(map[shipbell.ProjectType]map[string]site),
		looked:  make(map[shipbell.ProjectType]time.Time),
	}
}

// cycle looks at one account and reports.
func (p *Poller) cycle(ctx context.Context, w *watch, sum *outcome) {
	before := p.o.Client.Requests()
	l := p.newLook(w)
	l.run(ctx)
	if ctx.Err() != nil {
		// The look was broken off. What it found is found again.
		p.forget()
		return
	}
	err := errors.Join(l.errs...)
	p.sees(ctx, l.mem, w.account, l.started, err)
	if failed := p.commit(ctx, l, sum); failed != nil {
		p.troubled(w.account.ID, failed, sum)
		p.forget()
		err = errors.Join(err, failed)
	} else {
		p.learn(l, err == nil)
		if p.complete(ctx, l) {
			if failed := p.commit(ctx, l, sum); failed != nil {
				p.troubled(w.account.ID, failed, sum)
				p.forget()
			}
		}
	}
	if sum != nil && err != nil {
		sum.errs = append(sum.errs, err)
	}
	w.requests = p.o.Client.Requests() - before
	w.lastAt = l.started
	w.notes = l.notes
	p.schedule(w, err)
	p.publish()
}

// forget has memory read again: a report that failed may have been stored.
func (p *Poller) forget() { p.memory = nil }

// commit reports what was found, the old in silence, and stores memory if it has
// changed.
func (p *Poller) commit(ctx context.Context, l *look, sum *outcome) error {
	var events, baseline []shipbell.Event
	var late time.Time
	if l != nil {
		events, baseline = p.allowed(l.events), p.allowed(l.baseline)
		l.events, l.baseline = nil, nil
		late = l.started.Add(-lateAfter)
	}
	memory := p.memory.write()
	if memory == p.stored {
		memory = ""
	}
	if len(baseline) > 0 {
		r := shipbell.Report{Source: shipbell.SourcePoll, Events: baseline, Baseline: true}
		if len(events) == 0 {
			r.Memory = memory
		}
		if err := p.report(ctx, r, sum); err != nil {
			return err
		}
		if len(events) == 0 {
			return nil
		}
	}
	if len(events) == 0 && memory == "" {
		return nil
	}
	r := shipbell.Report{Source: shipbell.SourcePoll, Events: events, Memory: memory}
	if slices.ContainsFunc(events, func(e shipbell.Event) bool { return e.At.Before(late) }) {
		r.LateBefore = late
	}
	return p.report(ctx, r, sum)
}

func (p *Poller) report(ctx context.Context, r shipbell.Report, sum *outcome) error {
	if !p.o.DryRun {
		if err := p.o.Ledger.Report(ctx, r); err != nil {
			return err
		}
	}
	if r.Memory != "" {
		p.stored = r.Memory
	}
	if sum != nil {
		sum.report.Source = r.Source
		sum.report.Baseline = r.Baseline && (sum.report.Baseline || len(sum.report.Events) == 0)
		sum.report.Events = append(sum.report.Events, r.Events...)
		sum.report.LateBefore = later(sum.report.LateBefore, r.LateBefore)
		sum.report.Memory = cmp.Or(r.Memory, sum.report.Memory)
	}
	return nil
}

// allowed returns what people want to hear of, the oldest first.
func (p *Poller) allowed(events []shipbell.Event) []shipbell.Event {
	var kept []shipbell.Event
	for _, e := range sealed(events...) {
		if allowed(p.o.Allow, e) {
			e.ReceivedAt = p.now()
			kept = append(kept, e)
		}
	}
	slices.SortStableFunc(kept, func(a, b shipbell.Event) int { return a.At.Compare(b.At) })
	return kept
}

// allowed reports whether the project passes under one of its names.
func allowed(allow func(shipbell.ProjectType, string) bool, e shipbell.Event) bool {
	return allow(e.Type, e.Project) || e.Script != "" && allow(e.Type, e.Script)
}

// sees keeps whether an account can be heard.
func (p *Poller) sees(ctx context.Context, m *accountMemory, a Account, at time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := witness{source: shipbell.SourcePoll, ledger: p.o.Ledger, log: p.o.Log.With("account", a.ID), dry: p.o.DryRun}
	if len(p.watches) > 1 {
		w.of = "/" + a.ID
	}
	b, blind := w.sees(ctx, &m.sight, p.reason[a.ID], at, err)
	if p.reason[a.ID] = b; !blind {
		delete(p.reason, a.ID)
	}
}

// schedule says when the account is due again.
func (p *Poller) schedule(w *watch, err error) {
	now, limit := p.now(), p.o.Client.Limit()
	if err == nil {
		w.failures = 0
		w.dueAt = later(now.Add(p.pace(limit, now, w.requests)), limit.ClosedUntil)
		return
	}
	w.failures++
	w.dueAt = later(now.Add(max(backoff(w.failures), limited(err))), limit.ClosedUntil)
}

// pace is the time to the next cycle: the interval, and more where little of the
// limit is left. Half of what is left is for others, such as people's own
// wrangler; the other half must last until the window ends.
func (p *Poller) pace(l Limit, now time.Time, cost int) time.Duration {
	if !l.low() {
		return p.o.Interval
	}
	window := l.ResetAt.Sub(now)
	cycles := (l.Remaining - l.reserve()) / (2 * max(cost, 1))
	if cycles < 1 {
		return max(p.o.Interval, window)
	}
	return max(p.o.Interval, window/time.Duration(cycles))
}

// troubled notes that the ledger failed.
func (p *Poller) troubled(account string, err error, sum *outcome) {
	if sum != nil {
		sum.errs = append(sum.errs, err)
	}
	if errors.Is(err, context.Canceled) {
		return // the server stops
	}
	p.o.Log.Error("what Cloudflare says cannot be recorded", "account", account, "error", err)
}

// learn keeps what others ask about: names, and when they were looked at.
func (p *Poller) learn(l *look, complete bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for t, names := range l.names {
		if l.whole[t] || l.watch.names[t] == nil {
			l.watch.names[t] = names
			continue
		}
		maps.Copy(l.watch.names[t], names)
	}
	for t, looked := range l.looked {
		if looked {
			l.watch.looked[t] = l.started
		}
	}
	if complete {
		l.watch.heardAt = l.started
	}
}

// publish makes one hearing of those of all accounts.
func (p *Poller) publish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := shipbell.Hearing{Source: shipbell.SourcePoll, Remaining: p.o.Client.Limit().Remaining}
	var reasons, hints []string
	for _, w := range p.watches {
		h.Requests += w.requests
		if h.LastHeard.IsZero() || w.heardAt.Before(h.LastHeard) {
			h.LastHeard = w.heardAt
		}
		prefix := ""
		if len(p.watches) > 1 {
			prefix = "account " + w.account.ID + ": "
		}
		for _, n := range w.notes {
			h.Notes = append(h.Notes, prefix+n)
		}
		for _, n := range w.lasting {
			if p.o.Now().Before(n.at.Add(lastsFor)) {
				h.Notes = append(h.Notes, prefix+n.text)
			}
		}
		b, blind := p.reason[w.account.ID]
		if !blind {
			continue
		}
		if h.BlindSince.IsZero() || b.since.Before(h.BlindSince) {
			h.BlindSince = b.since
		}
		reasons = append(reasons, prefix+b.reason)
		if b.hint != "" && !slices.Contains(hints, b.hint) {
			hints = append(hints, b.hint)
		}
	}
	h.Reason, h.Hint = strings.Join(reasons, "; "), strings.Join(hints, "; ")
	p.hearing = h
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// errWhat words what was asked for when an error came.
func errWhat(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
