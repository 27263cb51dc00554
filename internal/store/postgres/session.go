package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/sqltx"
)

// session is one connection and what is known on it. What a statement does not
// have to wait for goes out with the next one that does, so that a group of
// pushes costs two round trips. One goroutine uses a session at a time.
type session struct {
	store *Store
	conn  *sql.Conn // nil until it is needed
	cache *sqltx.Cache
}

func newSession(s *Store) *session { return &session{store: s, cache: sqltx.NewCache()} }

func (s *session) close() error {
	if s.conn == nil {
		return nil
	}
	return s.conn.Close()
}

// drop lets go of a connection in an unknown state.
func (s *session) drop() {
	if s.conn != nil {
		_ = s.conn.Raw(func(any) error { return driver.ErrBadConn }) // makes the pool close it
		_ = s.conn.Close()
		s.conn = nil
	}
	s.cache = sqltx.NewCache()
}

// with runs fn on the session's connection. A connection that turns out to have
// been lost before anything was answered on it is replaced once: a restart of the
// database ends all that are idle.
func (s *session) with(fn func(*carrier) error) error {
	return s.within(s.store.timeout+patience, fn)
}

func (s *session) within(bound time.Duration, fn func(*carrier) error) error {
	for again := false; ; again = true {
		ctx, cancel := context.WithTimeout(context.Background(), bound)
		c, err := s.once(ctx, fn)
		cancel()
		if err == nil || again || c == nil || c.answered || !c.lost {
			return err
		}
	}
}

// once runs fn, and leaves the connection fit for the next or not at all. The
// carrier is nil when there was no connection to be had.
func (s *session) once(ctx context.Context, fn func(*carrier) error) (*carrier, error) {
	if s.conn == nil {
		conn, err := s.store.db.Conn(ctx)
		if err != nil {
			return nil, withoutURL(err)
		}
		s.conn = conn
	}
	c := &carrier{ctx: ctx}
	err := s.conn.Raw(func(dc any) error {
		c.conn = dc.(*stdlib.Conn).Conn()
		err := fn(c)
		if err != nil && c.begun && !c.conn.IsClosed() {
			_, rollback := c.conn.Exec(ctx, "ROLLBACK")
			c.lost = rollback != nil
		}
		c.lost = c.lost || c.conn.IsClosed()
		return err
	})
	if err != nil {
		s.cache.Clear()
	}
	if c.lost || errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		c.lost = true
		s.drop()
	}
	return c, err
}

// keysQuery takes types and ids, and returns where those that are known lead.
const keysQuery = `SELECT k.type, k.id, coalesce(k.deployment, 0) FROM unnest($1::text[], $2::text[]) AS a (type, id)
	JOIN keys k ON k.type = a.type AND k.id = a.id`

// update runs fn while no other replica does. Keys are those that fn looks for.
func (s *session) update(keys []shipbell.KeyIdentity, fn func(ledger.Tx) error) error {
	err := s.with(func(c *carrier) error {
		c.queue("BEGIN")
		c.queue(`SELECT pg_advisory_xact_lock($1)`, s.store.lock)
		head, err := c.head(keys)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		tx := &tx{sqltx.New(c, s.cache, head), c}
		if err := fn(tx); err != nil {
			return err
		}
		woken := texts(tx.Woken())
		if tx.Changed() {
			woken = append(woken, wakeChanged)
		}
		if len(woken) > 0 {
			c.queue(`SELECT pg_notify($1, c) FROM unnest($2::text[]) AS c`, s.store.name, woken)
		}
		c.queue("COMMIT")
		if err := c.flush(); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		return nil
	})
	if isLockTimeout(err) {
		s.store.freeLock()
	}
	return err
}

func texts(channels []shipbell.ChannelID) []string {
	texts := make([]string, len(channels))
	for i, c := range channels {
		texts[i] = string(c)
	}
	return texts
}

// view runs fn on a snapshot.
func (s *session) view(fn func(ledger.Tx) error) error {
	return s.with(func(c *carrier) error {
		c.queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
		if err := fn(sqltx.New(c, s.cache, sqltx.Head{})); err != nil {
			return err
		}
		if c.begun {
			c.queue("ROLLBACK")
			return c.flush()
		}
		return nil // nothing was asked
	})
}

// carrier carries the statements of one transaction. It implements
// [sqltx.Conn].
type carrier struct {
	ctx    context.Context
	conn   *pgx.Conn
	queued pgx.Batch
	// rows wait to be added after what is queued; nobody has asked for them.
	rows map[*sqltx.Insert]*columns
	// leads is where the keys lead that were asked for along with the begin, or were
	// added since: nil for one that is not known.
	leads map[key]*int64
	begun bool // something has been sent
	// answered is set once something has come back.
	answered bool
	lost     bool // the connection is of no use any more
}

