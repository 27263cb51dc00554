package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

func silent(int64, int64) {}

// empty fails unless nothing is in a directory.
func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("%v lies in the directory of the copy, %v", entries, err)
	}
}

// TestBackup copies a file in every state that it can be in. The copy holds all
// of it and opens as a store; the file is not touched.
func TestBackup(t *testing.T) {
	older := func(t *testing.T) string { return dumped(t, "testdata/schema2.sql") }
	for _, test := range []struct {
		name string
		base func(*testing.T) string
		want int
		push string
	}{
		{"stopped", stopped, ledgerSize, "build-0299"},
		{"killed", killed, ledgerSize, "build-0299"},
		{"of an older version", older, 3, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := test.base(t)
			before := contents(t, path)
			to := filepath.Join(t.TempDir(), "copy ?.db")
			var last int64
			copied, err := sqlite.Backup(t.Context(), path, to, func(done, total int64) {
				if done < last || done > total {
					t.Errorf("%d of %d bytes after %d", done, total, last)
				}
				last = done
			})
			if err != nil {
				t.Fatal(err)
			}
			untouched(t, path, before)
			info, err := os.Stat(to)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 || info.Size() != copied.Bytes || last != copied.Bytes || copied.Deployments != test.want {
				t.Errorf("%+v, mode %o, %d bytes, %d told", copied, info.Mode().Perm(), info.Size(), last)
			}
			s := open(t, to)
			defer closeStore(t, s)
			if test.push != "" {
				record(t, s, test.push, ledger.Repeated)
			}
		})
	}
}

// openLarge opens a ledger of 50 deployments that is copied in several steps.
func openLarge(t *testing.T) (*sqlite.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shipbell.db")
	s := open(t, path)
	l := ledger.New(ledger.Options{Store: s, Router: here{}})
	for i := range 50 {
		if _, err := l.Record(t.Context(), large(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	return s, path
}

// TestBackupOfALiveFile copies while a server writes and moves its WAL into the
// file. The copy is what was there when it began.
func TestBackupOfALiveFile(t *testing.T) {
	s, path := openLarge(t)
	defer closeStore(t, s)
	l := ledger.New(ledger.Options{Store: s, Router: here{}})
	written := 0
	to := filepath.Join(t.TempDir(), "copy.db")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	copied, err := sqlite.Backup(ctx, path, to, func(int64, int64) {
		if written > 100 {
			cancel() // it begins again and again
		}
		for range 5 {
			if _, err := l.Record(context.Background(), large(fmt.Sprint("meanwhile-", written))); err != nil {
				t.Error(err)
			}
			written++
		}
		if err := s.Set("wal_checkpoint(PASSIVE)"); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if written < 10 {
		t.Fatal("nothing was written between two steps")
	}
	if copied.Deployments != 50 {
		t.Errorf("%d deployments were copied, want 50", copied.Deployments)
	}
	c := open(t, to)
	defer closeStore(t, c)
	state, err := ledger.New(ledger.Options{Store: c, Router: here{}}).State(t.Context())
	if err != nil || len(state.Workers) != 50 || slices.Contains(state.Workers, "meanwhile-0") {
		t.Errorf("the copy has %q, %v", state.Workers, err)
	}
}

// TestBackupOverwritesNothing: what is there stays, also when it comes only while
// the copy is made.
func TestBackupOverwritesNothing(t *testing.T) {
	path := stopped(t)
	to := filepath.Join(t.TempDir(), "copy.db")
	for name, progress := range map[string]func(int64, int64){
		"before": func(int64, int64) { t.Error("it was copied") },
		"meanwhile": func(int64, int64) {
			if err := os.WriteFile(to, []byte("precious"), 0o600); err != nil {
				t.Error(err)
			}
		},
	} {
		if name == "before" {
			if err := os.WriteFile(to, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if _, err := sqlite.Backup(t.Context(), path, to, progress); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
		files := contents(t, to)
		if len(files) != 1 || string(files["copy.db"]) != "precious" {
			t.Errorf("%s: %d files, %q", name, len(files), files["copy.db"])
		}
	}
}

// TestBackupOfDamage: a copy that cannot be read back is none.
func TestBackupOfDamage(t *testing.T) {
	dir := t.TempDir()
	_, err := sqlite.Backup(t.Context(), spoiledEvents(t), filepath.Join(dir, "copy.db"), silent)
	if e := storeError(t, err); e.Reason != "the file is damaged" {
		t.Error(err)
	}
	empty(t, dir)
}

// TestBackupIsInterrupted: it ends soon, and nothing is left.
func TestBackupIsInterrupted(t *testing.T) {
	s, path := openLarge(t)
	closeStore(t, s)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := sqlite.Backup(ctx, path, filepath.Join(dir, "copy.db"), func(done, total int64) {
		if done == total {
			t.Error("it was copied to the end")
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	empty(t, dir)
}

// TestBackupOfNoLedger: what is no ledger is not copied.
func TestBackupOfNoLedger(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "shipbell.db")
	if _, err := sqlite.Backup(t.Context(), path, filepath.Join(dir, "copy.db"), silent); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	sqliteExec(t, path, `CREATE TABLE bookmarks (url TEXT)`)
	_, err := sqlite.Backup(t.Context(), path, filepath.Join(dir, "copy.db"), silent)
	var e *shipbell.StoreError
	if !errors.As(err, &e) {
		t.Error(err)
	}
	empty(t, dir)
}

// TestSecondBackup: one does not disturb the next.
func TestSecondBackup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shipbell.db")
	s := open(t, path)
	defer closeStore(t, s)
	dir := t.TempDir()
	for i := range 3 {
		record(t, s, fmt.Sprint(i), ledger.Opened)
		to := filepath.Join(dir, fmt.Sprint(i))
		copied, err := sqlite.Backup(t.Context(), path, to, silent)
		if err != nil || copied.Deployments != i+1 {
			t.Errorf("copy %d: %+v, %v", i, copied, err)
		}
	}
}
