package fakecloudflare

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell/internal/fakeserver"
)

// DefaultAccount, DefaultAccountName and DefaultSubdomain describe the one
// account if [Options] do not.
const (
	DefaultAccount     = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	DefaultAccountName = "Example"
	DefaultSubdomain   = "example"
)

// Options say how a server behaves. The zero value has one token for everything,
// the real clock and Cloudflare's limits, and forgets nothing.
type Options struct {
	Account     string // 32 hexadecimal digits; DefaultAccount if empty
	AccountName string // DefaultAccountName if empty
	Subdomain   string // of workers.dev; DefaultSubdomain if empty
	Tokens      []Token
	Now         func() time.Time // time.Now if nil; called with a lock held

	// Limit is how many requests a user may make in LimitWindow; 0 means
	// [DefaultLimit] and [DefaultLimitWindow]. With Unlimited, 429s come from
	// faults only.
	Limit       int
	LimitWindow time.Duration
	Unlimited   bool

	// DeploymentsPaged has the list of a Worker's deployments take page and
	// per_page, as the schema of October 2026 says. The default is a field report
	// of summer 2026: the 10 newest, whatever was asked, and result_info null.
	DeploymentsPaged bool
	// BuildWords is how the Builds API spells states; see [BuildWords].
	BuildWords BuildWords
	// BuildLogPage is how many lines of a build's log one answer has; 0 means
	// [DefaultBuildLogPage].
	BuildLogPage int
	// PagesProjectsRefusePerPage has the list of Pages projects refuse any
	// per_page, as one report of July 2026 says.
	PagesProjectsRefusePerPage bool
	// PagesProjectsPerPage is how many projects a page has if the request does not
	// say; 0 means 25. Others have seen 10.
	PagesProjectsPerPage int

	// MaxCalls is how many of the newest calls are remembered: 0 all, negative
	// none.
	MaxCalls int
}

// Server is a Cloudflare with one account. It is an [http.Handler];
// [Server.Start] listens, and [Server.Client] needs no network at all. It is safe
// for concurrent use.
type Server struct {
	options Options
	now     func() time.Time
	faults  fakeserver.Decider[Call, Fault]

	mu            sync.Mutex
	tokens        []*token
	budgets       map[string]*budget // by who pays
	workers       []*worker          // oldest first
	builds        map[string]*build
	triggers      map[string]*trigger
	projects      []*project // oldest first
	queues        []*queue
	subscriptions []*subscription
	sessions      map[string][]string // hashes that each upload of static assets has yet to send
	assets        map[string]bool     // hashes of uploaded files
	calls         fakeserver.Log[Call]
	ignored       int
	ids           int
	news          fakeserver.News
}

