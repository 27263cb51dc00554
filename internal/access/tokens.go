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

// get returns the tokens, read again where they are old, or where one is missed.
// The caller must not change them.
func (t *tokens) get(ctx context.Context, missed bool) ([]shipbell.Token, error) {
	if t.ledger == nil {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	again := missed && time.Since(t.missAt) >= missFor
	if !again && !t.readAt.IsZero() && time.Since(t.readAt) < tokensFor {
		return t.good, t.err
	}
	if missed {
		t.missAt = time.Now()
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
	for _, missed := range []bool{false, true} {
		good, err := t.get(ctx, missed)
		if err != nil {
			return shipbell.Token{}, err
		}
		found := -1
		for i, token := range good { // all of them, so that their order shows nowhere
			if is(token) {
				found = i
			}
		}
		if found >= 0 {
			return good[found], nil
		}
	}
	return shipbell.Token{}, ErrWrong
}

// HasTokens reports whether there is a token to look with. Where that cannot be
// found out it says yes, because what follows from no is more.
func (g *Gate) HasTokens() bool {
	good, err := g.tokens.get(context.Background(), false)
	return err != nil || slices.ContainsFunc(good, func(t shipbell.Token) bool { return t.Scope.Allows(shipbell.ScopeRead) })
}

// usedEvery is how often it is stored that a token was used.
const usedEvery = time.Minute

// uses are the uses of tokens that are not stored yet.
type uses struct {
	mu      sync.Mutex
	noted   map[shipbell.TokenID]time.Time
	pending map[shipbell.TokenID]time.Time
	wake    chan struct{}
}

func newUses() uses {
	return uses{
		noted: make(map[shipbell.TokenID]time.Time), pending: make(map[shipbell.TokenID]time.Time),
		wake: make(chan struct{}, 1),
	}
}

// note keeps in mind that a token was used, unless that is known to the minute.
// It never waits for the store.
func (u *uses) note(t shipbell.Token, now time.Time) {
	if now.Sub(t.LastUsed) < usedEvery {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if now.Sub(u.noted[t.ID]) < usedEvery {
		return
	}
	u.noted[t.ID], u.pending[t.ID] = now, now
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

func (u *uses) take() map[shipbell.TokenID]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.pending
	u.pending = make(map[shipbell.TokenID]time.Time)
	return taken
}

// Run stores when tokens were last used, until ctx is done.
func (g *Gate) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-g.uses.wake:
		}
		for id, at := range g.uses.take() {
			if err := g.Ledger.UseToken(ctx, id, at); err != nil && ctx.Err() == nil {
				g.Log.Warn("could not store when a token was last used", "token", id, "error", err)
			}
		}
	}
}
