package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/ledger"
)

type pollCmd struct {
	store
	Once   bool `help:"Ask once and end. The default, and the only way so far."`
	DryRun bool `help:"Print what would be recorded, and record nothing. The default, and the only way so far."`
	Fresh  bool `help:"Ask as if for the first time: what is there now, not what is new to the server's ledger."`
}

// Help says what is printed, and shows an example.
func (pollCmd) Help() string {
	return `Asks Cloudflare as the server does, and prints what it would record. It records nothing and tells nobody: a running server is not disturbed. shipbell serve asks by itself, every minute.

Reads $CLOUDFLARE_API_TOKEN (or the file that $CLOUDFLARE_API_TOKEN_FILE names), $CLOUDFLARE_ACCOUNT_ID and $CLOUDFLARE_API_BASE_URL.

Example:

  CLOUDFLARE_API_TOKEN=... shipbell poll --once --dry-run`
}

// Run asks and prints.
func (c pollCmd) Run(ctx context.Context, s streams) error {
	settings, err := config.Load(c.table(), config.OS(app.Checks))
	if err != nil {
		return err
	}
	if settings.Cloudflare.Token == "" {
		return hinted{errors.New("there is no token to ask Cloudflare with"), "set CLOUDFLARE_API_TOKEN to a token with these permissions: " + app.CloudflareScopes}
	}
	remembered := ""
	if !c.Fresh && app.HasStore(settings.Store) {
		err := c.with(ctx, reads, func(l *ledger.Ledger) (err error) {
			remembered, err = l.Memory(ctx, shipbell.SourcePoll)
			return err
		})
		if err != nil {
			return err
		}
	}
	report, hearing, err := app.Poll(ctx, settings, versionText(), remembered)
	if err != nil {
		hint := cmp.Or(hearing.Hint, "check the token, its permissions and the network")
		if address := settings.Cloudflare.API; address != config.Fallback("CLOUDFLARE_API_BASE_URL") {
			hint = "CLOUDFLARE_API_BASE_URL is set, to " + address + "; " + hint
		}
		return hinted{err, hint}
	}
	return printReport(s.out, report, hearing)
}

func printReport(w io.Writer, r shipbell.Report, h shipbell.Hearing) error {
	what := "new since the server last asked"
	if r.Baseline {
		what = "there on the first look; nobody would be told"
	}
	fmt.Fprintf(w, "%s, %s\n", count(len(r.Events), "event"), what)
	if len(r.Events) > 0 {
		fmt.Fprintln(w)
	}
	t := table(w)
	for _, e := range r.Events {
		late := ""
		if !r.LateBefore.IsZero() && e.At.Before(r.LateBefore) && e.Status != shipbell.Failure {
			late = "in one message with the others that are late"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", stamp(e.At), e.Type, printable(projectAndEnvironment(e)), e.Status, printable(keysOf(e)), late)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s", count(h.Requests, "request"))
	if h.Remaining >= 0 {
		fmt.Fprintf(w, ", the rate limit leaves %d", h.Remaining)
	}
	fmt.Fprintln(w)
	notes := slices.Clone(h.Notes)
	if h.Reason != "" {
		notes = append(notes, strings.TrimSpace(h.Reason+" "+h.Hint))
	}
	for _, note := range notes {
		fmt.Fprintf(w, "note: %s\n", printable(note))
	}
	return nil
}

// count renders a number of things.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func projectAndEnvironment(e shipbell.Event) string {
	if e.Environment == "" {
		return e.Project
	}
	return e.Project + " (" + e.Environment + ")"
}

func keysOf(e shipbell.Event) string {
	var keys []string
	for _, k := range e.Keys {
		keys = append(keys, string(k.Kind)+" "+k.ID)
	}
	return strings.Join(keys, ", ")
}
