package main

import (
	"errors"
	"os"
	"slices"
	"time"
)

// machine measures how often a second the disk below the scratch directory can
// make an append of one page durable. The other limits are entrants of ingest.
func (b *bench) machine() error {
	file, err := os.Create(b.scratch("fsync"))
	if err != nil {
		return err
	}
	page := make([]byte, 4096)
	var all result
	var rates []float64
	for range b.turns {
		n := 0
		turn := time.Now()
		for time.Since(turn) < b.turn && err == nil {
			start := time.Now()
			_, err = file.Write(page)
			err = errors.Join(err, file.Sync())
			all.latencies = append(all.latencies, time.Since(start))
			n++
		}
		rates = append(rates, float64(n)/time.Since(turn).Seconds())
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	slices.Sort(all.latencies)
	b.add(row{what: "limit of the disk: append 4 KiB and fsync", figure: perSecond(median(rates)), p50: all.quantile(0.5), p99: all.quantile(0.99)})
	return nil
}
