//go:build unix

package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// replicasOf starts servers on one database and one fake Telegram.
func replicasOf(t *testing.T, n int, url string, change ...func(*config.Settings)) []*server {
	t.Helper()
	first := start(t, append(change, func(s *config.Settings) { s.Store = config.Store{Database: url} })...)
	all := []*server{first}
	for range n - 1 {
		s := &server{T: t, fake: first.fake, settings: first.settings, log: &syncBuffer{}, out: &syncBuffer{}}
		s.run()
		t.Cleanup(func() { s.stop() })
		all = append(all, s)
	}
	return all
}

// health reads the verbose health of a server.
func (s *server) health() (h struct {
	Status  string
	Replica string
	Lanes   []struct{ Channel, Status, Holder string }
	Sources []struct{ Source, Status string }
}) {
	s.Helper()
	_, text := s.request("GET", "/health?verbose", "", "")
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		s.Fatalf("%v: %s", err, text)
	}
	return h
}

// holder returns which of the replicas delivers. Health would do, but it may be a
// moment old.
func holder(t *testing.T, all []*server) int {
	t.Helper()
	store, err := app.OpenStore(t.Context(), all[0].settings.Store, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	leases, err := store.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leases {
		for i, s := range all {
			if strings.HasPrefix(string(l.Name), "lane:") && s.health().Replica == string(l.Holder) {
				return i
			}
		}
	}
	t.Fatalf("nobody holds the lane: %+v", leases)
	return 0
}

// TestReplicasAreOne: whichever takes a push, it is announced once; repeats and
// outcomes may go anywhere.
func TestReplicasAreOne(t *testing.T) {
	all := replicasOf(t, 3, pgtest.URL(t))
	const pushes = 60
	var senders sync.WaitGroup
	for i := range pushes {
		for _, s := range all { // each at the same time
			senders.Go(func() { s.push(body(fmt.Sprint("id-", i), "")) })
		}
	}
	senders.Wait()
	all[0].wait(func(f *faketelegram.Server) bool { return f.Count(group) >= pushes })
	for i := range pushes {
		all[i%3].push(body(fmt.Sprint("id-", i), `,"status":"success"`))
	}
	all[0].wait(func(f *faketelegram.Server) bool {
		live := 0
		for _, m := range f.Messages(group) {
			if strings.Contains(m.Text, "✅") {
				live++
			}
		}
		return live == pushes
	})
	if h := all[0].health(); h.Replica == "" || h.Lanes[0].Holder == "" {
		t.Errorf("health does not say who delivers: %+v", h)
	}
	holders := 0
	for _, s := range all {
		s.counted(`shipbell_lease_held{lease="lane:telegram:-1001234567890"} `, `shipbell_lease_held{lease="watch"} `)
		holders += strings.Count(s.numbers(), `shipbell_lease_held{lease="sweep"} 1`)
	}
	if holders != 1 {
		t.Errorf("%d replicas say that they hold a lease", holders)
	}
	_, state := all[0].request("GET", "/state", notifyToken, "")
	for _, s := range all[1:] {
		if _, other := s.request("GET", "/state", notifyToken, ""); other != state {
			t.Errorf("two replicas tell two states")
		}
	}
	for _, s := range all {
		s.stop()
	}
	if n := all[0].fake.Count(group); n != pushes {
		t.Errorf("%d messages, want %d", n, pushes)
	}
	if v := all[0].fake.Violations(); len(v) > 0 {
		t.Errorf("violations: %s", v)
	}
}

// TestHandOver: when the replica that delivers ends in order, another one goes on
// at once.
func TestHandOver(t *testing.T) {
	all := replicasOf(t, 3, pgtest.URL(t))
	all[0].push(body("first", ""))
	all[0].wait(func(f *faketelegram.Server) bool { return f.Count(group) == 1 })
	for n := 2; n <= 3; n++ {
		i := holder(t, all)
		all[i].stop()
		all = append(all[:i], all[i+1:]...)
		all[0].push(body(fmt.Sprint("id-", n), ""))
		all[0].wait(func(f *faketelegram.Server) bool { return f.Count(group) == n })
	}
	if i := holder(t, all); i != 0 {
		t.Errorf("replica %d of one holds the lane", i)
	}
}

// TestLimitIsHandedOver: the next holder knows what the last one has sent.
func TestLimitIsHandedOver(t *testing.T) {
	limited := faketelegram.New(faketelegram.Options{})
	limited.AddChat(faketelegram.Chat{ID: group, Type: faketelegram.Supergroup})
	api, stop, err := limited.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	all := replicasOf(t, 2, pgtest.URL(t), func(s *config.Settings) {
		s.TelegramAPI, s.TelegramToken, s.TelegramFree = api, limited.Token(), false
	})
	for _, s := range all {
		s.fake = limited
	}
	for i := range 6 {
		all[0].push(body(fmt.Sprint("id-", i), ""))
	}
	all[0].wait(func(f *faketelegram.Server) bool { return f.Count(group) == 3 })
	i := holder(t, all)
	all[i].stop()
	all[1-i].wait(func(f *faketelegram.Server) bool { return f.Count(group) == 6 })
	if v := limited.Violations(); len(v) > 0 {
		t.Errorf("violations: %s", v)
	}
	for _, c := range limited.Calls() {
		if c.Status == 429 {
			t.Errorf("Telegram was asked too fast: %+v", c)
		}
	}
}

// TestDatabaseAway: while it is, pushes are refused with the advice to try again,
// and what was taken is delivered afterwards.
func TestDatabaseAway(t *testing.T) {
	database, err := pgtest.Start("", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Remove(); err != nil {
			t.Error(err)
		}
	})
	all := replicasOf(t, 2, database.URL())
	all[0].push(body("before", ""))
	all[0].wait(func(f *faketelegram.Server) bool { return f.Count(group) == 1 })
	if err := database.Stop(true); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if code, text := s.request("POST", "/notify", notifyToken, body("during", "")); code != 503 {
			t.Errorf("without a database: %d %s", code, text)
		}
		if code, text := s.request("GET", "/health", "", ""); code != 503 || !strings.Contains(text, "PostgreSQL cannot be reached") {
			t.Errorf("health: %d %s", code, text)
		}
	}
	if err := database.Start(); err != nil {
		t.Fatal(err)
	}
	all[1].push(body("during", ""))
	all[0].wait(func(f *faketelegram.Server) bool { return f.Count(group) == 2 })
	for _, s := range all {
		s.stop()
		if strings.Contains(s.log.String(), "not-secret") {
			t.Error("the log has the password")
		}
	}
}

// TestFirstTokenIsEverybodys: without a token one is made, the same for all.
func TestFirstTokenIsEverybodys(t *testing.T) {
	all := replicasOf(t, 2, pgtest.URL(t), func(s *config.Settings) { s.NotifyToken = "" })
	first, second := all[0].token, all[1].token
	if first == "" || first != second {
		t.Errorf("tokens of %d and %d characters, which differ", len(first), len(second))
	}
	if code, text := all[1].request("POST", "/notify", first, body("one", "")); code != 200 {
		t.Errorf("answer %d %s", code, text)
	}
}
