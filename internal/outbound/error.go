package outbound

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
)

// ErrTooLarge is the cause when an answer exceeds the size limit.
var ErrTooLarge = errors.New("the answer is too large")

// Error says why there is no answer. Neither its text nor anything it unwraps
// to shows a secret.
//
// The cause is not kept: any error from below may quote the request, as
// [url.Error] does with the whole URL. What is kept are the well-known values
// that a caller may ask for with errors.Is, such as
// [context.DeadlineExceeded] or [syscall.ECONNREFUSED].
type Error struct {
	Method string
	URL    string // without secrets
	Reason string // without secrets
	causes []error
}

// Error returns method, URL and reason on one line.
func (e *Error) Error() string { return e.Method + " " + e.URL + ": " + e.Reason }

// Unwrap returns the well-known causes.
func (e *Error) Unwrap() []error { return e.causes }

// Timeout reports whether the time ran out.
func (e *Error) Timeout() bool { return errors.Is(e, context.DeadlineExceeded) }

func newError(req *http.Request, cause error, secrets []Secret) *Error {
	inner := cause
	if u, ok := errors.AsType[*url.Error](cause); ok {
		inner = u.Err
	}
	return &Error{
		Method: Redact(req.Method, secrets...),
		URL:    Redact(req.URL.Redacted(), secrets...),
		Reason: Redact(inner.Error(), secrets...),
		causes: wellKnown(cause),
	}
}

// wellKnown returns the values that err is, of those that hold no text of
// their own.
func wellKnown(err error) []error {
	var causes []error
	for _, known := range []error{
		ErrTooLarge,
		context.Canceled,
		context.DeadlineExceeded,
		os.ErrDeadlineExceeded,
		net.ErrClosed,
		io.EOF,
		io.ErrUnexpectedEOF,
	} {
		if errors.Is(err, known) {
			causes = append(causes, known)
		}
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		causes = append(causes, errno)
	}
	return causes
}
