package access

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
)

// How long the tokens that were read stay true: a token that was revoked, here or
// on another replica, ends within the first. For one that is not among them they
// are read again at once, and at most once in the second, so that a new one works
// soon and any number of wrong ones costs the store the same.
const (
	tokensFor = 2 * time.Second
	missFor   = 250 * time.Millisecond
	// readTimeout bounds how long reading them may take.
	readTimeout = 5 * time.Second
)

// The form of a token: a mark by which it is found where it does not belong, and
// 32 random bytes.
const (
	tokenMark  = "sb_"
	tokenBytes = 32
	tokenChars = len(tokenMark) + 43
)

// NewToken makes a token.
func NewToken() string {
	random := make([]byte, tokenBytes)
	_, _ = rand.Read(random) // never fails
	return tokenMark + base64.RawURLEncoding.EncodeToString(random)
}

// isToken reports whether a text has the form of a token.
func isToken(text string) bool {
	return len(text) == tokenChars && strings.HasPrefix(text, tokenMark)
}

// tokens are the named tokens that are good, as the ledger has them.
type tokens struct {
	ledger Ledger

	mu     sync.Mutex
	readAt time.Time
	missAt time.Time // when they were last read for one that was not among them
	good   []shipbell.Token
	err    error
}

// get returns the tokens, read again where they are older than that. The caller
// must not change them.
func (t *tokens) get(ctx context.Context, age time.Duration) ([]shipbell.Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.read(ctx, age)
}

// missed returns the tokens for one that was not among them.
func (t *tokens) missed(ctx context.Context) ([]shipbell.Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.missAt) < missFor {
		return t.read(ctx, tokensFor)
	}
	t.missAt = time.Now()
	return t.read(ctx, 0)
}

func (t *tokens) read(ctx context.Context, age time.Duration) ([]shipbell.Token, error) {
	if t.ledger == nil {
		return nil, nil
	}
	if !t.readAt.IsZero() && time.Since(t.readAt) < age {
		return t.good, t.err
	}
	// Others wait for this answer too: the end of one request is not its end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	all, err := t.ledger.Tokens(ctx)
	t.good, t.err, t.readAt = nil, nil, time.Now()
	if err != nil {
		t.err = &Unavailable{Reason: "read the tokens: " + err.Error(), Hint: "the store cannot be read; try again"}
		return nil, t.err
	}
	t.good = slices.DeleteFunc(all, func(t shipbell.Token) bool { return !t.RevokedAt.IsZero() })
	return t.good, nil
}

// find returns the good token that is meant, or ErrWrong.
func (t *tokens) find(ctx context.Context, is func(shipbell.Token) bool) (shipbell.Token, error) {
	good, err := t.get(ctx, tokensFor)
	if err != nil {
		return shipbell.Token{}, err
	}
	if token, ok := pick(good, is); ok {
		return token, nil
	}
	if good, err = t.missed(ctx); err != nil {
		return shipbell.Token{}, err
	}
	if token, ok := pick(good, is); ok {
		return token, nil
	}
	return shipbell.Token{}, ErrWrong
}

// pick looks at all of them, so that their order shows nowhere.
func pick(good []shipbell.Token, is func(shipbell.Token) bool) (found shipbell.Token, ok bool) {
	for _, token := range good {
		if is(token) {
			found, ok = token, true
		}
	}
	return found, ok
}

// HasTokens reports whether there is a token to look with. Where that cannot be
// found out it says yes, because what follows from no is more.
func (g *Gate) HasTokens() bool {
	good, err := g.tokens.get(context.Background(), tokensFor)
	return err != nil || slices.ContainsFunc(good, func(t shipbell.Token) bool { return t.Scope.Allows(shipbell.ScopeRead) })
}
