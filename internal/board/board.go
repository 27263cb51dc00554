// Package board keeps in mind what is live where, for whoever looks.
//
// Its one rule: a card says what the ledger holds. It is made from the ledger, is
// brought up to date with every change, and is made anew where a change is more
// than one of its deployments going on. Nothing is decided here.
package board

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// Ledger is what a board asks of the ledger.
type Ledger interface {
	Places(ctx context.Context, n int) ([]shipbell.Place, error)
	Unlisted(ctx context.Context) (int, error)
	Recent(ctx context.Context, p shipbell.Place, n int) ([]shipbell.Deployment, error)
	List(ctx context.Context, f shipbell.Filter, after shipbell.Position, n int) (ledger.List, error)
	Brought(ctx context.Context, d shipbell.Deployment) (shipbell.Deployment, error)
}

const (
	// recent is how many deployments of a place are looked at to make its cards.
	recent = 64
	// usual is of how many successful deployments the usual duration is the median,
	// and usualAtLeast how many there must be.
	usual        = 20
	usualAtLeast = 3
	// abandoned is the age at which a deployment without an outcome does not count as
	// under way any more, and forgotten that of one that was only announced: most
	// pushes are never heard of again.
	abandoned = 24 * time.Hour
	forgotten = time.Hour
	// listedEnough is how many deployments the lists may lack when the board reads
	// them: so many are taken in by the first look.
	listedEnough = 1000
	// keptUnderWay bounds those under way on a card.
	keptUnderWay = 8
	// between is the pause between two readings of what changes often, and afterFailure
	// that after one that failed.
	between      = 50 * time.Millisecond
	afterFailure = time.Second
	// anewWithin bounds how long it is waited for that all cards are made anew.
	anewWithin = 30 * time.Second
	// DefaultKeep is how many cards a board keeps where nothing else is said.
	DefaultKeep = 5000
)

// Spot is what a card is about.
type Spot struct {
	Type        shipbell.ProjectType
	Project     string
	Environment string
}

// String is the spot as one word of a URL: worker/api-service/production. A name may
// hold a slash of its own.
func (s Spot) String() string {
	return string(s.Type) + "/" + url.PathEscape(s.Project) + "/" + url.PathEscape(s.Environment)
}

// ParseSpot reads what String returns. Anything else is [shipbell.ErrInvalid].
func ParseSpot(text string) (Spot, error) {
	var s Spot
	var err error
	typ, rest, _ := strings.Cut(text, "/")
	project, environment, ok := strings.Cut(rest, "/")
	if s.Type, err = shipbell.ParseProjectType(typ); err == nil {
		s.Project, err = url.PathUnescape(project)
	}
	if err == nil {
		s.Environment, err = url.PathUnescape(environment)
	}
	if !ok || err != nil || s.String() != text {
		return Spot{}, fmt.Errorf("project %q: %w: as an earlier answer gave it", text, shipbell.ErrInvalid)
	}
	return s, nil
}

// Compare orders spots by project, environment and type.
func (s Spot) Compare(o Spot) int {
	return cmp.Or(strings.Compare(s.Project, o.Project), strings.Compare(s.Environment, o.Environment), strings.Compare(string(s.Type), string(o.Type)))
}

// Card says how one environment of a project is.
type Card struct {
	Spot
	// Live is the newest deployment that succeeded; nil where none is known.
	Live *shipbell.Deployment
	// Brought is the one that brought the version which Live put back; nil where that
	// is Live itself.
	Brought *shipbell.Deployment
	// UnderWay are the deployments without an outcome, the newest first.
	UnderWay []shipbell.Deployment
	// Failed is the newest deployment that failed; nil where none is known.
	Failed *shipbell.Deployment
	// Frozen is the newest deployment with which production did not move; nil where
	// there is none, or where something newer went live.
	Frozen *shipbell.Deployment
	// Last is the newest deployment, whatever became of it.
	Last shipbell.Deployment
	// Usual is how long a deployment usually takes; zero where too few are known.
	Usual time.Duration

	took []time.Duration // of the newest that succeeded, the newest last
	// known is the state once it was worked out; of a card that goes on it is empty.
	known State
}

