// Package memory is a ledger.Store that forgets everything when the process
// ends. Tests and simulations use it; it is the shortest statement of what a
// store does.
//
// Its one rule: every change leaves an undo behind until its transaction is
// over, so that a failed transaction leaves nothing.
package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// Store is a ledger.Store in memory. It is safe for concurrent use.
type Store struct {
	mu   sync.RWMutex
	data data
}

type data struct {
	deployments   map[shipbell.DeploymentID]shipbell.Deployment
	events        map[shipbell.DeploymentID][]shipbell.Event
	announcements map[announcementKey]shipbell.Announcement
	attempts      map[shipbell.DeploymentID][]shipbell.Attempt
	lanes         map[shipbell.ChannelID]shipbell.Lane
	ids           map[shipbell.KeyIdentity]known
	merged        map[shipbell.DeploymentID]shipbell.DeploymentID
	bulletins     map[shipbell.BulletinID]shipbell.Bulletin
	memories      map[shipbell.Source]string
	watches       map[shipbell.DeploymentID]time.Time
	tokens        map[shipbell.TokenID]shipbell.Token
	secrets       map[string]string
	changes       []shipbell.DeploymentID
	acts          []shipbell.Act
	lastID        shipbell.DeploymentID
	lastBulletin  shipbell.BulletinID
	firstPosition int64
	lastRecorded  time.Time
}

type announcementKey struct {
	deployment shipbell.DeploymentID
	channel    shipbell.ChannelID
	part       shipbell.Part
}

func keyOf(a shipbell.Announcement) announcementKey {
	return announcementKey{a.Deployment, a.Channel, a.Part}
}

// known is what is kept of a key. Position orders the ids that the state lists;
// zero is not listed.
type known struct {
	deployment shipbell.DeploymentID
	position   int64
	seen       time.Time
}

// New makes an empty store.
func New() *Store {
	return &Store{data: data{
		deployments:   make(map[shipbell.DeploymentID]shipbell.Deployment),
		events:        make(map[shipbell.DeploymentID][]shipbell.Event),
		announcements: make(map[announcementKey]shipbell.Announcement),
		attempts:      make(map[shipbell.DeploymentID][]shipbell.Attempt),
		lanes:         make(map[shipbell.ChannelID]shipbell.Lane),
		ids:           make(map[shipbell.KeyIdentity]known),
		merged:        make(map[shipbell.DeploymentID]shipbell.DeploymentID),
		bulletins:     make(map[shipbell.BulletinID]shipbell.Bulletin),
		memories:      make(map[shipbell.Source]string),
		watches:       make(map[shipbell.DeploymentID]time.Time),
		tokens:        make(map[shipbell.TokenID]shipbell.Token),
		secrets:       make(map[string]string),
	}}
}

// Update implements [ledger.Store].
func (s *Store) Update(ctx context.Context, fn func(ledger.Tx) error, _ ...shipbell.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &tx{data: &s.data}
	if err := fn(t); err != nil {
		for _, undo := range slices.Backward(t.undo) {
			undo()
		}
		return err
	}
	return nil
}

