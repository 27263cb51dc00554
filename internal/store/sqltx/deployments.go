package sqltx

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

func (t *Tx) Find(keys []shipbell.Key) ([]ledger.Found, error) {
	var found []ledger.Found
	for _, k := range keys {
		id, err := t.conn.FindKey(string(k.Type), k.ID)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find key: %w", err)
		}
		found = append(found, ledger.Found{Key: k.Identity(), Deployment: shipbell.DeploymentID(id)})
	}
	return found, nil
}

func (t *Tx) Deployment(id shipbell.DeploymentID) (shipbell.Deployment, error) {
	var doc []byte
	var revision, recorded int64
	err := t.conn.Row(`SELECT revision, recorded_ms, doc FROM deployments WHERE id = $1`, int64(id)).Scan(&revision, &recorded, &doc)
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
	return whole(d, id, revision, recorded), nil
}

// whole adds to what a document says what stands beside it.
func whole(d shipbell.Deployment, id shipbell.DeploymentID, revision, recorded int64) shipbell.Deployment {
	d.ID, d.Revision, d.RecordedAt = id, shipbell.Revision(revision), fromMS(recorded)
	if d.Status.Final() && len(d.Outcomes) == 0 {
		// Schema 2 knew one outcome, and only build steps told one.
		d.Outcomes = []shipbell.Outcome{{Source: shipbell.SourcePush, Status: d.Status, At: d.FinishedAt, Error: d.Error}}
	}
	return d
}

// fromFirstEvent makes a deployment that was stored without its merged view.
func (t *Tx) fromFirstEvent(id shipbell.DeploymentID) (shipbell.Deployment, error) {
	e, err := scanEvent(t.conn.Row(`SELECT `+eventColumns+` FROM events WHERE id = $1`, int64(id)*eventSpan))
	if err != nil {
		return shipbell.Deployment{}, err
	}
	return shipbell.NewDeployment(e), nil
}

// nextID returns the number of the next deployment. Numbers of swept
// deployments are not used again: the order of numbers is the order of time.
func (t *Tx) nextID() (shipbell.DeploymentID, error) {
	if t.lastID == 0 {
		var last, floor int64
		err := t.conn.Row(`SELECT coalesce((SELECT max(id) FROM deployments), 0),
			coalesce((SELECT value FROM meta WHERE name = $1), 0)`, metaFloor).Scan(&last, &floor)
		if err != nil {
			return 0, fmt.Errorf("number deployment: %w", err)
		}
		t.lastID = shipbell.DeploymentID(max(last, floor))
	}
	t.lastID++
	return t.lastID, nil
}

func (t *Tx) Open(d shipbell.Deployment) (shipbell.DeploymentID, error) {
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
	place, err := t.place(d)
	if err != nil {
		return 0, err
	}
	err = t.conn.Insert(insertDeployment,
		int64(id), int64(d.Revision), ms(d.RecordedAt), place, boolInt(!d.Named()))
	if err != nil {
		return 0, fmt.Errorf("open deployment: %w", err)
	}
	t.opened, t.named, t.changed = id, t.named && d.Named(), true
	return id, nil
}

func (t *Tx) Save(d shipbell.Deployment) error {
	doc, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("save deployment %d: %w", d.ID, err)
	}
	place, err := t.place(d)
	if err != nil {
		return err
	}
	err = t.conn.Exec(`UPDATE deployments SET revision = $2, doc = $3, place = $4, unnamed = $5 WHERE id = $1`,
		int64(d.ID), int64(d.Revision), string(doc), place, boolInt(!d.Named()))
	if err != nil {
		return fmt.Errorf("save deployment %d: %w", d.ID, err)
	}
	t.named = t.named && d.Named()
	if err := t.relist(d); err != nil {
		return err
	}
	_, err = t.bind(d)
	return err
}

// findPlace returns the number under which deployments of a name are found, or
// sql.ErrNoRows.
func (t *Tx) findPlace(typ shipbell.ProjectType, name string) (int64, error) {
	name = string(typ) + "/" + name
	if n, ok := t.cache.places.get(name); ok {
		return n, nil
	}
	var n int64
	if err := t.conn.Row(`SELECT id FROM places WHERE name = $1`, name).Scan(&n); err != nil {
		return 0, err
	}
	t.cache.places.put(name, n)
	return n, nil
}