// State is what a card says in one word.
type State string

// The states of a card, in the order in which people should see them.
const (
	StateFrozen   State = "frozen"    // production did not move
	StateFailing  State = "failing"   // the newest outcome is a failure
	StateUnderWay State = "under_way" // something is going out
	StateLive     State = "live"
	// StateAnnounced: nothing is known to have succeeded, and of the newest one
	// nobody told how it ended.
	StateAnnounced State = "announced"
	StateUnknown   State = "unknown" // nothing has succeeded that is known of
)

// States returns the states in the order in which people should see them.
func States() []State {
	return []State{StateFrozen, StateFailing, StateUnderWay, StateLive, StateAnnounced, StateUnknown}
}

// State returns the card's state.
func (c Card) State() State {
	switch {
	case c.known != "":
		return c.known
	case c.Frozen != nil:
		return StateFrozen
	case c.Failing():
		return StateFailing
	case len(c.UnderWay) > 0:
		return StateUnderWay
	case c.Live != nil:
		return StateLive
	case c.Last.Status == shipbell.Announced:
		return StateAnnounced
	}
	return StateUnknown
}

// Failing reports whether the last failure is newer than what is live.
func (c Card) Failing() bool {
	return c.Failed != nil && (c.Live == nil || moment(*c.Live).Before(moment(*c.Failed)))
}

// Passes reports whether a deployment that the card shows passes a filter.
func (c *Card) Passes(f shipbell.Filter) bool {
	if f.Empty() || f.Match(c.Last) {
		return true
	}
	for _, d := range []*shipbell.Deployment{c.Live, c.Failed, c.Frozen} {
		if d != nil && f.Match(*d) {
			return true
		}
	}
	return slices.ContainsFunc(c.UnderWay, f.Match)
}

// moment is when a deployment took its place among the others.
func moment(d shipbell.Deployment) time.Time {
	if d.Status == shipbell.Success && !d.FinishedAt.IsZero() {
		return d.FinishedAt
	}
	return d.StartedAt
}

// Options are the parts that a board works with.
type Options struct {
	Ledger Ledger
	// Keep is how many cards are kept at least; 0 means [DefaultKeep]. There can be a
	// tenth more: to choose those that leave all are looked at.
	Keep int
	Now  func() time.Time
	Log  *slog.Logger
}

// Board keeps the cards. Make one with New; it is empty until Run has read the
// ledger.
type Board struct {
	Options
	woken chan struct{} // something is to be made anew

	mu      sync.RWMutex
	cards   map[Spot]Card
	spots   map[shipbell.DeploymentID]Spot // where a deployment is shown
	changed map[Spot]int64                 // the version at which a change was last taken in
	since   int64                          // the version when the last card was begun to be made anew
	version int64
	ready   chan struct{}
	anew    map[shipbell.Place]bool // whose cards are to be made anew
	anewed  chan struct{}           // closed once all are; nil where nobody waits
	early   []ledger.News           // told while the ledger was read
	reading bool                    // the ledger is being read, or was
	loaded  bool
	full    bool // cards have left

	ordering sync.Mutex // held while order is used; taken before mu
	order    order
}

// New makes a board.
func New(o Options) *Board {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Keep = cmp.Or(o.Keep, DefaultKeep)
	b := &Board{Options: o, ready: make(chan struct{}), woken: make(chan struct{}, 1)}
	b.clear()
	return b
}

// clear forgets all cards.
func (b *Board) clear() {
	b.cards, b.changed, b.spots, b.anew = make(map[Spot]Card), make(map[Spot]int64), make(map[shipbell.DeploymentID]Spot), make(map[shipbell.Place]bool)
	b.full = false
}

// Ready is closed once the board has read the ledger.
func (b *Board) Ready() <-chan struct{} { return b.ready }

