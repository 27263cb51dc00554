package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/ledger"
)

type tokenCmd struct {
	List   tokenListCmd   `cmd:"" default:"withargs" help:"Show every token with its scope, and when it was last used."`
	Make   tokenMakeCmd   `cmd:"" help:"Make a token, and show it once."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token, and every session that was opened with it."`
}

// person names the user of a command in the audit log.
func person() string {
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return "shell: " + cmp.Or(name, "unknown user")
}

type tokenMakeCmd struct {
	store
	Name    string   `arg:"" help:"Name by which it is known, such as wall-screen."`
	Scope   string   `required:"" enum:"push,read,admin" placeholder:"push|read|admin" help:"What it lets do: push deployments; read everything; admin: read, and replay, silence, resume and test."`
	Project []string `sep:"none" placeholder:"PATTERN" help:"Projects it may push for, by name or glob; all unless given. Can be given again."`
}

// Help says what happens, and shows examples.
func (tokenMakeCmd) Help() string {
	return `The token alone is printed to standard output, this once: the ledger keeps its hash. A running server takes it within two seconds.

Examples:

  shipbell token make anna --scope admin
  shipbell token make wall-screen --scope read
  shipbell token make api-builds --scope push --project 'api-*' --project web`
}

// Run makes the token.
func (c tokenMakeCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, writes, func(l *ledger.Ledger) error {
		text, made, err := app.MakeToken(ctx, l, shipbell.Token{
			Name: c.Name, Scope: shipbell.Scope(c.Scope), Projects: c.Project, MadeBy: person(),
		})
		switch {
		case errors.Is(err, shipbell.ErrConflict):
			return hinted{fmt.Errorf("there is a token named %s already", c.Name), "take another name, or end that one first: shipbell token revoke " + quoted(c.Name)}
		case errors.Is(err, shipbell.ErrInvalid):
			return hinted{err, "shipbell token make --help"}
		case err != nil:
			return err
		}
		if _, err := fmt.Fprintln(s.out, text); err != nil {
			return err
		}
		return advise(s.err, made)
	})
}

// advise says what a new token is for. It does not repeat the token.
func advise(w io.Writer, t shipbell.Token) error {
	var next string
	switch t.Scope {
	case shipbell.ScopePush:
		next = "Set it in the build as DEPLOY_NOTIFY_TOKEN, beside DEPLOY_NOTIFY_URL, and run shipbell notify or shipbell exec."
		if len(t.Projects) > 0 {
			next += "\nIt may push for " + strings.Join(t.Projects, ", ") + "."
		}
	case shipbell.ScopeRead, shipbell.ScopeAdmin:
		next = "Sign in with it at the server's address. A script sends it as Authorization: Bearer,\na feed reader or Prometheus as the password of Basic."
	}
	_, err := fmt.Fprintf(w, "\nThis is the token %s (%s), scope %s. It is shown this once.\n%s\n", t.Name, t.ID, t.Scope, next)
	return err
}

// quoted is a text as a shell takes it.
func quoted(text string) string {
	special := func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@", r)
	}
	if text != "" && !strings.ContainsFunc(text, special) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

type tokenListCmd struct{ store }

// Help says what is not shown, and an example.
func (tokenListCmd) Help() string {
	return "The tokens themselves are nowhere. The token of DEPLOY_NOTIFY_TOKEN, or the one made on first start, is none of these.\n\nExample:\n\n  shipbell token"
}

// Run prints the tokens.
func (c tokenListCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, reads, func(l *ledger.Ledger) error {
		tokens, err := l.Tokens(ctx)
		if err != nil {
			return err
		}
		return printTokens(s.out, tokens)
	})
}

func printTokens(out io.Writer, tokens []shipbell.Token) error {
	if len(tokens) == 0 {
		_, err := fmt.Fprintln(out, "no named token yet: shipbell token make NAME --scope admin makes one")
		return err
	}
	w := table(out)
	fmt.Fprintln(w, "NAME\tID\tSCOPE\tPROJECTS\tMADE\tBY\tLAST USED\tREVOKED")
	for _, t := range tokens {
		projects := ""
		if t.Scope == shipbell.ScopePush {
			projects = cmp.Or(strings.Join(t.Projects, ", "), "all")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", printable(t.Name), t.ID, t.Scope, printable(projects), stamp(t.MadeAt),
			printable(t.MadeBy), stampOr(t.LastUsed, "never"), stampOr(t.RevokedAt, ""))
	}
	return w.Flush()
}

// stampOr is a time, or a word where there is none.
func stampOr(t time.Time, word string) string {
	if t.IsZero() {
		return word
	}
	return stamp(t)
}

// openAgain says what follows where no token is left to look with.
const openAgain = `
That was the last token to look with. Where the server listens on a loopback address and no Cloudflare Access is set,
its dashboard and API are open again to everybody on its machine.
hint: shipbell token make NAME --scope admin closes them
`

// looks reports whether a token is good to look with.
func looks(t shipbell.Token) bool { return t.RevokedAt.IsZero() && t.Scope.Allows(shipbell.ScopeRead) }

type tokenRevokeCmd struct {
	store
	Token string `arg:"" name:"name" help:"Name or id of the token, as shipbell token shows them."`
}

// Help says how soon it works, and an example.
func (tokenRevokeCmd) Help() string {
	return "A running server refuses the token within two seconds, on every replica, and the sessions that were opened with it.\n\nExample:\n\n  shipbell token revoke wall-screen"
}

// Run revokes the token.
func (c tokenRevokeCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, writes, func(l *ledger.Ledger) error {
		t, err := l.RevokeToken(ctx, c.Token, person())
		if errors.Is(err, shipbell.ErrNotFound) {
			return hinted{fmt.Errorf("there is no good token %s", c.Token), "shipbell token shows all, and which are revoked"}
		}
		if err != nil {
			return err
		}
		if _, err = fmt.Fprintf(s.out, "revoked %s (%s)\n", t.Name, t.ID); err != nil || !t.Scope.Allows(shipbell.ScopeRead) {
			return err
		}
		rest, err := l.Tokens(ctx)
		if err != nil || slices.ContainsFunc(rest, looks) {
			return err
		}
		_, err = fmt.Fprint(s.err, openAgain)
		return err
	})
}
