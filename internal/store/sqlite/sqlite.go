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
	"sync/atomic"
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

	failed atomic.Bool           // a write failed since Check last proved that writing works
	damage atomic.Pointer[error] // the first failure that told of damage

	// Only the goroutine that commits uses these.
	underWay bool          // a checkpoint beside the writer has not been received from copied
	uncopied int           // Updates since the last checkpoint began
	copied   chan struct{} // receives when a checkpoint beside the writer ended
}

// Open opens the file at path, makes it where there is none, and brings its
// schema up to date. A file that is damaged, of a newer version, or no ledger at
// all is refused untouched. What is wrong with a file is told by a
// [shipbell.StoreError].
func Open(ctx context.Context, path string) (*Store, error) {
	s, err := openFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, classify(err))
	}
	return s, nil
}

func openFile(ctx context.Context, path string) (*Store, error) {
	if err := examine(ctx, path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// The file holds commit messages and authors: its owner's alone.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return connect(ctx, dsn(path), migrate)
}

// connect opens the connections, after prepare has seen to the schema.
func connect(ctx context.Context, dsn string, prepare func(context.Context, *sql.DB) error) (*Store, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	sessions, err := newSessions(db, 2+readers)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Store{
		db: db, writer: sessions[0], copier: sessions[1],
		pool: make(chan *session, readers), copied: make(chan struct{}, 1),
	}
	s.writer.fresh = newFreshKeys()
	for _, r := range sessions[2:] {
		s.pool <- r
	}
	s.queue = group.New(group.Options{Commit: s.commit, After: s.checkpoint})
	return s, nil
}

// newSessions opens n sessions, or none.
func newSessions(db *sql.DB, n int) ([]*session, error) {
	var sessions []*session
	for range n {
		s, err := newSession(db)
		if err != nil {
			for _, s := range sessions {
				err = errors.Join(err, s.close())
			}
			return nil, err
		}
		sessions = append(sessions, s)
	}
	return sessions, nil
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
	return fileURI(path, q)
}

// fileURI names a file whose path may hold a question mark or a percent sign.
func fileURI(path string, q url.Values) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// schema returns what knows the migrations, and the number of the newest.
func schema(db *sql.DB) (p *goose.Provider, newest int64, err error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, 0, err
	}
	if p, err = goose.NewProvider(goose.DialectSQLite3, db, dir); err != nil {
		return nil, 0, err
	}
	sources := p.ListSources()
	return p, sources[len(sources)-1].Version, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	p, newest, err := schema(db)
	if err != nil {
		return err
	}
	version, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	if version > newest {
		return tooNew(version, newest)
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
	if err := s.damaged(); err != nil {
		return err
	}
	select {
	case r := <-s.pool:
		defer func() { s.pool <- r }()
		return s.note(r.view(fn))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Check implements [ledger.Store].
func (s *Store) Check(ctx context.Context) error {
	if s.failed.Swap(false) {
		if err := s.proveRoom(ctx); err != nil {
			return err
		}
	}
	return s.Update(ctx, func(t ledger.Tx) error { return t.(*sqltx.Tx).Touch() })
}

// Update implements [ledger.Store].
func (s *Store) Update(ctx context.Context, fn func(ledger.Tx) error, _ ...shipbell.Key) error {
	return s.queue.Update(ctx, fn)
}

func (s *Store) commit(_ []shipbell.KeyIdentity, fn func(ledger.Tx) error) error {
	if err := s.damaged(); err != nil {
		return err
	}
	return s.note(s.writer.update(fn))
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
