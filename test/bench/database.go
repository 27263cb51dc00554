package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/source/push"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

// database is where a server under measurement keeps its ledger.
type database struct {
	name string
	data string // the data directory that the ledger is in; empty if it is elsewhere
	url  string // for DATABASE_URL; empty for SQLite
	open func(context.Context) (ledger.Store, error)
	// size returns the bytes on disk while no server runs.
	size func(context.Context) (int64, error)
	// cpu and memory are those of the database's own processes.
	cpu    func() time.Duration
	memory func() int64
}

// sqlite is a database in a new data directory.
func (b *bench) sqlite() database {
	dir := b.scratch("sqlite")
	file := filepath.Join(dir, "shipbell.db")
	return database{
		name: "SQLite",
		data: dir,
		open: func(ctx context.Context) (ledger.Store, error) { return sqlite.Open(ctx, file) },
		size: func(context.Context) (int64, error) {
			// The last connection to close copied the WAL and deleted it.
			if _, err := os.Stat(file + "-wal"); !errors.Is(err, fs.ErrNotExist) {
				return 0, fmt.Errorf("%s has a WAL: somebody has it open", file)
			}
			info, err := os.Stat(file)
			if err != nil {
				return 0, err
			}
			return info.Size(), nil
		},
		cpu:    func() time.Duration { return 0 },
		memory: func() int64 { return 0 },
	}
}

func cpuSum(d database, servers []*process) func() time.Duration {
	return func() time.Duration {
		used := d.cpu()
		for _, p := range servers {
			used += p.cpu()
		}
		return used
	}
}

// fill stores deployments that were announced and delivered, numbered from the
// first up to the last.
func (b *bench) fill(d database, from, to int) error {
	store, err := d.open(b.ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	said := start
	for from < to && err == nil {
		n := min(1000, to-from)
		err = store.Update(b.ctx, func(tx ledger.Tx) error {
			for i := range n {
				if err := delivered(tx, int64(from+i)); err != nil {
					return err
				}
			}
			return nil
		})
		from += n
		if time.Since(said) > 10*time.Second || from == to {
			said = time.Now()
			progress("%s: stored up to %d deployments after %s", d.name, from, time.Since(start).Round(time.Second))
		}
	}
	return errors.Join(err, store.Close())
}

// delivered stores one deployment whose message is posted.
func delivered(tx ledger.Tx, n int64) error {
	e, err := push.Decode(contractBody(nil, n), time.Now())
	if err != nil {
		return err
	}
	id, err := tx.Open(shipbell.NewDeployment(e))
	if err != nil {
		return err
	}
	channel := shipbell.ChannelID(fmt.Sprintf("telegram:%d", group))
	shown := shipbell.Announcement{Deployment: id, Channel: channel, Wanted: 1, Shown: 1, Ref: "posted", Tries: 1}
	return errors.Join(
		tx.AddEvent(id, e),
		tx.PutAnnouncement(shown),
		tx.KeepAttempt(shipbell.Attempt{Deployment: id, Channel: channel, Revision: 1, At: e.At, Detail: "delivered"}),
	)
}
