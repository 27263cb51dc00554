package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/ledger/ledgertest"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

// golden compares with a file; SHIPBELL_UPDATE=1 rewrites it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("SHIPBELL_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (SHIPBELL_UPDATE=1 rewrites it):\n%s", path, got)
	}
}

const ledgerSize = 300

// stopped returns a ledger of 300 deployments, as a server leaves it that ended.
func stopped(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shipbell.db")
	s := open(t, path)
	fill(t, s)
	closeStore(t, s)
	return path
}

// killed returns the same as a server leaves it that was killed: most of it is
// in the WAL.
func killed(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shipbell.db")
	s := open(t, path)
	defer closeStore(t, s)
	fill(t, s)
	return copyFiles(t, path)
}

func fill(t *testing.T, s *sqlite.Store) {
	t.Helper()
	l := ledger.New(ledger.Options{Store: s, Router: here{}})
	for i := range ledgerSize {
		if _, err := l.Record(t.Context(), ledgertest.Push(fmt.Sprintf("build-%04d", i))); err != nil {
			t.Fatal(err)
		}
	}
}

// copyFiles copies a file and what lies beside it.
func copyFiles(t *testing.T, path string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range contents(t, path) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, filepath.Base(path))
}

// contents are the files of a directory.
func contents(t *testing.T, path string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, e := range entries {
		if e.IsDir() {
			files[e.Name()] = []byte("directory")
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join(filepath.Dir(path), e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// untouched fails unless a directory is as it was. The index of the WAL may
// differ, which is derived from the WAL.
func untouched(t *testing.T, path string, before map[string][]byte) {
	t.Helper()
	after := contents(t, path)
	if got, want := slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)); !slices.Equal(got, want) {
		t.Errorf("files %q became %q", want, got)
	}
	for name := range before {
		if !strings.HasSuffix(name, "-shm") && !bytes.Equal(before[name], after[name]) {
			t.Errorf("%s was changed", name)
		}
	}
}

// storeError returns the error for the operator that err holds.
func storeError(t *testing.T, err error) *shipbell.StoreError {
	t.Helper()
	var e *shipbell.StoreError
	if !errors.As(err, &e) {
		t.Fatalf("%v, want a StoreError", err)
	}
	return e
}

// sqliteExec runs statements on a file past the store.
func sqliteExec(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

const pageSize = 4096

// spoil overwrites the page that holds the byte at an offset.
func spoil(t *testing.T, path string, offset int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, pageSize), offset/pageSize*pageSize)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// roots returns the offset of the first page of each table.
func roots(t *testing.T, path string) map[string]int64 {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT name, rootpage FROM sqlite_master WHERE type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	offsets := make(map[string]int64)
	for rows.Next() {
		var name string
		var page int64
		if err := rows.Scan(&name, &page); err != nil {
			t.Fatal(err)
		}
		offsets[name] = (page - 1) * pageSize
	}
	return offsets
}

// newerKilled returns a file as a newer version leaves it that is killed: the
// step to its schema is in the WAL.
func newerKilled(t *testing.T, base string) string {
	t.Helper()
	path := copyFiles(t, base)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	return copyFiles(t, path)
}

// refusal is a file that cannot be used, and how it came to be.
type refusal struct {
	name  string
	base  string // the file that it was
	spoil func(*testing.T, string)
}

// TestRefusedUntouched opens files that cannot be used. Each is refused, with
// words that say what to do, and nothing in the directory changes.
func TestRefusedUntouched(t *testing.T) {
	truncate := func(size int64) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	newer := func(t *testing.T, path string) {
		sqliteExec(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	}
	stoppedPath, killedPath := stopped(t), killed(t)
	tests := []refusal{
		{"a text", stoppedPath, func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("this is not a database\n", 500)), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"a directory", stoppedPath, func(t *testing.T, path string) {
			remove(t, path)
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"half of it", stoppedPath, truncate(20 * pageSize)},
		{"the last bytes are missing", stoppedPath, func(t *testing.T, path string) {
			truncate(int64(len(contents(t, path)["shipbell.db"]))-10)(t, path)
		}},
		{"fifty bytes", stoppedPath, truncate(50)},
		{"fifty bytes and a WAL", killedPath, truncate(50)},
		{"deleted beside its WAL", killedPath, remove},
		{"empty beside its WAL", killedPath, truncate(0)},
		{"a newer version", stoppedPath, newer},
		{"a newer version that was killed", newerKilled(t, stoppedPath), func(*testing.T, string) {}},
		{"another program", stoppedPath, func(t *testing.T, path string) {
			remove(t, path)
			sqliteExec(t, path, `CREATE TABLE bookmarks (url TEXT)`)
		}},
		{"the first page is damaged", stoppedPath, func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, 500), 100)
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for table := range roots(t, stoppedPath) {
		tests = append(tests, refusal{"table " + table + " is damaged", stoppedPath, func(t *testing.T, path string) {
			spoil(t, path, roots(t, path)[table])
		}})
	}
	slices.SortFunc(tests, func(a, b refusal) int { return strings.Compare(a.name, b.name) })
	var texts strings.Builder
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := copyFiles(t, test.base)
			test.spoil(t, path)
			before := contents(t, path)
			_, err := sqlite.Open(t.Context(), path)
			e := storeError(t, err)
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%v does not name the file", err)
			}
			fmt.Fprintf(&texts, "%s\n  %v\n  hint: %s\n", test.name, e, e.Hint)
			untouched(t, path, before)
			if _, err := sqlite.OpenRead(t.Context(), path); err == nil {
				t.Error("opening to read did not fail")
			}
			untouched(t, path, before)
		})
	}
	golden(t, "testdata/refused.golden", texts.String())
}

