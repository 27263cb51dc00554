package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// This file is the one place that says what a failure of the file means. It
// decides by SQLite's result codes, https://sqlite.org/rescode.html, and by the
// system's error numbers, never by text.

// fault is a class of failures.
type fault struct {
	reason, hint string
	effect       effect
}

// effect is what a fault means for the calls that follow.
type effect int

const (
	passing    effect = iota // the next call may work
	unwritable               // Check must prove that as much as a push can be written
	damaging                 // nothing is read or written any more
)

const restore = "keep a copy of the data directory, and restore a backup; if there is none, sqlite3's .recover saves what can be read"

// faultOf returns the class of an error, and whether it is about the file.
func faultOf(err error) (fault, bool) {
	var e *driver.Error
	if errors.As(err, &e) {
		return faultOfCode(e.Code())
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return faultOfCode(sqlite3.SQLITE_FULL)
	case errors.Is(err, syscall.EROFS):
		return faultOfCode(sqlite3.SQLITE_READONLY)
	case errors.Is(err, fs.ErrPermission):
		return faultOfCode(sqlite3.SQLITE_CANTOPEN)
	case errors.Is(err, syscall.EIO):
		return faultOfCode(sqlite3.SQLITE_IOERR)
	}
	return fault{}, false
}

func faultOfCode(code int) (fault, bool) {
	const primary = 0xff
	switch code {
	case sqlite3.SQLITE_READONLY_DBMOVED:
		return fault{"the file was moved or deleted while it was in use",
			"stop the server, put the file back, and start the server", damaging}, true
	case sqlite3.SQLITE_IOERR_SHMSIZE:
		code = sqlite3.SQLITE_FULL // there is no room for the index of the WAL
	}
	switch code & primary {
	case sqlite3.SQLITE_FULL:
		return fault{"the disk is full",
			"make room on the disk of the data directory; a running server then goes on by itself", unwritable}, true
	case sqlite3.SQLITE_READONLY:
		return fault{"the file cannot be written",
			"mount the disk for writing, or make the data directory and its files writable for this user", unwritable}, true
	case sqlite3.SQLITE_IOERR:
		return fault{"the disk reports a failure",
			"look for a quota or a limit on file sizes that is reached, and for errors of the disk in the system's log; a running server goes on by itself", unwritable}, true
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fault{"the file, or what belongs beside it, cannot be opened",
			"make the data directory and its files readable and writable for this user; of a disk that is read-only, copy the whole directory elsewhere first", unwritable}, true
	case sqlite3.SQLITE_CORRUPT:
		return fault{"the file is damaged", restore, damaging}, true
	case sqlite3.SQLITE_NOTADB:
		return fault{"the file is not a SQLite database, or its beginning is damaged", restore, damaging}, true
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL:
		return fault{"another process keeps the file locked",
			"look for a program that has the file open for writing, and end it; a running server then goes on by itself", passing}, true
	}
	return fault{}, false
}

// classify puts an error about the file into words for the operator. It returns
// every other error as it is.
func classify(err error) error {
	var told *shipbell.StoreError
	f, ok := faultOf(err)
	if !ok || errors.As(err, &told) {
		return err
	}
	return &shipbell.StoreError{Reason: f.reason, Hint: f.hint, Err: err}
}

// note classifies what an Update or a View came to, and takes the consequences.
// In a damaged file every write can destroy more, and what is acknowledged may
// not be in the copy that is restored; so nothing is taken any more, and nothing
// delivered that could not be marked.
func (s *Store) note(err error) error {
	if err == nil {
		return nil
	}
	err = classify(err)
	switch f, _ := faultOf(err); f.effect {
	case unwritable:
		s.failed.Store(true)
	case damaging:
		s.damage.CompareAndSwap(nil, &err)
	}
	return err
}

// damaged returns the first failure that told of damage.
func (s *Store) damaged() error {
	if err := s.damage.Load(); err != nil {
		return *err
	}
	return nil
}

// roomFor is how much must be writable again before the disk counts as not full:
// more than the largest push comes to. A few bytes nearly always find room.
const roomFor = 1 << 20

// room is under what name the proof is written.
const room shipbell.Source = "room"

// proveRoom writes as much as a push can need, and takes it back. The pages are
// used again by what comes next.
func (s *Store) proveRoom(ctx context.Context) error {
	for _, text := range []string{strings.Repeat(" ", roomFor), ""} {
		if err := s.Update(ctx, func(t ledger.Tx) error { return t.PutMemory(room, text) }); err != nil {
			return err
		}
	}
	return nil
}
