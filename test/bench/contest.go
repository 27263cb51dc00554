package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// entrant is a server, or several that share their work, under the same load as
// others.
type entrant struct {
	name string
	target
	cpu func() time.Duration // used so far by all processes it consists of
	// stored says whether what it acknowledges is stored before.
	stored string
}

// score is what an entrant came to over all turns.
type score struct {
	entrant
	result
	rates  []float64     // one a turn
	ratios []float64     // to the first entrant in the same turn
	spent  time.Duration // processor time
}

// contest loads entrants in turns, so that what disturbs the machine disturbs
// all of them. Every turn begins with another one, since each inherits what the
// one before left for the disk to do.
func (b *bench) contest(connections int, entrants ...entrant) ([]score, error) {
	scores := make([]score, len(entrants))
	for i, e := range entrants {
		scores[i].entrant = e
	}
	for turn := range b.turns {
		for i := range scores {
			if err := b.ctx.Err(); err != nil {
				return nil, err
			}
			s := &scores[(i+turn)%len(scores)]
			before := s.cpu()
			r, err := load{target: s.target, connections: connections, first: b.next}.run(b.turn)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			s.spent += s.cpu() - before
			b.next += r.requests + r.refused + int64(connections)
			s.rates = append(s.rates, r.perSecond())
			s.latencies = append(s.latencies, r.latencies...)
			s.requests += r.requests
			s.refused += r.refused
		}
		for i := range scores {
			s := &scores[i]
			s.ratios = append(s.ratios, s.rates[turn]/scores[0].rates[turn])
			progress("%s, turn %d: %s %s, ratio %s", count(connections, "connection"), turn+1, s.name, perSecond(s.rates[turn]), ratio(s.ratios[turn]))
		}
	}
	for i := range scores {
		slices.Sort(scores[i].latencies)
	}
	return scores, nil
}

// row describes the score. Against is the first of the same contest, nil for
// that one itself.
func (s score) row(connections int, against *score) row {
	r := row{
		what:   count(connections, "connection") + ": " + s.name,
		figure: perSecond(median(s.rates)),
		p50:    s.quantile(0.5),
		p99:    s.quantile(0.99),
		stored: s.stored,
	}
	if s.requests > 0 {
		r.cpu = s.spent / time.Duration(s.requests)
	}
	if s.refused > 0 {
		r.stored += fmt.Sprintf("; %.1f %% refused", 100*float64(s.refused)/float64(s.refused+s.requests))
	}
	if against != nil {
		r.against = against.name + " " + perSecond(median(against.rates))
		r.ratio = ratio(s.ratio())
	}
	return r
}

// ratio is the middle one of the turns' ratios.
func (s score) ratio() float64 { return median(s.ratios) }

func median[T cmp.Ordered](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