// TestLeftOverOfACrash opens what a server leaves that was killed: whole, and
// while the file was being made.
func TestLeftOverOfACrash(t *testing.T) {
	path := killed(t)
	if contents(t, path)["shipbell.db-wal"] == nil {
		t.Fatal("there is no WAL")
	}
	s := open(t, path)
	defer closeStore(t, s)
	record(t, s, "build-0299", ledger.Repeated)

	empty := filepath.Join(t.TempDir(), "shipbell.db")
	for _, size := range []int{0, 32} { // a WAL with nothing but its header holds nothing
		if err := errors.Join(os.WriteFile(empty, nil, 0o600), os.WriteFile(empty+"-wal", make([]byte, size), 0o600)); err != nil {
			t.Fatal(err)
		}
		closeStore(t, open(t, empty))
	}
}

// refused fails unless pushing and the check of health fail with that reason.
func refused(t *testing.T, s *sqlite.Store, reason string) {
	t.Helper()
	_, err := ledger.New(ledger.Options{Store: s, Router: here{}}).Record(t.Context(), large("refused"))
	if e := storeError(t, err); e.Reason != reason {
		t.Errorf("pushing: %v, want %q", err, reason)
	}
	if e := storeError(t, s.Check(t.Context())); e.Reason != reason || e.Hint == "" {
		t.Errorf("checking: %v, want %q", e, reason)
	}
}

// large is a push that needs room.
func large(id string) shipbell.Event {
	return ledgertest.Push(id, func(e *shipbell.Event) { e.CommitMessage = strings.Repeat("message ", 20_000) })
}

// TestDiskFull: the file may not grow. Nothing is acknowledged that is not kept;
// the check fails as long as a push would, although its own few bytes find room;
// and with room again all goes on.
func TestDiskFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shipbell.db")
	s := open(t, path)
	limit := func(pages int) {
		db, err := s.Limit(path, pages)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
	}
	defer closeStore(t, s)
	l := ledger.New(ledger.Options{Store: s, Router: here{}})
	fill(t, s)
	limit(200)
	taken := 0
	var err error
	for err == nil {
		if _, err = l.Record(t.Context(), large(fmt.Sprint("large-", taken))); err == nil {
			taken++
		}
	}
	refused(t, s, "the disk is full")
	refused(t, s, "the disk is full")
	record(t, s, "small", ledger.Opened)
	refused(t, s, "the disk is full")
	limit(100_000)
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("with room again: %v", err)
	}
	record(t, s, "small", ledger.Repeated)
	for i := range taken {
		rec, err := l.Record(t.Context(), large(fmt.Sprint("large-", i)))
		if err != nil || rec.Verdict != ledger.Repeated {
			t.Errorf("what was acknowledged is %s, %v", rec.Verdict, err)
		}
	}
	if rec, err := l.Record(t.Context(), large("refused")); err != nil || rec.Verdict != ledger.Opened {
		t.Errorf("what was refused is %s, %v", rec.Verdict, err)
	}
}

