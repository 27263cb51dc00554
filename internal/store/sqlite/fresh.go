package sqlite

import "github.com/shipbell/shipbell/internal/store/sqltx"

// The policy of this file: ids are random, so each new key would change a page of
// its own in an index that grows with the history, and that page is written twice.
// Keys that were added lately are therefore appended to a table of their own, and
// moved into the index many at a time and in its order. Both tables together are
// the keys, in every transaction and for every process; the writer alone keeps in
// mind where the new ones lead, which is quicker than an index.

// maxFresh is how many keys are kept apart. The more there are, the more of them
// share a page of the index when they are moved, and the longer the one group of
// Updates waits that moves them.
const maxFresh = 16384

// freshKeys is what the writer keeps in mind of the table fresh_keys.
type freshKeys struct {
	max   int
	leads map[freshKey]int64 // to the deployment, 0 for none
	// known is set while leads is what the table holds, as of version.
	known bool
	// version changes when another process has written.
	version int64
	reads   int // how often the table was read
}

type freshKey struct{ typ, id string }

func newFreshKeys() *freshKeys { return &freshKeys{max: maxFresh} }

// forget makes the next transaction read the table again.
func (f *freshKeys) forget() {
	if f != nil {
		f.known = false
	}
}

// begin brings what is kept in mind up to date, and moves the keys when there are
// enough of them.
func (f *freshKeys) begin(s *session) error {
	var version int64
	if err := s.Row("PRAGMA data_version").Scan(&version); err != nil {
		return err
	}
	if !f.known || version != f.version {
		if err := f.load(s); err != nil {
			return err
		}
		f.known, f.version = true, version
	}
	if len(f.leads) >= f.max {
		return f.settle(s)
	}
	return nil
}

func (f *freshKeys) load(s *session) error {
	f.leads = make(map[freshKey]int64)
	f.reads++
	return s.Each(func(row sqltx.Row) error {
		var k freshKey
		var deployment int64
		err := row.Scan(&k.typ, &k.id, &deployment)
		f.leads[k] = deployment
		return err
	}, `SELECT type, id, coalesce(deployment, 0) FROM fresh_keys`)
}

// settle moves the keys into the index.
func (f *freshKeys) settle(s *session) error {
	if len(f.leads) == 0 {
		return nil
	}
	err := s.Exec(`INSERT INTO keys (type, id, deployment, position, seen_ms)
		SELECT type, id, deployment, position, seen_ms FROM fresh_keys ORDER BY type, id`)
	if err != nil {
		return err
	}
	clear(f.leads)
	return s.Exec(`DELETE FROM fresh_keys`)
}

// Settle implements [sqltx.Conn].
func (s *session) Settle(typ, id string) error {
	if _, ok := s.fresh.leads[freshKey{typ, id}]; !ok {
		return nil
	}
	return s.fresh.settle(s)
}

// AddKey implements [sqltx.Conn].
func (s *session) AddKey(args ...any) (bool, error) {
	k := freshKey{args[0].(string), args[1].(string)}
	if _, ok := s.fresh.leads[k]; ok {
		return false, nil
	}
	n, err := s.Count(`INSERT INTO fresh_keys (type, id, deployment, position, seen_ms) SELECT $1, $2, $3, $4, $5
		WHERE NOT EXISTS (SELECT 1 FROM keys WHERE type = $1 AND id = $2)`, args...)
	if err != nil || n == 0 {
		return false, err
	}
	s.fresh.leads[k], _ = args[2].(int64)
	return true, nil
}

// FindKey implements [sqltx.Conn].
func (s *session) FindKey(typ, id string) (deployment int64, err error) {
	query := `SELECT coalesce(deployment, 0) FROM keys WHERE type = $1 AND id = $2`
	if s.fresh == nil {
		// A reader has nothing in mind, and looks through the table.
		query = `SELECT coalesce(deployment, 0) FROM all_keys WHERE type = $1 AND id = $2`
	} else if deployment, ok := s.fresh.leads[freshKey{typ, id}]; ok {
		return deployment, nil
	}
	err = s.Row(query, typ, id).Scan(&deployment)
	return deployment, err
}
