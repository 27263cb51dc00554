package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/ledger/ledgertest"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t *testing.T, s *sqlite.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestStore(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledger.Store {
		s := open(t, filepath.Join(t.TempDir(), "shipbell.db"))
		t.Cleanup(func() { closeStore(t, s) })
		return s
	})
}

type nowhere struct{}

func (nowhere) Channels(shipbell.Deployment) []shipbell.ChannelID { return nil }
func (nowhere) Everywhere() []shipbell.ChannelID                  { return nil }

func record(t *testing.T, s *sqlite.Store, id string, want ledger.Verdict) {
	t.Helper()
	rec, err := ledger.New(ledger.Options{Store: s, Router: nowhere{}}).Record(t.Context(), ledgertest.Push(id))
	if err != nil || rec.Verdict != want {
		t.Fatalf("recording %s: %s, %v; want %s", id, rec.Verdict, err, want)
	}
}

func TestOpenAgain(t *testing.T) {
	// A name that would break a carelessly made URI.
	path := filepath.Join(t.TempDir(), "a ?mode=ro&x=%20", "shipbell.db")
	s := open(t, path)
	record(t, s, "a", ledger.Opened)
	closeStore(t, s)
	s = open(t, path)
	defer closeStore(t, s)
	record(t, s, "a", ledger.Repeated)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the file has mode %o, want 600", mode)
	}
}

func TestDurabilitySettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shipbell.db")
	s := open(t, path)
	defer closeStore(t, s)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		got, err := s.Pragma(pragma)
		if err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", pragma, got, err, want)
		}
	}
}

