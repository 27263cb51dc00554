package fakeserver

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Start listens on a free port of the local machine; the url has no path. Stop
// breaks open connections, and may be called again.
func Start(h http.Handler) (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // returns when stopped
	}()
	return "http://" + l.Addr().String(), sync.OnceFunc(func() {
		_ = server.Close()
		<-ended
	}), nil
}

// Client returns a client whose requests reach the fake without a network,
// whatever host they name. It works under testing/synctest, where a goroutine that
// waits for the network is not idle.
func Client(h http.Handler) *http.Client { return &http.Client{Transport: transport{h}} }

// Break breaks the connection so that the client sees no answer at all. Without
// a connection of its own it panics with [http.ErrAbortHandler]: it is the last
// thing a handler does.
func Break(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // "connection reset by peer" rather than an orderly end
	}
	_ = connection.Close()
}

// transport reaches a fake without a network.
type transport struct{ fake http.Handler }

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
		t.fake.ServeHTTP(w, in)
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