// View implements [ledger.Store].
func (s *Store) View(ctx context.Context, fn func(ledger.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn(&tx{data: &s.data})
}

// Check implements [ledger.Store].
func (s *Store) Check(ctx context.Context) error { return ctx.Err() }

// Close implements [ledger.Store].
func (s *Store) Close() error { return nil }

type tx struct {
	*data
	undo []func()
}

// put sets a map entry and remembers how to take it back.
func put[K comparable, V any](t *tx, m map[K]V, k K, v V) {
	old, had := m[k]
	t.undo = append(t.undo, func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
	m[k] = v
}

// drop deletes a map entry and remembers how to take it back.
func drop[K comparable, V any](t *tx, m map[K]V, k K) {
	if old, had := m[k]; had {
		t.undo = append(t.undo, func() { m[k] = old })
		delete(m, k)
	}
}

// set assigns and remembers how to take it back.
func set[V any](t *tx, p *V, v V) {
	old := *p
	t.undo = append(t.undo, func() { *p = old })
	*p = v
}

func (t *tx) Find(keys []shipbell.Key) ([]ledger.Found, error) {
	var found []ledger.Found
	for _, k := range keys {
		if n, ok := t.ids[k.Identity()]; ok {
			found = append(found, ledger.Found{Key: k.Identity(), Deployment: n.deployment})
		}
	}
	return found, nil
}

func (t *tx) Deployment(id shipbell.DeploymentID) (shipbell.Deployment, error) {
	d, ok := t.deployments[id]
	if !ok {
		return shipbell.Deployment{}, shipbell.ErrNotFound
	}
	return d, nil
}

func (t *tx) Open(d shipbell.Deployment) (shipbell.DeploymentID, error) {
	if found, _ := t.Find(d.Keys); len(found) > 0 {
		return 0, shipbell.ErrConflict
	}
	d.ID = t.lastID + 1
	set(t, &t.lastID, d.ID)
	set(t, &t.lastRecorded, d.RecordedAt)
	put(t, t.deployments, d.ID, d)
	t.bind(d)
	return d.ID, nil
}

func (t *tx) Save(d shipbell.Deployment) error {
	put(t, t.deployments, d.ID, d)
	t.bind(d)
	return nil
}

func (t *tx) bind(d shipbell.Deployment) {
	for _, k := range d.Keys {
		if _, ok := t.ids[k.Identity()]; ok {
			continue
		}
		n := known{deployment: d.ID, seen: d.RecordedAt}
		if k.ID == d.ShownID {
			n.position = int64(d.ID)
		}
		put(t, t.ids, k.Identity(), n)
	}
}

func (t *tx) AddEvent(id shipbell.DeploymentID, e shipbell.Event) error {
	events := t.events[id]
	if slices.ContainsFunc(events, func(o shipbell.Event) bool { return o.Source == e.Source && o.ID == e.ID }) {
		return shipbell.ErrConflict
	}
	put(t, t.events, id, append(slices.Clip(events), e))
	return nil
}

func (t *tx) Events(id shipbell.DeploymentID) ([]shipbell.Event, error) {
	return slices.SortedStableFunc(slices.Values(t.events[id]), func(a, b shipbell.Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Source, b.Source), cmp.Compare(a.ID, b.ID))
	}), nil
}

func (t *tx) Absorb(older, younger shipbell.DeploymentID) error {
	for _, e := range t.events[younger] {
		// An event that both have is kept once.
		_ = t.AddEvent(older, e)
	}
	drop(t, t.events, younger)
	for id, n := range maps.Clone(t.ids) {
		if n.deployment == younger {
			n.deployment = older
			put(t, t.ids, id, n)
		}
	}
	moved := slices.Clone(t.attempts[older])
	for _, a := range t.attempts[younger] {
		a.Deployment = older
		moved = append(moved, a)
	}
	if len(moved) > 0 {
		put(t, t.attempts, older, moved)
	}
	t.forgetDeliveries(younger)
	drop(t, t.deployments, younger)
	drop(t, t.watches, younger)
	for id, into := range maps.Clone(t.merged) {
		if into == younger {
			put(t, t.merged, id, older)
		}
	}
	put(t, t.merged, younger, older)
	return nil
}

func (t *tx) Merged(id shipbell.DeploymentID) (shipbell.DeploymentID, error) {
	into, ok := t.merged[id]
	if !ok {
		return 0, shipbell.ErrNotFound
	}
	return into, nil
}

func (t *tx) Recent(typ shipbell.ProjectType, names []string, n int, unnamed bool) ([]shipbell.Deployment, error) {
	var all []shipbell.Deployment
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(t.deployments))) {
		d := t.deployments[id]
		if len(all) < n && d.Type == typ && slices.Contains(names, d.Names()[0]) && (!unnamed || !d.Named()) {
			all = append(all, d)
		}
	}
	return all, nil
}

func (t *tx) Announce(id shipbell.DeploymentID, want shipbell.Revision, channels []shipbell.ChannelID) error {
	for _, c := range channels {
		a := shipbell.Announcement{Deployment: id, Channel: c, Urgency: shipbell.UrgencyNormal, Wanted: want}
		put(t, t.announcements, keyOf(a), a)
	}
	return nil
}

func (t *tx) Stale(c shipbell.ChannelID, now time.Time) (shipbell.Announcement, error) {
	var best shipbell.Announcement
	var next time.Time
	for k, a := range t.announcements {
		if k.channel != c || !a.Stale() {
			continue
		}
		if a.DueAt.After(now) {
			if next.IsZero() || a.DueAt.Before(next) {
				next = a.DueAt
			}
			continue
		}
		if best.Deployment == 0 || order(a, best) < 0 {
			best = a
		}
	}
	if best.Deployment == 0 {
		return shipbell.Announcement{}, ledger.NothingDue{Next: next}
	}
	return t.withMain(best), nil
}

