package access_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
)

// signer is an issuer: a server that publishes its keys, and signs tokens.
type signer struct {
	*testing.T
	url   string
	rsa   *rsa.PrivateKey
	ecdsa *ecdsa.PrivateKey

	mu      sync.Mutex
	status  int
	body    string // in place of the keys
	fetched int
	kids    [2]string
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	s := &signer{T: t, status: http.StatusOK, kids: [2]string{"rsa-1", "ec-1"}}
	var err error
	if s.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if s.ecdsa, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *signer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.status != http.StatusOK:
		w.WriteHeader(s.status)
	case r.URL.Path == "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": s.url, "jwks_uri": s.url + "/keys"})
	case s.body != "":
		_, _ = w.Write([]byte(s.body))
	case r.URL.Path == "/keys" || r.URL.Path == "/cdn-cgi/access/certs":
		s.fetched++
		point, err := s.ecdsa.PublicKey.Bytes()
		if err != nil {
			s.Error(err)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{
			map[string]string{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": s.kids[0], "n": encode(s.rsa.N.Bytes()), "e": encode(big.NewInt(int64(s.rsa.E)).Bytes())},
			map[string]string{"kty": "EC", "use": "sig", "alg": "ES256", "kid": s.kids[1], "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])},
		}})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// answer changes what the issuer answers.
func (s *signer) answer(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body = status, body
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sign returns a token with these claims.
func (s *signer) sign(alg, kid string, claims map[string]any) string {
	header, _ := json.Marshal(map[string]string{"alg": alg, "kid": kid, "typ": "JWT"})
	payload, _ := json.Marshal(claims)
	text := encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(text))
	var signature []byte
	var err error
	switch alg {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(rand.Reader, s.rsa, crypto.SHA256, digest[:])
	case "ES256":
		signature = make([]byte, 64)
		r, v, failed := ecdsa.Sign(rand.Reader, s.ecdsa, digest[:])
		err = failed
		r.FillBytes(signature[:32])
		v.FillBytes(signature[32:])
	case "HS256": // with the public key as the secret, which everybody has
		mac := hmac.New(sha256.New, s.rsa.N.Bytes())
		mac.Write([]byte(text))
		signature = mac.Sum(nil)
	case "none":
	}
	if err != nil {
		s.Fatal(err)
	}
	return text + "." + encode(signature)
}

// workflow are the claims of a workflow as GitHub signs them, with some changed.
func (s *signer) workflow(change ...any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": s.url, "aud": "shipbell", "sub": "repo:acme/api:ref:refs/heads/main",
		"iat": now.Unix(), "nbf": now.Add(-5 * time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"repository": "acme/api", "repository_id": "74", "repository_owner": "acme", "repository_owner_id": "65", "jti": "example",
	}
	return changed(claims, change)
}

func changed(claims map[string]any, change []any) map[string]any {
	claims = maps.Clone(claims)
	for i := 0; i < len(change); i += 2 {
		claims[change[i].(string)] = change[i+1]
	}
	return claims
}

// actions lets the workflows of a list push.
func (s *signer) actions(list string) func(*access.Options) {
	return func(o *access.Options) {
		repositories, err := access.ParseRepositories(list)
		if err != nil {
			s.Fatal(err)
		}
		o.Actions = &access.Actions{Issuer: s.url, Audience: "shipbell", Repositories: repositories}
	}
}

func TestWorkflow(t *testing.T) {
	s := newSigner(t)
	for _, tc := range []struct {
		name, list string
		projects   string
		listed     bool
	}{
		{"one repository", "74", "", true},
		{"one of several", "73, 74=api-*,75", "api-*", true},
		{"with two patterns", "74=web,74=api-*", "api-*,web", true},
		{"with patterns and without", "74=web,74", "", true},
		{"all of an owner", "owner:65", "", true},
		{"all of an owner for some projects", "owner:65=site-*,74=api", "api,site-*", true},
		{"another repository", "73,75", "", false},
		{"another owner", "owner:66", "", false},
		{"the id of the owner as one of a repository", "65", "", false},
		{"the id of the repository as one of an owner", "owner:74", "", false},
	} {
		f := newFixture(t, s.actions(tc.list))
		for _, alg := range []string{"RS256", "ES256"} {
			token := s.sign(alg, map[string]string{"RS256": "rsa-1", "ES256": "ec-1"}[alg], s.workflow())
			v, err := f.admit(request(http.MethodPost, bearer(token)...), need(shipbell.ScopePush))
			var unlisted *access.Unlisted
			switch {
			case !tc.listed:
				if !errors.As(err, &unlisted) || unlisted.ID != "74" || unlisted.Name != "acme/api" {
					t.Errorf("%s: %v", tc.name, err)
				}
			case err != nil || v.Name != "github: acme/api" || v.Scope != shipbell.ScopePush || strings.Join(v.Projects, ",") != tc.projects:
				t.Errorf("%s, %s: %+v, %v", tc.name, alg, v, err)
			}
			if tc.listed {
				f.is("a workflow reads", request(http.MethodGet, bearer(token)...), need(shipbell.ScopeRead), access.ErrForbidden)
			}
		}
	}
}

// TestWorkflowRefused: a token counts only if all of it is right.
func TestWorkflowRefused(t *testing.T) {
	s, stranger := newSigner(t), newSigner(t)
	f := newFixture(t, s.actions("74,owner:65"))
	good := s.sign("RS256", "rsa-1", s.workflow())
	words := strings.Split(good, ".")
	other, _ := json.Marshal(s.workflow("repository_id", "1"))
	for name, token := range map[string]string{
		"expired":             s.sign("RS256", "rsa-1", s.workflow("exp", time.Now().Add(-time.Minute).Unix())),
		"without an end":      s.sign("RS256", "rsa-1", s.workflow("exp", nil)),
		"not yet":             s.sign("RS256", "rsa-1", s.workflow("nbf", time.Now().Add(time.Hour).Unix())),
		"another audience":    s.sign("RS256", "rsa-1", s.workflow("aud", "https://github.com/acme")),
		"no audience":         s.sign("RS256", "rsa-1", s.workflow("aud", nil)),
		"another issuer":      s.sign("RS256", "rsa-1", s.workflow("iss", stranger.url)),
		"an issuer like it":   s.sign("RS256", "rsa-1", s.workflow("iss", s.url+"/")),
		"signed by another":   stranger.sign("RS256", "rsa-1", s.workflow()),
		"signed by another 2": stranger.sign("ES256", "ec-1", s.workflow()),
		"an unknown key":      stranger.sign("RS256", "rsa-9", s.workflow()),
		"no key":              stranger.sign("RS256", "", s.workflow()),
		"alg none":            s.sign("none", "rsa-1", s.workflow()),
		"alg HS256":           s.sign("HS256", "rsa-1", s.workflow()),
		"another payload":     words[0] + "." + encode(other) + "." + words[2],
		"no signature":        words[0] + "." + words[1] + ".",
		"no repository":       s.sign("RS256", "rsa-1", s.workflow("repository_id", "")),
		"a number":            s.sign("RS256", "rsa-1", s.workflow("repository_id", 74)),
		"not JSON":            words[0] + "." + encode([]byte("hello")) + "." + words[2],
		"two words":           words[0] + "." + words[1],
	} {
		f.is(name, request(http.MethodPost, bearer(token)...), need(shipbell.ScopePush), access.ErrWrong)
	}
	f.is("the good one", request(http.MethodPost, bearer(good)...), need(shipbell.ScopePush), nil)
	if s.fetched > 2 {
		t.Errorf("the keys were fetched %d times", s.fetched)
	}
	// Where it is not set nobody is asked.
	f.gate = f.open()
	f.is("not set", request(http.MethodPost, bearer(good)...), need(shipbell.ScopePush), access.ErrWrong)
}

// TestDeadIssuer: while the keys cannot be had, the answer is to come again, and
// others push as ever.
func TestDeadIssuer(t *testing.T) {
	s := newSigner(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	token := s.sign("RS256", "rsa-1", s.workflow())
	push := need(shipbell.ScopePush)
	unavailable := func(what string, f *fixture, token string) {
		t.Helper()
		_, err := f.admit(request(http.MethodPost, bearer(token)...), push)
		var away *access.Unavailable
		if !errors.As(err, &away) || !strings.Contains(away.Hint, "try again") {
			t.Errorf("%s: %v", what, err)
		}
		f.is("the push token", request(http.MethodPost, bearer(pushToken)...), push, nil)
	}
	for what, answer := range map[string]struct {
		status int
		body   string
	}{"broken": {500, ""}, "moved": {302, ""}, "a page": {200, "<html>sign in</html>"}} {
		f := newFixture(t, s.actions("74"))
		s.answer(answer.status, answer.body)
		unavailable(what, f, token)
	}
	s.answer(http.StatusOK, "")
	f := newFixture(t, s.actions("74"), func(o *access.Options) { o.Actions.Issuer = gone.URL })
	unavailable("nobody listens", f, s.sign("RS256", "rsa-1", s.workflow("iss", gone.URL)))

	// Keys that are known are enough.
	f = newFixture(t, s.actions("74"))
	f.is("before", request(http.MethodPost, bearer(token)...), push, nil)
	s.answer(http.StatusInternalServerError, "")
	f.is("while the issuer is away", request(http.MethodPost, bearer(token)...), push, nil)
}

// TestKeysChange: a key that is new is found, and garbage has the issuer asked no
// more than now and then.
func TestKeysChange(t *testing.T) {
	s := newSigner(t)
	f := newFixture(t, s.actions("74"))
	push := need(shipbell.ScopePush)
	f.is("a first one", request(http.MethodPost, bearer(s.sign("RS256", "rsa-1", s.workflow()))...), push, nil)
	for range 50 {
		f.is("an unknown key", request(http.MethodPost, bearer(s.sign("RS256", "rsa-2", s.workflow()))...), push, access.ErrWrong)
	}
	if s.fetched != 1 {
		t.Errorf("fetched %d times", s.fetched)
	}
	s.mu.Lock()
	s.kids[0] = "rsa-2"
	s.mu.Unlock()
	f.gate = f.open(s.actions("74")) // as after a while
	f.is("the next key", request(http.MethodPost, bearer(s.sign("RS256", "rsa-2", s.workflow()))...), push, nil)
}

// TestCloudflareAccess: whom Access vouches for may read, and some administer.
func TestCloudflareAccess(t *testing.T) {
	s := newSigner(t)
	const tag = "32eafc7626e737fdff7b61a9a41e3d8b"
	f := newFixture(t, func(o *access.Options) {
		o.Loopback = true
		o.Cloudflare = &access.Cloudflare{Issuer: s.url, Audiences: []string{"other", tag}, Admins: []string{"Anna@example.com"}}
	})
	claims := func(change ...any) map[string]any {
		now := time.Now()
		return changed(map[string]any{
			"iss": s.url, "aud": []string{tag}, "email": "bob@example.com", "type": "app", "sub": "7335d417",
			"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}, change)
	}
	sign := func(change ...any) string { return s.sign("RS256", "rsa-1", claims(change...)) }
	const header = "Cf-Access-Jwt-Assertion"
	for _, tc := range []struct {
		name  string
		token string
		who   string
		scope shipbell.Scope
	}{
		{"a reader", sign(), "bob@example.com", shipbell.ScopeRead},
		{"an admin", sign("email", "anna@example.COM"), "anna@example.COM", shipbell.ScopeAdmin},
		{"a service token", sign("email", nil, "common_name", "e367.access"), "service token e367.access", shipbell.ScopeRead},
		{"another application", sign("aud", []string{"another"}), "", ""},
		{"expired", sign("exp", time.Now().Add(-time.Second).Unix()), "", ""},
		{"nobody", sign("email", nil), "", ""},
		{"signed by another", newSigner(t).sign("RS256", "rsa-1", claims()), "", ""},
		{"garbage", "garbage", "", ""},
	} {
		byCookie := request(http.MethodGet)
		byCookie.AddCookie(&http.Cookie{Name: "CF_Authorization", Value: tc.token})
		for _, r := range []*http.Request{request(http.MethodGet, header, tc.token), byCookie} {
			v, err := f.admit(r, need(shipbell.ScopeRead))
			if v.Name != tc.who || v.Scope != tc.scope || (tc.who == "") != errors.Is(err, access.ErrStranger) {
				t.Errorf("%s: %+v, %v", tc.name, v, err)
			}
		}
	}
	act := access.Route{Method: http.MethodPost, Need: shipbell.ScopeAdmin}
	f.is("a reader acts", request(http.MethodPost, header, sign()), act, access.ErrForbidden)
	f.is("an admin acts", request(http.MethodPost, header, sign("email", "anna@example.com")), act, nil)
	f.is("another site has an admin act", request(http.MethodPost, header, sign("email", "anna@example.com"), "Sec-Fetch-Site", "cross-site"), act, access.ErrCrossOrigin)
	f.is("nobody on loopback", request(http.MethodGet), need(shipbell.ScopeRead), access.ErrStranger)
	f.is("a push", request(http.MethodPost, header, sign("email", "anna@example.com")), need(shipbell.ScopePush), access.ErrStranger)
	f.is("a push with a token", request(http.MethodPost, append(bearer(pushToken), header, sign())...), need(shipbell.ScopePush), nil)
	f.is("with a password of the proxy's", request(http.MethodGet, "Authorization", "Basic dXNlcjpwYXNz", header, sign()), need(shipbell.ScopeRead), nil)
}

func TestParseRepositories(t *testing.T) {
	for _, bad := range []string{"acme/api", "74=", "74=[", "owner:", "owner:acme", "-1", "74 75", "owner:owner:1"} {
		if got, err := access.ParseRepositories(bad); !errors.Is(err, shipbell.ErrInvalid) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
	got, err := access.ParseRepositories(" 74 , owner:65 = api-* ,,")
	if err != nil || len(got) != 2 || got[0].ID != "74" || !got[1].Owner || got[1].ID != "65" || got[1].Projects[0] != "api-*" {
		t.Errorf("%+v, %v", got, err)
	}
}
