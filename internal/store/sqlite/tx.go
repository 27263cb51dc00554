package sqlite

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// tx is the inside of one transaction. Statements use $1, $2 … by number, which
// this driver binds as PostgreSQL does.
type tx struct {
	*session
	// lastID is the highest deployment number, 0 until it was asked for.
	lastID shipbell.DeploymentID
	// opened is the deployment this transaction opened last: it cannot have an
	// event yet.
	opened shipbell.DeploymentID
}

// The names of the rows of meta.
const (
	metaCheck    = "check"         // written to prove that writing works
	metaFloor    = "floor"         // deployment numbers up to this one were used
	metaImported = "remembered_ms" // when ids were last imported
)

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMS(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

func (t *tx) setMeta(name string, value int64) error {
	return t.exec(`INSERT INTO meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}

func (t *tx) meta(name string) (int64, error) {
	var value int64
	err := t.row(`SELECT value FROM meta WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return value, err
}

// touch writes a row, so that the commit has something to make durable.
func (t *tx) touch() error {
	return t.exec(`INSERT INTO meta (name, value) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET value = value + 1`, metaCheck)
}

func (t *tx) Find(keys []shipbell.Key) ([]ledger.Found, error) {
	var found []ledger.Found
	for _, k := range keys {
		var id sql.NullInt64
		err := t.row(`SELECT deployment FROM keys WHERE type = $1 AND id = $2`, string(k.Type), k.ID).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find key: %w", err)
		}
		found = append(found, ledger.Found{Key: k.Identity(), Deployment: shipbell.DeploymentID(id.Int64)})
	}
	return found, nil
}

func (t *tx) Deployment(id shipbell.DeploymentID) (shipbell.Deployment, error) {
	var doc []byte
	var revision, recorded int64
	err := t.row(`SELECT revision, recorded_ms, doc FROM deployments WHERE id = $1`, int64(id)).Scan(&revision, &recorded, &doc)
	if errors.Is(err, sql.ErrNoRows) {
		return shipbell.Deployment{}, fmt.Errorf("deployment %d: %w", id, shipbell.ErrNotFound)
	}
	if err != nil {
		return shipbell.Deployment{}, fmt.Errorf("read deployment %d: %w", id, err)
	}
	var d shipbell.Deployment
	if doc == nil {
		d, err = t.fromFirstEvent(id)
	} else {
		err = json.Unmarshal(doc, &d)
	}
	if err != nil {
		return shipbell.Deployment{}, fmt.Errorf("read deployment %d: %w", id, err)
	}
	d.ID, d.Revision, d.RecordedAt = id, shipbell.Revision(revision), fromMS(recorded)
	return d, nil
}

// fromFirstEvent makes a deployment that was stored without its merged view.
func (t *tx) fromFirstEvent(id shipbell.DeploymentID) (shipbell.Deployment, error) {
	e, err := scanEvent(t.row(`SELECT `+eventColumns+` FROM events WHERE id = $1`, int64(id)*eventSpan))
	if err != nil {
		return shipbell.Deployment{}, err
	}
	return shipbell.NewDeployment(e), nil
}

// nextID returns the number of the next deployment. Numbers of swept
// deployments are not used again: the order of numbers is the order of time.
func (t *tx) nextID() (shipbell.DeploymentID, error) {
	if t.lastID == 0 {
		err := t.row(`SELECT max(coalesce((SELECT max(id) FROM deployments), 0),
			coalesce((SELECT value FROM meta WHERE name = $1), 0))`, metaFloor).Scan(&t.lastID)
		if err != nil {
			return 0, fmt.Errorf("number deployment: %w", err)
		}
	}
	t.lastID++
	return t.lastID, nil
}

func (t *tx) Open(d shipbell.Deployment) (shipbell.DeploymentID, error) {
	if len(d.Keys) > 1 {
		if found, err := t.Find(d.Keys); err != nil || len(found) > 0 {
			return 0, cmp.Or(err, shipbell.ErrConflict)
		}
	}
	id, err := t.nextID()
	if err != nil {
		return 0, err
	}
	d.ID = id
	bound, err := t.bind(d)
	if err != nil {
		return 0, err
	}
	if bound == 0 {
		t.lastID--
		return 0, shipbell.ErrConflict
	}
	err = t.exec(`INSERT INTO deployments (id, revision, type, project, environment, status, recorded_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		int64(id), int64(d.Revision), string(d.Type), d.Project, d.Environment, string(d.Status), ms(d.RecordedAt))
	if err != nil {
		return 0, fmt.Errorf("open deployment: %w", err)
	}
	t.opened = id
	return id, nil
}

func (t *tx) Save(d shipbell.Deployment) error {
	doc, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("save deployment %d: %w", d.ID, err)
	}
	err = t.exec(`UPDATE deployments SET revision = $2, type = $3, project = $4, environment = $5, status = $6, doc = $7
		WHERE id = $1`,
		int64(d.ID), int64(d.Revision), string(d.Type), d.Project, d.Environment, string(d.Status), string(doc))
	if err != nil {
		return fmt.Errorf("save deployment %d: %w", d.ID, err)
	}
	_, err = t.bind(d)
	return err
}

// bind adds the deployment's keys and returns how many were new; those that are
// there stay as they are.
func (t *tx) bind(d shipbell.Deployment) (bound int64, err error) {
	for _, k := range d.Keys {
		var position any
		if k.ID == d.ShownID {
			position = int64(d.ID)
		}
		res, err := t.execResult(`INSERT INTO keys (type, id, deployment, position, seen_ms) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (type, id) DO NOTHING`, string(k.Type), k.ID, int64(d.ID), position, ms(d.RecordedAt))
		if err != nil {
			return 0, fmt.Errorf("bind key of deployment %d: %w", d.ID, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, fmt.Errorf("bind key of deployment %d: %w", d.ID, err)
		}
		bound += n
	}
	return bound, nil
}

// eventSpan is how many events a deployment can have; see the schema.
const eventSpan = 1 << 20

// eventDoc is what is stored of an event beside its columns.
type eventDoc struct {
	Keys []shipbell.Key `json:"keys"`
	shipbell.Observation
}

func (t *tx) AddEvent(id shipbell.DeploymentID, e shipbell.Event) error {
	doc, err := json.Marshal(eventDoc{Keys: e.Keys, Observation: e.Observation})
	if err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	base := int64(id) * eventSpan
	args := []any{base, string(e.Source), string(e.ID), ms(e.At), ms(e.ReceivedAt), string(doc)}
	if id == t.opened {
		// The usual case: the first event of a deployment of this transaction.
		t.opened = 0
		return t.exec(`INSERT INTO events (id, source, event_id, at_ms, received_ms, doc) VALUES ($1, $2, $3, $4, $5, $6)`, args...)
	}
	res, err := t.execResult(`INSERT INTO events (id, source, event_id, at_ms, received_ms, doc)
		SELECT coalesce((SELECT max(id) + 1 FROM events WHERE id >= $1 AND id < $1 + $7), $1), $2, $3, $4, $5, $6
		WHERE NOT EXISTS (SELECT 1 FROM events WHERE id >= $1 AND id < $1 + $7 AND source = $2 AND event_id = $3)`,
		append(args, int64(eventSpan))...)
	if err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	if n == 0 {
		return shipbell.ErrConflict
	}
	return nil
}

const eventColumns = `source, event_id, at_ms, received_ms, doc`

func scanEvent(row interface{ Scan(...any) error }) (shipbell.Event, error) {
	var e shipbell.Event
	var at, received int64
	var doc []byte
	if err := row.Scan(&e.Source, &e.ID, &at, &received, &doc); err != nil {
		return shipbell.Event{}, err
	}
	d := eventDoc{}
	if err := json.Unmarshal(doc, &d); err != nil {
		return shipbell.Event{}, err
	}
	e.At, e.ReceivedAt, e.Keys, e.Observation = fromMS(at), fromMS(received), d.Keys, d.Observation
	return e, nil
}

func (t *tx) Events(id shipbell.DeploymentID) ([]shipbell.Event, error) {
	var events []shipbell.Event
	err := t.each(func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		events = append(events, e)
		return err
	}, `SELECT `+eventColumns+` FROM events WHERE id >= $1 AND id < $2 ORDER BY at_ms, source, event_id`,
		int64(id)*eventSpan, (int64(id)+1)*eventSpan)
	if err != nil {
		return nil, fmt.Errorf("read events of deployment %d: %w", id, err)
	}
	return events, nil
}

func (t *tx) Absorb(older, younger shipbell.DeploymentID) error {
	events, err := t.Events(younger)
	if err != nil {
		return err
	}
	for _, e := range events {
		if err := t.AddEvent(older, e); err != nil && !errors.Is(err, shipbell.ErrConflict) {
			return err
		}
	}
	gone, err := t.Deployment(younger)
	if err != nil {
		return err
	}
	for _, k := range gone.Keys {
		if err := t.exec(`UPDATE keys SET deployment = $3 WHERE type = $1 AND id = $2`, string(k.Type), k.ID, int64(older)); err != nil {
			return fmt.Errorf("absorb deployment %d into %d: %w", younger, older, err)
		}
	}
	for _, statement := range []string{
		// The younger announcement takes over where only it has a message.
		`DELETE FROM announcements WHERE deployment = $1 AND ref = '' AND EXISTS (
			SELECT 1 FROM announcements y WHERE y.deployment = $2 AND y.lane = announcements.lane AND y.ref <> '')`,
		`UPDATE OR IGNORE announcements SET deployment = $1 WHERE deployment = $2`,
		`DELETE FROM announcements WHERE $1 <> $2 AND deployment = $2`,
		`UPDATE attempts SET deployment = $1, n = n + coalesce(
			(SELECT max(o.n) FROM attempts o WHERE o.deployment = $1 AND o.lane = attempts.lane), 0) WHERE deployment = $2`,
		`DELETE FROM deployments WHERE $1 <> $2 AND id = $2`,
	} {
		if err := t.exec(statement, int64(older), int64(younger)); err != nil {
			return fmt.Errorf("absorb deployment %d into %d: %w", younger, older, err)
		}
	}
	if err := t.keepFloor(younger); err != nil {
		return err
	}
	return t.exec(`DELETE FROM events WHERE id >= $1 AND id < $2`, int64(younger)*eventSpan, (int64(younger)+1)*eventSpan)
}

// keepFloor makes sure that the number of a deployment that goes is not used
// again.
func (t *tx) keepFloor(id shipbell.DeploymentID) error {
	return t.exec(`INSERT INTO meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`, metaFloor, int64(id))
}

// lane returns the number of a channel, which it gets on first use.
func (t *tx) lane(c shipbell.ChannelID) (int64, error) {
	if n, ok := t.lanes[c]; ok {
		return n, nil
	}
	var n int64
	err := t.row(`SELECT id FROM lanes WHERE channel = $1`, string(c)).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.row(`INSERT INTO lanes (channel, doc) VALUES ($1, '{}') RETURNING id`, string(c)).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("lane of %s: %w", c, err)
	}
	t.lanes[c] = n
	return n, nil
}

func (t *tx) Announce(id shipbell.DeploymentID, want shipbell.Revision, channels []shipbell.ChannelID) error {
	if want > 1 {
		if err := t.exec(`UPDATE announcements SET wanted = $2 WHERE deployment = $1`, int64(id), int64(want)); err != nil {
			return fmt.Errorf("announce deployment %d: %w", id, err)
		}
	}
	for _, c := range channels {
		lane, err := t.lane(c)
		if err != nil {
			return err
		}
		err = t.exec(`INSERT INTO announcements (deployment, lane, wanted, shown, ref, tries, due_ms)
			VALUES ($1, $2, $3, 0, '', 0, 0) ON CONFLICT (deployment, lane) DO NOTHING`, int64(id), lane, int64(want))
		if err != nil {
			return fmt.Errorf("announce deployment %d: %w", id, err)
		}
	}
	return nil
}

const announcementColumns = `a.deployment, l.channel, a.wanted, a.shown, a.ref, a.tries, a.due_ms`

func scanAnnouncement(row interface{ Scan(...any) error }) (shipbell.Announcement, error) {
	var a shipbell.Announcement
	var due int64
	err := row.Scan(&a.Deployment, &a.Channel, &a.Wanted, &a.Shown, &a.Ref, &a.Tries, &due)
	a.DueAt = fromMS(due)
	return a, err
}

func (t *tx) Stale(c shipbell.ChannelID, now time.Time) (shipbell.Announcement, error) {
	a, err := scanAnnouncement(t.row(`SELECT `+announcementColumns+` FROM lanes l JOIN announcements a ON a.lane = l.id
		WHERE l.channel = $1 AND a.shown < a.wanted AND a.due_ms <= $2 ORDER BY a.deployment LIMIT 1`, string(c), ms(now)))
	if err == nil {
		return a, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return shipbell.Announcement{}, fmt.Errorf("find stale announcement of %s: %w", c, err)
	}
	var next sql.NullInt64
	err = t.row(`SELECT min(a.due_ms) FROM lanes l JOIN announcements a ON a.lane = l.id
		WHERE l.channel = $1 AND a.shown < a.wanted`, string(c)).Scan(&next)
	if err != nil {
		return shipbell.Announcement{}, fmt.Errorf("find stale announcement of %s: %w", c, err)
	}
	return shipbell.Announcement{}, ledger.NothingDue{Next: fromMS(next.Int64)}
}

func (t *tx) Announcements(id shipbell.DeploymentID) ([]shipbell.Announcement, error) {
	var as []shipbell.Announcement
	err := t.each(func(rows *sql.Rows) error {
		a, err := scanAnnouncement(rows)
		as = append(as, a)
		return err
	}, `SELECT `+announcementColumns+` FROM announcements a JOIN lanes l ON l.id = a.lane
		WHERE a.deployment = $1 ORDER BY l.channel`, int64(id))
	if err != nil {
		return nil, fmt.Errorf("read announcements of deployment %d: %w", id, err)
	}
	return as, nil
}

func (t *tx) Mark(a shipbell.Announcement, attempt shipbell.Attempt) error {
	lane, err := t.lane(a.Channel)
	if err != nil {
		return err
	}
	res, err := t.execResult(`UPDATE announcements SET shown = $3, ref = $4, tries = $5, due_ms = $6
		WHERE deployment = $1 AND lane = $2`,
		int64(a.Deployment), lane, int64(a.Shown), string(a.Ref), int64(a.Tries), ms(a.DueAt))
	if err != nil {
		return fmt.Errorf("mark announcement: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	err = t.exec(`INSERT INTO attempts (deployment, lane, n, revision, at_ms, edit, took_ms, fault, detail)
		SELECT $1, $2, coalesce(max(n), 0) + 1, $3, $4, $5, $6, $7, $8 FROM attempts WHERE deployment = $1 AND lane = $2`,
		int64(attempt.Deployment), lane, int64(attempt.Revision), ms(attempt.At), boolInt(attempt.Edit),
		attempt.Took.Milliseconds(), string(attempt.Fault), attempt.Detail)
	if err != nil {
		return fmt.Errorf("keep attempt: %w", err)
	}
	if a.Tries <= ledger.KeptAttempts {
		return nil
	}
	err = t.exec(`DELETE FROM attempts WHERE deployment = $1 AND lane = $2 AND n <=
		(SELECT max(n) FROM attempts WHERE deployment = $1 AND lane = $2) - $3`,
		int64(attempt.Deployment), lane, ledger.KeptAttempts)
	if err != nil {
		return fmt.Errorf("keep attempt: %w", err)
	}
	return nil
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (t *tx) Attempts(id shipbell.DeploymentID) ([]shipbell.Attempt, error) {
	var as []shipbell.Attempt
	err := t.each(func(rows *sql.Rows) error {
		a := shipbell.Attempt{Deployment: id}
		var at, edit, took int64
		err := rows.Scan(&a.Channel, &a.Revision, &at, &edit, &took, &a.Fault, &a.Detail)
		a.At, a.Edit, a.Took = fromMS(at), edit != 0, time.Duration(took)*time.Millisecond
		as = append(as, a)
		return err
	}, `SELECT l.channel, a.revision, a.at_ms, a.edit, a.took_ms, a.fault, a.detail
		FROM attempts a JOIN lanes l ON l.id = a.lane WHERE a.deployment = $1 ORDER BY a.at_ms, a.n`, int64(id))
	if err != nil {
		return nil, fmt.Errorf("read attempts of deployment %d: %w", id, err)
	}
	return as, nil
}

// laneDoc is the stored form of a lane.
type laneDoc struct {
	Memory      string    `json:"memory,omitempty"`
	Note        string    `json:"note,omitempty"`
	Recent      []int64   `json:"recentMs,omitempty"`
	ParkedUntil int64     `json:"parkedUntilMs,omitempty"`
	ParkedFor   string    `json:"parkedFor,omitempty"`
	Setbacks    int       `json:"setbacks,omitempty"`
	Pause       *pauseDoc `json:"pause,omitempty"`
	LastSuccess int64     `json:"lastSuccessMs,omitempty"`
}

type pauseDoc struct {
	At     int64  `json:"atMs"`
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
}

func laneFrom(c shipbell.ChannelID, doc []byte) (shipbell.Lane, error) {
	var d laneDoc
	if err := json.Unmarshal(doc, &d); err != nil {
		return shipbell.Lane{}, fmt.Errorf("read lane %s: %w", c, err)
	}
	l := shipbell.Lane{
		Channel: c, Memory: d.Memory, Note: d.Note, ParkedUntil: fromMS(d.ParkedUntil), ParkedFor: d.ParkedFor,
		Setbacks: d.Setbacks, LastSuccess: fromMS(d.LastSuccess),
	}
	for _, n := range d.Recent {
		l.Recent = append(l.Recent, fromMS(n))
	}
	if d.Pause != nil {
		l.Pause = &shipbell.Pause{At: fromMS(d.Pause.At), Reason: d.Pause.Reason, Hint: d.Pause.Hint}
	}
	return l, nil
}

func (t *tx) Lane(c shipbell.ChannelID) (shipbell.Lane, error) {
	var doc []byte
	err := t.row(`SELECT doc FROM lanes WHERE channel = $1`, string(c)).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return shipbell.Lane{Channel: c}, nil
	}
	if err != nil {
		return shipbell.Lane{}, fmt.Errorf("read lane %s: %w", c, err)
	}
	return laneFrom(c, doc)
}

func (t *tx) PutLane(l shipbell.Lane) error {
	d := laneDoc{
		Memory: l.Memory, Note: l.Note, ParkedUntil: ms(l.ParkedUntil), ParkedFor: l.ParkedFor,
		Setbacks: l.Setbacks, LastSuccess: ms(l.LastSuccess),
	}
	for _, at := range l.Recent {
		d.Recent = append(d.Recent, ms(at))
	}
	if l.Pause != nil {
		d.Pause = &pauseDoc{At: ms(l.Pause.At), Reason: l.Pause.Reason, Hint: l.Pause.Hint}
	}
	doc, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("store lane %s: %w", l.Channel, err)
	}
	lane, err := t.lane(l.Channel)
	if err != nil {
		return err
	}
	if err := t.exec(`UPDATE lanes SET doc = $2 WHERE id = $1`, lane, string(doc)); err != nil {
		return fmt.Errorf("store lane %s: %w", l.Channel, err)
	}
	return nil
}

func (t *tx) Lanes() ([]shipbell.Lane, error) {
	var lanes []shipbell.Lane
	err := t.each(func(rows *sql.Rows) error {
		var c shipbell.ChannelID
		var doc []byte
		var backlog int
		if err := rows.Scan(&c, &doc, &backlog); err != nil {
			return err
		}
		l, err := laneFrom(c, doc)
		l.Backlog = backlog
		lanes = append(lanes, l)
		return err
	}, `SELECT channel, doc, (SELECT count(*) FROM announcements a WHERE a.lane = l.id AND a.shown < a.wanted)
		FROM lanes l ORDER BY channel`)
	if err != nil {
		return nil, fmt.Errorf("read lanes: %w", err)
	}
	return lanes, nil
}

func (t *tx) Newest(typ shipbell.ProjectType, n int) ([]string, error) {
	var ids []string
	err := t.each(func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT id FROM keys WHERE type = $1 AND position IS NOT NULL ORDER BY position DESC LIMIT $2`, string(typ), n)
	if err != nil {
		return nil, fmt.Errorf("read ids: %w", err)
	}
	slices.Reverse(ids)
	return ids, nil
}

func (t *tx) LastRecorded() (time.Time, error) {
	var recorded int64
	err := t.row(`SELECT recorded_ms FROM deployments ORDER BY id DESC LIMIT 1`).Scan(&recorded)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("read last time: %w", err)
	}
	imported, err := t.meta(metaImported)
	if err != nil {
		return time.Time{}, fmt.Errorf("read last time: %w", err)
	}
	return fromMS(max(recorded, imported)), nil
}

