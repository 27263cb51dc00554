package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/outbound"
)

// Ledger is what the gate asks of the ledger.
type Ledger interface {
	Tokens(ctx context.Context) ([]shipbell.Token, error)
	UseToken(ctx context.Context, id shipbell.TokenID, at time.Time) error
	KeepAct(ctx context.Context, a shipbell.Act) error
	Secret(ctx context.Context, name, offered string) (string, error)
}

// Options are what a [Gate] goes by.
type Options struct {
	// Ledger keeps named tokens, the key of the sessions and the audit log; nil
	// for a gate that knows the push token alone.
	Ledger Ledger
	// PushToken may push for every project; empty for none.
	PushToken string
	// Loopback is set where the server listens on loopback addresses alone.
	Loopback bool
	// Actions lets GitHub Actions push; nil does not.
	Actions *Actions
	// Cloudflare lets those in whom Cloudflare Access vouches for; nil does not.
	Cloudflare *Cloudflare
	// HTTP is the client by which the keys of both are asked for.
	HTTP *outbound.Client
	// Now tells the time by which sessions end; nil means the system clock.
	Now func() time.Time
	Log *slog.Logger
}

// Why a request does not pass.
var (
	// ErrStranger: it shows nothing by which anybody could be known.
	ErrStranger = errors.New("nobody is known to make the request")
	// ErrWrong: it shows a token that is none, or none any more.
	ErrWrong = errors.New("the token is wrong or revoked")
	// ErrForbidden: who makes it is known, and may not.
	ErrForbidden = errors.New("the scope does not allow this")
	// ErrCrossOrigin: another web site had the browser make it.
	ErrCrossOrigin = errors.New("the request comes from another web site")
	// ErrSlowDown: its address showed too many wrong tokens.
	ErrSlowDown = errors.New("this address sent many wrong tokens")
)

// Unavailable says that it cannot be found out now who makes a request.
type Unavailable struct {
	Reason string // for the log
	Hint   string // for whoever made the request
}

// Error returns the reason.
func (u *Unavailable) Error() string { return u.Reason }

// Gate says who makes a request, and whether it passes. It is safe for concurrent
// use. Make one with New.
type Gate struct {
	Options
	push       shipbell.TokenHash
	tokens     tokens
	uses       uses
	visits     visits
	sessions   sessions
	actions    *issuer // nil without Actions
	cloudflare *issuer // nil without Cloudflare
	tarpit     *tarpit
	origins    *http.CrossOriginProtection
}

// New makes a gate.
func New(o Options) *Gate {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gate{
		Options:  o,
		push:     HashToken(o.PushToken),
		tokens:   tokens{ledger: o.Ledger},
		uses:     newUses(),
		sessions: sessions{ledger: o.Ledger},
		tarpit:   newTarpit(),
		origins:  http.NewCrossOriginProtection(),
	}
	if a := o.Actions; a != nil {
		g.actions = newIssuer(a.Issuer, "", []string{a.Audience}, o.HTTP, o.Now)
	}
	if c := o.Cloudflare; c != nil {
		g.cloudflare = newIssuer(c.Issuer, c.Issuer+certsPath, c.Audiences, o.HTTP, o.Now)
	}
	return g
}

// HashToken returns the form in which a token is stored.
func HashToken(token string) shipbell.TokenHash { return sha256.Sum256([]byte(token)) }

// Admit lets a request pass to a route, and returns it with the visitor in its
// context. A session that is used is renewed on w. The error is one of the above,
// an [*Unlisted] or an [*Unavailable]. A page that needs no scope, and still shows who
// looks at it, tells whether a token is right: there Admit counts a wrong one itself,
// see [Gate.Mistake], and returns ErrSlowDown where it must not be answered.
func (g *Gate) Admit(w http.ResponseWriter, r *http.Request, route Route) (*http.Request, error) {
	if route.Need == shipbell.ScopeNone && !route.Page {
		return r, g.sameOrigin(r)
	}
	v, by, err := g.visitor(r, route.Need == shipbell.ScopePush)
	switch {
	case route.Need == shipbell.ScopeNone:
		// Who comes is shown there, and does not matter.
		if errors.Is(err, ErrWrong) {
			if err := g.Mistake(r); err != nil {
				return nil, err
			}
		}
	case err != nil:
		return nil, err
	case !v.Scope.Allows(route.Need) && (route.Or == shipbell.ScopeNone || !v.Scope.Allows(route.Or)):
		return nil, ErrForbidden
	}
	// What a browser sends by itself does not show that a person meant it.
	if by != byBearer {
		if err := g.sameOrigin(r); err != nil {
			return nil, err
		}
	}
	if by == bySession {
		g.renew(w, r)
	}
	return g.admitted(r, v, route.Need == shipbell.ScopePush), nil
}

func (g *Gate) sameOrigin(r *http.Request) error {
	if g.origins.Check(r) != nil {
		return ErrCrossOrigin
	}
	return nil
}

// means is that by which a visitor is known.
type means int

const (
	byNothing means = iota
	byBearer
	byBasic // sent by browsers unasked, once it was typed in
	bySession
	byProxy
	byPlace
)

// visitor finds out who makes a request. Pushes are made by a token in the header
// alone.
func (g *Gate) visitor(r *http.Request, push bool) (shipbell.Visitor, means, error) {
	token, by := shown(r)
	if by != byNothing {
		v, err := g.bearer(r.Context(), token)
		// A proxy may ask for a password of its own, and pass it on.
		if !errors.Is(err, ErrWrong) || push {
			return v, by, err
		}
	}
	if push {
		return shipbell.Visitor{}, byNothing, ErrStranger
	}
	if v, err := g.session(r); !errors.Is(err, ErrStranger) {
		return v, bySession, err
	}
	if v, err := g.vouched(r); !errors.Is(err, ErrStranger) {
		return v, byProxy, err
	}
	switch {
	case by != byNothing:
		return shipbell.Visitor{}, byNothing, ErrWrong
	case g.Open() && direct(r):
		return shipbell.Visitor{Name: Somebody, Scope: shipbell.ScopeAdmin}, byPlace, nil
	}
	return shipbell.Visitor{}, byNothing, ErrStranger
}

// bearer returns who bears a token.
func (g *Gate) bearer(ctx context.Context, token string) (shipbell.Visitor, error) {
	hash := HashToken(token)
	if g.PushToken != "" && equal(hash, g.push) {
		return shipbell.Visitor{Name: PushTokenName, Scope: shipbell.ScopePush}, nil
	}
	if g.actions != nil && g.actions.signed(token) {
		return g.workflow(ctx, token)
	}
	if !isToken(token) {
		return shipbell.Visitor{}, ErrWrong
	}
	t, err := g.tokens.find(ctx, func(t shipbell.Token) bool { return equal(t.Hash, hash) })
	if err != nil {
		return shipbell.Visitor{}, err
	}
	return g.bears(t), nil
}

// bears returns who bears a named token, and notes that it was used.
func (g *Gate) bears(t shipbell.Token) shipbell.Visitor {
	g.uses.note(t, g.Now())
	return shipbell.Visitor{Name: t.Name, Scope: t.Scope, Token: t.ID, Projects: t.Projects}
}

// Mistake slows down whoever sends wrong tokens again and again. It returns when
// the request may be answered, or ErrSlowDown when it must be turned away.
func (g *Gate) Mistake(r *http.Request) error {
	if !g.tarpit.hold(r.Context(), Address(r)) {
		return ErrSlowDown
	}
	return nil
}
