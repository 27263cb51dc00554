package access_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/store/memory"
)

const pushToken = "the-token-of-all-builds"

// counting is a ledger that counts what it is asked, and can be away.
type counting struct {
	*ledger.Ledger
	mu    sync.Mutex
	reads int
	away  error
}

// fail has it fail from now on, or work again.
func (c *counting) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = err
}

func (c *counting) asked() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	return c.away
}

func (c *counting) Tokens(ctx context.Context) ([]shipbell.Token, error) {
	if err := c.asked(); err != nil {
		return nil, err
	}
	return c.Ledger.Tokens(ctx)
}

func (c *counting) KeepAct(ctx context.Context, a shipbell.Act) error {
	if err := c.asked(); err != nil {
		return err
	}
	return c.Ledger.KeepAct(ctx, a)
}

// fixture is a gate on a ledger in memory.
type fixture struct {
	*testing.T
	ledger *counting
	gate   *access.Gate
	log    strings.Builder
}

func newFixture(t *testing.T, change ...func(*access.Options)) *fixture {
	f := &fixture{T: t, ledger: &counting{Ledger: ledger.New(ledger.Options{Store: memory.New(), Now: time.Now})}}
	f.gate = f.open(change...)
	return f
}

// open makes another gate on the same ledger, as another replica has.
func (f *fixture) open(change ...func(*access.Options)) *access.Gate {
	o := access.Options{
		Ledger: f.ledger, PushToken: pushToken, HTTP: outbound.New(outbound.Options{Timeout: 2 * time.Second}),
		Now: time.Now, Log: slog.New(slog.NewTextHandler(&f.log, nil)),
	}
	for _, c := range change {
		c(&o)
	}
	return access.New(o)
}

// token makes a named token and returns its text.
func (f *fixture) token(name string, scope shipbell.Scope, projects ...string) string {
	f.Helper()
	text := access.NewToken()
	_, err := f.ledger.MakeToken(f.Context(), shipbell.Token{
		ID: shipbell.TokenID("tk_" + name), Name: name, Scope: scope, Projects: projects, Hash: access.HashToken(text), MadeBy: "shell: test",
	})
	if err != nil {
		f.Fatal(err)
	}
	return text
}

func (f *fixture) revoke(name string) {
	f.Helper()
	if _, err := f.ledger.RevokeToken(f.Context(), name, "shell: test"); err != nil {
		f.Fatal(err)
	}
}

