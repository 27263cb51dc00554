package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/config"
)

type dbCopyCmd struct {
	From string `help:"Data directory or postgres:// address to copy from; the server's data directory unless given. ($SHIPBELL_DATA)" placeholder:"PLACE"`
	To   string `help:"Data directory or postgres:// address to copy to. ($DATABASE_URL)" placeholder:"PLACE"`
}

// Help shows both directions.
func (dbCopyCmd) Help() string {
	return `Copies the whole ledger from a data directory into PostgreSQL, or back, with the token that was made for it. All arrives or nothing: the rows of each table are counted on both sides before anything is kept. The target must hold no ledger, and no server may run on either: what it took meanwhile would be missing.

Examples:

  DATABASE_URL=postgres://shipbell@db.internal/shipbell shipbell db copy --from /var/lib/shipbell
  shipbell db copy --from "$DATABASE_URL" --to /var/lib/shipbell`
}

// Run copies.
func (c dbCopyCmd) Run(ctx context.Context, s streams) error {
	from, err := place(c.From, false)
	if err != nil {
		return err
	}
	to, err := place(c.To, true)
	if err != nil {
		return err
	}
	if from == to {
		return hinted{errors.New("both places are the same"), "give two: --from DIR --to postgres://..."}
	}
	shown := &counter{statusLine: statusLine{out: s.err}, terminal: isTerminal(s.err)}
	copied, err := app.Copy(ctx, from, to, shown.count)
	shown.end()
	switch {
	case errors.Is(err, app.ErrServed):
		return hinted{err, "stop every server on it first; nothing was copied"}
	case errors.Is(err, app.ErrNotEmpty):
		return hinted{err, "choose an empty place; nothing was copied"}
	case errors.Is(err, app.ErrNoLedger):
		return hinted{err, "give the data directory of a server: --from DIR"}
	case err != nil:
		hint := "nothing was kept of it"
		if to.Database != "" {
			hint = "check that PostgreSQL runs, and the address; " + hint
		}
		return hinted{err, hint}
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', tabwriter.AlignRight)
	var total int64
	for _, t := range copied {
		if t.Rows > 0 {
			fmt.Fprintf(w, "%d\t  %s\n", t.Rows, t.Table)
		}
		total += t.Rows
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "copied %d rows; the counts of both sides are the same\n", total)
	return err
}

// place reads a data directory or the address of a database. Without one it is the
// server's.
func place(given string, database bool) (config.Store, error) {
	flags := config.Table{}
	switch {
	case strings.HasPrefix(given, "postgres://"), strings.HasPrefix(given, "postgresql://"):
		flags.DatabaseURL = given
	case given != "":
		flags.Data = given
	}
	sources := config.OS(nil)
	if given != "" && flags.DatabaseURL == "" || given == "" && !database {
		// A directory is meant, whatever the environment says of a database.
		sources = sources.Without("DATABASE_URL")
	}
	where, err := config.LoadStore(flags, sources)
	if err == nil && given == "" && database && where.Database == "" {
		err = hinted{errors.New("there is nowhere to copy to"), "set DATABASE_URL, or give a place: --to postgres://... or --to DIR"}
	}
	return where, err
}

// counter shows how far a long copy is: on one line of a terminal that changes, or
// a line for every table.
type counter struct {
	statusLine
	terminal bool
	table    string
}

func (c *counter) count(table string, done, of int64) {
	if c.terminal {
		c.show(fmt.Sprintf("%s: %d of %d rows", table, done, of))
		return
	}
	if table != c.table && of > 0 {
		fmt.Fprintf(c.out, "copying %s: %d rows\n", table, of)
		c.table = table
	}
}
