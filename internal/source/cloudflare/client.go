package cloudflare

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/outbound"
)

// DefaultBaseURL is the address of Cloudflare's API.
const DefaultBaseURL = "https://api.cloudflare.com/client/v4"

// MaxBody bounds an answer, in bytes. A page of 25 Pages projects, each with two
// deployments and their variables, has been seen to exceed a megabyte.
const MaxBody = 16 << 20

const (
	// maxRetryAfter is the longest wait that is honoured. Cloudflare blocks for
	// five minutes; more is a mistake, and asking once too often harms nobody.
	maxRetryAfter = 10 * time.Minute
	// defaultRetryAfter is how long Cloudflare blocks who exceeded the limit, see
	// https://developers.cloudflare.com/fundamentals/api/reference/limits.
	defaultRetryAfter = 5 * time.Minute
	// defaultQuota is the limit where the answers do not name one.
	defaultQuota = 1200
	// reserveShare is the part of the limit that is left to the people's own
	// wrangler and dashboard, which share it: below it nothing more is asked.
	reserveShare = 0.04
	// maxMessage bounds what is kept of an error's text, in bytes.
	maxMessage = 300
)

// ClientOptions are the settings of a [Client].
type ClientOptions struct {
	Token   outbound.Secret
	BaseURL string           // empty: DefaultBaseURL
	HTTP    *outbound.Client // nil: one that takes answers up to MaxBody
	Now     func() time.Time // nil: the system clock
}

// Client asks Cloudflare's API. It does not retry. It remembers what the rate
// limit leaves, and asks nothing while that is nearly used up. It is safe for
// concurrent use.
type Client struct {
	token outbound.Secret
	base  string
	http  *outbound.Client
	now   func() time.Time

	mu       sync.Mutex
	limit    Limit
	requests int
}