// request makes a request as a program on this machine sends it; header are names
// and values.
func request(method string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "http://127.0.0.1:8787/somewhere?x=1", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// need is a route that needs a scope.
func need(s shipbell.Scope) access.Route { return access.Route{Method: http.MethodGet, Need: s} }

// admit asks the gate, and returns who was let in.
func (f *fixture) admit(r *http.Request, route access.Route) (shipbell.Visitor, error) {
	admitted, err := f.gate.Admit(httptest.NewRecorder(), r, route)
	if err != nil {
		return shipbell.Visitor{}, err
	}
	return access.VisitorOf(admitted.Context()), nil
}

// is fails where a request is not answered as wanted; nil means that it passes.
func (f *fixture) is(what string, r *http.Request, route access.Route, want error) shipbell.Visitor {
	f.Helper()
	v, err := f.admit(r, route)
	if !errors.Is(err, want) {
		f.Errorf("%s: %v, want %v", what, err, want)
	}
	return v
}

// TestScopes: every kind of token against every kind of route.
func TestScopes(t *testing.T) {
	f := newFixture(t)
	read, push, admin := f.token("wall", shipbell.ScopeRead), f.token("ci", shipbell.ScopePush, "api-*"), f.token("anna", shipbell.ScopeAdmin)
	for _, tc := range []struct {
		who   string
		token string
		// what reading, pushing, administering and the state are answered
		read, push, admin, state error
	}{
		{"the push token", pushToken, access.ErrForbidden, nil, access.ErrForbidden, nil},
		{"a named push token", push, access.ErrForbidden, nil, access.ErrForbidden, nil},
		{"a read token", read, nil, access.ErrForbidden, access.ErrForbidden, nil},
		{"an admin token", admin, nil, access.ErrForbidden, nil, nil},
		{"garbage", "garbage", access.ErrWrong, access.ErrWrong, access.ErrWrong, access.ErrWrong},
		{"garbage in form", access.NewToken(), access.ErrWrong, access.ErrWrong, access.ErrWrong, access.ErrWrong},
		{"a token and more", read + "x", access.ErrWrong, access.ErrWrong, access.ErrWrong, access.ErrWrong},
		{"no token", "", access.ErrStranger, access.ErrStranger, access.ErrStranger, access.ErrStranger},
	} {
		r := request(http.MethodGet, bearer(tc.token)...)
		if tc.token == "" {
			r.Header.Del("Authorization")
		}
		f.is(tc.who+" reads", r, need(shipbell.ScopeRead), tc.read)
		f.is(tc.who+" pushes", r, need(shipbell.ScopePush), tc.push)
		f.is(tc.who+" administers", r, need(shipbell.ScopeAdmin), tc.admin)
		f.is(tc.who+" asks for the state", r, access.Route{Need: shipbell.ScopePush, Or: shipbell.ScopeRead}, tc.state)
		f.is(tc.who+" asks what is open", r, need(shipbell.ScopeNone), nil)
		if tc.token != "" { // as the password of Basic
			r.SetBasicAuth("anybody", tc.token)
			f.is(tc.who+" reads by Basic", r, need(shipbell.ScopeRead), tc.read)
		}
	}
	v := f.is("ci", request(http.MethodPost, bearer(push)...), need(shipbell.ScopePush), nil)
	if v.Name != "ci" || v.Token != "tk_ci" || len(v.Projects) != 1 || v.Projects[0] != "api-*" {
		t.Errorf("visitor %+v", v)
	}
	if strings.Contains(f.log.String(), "sb_") {
		t.Error("a token is in the log")
	}
}

// TestTokensComeAndGo within two seconds, on every replica.
func TestTokensComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.is("before there is one", request(http.MethodGet, bearer(access.NewToken())...), need(shipbell.ScopeRead), access.ErrWrong)
		time.Sleep(300 * time.Millisecond)
		r := request(http.MethodGet, bearer(f.token("wall", shipbell.ScopeRead))...)
		f.is("as soon as it was made", r, need(shipbell.ScopeRead), nil)

		replica := *f
		replica.gate = f.open()
		replica.is("on another replica", r, need(shipbell.ScopeRead), nil)
		f.revoke("wall")
		time.Sleep(2 * time.Second)
		f.is("after it was revoked", r, need(shipbell.ScopeRead), access.ErrWrong)
		replica.is("after it was revoked, on another replica", r, need(shipbell.ScopeRead), access.ErrWrong)
	})
}

// TestWrongTokensCostNothing: any number of them has the store asked as often as
// a few.
func TestWrongTokensCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.token("wall", shipbell.ScopeRead)
		for range 1000 {
			f.is("garbage", request(http.MethodGet, bearer(access.NewToken())...), need(shipbell.ScopeRead), access.ErrWrong)
			time.Sleep(time.Millisecond)
		}
		if f.ledger.reads > 5 {
			t.Errorf("1000 wrong tokens in a second had the store asked %d times", f.ledger.reads)
		}
		f.ledger.reads = 0
		for range 1000 {
			f.is("the push token", request(http.MethodPost, bearer(pushToken)...), need(shipbell.ScopePush), nil)
			f.is("garbage that has not the form", request(http.MethodPost, bearer("garbage")...), need(shipbell.ScopePush), access.ErrWrong)
			time.Sleep(time.Minute)
		}
		if f.ledger.reads > 0 {
			t.Errorf("the push token had the store asked %d times", f.ledger.reads)
		}
	})
}

// TestStoreAway: who cannot be known is not refused as wrong, and the push token
// needs no store.
func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *access.Options) { o.Loopback = true })
		r := request(http.MethodGet, bearer(f.token("wall", shipbell.ScopeRead))...)
		f.ledger.fail(errors.New("the database is away"))
		_, err := f.admit(r, need(shipbell.ScopeRead))
		var unavailable *access.Unavailable
		if !errors.As(err, &unavailable) || unavailable.Hint == "" || !strings.Contains(err.Error(), "the database is away") {
			t.Errorf("%v", err)
		}
		f.is("the push token", request(http.MethodPost, bearer(pushToken)...), need(shipbell.ScopePush), nil)
		if f.gate.Open() {
			t.Error("open, although there may be tokens")
		}
		f.is("somebody here", request(http.MethodGet), need(shipbell.ScopeRead), access.ErrStranger)
		f.ledger.fail(nil)
		time.Sleep(2 * time.Second)
		f.is("after it came back", r, need(shipbell.ScopeRead), nil)
	})
}

