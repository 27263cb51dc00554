//go:build unix

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver

	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/pgtest"
	"github.com/shipbell/shipbell/internal/store/postgres"
)

// postgres is a database in a PostgreSQL of its own, on this machine, which
// waits for the disk at every commit as it does by default.
func (b *bench) postgres() (database, error) {
	server, err := pgtest.Start(b.dir, true)
	if err != nil {
		return database{}, err
	}
	b.atEnd(server.Remove)
	return database{
		name: "PostgreSQL",
		url:  server.URL(),
		open: func(ctx context.Context) (ledger.Store, error) {
			return postgres.Open(ctx, postgres.Options{URL: server.URL()})
		},
		size:   func(ctx context.Context) (int64, error) { return postgresSize(ctx, server.URL()) },
		cpu:    func() time.Duration { return cpuOf(server.PID()) },
		memory: func() int64 { return shareOf(server.PID()) },
	}, nil
}

func postgresSize(ctx context.Context, url string) (n int64, err error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, `SELECT pg_database_size(current_database())`).Scan(&n)
	return n, errors.Join(err, db.Close())
}

// shareOf returns the memory of a process and its children, in which each page
// is counted once however many have it: PostgreSQL's all have its buffers.
func shareOf(pid int) int64 {
	share := memoryLine(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
	for _, child := range children(pid) {
		share += shareOf(child)
	}
	return share
}
