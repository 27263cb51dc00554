// Package postgres is the ledger's store for several replicas: one PostgreSQL,
// reached by all of them.
//
// Its one rule: one transaction in the whole database records at a time, and
// those that wait at the same time share it. A lock in the database decides which
// replica's turn it is, so that what one reads nobody changes before it is
// written. Readers never wait.
//
// Everything that replicas tell one another goes through here as well: who may do
// what (leases), that something has become stale (notifications), and what time
// it is.
package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/clock"
	"github.com/shipbell/shipbell/internal/store/group"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The defaults of Options.
const (
	DefaultConnections = 8
	DefaultTimeout     = 10 * time.Second
)

const (
	// schema is where the tables are unless the address says search_path: the
	// database may be others' as well.
	schema = "shipbell"
	// connectTimeout bounds a connection unless the address says connect_timeout.
	connectTimeout = 5 * time.Second
	// reserved connections are not for readers: the writer's, the listener's, and
	// one for leases, which must never wait.
	reserved = 3
	// patience is what a transaction may take beyond its statements' time-out
	// before its connection is given up: the server itself may be gone.
	patience = 3 * time.Second
)

// Options say which database, and how it is used.
type Options struct {
	// URL is the address as libpq and pgx take it: postgres://user@host/database,
	// with sslmode and search_path as parameters.
	URL string
	// Connections bounds how many connections are open at once, at least 4; 0:
	// DefaultConnections.
	Connections int
	// Timeout bounds a statement, and half of it how long a transaction may stand
	// still before the database ends it; 0: DefaultTimeout.
	Timeout time.Duration
	Log     *slog.Logger
}

// Store is a ledger.Store in a PostgreSQL database. It is safe for concurrent
// use.
type Store struct {
	db      *sql.DB
	config  *pgx.ConnConfig
	timeout time.Duration
	log     *slog.Logger
	queue   *group.Queue
	writer  *session // used by one group at a time
	clock   clock.Clock
	// name tells the schemas of a database apart: each has locks and
	// notifications of its own.
	name string
	lock int64
	pool chan *session // readers
}

// Open connects, and brings the schema up to date. Replicas may do so at the same
// time. A database that a newer version wrote is refused untouched.
func Open(ctx context.Context, o Options) (*Store, error) {
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", withoutURL(err))
	}
	if o.Connections == 0 {
		o.Connections = DefaultConnections
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	set := func(name, value string) {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	_, placed := config.RuntimeParams["search_path"]
	set("search_path", schema)
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	set("application_name", "shipbell")
	set("statement_timeout", ms(o.Timeout))
	// Who waits for the lock must outlast a holder that stands still.
	set("lock_timeout", ms(o.Timeout*3/4))
	set("idle_in_transaction_session_timeout", ms(o.Timeout/2))

	// Every statement has an index to go by. A plan that was made while the tables
	// were empty would read them from end to end for as long as the connection
	// lives.
	for _, way := range []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin"} {
		set(way, "off")
	}

	s := &Store{config: config, timeout: o.Timeout, log: o.Log, db: stdlib.OpenDB(*config)}
	readers := max(o.Connections-reserved, 1)
	s.db.SetMaxOpenConns(readers + reserved)
	s.db.SetMaxIdleConns(readers + reserved)
	s.writer = newSession(s)
	s.pool = make(chan *session, readers)
	for range readers {
		s.pool <- newSession(s)
	}
	s.queue = group.New(group.Options{Commit: s.commit, Blames: blames})
	if err := s.prepare(ctx, placed); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", s.Place(), err), s.db.Close())
	}
	return s, nil
}

// Place names the database without its secrets.
func (s *Store) Place() string {
	return fmt.Sprintf("%s at %s:%d", s.config.Database, s.config.Host, s.config.Port)
}

func (s *Store) prepare(ctx context.Context, placed bool) error {
	if err := s.place(ctx, placed); err != nil {
		return withoutURL(err)
	}
	if err := migrate(ctx, s.db); err != nil {
		return err
	}
	// Both numbers are the same in every replica.
	err := s.db.QueryRowContext(ctx, `SELECT 'shipbell_' || current_schema(), hashtextextended('shipbell ' || current_schema(), 0)`).Scan(&s.name, &s.lock)
	if err != nil {
		return err
	}
	return s.readClock(ctx)
}

// place sees to it that there is a schema to work in. Placed says that somebody
// chose it, and so has to make it.
func (s *Store) place(ctx context.Context, placed bool) error {
	var current sql.NullString
	if err := s.db.QueryRowContext(ctx, `SELECT current_schema()`).Scan(&current); err != nil {
		return err
	}
	if current.Valid {
		return nil
	}
	if placed {
		return &shipbell.StoreError{
			Reason: fmt.Sprintf("there is no schema %s, which search_path names", s.config.RuntimeParams["search_path"]),
			Hint:   "create it, or leave search_path out",
		}
	}
	// Replicas that start together must not stumble over one another.
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('shipbell', 0))`)
	if err == nil {
		_, err = tx.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS `+schema)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	// Replicas that start together wait for the one that migrates.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, dir, goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	version, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	newest := sources[len(sources)-1].Version
	if version > newest {
		return &shipbell.StoreError{
			Reason: fmt.Sprintf("the database has schema %d, this version of Shipbell knows %d: it was written by a newer version", version, newest),
			Hint:   "use the version of Shipbell that wrote it, or a newer one",
		}
	}
	if version == newest {
		return nil
	}
	_, err = p.Up(ctx)
	return err
}

// Close implements [ledger.Store].
func (s *Store) Close() error {
	s.queue.Wait()
	errs := []error{s.writer.close()}
	for range cap(s.pool) {
		errs = append(errs, (<-s.pool).close())
	}
	return errors.Join(append(errs, s.db.Close())...)
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
	return s.Update(ctx, func(t ledger.Tx) error { return t.(*tx).Touch() })
}

// Update implements [ledger.Store].
func (s *Store) Update(ctx context.Context, fn func(ledger.Tx) error, keys ...shipbell.Key) error {
	return s.queue.Update(ctx, fn, keys...)
}

func (s *Store) commit(keys []shipbell.KeyIdentity, fn func(ledger.Tx) error) error {
	return s.writer.update(keys, fn)
}
