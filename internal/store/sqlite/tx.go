package sqlite

import (
	"database/sql"
	"errors"
	"time"

	"github.com/shipbell/shipbell"
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
	// named is set once it was seen in this transaction that a build step named
	// every deployment. Where nothing but pushes comes in that is always so, and
	// each of them would look for another.
	named bool
}

// The names of the rows of meta.
const (
	metaCheck    = "check"         // written to prove that writing works
	metaFloor    = "floor"         // deployment numbers up to this one were used
	metaImported = "remembered_ms" // when ids were last imported
	metaBulletin = "bulletin"      // the highest number of a bulletin so far
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