// order compares announcements by what is delivered first.
func order(a, b shipbell.Announcement) int {
	return cmp.Or(cmp.Compare(b.Urgency, a.Urgency), cmp.Compare(a.Deployment, b.Deployment), cmp.Compare(a.Part, b.Part))
}

func (t *tx) withMain(a shipbell.Announcement) shipbell.Announcement {
	a.Main = t.announcements[announcementKey{a.Deployment, a.Channel, shipbell.PartMain}].Ref
	return a
}

func (t *tx) Announcements(id shipbell.DeploymentID, channels ...shipbell.ChannelID) ([]shipbell.Announcement, error) {
	var as []shipbell.Announcement
	for k, a := range t.announcements {
		if k.deployment == id && (len(channels) == 0 || slices.Contains(channels, a.Channel)) {
			as = append(as, t.withMain(a))
		}
	}
	slices.SortFunc(as, func(a, b shipbell.Announcement) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Part, b.Part))
	})
	return as, nil
}

func (t *tx) PutAnnouncement(a shipbell.Announcement) error {
	a.Main = ""
	put(t, t.announcements, keyOf(a), a)
	return nil
}

func (t *tx) DropAnnouncement(a shipbell.Announcement) error {
	drop(t, t.announcements, keyOf(a))
	return nil
}

func (t *tx) KeepAttempt(attempt shipbell.Attempt) error {
	kept := append(slices.Clone(t.attempts[attempt.Deployment]), attempt)
	if n := count(kept, attempt.Channel); n > ledger.KeptAttempts {
		i := slices.IndexFunc(kept, func(o shipbell.Attempt) bool { return o.Channel == attempt.Channel })
		kept = slices.Delete(kept, i, i+1)
	}
	put(t, t.attempts, attempt.Deployment, kept)
	return nil
}

func count(attempts []shipbell.Attempt, c shipbell.ChannelID) int {
	n := 0
	for _, a := range attempts {
		if a.Channel == c {
			n++
		}
	}
	return n
}

func (t *tx) Attempts(id shipbell.DeploymentID) ([]shipbell.Attempt, error) {
	return slices.SortedStableFunc(slices.Values(t.attempts[id]), func(a, b shipbell.Attempt) int {
		return a.At.Compare(b.At)
	}), nil
}

func (t *tx) Lane(c shipbell.ChannelID) (shipbell.Lane, error) {
	if l, ok := t.lanes[c]; ok {
		l.Recent = slices.Clone(l.Recent) // the reader's to change
		return l, nil
	}
	return shipbell.Lane{Channel: c}, nil
}

func (t *tx) PutLane(l shipbell.Lane) error {
	l.Recent = slices.Clone(l.Recent)
	l.Backlog = 0
	put(t, t.lanes, l.Channel, l)
	return nil
}

func (t *tx) Lanes() ([]shipbell.Lane, error) {
	lanes := maps.Clone(t.lanes)
	for k, a := range t.announcements {
		if !a.Stale() {
			continue
		}
		l := lanes[k.channel]
		l.Channel = k.channel
		l.Backlog++
		lanes[k.channel] = l
	}
	return slices.SortedFunc(maps.Values(lanes), func(a, b shipbell.Lane) int {
		return cmp.Compare(a.Channel, b.Channel)
	}), nil
}

func (t *tx) Newest(typ shipbell.ProjectType, n int) ([]string, error) {
	type listed struct {
		id       string
		position int64
	}
	var all []listed
	for k, v := range t.ids {
		if k.Type == typ && v.position != 0 {
			all = append(all, listed{k.ID, v.position})
		}
	}
	slices.SortFunc(all, func(a, b listed) int { return cmp.Compare(a.position, b.position) })
	if len(all) > n {
		all = all[len(all)-n:]
	}
	var ids []string
	for _, l := range all {
		ids = append(ids, l.id)
	}
	return ids, nil
}

