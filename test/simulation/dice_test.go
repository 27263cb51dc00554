package simulation

import "time"

// dice are what is drawn for one step of one actor.
type dice struct{ state uint64 }

// newDice returns the dice of the nth step that is called so.
func newDice(seed uint64, name string, n uint64) *dice {
	h := uint64(0xcbf29ce484222325) // FNV-1a
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	d := &dice{seed*0x9e3779b97f4a7c15 ^ h}
	d.state = d.next() ^ n
	return d
}

// next is splitmix64: https://prng.di.unimi.it/splitmix64.c
func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (d *dice) below(n int) int { return int(d.next() % uint64(n)) }

// chance is true with probability p.
func (d *dice) chance(p float64) bool { return float64(d.next()>>11)/(1<<53) < p }

// between returns a duration from least to most, to the nanosecond.
func (d *dice) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(d.next()%uint64(most-least))
}
