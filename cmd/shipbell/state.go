package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/terminal"
)

// store are the flags of commands that work on a ledger, whether or not a server
// runs on it.
type store struct {
	Data     string `name:"data" help:"Data directory of the server. ($SHIPBELL_DATA)" placeholder:"DIR"`
	Database string `name:"database" help:"PostgreSQL database of the server, in place of a data directory. ($DATABASE_URL)" placeholder:"URL"`
}

func (d store) table() config.Table { return config.Table{Data: d.Data, DatabaseURL: d.Database} }

// access is what a command does with the ledger.
type access int

const (
	reads  access = iota // works where nothing can be written
	writes               // works on a ledger that is there
	makes                // makes a new one where there is none
)

// with opens the ledger for fn. Only a command that makes one makes a new one in a
// directory, so that a mistyped one is noticed.
func (d store) with(ctx context.Context, what access, fn func(*ledger.Ledger) error) error {
	return d.open(ctx, what, func(s app.Store) error { return fn(ledger.New(ledger.Options{Store: s, Now: s.Now})) })
}

func (d store) open(ctx context.Context, what access, fn func(app.Store) error) error {
	where, err := config.LoadStore(d.table(), config.OS(nil))
	if err != nil {
		return err
	}
	if !app.HasStore(where) && what != makes {
		return noLedger(where.Data)
	}
	open := app.OpenStore
	if what == reads {
		open = app.OpenStoreToRead
	}
	s, err := open(ctx, where, nil)
	if err != nil {
		return hinted{err, hintStore(where)}
	}
	err = fn(s)
	if told := new(shipbell.StoreError); errors.As(err, &told) {
		err = fmt.Errorf("ledger in %s: %w", where.Place(), err)
	}
	return errors.Join(err, s.Close())
}

// hintStore says what to do about a ledger that cannot be opened.
func hintStore(where config.Store) string {
	if where.Database != "" {
		return "check that PostgreSQL runs, and DATABASE_URL; nothing in it was changed"
	}
	return "look at " + where.Data + "; nothing in it was changed"
}

func noLedger(dir string) error {
	return hinted{fmt.Errorf("there is no ledger in %s", dir), "start the server once, or give its directory: --data DIR"}
}

type stateCmd struct {
	Show   stateShowCmd   `cmd:"" default:"withargs" help:"Show the newest 1000 ids of each project type, oldest first."`
	Import stateImportCmd `cmd:"" help:"Remember the ids of another system, so that none is announced again."`
}

type stateShowCmd struct{ store }

// Help shows an example.
func (stateShowCmd) Help() string {
	return "Example:\n\n  shipbell state\n\nThe same is at GET /state, with the token."
}

// Run prints the state.
func (c stateShowCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, reads, func(l *ledger.Ledger) error {
		state, err := l.State(ctx)
		if err != nil {
			return err
		}
		e := json.NewEncoder(terminal.JSONWriter{To: s.out})
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(state)
	})
}

type stateImportCmd struct {
	store
	File string `arg:"" help:"File with the state as JSON; - for standard input."`
}

// Help shows where the file comes from, and an example.
func (stateImportCmd) Help() string {
	return `The file has the shape {"workers": [...], "pages": [...], "lastCheck": "..."}. It can be imported while the server runs, and again.

Example, from the Worker that Shipbell replaces:

  npx wrangler kv key get --remote --binding DEPLOYMENT_STATE processed-deployments > state.json
  shipbell state import state.json`
}

// Run imports the file.
func (c stateImportCmd) Run(ctx context.Context, s streams) error {
	state, err := readState(s.in, c.File)
	if err != nil {
		return hinted{err, `the accepted form is {"workers": ["id", ...], "pages": ["id", ...], "lastCheck": "2025-01-15T10:30:45Z"}`}
	}
	return c.with(ctx, makes, func(l *ledger.Ledger) error {
		workers, pages, err := l.Import(ctx, state)
		if errors.Is(err, shipbell.ErrInvalid) {
			return hinted{fmt.Errorf("%s: %w", c.File, err), "mend the file; nothing was imported"}
		}
		if err != nil {
			return err
		}
		known := len(state.Workers) + len(state.Pages) - workers - pages
		_, err = fmt.Fprintf(s.out, "imported %d worker ids and %d pages ids; %d were known already\n", workers, pages, known)
		return err
	})
}

// maxState bounds a state file: 2,000 ids of the greatest length, and room.
const maxState = 4 << 20

