package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/sqltx"
)

// session is one connection with its prepared statements. One goroutine uses it
// at a time.
type session struct {
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	// broken asks for a fresh connection before the next transaction.
	broken bool
	cache  *sqltx.Cache
	fresh  *freshKeys // of the writer; nil otherwise
}

// Statements run without the caller's context: a statement that is interrupted
// would take the whole group with it, and each is short.
var background = context.Background()

func newSession(db *sql.DB) (*session, error) {
	s := &session{db: db}
	return s, s.connect()
}

func (s *session) connect() error {
	conn, err := s.db.Conn(background)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	s.conn, s.broken = conn, false
	s.stmts = make(map[string]*sql.Stmt)
	s.cache = sqltx.NewCache()
	s.fresh.forget()
	return nil
}

func (s *session) close() error {
	if s.broken {
		return nil // closed already
	}
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

// update runs fn between BEGIN and COMMIT.
func (s *session) update(fn func(ledger.Tx) error) error {
	return s.transaction("BEGIN IMMEDIATE", "COMMIT", func(tx ledger.Tx) error {
		if err := s.fresh.begin(s); err != nil {
			return err
		}
		return fn(tx)
	})
}

// view runs fn on a snapshot.
func (s *session) view(fn func(ledger.Tx) error) error {
	return s.transaction("BEGIN", "ROLLBACK", fn)
}

func (s *session) transaction(begin, end string, fn func(ledger.Tx) error) error {
	if s.broken {
		if err := s.connect(); err != nil {
			return err
		}
	}
	if err := s.Exec(begin); err != nil {
		s.broken = errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn)
		return fmt.Errorf("begin: %w", err)
	}
	over := false
	defer func() {
		if !over {
			s.abandon()
		}
	}()
	if err := fn(sqltx.New(s, s.cache, sqltx.Head{})); err != nil {
		return err
	}
	if err := s.Exec(end); err != nil {
		return fmt.Errorf("%s: %w", strings.ToLower(end), err)
	}
	over = true
	return nil
}

// abandon leaves a transaction that failed. SQLite itself ends one after some
// failures, a full disk among them, and then refuses to roll back; a fresh
// connection is right whatever state the old one is in.
func (s *session) abandon() {
	s.cache.Clear()
	s.fresh.forget()
	if s.Exec("ROLLBACK") == nil {
		return
	}
	// A connection lives on behind statements that are not closed, with its files.
	for _, stmt := range s.stmts {
		_ = stmt.Close()
	}
	clear(s.stmts)
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn }) // makes the pool drop it
	s.broken = true
}

func (s *session) stmt(query string) (*sql.Stmt, error) {
	if stmt, ok := s.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(background, query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = stmt
	return stmt, nil
}

// Exec implements [sqltx.Conn].
func (s *session) Exec(query string, args ...any) error {
	_, err := s.result(query, args...)
	return err
}

// Insert implements [sqltx.Conn].
func (s *session) Insert(into *sqltx.Insert, args ...any) error {
	return s.Exec(into.One, args...)
}

// Count implements [sqltx.Conn].
func (s *session) Count(query string, args ...any) (int64, error) {
	res, err := s.result(query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (s *session) result(query string, args ...any) (sql.Result, error) {
	stmt, err := s.stmt(query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(background, args...)
}

// Row implements [sqltx.Conn].
func (s *session) Row(query string, args ...any) sqltx.Row {
	stmt, err := s.stmt(query)
	if err != nil {
		// The same error again, in the shape of a row.
		return s.conn.QueryRowContext(background, query, args...)
	}
	return stmt.QueryRowContext(background, args...)
}

// Each implements [sqltx.Conn].
func (s *session) Each(fn func(sqltx.Row) error, query string, args ...any) error {
	stmt, err := s.stmt(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(background, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
