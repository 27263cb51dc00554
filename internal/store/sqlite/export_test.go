package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"testing"
)

// Pragma reads a setting of the writing connection.
func (s *Store) Pragma(name string) (string, error) {
	var v string
	err := s.writer.Row("PRAGMA " + name).Scan(&v)
	return v, err
}

// WaitQueued returns when n updates wait for the writer.
func (s *Store) WaitQueued(n int) {
	for s.queue.Waiting() < n {
		runtime.Gosched()
	}
}

// Commits returns how many transactions the writer has committed.
func (s *Store) Commits() int { return s.queue.Commits() }

// LoseConnection leaves the writer as a transaction does that SQLite ended by
// itself: there is nothing to roll back.
func (s *Store) LoseConnection() { s.writer.abandon() }

// Set changes a setting of the writing connection.
func (s *Store) Set(pragma string) error { return s.writer.Exec("PRAGMA " + pragma) }

// Limit bounds the size of the file at path, also for the connections that
// replace the writing one after a failure. The caller closes what it returns
// after the store.
func (s *Store) Limit(path string, pages int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path)+"&"+url.Values{"_pragma": {fmt.Sprintf("max_page_count(%d)", pages)}}.Encode())
	if err != nil {
		return nil, err
	}
	if !s.writer.broken {
		err = s.writer.close()
	}
	s.writer.db, s.writer.broken = db, true
	return db, err
}

// OpenToRead opens a file as OpenRead does where Open does not work.
var OpenToRead = openToRead

// MoveKeysAfter makes keys be moved into the index when there are n.
func (s *Store) MoveKeysAfter(n int) { s.writer.fresh.max = n }

// KeysRead returns how often the keys that were added lately were read.
func (s *Store) KeysRead() int { return s.writer.fresh.reads }

// Keys counts the keys that were added lately, and those in the index.
func (s *Store) Keys(t *testing.T) (fresh, indexed int) {
	t.Helper()
	err := errors.Join(s.writer.Row("SELECT count(*) FROM fresh_keys").Scan(&fresh), s.writer.Row("SELECT count(*) FROM keys").Scan(&indexed))
	if err != nil {
		t.Fatal(err)
	}
	return fresh, indexed
}
