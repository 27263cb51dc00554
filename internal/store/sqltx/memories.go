package sqltx

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

func (t *Tx) Memory(s shipbell.Source) (string, error) {
	var doc string
	err := t.conn.Row(`SELECT doc FROM memories WHERE source = $1`, string(s)).Scan(&doc)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read memory of %s: %w", s, err)
	}
	return doc, nil
}

func (t *Tx) PutMemory(s shipbell.Source, memory string) error {
	err := t.conn.Exec(`INSERT INTO memories (source, doc) VALUES ($1, $2)
		ON CONFLICT (source) DO UPDATE SET doc = excluded.doc`, string(s), memory)
	if err != nil {
		return fmt.Errorf("store memory of %s: %w", s, err)
	}
	return nil
}

const bulletinColumns = `id, revision, doc`

func scanBulletin(row Row) (shipbell.Bulletin, error) {
	var b shipbell.Bulletin
	var doc []byte
	var id, revision int64
	if err := row.Scan(&id, &revision, &doc); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			err = shipbell.ErrNotFound
		}
		return b, fmt.Errorf("read bulletin: %w", err)
	}
	if err := json.Unmarshal(doc, &b); err != nil {
		return b, fmt.Errorf("read bulletin %d: %w", id, err)
	}
	b.ID, b.Revision = shipbell.BulletinID(id), shipbell.Revision(revision)
	return b, nil
}

func (t *Tx) Bulletin(id shipbell.BulletinID) (shipbell.Bulletin, error) {
	return scanBulletin(t.conn.Row(`SELECT `+bulletinColumns+` FROM bulletins WHERE id = $1`, int64(id)))
}

func (t *Tx) BulletinOf(key string) (shipbell.Bulletin, error) {
	return scanBulletin(t.conn.Row(`SELECT `+bulletinColumns+` FROM bulletins WHERE key = $1`, key))
}

func (t *Tx) PutBulletin(b shipbell.Bulletin) (shipbell.BulletinID, error) {
	doc, err := json.Marshal(b)
	if err != nil {
		return 0, fmt.Errorf("store bulletin: %w", err)
	}
	if b.ID == 0 {
		// Numbers are not used again: announcements stand under them.
		if b.ID, err = t.nextBulletin(); err != nil {
			return 0, fmt.Errorf("number bulletin: %w", err)
		}
	}
	err = t.conn.Exec(`INSERT INTO bulletins (id, key, revision, at_ms, doc) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, doc = excluded.doc`,
		int64(b.ID), b.Key, int64(b.Revision), ms(b.At), string(doc))
	if err != nil {
		return 0, fmt.Errorf("store bulletin: %w", err)
	}
	return b.ID, nil
}

func (t *Tx) nextBulletin() (shipbell.BulletinID, error) {
	last, err := t.meta(metaBulletin)
	if err != nil {
		return 0, err
	}
	return shipbell.BulletinID(last + 1), t.setMeta(metaBulletin, last+1)
}

// sweepBulletins deletes bulletins from before that wait in none of the
// channels.
func (t *Tx) sweepBulletins(before time.Time, channels []shipbell.ChannelID) error {
	var old []int64
	err := t.conn.Each(func(rows Row) error {
		var id int64
		err := rows.Scan(&id)
		old = append(old, id)
		return err
	}, `SELECT id FROM bulletins WHERE at_ms < $1`, ms(before))
	if err != nil {
		return err
	}
	for _, id := range old {
		subject := shipbell.BulletinID(id).Subject()
		announcements, err := t.Announcements(subject)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(announcements, func(a shipbell.Announcement) bool {
			return a.Stale() && slices.Contains(channels, a.Channel)
		}) {
			continue
		}
		err = errors.Join(
			t.conn.Exec(`DELETE FROM bulletins WHERE id = $1`, id),
			t.conn.Exec(`DELETE FROM announcements WHERE deployment = $1`, int64(subject)),
			t.conn.Exec(`DELETE FROM attempts WHERE deployment = $1`, int64(subject)),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) Watch(id shipbell.DeploymentID, due time.Time) error {
	var err error
	if due.IsZero() {
		err = t.conn.Exec(`DELETE FROM watches WHERE deployment = $1`, int64(id))
	} else {
		err = t.conn.Exec(`INSERT INTO watches (deployment, due_ms) VALUES ($1, $2)
			ON CONFLICT (deployment) DO UPDATE SET due_ms = excluded.due_ms`, int64(id), ms(due))
	}
	if err != nil {
		return fmt.Errorf("watch deployment %d: %w", id, err)
	}
	return nil
}

func (t *Tx) Due(now time.Time, n int) ([]shipbell.DeploymentID, error) {
	var ids []shipbell.DeploymentID
	err := t.conn.Each(func(rows Row) error {
		var id shipbell.DeploymentID
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT deployment FROM watches WHERE due_ms <= $1 ORDER BY due_ms, deployment LIMIT $2`, ms(now), n)
	if err != nil {
		return nil, fmt.Errorf("find due watches: %w", err)
	}
	return ids, nil
}