// NewClient returns a client.
func NewClient(o ClientOptions) *Client {
	c := &Client{
		// Tokens come out of files, with a line feed at the end.
		token: outbound.NewSecret(strings.TrimSpace(o.Token.Reveal())),
		base:  strings.TrimRight(cmp.Or(strings.TrimSpace(o.BaseURL), DefaultBaseURL), "/"),
		http:  o.HTTP,
		now:   o.Now,
		limit: Limit{Remaining: -1, Quota: defaultQuota},
	}
	if c.http == nil {
		c.http = outbound.New(outbound.Options{MaxBody: MaxBody})
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

// Limit is what the rate limit leaves.
type Limit struct {
	Remaining int       // -1 where it is not known
	Quota     int       // in a window
	ResetAt   time.Time // when the window ends
	// ClosedUntil is when asking may go on after a refusal; zero if it may now.
	ClosedUntil time.Time
}

// reserve is what must be left of the limit.
func (l Limit) reserve() int { return int(float64(l.Quota) * reserveShare) }

// low reports whether little is left, for which it is worth slowing down.
func (l Limit) low() bool {
	return l.Remaining >= 0 && float64(l.Remaining) < lowShare*float64(l.Quota)
}

// Limit returns what the last answer said, without what has passed since.
func (c *Client) Limit() Limit {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, now := c.limit, c.now()
	if !l.ResetAt.After(now) {
		l.Remaining, l.ResetAt = -1, time.Time{}
	}
	if !l.ClosedUntil.After(now) {
		l.ClosedUntil = time.Time{}
	}
	return l
}

// Requests returns how many requests were sent so far.
func (c *Client) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// APIError is an answer that is not what was asked for. It holds no secret.
type APIError struct {
	Method, Path string
	Status       int    // of HTTP
	Code         int    // of Cloudflare; 0 for none
	Message      string // of Cloudflare, shortened
	// RetryAfter is how long to wait after a 429.
	RetryAfter time.Duration
	// Scope is the permission that the request needs, set where it is refused.
	Scope string
}

// Error returns request, status and message on one line.
func (e *APIError) Error() string {
	text := fmt.Sprintf("%s %s: %d", e.Method, e.Path, e.Status)
	if e.Code != 0 {
		text += fmt.Sprintf(" (code %d)", e.Code)
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Scope != "" {
		text += "; it needs the permission " + e.Scope
	}
	return text
}

// Unwrap returns [shipbell.ErrNotFound] where there is no such thing.
func (e *APIError) Unwrap() error {
	if e.Status == http.StatusNotFound {
		return shipbell.ErrNotFound
	}
	return nil
}

// refused reports whether the token may not do that. Cloudflare answers 401 or
// 403; Workers Builds calls tokens that belong to an account invalid.
func refused(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden)
}

// limited returns how long to wait where the rate limit refused.
func limited(err error) time.Duration {
	if e, ok := errors.AsType[*APIError](err); ok && e.Status == http.StatusTooManyRequests {
		return e.RetryAfter
	}
	return 0
}

// fails reports whether an error is likely to meet the next request too.
func fails(err error) bool {
	if err == nil || refused(err) || errors.Is(err, shipbell.ErrNotFound) {
		return false
	}
	e, ok := errors.AsType[*APIError](err)
	return !ok || e.Status == http.StatusTooManyRequests
}

const (
	codePaging = 8000024 // Pages does not like page or per_page
	notTheAPI  = "the answer is not what the API answers"
)

// envelope is the form of every answer. Its fields are read one by one, so that
// one of an unknown type does not spoil the others.
type envelope struct {
	Success *bool           `json:"success"`
	Errors  list[apiFault]  `json:"errors"`
	Result  json.RawMessage `json:"result"`
	Info    object[paging]  `json:"result_info"`
}

type apiFault struct {
	Code    number `json:"code"`
	Message text   `json:"message"`
}

// paging is the result_info of a list.
type paging struct {
	Page       number `json:"page"`
	PerPage    number `json:"per_page"`
	TotalPages number `json:"total_pages"`
	TotalCount number `json:"total_count"`
}

// get asks for path below the base and decodes the result.
func (c *Client) get(ctx context.Context, path string, query url.Values, result any) (paging, error) {
	return c.do(ctx, http.MethodGet, path, query, nil, result)
}

// post sends body as JSON and decodes the result.
func (c *Client) post(ctx context.Context, path string, body, result any) error {
	_, err := c.do(ctx, http.MethodPost, path, nil, body, result)
	return err
}

func (c *Client) do(ctx context.Context, method, path string, query url.Values, body, result any) (paging, error) {
	// Pulling from a queue and acknowledging are not counted by Cloudflare.
	exempt := strings.Contains(path, "/queues/")
	if err := c.open(method, path, exempt); err != nil {
		return paging{}, err
	}
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return paging{}, fmt.Errorf("encode %s: %w", path, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, &payload)
	if err != nil {
		return paging{}, fmt.Errorf("%s %s: the address of the API is not valid", method, path)
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req, c.token)
	if err != nil {
		return paging{}, err
	}
	c.heard(resp.Header, exempt)
	return c.read(method, path, resp, result)
}

// open refuses while the limit is closed or nearly used up.
func (c *Client) open(method, path string, exempt bool) error {
	l := c.Limit()
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := l.ClosedUntil.Sub(c.now())
	message := "waiting as Cloudflare asked"
	if wait <= 0 && !exempt && l.Remaining >= 0 && l.Remaining <= l.reserve() {
		wait = l.ResetAt.Sub(c.now())
		message = "the rate limit is nearly used up; the rest is left to others"
	}
	if wait > 0 && !exempt {
		return &APIError{Method: method, Path: path, Status: http.StatusTooManyRequests, Message: message, RetryAfter: wait}
	}
	c.requests++
	return nil
}

// rateLimit is a parameter of the header Ratelimit, such as "default";r=1187;t=241.
var rateLimit = regexp.MustCompile(`;\s*([rtqw])=(\d+)`)

// heard keeps what an answer says of the limit
// (https://developers.cloudflare.com/changelog/2025-09-03-rate-limiting-improvement).
func (c *Client) heard(h http.Header, exempt bool) {
	if exempt {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, header := range []string{h.Get("Ratelimit"), h.Get("Ratelimit-Policy")} {
		for _, m := range rateLimit.FindAllStringSubmatch(header, -1) {
			n, err := strconv.Atoi(m[2])
			if err != nil || n > 1<<30 {
				continue
			}
			switch m[1] {
			case "r":
				c.limit.Remaining = n
			case "t":
				c.limit.ResetAt = c.now().Add(time.Duration(n) * time.Second)
			case "q":
				c.limit.Quota = max(n, 1)
			}
		}
	}
}

func (c *Client) read(method, path string, resp *outbound.Response, result any) (paging, error) {
	fail := &APIError{Method: method, Path: path, Status: resp.Status}
	var e envelope
	parsed := json.Unmarshal(resp.Body, &e) == nil
	if parsed && len(e.Errors) > 0 {
		fail.Code, fail.Message = int(e.Errors[0].Code), c.clean(string(e.Errors[0].Message))
	}
	switch {
	case resp.Status == http.StatusTooManyRequests:
		fail.RetryAfter = c.close(resp.Header)
		return paging{}, fail
	case resp.Status == http.StatusUnauthorized, resp.Status == http.StatusForbidden:
		fail.Scope = scopeOf(path)
		return paging{}, fail
	case resp.Status < 200 || resp.Status > 299:
		return paging{}, fail
	case !parsed:
		fail.Message = notTheAPI
		return paging{}, fail
	case e.Success == nil || !*e.Success:
		return paging{}, fail
	}
	if result != nil && len(e.Result) > 0 {
		if err := json.Unmarshal(e.Result, result); err != nil {
			fail.Message = notTheAPI
			return paging{}, fail
		}
	}
	return e.Info.V, nil
}

// close notes that the limit refused, and returns how long to wait.
func (c *Client) close(h http.Header) time.Duration {
	now := c.now()
	wait := defaultRetryAfter
	if s, err := strconv.Atoi(strings.TrimSpace(h.Get("Retry-After"))); err == nil {
		wait = time.Duration(s) * time.Second
	} else if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		wait = at.Sub(now)
	}
	wait = min(max(wait, time.Second), maxRetryAfter)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit.ClosedUntil = now.Add(wait)
	return wait
}

// clean makes a remote text fit to be shown.
func (c *Client) clean(s string) string {
	return cut(oneLine(outbound.Redact(s, c.token)), maxMessage)
}

// The permissions, with their names in the dashboard.
const (
	ScopeWorkers  = "Workers Scripts: Read"
	ScopeBuilds   = "Workers Builds Configuration: Read"
	ScopePages    = "Cloudflare Pages: Read"
	ScopeQueues   = "Queues: Edit"
	ScopeAccounts = "Account Settings: Read"
)

// scopeOf returns the permission that a path needs.
func scopeOf(path string) string {
	switch {
	case strings.Contains(path, "/queues"):
		return ScopeQueues
	case strings.Contains(path, "/pages/"):
		return ScopePages
	case strings.Contains(path, "/builds/"):
		return ScopeBuilds
	case strings.Contains(path, "/workers/"):
		return ScopeWorkers
	case path == "/accounts":
		return ScopeAccounts
	}
	return ""
}

// inAccount returns a path below an account, each part escaped.
func inAccount(account string, parts ...string) string {
	path := "/accounts/" + url.PathEscape(account)
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}
