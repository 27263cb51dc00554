package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/route"
)

// keysTimeout bounds how long an issuer is asked for its keys. A build step that
// waits for it has five seconds for everything.
const keysTimeout = 4 * time.Second

// makeGate makes the gate of the settings. It is called after the address is known.
func (a *App) makeGate(o Options, now func() time.Time) (*access.Gate, error) {
	given := o.Settings.Access
	options := access.Options{
		Ledger: a.ledger, PushToken: a.token, Loopback: isLoopback(a.listener.Addr()), Now: now, Log: a.log,
		HTTP: outbound.New(outbound.Options{Version: o.Version, Timeout: keysTimeout}),
	}
	repositories, err := access.ParseRepositories(given.Repositories)
	if err != nil {
		return nil, err
	}
	if len(repositories) > 0 {
		options.Actions = &access.Actions{Issuer: given.Issuer, Audience: given.Audience, Repositories: repositories}
	}
	if given.Team != "" {
		options.Cloudflare = &access.Cloudflare{Issuer: given.Team, Audiences: given.Tags, Admins: given.Admins}
	}
	return access.New(options), nil
}

// MakeToken makes a named token, and returns it with its text, which is kept
// nowhere. Errors are those of [ledger.Ledger.MakeToken].
func MakeToken(ctx context.Context, l *ledger.Ledger, t shipbell.Token) (text string, made shipbell.Token, err error) {
	for _, pattern := range t.Projects {
		// A comma would make two of it, and nothing none.
		if patterns, err := route.ParsePatterns(pattern); err != nil || len(patterns) != 1 {
			return "", shipbell.Token{}, fmt.Errorf("the project %q: %w: a project name or a glob such as api-*", pattern, shipbell.ErrInvalid)
		}
	}
	text = access.NewToken()
	t.ID, t.Hash = shipbell.TokenID(ledger.TokenIDMark+strings.ToLower(rand.Text()[:tokenIDChars])), access.HashToken(text)
	made, err = l.MakeToken(ctx, t)
	return text, made, err
}

// tokenIDChars is the length of a token's id, of which a ledger has dozens.
const tokenIDChars = 10

// isLoopback reports whether only programs on this machine can reach an address.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// matchProject reports whether patterns let a project pass.
func matchProject(patterns []string, project string) bool {
	return route.Patterns(patterns).Match(project)
}

// sayWhoMay logs who may look, where that is not those with a token alone.
func (a *App) sayWhoMay() {
	switch {
	case a.gate.Open():
		a.log.Info("the dashboard is open to everybody on this machine", "hint", "shipbell token make NAME --scope admin closes it")
	case !a.gate.HasTokens() && a.gate.Cloudflare == nil:
		a.log.Info("nobody can look at the dashboard yet", "hint", "shipbell token make NAME --scope admin")
	}
}
