package cloudflare_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/source/cloudflare"
)

func TestMissingScopes(t *testing.T) {
	all := fakecloudflare.ReadScopes()
	for _, test := range []struct {
		missing fakecloudflare.Scope
		note    string
		want    []string
	}{
		{fakecloudflare.ScopeWorkers, "Workers cannot be read: the token lacks the permission Workers Scripts: Read",
			[]string{"pages docs in_progress to production", "pages docs success to production"}},
		{fakecloudflare.ScopePages, "Pages cannot be read: the token lacks the permission Cloudflare Pages: Read",
			[]string{"worker shop success"}},
		{fakecloudflare.ScopeBuilds, "Workers Builds cannot be read: the token lacks the permission Workers Builds Configuration: Read",
			[]string{"worker shop success", "pages docs in_progress to production", "pages docs success to production"}},
	} {
		t.Run(string(test.missing), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				scopes := slices.DeleteFunc(slices.Clone(all), func(s fakecloudflare.Scope) bool { return s == test.missing })
				srv := fakecloudflare.New(fakecloudflare.Options{Tokens: []fakecloudflare.Token{{Secret: fakecloudflare.DefaultToken, Scopes: scopes}}})
				srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs"})
				srv.AddWorker(fakecloudflare.Worker{Name: "shop"})
				b := newBook()
				p := newPoller(srv, b)
				once(t, p)
				change := func() {
					time.Sleep(time.Second)
					srv.Deploy("shop", fakecloudflare.DeployOptions{})
					time.Sleep(time.Second)
					srv.StartPages("docs", fakecloudflare.PagesOptions{}).Finish()
				}
				change()
				minute(t, p)
				events := b.take()
				wantLines(t, events, test.want...)
				if h := p.Hearing(); !slices.Equal(h.Notes, []string{test.note}) || !h.BlindSince.IsZero() || h.LastHeard.IsZero() {
					t.Errorf("hearing = %+v", h)
				}
				// It is left alone for an hour, and then heard without a storm.
				before := srv.CallCount()
				for range 50 {
					minute(t, p)
				}
				if n := srv.Count(func(c fakecloudflare.Call) bool { return c.Seq > before && c.Status == 403 }); n > 0 {
					t.Errorf("asked %d times for what is refused", n)
				}
				srv.AddToken(fakecloudflare.Token{Secret: fakecloudflare.DefaultToken, Scopes: all})
				for range 15 {
					minute(t, p)
				}
				wantLines(t, b.take())
				change()
				minute(t, p)
				if h := p.Hearing(); len(h.Notes) > 0 {
					t.Errorf("notes = %v", h.Notes)
				}
				if n := len(b.take()); n != 3 {
					t.Errorf("%d events with all permissions", n)
				}
			})
		})
	}
}

func TestAccountOwnedTokenReadsNoBuilds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{Tokens: []fakecloudflare.Token{{
			Secret: fakecloudflare.DefaultToken, Scopes: fakecloudflare.ReadScopes(), AccountOwned: true,
		}}})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		time.Sleep(time.Second)
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		minute(t, p)
		wantLines(t, b.take(), "worker shop success")
		minute(t, p)
		if h := p.Hearing(); len(h.Notes) != 1 || !strings.HasSuffix(h.Notes[0], "or belongs to the account instead of a user") {
			t.Errorf("notes = %q", h.Notes)
		}
		k, err := cloudflare.Check(t.Context(), newClient(srv), nil, "")
		if err != nil {
			t.Fatal(err)
		}
		if k.TokenStatus != "active" || works(k) != "Workers Pages" {
			t.Errorf("checkup = %+v", k)
		}
	})
}

