package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/shipbell/shipbell"
)

// pagesAtOnce is how much is copied between two looks at the caller's context.
const pagesAtOnce = 1024

// Copied is what a backup came to.
type Copied struct {
	Bytes       int64
	Deployments int
}

// Backup copies the file at path, as it is at one moment, into a new file that
// only its owner can read. Others may read and write meanwhile; nothing is
// changed, and the schema may be of any version. The copy is read back whole,
// and is on disk, before it gets its name. Progress is told in bytes.
//
// An existing file is never overwritten: the error is [fs.ErrExist]. After an
// error nothing is left. It is not for a process that has the file open itself:
// to look at a file takes its locks away, https://sqlite.org/howtocorrupt.html.
func Backup(ctx context.Context, path, to string, progress func(done, total int64)) (Copied, error) {
	copied, err := backup(ctx, path, to, progress)
	if err != nil {
		return Copied{}, fmt.Errorf("copy %s to %s: %w", path, to, classify(err))
	}
	return copied, nil
}

func backup(ctx context.Context, path, to string, progress func(done, total int64)) (copied Copied, err error) {
	if empty, err := examineFiles(path); err != nil {
		return copied, err
	} else if empty {
		return copied, fmt.Errorf("there is no ledger: %w", fs.ErrNotExist)
	}
	if err := mustBeNew(to); err != nil {
		return copied, err
	}
	f, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+"-*") // mode 0600
	if err != nil {
		return copied, err
	}
	unfinished := f.Name()
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(unfinished))
		}
	}()
	if err := f.Close(); err != nil {
		return copied, err
	}
	if copied, err = copyTo(ctx, path, unfinished, progress); err != nil {
		return copied, err
	}
	if err := readBack(ctx, unfinished, copied.Deployments); err != nil {
		return copied, err
	}
	return copied, publish(unfinished, to)
}

func mustBeNew(path string) error {
	switch _, err := os.Lstat(path); {
	case err == nil:
		return fs.ErrExist
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// publish gives a finished file its name, once it is on disk.
func publish(unfinished, to string) error {
	f, err := os.OpenFile(unfinished, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := mustBeNew(to); err != nil {
		return err
	}
	if err := os.Rename(unfinished, to); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// copyTo copies the pages of one snapshot into an empty file.
func copyTo(ctx context.Context, path, to string, progress func(done, total int64)) (Copied, error) {
	s, err := takeSnapshot(ctx, path)
	if err != nil {
		return Copied{}, err
	}
	err = s.conn.Raw(func(c any) error {
		// A crash leaves an unfinished file whatever the journal; the end is synced.
		b, err := c.(interface {
			NewBackup(string) (*driver.Backup, error)
		}).NewBackup(fileURI(to, url.Values{"_pragma": {"journal_mode(OFF)", "synchronous(OFF)"}}))
		if err != nil {
			return err
		}
		if err := copyPages(ctx, b, s.pageSize, progress); err != nil {
			_ = b.Finish() // tells the same again
			return err
		}
		return b.Finish()
	})
	if f, ok := faultOf(err); ok && f.effect == unwritable {
		err = &shipbell.StoreError{Reason: f.reason, Hint: "make room for the copy, or choose another place for it; nothing was left there", Err: err}
	}
	if err := errors.Join(err, s.close()); err != nil {
		return Copied{}, err
	}
	return Copied{Bytes: sizeOf(to), Deployments: s.deployments}, nil
}

func copyPages(ctx context.Context, b *driver.Backup, pageSize int64, progress func(done, total int64)) error {
	for {
		more, err := b.Step(pagesAtOnce)
		if err != nil {
			return err
		}
		total := int64(b.PageCount())
		progress((total-int64(b.Remaining()))*pageSize, total*pageSize)
		if !more {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// snapshot is a connection in a transaction that sees a file as it was when the
// transaction began.
type snapshot struct {
	db          *sql.DB
	conn        *sql.Conn
	pageSize    int64
	deployments int
}

// takeSnapshot begins to read. Without a WAL a file is opened as for writing
// where that is possible, or a server that starts meanwhile could change it while
// it is read; nothing is written.
func takeSnapshot(ctx context.Context, path string) (*snapshot, error) {
	if sizeOf(path+"-wal") == 0 {
		q := url.Values{"mode": {"rw"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())}}
		if s, err := beginSnapshot(ctx, fileURI(path, q)); err == nil {
			return s, nil
		}
	}
	return beginSnapshot(ctx, readDSN(path))
}

func beginSnapshot(ctx context.Context, dsn string) (*snapshot, error) {
	// A backup's errors are asked of this connection, and can be the other's.
	db, err := sql.Open("sqlite", dsn+"&_error_rc=1")
	if err != nil {
		return nil, err
	}
	s := &snapshot{db: db}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *snapshot) begin(ctx context.Context) (err error) {
	if _, err := versionOf(ctx, s.db); err != nil {
		return err
	}
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if _, err := s.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if s.deployments, err = countDeployments(ctx, s.conn); err != nil {
		return err
	}
	return s.conn.QueryRowContext(ctx, "PRAGMA page_size").Scan(&s.pageSize)
}

func (s *snapshot) close() error {
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	return errors.Join(err, s.db.Close())
}

func countDeployments(ctx context.Context, conn interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (n int, err error) {
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM deployments").Scan(&n); err != nil {
		return 0, fmt.Errorf("count deployments: %w", err)
	}
	return n, nil
}

// readBack reads a copy whole. Pages are copied as they are, damaged ones too.
func readBack(ctx context.Context, path string, deployments int) error {
	db, err := sql.Open("sqlite", readDSN(path))
	if err != nil {
		return err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("read the copy back: %w", err)
	}
	if verdict != "ok" {
		f, _ := faultOfCode(sqlite3.SQLITE_CORRUPT)
		return &shipbell.StoreError{Reason: f.reason, Hint: f.hint, Err: fmt.Errorf("read the copy back: %s", verdict)}
	}
	n, err := countDeployments(ctx, db)
	if err == nil && n != deployments {
		err = fmt.Errorf("the copy has %d deployments and should have %d", n, deployments)
	}
	return err
}