// New returns a server with an empty account. It starts nothing.
func New(o Options) *Server {
	if o.Account == "" {
		o.Account = DefaultAccount
	}
	if o.AccountName == "" {
		o.AccountName = DefaultAccountName
	}
	if o.Subdomain == "" {
		o.Subdomain = DefaultSubdomain
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Limit <= 0 {
		o.Limit = DefaultLimit
	}
	if o.LimitWindow <= 0 {
		o.LimitWindow = DefaultLimitWindow
	}
	if o.BuildLogPage <= 0 {
		o.BuildLogPage = DefaultBuildLogPage
	}
	if o.PagesProjectsPerPage <= 0 {
		o.PagesProjectsPerPage = maxPagesPerPage
	}
	if len(o.Tokens) == 0 {
		o.Tokens = []Token{{Secret: DefaultToken, Name: "default", Scopes: AllScopes()}}
	}
	s := &Server{
		options:  o,
		now:      o.Now,
		budgets:  map[string]*budget{},
		builds:   map[string]*build{},
		triggers: map[string]*trigger{},
		assets:   map[string]bool{},
		sessions: map[string][]string{},
		calls:    fakeserver.Log[Call]{Max: o.MaxCalls},
	}
	for _, t := range o.Tokens {
		s.AddToken(t)
	}
	return s
}

// Account is the id of the account.
func (s *Server) Account() string { return s.options.Account }

// BasePath is where the API begins.
const BasePath = "/client/v4"

// Start listens on a free port of the local machine. The url is what a client
// takes instead of https://api.cloudflare.com/client/v4. Stop breaks open
// connections.
func (s *Server) Start() (url string, stop func(), err error) {
	if url, stop, err = fakeserver.Start(s); err != nil {
		return "", nil, err
	}
	return url + BasePath, stop, nil
}

// Client returns a client whose requests reach the server without a network,
// whatever host they name. Use it under testing/synctest, where a goroutine that
// waits for the network is not idle.
func (s *Server) Client() *http.Client { return fakeserver.Client(s) }

// maxBody bounds what a request may carry, in bytes. It is Cloudflare's limit of
// an upload on the plans that people start with.
const maxBody = 100 << 20

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
			return // the client hung up while it sent the request
		}
	}
	in := &request{Request: r, server: s, body: body}
	in.route, in.values = match(r.Method, r.URL.EscapedPath())
	call := s.receive(in)

	fault := s.faults.Decide(s.snapshot(call))
	s.mu.Lock()
	call.Fault = fault
	s.mu.Unlock()
	var out answer
	if !fault.strike(r.Context(), func() { out = s.process(in, call) }) {
		s.finish(call, 0, 0)
		fakeserver.Break(w)
		return
	}
	switch fault.Kind {
	case FaultNone:
		s.reply(w, in, call, out)
	case FaultRateLimit:
		s.reply(w, in, call, s.limit(in, call, fault.RetryAfter))
	case FaultRefuse:
		status := fault.Status
		if status == 0 {
			status = http.StatusBadRequest
		}
		s.reply(w, in, call, refuse(status, fault.Code, "%s", fault.Message))
	case FaultStatus:
		status := fault.Status
		if status == 0 {
			status = http.StatusBadGateway
		}
		s.finish(call, status, 0)
		if fault.RetryAfter > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(fakeserver.Seconds(fault.RetryAfter)))
		}
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<html>\r\n<head><title>%d %s</title></head>\r\n<body><center><h1>%d %s</h1></center><hr><center>cloudflare</center></body>\r\n</html>\r\n",
			status, http.StatusText(status), status, http.StatusText(status))
	case FaultReset:
		s.finish(call, 0, 0)
		fakeserver.Break(w)
	case FaultGarbage:
		s.finish(call, http.StatusOK, 0)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"success":true,"errors":[],"messages":[],"result":[{"id":`))
	}
}

// process lets a request take effect: who is it, may it, is there budget, do it.
func (s *Server) process(r *request, call *Call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	call.Processed = true
	r.now = s.now()
	if r.route != nil && r.route.noToken {
		return r.route.serve(r)
	}
	who, refusal := s.authenticate(r)
	if refusal != nil {
		return refusal
	}
	r.token = who
	if refusal := s.spend(r, call); refusal != nil {
		return refusal
	}
	if r.route == nil {
		return noRoute(r.URL.EscapedPath())
	}
	if refusal := s.authorize(r); refusal != nil {
		return refusal
	}
	return r.route.serve(r)
}

// id makes an identifier of 32 hexadecimal digits. The same calls in the same
// order get the same ones, so goldens can show them.
func (s *Server) id(kind string) string {
	s.ids++
	sum := sha256.Sum256(fmt.Appendf(nil, "fakecloudflare %s %d", kind, s.ids))
	return hex.EncodeToString(sum[:16])
}

// uuid makes an identifier in the form of a random UUID.
func (s *Server) uuid(kind string) string {
	b := []byte(s.id(kind))
	b[12], b[16] = '4', "89ab"[b[16]&3]
	return strings.Join([]string{string(b[:8]), string(b[8:12]), string(b[12:16]), string(b[16:20]), string(b[20:])}, "-")
}
