//go:build unix

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/ledger/ledgertest"
	"github.com/shipbell/shipbell/internal/pgtest"
	"github.com/shipbell/shipbell/internal/store/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t testing.TB, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledger.Store { return open(t, pgtest.URL(t)) })
}

// connect opens a connection beside the store's.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func execute(t *testing.T, c *pgx.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := c.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, c *pgx.Conn, query string, args ...any) (n int) {
	t.Helper()
	if err := c.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func newLedger(s *postgres.Store) *ledger.Ledger {
	return ledger.New(ledger.Options{Store: s, Router: chat{}, Now: s.Now})
}

func record(t *testing.T, s *postgres.Store, id string, want ledger.Verdict) {
	t.Helper()
	rec, err := newLedger(s).Record(t.Context(), ledgertest.Push(id))
	if err != nil || rec.Verdict != want {
		t.Fatalf("recording %s: %s, %v; want %s", id, rec.Verdict, err, want)
	}
}

// TestReplicasStartTogether: one of them makes the schema, none of them fails.
func TestReplicasStartTogether(t *testing.T) {
	s, err := pgtest.Start("", false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Error(err)
		}
	})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			store, err := postgres.Open(t.Context(), postgres.Options{URL: s.URL()})
			if err != nil {
				t.Error(err)
				return
			}
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	// The tables do not stand among those of others.
	c := connect(t, s.URL())
	if n := number(t, c, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`); n != 0 {
		t.Errorf("%d tables in the schema public", n)
	}
	if n := number(t, c, `SELECT count(*) FROM pg_tables WHERE schemaname = 'shipbell'`); n < 10 {
		t.Errorf("%d tables in the schema shipbell", n)
	}
}

// TestRefusals: what cannot be opened says why, and never shows the password.
func TestRefusals(t *testing.T) {
	server := pgtest.Shared(t)
	good, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := good.User.Password()
	change := func(f func(u *url.URL)) string {
		u := *good
		f(&u)
		return u.String()
	}
	newer := pgtest.URL(t)
	open(t, newer)
	execute(t, connect(t, newer), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, url, want string
		away            bool
	}{
		{"newer version", newer, "the database has schema 99, this version of Shipbell knows 2: it was written by a newer version", false},
		{"wrong password", change(func(u *url.URL) { u.User = url.UserPassword("shipbell", "wrong-"+password) }), "PostgreSQL refuses the connection", false},
		{"no such database", change(func(u *url.URL) { u.Path = "/nowhere" }), `database "nowhere" does not exist`, false},
		{"nobody there", server.URLAt(nobody), "PostgreSQL cannot be reached", true},
		{"no such schema", server.URL() + "&search_path=nowhere", "there is no schema nowhere, which search_path names", false},
		{"garbage", "postgres://x:" + password + "@h:port/d", "the address cannot be understood", false},
	} {
		_, err := postgres.Open(t.Context(), postgres.Options{URL: test.url})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %s", test.name, err, test.want)
			continue
		}
		if strings.Contains(err.Error(), password) {
			t.Errorf("%s: the password is in the error: %v", test.name, err)
		}
		if postgres.Away(err) != test.away {
			t.Errorf("%s: away is %t", test.name, !test.away)
		}
	}
}

// TestGroupIsOneTransaction: concurrent pushes share commits.
func TestGroupIsOneTransaction(t *testing.T) {
	url := pgtest.URL(t)
	s, c := open(t, url), connect(t, url)
	begun := make(chan struct{})
	release := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		err := s.Update(t.Context(), func(tx ledger.Tx) error {
			close(begun)
			<-release
			return tx.PutMemory("x", "y")
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-begun
	for i := range 100 {
		all.Go(func() { record(t, s, fmt.Sprint("id-", i), ledger.Opened) })
	}
	for s.Waiting() < 100 {
		runtime.Gosched()
	}
	before := number(t, c, `SELECT txid_snapshot_xmax(txid_current_snapshot())::bigint`)
	close(release)
	all.Wait()
	after := number(t, c, `SELECT txid_snapshot_xmax(txid_current_snapshot())::bigint`)
	if after-before > 3 {
		t.Errorf("%d transactions for 100 pushes", after-before)
	}
}

// TestValueThatPostgreSQLRefuses: nobody else of the group pays for it.
func TestValueThatPostgreSQLRefuses(t *testing.T) {
	s := open(t, pgtest.URL(t))
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { record(t, s, fmt.Sprint("good-", i), ledger.Opened) })
		all.Go(func() {
			err := s.Update(t.Context(), func(tx ledger.Tx) error { return tx.PutMemory("bad", "\xff") })
			if err == nil {
				t.Error("text that is not UTF-8 was stored")
			}
		})
	}
	all.Wait()
	if err := s.Update(t.Context(), func(tx ledger.Tx) error { return tx.PutMemory("nul", "a\x00b") }); err != nil {
		t.Errorf("a NUL: %v", err)
	}
	err := s.View(t.Context(), func(tx ledger.Tx) error {
		memory, err := tx.Memory("nul")
		if memory != "a\uFFFDb" {
			t.Errorf("a NUL came back as %q", memory)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRestartOfTheDatabase: pushes fail while it is away, and nothing that was
// acknowledged is lost, however it ended.
func TestRestartOfTheDatabase(t *testing.T) {
	server, err := pgtest.Start("", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Remove(); err != nil {
			t.Error(err)
		}
	})
	s := open(t, server.URL())
	for i, atOnce := range []bool{false, true} {
		before, during, after := fmt.Sprint("before-", i), fmt.Sprint("during-", i), fmt.Sprint("after-", i)
		record(t, s, before, ledger.Opened)
		if err := s.View(t.Context(), func(tx ledger.Tx) error { _, err := tx.Lanes(); return err }); err != nil {
			t.Fatal(err) // a reader's connection must survive as well
		}
		if err := server.Stop(atOnce); err != nil {
			t.Fatal(err)
		}
		if _, err := newLedger(s).Record(t.Context(), ledgertest.Push(during)); err == nil || !strings.Contains(err.Error(), "PostgreSQL cannot be reached") {
			t.Errorf("recorded without a database: %v", err)
		}
		if err := s.Check(t.Context()); err == nil {
			t.Error("the store can be written without a database")
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		record(t, s, before, ledger.Repeated)
		record(t, s, during, ledger.Opened)
		record(t, s, after, ledger.Opened)
		if err := s.View(t.Context(), func(tx ledger.Tx) error { _, err := tx.Lanes(); return err }); err != nil {
			t.Errorf("read after the restart: %v", err)
		}
	}
}

// TestAwayInTheMiddle: a database that goes while a replica opens it is away, at
// whatever word it went.
func TestAwayInTheMiddle(t *testing.T) {
	server, good := pgtest.Shared(t), pgtest.URL(t)
	open(t, good)
	for after := 1; ; after++ {
		url, passed := cutAfter(t, server.Address(), after)
		s, err := postgres.Open(t.Context(), postgres.Options{URL: strings.Replace(good, server.Address(), url, 1)})
		if err == nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if after < 10 || passed() {
				t.Errorf("opened although the connection was to break at answer %d", after)
			}
			return
		}
		if !postgres.Away(err) {
			t.Errorf("broken at answer %d, and not away: %v", after, err)
		}
	}
}

// cutAfter is the address of a way to the database that breaks for good instead
// of passing the nth answer on; broken reports whether it did.
func cutAfter(t *testing.T, address string, n int) (through string, broken func() bool) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var answers atomic.Int64
	var isBroken atomic.Bool
	carry := func(c net.Conn) {
		defer c.Close()
		there, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer there.Close()
		go func() { _, _ = io.Copy(there, c) }()
		for part := make([]byte, 1<<16); ; {
			n2, err := there.Read(part)
			if err != nil {
				return
			}
			if answers.Add(1) >= int64(n) {
				isBroken.Store(true)
				return
			}
			if _, err := c.Write(part[:n2]); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go carry(c)
		}
	}()
	return l.Addr().String(), isBroken.Load
}

// TestSessionEndedByTheServer: a connection that was ended in between costs
// nobody anything.
func TestSessionEndedByTheServer(t *testing.T) {
	url := pgtest.URL(t)
	s, c := open(t, url), connect(t, url)
	record(t, s, "a", ledger.Opened)
	execute(t, c, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'shipbell'`)
	record(t, s, "a", ledger.Repeated)
	record(t, s, "b", ledger.Opened)
}

