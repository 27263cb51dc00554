package access_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
)

// signIn returns the cookie that somebody gets for a token.
func signIn(f *fixture, token string) *http.Cookie {
	f.Helper()
	w := httptest.NewRecorder()
	if _, err := f.gate.SignIn(w, request(http.MethodPost), token); err != nil {
		f.Fatal(err)
	}
	return cookieOf(f, w)
}

func cookieOf(f *fixture, w *httptest.ResponseRecorder) *http.Cookie {
	f.Helper()
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		f.Fatalf("%d cookies", len(cookies))
	}
	return cookies[0]
}

func withCookie(c *http.Cookie) *http.Request {
	r := request(http.MethodGet)
	r.AddCookie(c)
	return r
}

func TestSignIn(t *testing.T) {
	f := newFixture(t)
	token := f.token("anna", shipbell.ScopeAdmin)
	w := httptest.NewRecorder()
	v, err := f.gate.SignIn(w, request(http.MethodPost), " "+token+"\n")
	if err != nil || v.Name != "anna" || v.Scope != shipbell.ScopeAdmin {
		t.Fatalf("%+v, %v", v, err)
	}
	c := cookieOf(f, w)
	if c.Name != access.SessionCookie || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Secure || c.MaxAge != 7*24*3600 {
		t.Errorf("cookie %+v", c)
	}
	if strings.Contains(c.Value, token) {
		t.Error("the token is in the cookie")
	}
	if v := f.is("the session", withCookie(c), need(shipbell.ScopeAdmin), nil); v.Token != "tk_anna" {
		t.Errorf("visitor %+v", v)
	}
	f.is("a session pushes", withCookie(c), need(shipbell.ScopePush), access.ErrStranger)

	// Another replica knows it too.
	replica := *f
	replica.gate = f.open()
	replica.is("the session on another replica", withCookie(c), need(shipbell.ScopeAdmin), nil)

	// Behind TLS the cookie goes by TLS alone.
	w = httptest.NewRecorder()
	if _, err := f.gate.SignIn(w, request(http.MethodPost, "X-Forwarded-Proto", "https"), token); err != nil || !cookieOf(f, w).Secure {
		t.Errorf("behind TLS: %v", err)
	}

	// Signing out takes the cookie away.
	w = httptest.NewRecorder()
	f.gate.SignOut(w, withCookie(c))
	if gone := cookieOf(f, w); gone.Name != access.SessionCookie || gone.MaxAge >= 0 || gone.Value != "" {
		t.Errorf("cookie after signing out: %+v", gone)
	}
	acts, err := f.ledger.Acts(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var what []string
	for _, a := range acts {
		what = append(what, a.Who+" "+string(a.What)+" "+a.Subject)
	}
	if got := strings.Join(what, ", "); got != "anna sign_out tk_anna, anna sign_in tk_anna, anna sign_in tk_anna, shell: test token_made tk_anna" {
		t.Errorf("audit log: %s", got)
	}
}

func TestSignInRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		gone := f.token("gone", shipbell.ScopeAdmin)
		f.revoke("gone")
		for name, tc := range map[string]struct {
			token string
			want  error
		}{
			"nothing":             {"", access.ErrWrong},
			"garbage":             {"garbage", access.ErrWrong},
			"garbage in form":     {access.NewToken(), access.ErrWrong},
			"a revoked token":     {gone, access.ErrWrong},
			"a push token":        {f.token("ci", shipbell.ScopePush), access.ErrPushToken},
			"the token of pushes": {pushToken, access.ErrPushToken},
		} {
			time.Sleep(time.Minute)
			w := httptest.NewRecorder()
			_, err := f.gate.SignIn(w, request(http.MethodPost), tc.token)
			if !errors.Is(err, tc.want) || len(w.Result().Cookies()) > 0 {
				t.Errorf("%s: %v, cookies %v", name, err, w.Result().Cookies())
			}
		}
		// Guessing is slow.
		begin := time.Now()
		for range 12 {
			_, _ = f.gate.SignIn(httptest.NewRecorder(), request(http.MethodPost), "guess")
		}
		if time.Since(begin) < 2*time.Second {
			t.Error("twelve guesses were not slowed down")
		}
		// Without an entry in the audit log nobody comes in.
		token := f.token("anna", shipbell.ScopeAdmin)
		time.Sleep(time.Minute)
		if _, err := f.gate.SignIn(httptest.NewRecorder(), request(http.MethodPost), token); err != nil {
			t.Fatal(err)
		}
		f.ledger.fail(errors.New("the disk is full"))
		w := httptest.NewRecorder()
		_, err := f.gate.SignIn(w, request(http.MethodPost), token)
		var unavailable *access.Unavailable
		if !errors.As(err, &unavailable) || len(w.Result().Cookies()) > 0 {
			t.Errorf("without an audit log: %v", err)
		}
	})
}

// TestForgedSessions: only what we signed opens, and only as we signed it.
func TestForgedSessions(t *testing.T) {
	f := newFixture(t)
	c := signIn(f, f.token("wall", shipbell.ScopeRead))
	f.token("anna", shipbell.ScopeAdmin)
	words := strings.Split(c.Value, ".")
	changed := c.Value[:len(c.Value)-2] + "AA"
	if changed == c.Value { // one signature in a thousand ends so
		changed = c.Value[:len(c.Value)-2] + "BA"
	}
	other := newFixture(t) // with a key of its own
	foreign := signIn(other, other.token("wall", shipbell.ScopeRead))
	for name, value := range map[string]string{
		"empty":              "",
		"unsigned":           words[0] + "." + words[1] + ".",
		"another token":      "tk_anna." + words[1] + "." + words[2],
		"a later end":        words[0] + ".99999999999." + words[2],
		"another spelling":   words[0] + ".0" + words[1] + "." + words[2],
		"one letter changed": changed,
		"more":               c.Value + ".x",
		"of another server":  foreign.Value,
	} {
		f.is(name, withCookie(&http.Cookie{Name: access.SessionCookie, Value: value}), need(shipbell.ScopeRead), access.ErrStranger)
	}
}

// TestSessionsEnd with their time, or with their token.
func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		c := signIn(f, f.token("wall", shipbell.ScopeRead))
		renewed := func() *http.Cookie {
			t.Helper()
			w := httptest.NewRecorder()
			if _, err := f.gate.Admit(w, withCookie(c), need(shipbell.ScopeRead)); err != nil {
				t.Fatal(err)
			}
			if cookies := w.Result().Cookies(); len(cookies) > 0 {
				return cookies[0]
			}
			return nil
		}
		time.Sleep(23 * time.Hour)
		if renewed() != nil {
			t.Error("renewed on the first day")
		}
		time.Sleep(2 * time.Hour)
		next := renewed()
		if next == nil || next.Value == c.Value {
			t.Fatalf("renewed as %v", next)
		}
		time.Sleep(6*24*time.Hour - time.Second)
		f.is("the first cookie after a week", withCookie(c), need(shipbell.ScopeRead), access.ErrStranger)
		f.is("the one that was renewed", withCookie(next), need(shipbell.ScopeRead), nil)
		f.revoke("wall")
		time.Sleep(2 * time.Second)
		f.is("after its token was revoked", withCookie(next), need(shipbell.ScopeRead), access.ErrStranger)
	})
}