// TestCannotBeWritten: the file cannot be written for a while.
func TestCannotBeWritten(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "shipbell.db"))
	defer closeStore(t, s)
	if err := s.Set("query_only(1)"); err != nil {
		t.Fatal(err)
	}
	refused(t, s, "the file cannot be written")
	if err := s.Set("query_only(0)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("once it can be written again: %v", err)
	}
	record(t, s, "a", ledger.Opened)
}

// TestLocked: another program writes and does not end.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shipbell.db")
	s := open(t, path)
	defer closeStore(t, s)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := s.Set("busy_timeout(0)"); err != nil {
		t.Fatal(err)
	}
	refused(t, s, "another process keeps the file locked")
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	record(t, s, "a", ledger.Opened)
}

// spoiledEvents returns a ledger in which the events of one deployment are
// damaged, and nothing that opening looks at.
func spoiledEvents(t *testing.T) string {
	t.Helper()
	path := stopped(t)
	at := bytes.Index(contents(t, path)["shipbell.db"], []byte("push-build-0150"))
	if at < 0 {
		t.Fatal("the event is not in the file")
	}
	spoil(t, path, int64(at))
	return path
}

// TestDamageInTheMiddle: damage that nobody has read yet. From the first call
// that meets it nothing is taken, and nothing is written any more.
func TestDamageInTheMiddle(t *testing.T) {
	path := spoiledEvents(t)
	s := open(t, path)
	record(t, s, "before", ledger.Opened)
	l := ledger.New(ledger.Options{Store: s, Router: here{}})
	if _, err := l.Story(t.Context(), ledgertest.Push("build-0150").Keys[0]); err == nil {
		t.Fatal("damaged events were read")
	}
	before := contents(t, path)
	for range 2 {
		refused(t, s, "the file is damaged")
		if e := storeError(t, s.View(t.Context(), func(ledger.Tx) error { return nil })); e.Reason != "the file is damaged" {
			t.Errorf("reading: %v", e)
		}
	}
	untouched(t, path, before)
	closeStore(t, s)
	s = open(t, path)
	defer closeStore(t, s)
	record(t, s, "before", ledger.Repeated)
}

// TestDamageMetByOneOfAGroup: the others of its group are not taken either.
func TestDamageMetByOneOfAGroup(t *testing.T) {
	s := open(t, spoiledEvents(t))
	defer closeStore(t, s)
	entered, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_ = s.Update(context.Background(), func(ledger.Tx) error {
			close(entered)
			<-release
			return nil
		})
	})
	<-entered
	l := ledger.New(ledger.Options{Store: s, Router: here{}})
	events := []shipbell.Event{ledgertest.Push("x"), ledgertest.Push("build-0150"), ledgertest.Push("y")}
	for i, e := range events {
		e.ID += "-again" // not a repeat: its events must be read
		group.Go(func() {
			var told *shipbell.StoreError
			if _, err := l.Record(context.Background(), e); !errors.As(err, &told) || told.Reason != "the file is damaged" {
				t.Errorf("%s: %v", e.ID, err)
			}
		})
		s.WaitQueued(i + 1)
	}
	close(release)
	group.Wait()
}

// TestOpenToRead reads where nothing can be written, and writes nothing.
func TestOpenToRead(t *testing.T) {
	for name, base := range map[string]func(*testing.T) string{"stopped": stopped, "killed": killed} {
		t.Run(name, func(t *testing.T) {
			path := base(t)
			before := contents(t, path)
			s, err := sqlite.OpenToRead(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			l := ledger.New(ledger.Options{Store: s, Router: here{}})
			state, err := l.State(t.Context())
			if err != nil || len(state.Workers) != ledgerSize {
				t.Errorf("%d ids, %v", len(state.Workers), err)
			}
			refused(t, s, "the file cannot be written")
			closeStore(t, s)
			untouched(t, path, before)
		})
	}
}

// TestOpenToReadOlderFile: what must be brought up to date cannot only be read.
func TestOpenToReadOlderFile(t *testing.T) {
	path := dumped(t, "testdata/schema2.sql")
	_, err := sqlite.OpenToRead(t.Context(), path)
	e := storeError(t, err)
	golden(t, "testdata/older.golden", fmt.Sprintf("%v\nhint: %s\n", e, e.Hint))
}
