package shipbell

import (
	"errors"
	"fmt"
	"time"
)

// The closed vocabulary of errors. Decide with errors.Is, never by text.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict")
	ErrInvalid  = errors.New("not valid")
	// ErrLost says that the lease by whose right something was to be done has gone
	// to another replica.
	ErrLost = errors.New("the lease is another replica's now")
)

// Fault is the class of a failed delivery. The channel classifies once; the
// dispatcher acts on the class alone.
type Fault string

// The faults, and what the dispatcher does about each.
const (
	FaultTemporary   Fault = "temporary"    // the network or the remote is down: back off, same lane, same order
	FaultRateLimited Fault = "rate_limited" // too fast: park the lane for RetryAfter
	FaultGone        Fault = "gone"         // the message to edit was deleted: post anew
	FaultKept        Fault = "kept"         // the message to remove must stay: make it a pointer
	FaultMoved       Fault = "moved"        // the place moved: store Memory, try again at once
	FaultMarkup      Fault = "markup"       // the markup was refused: same content as plain text
	FaultRefused     Fault = "refused"      // this message is not wanted: set it aside, go on with the lane
	FaultBlocked     Fault = "blocked"      // nothing can be delivered until a person acts: pause the lane
)

// DeliveryError says why an attempt to post or edit did not succeed. Its texts
// are shown to operators: they must never hold a secret.
type DeliveryError struct {
	Fault      Fault
	Reason     string        // what the remote said
	Hint       string        // what the operator can do; may be empty
	RetryAfter time.Duration // FaultRateLimited: how long the remote asked to wait
	Memory     string        // FaultMoved: what the channel wants remembered from now on
	Err        error         // cause; may be nil
}

// Error returns class and reason on one line.
func (e *DeliveryError) Error() string {
	if e.RetryAfter > 0 {
		return fmt.Sprintf("%s: %s (retry after %s)", e.Fault, e.Reason, e.RetryAfter)
	}
	return fmt.Sprintf("%s: %s", e.Fault, e.Reason)
}

// Unwrap returns the cause.
func (e *DeliveryError) Unwrap() error { return e.Err }

// StoreError says why the store cannot be used. The store classifies once; the
// texts are shown to operators.
type StoreError struct {
	Reason string // what is wrong, in plain words
	Hint   string // what the operator can do
	Err    error  // cause, with the operation; may be nil
}

// Error returns reason and cause on one line.
func (e *StoreError) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Err)
}

// Unwrap returns the cause.
func (e *StoreError) Unwrap() error { return e.Err }
