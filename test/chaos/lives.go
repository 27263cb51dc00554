package main

import (
	"sync"
	"time"
)

// ending is how a life ended.
type ending string

const (
	killed  ending = "killed"  // SIGKILL
	stopped ending = "stopped" // SIGTERM
)

// span is a time from one moment to another; without an end it lasts.
type span struct{ from, to time.Time }

// life is one process of a server, from its start to its end.
type life struct {
	replica int // whose process, from 0
	started time.Time
	ready   time.Time // zero if it never answered
	ended   time.Time // when the signal went out; zero while it lives
	how     ending
	took    time.Duration // from the signal to the end
	frozen  []span        // between SIGSTOP and SIGCONT
}

// lives numbers all processes of a run. It is safe for concurrent use.
type lives struct {
	mu  sync.Mutex
	all []life
}

// begin adds a life, and returns its number.
func (l *lives) begin(one life) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, one)
	return len(l.all) - 1
}

// change edits the record of a life.
func (l *lives) change(n int, edit func(*life)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	edit(&l.all[n])
}

// next is the number that the next life will have.
func (l *lives) next() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// history returns all lives so far.
func (l *lives) history() []life {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]life(nil), l.all...)
}
