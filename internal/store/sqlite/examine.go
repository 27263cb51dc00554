package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/shipbell/shipbell"
)

// This file looks at a file before anything is written to it or beside it:
// opening a database for writing can change it, move its WAL into it, or delete
// the WAL. What does not look like a ledger of this version is refused as it is.

const (
	// headerSize is the size of a database's header,
	// https://sqlite.org/fileformat.html#the_database_header.
	headerSize = 100
	// walHeaderSize is the size of a WAL that holds nothing.
	walHeaderSize = 32
)

var magic = []byte("SQLite format 3\x00")

// examine returns why the file at path must not be opened. It takes the same
// time however large the file is: damage in the middle is found when it is read.
func examine(ctx context.Context, path string) error {
	empty, err := examineFiles(path)
	if empty || err != nil {
		return err
	}
	if sizeOf(path+"-journal") > 0 {
		return nil // a transaction that was cut off, as when the file was made; opening rolls it back
	}
	db, err := sql.Open("sqlite", readDSN(path))
	if err != nil {
		return err
	}
	defer db.Close()
	version, err := versionOf(ctx, db)
	if err != nil {
		return err
	}
	_, newest, err := schema(db)
	if err != nil {
		return err
	}
	if version > newest {
		return tooNew(version, newest)
	}
	return probe(ctx, db)
}

func refuse(hint, reason string, args ...any) error {
	return &shipbell.StoreError{Reason: fmt.Sprintf(reason, args...), Hint: hint}
}

// sizeOf returns the size of a file, 0 where there is none.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// examineFiles looks at the files without SQLite. empty tells that there is
// nothing yet.
func examineFiles(path string) (empty bool, err error) {
	name := filepath.Base(path)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return false, err
	case info.IsDir():
		return false, refuse("move it away, or choose another data directory: --data DIR", "it is a directory, not a file")
	case !info.Mode().IsRegular():
		return false, refuse("move it away, or choose another data directory: --data DIR", "it is not a regular file")
	}
	wal := sizeOf(path + "-wal")
	if err != nil || info.Size() == 0 {
		if wal > walHeaderSize {
			// SQLite would take the WAL for a leftover and delete it.
			return false, refuse("put back the "+name+" that belongs to it, or move "+name+"-wal away to start with an empty ledger",
				"the file is missing or empty, and %s-wal beside it holds a part of a ledger", name)
		}
		return true, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	header := make([]byte, headerSize)
	n, err := io.ReadFull(f, header)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	if !bytes.HasPrefix(magic, header[:min(n, len(magic))]) {
		return false, refuse("move it away to start with an empty ledger, or restore a backup in its place", "it is not a SQLite database")
	}
	if wal > walHeaderSize && n == headerSize {
		return false, nil // what lacks at the end may be in the WAL
	}
	pageSize := int64(binary.BigEndian.Uint16(header[16:]))
	if pageSize == 1 {
		pageSize = 1 << 16
	}
	pages := int64(binary.BigEndian.Uint32(header[28:]))
	valid := bytes.Equal(header[24:28], header[92:96]) // whoever wrote last kept the number of pages
	if want := pageSize * pages; n < headerSize || valid && info.Size() < want {
		return false, refuse(restore, "the file is cut off: it has %d bytes and should have %d", info.Size(), max(want, headerSize))
	}
	return false, nil
}

// versionOf returns the schema version of a ledger, 0 of an empty database.
func versionOf(ctx context.Context, db *sql.DB) (int64, error) {
	var tables, versions, ledgers int
	err := db.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE name = 'goose_db_version'), count(*) FILTER (WHERE name = 'deployments')
		FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`).Scan(&tables, &versions, &ledgers)
	if err != nil {
		return 0, fmt.Errorf("read schema: %w", err)
	}
	if tables == 0 {
		return 0, nil
	}
	var version sql.NullInt64
	if versions > 0 {
		if err := db.QueryRowContext(ctx, `SELECT max(version_id) FROM goose_db_version`).Scan(&version); err != nil {
			return 0, fmt.Errorf("read schema version: %w", err)
		}
	}
	if versions == 0 || version.Int64 > 0 && ledgers == 0 {
		return 0, refuse("choose another data directory: --data DIR", "it is the SQLite database of another program")
	}
	return version.Int64, nil
}

func tooNew(version, newest int64) error {
	return refuse("use the version of Shipbell that wrote it or a newer one, or restore the backup from before the upgrade",
		"the file has schema %d and this program knows %d: it was written by a newer version", version, newest)
}

// probe reads the first and the last row of every table. Damage at their roots
// would else be found by the first push.
func probe(ctx context.Context, db *sql.DB) error {
	var tables []string
	rows, err := db.QueryContext(ctx, `SELECT name FROM sqlite_master WHERE type = 'table'`)
	if err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	for _, table := range tables {
		from := ` FROM "` + strings.ReplaceAll(table, `"`, `""`) + `"`
		// Every table is in the order of its first column.
		for _, query := range []string{`SELECT *` + from + ` LIMIT 1`, `SELECT *` + from + ` ORDER BY 1 DESC LIMIT 1`} {
			if err := readAll(ctx, db, query); err != nil {
				return fmt.Errorf("read %s: %w", table, err)
			}
		}
	}
	return nil
}

func readAll(ctx context.Context, db *sql.DB, query string) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}
