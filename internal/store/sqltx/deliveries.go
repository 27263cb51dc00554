package sqltx

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// lane returns the number of a channel, which it gets on first use.
func (t *Tx) lane(c shipbell.ChannelID) (int64, error) {
	if n, ok := t.cache.lanes[c]; ok {
		return n, nil
	}
	var n int64
	err := t.conn.Row(`SELECT id FROM lanes WHERE channel = $1`, string(c)).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.conn.Row(`INSERT INTO lanes (channel, doc) VALUES ($1, '{}') RETURNING id`, string(c)).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("lane of %s: %w", c, err)
	}
	t.cache.lanes[c] = n
	return n, nil
}

func (t *Tx) Announce(id shipbell.DeploymentID, want shipbell.Revision, channels []shipbell.ChannelID) error {
	for _, c := range channels {
		lane, err := t.lane(c)
		if err != nil {
			return err
		}
		err = t.conn.Insert(insertAnnouncement, int64(id), lane, int64(shipbell.PartMain), int64(shipbell.UrgencyNormal), int64(want), int64(0), "", int64(0), int64(0))
		if err != nil {
			return fmt.Errorf("announce deployment %d: %w", id, err)
		}
		t.wake(c)
	}
	return nil
}

const (
	announcementColumns = `a.deployment, l.channel, a.part, a.urgency, a.wanted, a.shown, a.ref, a.tries, a.due_ms, coalesce(m.ref, '')`
	announcementTables  = `lanes l JOIN announcements a ON a.lane = l.id
		LEFT JOIN announcements m ON m.deployment = a.deployment AND m.lane = a.lane AND m.part = 0`
)

func scanAnnouncement(row Row) (shipbell.Announcement, error) {
	var a shipbell.Announcement
	var due int64
	err := row.Scan(&a.Deployment, &a.Channel, &a.Part, &a.Urgency, &a.Wanted, &a.Shown, &a.Ref, &a.Tries, &due, &a.Main)
	a.DueAt = fromMS(due)
	return a, err
}

func (t *Tx) Stale(c shipbell.ChannelID, now time.Time) (shipbell.Announcement, error) {
	a, err := scanAnnouncement(t.conn.Row(`SELECT `+announcementColumns+` FROM `+announcementTables+`
		WHERE l.channel = $1 AND a.shown < a.wanted AND a.due_ms <= $2 ORDER BY a.urgency DESC, a.deployment, a.part LIMIT 1`, string(c), ms(now)))
	if err == nil {
		return a, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return shipbell.Announcement{}, fmt.Errorf("find stale announcement of %s: %w", c, err)
	}
	var next sql.NullInt64
	err = t.conn.Row(`SELECT min(a.due_ms) FROM lanes l JOIN announcements a ON a.lane = l.id
		WHERE l.channel = $1 AND a.shown < a.wanted`, string(c)).Scan(&next)
	if err != nil {
		return shipbell.Announcement{}, fmt.Errorf("find stale announcement of %s: %w", c, err)
	}
	return shipbell.Announcement{}, ledger.NothingDue{Next: fromMS(next.Int64)}
}

func (t *Tx) Announcements(id shipbell.DeploymentID, channels ...shipbell.ChannelID) ([]shipbell.Announcement, error) {
	var as []shipbell.Announcement
	keep := func(row Row) error {
		a, err := scanAnnouncement(row)
		as = append(as, a)
		return err
	}
	const query = `SELECT ` + announcementColumns + ` FROM ` + announcementTables
	var err error
	if len(channels) == 0 {
		err = t.conn.Each(keep, query+` WHERE a.deployment = $1 ORDER BY l.channel, a.part`, int64(id))
	}
	for _, c := range slices.Sorted(slices.Values(channels)) {
		err = errors.Join(err, t.conn.Each(keep, query+` WHERE a.deployment = $1 AND l.channel = $2 ORDER BY a.part`, int64(id), string(c)))
	}
	if err != nil {
		return nil, fmt.Errorf("read announcements of deployment %d: %w", id, err)
	}
	return as, nil
}

func (t *Tx) PutAnnouncement(a shipbell.Announcement) error {
	lane, err := t.lane(a.Channel)
	if err != nil {
		return err
	}
	err = t.conn.Exec(insertAnnouncement.One+` ON CONFLICT (deployment, lane, part) DO UPDATE SET
		urgency = excluded.urgency, wanted = excluded.wanted, shown = excluded.shown, ref = excluded.ref,
		tries = excluded.tries, due_ms = excluded.due_ms`,
		int64(a.Deployment), lane, int64(a.Part), int64(a.Urgency), int64(a.Wanted), int64(a.Shown), string(a.Ref), int64(a.Tries), ms(a.DueAt))
	if err != nil {
		return fmt.Errorf("store announcement: %w", err)
	}
	if a.Stale() && a.DueAt.IsZero() {
		t.wake(a.Channel)
	}
	return nil
}

