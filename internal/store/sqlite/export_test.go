package sqlite

import "runtime"

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
