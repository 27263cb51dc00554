package fakecloudflare

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// hold waits as the fault says; false if the client hung up meanwhile.
func hold(ctx context.Context, f Fault) bool {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
	}
	if f.Hold != nil {
		select {
		case <-f.Hold:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// reset breaks the connection so that the client sees no answer at all.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // no connection of its own to break
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // "connection reset by peer" rather than an orderly end
	}
	_ = connection.Close()
}

// transport reaches a server without a network.
type transport struct{ server *Server }

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	// The body is read here, because the caller may reuse it once this returns.
	in := r.Clone(r.Context())
	var body bytes.Buffer
	if r.Body != nil {
		defer r.Body.Close()
		if _, err := body.ReadFrom(r.Body); err != nil {
			return nil, err
		}
	}
	in.Body = readCloser{&body}
	w := &recorder{header: http.Header{}}
	broken := make(chan bool, 1)
	go func() {
		aborted := true
		defer func() {
			if aborted {
				if v := recover(); v != http.ErrAbortHandler {
					panic(v)
				}
			}
			broken <- aborted
		}()
		t.server.ServeHTTP(w, in)
		aborted = false
	}()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case isBroken := <-broken:
		if isBroken {
			return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
		}
	}
	return &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, ContentLength: int64(w.body.Len()), Body: readCloser{&w.body}, Request: r,
	}, nil
}

type readCloser struct{ *bytes.Buffer }

// Close implements io.Closer.
func (readCloser) Close() error { return nil }

// recorder is an [http.ResponseWriter] that keeps the answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}