func (t *Tx) DropAnnouncement(a shipbell.Announcement) error {
	lane, err := t.lane(a.Channel)
	if err != nil {
		return err
	}
	err = t.conn.Exec(`DELETE FROM announcements WHERE deployment = $1 AND lane = $2 AND part = $3`, int64(a.Deployment), lane, int64(a.Part))
	if err != nil {
		return fmt.Errorf("drop announcement: %w", err)
	}
	return nil
}

func (t *Tx) KeepAttempt(attempt shipbell.Attempt) error {
	lane, err := t.lane(attempt.Channel)
	if err != nil {
		return err
	}
	var n int64
	err = t.conn.Row(`INSERT INTO attempts (deployment, lane, n, part, revision, at_ms, edit, took_ms, fault, detail)
		VALUES ($1, $2, (SELECT coalesce(max(n), 0) + 1 FROM attempts WHERE deployment = $1 AND lane = $2), $3, $4, $5, $6, $7, $8, $9)
		RETURNING n`,
		int64(attempt.Deployment), lane, int64(attempt.Part), int64(attempt.Revision), ms(attempt.At), boolInt(attempt.Edit),
		attempt.Took.Milliseconds(), string(attempt.Fault), attempt.Detail).Scan(&n)
	if err != nil {
		return fmt.Errorf("keep attempt: %w", err)
	}
	if n <= ledger.KeptAttempts {
		return nil
	}
	err = t.conn.Exec(`DELETE FROM attempts WHERE deployment = $1 AND lane = $2 AND n <= $3`,
		int64(attempt.Deployment), lane, n-ledger.KeptAttempts)
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

func (t *Tx) Attempts(id shipbell.DeploymentID) ([]shipbell.Attempt, error) {
	var as []shipbell.Attempt
	err := t.conn.Each(func(rows Row) error {
		a := shipbell.Attempt{Deployment: id}
		var at, edit, took int64
		err := rows.Scan(&a.Channel, &a.Part, &a.Revision, &at, &edit, &took, &a.Fault, &a.Detail)
		a.At, a.Edit, a.Took = fromMS(at), edit != 0, time.Duration(took)*time.Millisecond
		as = append(as, a)
		return err
	}, `SELECT l.channel, a.part, a.revision, a.at_ms, a.edit, a.took_ms, a.fault, a.detail
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
	LastError   string    `json:"lastError,omitempty"`
	LastErrorAt int64     `json:"lastErrorMs,omitempty"`
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
		Setbacks: d.Setbacks, LastSuccess: fromMS(d.LastSuccess), LastError: d.LastError, LastErrorAt: fromMS(d.LastErrorAt),
	}
	for _, n := range d.Recent {
		l.Recent = append(l.Recent, fromMS(n))
	}
	if d.Pause != nil {
		l.Pause = &shipbell.Pause{At: fromMS(d.Pause.At), Reason: d.Pause.Reason, Hint: d.Pause.Hint}
	}
	return l, nil
}

func (t *Tx) Lane(c shipbell.ChannelID) (shipbell.Lane, error) {
	var doc []byte
	err := t.conn.Row(`SELECT doc FROM lanes WHERE channel = $1`, string(c)).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return shipbell.Lane{Channel: c}, nil
	}
	if err != nil {
		return shipbell.Lane{}, fmt.Errorf("read lane %s: %w", c, err)
	}
	return laneFrom(c, doc)
}

func (t *Tx) PutLane(l shipbell.Lane) error {
	d := laneDoc{
		Memory: l.Memory, Note: l.Note, ParkedUntil: ms(l.ParkedUntil), ParkedFor: l.ParkedFor,
		Setbacks: l.Setbacks, LastSuccess: ms(l.LastSuccess), LastError: l.LastError, LastErrorAt: ms(l.LastErrorAt),
	}
	if l.ParkedUntil.After(fromMS(d.ParkedUntil)) {
		d.ParkedUntil++ // rounded up: a lane must not go on too early
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
	if err := t.conn.Exec(`UPDATE lanes SET doc = $2 WHERE id = $1`, lane, string(doc)); err != nil {
		return fmt.Errorf("store lane %s: %w", l.Channel, err)
	}
	return nil
}

func (t *Tx) Lanes() ([]shipbell.Lane, error) {
	var lanes []shipbell.Lane
	err := t.conn.Each(func(rows Row) error {
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
		// All backlogs are counted in one go over the index of what is stale.
	}, `SELECT l.channel, l.doc, coalesce(a.n, 0) FROM lanes l
		LEFT JOIN (SELECT lane, count(*) AS n FROM announcements WHERE shown < wanted GROUP BY lane) a ON a.lane = l.id ORDER BY l.channel`)
	if err != nil {
		return nil, fmt.Errorf("read lanes: %w", err)
	}
	return lanes, nil
}