func (c *carrier) queue(query string, args ...any) {
	c.queueRows()
	for i, a := range args {
		if text, ok := a.(string); ok {
			args[i] = clean(text)
		}
	}
	c.queued.Queue(query, args...)
}

// clean takes out what PostgreSQL cannot store in a text: nobody means a NUL.
func clean(text string) string {
	if strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}

// columns are the values of rows, column by column; of each column one of both.
type columns struct {
	numbers [][]*int64
	texts   [][]*string
}

// Insert implements [sqltx.Conn].
func (c *carrier) Insert(into *sqltx.Insert, args ...any) error {
	if c.rows == nil {
		c.rows = make(map[*sqltx.Insert]*columns)
	}
	cols := c.rows[into]
	if cols == nil {
		cols = &columns{make([][]*int64, len(args)), make([][]*string, len(args))}
		c.rows[into] = cols
	}
	for i, a := range args {
		switch v := a.(type) {
		case string:
			v = clean(v)
			cols.texts[i] = append(cols.texts[i], &v)
		case int64:
			cols.numbers[i] = append(cols.numbers[i], &v)
		case nil:
			if into.Types[i] == "TEXT" {
				cols.texts[i] = append(cols.texts[i], nil)
			} else {
				cols.numbers[i] = append(cols.numbers[i], nil)
			}
		default:
			return fmt.Errorf("add to %s: column %s is a %T", into.Table, into.Columns[i], a)
		}
	}
	return nil
}

// queueRows queues the rows that were put aside.
func (c *carrier) queueRows() {
	for into, cols := range c.rows {
		args := make([]any, len(into.Columns))
		for i := range args {
			if into.Types[i] == "TEXT" {
				args[i] = cols.texts[i]
			} else {
				args[i] = cols.numbers[i]
			}
		}
		c.queued.Queue(into.Many, args...)
	}
	clear(c.rows)
}

// send sends everything that is queued, and reads the answers to all but the last
// n.
func (c *carrier) send(n int) (pgx.BatchResults, error) {
	batch := c.queued
	c.queued = pgx.Batch{}
	c.begun = true
	results := c.conn.SendBatch(c.ctx, &batch)
	for range batch.Len() - n {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			return nil, err
		}
		c.answered = true
	}
	return results, nil
}

func (c *carrier) flush() error {
	c.queueRows()
	if c.queued.Len() == 0 {
		return nil
	}
	results, err := c.send(0)
	if err != nil {
		return err
	}
	return results.Close()
}

// Exec implements [sqltx.Conn].
func (c *carrier) Exec(query string, args ...any) error {
	c.queue(query, args...)
	return nil
}

// Count implements [sqltx.Conn].
func (c *carrier) Count(query string, args ...any) (int64, error) {
	c.queue(query, args...)
	results, err := c.send(1)
	if err != nil {
		return 0, err
	}
	tag, err := results.Exec()
	return tag.RowsAffected(), errors.Join(err, results.Close())
}

type key struct{ typ, id string }

// FindKey implements [sqltx.Conn].
func (c *carrier) FindKey(typ, id string) (deployment int64, err error) {
	if leads, asked := c.leads[key{typ, id}]; asked {
		if leads == nil {
			return 0, sql.ErrNoRows
		}
		return *leads, nil
	}
	err = c.Row(`SELECT coalesce(deployment, 0) FROM keys WHERE type = $1 AND id = $2`, typ, id).Scan(&deployment)
	return deployment, err
}

// AddKey implements [sqltx.Conn].
func (c *carrier) AddKey(args ...any) (bool, error) {
	k := key{args[0].(string), args[1].(string)}
	if leads, asked := c.leads[k]; asked {
		if leads != nil {
			return false, nil
		}
		// It is known to be new: nothing has to be waited for.
		deployment, _ := args[2].(int64)
		c.leads[k] = &deployment
		return true, c.Insert(sqltx.InsertKey, args...)
	}
	n, err := c.Count(sqltx.InsertKey.One+` ON CONFLICT (type, id) DO NOTHING`, args...)
	return n > 0, err
}

// Settle implements [sqltx.Conn].
func (c *carrier) Settle(typ, id string) error {
	delete(c.leads, key{typ, id})
	return nil
}

// Row implements [sqltx.Conn].
func (c *carrier) Row(query string, args ...any) sqltx.Row {
	c.queue(query, args...)
	results, err := c.send(1)
	return &answer{results, err}
}

// answer is the last answer of a batch.
type answer struct {
	results pgx.BatchResults
	err     error
}

// Scan implements [sqltx.Row].
func (a *answer) Scan(into ...any) error {
	if a.err != nil {
		return a.err
	}
	err := a.results.QueryRow().Scan(into...)
	if errors.Is(err, pgx.ErrNoRows) {
		return errors.Join(sql.ErrNoRows, a.results.Close())
	}
	return errors.Join(err, a.results.Close())
}

