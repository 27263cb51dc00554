package outbound

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
)

const (
	// DefaultTimeout bounds a request from dialling to the last byte of the
	// answer. The services asked answer in well under a second, and a lane sends
	// one message at a time, so a longer wait only stops the lane. A much shorter
	// one would give up on requests that were accepted, and repeat their messages.
	DefaultTimeout = 10 * time.Second

	// DefaultMaxBody bounds an answer, in bytes after decompression. The largest
	// expected ones are pages of a deployment list, a tenth of that.
	DefaultMaxBody = 1 << 20

	dialTimeout         = 5 * time.Second
	tlsHandshakeTimeout = 5 * time.Second
	idleConnTimeout     = 90 * time.Second
	maxIdleConns        = 32
	maxIdleConnsPerHost = 4
	maxHeaderBytes      = 64 << 10
)

// Options are the settings of a [Client]. The zero value is good.
type Options struct {
	Timeout   time.Duration     // of a whole request; 0: DefaultTimeout
	MaxBody   int64             // bytes of an answer; 0: DefaultMaxBody
	Version   string            // for the User-Agent shipbell/<version>; empty: dev
	Transport http.RoundTripper // nil: TCP, TLS and the proxies of the environment
}

// Client sends requests. It is safe for concurrent use and reuses connections.
type Client struct {
	http      *http.Client
	timeout   time.Duration
	maxBody   int64
	userAgent string
}

// New returns a client.
func New(o Options) *Client {
	transport := o.Transport
	if transport == nil {
		dialer := &net.Dialer{Timeout: dialTimeout}
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    tlsHandshakeTimeout,
			IdleConnTimeout:        idleConnTimeout,
			MaxIdleConns:           maxIdleConns,
			MaxIdleConnsPerHost:    maxIdleConnsPerHost,
			MaxResponseHeaderBytes: maxHeaderBytes,
		}
	}
	return &Client{
		http: &http.Client{
			Transport: transport,
			// A redirect would carry the secrets in path and headers to whoever it
			// names, and turn a POST into a GET. The caller sees the 3xx.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		timeout:   cmp.Or(o.Timeout, DefaultTimeout),
		maxBody:   cmp.Or(o.MaxBody, DefaultMaxBody),
		userAgent: "shipbell/" + cmp.Or(o.Version, "dev"),
	}
}

// Response is a whole answer, whatever its status. Body and headers come from
// outside and may quote the request: pass what is shown to people through
// [Redact].
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends req and reads the whole answer. Secrets are the parts of the request
// that no error may show. Every error is an [*Error]; an HTTP status is none.
func (c *Client) Do(req *http.Request, secrets ...Secret) (*Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	defer c.limit(cancel)()
	sent := req.Clone(ctx)
	if sent.Body != nil {
		sent.Body = &guarded{sent.Body, ctx}
		if again := sent.GetBody; again != nil { // for a connection that turns out to be closed
			sent.GetBody = func() (io.ReadCloser, error) {
				body, err := again()
				return &guarded{body, ctx}, err
			}
		}
	}
	if sent.Header.Get("User-Agent") == "" {
		sent.Header.Set("User-Agent", c.userAgent)
	}

	resp, err := c.http.Do(sent)
	if err != nil {
		return nil, c.explain(ctx, req, err, secrets)
	}
	defer func() { _ = resp.Body.Close() }()

	// Reading up to the end lets the connection be used again. One that has more
	// to say than the limit is closed instead.
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	if err != nil {
		return nil, c.explain(ctx, req, fmt.Errorf("read the answer: %w", err), secrets)
	}
	if int64(len(body)) > c.maxBody {
		return nil, newError(req, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, c.maxBody), secrets)
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// lastLook is the end of a time-out, which is waited for on its own. A process
// that stood still for longer wakes up with the time over and the answer there;
// it then looks at the answer, which says what became of the request. On a crowded
// machine that takes a while.
const lastLook = 500 * time.Millisecond

// limit ends a request when its time is over; stop says that it has ended.
func (c *Client) limit(end context.CancelCauseFunc) (stop func()) {
	look := min(lastLook, c.timeout/2)
	var mu sync.Mutex
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(c.timeout-look, func() {
		mu.Lock()
		defer mu.Unlock()
		timer = time.AfterFunc(look, func() { end(context.DeadlineExceeded) })
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		timer.Stop()
	}
}

// guarded is a body that is only sent while whoever sends it may. It is read at
// the last moment before the request leaves, after a connection was found: a
// process that stood still until then must not go on as if nothing had been.
type guarded struct {
	io.ReadCloser
	ctx context.Context
}

// Read implements [io.Reader].
func (g *guarded) Read(p []byte) (int, error) {
	if err := shipbell.Allowed(g.ctx); err != nil {
		return 0, err
	}
	return g.ReadCloser.Read(p)
}

// explain words the error of a request, and tells our own time-out from the
// caller's.
func (c *Client) explain(ctx context.Context, req *http.Request, err error, secrets []Secret) *Error {
	if ctx.Err() != nil && req.Context().Err() == nil {
		e := newError(req, context.DeadlineExceeded, secrets)
		e.Reason = fmt.Sprintf("no complete answer within %s", c.timeout)
		return e
	}
	return newError(req, err, secrets)
}

// CloseIdleConnections closes the connections that wait to be used again.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }
