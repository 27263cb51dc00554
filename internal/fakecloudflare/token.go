package fakecloudflare

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// DefaultToken opens everything if [Options] name no tokens. It opens nothing at
// Cloudflare.
const DefaultToken = "not-a-real-cloudflare-api-token-00000000"

// Scope is a permission group of a token.
type Scope string

// The scopes, with the names of the dashboard. A scope to write includes the one
// to read.
const (
	ScopeAccount      Scope = "Account Settings Read"
	ScopeWorkers      Scope = "Workers Scripts Read"
	ScopeWorkersWrite Scope = "Workers Scripts Write"
	ScopeBuilds       Scope = "Workers Builds Configuration Read"
	ScopeBuildsWrite  Scope = "Workers Builds Configuration Write"
	ScopePages        Scope = "Pages Read"
	ScopePagesWrite   Scope = "Pages Write"
	ScopeQueues       Scope = "Queues Read"
	ScopeQueuesWrite  Scope = "Queues Write"
)

// ScopeWrite is short for all scopes to write.
const ScopeWrite Scope = "write everything"

// AllScopes are the scopes of a token that may do everything.
func AllScopes() []Scope { return []Scope{ScopeAccount, ScopeWrite} }

// ReadScopes are the scopes of a token that may read everything.
func ReadScopes() []Scope {
	return []Scope{ScopeAccount, ScopeWorkers, ScopeBuilds, ScopePages, ScopeQueues}
}

// grants says which scopes are enough for each need, besides ScopeWrite.
var grants = map[Scope][]Scope{
	ScopeAccount:      {ScopeAccount},
	ScopeWorkers:      {ScopeWorkers, ScopeWorkersWrite},
	ScopeWorkersWrite: {ScopeWorkersWrite},
	ScopeBuilds:       {ScopeBuilds, ScopeBuildsWrite},
	ScopeBuildsWrite:  {ScopeBuildsWrite},
	ScopePages:        {ScopePages, ScopePagesWrite},
	ScopePagesWrite:   {ScopePagesWrite},
	ScopeQueues:       {ScopeQueues, ScopeQueuesWrite, ScopeWorkersWrite},
	// The schema takes either of these to pull and to acknowledge.
	ScopeQueuesWrite: {ScopeQueuesWrite, ScopeWorkersWrite},
}

// TokenStatus is whether a token works.
type TokenStatus string

// The states of a token. The zero value is active.
const (
	TokenActive   TokenStatus = "active"
	TokenDisabled TokenStatus = "disabled"
	TokenExpired  TokenStatus = "expired"
)

// Token is an API token.
type Token struct {
	Secret string // what follows Bearer
	Name   string // how [Call] tells it
	Scopes []Scope
	// User is whose token it is, for the limit of requests, which all tokens of a
	// user share. Empty is the one user that tests rarely need a second of.
	User string
	// AccountOwned tokens belong to the account: they are verified under
	// /accounts/{account}/tokens/verify, have a limit of their own, and Workers
	// Builds rejects them as invalid.
	AccountOwned bool
	Status       TokenStatus
}

// DefaultEmail is the user of tokens without one, and the author of what
// wrangler does with them.
const DefaultEmail = "ada@example.com"

type token struct {
	Token
	id string
}

// payer is whose limit of requests a token draws on.
func (t *token) payer() string {
	if t.AccountOwned {
		return "token " + t.id
	}
	return "user " + t.User
}

// AddToken makes a token known. One with the same secret is replaced.
func (s *Server) AddToken(t Token) {
	if t.Name == "" {
		t.Name = "default"
	}
	if t.User == "" {
		t.User = DefaultEmail
	}
	if t.Status == "" {
		t.Status = TokenActive
	}
	t.Scopes = slices.Clone(t.Scopes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeToken(t.Secret)
	s.tokens = append(s.tokens, &token{Token: t, id: s.id("token")})
	s.news.Changed()
}

// RemoveToken deletes a token, as a person does who rolls it.
func (s *Server) RemoveToken(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeToken(secret)
	s.news.Changed()
}

func (s *Server) removeToken(secret string) {
	s.tokens = slices.DeleteFunc(s.tokens, func(t *token) bool { return t.Secret == secret })
}

// tokenForm is what Cloudflare's gateway takes for a token.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func bearer(r *http.Request) string {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return secret
}

