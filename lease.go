package shipbell

import (
	"context"
	"time"
)

// Replica names one running server among those on one database.
type Replica string

// LeaseName names what only one replica may do at a time.
type LeaseName string

// Lease says which replica may do something, and until when.
type Lease struct {
	Name   LeaseName
	Holder Replica
	// Fence grows with every new holder: what an earlier one still writes can be
	// told by it.
	Fence int64
	// Until is when the lease ends unless it is renewed, by the store's clock.
	Until time.Time
}

// Grant is a lease in the hands of its holder.
type Grant struct {
	Lease
	// Valid reports whether the lease is still the holder's, as far as can be told
	// without asking. It is for the moment before something leaves that cannot be
	// taken back.
	Valid func() bool
}

// grantKey is where a context bears a grant.
type grantKey struct{}

// WithGrant returns a context under which all is done by the right of the grant:
// the ledger refuses what is written, and the HTTP client does not send what is
// to be sent, when the lease has gone to another replica.
func WithGrant(ctx context.Context, g Grant) context.Context {
	return context.WithValue(ctx, grantKey{}, g)
}

// GrantOf returns the grant that a context bears. Without several replicas there
// is none, and nothing to lose.
func GrantOf(ctx context.Context) (Grant, bool) {
	g, ok := ctx.Value(grantKey{}).(Grant)
	return g, ok
}

// Allowed returns [ErrLost] when ctx bears a grant that is over.
func Allowed(ctx context.Context) error {
	if g, ok := GrantOf(ctx); ok && !g.Valid() {
		return ErrLost
	}
	return nil
}