// Each implements [sqltx.Conn].
func (c *carrier) Each(fn func(sqltx.Row) error, query string, args ...any) error {
	c.queue(query, args...)
	results, err := c.send(1)
	if err != nil {
		return err
	}
	rows, err := results.Query()
	if err == nil {
		for rows.Next() {
			if err = fn(rows); err != nil {
				break
			}
		}
		rows.Close()
		err = errors.Join(err, rows.Err())
	}
	return errors.Join(err, results.Close())
}

// head begins the transaction and asks what nearly every one asks.
func (c *carrier) head(keys []shipbell.KeyIdentity) (sqltx.Head, error) {
	types, ids := make([]string, len(keys)), make([]string, len(keys))
	c.leads = make(map[key]*int64, len(keys))
	for i, k := range keys {
		types[i], ids[i] = string(k.Type), k.ID
		c.leads[key{types[i], ids[i]}] = nil
	}
	c.queue(sqltx.HeadQuery, sqltx.HeadFloor)
	n := 1
	if len(keys) > 0 {
		c.queue(keysQuery, types, ids)
		n++
	}
	results, err := c.send(n)
	if err != nil {
		return sqltx.Head{}, err
	}
	head, err := sqltx.ScanHead(results.QueryRow())
	if err != nil || len(keys) == 0 {
		return head, errors.Join(err, results.Close())
	}
	rows, err := results.Query()
	if err != nil {
		return head, errors.Join(err, results.Close())
	}
	for rows.Next() {
		var k key
		deployment := new(int64)
		if err = rows.Scan(&k.typ, &k.id, deployment); err != nil {
			break
		}
		c.leads[k] = deployment
	}
	rows.Close()
	return head, errors.Join(err, rows.Err(), results.Close())
}

// The classes of errors that are about what was written, and not about the
// database: https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	classData       = "22"
	classConstraint = "23"
	classLimit      = "54"

	codeLockTimeout = "55P03"
)

// blames reports whether an error is about a value that one of a group wrote.
func blames(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) || len(e.Code) < 2 {
		return false
	}
	class := e.Code[:2]
	return class == classData || class == classConstraint || class == classLimit
}

func isLockTimeout(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == codeLockTimeout
}

// withoutURL takes the address, which holds the password, out of an error, and
// says shortly that nobody could be reached: health shows it to everybody.
func withoutURL(err error) error {
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		return errors.New("the address cannot be understood; accepted: postgres://USER:PASSWORD@HOST:5432/DATABASE")
	}
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		return err
	}
	var refused *pgconn.PgError
	var network net.Error
	told := &shipbell.StoreError{
		Reason: "PostgreSQL cannot be reached",
		Hint:   "start PostgreSQL, or check the network and the address in DATABASE_URL; a running server goes on by itself",
		Err:    errors.New("no connection"), // the library's own words hold the address
	}
	switch {
	case errors.As(err, &refused):
		told.Reason, told.Err = "PostgreSQL refuses the connection", refused
		told.Hint = "check role, password, database and sslmode in DATABASE_URL"
	case errors.As(err, &network):
		told.Err = network
	case brokenOff(err):
		told.Err = io.ErrUnexpectedEOF
	}
	return told
}

// The codes with which PostgreSQL says that it will be there before long.
const (
	codeStarting = "57P03"
	codeCrowded  = "53300"
	codeShutDown = "57P01"
	codeCrashed  = "57P02"
)

// Away reports whether an error of Open says that the database may only be away
// for the moment: nobody listens, it begins or ends, or it went in the middle of
// an answer.
func Away(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return slices.Contains([]string{codeStarting, codeCrowded, codeShutDown, codeCrashed}, refused.Code)
	}
	var network net.Error
	return errors.As(err, &network) || brokenOff(err)
}

// brokenOff reports whether a connection ended in the middle.
func brokenOff(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
}

// freeLock ends the session that has kept the lock for so long that others gave
// up. The database itself ends those that stand still between two statements;
// this one stopped in the middle of sending.
func (s *Store) freeLock() {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	var ended int
	err := s.db.QueryRowContext(ctx, `SELECT count(pg_terminate_backend(a.pid)) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND (l.classid::bigint << 32 | l.objid::bigint) = $1 AND a.pid <> pg_backend_pid()
		AND a.xact_start < clock_timestamp() - make_interval(secs => $2)`, s.lock, (s.timeout / 2).Seconds()).Scan(&ended)
	switch {
	case err != nil:
		s.log.Error("could not end the session that keeps others from recording", "error", err)
	case ended > 0:
		s.log.Warn("ended a database session that kept others from recording", "sessions", ended, "longer_than", (s.timeout / 2).String())
	}
}