func works(k cloudflare.Checkup) string {
	var names []string
	for _, p := range k.Parts {
		if p.Works {
			names = append(names, p.Name)
		} else if p.Scope == "" || p.Reason == "" {
			names = append(names, p.Name+" fails without a reason")
		}
	}
	return strings.Join(names, " ")
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name  string
		token fakecloudflare.Token
		queue string
		ids   []string
		works string
		err   string
	}{
		{name: "all", token: fakecloudflare.Token{Scopes: append(fakecloudflare.ReadScopes(), fakecloudflare.ScopeQueuesWrite)}, queue: "builds",
			works: "Workers Workers Builds Pages Queue"},
		{name: "no queue of that name", token: fakecloudflare.Token{Scopes: fakecloudflare.ReadScopes()}, queue: "other",
			works: "Workers Workers Builds Pages"},
		{name: "one scope", token: fakecloudflare.Token{Scopes: []fakecloudflare.Scope{fakecloudflare.ScopePages}},
			ids: []string{fakecloudflare.DefaultAccount}, works: "Pages"},
		{name: "account not shown", token: fakecloudflare.Token{Scopes: []fakecloudflare.Scope{fakecloudflare.ScopePages}},
			err: "the token shows no account"},
		{name: "disabled", token: fakecloudflare.Token{Scopes: fakecloudflare.ReadScopes(), Status: fakecloudflare.TokenDisabled},
			ids: []string{fakecloudflare.DefaultAccount}, err: "the API token is disabled"},
		{name: "unknown", token: fakecloudflare.Token{Secret: "another-token"}, ids: []string{fakecloudflare.DefaultAccount},
			err: "the API token does not work"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.token.Secret == "" {
				test.token.Secret = fakecloudflare.DefaultToken
			}
			srv := fakecloudflare.New(fakecloudflare.Options{Tokens: []fakecloudflare.Token{test.token}})
			srv.AddQueue("builds", fakecloudflare.QueueOptions{})
			k, err := cloudflare.Check(t.Context(), newClient(srv), test.ids, test.queue)
			if test.err != "" {
				var setup *cloudflare.SetupError
				if !errors.As(err, &setup) || !strings.Contains(setup.Reason, test.err) || setup.Hint == "" {
					t.Errorf("error = %v", err)
				}
				return
			}
			if err != nil || works(k) != test.works {
				t.Errorf("works %q, want %q; %v, %+v", works(k), test.works, err, k.Parts)
			}
		})
	}
}

func TestFaultsLoseNothing(t *testing.T) {
	for _, fault := range []fakecloudflare.Fault{
		{Kind: fakecloudflare.FaultStatus, Status: 500},
		{Kind: fakecloudflare.FaultStatus, Status: 502},
		{Kind: fakecloudflare.FaultReset},
		{Kind: fakecloudflare.FaultReset, Accepted: true},
		{Kind: fakecloudflare.FaultGarbage},
		{Kind: fakecloudflare.FaultRateLimit, RetryAfter: 20 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := fakecloudflare.New(fakecloudflare.Options{})
			srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs"})
			srv.Deploy("shop", fakecloudflare.DeployOptions{})
			b := newBook()
			p := newPoller(srv, b)
			once(t, p)
			// Whichever request of a look the fault meets, all is told in the end,
			// and once.
			for meets := 1; meets <= 12; meets++ {
				time.Sleep(time.Minute)
				srv.Deploy("shop", fakecloudflare.DeployOptions{})
				srv.StartPages("docs", fakecloudflare.PagesOptions{}).Finish()
				id := srv.StartBuild("shop", fakecloudflare.BuildOptions{}).UUID
				srv.FinishBuild(id, fakecloudflare.BuildResult{Outcome: fakecloudflare.BuildFailed, Log: []string{"error: no"}})
				n := 0
				srv.SetFaults(func(fakecloudflare.Call) fakecloudflare.Fault {
					if n++; n == meets {
						return fault
					}
					return fakecloudflare.Fault{}
				})
				_, err := p.Once(t.Context())
				srv.SetFaults(nil)
				if err != nil && p.Hearing().BlindSince.IsZero() {
					t.Errorf("%s, request %d: %v, and not blind", fault.Kind, meets, err)
				}
				for range 3 {
					time.Sleep(time.Minute)
					_, _ = p.Once(t.Context()) // it may still have to wait
				}
				count := map[string]int{}
				for _, e := range b.take() {
					count[fmt.Sprint(e.Type, " ", e.Status, " ", e.Keys[0].Kind, " ", e.Log != "")]++
				}
				for _, kind := range []string{
					"worker success deployment false", "pages in_progress deployment false", "pages success deployment false",
					"worker in_progress build false", "worker failure build false", "worker failure build true",
				} {
					if count[kind] != 1 {
						t.Errorf("%s, request %d: %s told %d times: %v", fault.Kind, meets, kind, count[kind], count)
					}
				}
				if h := p.Hearing(); !h.BlindSince.IsZero() {
					t.Errorf("%s, request %d: still blind: %s", fault.Kind, meets, h.Reason)
				}
			}
			if n := srv.IgnoredRetryAfter(); n > 0 {
				t.Errorf("%d requests came before the time that a 429 named", n)
			}
		})
	}
}

func TestOneBrokenWorkerHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		for _, name := range []string{"a", "broken", "c"} {
			srv.Deploy(name, fakecloudflare.DeployOptions{})
		}
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		srv.SetFaults(func(c fakecloudflare.Call) fakecloudflare.Fault {
			if strings.Contains(c.Path, "/scripts/broken/") {
				return fakecloudflare.Fault{Kind: fakecloudflare.FaultStatus, Status: 500}
			}
			return fakecloudflare.Fault{}
		})
		for range 5 {
			time.Sleep(time.Minute)
			for _, name := range []string{"a", "broken", "c"} {
				srv.Deploy(name, fakecloudflare.DeployOptions{})
				time.Sleep(time.Second)
			}
			if _, err := p.Once(t.Context()); err == nil {
				t.Fatal("no error")
			}
			wantLines(t, b.take(), "worker a success", "worker c success")
		}
		srv.SetFaults(nil)
		minute(t, p)
		if n := len(b.take()); n != 5 {
			t.Errorf("%d deployments after it was repaired, want 5", n)
		}
	})
}

func TestCrashRepeatsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs"})
		first := srv.StartPages("docs", fakecloudflare.PagesOptions{})
		first.Finish()
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		change := func() (total int) {
			time.Sleep(time.Second)
			srv.Deploy("shop", fakecloudflare.DeployOptions{})
			srv.StartPages("docs", fakecloudflare.PagesOptions{}).Finish()
			return 3
		}
		// The ledger fails: nothing is lost.
		want := change()
		b.failing = 1
		if _, err := p.Once(t.Context()); !errors.Is(err, errDisk) {
			t.Errorf("error = %v", err)
		}
		minute(t, p)
		if got := len(b.take()); got != want {
			t.Errorf("%d events after the ledger failed, want %d", got, want)
		}
		// It is stored, and the process dies before it knows.
		want = change()
		b.dying = 1
		_, _ = p.Once(t.Context())
		for range 3 {
			p = newPoller(srv, b)
			minute(t, p)
		}
		if got := len(b.take()); got != want || b.repeats > 0 {
			t.Errorf("%d events after a crash, want %d; %d repeated", got, want, b.repeats)
		}
		// A rollback of Pages, which has no id of its own.
		srv.PagesRollback("docs", first.ID)
		b.dying = 1
		_, _ = p.Once(t.Context())
		time.Sleep(time.Minute)
		once(t, newPoller(srv, b))
		wantLines(t, b.take(), "pages docs success to production by rollback")
	})
}

// runs starts a poller and returns how to end it.
func runs(t *testing.T, p interface{ Run(context.Context) error }) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return func() { cancel(); group.Wait() }
}

func TestBlindness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		time.Sleep(time.Second)
		srv.RemoveToken(fakecloudflare.DefaultToken)
		since := time.Now().UTC().Add(59 * time.Second) // the next look
		stop := runs(t, p)
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if len(b.bulletins) > 0 {
			t.Errorf("told after 59 minutes: %+v", b.bulletins)
		}
		if h := p.Hearing(); !h.BlindSince.Equal(since) || h.Reason == "" || !strings.Contains(h.Hint, "Workers Scripts: Read") {
			t.Errorf("hearing = %+v", h)
		}
		n := srv.CallCount()
		t.Logf("%d requests in an hour of 401", n)
		if n > 120 {
			t.Errorf("%d requests in an hour that nobody answered", n)
		}
		stop()
		// The hour goes on in the next process.
		p = newPoller(srv, b)
		stop = runs(t, p)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if len(b.bulletins) != 1 {
			t.Fatalf("bulletins = %+v", b.bulletins)
		}
		told := b.bulletins[0]
		if told.Kind != shipbell.BulletinBlind || told.Key != "blind/poll/"+since.Format(time.RFC3339) || !told.At.Equal(since) ||
			!told.OverAt.IsZero() || told.Source != shipbell.SourcePoll || told.Reason == "" || told.Hint == "" {
			t.Errorf("bulletin = %+v", told)
		}
		srv.AddToken(fakecloudflare.Token{Secret: fakecloudflare.DefaultToken, Scopes: fakecloudflare.ReadScopes()})
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if len(b.bulletins) != 1 || b.bulletins[0].OverAt.IsZero() || b.bulletins[0].Reason == "" {
			t.Errorf("bulletins = %+v", b.bulletins)
		}
		wantLines(t, b.take(), "worker shop success")
		if h := p.Hearing(); !h.BlindSince.IsZero() {
			t.Errorf("hearing = %+v", h)
		}
		stop()
	})
}

func TestPaceAndWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		b := newBook()
		p := newPoller(srv, b)
		stop := runs(t, p)
		defer stop()
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		lists := func() int {
			return srv.Count(func(c fakecloudflare.Call) bool { return strings.HasSuffix(c.Route, "/workers/workers") })
		}
		if n := lists(); n != 6 {
			t.Errorf("%d looks in 5 minutes", n)
		}
		// Woken many times at once it looks once, and soon.
		time.Sleep(10 * time.Second)
		before := lists()
		for range 100 {
			p.Wake()
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(6 * time.Second)
		if n := lists() - before; n < 1 || n > 3 {
			t.Errorf("%d looks after 100 wakes", n)
		}
	})
}

func TestRateLimitIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{Limit: 100})
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		b := newBook()
		p := newPoller(srv, b)
		stop := runs(t, p)
		defer stop()
		other := newClient(srv)
		// Somebody else uses nearly all of it, again and again.
		for range 12 {
			for range 85 {
				_, _ = other.ListAccounts(t.Context())
			}
			time.Sleep(5 * time.Minute)
		}
		synctest.Wait()
		if n := srv.Count(func(c fakecloudflare.Call) bool { return c.Status == 429 }); n > 0 {
			t.Errorf("%d requests over the limit", n)
		}
		looks := srv.Count(func(c fakecloudflare.Call) bool { return strings.HasSuffix(c.Route, "/workers/workers") })
		t.Logf("%d looks in an hour with 15 %% of the limit left", looks)
		if looks < 12 || looks > 50 {
			t.Errorf("%d looks in an hour", looks)
		}
	})
}

func TestAccountIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		var up atomic.Bool
		srv.SetFaults(func(fakecloudflare.Call) fakecloudflare.Fault {
			if !up.Load() {
				return fakecloudflare.Fault{Kind: fakecloudflare.FaultReset}
			}
			return fakecloudflare.Fault{}
		})
		b := newBook()
		p := newPoller(srv, b)
		stop := runs(t, p)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if h := p.Hearing(); h.BlindSince.IsZero() || !h.LastHeard.IsZero() || len(b.bulletins) != 1 {
			t.Errorf("hearing = %+v, bulletins %v", h, b.bulletins)
		}
		up.Store(true)
		time.Sleep(7 * time.Minute)
		synctest.Wait()
		if h := p.Hearing(); !h.BlindSince.IsZero() || h.LastHeard.IsZero() || b.bulletins[0].OverAt.IsZero() {
			t.Errorf("hearing = %+v, bulletins %v", h, b.bulletins)
		}
		stop()
	})
}

func TestNothingSecretIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		queue := srv.AddQueue("builds", fakecloudflare.QueueOptions{})
		srv.Subscribe(fakecloudflare.Subscription{Queue: "builds"})
		srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs"})
		b := newBook()
		p := newPoller(srv, b)
		c := cloudflare.NewConsumer(cloudflare.ConsumerOptions{Client: newClient(srv), Ledger: b, Queue: queue, Base: p.Base})
		var said []any
		look := func() {
			_, err := p.Once(t.Context())
			_, err2 := c.Once(t.Context())
			said = append(said, fmt.Sprintf("%v %v %+v %+v", err, err2, p.Hearing(), c.Hearing()))
		}
		look()
		time.Sleep(time.Second)
		leak := "token " + fakecloudflare.DefaultToken + " and " + fakecloudflare.BuildSecret
		id := srv.StartBuild("shop", fakecloudflare.BuildOptions{Message: "Fix"}).UUID
		srv.FinishBuild(id, fakecloudflare.BuildResult{Outcome: fakecloudflare.BuildFailed, Log: []string{
			"error: cannot log in with " + fakecloudflare.DefaultToken,
		}})
		srv.StartPages("docs", fakecloudflare.PagesOptions{}).Fail("error: Bearer " + fakecloudflare.DefaultToken)
		srv.Send("builds", fakecloudflare.QueueMessage{Body: "no event: " + fakecloudflare.DefaultToken, Encoding: fakecloudflare.EncodingText})
		srv.Send("builds", fakecloudflare.QueueMessage{Body: map[string]any{
			"type": "cf.unknown", "environment_variables": map[string]any{"A": fakecloudflare.BuildSecret}, "envVars": fakecloudflare.PagesSecret,
		}})
		look()
		for _, f := range []fakecloudflare.Fault{
			{Kind: fakecloudflare.FaultRefuse, Status: 403, Code: 10000, Message: leak}, {Kind: fakecloudflare.FaultReset}, {Kind: fakecloudflare.FaultGarbage},
		} {
			srv.SetFaults(func(fakecloudflare.Call) fakecloudflare.Fault {
				f.Message = strings.ReplaceAll(f.Message, fakecloudflare.BuildSecret, "")
				return f
			})
			time.Sleep(2 * time.Hour)
			look()
		}
		_, err := cloudflare.Check(t.Context(), newClient(srv), nil, "builds")
		all := fmt.Sprintf("%s %v %+v", b.everything(), said, err)
		for _, secret := range []string{fakecloudflare.DefaultToken, fakecloudflare.BuildSecret, fakecloudflare.PagesSecret} {
			if i := strings.Index(all, secret); i >= 0 {
				t.Errorf("%q is said: …%s…", secret, all[max(0, i-200):min(len(all), i+100)])
			}
		}
		if !strings.Contains(all, "error: cannot log in") || len(c.Hearing().Poison) != 2 || len(b.bulletins) == 0 {
			t.Errorf("the test says too little: %d poison, %d bulletins", len(c.Hearing().Poison), len(b.bulletins))
		}
	})
}