// TestWriterThatStandsStill: a replica that stopped in the middle of a
// transaction does not keep the others from recording.
func TestWriterThatStandsStill(t *testing.T) {
	url := pgtest.URL(t)
	// Short enough for a test, and long enough to open a store on a busy machine.
	const timeout = 3 * time.Second
	s, err := postgres.Open(t.Context(), postgres.Options{URL: url, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	t.Run("idle", func(t *testing.T) {
		// The database itself ends it.
		stopped, err := postgres.Open(t.Context(), postgres.Options{URL: url, Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		defer stopped.Close()
		begun := make(chan struct{})
		woken := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			err := stopped.Update(t.Context(), func(tx ledger.Tx) error {
				close(begun)
				<-woken
				return tx.PutMemory("x", "written too late")
			})
			if err == nil {
				t.Error("what stood still was committed")
			}
		})
		<-begun
		record(t, s, "idle", ledger.Opened)
		close(woken)
		all.Wait()
	})
	t.Run("sending", func(t *testing.T) {
		// The database waits for the rest; who waits for the lock ends it.
		c := connect(t, url)
		execute(t, c, `SET idle_in_transaction_session_timeout = 0`)
		execute(t, c, `BEGIN`)
		execute(t, c, `SELECT pg_advisory_xact_lock($1)`, s.Lock())
		for {
			_, err := newLedger(s).Record(t.Context(), ledgertest.Push("sending"))
			if err == nil {
				break
			}
			if !strings.Contains(err.Error(), "lock timeout") {
				t.Fatal(err)
			}
		}
		if err := c.Ping(t.Context()); err == nil {
			t.Error("the session that stood still goes on")
		}
	})
}

// TestEverybodyIsWoken: what one replica records, all hear of; what they miss
// while they do not listen counts as said.
func TestEverybodyIsWoken(t *testing.T) {
	url := pgtest.URL(t)
	a, b := open(t, url), open(t, url)
	c := connect(t, url)
	heard := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		b.Listen(ctx, postgres.Heard{
			Stale: func(c shipbell.ChannelID) { heard <- "stale " + string(c) },
			Freed: func() { heard <- "freed" },
			Asked: func() { heard <- "asked" },

			Changed: func() { heard <- "changed" },
		})
	})
	t.Cleanup(func() { cancel(); all.Wait() })
	want := func(words ...string) {
		t.Helper()
		for _, w := range words {
			if got := <-heard; got != w {
				t.Fatalf("heard %q, want %q", got, w)
			}
		}
	}
	want("stale ", "freed", "changed")
	record(t, a, "one", ledger.Opened)
	want("stale telegram:-1001234567890", "changed")
	record(t, a, "one", ledger.Repeated) // nothing is to be delivered
	if err := a.Ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("asked")
	if _, err := a.Hold(t.Context(), "a", []shipbell.LeaseName{"x"}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := a.Release(t.Context(), "a", []shipbell.LeaseName{"x", "y"}); err != nil {
		t.Fatal(err)
	}
	want("freed")
	execute(t, c, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND pid <> pg_backend_pid()`)
	want("stale ", "freed", "changed")
	record(t, a, "two", ledger.Opened)
	want("stale telegram:-1001234567890", "changed")
}

// TestLeases: one holder each, and every new one has a higher fence.
func TestLeases(t *testing.T) {
	url := pgtest.URL(t)
	s, c := open(t, url), connect(t, url)
	hold := func(who shipbell.Replica, names ...shipbell.LeaseName) string {
		t.Helper()
		leases, err := s.Hold(t.Context(), who, names, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, l := range leases {
			words = append(words, fmt.Sprintf("%s %d", l.Name, l.Fence))
		}
		return strings.Join(words, ", ")
	}
	over := func(name string) { execute(t, c, `UPDATE leases SET until_ms = 1 WHERE name = $1`, name) }
	for _, step := range []struct{ what, got, want string }{
		{"both free", hold("a", "x", "y"), "x 1, y 1"},
		{"held by another", hold("b", "x", "y", "z"), "z 1"},
		{"renewed", hold("a", "x", "y"), "x 1, y 1"},
		{"nothing wanted", hold("a"), ""},
	} {
		if step.got != step.want {
			t.Errorf("%s: got %q, want %q", step.what, step.got, step.want)
		}
	}
	over("x")
	if got := hold("a", "x"); got != "x 1" {
		t.Errorf("renewed late, before anybody took it: %q", got)
	}
	over("x")
	if got := hold("b", "x", "y"); got != "x 2" {
		t.Errorf("taken over: %q", got)
	}
	if err := s.Release(t.Context(), "a", []shipbell.LeaseName{"x", "y"}); err != nil {
		t.Fatal(err)
	}
	if got := hold("c", "x", "y"); got != "y 2" {
		t.Errorf("after one gave up what it had and what it had not: %q", got)
	}
	leases, err := s.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var holders []string
	for _, l := range leases {
		holders = append(holders, fmt.Sprintf("%s %s", l.Name, l.Holder))
		if left := l.Until.Sub(s.Now()); left < 50*time.Minute || left > 70*time.Minute {
			t.Errorf("lease %s ends in %s", l.Name, left)
		}
	}
	if got := strings.Join(holders, ", "); got != "x b, y c, z b" {
		t.Errorf("holders: %s", got)
	}
}

// TestFence: what is written by the right of a lost lease is refused, and nobody
// takes a lease over in the middle of a transaction.
func TestFence(t *testing.T) {
	url := pgtest.URL(t)
	s, c := open(t, url), connect(t, url)
	leases, err := s.Hold(t.Context(), "a", []shipbell.LeaseName{"x"}, time.Hour)
	if err != nil || len(leases) != 1 {
		t.Fatal(leases, err)
	}
	mine := leases[0]
	execute(t, c, `UPDATE leases SET until_ms = 1`)
	fenced := func(fn func() error) error {
		return s.Update(t.Context(), func(tx ledger.Tx) error {
			if err := tx.Fence(mine); err != nil {
				return err
			}
			return fn()
		})
	}
	taken := make(chan error, 1)
	err = fenced(func() error {
		go func() {
			_, err := s.Hold(t.Context(), "b", []shipbell.LeaseName{"x"}, time.Hour)
			taken <- err
		}()
		// The other one waits for the row.
		for number(t, c, `SELECT count(*) FROM pg_locks WHERE NOT granted`) == 0 {
			select {
			case err := <-taken:
				return fmt.Errorf("the lease changed hands in the middle of a transaction: %w", errors.Join(err, io.EOF))
			default:
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("over, and nobody's yet: %v", err)
	}
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
	if err := fenced(func() error { return nil }); !errors.Is(err, shipbell.ErrLost) {
		t.Errorf("taken over: %v, want ErrLost", err)
	}
	mine.Name = "never held"
	if err := fenced(func() error { return nil }); !errors.Is(err, shipbell.ErrLost) {
		t.Errorf("never held: %v, want ErrLost", err)
	}
}

// TestLateMark: of two messages that two holders posted one is kept, and the other
// one must go.
func TestLateMark(t *testing.T) {
	url := pgtest.URL(t)
	s, c := open(t, url), connect(t, url)
	l := newLedger(s)
	record(t, s, "one", ledger.Opened)
	const channel shipbell.ChannelID = "telegram:-1001234567890"
	grant := func(who shipbell.Replica) context.Context {
		execute(t, c, `UPDATE leases SET until_ms = 1`)
		leases, err := s.Hold(t.Context(), who, []shipbell.LeaseName{"lane"}, time.Hour)
		if err != nil || len(leases) != 1 {
			t.Fatal(leases, err)
		}
		return shipbell.WithGrant(t.Context(), shipbell.Grant{Lease: leases[0], Valid: func() bool { return true }})
	}
	posts := func(ctx context.Context, a shipbell.Announcement, ref shipbell.MessageRef) error {
		a.Ref, a.Shown = ref, a.Wanted
		attempt := shipbell.Attempt{Deployment: a.Deployment, Channel: a.Channel, At: s.Now(), Detail: "delivered"}
		return l.Mark(ctx, a, attempt, shipbell.Lane{Channel: a.Channel, Note: string(ref)}, nil)
	}
	paused := grant("paused")
	a, _, err := l.Stale(paused, channel)
	if err != nil {
		t.Fatal(err)
	}
	next := grant("next")
	if err := posts(next, a, "second"); err != nil {
		t.Fatal(err)
	}
	if err := posts(paused, a, "first"); !errors.Is(err, shipbell.ErrLost) {
		t.Errorf("marked by a lost lease: %v, want ErrLost", err)
	}
	lane, err := l.Lane(t.Context(), channel)
	if err != nil || lane.Note != "second" {
		t.Errorf("the lane is as %q left it, %v; want second", lane.Note, err)
	}
	obsolete, _, err := l.Stale(next, channel)
	if err != nil || !obsolete.Part.Obsolete() || obsolete.Ref != "first" {
		t.Errorf("the second message is not to be removed: %+v, %v", obsolete, err)
	}
}

// TestClock: the time is the database's, whatever the clock here says.
func TestClock(t *testing.T) {
	url := pgtest.URL(t)
	s, c := open(t, url), connect(t, url)
	for range 5 {
		before := number(t, c, `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`)
		now := s.Now().UnixMicro()
		after := number(t, c, `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`)
		// Off by half a round trip at most, which is at least what lies between.
		if slack := int64(time.Second / time.Microsecond); now < int64(before)-slack || now > int64(after)+slack {
			t.Errorf("%d is not between %d and %d", now, before, after)
		}
	}
}

// TestSecretIsShared: the first replica's token is everybody's.
func TestSecretIsShared(t *testing.T) {
	url := pgtest.URL(t)
	got := make([]string, 4)
	var all sync.WaitGroup
	for i := range got {
		s := open(t, url)
		all.Go(func() {
			var err error
			if got[i], err = ledger.New(ledger.Options{Store: s}).Secret(t.Context(), "token", fmt.Sprint("offered by ", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, token := range got {
		if token != got[0] || token == "" {
			t.Fatalf("tokens: %q", got)
		}
	}
}