// Cards returns all cards in the order in which people should see them: by state;
// of those that need somebody or are under way the one with the newest deployment
// first, and the others by name; and a version that
// grows when a card changes. The caller must not change them: they are made once
// for all who ask before the next change.
func (b *Board) Cards() ([]Card, int64) {
	b.ordering.Lock()
	defer b.ordering.Unlock()
	now := b.Now()
	b.mu.RLock()
	defer b.mu.RUnlock()
	if o := b.order; o.version != b.version || o.at.IsZero() || now.Before(o.at) || now.Sub(o.at) >= orderFor {
		b.order = order{cards: inOrder(b.cards, now), version: b.version, at: now}
	}
	return b.order.cards, b.order.version
}

// orderFor is how long cards are kept in order although nothing changed: with the
// time what is under way is not any more.
const orderFor = time.Second

// order is the cards in order, as they were at a time.
type order struct {
	cards   []Card
	version int64
	at      time.Time
}

// inOrder returns the cards in order. They are large: what is sorted is where they
// stand.
func inOrder(cards map[Spot]Card, now time.Time) []Card {
	states := States()
	all := make([]Card, 0, len(cards))
	type place struct{ state, card int }
	places := make([]place, 0, len(cards))
	for _, c := range cards {
		c = c.current(now)
		c.known = c.State()
		places = append(places, place{slices.Index(states, c.known), len(all)})
		all = append(all, c)
	}
	slices.SortFunc(places, func(x, y place) int {
		a, b := &all[x.card], &all[y.card]
		newest := 0
		if newestFirst(a.known) {
			newest = b.Last.StartedAt.Compare(a.Last.StartedAt)
		}
		return cmp.Or(cmp.Compare(x.state, y.state), newest, a.Spot.Compare(b.Spot))
	})
	sorted := make([]Card, len(all))
	for i, p := range places {
		sorted[i] = all[p.card]
	}
	return sorted
}

// newestFirst reports whether the cards of a state are looked at for what is new.
// Those of the others are looked up, and found where they were.
func newestFirst(s State) bool {
	return s == StateFrozen || s == StateFailing || s == StateUnderWay
}

// Card returns the card of a spot, or [shipbell.ErrNotFound].
func (b *Board) Card(s Spot) (Card, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	c, ok := b.cards[s]
	if !ok {
		return Card{}, shipbell.ErrNotFound
	}
	return c.current(b.Now()), nil
}

// current leaves out what is not to be taken for under way any more, and what is
// frozen: it does not move.
func (c Card) current(now time.Time) Card {
	if len(c.UnderWay) == 0 {
		return c
	}
	c.UnderWay = slices.DeleteFunc(slices.Clone(c.UnderWay), func(d shipbell.Deployment) bool {
		old := abandoned
		if d.Status == shipbell.Announced {
			old = forgotten
		}
		return d.Frozen() || now.Sub(d.StartedAt) > old || c.Live != nil && d.StartedAt.Before(c.Live.StartedAt)
	})
	return c
}