func (s *Server) tokenOf(r *http.Request) *token {
	secret := bearer(r)
	for _, t := range s.tokens {
		if t.Secret == secret {
			return t
		}
	}
	return nil
}

// authenticate finds out who asks. The codes are those of public reports: 9106
// and 1001 without a header, 6003 for a malformed one, 1000 from verify, 9109
// outside of accounts, 10000 in them.
func (s *Server) authenticate(r *request) (*token, answer) {
	verify := strings.HasSuffix(r.URL.Path, "/tokens/verify")
	switch header := r.Header.Get("Authorization"); {
	case header == "" && verify:
		return nil, refuse(http.StatusBadRequest, codeNoHeader, `Missing "Authorization" header`)
	case header == "":
		return nil, refuse(http.StatusBadRequest, codeNoCredentials, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
	case !tokenForm.MatchString(bearer(r.Request)):
		return nil, &reply{status: http.StatusBadRequest, errors: []apiError{{
			Code: codeHeaders, Message: "Invalid request headers",
			ErrorChain: []apiError{{Code: codeAuthHeader, Message: "Invalid format for Authorization header"}},
		}}}
	}
	t := s.tokenOf(r.Request)
	if t != nil && (t.Status == TokenActive || verify) {
		if verify && t.AccountOwned != strings.HasPrefix(r.URL.Path, BasePath+"/accounts/") {
			return nil, refuse(http.StatusUnauthorized, codeInvalidToken, "Invalid API Token")
		}
		return t, nil
	}
	switch {
	case verify:
		return nil, refuse(http.StatusUnauthorized, codeInvalidToken, "Invalid API Token")
	case strings.HasPrefix(r.URL.Path, BasePath+"/accounts/"):
		return nil, refuse(http.StatusUnauthorized, codeAuthentication, "Authentication error")
	}
	return nil, refuse(http.StatusUnauthorized, codeUnauthorized, "Invalid access token")
}

// accountForm is the form of an account id.
var accountForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// authorize decides whether the token may do that in that account.
func (s *Server) authorize(r *request) answer {
	if account, ok := r.values["account"]; ok {
		if !accountForm.MatchString(account) {
			return noRoute(r.URL.EscapedPath())
		}
		if account != s.options.Account {
			return refuse(http.StatusForbidden, codeAuthentication, "Authentication error")
		}
	}
	need := r.route.need
	if need == "" {
		return nil
	}
	if r.token.AccountOwned && (need == ScopeBuilds || need == ScopeBuildsWrite) {
		// "Invalid" in the documentation; the code is not documented.
		return refuse(http.StatusUnauthorized, codeAuthentication, "Authentication error")
	}
	if slices.Contains(r.token.Scopes, ScopeWrite) && need != ScopeAccount {
		return nil
	}
	for _, enough := range grants[need] {
		if slices.Contains(r.token.Scopes, enough) {
			return nil
		}
	}
	return refuse(http.StatusForbidden, codeAuthentication, "Authentication error")
}

// verifyToken answers whether a token works. It says nothing about its scopes.
func verifyToken(r *request) answer {
	return &reply{
		result:   object{"id": r.token.id, "status": r.token.Status},
		messages: []any{object{"code": 10000, "message": "This API Token is valid and active", "type": nil}},
	}
}

// listAccounts lists the account for tokens with [ScopeAccount], and none for
// others: a narrow token may see no account at all.
func listAccounts(r *request) answer {
	accounts := []any{}
	if slices.Contains(r.token.Scopes, ScopeAccount) {
		accounts = append(accounts, object{
			"id": r.server.options.Account, "name": r.server.options.AccountName, "type": "standard",
			"settings": object{"enforce_twofactor": false},
		})
	}
	return paged(r, accounts, 20, 50, nil)
}

func getUser(r *request) answer {
	if r.token.AccountOwned {
		return refuse(http.StatusForbidden, codeUnauthorized, "Unauthorized to access requested resource")
	}
	return &reply{result: object{"id": idOf("user", r.token.User), "email": r.token.User}}
}

func listMemberships(r *request) answer {
	return &reply{result: []any{object{
		"id": idOf("membership", r.token.User), "status": "accepted", "roles": []string{"Administrator"},
		"account": object{"id": r.server.options.Account, "name": r.server.options.AccountName},
	}}}
}
