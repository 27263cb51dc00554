package sqltx

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

func (t *Tx) Newest(typ shipbell.ProjectType, n int) ([]string, error) {
	var ids []string
	err := t.conn.Each(func(rows Row) error {
		var id string
		var position int64
		err := rows.Scan(&id, &position)
		ids = append(ids, id)
		return err
		// SQLite looks into both halves of the view by position only if it is asked for.
	}, `SELECT id, position FROM all_keys WHERE type = $1 AND position IS NOT NULL ORDER BY position DESC LIMIT $2`, string(typ), n)
	if err != nil {
		return nil, fmt.Errorf("read ids: %w", err)
	}
	slices.Reverse(ids)
	return ids, nil
}

func (t *Tx) StartingWith(typ shipbell.ProjectType, text string, n int) ([]ledger.Found, error) {
	var found []ledger.Found
	err := t.conn.Each(func(rows Row) error {
		f := ledger.Found{Key: shipbell.KeyIdentity{Type: typ}}
		var deployment sql.NullInt64
		err := rows.Scan(&f.Key.ID, &deployment)
		f.Deployment = shipbell.DeploymentID(deployment.Int64)
		found = append(found, f)
		return err
		// Ids are compared byte by byte, and no id goes on with the last character.
	}, `SELECT id, deployment FROM all_keys WHERE type = $1 AND id >= $2 AND id < $3 ORDER BY id LIMIT $4`, string(typ), text, text+string(utf8.MaxRune), n)
	if err != nil {
		return nil, fmt.Errorf("find keys: %w", err)
	}
	return found, nil
}

func (t *Tx) LastRecorded() (time.Time, error) {
	var recorded int64
	err := t.conn.Row(`SELECT recorded_ms FROM deployments ORDER BY id DESC LIMIT 1`).Scan(&recorded)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("read last time: %w", err)
	}
	imported, err := t.meta(metaImported)
	if err != nil {
		return time.Time{}, fmt.Errorf("read last time: %w", err)
	}
	return fromMS(max(recorded, imported)), nil
}

func (t *Tx) Remember(typ shipbell.ProjectType, ids []string, at time.Time) (int, error) {
	var lowest int64
	err := t.conn.Row(`SELECT coalesce(min(position), 0) FROM keys WHERE type = $1 AND position IS NOT NULL`, string(typ)).Scan(&lowest)
	if err != nil {
		return 0, fmt.Errorf("remember ids: %w", err)
	}
	lowest = min(lowest, 0)
	added := 0
	// From the newest to the oldest, each below everything that is there.
	for _, id := range slices.Backward(ids) {
		if err := t.conn.Settle(string(typ), id); err != nil {
			return 0, fmt.Errorf("remember ids: %w", err)
		}
		n, err := t.conn.Count(`INSERT INTO keys (type, id, position, seen_ms) VALUES ($1, $2, $3, $4)
			ON CONFLICT (type, id) DO NOTHING`, string(typ), id, lowest-1, ms(at))
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

func (t *Tx) Sweep(before, idsBefore time.Time, channels []shipbell.ChannelID, limit int) (int, error) {
	if err := t.conn.Exec(`DELETE FROM keys WHERE deployment IS NULL AND seen_ms < $1`, ms(idsBefore)); err != nil {
		return 0, fmt.Errorf("sweep ids: %w", err)
	}
	if err := t.sweepBulletins(before, channels); err != nil {
		return 0, fmt.Errorf("sweep bulletins: %w", err)
	}
	if err := t.sweepChanges(); err != nil {
		return 0, fmt.Errorf("sweep changes: %w", err)
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
func (t *Tx) old(before time.Time, channels []shipbell.ChannelID, limit int) ([]shipbell.DeploymentID, error) {
	live := make(map[shipbell.ChannelID]bool)
	for _, c := range channels {
		live[c] = true
	}
	waits := make(map[shipbell.DeploymentID]bool)
	err := t.conn.Each(func(rows Row) error {
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
	err = t.conn.Each(func(rows Row) error {
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

func (t *Tx) sweep(id shipbell.DeploymentID, idsBefore time.Time) error {
	d, err := t.Deployment(id)
	if err != nil {
		return err
	}
	for _, k := range d.Keys {
		err := errors.Join(
			t.conn.Settle(string(k.Type), k.ID),
			t.conn.Exec(`UPDATE keys SET deployment = NULL WHERE type = $1 AND id = $2`, string(k.Type), k.ID),
			t.conn.Exec(`DELETE FROM keys WHERE type = $1 AND id = $2 AND seen_ms < $3`, string(k.Type), k.ID, ms(idsBefore)),
		)
		if err != nil {
			return err
		}
	}
	return errors.Join(
		t.conn.Exec(`DELETE FROM events WHERE id >= $1 AND id < $2`, int64(id)*eventSpan, (int64(id)+1)*eventSpan),
		t.conn.Exec(`DELETE FROM announcements WHERE deployment = $1`, int64(id)),
		t.conn.Exec(`DELETE FROM attempts WHERE deployment = $1`, int64(id)),
		t.conn.Exec(`DELETE FROM watches WHERE deployment = $1`, int64(id)),
		t.conn.Exec(`DELETE FROM merged WHERE into_id = $1`, int64(id)),
		t.conn.Exec(`DELETE FROM deployments WHERE id = $1`, int64(id)),
		t.conn.Exec(`DELETE FROM listed WHERE id = $1`, int64(id)),
		t.keepFloor(id),
	)
}
