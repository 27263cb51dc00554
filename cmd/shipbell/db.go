package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/config"
)

type dbCmd struct {
	Copy   dbCopyCmd   `cmd:"" help:"Copy the ledger from SQLite into PostgreSQL, or back."`
	Backup dbBackupCmd `cmd:"" help:"Copy the ledger into a file, whether or not the server runs."`
}

type dbBackupCmd struct {
	store
	File string `arg:"" help:"File to make. One that is there is not overwritten."`
}

// Help shows an example, and how to go back.
func (dbBackupCmd) Help() string {
	return `The copy is the ledger as it was when the command began. It is read back whole, and is on disk, before it gets its name. To restore it, stop the server and put it in the place of shipbell.db.

Example:

  shipbell db backup "/var/backups/shipbell-$(date +%F).db"`
}

// Run makes the copy.
func (c dbBackupCmd) Run(ctx context.Context, s streams) error {
	where, err := config.LoadStore(c.table(), config.OS(nil))
	if err != nil {
		return err
	}
	if where.Database != "" {
		return hinted{errors.New("the ledger is in PostgreSQL, which has tools of its own for this"), "pg_dump --schema=shipbell makes a consistent copy while the servers run; a SQLite file is backed up without DATABASE_URL"}
	}
	if !app.HasStore(where) {
		return noLedger(where.Data)
	}
	progress, end := showCopying(s.err, isTerminal(s.err))
	copied, err := app.Backup(ctx, where.Data, c.File, progress)
	end()
	switch {
	case errors.Is(err, context.Canceled):
		return hinted{errors.New("interrupted; there is no copy"), "run it again"}
	case errors.Is(err, fs.ErrExist):
		return hinted{err, "choose another name; nothing is overwritten"}
	case err != nil:
		return hinted{err, "choose a directory that is there and that this user may write to"}
	}
	_, err = fmt.Fprintf(s.out, "copied %s, %s, to %s, and read the copy back\n", count(copied.Deployments, "deployment"), size(copied.Bytes), c.File)
	return err
}

// showCopying shows on a terminal how far a copy is, and takes it away at the end.
func showCopying(w io.Writer, terminal bool) (progress func(done, total int64), end func()) {
	if !terminal {
		return func(int64, int64) {}, func() {}
	}
	line := statusLine{out: w}
	progress = func(done, total int64) {
		if done == total {
			line.show("reading the copy back")
			return
		}
		line.show(fmt.Sprintf("copying %s: %d %%", size(total), done*100/total))
	}
	return progress, line.end
}

// statusLine is one line of a terminal that changes.
type statusLine struct {
	out   io.Writer
	shown string
}

func (l *statusLine) show(text string) {
	if text != l.shown {
		fmt.Fprintf(l.out, "\r\x1b[K%s", text)
		l.shown = text
	}
}

func (l *statusLine) end() { l.show("") }

// size renders a number of bytes.
func size(n int64) string {
	const unit = 1000
	if n < unit*unit {
		return fmt.Sprintf("%.1f kB", float64(n)/unit)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/unit/unit)
}
