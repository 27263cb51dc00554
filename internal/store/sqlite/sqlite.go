// Package sqlite is the ledger's embedded store: one file, WAL, synchronous
// FULL, one writer.
//
// Its one rule: an Update returns only after its commit is on disk, and Updates
// that wait at the same time share one commit. Readers have connections of
// their own and never wait for the writer. Several processes may open one file;
// which of them delivers is not decided here.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the database/sql driver

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/group"
	"github.com/shipbell/shipbell/internal/store/sqltx"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// readers is how many snapshots can be read at once. More only adds memory:
	// each has a page cache of its own.
	readers = 4
	// busyTimeout is how long to wait for another process that writes.
	busyTimeout = 5 * time.Second
	// checkpointEvery is after how many Updates the WAL is copied into the
	// database: about 12 MB of it. Copied less often, a page that changed several
	// times is copied once.
	checkpointEvery = 2000
	// walPages is when SQLite itself checkpoints inside a commit, should ours
	// not come to it; about 32 MB.
	walPages = 8000
)

// Store is a ledger.Store in a SQLite file. It is safe for concurrent use.
type Store struct {
	db     *sql.DB
	writer *session
	copier *session       // checkpoints beside the writer
	work   sync.WaitGroup // checkpoints beside the writer
	pool   chan *session

	queue *group.Queue

	// Only the goroutine that commits uses these.
	underWay bool          // a checkpoint beside the writer has not been received from copied
	uncopied int           // Updates since the last checkpoint began
	copied   chan struct{} // receives when a checkpoint beside the writer ended
}

// Open opens the file at path, makes it where there is none, and brings its
// schema up to date. A file that a newer version wrote is refused untouched.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	// The file holds commit messages and authors: its owner's alone.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}

	s := &Store{pool: make(chan *session, readers), copied: make(chan struct{}, 1)}
	s.queue = group.New(group.Options{
		Commit: func(_ []shipbell.KeyIdentity, fn func(ledger.Tx) error) error { return s.writer.update(fn) },
		After:  s.checkpoint,
	})
	if s.db, err = sql.Open("sqlite", dsn(path)); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), s.db.Close())
	}
	return s, nil
}

// dsn puts the settings where every new connection gets them. Temporary tables
// and indexes of VACUUM stay in memory; a statement never waits on a disk for
// them. The page cache is given in KiB by a negative number.
func dsn(path string) string {
	q := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(ON)",
		"temp_store(MEMORY)",
		"cache_size(-4096)",
		fmt.Sprintf("wal_autocheckpoint(%d)", walPages),
	}}
	// A file URI: the path may hold a question mark or a percent sign.
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func (s *Store) prepare(ctx context.Context) error {
	if err := migrate(ctx, s.db); err != nil {
		return err
	}
	var err error
	if s.writer, err = newSession(s.db); err != nil {
		return err
	}
	if s.copier, err = newSession(s.db); err != nil {
		return err
	}
	for range readers {
		r, err := newSession(s.db)
		if err != nil {
			return err
		}
		s.pool <- r
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir)
	if err != nil {
		return err
	}
	version, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	if newest := sources[len(sources)-1].Version; version > newest {
		return fmt.Errorf("the file has schema %d, this version of Shipbell knows %d: it was written by a newer version; use that one", version, newest)
	}
	_, err = p.Up(ctx)
	return err
}

// Close implements [ledger.Store].
func (s *Store) Close() error {
	var errs []error
	s.queue.Wait()
	s.work.Wait()
	for range readers {
		errs = append(errs, (<-s.pool).close())
	}
	errs = append(errs, s.copier.close(), s.writer.close(), s.db.Close())
	return errors.Join(errs...)
}

// View implements [ledger.Store].
func (s *Store) View(ctx context.Context, fn func(ledger.Tx) error) error {
	select {
	case r := <-s.pool:
		defer func() { s.pool <- r }()
		return r.view(fn)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Check implements [ledger.Store].
func (s *Store) Check(ctx context.Context) error {
	return s.Update(ctx, func(t ledger.Tx) error { return t.(*sqltx.Tx).Touch() })
}

// Update implements [ledger.Store].
func (s *Store) Update(ctx context.Context, fn func(ledger.Tx) error, _ ...shipbell.Key) error {
	return s.queue.Update(ctx, fn)
}

// checkpoint sees to it that the WAL is copied into the database from time to
// time. The bulk is copied beside the writer, so that no commit waits for it.
// What was committed meanwhile is little, and the writer copies it itself:
// only when nothing is left can the WAL begin again at its start. A checkpoint
// that fails costs nothing but room; the next one tries again.
func (s *Store) checkpoint(updates int) {
	const passive = "PRAGMA wal_checkpoint(PASSIVE)"
	select {
	case <-s.copied:
		s.underWay = false
		_ = s.writer.Exec(passive)
	default:
	}
	if s.uncopied += updates; s.uncopied < checkpointEvery || s.underWay {
		return
	}
	s.uncopied, s.underWay = 0, true
	s.work.Go(func() {
		_ = s.copier.Exec(passive)
		s.copied <- struct{}{}
	})
}
