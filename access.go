package shipbell

import (
	"fmt"
	"time"
)

// Scope is what a token lets its bearer do.
type Scope string

// The scopes. They do not include each other, except that who administers may
// read: a token in a build must not open the dashboard.
const (
	ScopeNone  Scope = ""      // needs no token at all
	ScopePush  Scope = "push"  // tell of deployments
	ScopeRead  Scope = "read"  // see everything but tokens and the audit log, change nothing
	ScopeAdmin Scope = "admin" // see everything; replay, silence, resume and test
)

// ParseScope reads the scope of a token. An unknown word is [ErrInvalid].
func ParseScope(word string) (Scope, error) {
	switch s := Scope(word); s {
	case ScopePush, ScopeRead, ScopeAdmin:
		return s, nil
	}
	return "", fmt.Errorf("scope %q: %w: push, read or admin", word, ErrInvalid)
}

// Allows reports whether who has this scope may do what needs the other.
func (s Scope) Allows(need Scope) bool {
	return need == ScopeNone || s == need || s == ScopeAdmin && need == ScopeRead
}

// TokenID names a token in lists, logs and the audit log. It is no secret.
type TokenID string

// TokenHash is the SHA-256 of a token. Tokens are random and long, so that a
// slow hash would protect nothing more.
type TokenHash [32]byte

// Token is a named token. The token itself is nowhere: whoever made it saw it
// once.
type Token struct {
	ID    TokenID
	Name  string
	Scope Scope
	// Projects are the patterns of the projects that a push may be about, empty
	// for all.
	Projects []string
	Hash     TokenHash
	MadeAt   time.Time
	MadeBy   string
	// LastUsed is when it was last used, to the minute or so; zero if never.
	LastUsed time.Time
	// RevokedAt is when it was revoked; zero while it is good.
	RevokedAt time.Time
}

// Visitor is who makes a request, and what they may do.
type Visitor struct {
	// Name is that of the token, the e-mail address that a proxy vouches for, or
	// where a build runs.
	Name  string
	Scope Scope
	// Token is the one that was shown; empty for a visitor without one.
	Token TokenID
	// Projects are the patterns of the projects that a push may be about; empty
	// for all.
	Projects []string
}

// Act is one entry of the audit log: something that a person did, and that
// changed what others see or hear.
type Act struct {
	N    int64 // the order in which they were done
	At   time.Time
	Who  string // [Visitor.Name], or the user of a command
	What ActKind
	// Subject is what it was done to: a deployment, a channel, a token.
	Subject string
	Detail  string // what else matters, for people
}

// ActKind says what was done.
type ActKind string

// The kinds of acts.
const (
	ActSignIn    ActKind = "sign_in"
	ActSignOut   ActKind = "sign_out"
	ActReplay    ActKind = "replay"
	ActSilence   ActKind = "silence"
	ActUnsilence ActKind = "unsilence"
	ActResume    ActKind = "resume"
	ActTest      ActKind = "test"
	ActTokenMade ActKind = "token_made"
	ActTokenGone ActKind = "token_revoked"
)