func (t *tx) StartingWith(typ shipbell.ProjectType, text string, n int) ([]ledger.Found, error) {
	var found []ledger.Found
	for k, v := range t.ids {
		if k.Type == typ && strings.HasPrefix(k.ID, text) {
			found = append(found, ledger.Found{Key: k, Deployment: v.deployment})
		}
	}
	slices.SortFunc(found, func(a, b ledger.Found) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
	return found[:min(n, len(found))], nil
}

func (t *tx) LastRecorded() (time.Time, error) { return t.lastRecorded, nil }

func (t *tx) Remember(typ shipbell.ProjectType, ids []string, at time.Time) (int, error) {
	n := 0
	// From the newest to the oldest, each below everything that is there.
	for _, id := range slices.Backward(ids) {
		k := shipbell.KeyIdentity{Type: typ, ID: id}
		if _, ok := t.ids[k]; ok {
			continue
		}
		set(t, &t.firstPosition, t.firstPosition-1)
		put(t, t.ids, k, known{position: t.firstPosition, seen: at})
		n++
	}
	if n > 0 {
		set(t, &t.lastRecorded, at)
	}
	return n, nil
}

func (t *tx) Sweep(before, idsBefore time.Time, channels []shipbell.ChannelID, limit int) (int, error) {
	for id, n := range maps.Clone(t.ids) {
		if n.deployment == 0 && n.seen.Before(idsBefore) {
			drop(t, t.ids, id)
		}
	}
	for id, b := range maps.Clone(t.bulletins) {
		if b.At.Before(before) && !t.waits(id.Subject(), channels) {
			drop(t, t.bulletins, id)
			t.forgetDeliveries(id.Subject())
		}
	}
	swept := 0
	for _, id := range slices.Sorted(maps.Keys(t.deployments)) {
		if swept == limit {
			break
		}
		if !t.deployments[id].RecordedAt.Before(before) || t.waits(id, channels) {
			continue
		}
		t.sweep(id, idsBefore)
		swept++
	}
	return swept, nil
}

// waits reports whether the deployment is yet to be delivered in a channel.
func (t *tx) waits(id shipbell.DeploymentID, channels []shipbell.ChannelID) bool {
	return slices.ContainsFunc(channels, func(c shipbell.ChannelID) bool {
		for k, a := range t.announcements {
			if k.deployment == id && k.channel == c && a.Stale() {
				return true
			}
		}
		return false
	})
}

func (t *tx) sweep(id shipbell.DeploymentID, idsBefore time.Time) {
	for _, k := range t.deployments[id].Keys {
		n := t.ids[k.Identity()]
		n.deployment = 0
		if n.seen.Before(idsBefore) {
			drop(t, t.ids, k.Identity())
		} else {
			put(t, t.ids, k.Identity(), n)
		}
	}
	t.forgetDeliveries(id)
	for merged, into := range maps.Clone(t.merged) {
		if into == id {
			drop(t, t.merged, merged)
		}
	}
	drop(t, t.events, id)
	drop(t, t.watches, id)
	drop(t, t.deployments, id)
}

// forgetDeliveries deletes announcements and attempts.
func (t *tx) forgetDeliveries(id shipbell.DeploymentID) {
	for k := range maps.Clone(t.announcements) {
		if k.deployment == id {
			drop(t, t.announcements, k)
		}
	}
	drop(t, t.attempts, id)
}

func (t *tx) Memory(s shipbell.Source) (string, error) { return t.memories[s], nil }

func (t *tx) Fence(shipbell.Lease) error { return nil }

func (t *tx) PutMemory(s shipbell.Source, memory string) error {
	put(t, t.memories, s, memory)
	return nil
}

func (t *tx) Bulletin(id shipbell.BulletinID) (shipbell.Bulletin, error) {
	b, ok := t.bulletins[id]
	if !ok {
		return shipbell.Bulletin{}, shipbell.ErrNotFound
	}
	return b, nil
}

func (t *tx) BulletinOf(key string) (shipbell.Bulletin, error) {
	for _, b := range t.bulletins {
		if b.Key == key {
			return b, nil
		}
	}
	return shipbell.Bulletin{}, shipbell.ErrNotFound
}

func (t *tx) PutBulletin(b shipbell.Bulletin) (shipbell.BulletinID, error) {
	if b.ID == 0 {
		b.ID = t.lastBulletin + 1
		set(t, &t.lastBulletin, b.ID)
	}
	put(t, t.bulletins, b.ID, b)
	return b.ID, nil
}

func (t *tx) Watch(id shipbell.DeploymentID, due time.Time) error {
	if due.IsZero() {
		drop(t, t.watches, id)
	} else {
		put(t, t.watches, id, due)
	}
	return nil
}

func (t *tx) Due(now time.Time, n int) ([]shipbell.DeploymentID, error) {
	var ids []shipbell.DeploymentID
	for id, due := range t.watches {
		if !due.After(now) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b shipbell.DeploymentID) int {
		return cmp.Or(t.watches[a].Compare(t.watches[b]), cmp.Compare(a, b))
	})
	return ids[:min(n, len(ids))], nil
}