// TestOlderFile opens a file as schema 1 left it.
func TestOlderFile(t *testing.T) {
	s := openDump(t, "testdata/schema1.sql")
	defer closeStore(t, s)
	record(t, s, "build-abc123", ledger.Repeated)
	l := ledger.New(ledger.Options{Store: s, Router: nowhere{}})
	state, err := l.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(state.Workers, " "); got != "deploy-001 build-abc123" {
		t.Errorf("ids after the migration: %s", got)
	}
	a, _, err := l.Stale(t.Context(), "telegram:-1")
	if err != nil {
		t.Fatal(err)
	}
	a.Shown, a.Ref, a.Tries = a.Wanted, "7", 1
	if err := l.Mark(t.Context(), a, shipbell.Attempt{Deployment: a.Deployment, Channel: a.Channel}, shipbell.Lane{Channel: a.Channel}, nil); err != nil {
		t.Fatal(err)
	}
	story, err := l.Story(t.Context(), ledgertest.Push("build-abc123").Keys[0])
	if err != nil || len(story.Attempts) != 1 || len(story.Events) != 1 {
		t.Errorf("story after the migration: %+v, %v", story, err)
	}
	err = s.View(t.Context(), func(tx ledger.Tx) error {
		recent, err := tx.Recent(shipbell.Worker, []string{story.Deployment.Project}, 10, false)
		if err == nil && len(recent) != 1 {
			t.Errorf("by its project %d deployments are found after the migration, want 1", len(recent))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// openDump opens a file that an older program left.
func openDump(t *testing.T, name string) *sqlite.Store {
	t.Helper()
	return open(t, dumped(t, name))
}

// dumped returns a file that an older program left.
func dumped(t *testing.T, name string) string {
	t.Helper()
	dump, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "shipbell.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(string(dump)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// here routes everything to the channel of the dumped file.
type here struct{}

func (here) Channels(shipbell.Deployment) []shipbell.ChannelID { return here{}.Everywhere() }
func (here) Everywhere() []shipbell.ChannelID                  { return []shipbell.ChannelID{"console"} }

// TestFileOfSchema2: messages are edited on, an old failure does not ring, and an
// outcome that was told is not forgotten.
func TestFileOfSchema2(t *testing.T) {
	s := openDump(t, "testdata/schema2.sql")
	defer closeStore(t, s)
	l := ledger.New(ledger.Options{Store: s, Router: here{}, Asked: true})
	start := time.Date(2025, 1, 15, 10, 0, 0, 0, time.UTC)
	later := func(id string, status shipbell.Status, minute int) {
		t.Helper()
		e := ledgertest.Push(id, func(e *shipbell.Event) {
			e.ID, e.Status, e.At, e.Tag = shipbell.EventID(id+string(status)), status, start.Add(time.Duration(minute)*time.Minute), "v1"
		})
		if _, err := l.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	later("bad", shipbell.Failure, 33)
	later("ok", shipbell.Failure, 33) // a late word on an earlier try
	for id, want := range map[string]shipbell.Status{"bad": shipbell.Failure, "ok": shipbell.Success} {
		story, err := l.Story(t.Context(), ledgertest.Push(id).Keys[0])
		if err != nil {
			t.Fatal(err)
		}
		if story.Deployment.Status != want {
			t.Errorf("%s is %s, want %s", id, story.Deployment.Status, want)
		}
		for _, a := range story.Announcements {
			if a.Part == shipbell.PartMain && (!a.Stale() || a.Ref != "printed") || a.Part == shipbell.PartAlert && !a.Told() {
				t.Errorf("%s: %+v", id, a)
			}
		}
	}
	if n, err := l.Watch(t.Context(), nil); n != 0 || err != nil {
		t.Errorf("%d alarms of old deployments, %v", n, err)
	}
}

// TestConcurrentUpdatesShareCommits blocks the writer with one update, lets
// others queue up behind it, and sees them become durable together.
func TestConcurrentUpdatesShareCommits(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "shipbell.db"))
	defer closeStore(t, s)
	const n = 100
	entered, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		err := s.Update(context.Background(), func(ledger.Tx) error {
			close(entered)
			<-release
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-entered
	for i := range n {
		group.Go(func() {
			if _, err := ledger.New(ledger.Options{Store: s, Router: nowhere{}}).Record(context.Background(), ledgertest.Push(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	s.WaitQueued(n)
	before := s.Commits()
	close(release)
	group.Wait()
	if got := s.Commits() - before; got > 3 {
		t.Errorf("%d updates that waited together took %d commits", n, got)
	}
}

// TestLostConnection: after a failure that takes the connection with it the
// next Update has a fresh one.
func TestLostConnection(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "shipbell.db"))
	defer closeStore(t, s)
	record(t, s, "a", ledger.Opened)
	for range 3 {
		s.LoseConnection()
	}
	record(t, s, "a", ledger.Repeated)
	record(t, s, "b", ledger.Opened)
}

// TestLostConnectionsAreClosed: a server on a full disk loses one with every
// push. None stays open, and it can end at any moment. The last connection to a
// file that is closed removes the WAL.
func TestLostConnectionsAreClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shipbell.db")
	s := open(t, path)
	for i := range 3 {
		s.LoseConnection()
		record(t, s, fmt.Sprint(i), ledger.Opened)
	}
	s.LoseConnection()
	closeStore(t, s)
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a connection is still open: %v", err)
	}
}

// TestWhoLeavesCostsNothing: an Update whose caller has gone does not wait, is
// not kept, and does not take its group apart.
func TestWhoLeavesCostsNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "shipbell.db"))
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
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		left <- s.Update(ctx, func(ledger.Tx) error {
			t.Error("ran for somebody who has left")
			return nil
		})
	}()
	s.WaitQueued(1)
	runs := make(chan struct{}, 10)
	for range 5 {
		group.Go(func() {
			_ = s.Update(context.Background(), func(ledger.Tx) error {
				runs <- struct{}{}
				return nil
			})
		})
	}
	s.WaitQueued(6)
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	close(release)
	group.Wait()
	if len(runs) != 5 {
		t.Errorf("5 updates ran %d times", len(runs))
	}
}
