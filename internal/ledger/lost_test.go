package ledger_test

import (
	"context"
	"errors"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// lostStore is a store in which every lease has gone to another replica.
type lostStore struct{ ledger.Store }

type lostTx struct{ ledger.Tx }

func (lostTx) Fence(shipbell.Lease) error { return shipbell.ErrLost }

func (s lostStore) Update(ctx context.Context, fn func(ledger.Tx) error, keys ...shipbell.Key) error {
	return s.Store.Update(ctx, func(tx ledger.Tx) error { return fn(lostTx{tx}) }, keys...)
}

// endLost marks what became of a request whose replica has lost the lane.
func (b *book) endLost(r *request) {
	b.Helper()
	theirs := b.Ledger
	b.Ledger = ledger.New(ledger.Options{Store: lostStore{b.store}, Router: b})
	defer func() { b.Ledger = theirs }()
	ctx := shipbell.WithGrant(context.Background(), shipbell.Grant{Valid: func() bool { return false }})
	a := r.a
	attempt := shipbell.Attempt{Deployment: a.Deployment, Channel: channel, Part: a.Part, Revision: a.Wanted, At: b.now, Edit: a.Ref != "", Fault: r.fault}
	if r.fault == "" {
		a.Ref, a.Shown = r.ref, a.Wanted
	}
	if err := b.Mark(ctx, a, attempt, shipbell.Lane{Channel: channel, Note: "theirs"}, nil); !errors.Is(err, shipbell.ErrLost) {
		b.Errorf("marked by a lost lease: %v, want ErrLost", err)
	}
}

// TestEditsThatOvertakeEachOther: the edit of a replica that lost the lane may
// arrive after the one of the next. Whatever its own replica heard of it, the
// message is shown anew.
func TestEditsThatOvertakeEachOther(t *testing.T) {
	for _, fault := range []shipbell.Fault{"", shipbell.FaultTemporary} {
		b := newBook(t)
		b.record(event(shipbell.SourcePush, 0, shipbell.Announced, pushed))
		b.deliver(0)
		b.record(event(shipbell.SourcePush, 10, shipbell.InProgress, pushed))
		first := b.begin(nil)
		first.fault = fault
		b.record(event(shipbell.SourcePush, 20, shipbell.Success, pushed))
		if !b.edits(first.ref) {
			t.Fatal("the next replica did not edit the message")
		}
		b.endLost(first)
		if !b.edits(first.ref) {
			t.Errorf("the message is not shown anew, fault %q", fault)
		}
		lane, err := b.Lane(t.Context(), channel)
		if err != nil || lane.Note != "" {
			t.Errorf("the lane was stored by a lost lease: %+v, %v", lane, err)
		}
	}
}

// TestEditBeforeTheLast: where nobody edited meanwhile, nothing is done twice.
func TestEditBeforeTheLast(t *testing.T) {
	b := newBook(t)
	b.record(event(shipbell.SourcePush, 0, shipbell.Announced, pushed))
	b.deliver(0)
	b.record(event(shipbell.SourcePush, 10, shipbell.InProgress, pushed))
	first := b.begin(nil)
	if !b.edits(first.ref) {
		t.Fatal("the next replica did not edit the message")
	}
	b.endLost(first)
	if b.edits(first.ref) {
		t.Error("the message is edited again, and nothing had changed")
	}
}

// TestPostByALostLease is kept, and removed beside the one of the next replica.
func TestPostByALostLease(t *testing.T) {
	b := newBook(t)
	b.record(event(shipbell.SourcePush, 0, shipbell.Announced, pushed))
	first := b.begin(nil)
	b.deliver(0)
	b.endLost(first)
	b.deliver(0)
	if n := b.mains(); n != 1 {
		t.Errorf("%d messages, want one", n)
	}
}