// Run reads the ledger, and makes cards anew that need it, until ctx is done.
func (b *Board) Run(ctx context.Context) error {
	for {
		err := b.catchUp(ctx)
		pause := between
		if err != nil {
			pause = afterFailure
			if ctx.Err() == nil && !errors.Is(err, errBehind) {
				b.Log.Warn("could not read what is live where; trying again", "error", err)
			}
			b.wake()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.woken:
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// catchUp reads what is to be read.
func (b *Board) catchUp(ctx context.Context) error {
	b.mu.RLock()
	loaded, places := b.loaded, slices.Collect(maps.Keys(b.anew))
	b.mu.RUnlock()
	if !loaded {
		return b.load(ctx)
	}
	for _, p := range places {
		if err := b.reload(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// Reset has all cards made anew: changes are missing before the next that is told. It
// returns when they are, or ctx is done, or it takes too long. Until then the cards stay
// as they were.
func (b *Board) Reset(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, anewWithin)
	defer stop()
	b.mu.Lock()
	b.loaded, b.reading, b.early = false, false, nil
	if b.anewed == nil {
		b.anewed = make(chan struct{})
	}
	anewed := b.anewed
	b.wake()
	b.mu.Unlock()
	select {
	case <-anewed:
	case <-ctx.Done():
	}
}

func (b *Board) wake() {
	select {
	case b.woken <- struct{}{}:
	default:
	}
}

// errBehind says that the lists lack so much that cards made of them would be wrong.
var errBehind = errors.New("the lists are being brought up to date")

func (b *Board) load(ctx context.Context) error {
	made, err := b.readAll(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.reading, b.early = false, nil // what is told now is in the ledger when it is read
		return err
	}
	if !b.reading {
		b.wake() // it was reset meanwhile
		return nil
	}
	b.version++
	b.clear()
	for s, c := range made {
		b.put(s, c)
	}
	b.loaded = true
	b.apply(b.early)
	b.early = nil
	select {
	case <-b.ready:
	default:
		close(b.ready)
	}
	if b.anewed != nil {
		close(b.anewed)
		b.anewed = nil
	}
	return nil
}

// readAll makes all cards. What is told meanwhile is kept for them.
func (b *Board) readAll(ctx context.Context) (map[Spot]Card, error) {
	if left, err := b.Ledger.Unlisted(ctx); err != nil || left > listedEnough {
		return nil, cmp.Or(err, errBehind)
	}
	b.mu.Lock()
	b.reading, b.early = true, nil // what was told before is in the ledger
	b.mu.Unlock()
	places, err := b.Ledger.Places(ctx, b.Keep)
	if err != nil {
		return nil, err
	}
	return b.read(ctx, places)
}

// read makes the cards of all places. What was deployed last says nearly all of it:
// asking for the list of each card took 14 s with a million deployments in
// PostgreSQL.
func (b *Board) read(ctx context.Context, places []shipbell.Place) (map[Spot]Card, error) {
	known := make(map[Spot][]shipbell.Deployment)
	cut := false // a place has more than was read of it
	for _, p := range places {
		newest, err := b.Ledger.Recent(ctx, p, recent)
		if err != nil {
			return nil, err
		}
		cut = cut || len(newest) == recent
		for _, d := range newest {
			known[spotOf(d)] = append(known[spotOf(d)], d.Short())
		}
	}
	made := make(map[Spot]Card, len(known))
	for s, all := range known {
		c, err := b.complete(ctx, s, all, cut)
		if err != nil {
			return nil, err
		}
		made[s] = c
	}
	return made, nil
}

// reload makes the cards of a place anew. One that changes meanwhile stays as it is,
// and is read once more: what was read may be older.
func (b *Board) reload(ctx context.Context, p shipbell.Place) error {
	b.mu.Lock()
	before := b.version
	b.since = before
	delete(b.anew, p)
	b.mu.Unlock()
	made, err := b.readPlace(ctx, p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.anew[p] = true
		return err
	}
	b.version++
	for s, c := range made {
		if b.changed[s] > before {
			b.askAnew(c.Last)
			continue
		}
		b.put(s, c)
	}
	return nil
}

// readPlace makes the cards of a place, each from its own list.
func (b *Board) readPlace(ctx context.Context, p shipbell.Place) (map[Spot]Card, error) {
	newest, err := b.Ledger.Recent(ctx, p, recent)
	if err != nil {
		return nil, err
	}
	made := make(map[Spot]Card)
	for _, d := range newest {
		s := spotOf(d)
		if _, done := made[s]; done {
			continue
		}
		if made[s], err = b.make(ctx, s); err != nil {
			return nil, err
		}
	}
	return made, nil
}

func spotOf(d shipbell.Deployment) Spot {
	return Spot{d.Type, d.Project, cmp.Or(d.Environment, shipbell.Production)}
}

// make makes a card from the list.
func (b *Board) make(ctx context.Context, s Spot) (Card, error) {
	newest, err := b.Ledger.List(ctx, s.filter(), shipbell.Position{}, usual)
	if err != nil {
		return Card{}, err
	}
	return b.complete(ctx, s, newest.Deployments, len(newest.Deployments) == usual)
}

func (s Spot) filter() shipbell.Filter {
	return shipbell.Filter{Type: s.Type, Project: s.Project, Environment: s.Environment}
}

// complete makes a card of the newest deployments of a spot, and of the last that
// succeeded and that failed, should there be more and none among them.
func (b *Board) complete(ctx context.Context, s Spot, all []shipbell.Deployment, more bool) (Card, error) {
	c, f := Card{Spot: s}, s.filter()
	for _, status := range []shipbell.Status{shipbell.Success, shipbell.Failure} {
		if !more || slices.ContainsFunc(all, func(d shipbell.Deployment) bool { return d.Status == status }) {
			continue
		}
		f.Status = []shipbell.Status{status}
		older, err := b.Ledger.List(ctx, f, shipbell.Position{}, usualAtLeast)
		if err != nil {
			return c, err
		}
		all = append(all, older.Deployments...)
	}
	slices.SortFunc(all, func(x, y shipbell.Deployment) int {
		return cmp.Or(x.StartedAt.Compare(y.StartedAt), cmp.Compare(x.ID, y.ID))
	})
	for _, d := range all {
		c = c.with(d)
	}
	return b.withBrought(ctx, c)
}

func (b *Board) withBrought(ctx context.Context, c Card) (Card, error) {
	c.Brought = nil
	if c.Live == nil || c.Live.Commit != "" {
		return c, nil
	}
	d, err := b.Ledger.Brought(ctx, *c.Live)
	if errors.Is(err, shipbell.ErrNotFound) {
		return c, nil
	}
	d = d.Short()
	c.Brought = &d
	return c, err
}

// with takes in a deployment as it is now. A card that may show less than before
// needs to be made anew, see [Card.lost].
func (c Card) with(d shipbell.Deployment) Card {
	d = d.Short()
	if c.Last.ID == 0 || c.Last.ID == d.ID || !d.StartedAt.Before(c.Last.StartedAt) {
		c.Last = d
	}
	c.UnderWay = slices.DeleteFunc(slices.Clone(c.UnderWay), func(o shipbell.Deployment) bool { return o.ID == d.ID })
	switch {
	case !d.Status.Final():
		c.UnderWay = append(c.UnderWay, d)
		slices.SortFunc(c.UnderWay, func(x, y shipbell.Deployment) int {
			return cmp.Or(y.StartedAt.Compare(x.StartedAt), cmp.Compare(y.ID, x.ID))
		})
		c.UnderWay = c.UnderWay[:min(keptUnderWay, len(c.UnderWay))]
	case d.Status == shipbell.Success:
		c = c.withSuccess(d)
	case d.Status == shipbell.Failure && (c.Failed == nil || c.Failed.ID == d.ID || !d.StartedAt.Before(c.Failed.StartedAt)):
		c.Failed = &d
	}
	switch {
	case d.Frozen() && (c.Frozen == nil || !d.StartedAt.Before(c.Frozen.StartedAt)) && (c.Live == nil || c.Live.StartedAt.Before(d.StartedAt)):
		c.Frozen = &d
	case c.Frozen != nil && c.Frozen.ID == d.ID, c.Frozen != nil && c.Live != nil && !c.Live.StartedAt.Before(c.Frozen.StartedAt):
		c.Frozen = nil
	}
	return c
}

func (c Card) withSuccess(d shipbell.Deployment) Card {
	known := c.Live != nil && c.Live.ID == d.ID
	if c.Live == nil || known || !moment(d).Before(moment(*c.Live)) {
		c.Live = &d
	}
	if took := d.Took(); took > 0 && !known {
		c.took = append(slices.Clone(c.took), took)
		if len(c.took) > usual {
			c.took = c.took[len(c.took)-usual:]
		}
		c.Usual = 0
		if len(c.took) >= usualAtLeast {
			sorted := slices.Sorted(slices.Values(c.took))
			c.Usual = sorted[len(sorted)/2]
		}
	}
	return c
}

// lost reports whether a deployment is not any more what the card shows of it, so
// that an older one must take its place.
func (c Card) lost(d shipbell.Deployment) bool {
	return c.Live != nil && c.Live.ID == d.ID && d.Status != shipbell.Success ||
		c.Failed != nil && c.Failed.ID == d.ID && d.Status != shipbell.Failure
}

// Apply takes in what changed. It does no I/O and is told in order.
func (b *Board) Apply(news []ledger.News) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.loaded {
		for _, n := range news {
			if b.reading {
				n.Deployment = n.Deployment.Short()
				b.early = append(b.early, n)
			}
		}
		return
	}
	b.apply(news)
}

func (b *Board) apply(news []ledger.News) {
	for _, n := range news {
		b.version++
		d := n.Deployment
		if n.Was != 0 {
			b.drop(n.Was)
		}
		if d.ID == 0 || d.Type == "" {
			continue
		}
		s := spotOf(d)
		if before, shown := b.spots[d.ID]; shown && before != s {
			b.drop(d.ID) // what it is named, or where it goes, became known
		}
		c, known := b.cards[s]
		c.Spot = s
		lost := known && c.lost(d)
		before := c.Live
		c = c.with(d)
		b.put(s, c)
		b.changed[s] = b.version
		if lost || !known && b.full || c.Live != nil && c.Live.Commit == "" && (before == nil || before.ID != c.Live.ID) {
			b.askAnew(d)
		}
	}
}

// put stores a card, and where its deployments are shown.
func (b *Board) put(s Spot, c Card) {
	for id := range b.cards[s].shows {
		delete(b.spots, id)
	}
	for id := range c.shows {
		b.spots[id] = s
	}
	b.cards[s] = c
	if len(b.cards) > b.Keep+b.Keep/10 {
		b.shrink()
	}
}

// shrink has those cards leave that were not deployed to for longest: not by the time
// that a build step tells, but in the order in which deployments were heard of.
func (b *Board) shrink() {
	if !b.full {
		b.full = true
		b.Log.Warn("there are more projects and environments than the dashboard keeps in mind; those that were not deployed to for longest leave it", "kept", b.Keep)
	}
	type place struct {
		spot   Spot
		newest shipbell.DeploymentID
	}
	places := make([]place, 0, len(b.cards))
	for s, c := range b.cards {
		p := place{spot: s}
		for id := range c.shows {
			p.newest = max(p.newest, id)
		}
		places = append(places, p)
	}
	slices.SortFunc(places, func(x, y place) int { return cmp.Compare(y.newest, x.newest) })
	for _, p := range places[b.Keep:] {
		for id := range b.cards[p.spot].shows {
			delete(b.spots, id)
		}
		delete(b.cards, p.spot)
	}
	// Nobody asks for those any more.
	maps.DeleteFunc(b.changed, func(_ Spot, at int64) bool { return at <= b.since })
}

// shows calls yield for each deployment that the card shows.
func (c Card) shows(yield func(shipbell.DeploymentID) bool) {
	for _, d := range []*shipbell.Deployment{&c.Last, c.Live, c.Failed, c.Frozen} {
		if d != nil && d.ID != 0 && !yield(d.ID) {
			return
		}
	}
	for _, d := range c.UnderWay {
		if !yield(d.ID) {
			return
		}
	}
}

// drop makes the card anew that shows a deployment which is not its any more.
func (b *Board) drop(id shipbell.DeploymentID) {
	s, shown := b.spots[id]
	if !shown {
		return
	}
	c := b.cards[s]
	last := c.Last
	b.put(s, c.without(id))
	b.changed[s] = b.version
	if c := b.cards[s]; c.Last.ID == 0 && c.Live == nil && c.Failed == nil && len(c.UnderWay) == 0 {
		delete(b.cards, s) // it was all that the card showed
	}
	b.askAnew(last)
}

// without takes a deployment off a card, which must be made anew then.
func (c Card) without(id shipbell.DeploymentID) Card {
	if c.Last.ID == id {
		c.Last = shipbell.Deployment{}
	}
	for _, d := range []**shipbell.Deployment{&c.Live, &c.Failed, &c.Frozen} {
		if *d != nil && (*d).ID == id {
			*d = nil
		}
	}
	c.UnderWay = slices.DeleteFunc(slices.Clone(c.UnderWay), func(d shipbell.Deployment) bool { return d.ID == id })
	return c
}

// askAnew has the cards of a deployment's place made anew, before long.
func (b *Board) askAnew(d shipbell.Deployment) {
	b.anew[shipbell.Place{Type: d.Type, Name: d.Names()[0]}] = true
	b.wake()
}