// place returns the number of a deployment's place, which it gets on first use.
func (t *Tx) place(d shipbell.Deployment) (int64, error) {
	name := d.Names()[0]
	n, err := t.findPlace(d.Type, name)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.conn.Row(`INSERT INTO places (name) VALUES ($1) RETURNING id`, string(d.Type)+"/"+name).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("place of %s: %w", name, err)
	}
	return n, nil
}

func (t *Tx) Recent(typ shipbell.ProjectType, names []string, n int, unnamed bool) ([]shipbell.Deployment, error) {
	query := `SELECT id FROM deployments WHERE place = $1 ORDER BY id DESC LIMIT $2`
	if unnamed {
		if none, err := t.allNamed(); none || err != nil {
			return nil, err
		}
		query = `SELECT id FROM deployments WHERE place = $1 AND unnamed = 1 ORDER BY id DESC LIMIT $2`
	}
	var ids []shipbell.DeploymentID
	for _, name := range names {
		place, err := t.findPlace(typ, name)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("place of %s: %w", name, err)
		}
		err = t.conn.Each(func(rows Row) error {
			var id shipbell.DeploymentID
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, query, place, n)
		if err != nil {
			return nil, fmt.Errorf("read recent deployments of %s: %w", name, err)
		}
	}
	slices.SortFunc(ids, func(a, b shipbell.DeploymentID) int { return cmp.Compare(b, a) })
	return t.Read(ids[:min(n, len(ids))], "")
}

// allNamed reports whether a build step named every deployment.
func (t *Tx) allNamed() (bool, error) {
	if t.named {
		return true, nil
	}
	var some bool
	if err := t.conn.Row(`SELECT EXISTS (SELECT 1 FROM deployments WHERE unnamed = 1)`).Scan(&some); err != nil {
		return false, fmt.Errorf("look for unnamed deployments: %w", err)
	}
	t.named = !some
	return t.named, nil
}

// bind adds the deployment's keys and returns how many were new; those that are
// there stay as they are.
func (t *Tx) bind(d shipbell.Deployment) (bound int64, err error) {
	for _, k := range d.Keys {
		var position any
		if k.ID == d.ShownID {
			position = int64(d.ID)
		}
		added, err := t.conn.AddKey(string(k.Type), k.ID, int64(d.ID), position, ms(d.RecordedAt))
		if err != nil {
			return 0, fmt.Errorf("bind key of deployment %d: %w", d.ID, err)
		}
		if added {
			bound++
		}
	}
	return bound, nil
}

// eventSpan is how many events a deployment can have; see the schema.
const eventSpan = 1 << 20

// eventDoc is what is stored of an event beside its columns.
type eventDoc struct {
	Keys   []shipbell.Key `json:"keys"`
	Joined string         `json:"joined,omitempty"`
	shipbell.Observation
}

func (t *Tx) AddEvent(id shipbell.DeploymentID, e shipbell.Event) error {
	doc, err := json.Marshal(eventDoc{Keys: e.Keys, Joined: e.Joined, Observation: e.Observation})
	if err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	base := int64(id) * eventSpan
	args := []any{base, string(e.Source), string(e.ID), ms(e.At), ms(e.ReceivedAt), string(doc)}
	if id == t.opened {
		// The usual case: the first event of a deployment of this transaction.
		t.opened = 0
		return t.conn.Insert(insertEvent, args...)
	}
	n, err := t.conn.Count(`INSERT INTO events (id, source, event_id, at_ms, received_ms, doc)
		SELECT coalesce((SELECT max(id) + 1 FROM events WHERE id >= $1 AND id < $1 + $7), $1), $2, $3, $4, $5, $6
		WHERE NOT EXISTS (SELECT 1 FROM events WHERE id >= $1 AND id < $1 + $7 AND source = $2 AND event_id = $3)
		AND NOT EXISTS (SELECT 1 FROM events WHERE id = $1 + $7 - 1)`,
		append(args, int64(eventSpan))...)
	if err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	if n == 0 {
		return t.notAdded(base)
	}
	return nil
}