func (t *tx) Remember(typ shipbell.ProjectType, ids []string, at time.Time) (int, error) {
	var lowest int64
	err := t.row(`SELECT min(0, coalesce((SELECT min(position) FROM keys WHERE type = $1 AND position IS NOT NULL), 0))`,
		string(typ)).Scan(&lowest)
	if err != nil {
		return 0, fmt.Errorf("remember ids: %w", err)
	}
	added := 0
	// From the newest to the oldest, each below everything that is there.
	for _, id := range slices.Backward(ids) {
		res, err := t.execResult(`INSERT INTO keys (type, id, position, seen_ms) VALUES ($1, $2, $3, $4)
			ON CONFLICT (type, id) DO NOTHING`, string(typ), id, lowest-1, ms(at))
		if err != nil {
			return 0, fmt.Errorf("remember ids: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, fmt.Errorf("remember ids: %w", err)
		}
		added += int(n)
		lowest -= n
	}
	if added == 0 {
		return 0, nil
	}
	return added, t.setMeta(metaImported, ms(at))
}

func (t *tx) Sweep(before, idsBefore time.Time, channels []shipbell.ChannelID, limit int) (int, error) {
	if err := t.exec(`DELETE FROM keys WHERE deployment IS NULL AND seen_ms < $1`, ms(idsBefore)); err != nil {
		return 0, fmt.Errorf("sweep ids: %w", err)
	}
	ids, err := t.old(before, channels, limit)
	if err != nil {
		return 0, fmt.Errorf("sweep: %w", err)
	}
	for _, id := range ids {
		if err := t.sweep(id, idsBefore); err != nil {
			return 0, fmt.Errorf("sweep deployment %d: %w", id, err)
		}
	}
	return len(ids), nil
}

// old returns the oldest deployments recorded before and not waiting in one of
// the channels. Numbers grow with time, so the search ends at the first that is
// young enough.
func (t *tx) old(before time.Time, channels []shipbell.ChannelID, limit int) ([]shipbell.DeploymentID, error) {
	live := make(map[shipbell.ChannelID]bool)
	for _, c := range channels {
		live[c] = true
	}
	waits := make(map[shipbell.DeploymentID]bool)
	err := t.each(func(rows *sql.Rows) error {
		var id shipbell.DeploymentID
		var c shipbell.ChannelID
		err := rows.Scan(&id, &c)
		if live[c] {
			waits[id] = true
		}
		return err
	}, `SELECT a.deployment, l.channel FROM announcements a JOIN lanes l ON l.id = a.lane JOIN deployments d ON d.id = a.deployment
		WHERE a.shown < a.wanted AND d.recorded_ms < $1`, ms(before))
	if err != nil {
		return nil, err
	}
	var ids []shipbell.DeploymentID
	err = t.each(func(rows *sql.Rows) error {
		var id shipbell.DeploymentID
		var recorded int64
		if err := rows.Scan(&id, &recorded); err != nil {
			return err
		}
		if recorded < ms(before) && !waits[id] && len(ids) < limit {
			ids = append(ids, id)
		}
		return nil
	}, `SELECT id, recorded_ms FROM deployments ORDER BY id LIMIT $1`, limit+len(waits))
	return ids, err
}

func (t *tx) sweep(id shipbell.DeploymentID, idsBefore time.Time) error {
	d, err := t.Deployment(id)
	if err != nil {
		return err
	}
	for _, k := range d.Keys {
		err := errors.Join(
			t.exec(`UPDATE keys SET deployment = NULL WHERE type = $1 AND id = $2`, string(k.Type), k.ID),
			t.exec(`DELETE FROM keys WHERE type = $1 AND id = $2 AND seen_ms < $3`, string(k.Type), k.ID, ms(idsBefore)),
		)
		if err != nil {
			return err
		}
	}
	return errors.Join(
		t.exec(`DELETE FROM events WHERE id >= $1 AND id < $2`, int64(id)*eventSpan, (int64(id)+1)*eventSpan),
		t.exec(`DELETE FROM announcements WHERE deployment = $1`, int64(id)),
		t.exec(`DELETE FROM attempts WHERE deployment = $1`, int64(id)),
		t.exec(`DELETE FROM deployments WHERE id = $1`, int64(id)),
		t.keepFloor(id),
	)
}