// TestLastUse is stored once a minute at most, and never for a revoked token.
func TestLastUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.gate.Run(ctx) }()
		defer func() { stop(); <-ended }()

		r := request(http.MethodGet, bearer(f.token("wall", shipbell.ScopeRead))...)
		used := func() time.Time {
			synctest.Wait()
			tokens, err := f.ledger.Ledger.Tokens(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return tokens[0].LastUsed
		}
		if !used().IsZero() {
			t.Error("used before it was")
		}
		first := time.Now().Truncate(time.Millisecond)
		for range 59 {
			f.is("a use", r, need(shipbell.ScopeRead), nil)
			if got := used(); !got.Equal(first) {
				t.Fatalf("last used %s, want %s", got, first)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(3 * time.Second)
		f.is("a use a minute later", r, need(shipbell.ScopeRead), nil)
		if got := used(); !got.After(first) {
			t.Errorf("last used %s", got)
		}
		f.revoke("wall")
		time.Sleep(time.Minute + time.Second)
		f.is("a use after the end", r, need(shipbell.ScopeRead), access.ErrWrong)
		tokens, _ := f.ledger.Ledger.Tokens(t.Context())
		if tokens[0].RevokedAt.IsZero() {
			t.Error("a use brought a revoked token back")
		}
	})
}

// TestLastUseAtTheEnd is stored although all ends.
func TestLastUseAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.is("a use", request(http.MethodGet, bearer(f.token("wall", shipbell.ScopeRead))...), need(shipbell.ScopeRead), nil)
		ended, end := context.WithCancel(t.Context())
		end()
		_ = f.gate.Run(ended)
		if tokens, err := f.ledger.Ledger.Tokens(t.Context()); err != nil || tokens[0].LastUsed.IsZero() {
			t.Errorf("not stored: %v", err)
		}
	})
}

// TestStreamEndsWithItsToken, within two seconds, and nobody else's does.
func TestStreamEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.gate.Run(ctx) }()
		defer func() { stop(); <-ended }()

		stream := func(r *http.Request) context.Context {
			admitted, err := f.gate.Admit(httptest.NewRecorder(), r, need(shipbell.ScopeRead))
			if err != nil {
				t.Fatal(err)
			}
			return admitted.Context()
		}
		wall, anna := f.token("wall", shipbell.ScopeRead), f.token("anna", shipbell.ScopeAdmin)
		first, second := stream(request(http.MethodGet, bearer(wall)...)), stream(withCookie(signIn(f, wall)))
		other := stream(request(http.MethodGet, bearer(anna)...))
		time.Sleep(time.Hour)
		f.revoke("wall")
		time.Sleep(2*time.Second + time.Millisecond)
		if first.Err() == nil || second.Err() == nil {
			t.Error("a stream outlives its token")
		}
		f.ledger.fail(errors.New("the database is away"))
		time.Sleep(time.Minute)
		if other.Err() != nil {
			t.Error("a stream ended for nothing")
		}
	})
}