func readState(in io.Reader, path string) (ledger.State, error) {
	if path != "-" {
		f, err := os.Open(filepath.Clean(path))
		if err != nil {
			return ledger.State{}, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxState+1))
	if err != nil {
		return ledger.State{}, err
	}
	if len(text) > maxState {
		return ledger.State{}, fmt.Errorf("%s: more than %d MiB", path, maxState>>20)
	}
	var state struct {
		Workers   *[]string `json:"workers"`
		Pages     *[]string `json:"pages"`
		LastCheck string    `json:"lastCheck"`
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return ledger.State{}, fmt.Errorf("%s: %w", path, err)
	}
	if state.Workers == nil && state.Pages == nil {
		return ledger.State{}, fmt.Errorf("%s: neither workers nor pages", path)
	}
	result := ledger.State{LastCheck: state.LastCheck}
	if state.Workers != nil {
		result.Workers = *state.Workers
	}
	if state.Pages != nil {
		result.Pages = *state.Pages
	}
	return result, nil
}

type lanesCmd struct {
	List   lanesListCmd   `cmd:"" default:"withargs" help:"Show every lane with its backlog, and why it stands still."`
	Resume lanesResumeCmd `cmd:"" help:"Let a paused lane go on, after its cause was mended."`
}

type lanesListCmd struct{ store }

// Help shows an example.
func (lanesListCmd) Help() string {
	return "Where several replicas share a database, their leases follow: which of them delivers, asks Cloudflare and deletes what is old.\n\nExample:\n\n  shipbell lanes"
}

// Run prints the lanes.
func (c lanesListCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, reads, func(store app.Store) error {
		lanes, err := ledger.New(ledger.Options{Store: store}).Lanes(ctx)
		if err != nil {
			return err
		}
		leases, err := store.Leases(ctx)
		if err != nil {
			return err
		}
		if err := printLanes(s.out, lanes, store.Now()); err != nil {
			return err
		}
		return printLeases(s.out, leases, store.Now())
	})
}

func printLanes(out io.Writer, lanes []shipbell.Lane, now time.Time) error {
	if len(lanes) == 0 {
		_, err := fmt.Fprintln(out, "no lane yet: nothing was announced")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CHANNEL\tSTATUS\tBACKLOG\tLAST SUCCESS\tREASON")
	for _, lane := range lanes {
		status, reason := "ok", lane.Note
		switch {
		case lane.Pause != nil:
			status, reason = "paused", lane.Pause.Reason
			if lane.Pause.Hint != "" {
				reason += " (" + lane.Pause.Hint + ")"
			}
		case lane.ParkedUntil.After(now):
			status, reason = "parked until "+lane.ParkedUntil.Format(time.TimeOnly)+" UTC", lane.ParkedFor
		case reason == "" && lane.LastErrorAt.After(lane.LastSuccess):
			reason = lane.LastErrorAt.Format(time.TimeOnly) + " UTC: " + lane.LastError
		}
		last := "never"
		if !lane.LastSuccess.IsZero() {
			last = lane.LastSuccess.Format(time.DateTime) + " UTC"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", lane.Channel, status, lane.Backlog, last, reason)
	}
	return w.Flush()
}

// printLeases shows which replica does what only one may; nothing where there are
// no replicas.
func printLeases(out io.Writer, leases []shipbell.Lease, now time.Time) error {
	if len(leases) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\nLEASE\tHOLDER\tENDS, UNLESS RENEWED")
	for _, l := range leases {
		fmt.Fprintf(w, "%s\t%s\tin %d s\n", l.Name, l.Holder, int(l.Until.Sub(now).Seconds()))
	}
	return w.Flush()
}

type lanesResumeCmd struct {
	store
	Channel string `arg:"" help:"Channel as shown by shipbell lanes, such as telegram:-1001234567890; or all."`
}

// Help shows an example.
func (lanesResumeCmd) Help() string {
	return "A running server goes on within a second or two.\n\nExample:\n\n  shipbell lanes resume telegram:-1001234567890"
}

// Run resumes the lane.
func (c lanesResumeCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, writes, func(l *ledger.Ledger) error {
		channels := []shipbell.ChannelID{shipbell.ChannelID(c.Channel)}
		if c.Channel == "all" {
			lanes, err := l.Lanes(ctx)
			if err != nil {
				return err
			}
			channels = nil
			for _, lane := range lanes {
				channels = append(channels, lane.Channel)
			}
		}
		for _, channel := range channels {
			err := l.Resume(ctx, channel, person())
			if errors.Is(err, shipbell.ErrNotFound) {
				return hinted{fmt.Errorf("there is no lane %s", channel), "shipbell lanes shows all"}
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "resumed %s\n", channel)
		}
		return nil
	})
}
