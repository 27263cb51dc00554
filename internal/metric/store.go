package metric

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// operations are what a store is asked.
type operations struct{ update, view, check operation }

type operation struct {
	seconds  prometheus.Observer
	failures prometheus.Counter
}

func newOperations(r prometheus.Registerer) operations {
	seconds := histogram(r, "store_duration_seconds", "How long the store took: to make an update durable, the wait for those that share its commit included, "+
		"to read, and to prove that it can be written.", quick, "operation")
	failures := counter(r, "store_failures_total", "What the store could not do. That something is not there is no failure.", "operation")
	of := func(name string) operation {
		return operation{seconds.WithLabelValues(name), failures.WithLabelValues(name)}
	}
	return operations{update: of("update"), view: of("view"), check: of("check")}
}

func (o operation) took(start time.Time, err error) {
	o.seconds.Observe(time.Since(start).Seconds())
	if err != nil && failed(err) {
		o.failures.Inc()
	}
}

// failed reports whether an error is the store's own, and not an answer or the end
// of the question.
func failed(err error) bool {
	for _, answer := range []error{shipbell.ErrNotFound, shipbell.ErrConflict, shipbell.ErrInvalid, shipbell.ErrLost, context.Canceled} {
		if errors.Is(err, answer) {
			return false
		}
	}
	_, none := errors.AsType[ledger.NothingDue](err)
	return !none
}

// measured is a store that is measured.
type measured struct {
	ledger.Store
	operations
}

// Store returns the store, measured.
func (m *Metrics) Store(s ledger.Store) ledger.Store { return measured{s, m.store} }

// Update implements [ledger.Store].
func (s measured) Update(ctx context.Context, fn func(ledger.Tx) error, keys ...shipbell.Key) error {
	start := time.Now()
	err := s.Store.Update(ctx, fn, keys...)
	s.update.took(start, err)
	return err
}

// View implements [ledger.Store].
func (s measured) View(ctx context.Context, fn func(ledger.Tx) error) error {
	start := time.Now()
	err := s.Store.View(ctx, fn)
	s.view.took(start, err)
	return err
}

// Check implements [ledger.Store].
func (s measured) Check(ctx context.Context) error {
	start := time.Now()
	err := s.Store.Check(ctx)
	s.check.took(start, err)
	return err
}