// notAdded tells a repeat from a deployment that is full, whose next event would
// get the number of another deployment's.
func (t *Tx) notAdded(base int64) error {
	var last int64
	err := t.conn.Row(`SELECT max(id) FROM events WHERE id >= $1 AND id < $1 + $2`, base, int64(eventSpan)).Scan(&last)
	if err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	if last == base+eventSpan-1 {
		return fmt.Errorf("keep event: %w: the deployment has %d events already", shipbell.ErrInvalid, eventSpan)
	}
	return shipbell.ErrConflict
}

const eventColumns = `source, event_id, at_ms, received_ms, doc`

func scanEvent(row Row) (shipbell.Event, error) {
	var at, received int64
	var source, id, doc []byte
	if err := row.Scan(&source, &id, &at, &received, &doc); err != nil {
		return shipbell.Event{}, err
	}
	return eventOf(source, id, at, received, doc)
}

// eventOf makes an event of its row.
func eventOf(source, id []byte, at, received int64, doc []byte) (shipbell.Event, error) {
	var d eventDoc
	if err := json.Unmarshal(doc, &d); err != nil {
		return shipbell.Event{}, err
	}
	return shipbell.Event{
		Source: shipbell.Source(source), ID: shipbell.EventID(id), Keys: d.Keys, At: fromMS(at), ReceivedAt: fromMS(received),
		Joined: d.Joined, Observation: d.Observation,
	}, nil
}

func (t *Tx) Events(id shipbell.DeploymentID) ([]shipbell.Event, error) {
	var events []shipbell.Event
	err := t.conn.Each(func(rows Row) error {
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

func (t *Tx) Absorb(older, younger shipbell.DeploymentID) error {
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
		if err := t.conn.Settle(string(k.Type), k.ID); err != nil {
			return fmt.Errorf("absorb deployment %d into %d: %w", younger, older, err)
		}
		if err := t.conn.Exec(`UPDATE keys SET deployment = $3 WHERE type = $1 AND id = $2`, string(k.Type), k.ID, int64(older)); err != nil {
			return fmt.Errorf("absorb deployment %d into %d: %w", younger, older, err)
		}
	}
	err = errors.Join(
		t.conn.Exec(`UPDATE attempts SET deployment = $1, n = n + coalesce(
			(SELECT max(o.n) FROM attempts o WHERE o.deployment = $1 AND o.lane = attempts.lane), 0) WHERE deployment = $2`, int64(older), int64(younger)),
		t.conn.Exec(`DELETE FROM announcements WHERE deployment = $1`, int64(younger)),
		t.conn.Exec(`DELETE FROM watches WHERE deployment = $1`, int64(younger)),
		t.conn.Exec(`DELETE FROM deployments WHERE id = $1`, int64(younger)),
		t.conn.Exec(`DELETE FROM listed WHERE id = $1`, int64(younger)),
		t.conn.Exec(`UPDATE merged SET into_id = $1 WHERE into_id = $2`, int64(older), int64(younger)),
		t.conn.Exec(`INSERT INTO merged (into_id, id) VALUES ($1, $2)`, int64(older), int64(younger)),
		t.keepFloor(younger),
		t.conn.Exec(`DELETE FROM events WHERE id >= $1 AND id < $2`, int64(younger)*eventSpan, (int64(younger)+1)*eventSpan),
	)
	if err != nil {
		return fmt.Errorf("absorb deployment %d into %d: %w", younger, older, err)
	}
	return nil
}

func (t *Tx) Merged(id shipbell.DeploymentID) (shipbell.DeploymentID, error) {
	var into int64
	err := t.conn.Row(`SELECT into_id FROM merged WHERE id = $1`, int64(id)).Scan(&into)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("deployment %d: %w", id, shipbell.ErrNotFound)
	}
	if err != nil {
		return 0, fmt.Errorf("find deployment %d: %w", id, err)
	}
	return shipbell.DeploymentID(into), nil
}

// keepFloor makes sure that the number of a deployment that goes is not used
// again.
func (t *Tx) keepFloor(id shipbell.DeploymentID) error {
	return t.conn.Exec(`INSERT INTO meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = CASE WHEN excluded.value > meta.value THEN excluded.value ELSE meta.value END`, metaFloor, int64(id))
}
