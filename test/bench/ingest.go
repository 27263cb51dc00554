package main

import (
	"fmt"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

// connectionCounts are the loads that servers are compared under.
var connectionCounts = []int{1, 64, 256}

// The goals hold at 64 connections, as shares of the bare handler.
const (
	goalConnections = 64
	goalSQLite      = 0.5
	goalPostgres    = 0.3
)

// ingest measures durable acknowledgements against a handler that checks,
// decodes and stores nothing.
func (b *bench) ingest() error {
	telegram, err := b.startTelegram(faketelegram.Options{})
	if err != nil {
		return err
	}
	bare, err := b.startBare()
	if err != nil {
		return err
	}
	log, err := b.startLog()
	if err != nil {
		return err
	}
	embedded, _, err := b.startEntrant("Shipbell (SQLite)", b.sqlite(), telegram, 1)
	if err != nil {
		return err
	}
	entrants := []entrant{
		{name: "bare handler", target: pushTarget(bare), cpu: bare.cpu, stored: "no"},
		{name: "log handler", target: pushTarget(log), cpu: log.cpu, stored: "yes, fsync; no database"},
		embedded,
	}
	goals := map[string]float64{embedded.name: goalSQLite}

	var missing []row
	for _, replicas := range []int{1, 3} {
		name := "Shipbell (PostgreSQL)"
		if replicas > 1 {
			name = fmt.Sprintf("Shipbell × %d (PostgreSQL)", replicas)
		} else {
			goals[name] = goalPostgres
		}
		e, err := b.startOnPostgres(name, telegram, replicas)
		if err != nil {
			missing = append(missing, row{what: name, missing: err.Error()})
			continue
		}
		entrants = append(entrants, e)
	}

	for _, connections := range connectionCounts {
		scores, err := b.contest(connections, entrants...)
		if err != nil {
			return err
		}
		for i, s := range scores {
			if i == 0 {
				b.add(s.row(connections, nil))
				continue
			}
			r := s.row(connections, &scores[0])
			if bound, ok := goals[s.name]; ok && connections == goalConnections {
				r.goal = atLeast(bound, s.ratio())
			}
			b.add(r)
		}
	}
	b.rows = append(b.rows, missing...)
	return nil
}

// startOnPostgres starts replicas on a PostgreSQL of their own.
func (b *bench) startOnPostgres(name string, t fakeTelegram, replicas int) (entrant, error) {
	d, err := b.postgres()
	if err != nil {
		return entrant{}, err
	}
	e, _, err := b.startEntrant(name, d, t, replicas)
	return e, err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
