//go:build unix

package app_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/pgtest"
)

// dump returns all rows of a SQLite ledger, table by table.
func dump(t *testing.T, dir string) map[string][]string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "shipbell.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := make(map[string][]string)
	for _, table := range []string{"meta", "places", "lanes", "deployments", "events", "keys", "announcements", "attempts", "merged", "watches", "bulletins", "memories", "words", "listed", "changes", "tokens", "acts"} {
		from := table
		if table == "keys" {
			from = "all_keys" // those that were added lately lie apart
		}
		rows, err := db.Query("SELECT * FROM " + from)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			var words []string
			for i, v := range values {
				words = append(words, fmt.Sprintf("%s=%v", columns[i], *v.(*any)))
			}
			slices.Sort(words) // their order depends on the age of the file
			all[table] = append(all[table], strings.Join(words, " "))
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(all[table])
	}
	return all
}

// TestCopyThereAndBack: a ledger that went through PostgreSQL is the same, and
// goes on where it was.
func TestCopyThereAndBack(t *testing.T) {
	s := start(t, func(c *config.Settings) { c.NotifyToken = "" })
	for i := range 10 {
		s.push(body(fmt.Sprint("id-", i), ""))
		s.push(body(fmt.Sprint("id-", i), `,"status":"failure","error":"exit status 1"`))
		s.push(body(fmt.Sprint("odd-", i), `,"branch":"<b>&\u0000\uD83D\uDE80"`))
	}
	s.wait(func(f *faketelegram.Server) bool {
		return f.Count(group) >= 20 && strings.Contains(f.Messages(group)[0].Text, "Failed")
	})
	here := s.settings.Store
	// While a server runs on it nothing is copied.
	there := config.Store{Database: pgtest.URL(t)}
	if _, err := app.Copy(t.Context(), here, there, quiet); !errors.Is(err, app.ErrServed) {
		t.Errorf("from a running server: %v", err)
	}
	s.stop()
	fill(t, here, 4500) // more than one chunk
	before := dump(t, here.Data)

	var shown int
	copied, err := app.Copy(t.Context(), here, there, func(string, int64, int64) { shown++ })
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, c := range copied {
		total += c.Rows
		if int(c.Rows) != len(before[c.Table]) {
			t.Errorf("%s: %d rows copied of %d", c.Table, c.Rows, len(before[c.Table]))
		}
	}
	if total < 4500 || shown < 12 {
		t.Errorf("%d rows, progress shown %d times", total, shown)
	}
	if _, err := app.Copy(t.Context(), here, there, quiet); !errors.Is(err, app.ErrNotEmpty) {
		t.Errorf("into a ledger: %v", err)
	}
	back := config.Store{Data: filepath.Join(t.TempDir(), "back")}
	if _, err := app.Copy(t.Context(), there, back, quiet); err != nil {
		t.Fatal(err)
	}
	after := dump(t, back.Data)
	for table, rows := range before {
		if !slices.Equal(rows, after[table]) {
			t.Errorf("%s: %d rows before, %d after, or they differ", table, len(rows), len(after[table]))
		}
	}
	// A server on the database knows all of it, takes the same token, and goes on
	// with the numbers.
	s.settings.Store = there
	s.run()
	token, err := os.ReadFile(filepath.Join(back.Data, app.TokenFile))
	if err != nil || strings.TrimSpace(string(token)) != s.token {
		t.Errorf("the token did not come along: %v", err)
	}
	messages := s.fake.Count(group)
	s.push(body("id-1", ""))
	s.push(strings.Replace(body("new", ""), "api-service", "another", 1))
	s.wait(func(f *faketelegram.Server) bool { return f.Count(group) == messages+1 })
	if _, err := app.Copy(t.Context(), there, config.Store{Data: t.TempDir()}, quiet); !errors.Is(err, app.ErrServed) {
		t.Errorf("from running replicas: %v", err)
	}
	s.stop()
	if n := s.fake.Count(group); n != messages+1 {
		t.Errorf("%d messages, want %d", n, messages+1)
	}
}

// TestCopyIsAllOrNothing: what ends in the middle leaves nothing.
func TestCopyIsAllOrNothing(t *testing.T) {
	here := config.Store{Data: t.TempDir()}
	fill(t, here, 4500)
	for _, there := range []config.Store{{Data: t.TempDir()}, {Database: pgtest.URL(t)}} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := app.Copy(ctx, here, there, func(_ string, done, _ int64) {
			if done > 2000 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended in the middle: %v", err)
		}
		if _, err := app.Copy(t.Context(), here, there, quiet); err != nil {
			t.Errorf("the next one: %v", err)
		}
	}
	if _, err := app.Copy(t.Context(), config.Store{Data: t.TempDir()}, here, quiet); !errors.Is(err, app.ErrNoLedger) {
		t.Errorf("from nothing: %v", err)
	}
}

func quiet(string, int64, int64) {}

// fill remembers ids in a ledger.
func fill(t *testing.T, where config.Store, n int) {
	t.Helper()
	store, err := app.OpenStore(t.Context(), where, nil)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("old-%05d", i)
	}
	for chunk := range slices.Chunk(ids, 900) {
		if err := importIDs(t.Context(), store, chunk...); err != nil {
			t.Fatal(err)
		}
	}
	l := ledger.New(ledger.Options{Store: store})
	_, err = l.List(t.Context(), shipbell.Filter{}, shipbell.Position{}, 1) // fills the lists
	_, failed := l.MakeToken(t.Context(), shipbell.Token{ID: "tk_1", Name: "ci", Scope: shipbell.ScopePush, MadeBy: "anna"})
	if err = errors.Join(err, failed, store.Close()); err != nil {
		t.Fatal(err)
	}
}
