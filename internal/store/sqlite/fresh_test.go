package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/ledger/ledgertest"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

// TestStoreThatMovesKeys: the suite again, with keys that are moved all the time.
func TestStoreThatMovesKeys(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledger.Store {
		s := open(t, filepath.Join(t.TempDir(), "shipbell.db"))
		s.MoveKeysAfter(2)
		t.Cleanup(func() { closeStore(t, s) })
		return s
	})
}

// ids returns the newest ids of the state.
func ids(t *testing.T, s *sqlite.Store) (ids []string) {
	t.Helper()
	err := s.View(t.Context(), func(tx ledger.Tx) (err error) {
		ids, err = tx.Newest(shipbell.Worker, 1000)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestKeysAreMoved: no key is forgotten, told twice or out of order, before they
// are moved, after it, after a restart, and after an Update that failed.
func TestKeysAreMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shipbell.db")
	s := open(t, path)
	s.MoveKeysAfter(7)
	var want []string
	failure := errors.New("on purpose")
	for i := range 40 {
		id := fmt.Sprintf("%02d-id", 99-i*2)
		record(t, s, id, ledger.Opened)
		want = append(want, id)
		for _, known := range want {
			record(t, s, known, ledger.Repeated)
		}
		err := s.Update(t.Context(), func(tx ledger.Tx) error {
			if _, err := tx.Open(shipbell.NewDeployment(ledgertest.Push("failed-" + id))); err != nil {
				return err
			}
			return failure
		})
		if !errors.Is(err, failure) {
			t.Fatal(err)
		}
		if got := ids(t, s); !slices.Equal(got, want) {
			t.Fatalf("after %d: %q, want %q", i+1, got, want)
		}
		var fresh, indexed int
		if fresh, indexed = s.Keys(t); fresh+indexed != len(want) || fresh > 7 {
			t.Fatalf("after %d: %d fresh keys and %d others", i+1, fresh, indexed)
		}
		if i%9 == 8 {
			closeStore(t, s)
			s = open(t, path)
			s.MoveKeysAfter(7)
		}
	}
	for _, id := range want {
		err := s.View(t.Context(), func(tx ledger.Tx) error {
			found, err := tx.Find([]shipbell.Key{{Type: shipbell.Worker, ID: id}})
			if err == nil && len(found) != 1 {
				err = fmt.Errorf("%s is found %d times", id, len(found))
			}
			if err != nil {
				return err
			}
			found, err = tx.StartingWith(shipbell.Worker, id[:4], 10)
			if err == nil && len(found) != 1 {
				err = fmt.Errorf("%s is found %d times by its start", id, len(found))
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	record(t, s, "failed-"+want[0], ledger.Opened)
	closeStore(t, s)
}

// TestChangedKeys: a key that is changed while it lies apart is changed, and the
// others are not moved for one that does not.
func TestChangedKeys(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "shipbell.db"))
	defer closeStore(t, s)
	for _, id := range []string{"a", "b", "c"} {
		record(t, s, id, ledger.Opened)
	}
	update := func(fn func(tx ledger.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx ledger.Tx) error {
		_, err := tx.Remember(shipbell.Worker, []string{"old"}, ledgertest.Start)
		return err
	})
	update(func(tx ledger.Tx) error {
		_, err := tx.Sweep(ledgertest.Start.AddDate(-1, 0, 0), ledgertest.Start.AddDate(-1, 0, 0), nil, 10)
		return err
	})
	if fresh, _ := s.Keys(t); fresh != 3 {
		t.Errorf("%d keys lie apart, want 3", fresh)
	}
	update(func(tx ledger.Tx) error {
		d, err := tx.Deployment(1)
		if err != nil {
			return err
		}
		d.Keys = append(d.Keys, shipbell.Key{Type: shipbell.Worker, ID: "b"})
		return errors.Join(tx.Absorb(1, 2), tx.Save(d))
	})
	update(func(tx ledger.Tx) error {
		found, err := tx.Find([]shipbell.Key{{Type: shipbell.Worker, ID: "b"}})
		if err == nil && (len(found) != 1 || found[0].Deployment != 1) {
			t.Errorf("the key of the absorbed deployment leads to %+v", found)
		}
		return err
	})
	record(t, s, "d", ledger.Opened)
	update(func(tx ledger.Tx) error {
		n, err := tx.Remember(shipbell.Worker, []string{"d", "old"}, ledgertest.Start)
		if n != 0 {
			t.Errorf("%d known ids were remembered anew", n)
		}
		return err
	})
	later := ledgertest.Start.AddDate(10, 0, 0)
	record(t, s, "e", ledger.Opened)
	update(func(tx ledger.Tx) error { _, err := tx.Sweep(later, later, nil, 10); return err })
	if got := ids(t, s); len(got) != 0 {
		t.Errorf("swept, and still there: %q", got)
	}
	record(t, s, "e", ledger.Opened)
}

// TestKeysOfAnotherProcess: what another process adds or moves is known at once.
func TestKeysOfAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shipbell.db")
	a, b := open(t, path), open(t, path)
	defer closeStore(t, a)
	defer closeStore(t, b)
	a.MoveKeysAfter(5)
	for i := range 20 {
		mine, theirs := fmt.Sprint("a-", i), fmt.Sprint("b-", i)
		record(t, a, mine, ledger.Opened)
		record(t, b, mine, ledger.Repeated)
		record(t, b, theirs, ledger.Opened)
		record(t, a, theirs, ledger.Repeated)
	}
	if got := len(ids(t, b)); got != 40 {
		t.Errorf("%d ids, want 40", got)
	}
}

// TestKeysAreReadOnce: the process's own work does not make it read them again.
func TestKeysAreReadOnce(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "shipbell.db"))
	defer closeStore(t, s)
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			for i := range 300 { // together more than one checkpoint
				record(t, s, fmt.Sprint("id-", worker, "-", i), ledger.Opened)
			}
		})
	}
	all.Wait()
	if n := s.KeysRead(); n > 1 {
		t.Errorf("read %d times", n)
	}
}
