package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
)

// The policy of this file: a session is a cookie that names a token, signed with a
// key that the ledger keeps. Nothing of it is stored, and it ends with its token.
const (
	// SessionCookie is the name of the cookie.
	SessionCookie = "shipbell_session"
	// sessionFor is how long a session lasts that is not used, and renewAfter how
	// old one is that is renewed when it is.
	sessionFor = 7 * 24 * time.Hour
	renewAfter = 24 * time.Hour

	sessionKeyName  = "session_key"
	sessionKeyBytes = 32
	// sessionUse is signed with it, so that no other signature of the key would do.
	sessionUse = "shipbell session 1"
)

// ErrPushToken says that a token for pushes does not open the dashboard.
var ErrPushToken = errors.New("this token may push, and not look: sign in with one of scope read or admin")

// sessions knows the key of the sessions.
type sessions struct {
	ledger Ledger
	mu     sync.Mutex
	key    []byte
	tried  time.Time
}

// signingKey returns the key, which all replicas share and the first that needs it
// makes.
func (s *sessions) signingKey(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != nil {
		return s.key, nil
	}
	failed := &Unavailable{Reason: "the key of the sessions cannot be read", Hint: "the store cannot be written; try again"}
	if s.ledger == nil || !s.tried.IsZero() && time.Since(s.tried) < missFor {
		return nil, failed
	}
	s.tried = time.Now()
	offered := make([]byte, sessionKeyBytes)
	_, _ = rand.Read(offered) // never fails
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	kept, err := s.ledger.Secret(ctx, sessionKeyName, base64.RawStdEncoding.EncodeToString(offered))
	if err != nil {
		failed.Reason += ": " + err.Error()
		return nil, failed
	}
	key, err := base64.RawStdEncoding.DecodeString(kept)
	if err != nil || len(key) != sessionKeyBytes {
		failed.Reason += ": it is damaged"
		return nil, failed
	}
	s.key = key
	return key, nil
}

// sign returns the text of a cookie.
func sign(key []byte, token shipbell.TokenID, ends time.Time) string {
	said := string(token) + "." + strconv.FormatInt(ends.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(sessionUse + "." + said))
	return said + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// readSession returns what a cookie says, if it is ours.
func readSession(key []byte, cookie string) (token shipbell.TokenID, ends time.Time, ok bool) {
	words := strings.Split(cookie, ".")
	if len(words) != 3 {
		return "", time.Time{}, false
	}
	seconds, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		return "", time.Time{}, false
	}
	token, ends = shipbell.TokenID(words[0]), time.Unix(seconds, 0)
	return token, ends, hmac.Equal([]byte(cookie), []byte(sign(key, token, ends)))
}

// session returns who is signed in, or ErrStranger.
func (g *Gate) session(r *http.Request) (shipbell.Visitor, error) {
	t, _, err := g.signedIn(r)
	if err != nil {
		return shipbell.Visitor{}, err
	}
	return g.bears(t), nil
}

func (g *Gate) signedIn(r *http.Request) (t shipbell.Token, ends time.Time, err error) {
	cookie, err := r.Cookie(SessionCookie)
	if err != nil {
		return t, ends, ErrStranger
	}
	key, err := g.sessions.signingKey(r.Context())
	if err != nil {
		return t, ends, err
	}
	id, ends, ok := readSession(key, cookie.Value)
	if !ok || !g.Now().Before(ends) {
		return t, ends, ErrStranger
	}
	t, err = g.tokens.find(r.Context(), func(t shipbell.Token) bool { return t.ID == id && t.Scope.Allows(shipbell.ScopeRead) })
	if errors.Is(err, ErrWrong) {
		err = ErrStranger // its token was revoked
	}
	return t, ends, err
}

// renew gives a session that is used more time.
func (g *Gate) renew(w http.ResponseWriter, r *http.Request) {
	t, ends, err := g.signedIn(r)
	if err != nil || ends.Sub(g.Now()) > sessionFor-renewAfter {
		return
	}
	_ = g.setSession(w, r, t.ID) // the session goes on without
}

func (g *Gate) setSession(w http.ResponseWriter, r *http.Request, t shipbell.TokenID) error {
	key, err := g.sessions.signingKey(r.Context())
	if err != nil {
		return err
	}
	http.SetCookie(w, cookie(r, sign(key, t, g.Now().Add(sessionFor)), int(sessionFor.Seconds())))
	return nil
}

func cookie(r *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: SessionCookie, Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
}

// SignIn opens a session for whoever shows a token that may look, and sets its
// cookie. The error is [ErrWrong], [ErrPushToken], [ErrSlowDown] or an
// [*Unavailable], and a sentence that can be shown.
func (g *Gate) SignIn(w http.ResponseWriter, r *http.Request, token string) (shipbell.Visitor, error) {
	v, err := g.bearer(r.Context(), strings.TrimSpace(token))
	switch {
	case errors.Is(err, ErrWrong):
		if err := g.Mistake(r); err != nil {
			return shipbell.Visitor{}, err
		}
		g.Log.Warn("refused a wrong token at sign-in", "address", Address(r))
		return shipbell.Visitor{}, err
	case err != nil:
		return shipbell.Visitor{}, err
	case !v.Scope.Allows(shipbell.ScopeRead) || v.Token == "":
		return shipbell.Visitor{}, ErrPushToken
	}
	if _, err := g.sessions.signingKey(r.Context()); err != nil {
		return shipbell.Visitor{}, err
	}
	if err := g.keep(r, v, shipbell.ActSignIn); err != nil {
		return shipbell.Visitor{}, err
	}
	return v, g.setSession(w, r, v.Token)
}

// SignOut ends the session that a request comes with, in this browser.
func (g *Gate) SignOut(w http.ResponseWriter, r *http.Request) {
	if v, err := g.session(r); err == nil {
		if err := g.keep(r, v, shipbell.ActSignOut); err != nil {
			g.Log.Warn("could not keep a sign-out in the audit log", "error", err)
		}
	}
	http.SetCookie(w, cookie(r, "", -1))
}

func (g *Gate) keep(r *http.Request, v shipbell.Visitor, what shipbell.ActKind) error {
	err := g.Ledger.KeepAct(r.Context(), shipbell.Act{Who: v.Name, What: what, Subject: string(v.Token), Detail: "from " + Address(r)})
	if err != nil {
		return &Unavailable{Reason: fmt.Sprintf("%s: %v", what, err), Hint: "the store cannot be written; try again"}
	}
	return nil
}