// TestStorm lets a day pass with deployments, faults, a ledger that fails and
// processes that die, and then counts: everything is told once.
func TestStorm(t *testing.T) {
	for seed := range uint64(2) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			srv := fakecloudflare.New(fakecloudflare.Options{DeploymentsPaged: true, MaxCalls: -1})
			for i := range 5 {
				srv.Deploy(fmt.Sprintf("w%d", i), fakecloudflare.DeployOptions{})
				srv.AddPagesProject(fakecloudflare.PagesProject{Name: fmt.Sprintf("s%d", i)})
			}
			b := newBook()
			once(t, newPoller(srv, b))
			mix := fakecloudflare.Mix{
				Status: 0.08, RateLimit: 0.01, ResetBefore: 0.04, ResetAfter: 0.04, Garbage: 0.04, Slow: 0.02,
				RetryAfter: time.Minute, Delay: 20 * time.Second,
			}
			srv.SetFaults(fakecloudflare.RandomFaults(seed, mix))
			var ids []string // of all that must be told to have ended
			var stop func()
			changes := 100
			if raced {
				changes = 40
			}
			for range changes {
				if stop == nil {
					stop = runs(t, newPoller(srv, b))
				}
				time.Sleep(time.Duration(1 + random.Int64N(int64(10*time.Minute))))
				name := random.IntN(5)
				switch random.IntN(6) {
				case 0, 1:
					ids = append(ids, srv.Deploy(fmt.Sprintf("w%d", name), fakecloudflare.DeployOptions{}).ID)
				case 2, 3:
					d := srv.StartPages(fmt.Sprintf("s%d", name), fakecloudflare.PagesOptions{Branch: []string{"main", "topic"}[random.IntN(2)]})
					time.Sleep(time.Duration(random.Int64N(int64(2 * time.Minute))))
					if random.IntN(3) == 0 {
						d.Fail("error: no")
					} else {
						d.Finish()
					}
					ids = append(ids, d.ID)
				case 4:
					build := srv.StartBuild(fmt.Sprintf("w%d", name), fakecloudflare.BuildOptions{}).UUID
					time.Sleep(time.Duration(random.Int64N(int64(3 * time.Minute))))
					done := srv.FinishBuild(build, fakecloudflare.BuildResult{Deploys: true})
					ids = append(ids, build, done.Deployment)
				case 5:
					stop()
					stop = nil
					time.Sleep(time.Duration(random.Int64N(int64(time.Hour))))
				}
				if random.IntN(20) == 0 {
					b.mu.Lock()
					b.failing, b.dying = random.IntN(3), random.IntN(2)
					b.mu.Unlock()
				}
			}
			srv.SetFaults(nil)
			b.mu.Lock()
			b.failing, b.dying = 0, 0
			b.mu.Unlock()
			if stop == nil {
				stop = runs(t, newPoller(srv, b))
			}
			time.Sleep(90 * time.Minute)
			stop()
			told := map[string]int{}
			for _, e := range b.take() {
				if e.Status.Final() && e.Log == "" {
					told[e.Keys[0].ID]++
				}
			}
			for _, id := range ids {
				if told[id] != 1 {
					t.Errorf("seed %d: %s told %d times", seed, id, told[id])
				}
				delete(told, id)
			}
			if len(told) > 0 {
				t.Errorf("seed %d: told and never happened: %v", seed, told)
			}
			if n := srv.IgnoredRetryAfter(); n > 0 {
				t.Errorf("seed %d: %d requests before the time that a 429 named", seed, n)
			}
			t.Logf("seed %d: %d ends, %d requests, %d reports", seed, len(ids), srv.CallCount(), len(b.reports))
		})
	}
}