// TestOpen: without a token to look with, the server is open to whoever sits at
// this machine, and to nobody else.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *access.Options) { o.Loopback = true })
		if !f.gate.Open() || f.gate.HasTokens() {
			t.Fatal("not open")
		}
		for host, want := range map[string]error{
			"localhost:8787": nil, "LOCALHOST": nil, "127.0.0.1:8787": nil, "127.0.0.1": nil, "[::1]:8787": nil, "[::1]": nil,
			"rebound.example:8787": access.ErrStranger, "localhost.example": access.ErrStranger, "127.0.0.1.example:8787": access.ErrStranger,
			"": access.ErrStranger, "0.0.0.0:8787": access.ErrStranger, "192.168.1.2:8787": access.ErrStranger, "localhost.": access.ErrStranger,
		} {
			r := request(http.MethodGet)
			r.Host = host
			v := f.is("host "+host, r, need(shipbell.ScopeAdmin), want)
			if want == nil && (v.Name != access.Somebody || v.Scope != shipbell.ScopeAdmin || v.Token != "") {
				t.Errorf("visitor %+v", v)
			}
		}
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "Via"} {
			f.is("with "+name, request(http.MethodGet, name, ""), need(shipbell.ScopeRead), access.ErrStranger)
		}
		old := request(http.MethodGet)
		old.Proto, old.ProtoMajor, old.ProtoMinor = "HTTP/1.0", 1, 0
		f.is("through a proxy that says nothing", old, need(shipbell.ScopeRead), access.ErrStranger)
		f.is("a wrong token", request(http.MethodGet, bearer("wrong")...), need(shipbell.ScopeRead), access.ErrWrong)
		f.is("a push without a token", request(http.MethodPost), need(shipbell.ScopePush), access.ErrStranger)

		// A token to push with changes nothing, one to look with closes it.
		f.token("ci", shipbell.ScopePush)
		time.Sleep(2 * time.Second)
		f.is("with a push token", request(http.MethodGet), need(shipbell.ScopeRead), nil)
		f.token("wall", shipbell.ScopeRead)
		time.Sleep(2 * time.Second)
		f.is("with a read token", request(http.MethodGet), need(shipbell.ScopeRead), access.ErrStranger)
		if f.gate.Open() || !f.gate.HasTokens() {
			t.Error("open")
		}
		f.gate = f.open() // on every address
		f.revoke("wall")
		f.is("from elsewhere", request(http.MethodGet), need(shipbell.ScopeRead), access.ErrStranger)
		if f.gate.Open() {
			t.Error("open to the world")
		}
	})
}

// TestCrossOrigin: what another web site has a browser do is refused, whatever the
// browser sends along by itself.
func TestCrossOrigin(t *testing.T) {
	f := newFixture(t)
	read, admin := f.token("wall", shipbell.ScopeRead), f.token("anna", shipbell.ScopeAdmin)
	session := signIn(f, admin)
	act := access.Route{Method: http.MethodPost, Need: shipbell.ScopeAdmin}
	page := access.Route{Method: http.MethodPost, Page: true}
	with := func(method string, header ...string) *http.Request {
		r := request(method, header...)
		r.AddCookie(session)
		return r
	}
	f.is("a page of ours", with(http.MethodPost, "Sec-Fetch-Site", "same-origin"), act, nil)
	f.is("a page of ours in an old browser", with(http.MethodPost, "Origin", "http://127.0.0.1:8787"), act, nil)
	f.is("a script", with(http.MethodPost), act, nil)
	f.is("another site", with(http.MethodPost, "Sec-Fetch-Site", "cross-site"), act, access.ErrCrossOrigin)
	f.is("a site of the same owner", with(http.MethodDelete, "Sec-Fetch-Site", "same-site"), act, access.ErrCrossOrigin)
	f.is("another site in an old browser", with(http.MethodPost, "Origin", "https://evil.example"), act, access.ErrCrossOrigin)
	f.is("another port", with(http.MethodPost, "Origin", "http://127.0.0.1:9999"), act, access.ErrCrossOrigin)
	f.is("a link on another site", with(http.MethodGet, "Sec-Fetch-Site", "cross-site"), need(shipbell.ScopeRead), nil)
	f.is("another site signs in", request(http.MethodPost, "Sec-Fetch-Site", "cross-site"), page, access.ErrCrossOrigin)
	f.is("another site, nobody is asked", request(http.MethodPost, "Sec-Fetch-Site", "cross-site"), access.Route{Method: http.MethodPost}, access.ErrCrossOrigin)

	f.is("a token", request(http.MethodPost, append(bearer(admin), "Sec-Fetch-Site", "cross-site")...), act, nil)
	basic := request(http.MethodPost, "Sec-Fetch-Site", "cross-site")
	basic.SetBasicAuth("", admin)
	f.is("a password that the browser knows", basic, act, access.ErrCrossOrigin)
	f.is("a read token", request(http.MethodPost, bearer(read)...), act, access.ErrForbidden)

	f.gate = newFixture(t, func(o *access.Options) { o.Loopback = true }).gate
	f.is("another site where it is open", request(http.MethodPost, "Sec-Fetch-Site", "cross-site"), act, access.ErrCrossOrigin)
	f.is("a page of ours where it is open", request(http.MethodPost, "Sec-Fetch-Site", "same-origin"), act, nil)
}
