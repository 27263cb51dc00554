package postgres

// Waiting returns how many updates wait for the writer.
func (s *Store) Waiting() int { return s.queue.Waiting() }

// Lock returns the number of the lock under which replicas record.
func (s *Store) Lock() int64 { return s.lock }
