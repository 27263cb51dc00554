package ledger

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// tokenName is the form of a token's name. It cannot look like anybody else in the
// audit log: not like an address, a workflow, a user of a command or an id.
var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$`)

// TokenIDMark is how the ids of tokens begin.
const TokenIDMark = "tk_"

func checkToken(t shipbell.Token) error {
	if !tokenName.MatchString(t.Name) || strings.HasPrefix(t.Name, TokenIDMark) || strings.HasSuffix(t.Name, " ") {
		return fmt.Errorf("the name %q: %w: 1 to 64 letters, digits, spaces, dots, hyphens and underscores, not beginning with %s", t.Name, shipbell.ErrInvalid, TokenIDMark)
	}
	if _, err := shipbell.ParseScope(string(t.Scope)); err != nil {
		return err
	}
	if len(t.Projects) > 0 && t.Scope != shipbell.ScopePush {
		return fmt.Errorf("projects for a token of scope %s: %w: only pushes can be limited to projects", t.Scope, shipbell.ErrInvalid)
	}
	return nil
}

// MakeToken stores a new token, with an entry in the audit log, and returns it
// dated. What cannot be stored is [shipbell.ErrInvalid], a name that another good
// token has [shipbell.ErrConflict].
func (l *Ledger) MakeToken(ctx context.Context, t shipbell.Token) (shipbell.Token, error) {
	if err := checkToken(t); err != nil {
		return shipbell.Token{}, err
	}
	t.MadeAt = l.stamp()
	err := l.settle(ctx, func(tx Tx) error {
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		for _, known := range tokens {
			if known.ID == t.ID || known.Name == t.Name && known.RevokedAt.IsZero() {
				return fmt.Errorf("a token named %q: %w", t.Name, shipbell.ErrConflict)
			}
		}
		if err := tx.PutToken(t); err != nil {
			return err
		}
		return l.keep(tx, shipbell.Act{Who: t.MadeBy, What: shipbell.ActTokenMade, Subject: string(t.ID), Detail: describeToken(t)})
	})
	return t, err
}

func describeToken(t shipbell.Token) string {
	text := t.Name + ", scope " + string(t.Scope)
	if len(t.Projects) > 0 {
		text += ", projects " + strings.Join(t.Projects, ", ")
	}
	return text
}

// RevokeToken ends the good token of a name or an id, with an entry in the audit
// log. Where there is none it is [shipbell.ErrNotFound].
func (l *Ledger) RevokeToken(ctx context.Context, nameOrID, by string) (shipbell.Token, error) {
	var revoked shipbell.Token
	err := l.settle(ctx, func(tx Tx) error {
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		for _, t := range tokens {
			if !t.RevokedAt.IsZero() || t.Name != nameOrID && string(t.ID) != nameOrID {
				continue
			}
			t.RevokedAt = l.stamp()
			revoked = t
			if err := tx.PutToken(t); err != nil {
				return err
			}
			return l.keep(tx, shipbell.Act{Who: by, What: shipbell.ActTokenGone, Subject: string(t.ID), Detail: describeToken(t)})
		}
		return fmt.Errorf("a good token %q: %w", nameOrID, shipbell.ErrNotFound)
	})
	return revoked, err
}

// Tokens returns all named tokens, the revoked ones too.
func (l *Ledger) Tokens(ctx context.Context) ([]shipbell.Token, error) {
	var tokens []shipbell.Token
	err := l.store.View(ctx, func(tx Tx) (err error) {
		tokens, err = tx.Tokens()
		return err
	})
	return tokens, err
}

// UseToken stores when a token was last used, unless it is gone, or was revoked before.
func (l *Ledger) UseToken(ctx context.Context, id shipbell.TokenID, at time.Time) error {
	return l.settle(ctx, func(tx Tx) error {
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		for _, t := range tokens {
			good := t.RevokedAt.IsZero() || !at.Truncate(time.Millisecond).After(t.RevokedAt)
			if t.ID == id && good && at.After(t.LastUsed) {
				t.LastUsed = at
				return tx.PutToken(t)
			}
		}
		return nil
	})
}
