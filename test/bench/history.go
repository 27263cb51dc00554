package main

import (
	"fmt"
	"time"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

// The goals with the largest history in SQLite.
const (
	goalFull   = 0.9 // of an empty store's ingest
	goalReady  = 1   // second
	goalMemory = 60  // megabytes
)

// history measures what a large history costs: memory, start, ingest and disk.
func (b *bench) history() error {
	full := b.sqlite()
	if err := b.historyOn(full, b.sqlite(), goalFull); err != nil {
		return err
	}
	full, err := b.postgres()
	if err != nil {
		b.add(row{what: "a history in PostgreSQL", missing: err.Error()})
		return nil
	}
	empty, err := b.postgres()
	if err != nil {
		return err
	}
	return b.historyOn(full, empty, 0)
}

// stage is a server at one length of its history.
type stage struct {
	ready    time.Duration
	resident int64 // after load
	database int64 // the same of the database's own processes
}

// historyOn grows the history in one database and compares it with one that
// stays empty. There are goals where one is given for ingest.
func (b *bench) historyOn(full, empty database, ingest float64) error {
	var first stage
	stored := 0
	for _, next := range []int{0, b.stored / 10, b.stored} {
		bytes, err := b.grow(full, stored, next)
		if err != nil {
			return err
		}
		stored = next
		where := fmt.Sprintf("%s with %s", full.name, many(stored))

		s, scores, err := b.stage(full, empty, where, stored == b.stored)
		if err != nil {
			return err
		}
		memory := row{what: where + ": memory after load", figure: megabytes(s.resident)}
		if s.database > 0 {
			memory.figure += " + " + megabytes(s.database)
		}
		ready := row{what: where + ": start to ready", figure: short(s.ready)}
		if stored == 0 {
			first = s
		} else {
			memory.against, memory.ratio = "none: "+megabytes(first.resident), ratio(float64(s.resident)/float64(first.resident))
			ready.against, ready.ratio = "none: "+short(first.ready), ratio(s.ready.Seconds()/first.ready.Seconds())
		}
		if stored == b.stored {
			share := scores[1].row(goalConnections, &scores[0])
			if ingest > 0 {
				memory.goal = below(goalMemory, float64(s.resident)/mb, " MB")
				ready.goal = below(goalReady, s.ready.Seconds(), " s")
				share.goal = atLeast(ingest, scores[1].ratio())
			}
			b.add(share)
			body := len(contractBody(nil, 0))
			b.add(row{
				what: where + ": disk for each", figure: fmt.Sprintf("%d bytes", bytes),
				against: fmt.Sprintf("its push: %d bytes", body), ratio: ratio(float64(bytes) / float64(body)),
			})
		}
		b.add(memory)
		b.add(ready)
	}
	return nil
}

// grow stores deployments and returns the bytes that each took.
func (b *bench) grow(d database, from, to int) (bytes int64, err error) {
	if from == to { // opens an empty one, so that it has a size
		return 0, b.fill(d, from, to)
	}
	before, err := d.size(b.ctx)
	if err != nil {
		return 0, err
	}
	if err := b.fill(d, from, to); err != nil {
		return 0, err
	}
	after, err := d.size(b.ctx)
	return (after - before) / int64(to-from), err
}

// stage runs a server on the database under load, against one on an empty
// database if asked.
func (b *bench) stage(full, empty database, where string, against bool) (stage, []score, error) {
	telegram, err := b.startTelegram(faketelegram.Options{})
	if err != nil {
		return stage{}, nil, err
	}
	var entrants []entrant
	if against {
		e, _, err := b.startEntrant("none stored", empty, telegram, 1)
		if err != nil {
			return stage{}, nil, err
		}
		entrants = append(entrants, e)
	}
	e, servers, err := b.startEntrant(where, full, telegram, 1)
	if err != nil {
		return stage{}, nil, err
	}
	scores, err := b.contest(goalConnections, append(entrants, e)...)
	if err != nil {
		return stage{}, nil, err
	}
	s := stage{ready: servers[0].ready, resident: servers[0].resident(), database: full.memory()}
	return s, scores, servers[0].stop()
}

// many prints a number of deployments, which is a round one.
func many(n int) string {
	switch {
	case n == 0:
		return "none"
	case n%1_000_000 == 0:
		return fmt.Sprintf("%d M", n/1_000_000)
	case n%1000 == 0:
		return fmt.Sprintf("%d k", n/1000)
	}
	return fmt.Sprint(n)
}
