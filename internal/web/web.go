// Package web is the HTTP side of the server: ingest, state and health.
//
// Its one rule: an answer that says something was taken is written after the
// ledger has it on disk. What it does not understand it refuses with a code, the
// field and a hint; what it answers never holds a secret.
package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/source/push"
)

// Limits against slow and hostile clients.
const (
	// MaxBody is the largest accepted body. A commit message of 200 KiB fits.
	MaxBody = 256 << 10
	// The time-outs bound how long one connection can hold a goroutine: to send
	// its header, its whole request, to take its answer, and to do nothing.
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 60 * time.Second
	maxHeader     = 16 << 10
)

// Ledger is what the web side asks of the ledger.
type Ledger interface {
	Record(ctx context.Context, e shipbell.Event) (ledger.Recorded, error)
	Report(ctx context.Context, r shipbell.Report) error
	State(ctx context.Context) (ledger.State, error)
	Check(ctx context.Context) error
	Lanes(ctx context.Context) ([]shipbell.Lane, error)
}

// Options are the parts the web side works with.
type Options struct {
	Ledger Ledger
	// Token is what a push must bear.
	Token string
	// Hook opens POST /hooks/cloudflare; nil leaves it closed.
	Hook *Hook
	// Hearings says how well each source that asks can be heard; nil for none.
	Hearings func() []shipbell.Hearing
	// Channels are the configured ones, in the order of the settings.
	Channels []shipbell.ChannelID
	Version  string
	Started  time.Time
	// Now tells the time at which something is taken; nil means the system clock.
	Now func() time.Time
	// Leases returns who does what only one replica may; nil where there is one.
	Leases func(context.Context) ([]shipbell.Lease, error)
	// Held names the lease under which each channel is delivered to.
	Held map[shipbell.ChannelID]shipbell.LeaseName
	// Replica is the name of this one; empty where there is one.
	Replica shipbell.Replica
	// Routes are those of other parts. They need the token.
	Routes []access.Route
	Log    *slog.Logger
}

// Server answers requests. Make one with New.
type Server struct {
	Options
	token  [sha256.Size]byte
	secret [sha256.Size]byte
	tarpit *tarpit
	check  remembered[struct{}]
	lanes  remembered[[]shipbell.Lane]
	leases remembered[[]shipbell.Lease]
}

// New makes the web side.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{Options: o, token: sha256.Sum256([]byte(o.Token)), tarpit: newTarpit()}
	if o.Hook != nil {
		s.secret = sha256.Sum256([]byte(o.Hook.Secret))
	}
	return s
}

// Handler returns the routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/notify", s.method(http.MethodPost, s.authorized(s.notify)))
	if s.Hook != nil {
		mux.HandleFunc("/hooks/cloudflare", s.method(http.MethodPost, s.hook))
	}
	mux.HandleFunc("/state", s.method(http.MethodGet, s.authorized(s.state)))
	mux.HandleFunc("/health", s.method(http.MethodGet, s.getHealth))
	for _, route := range s.Routes {
		mux.HandleFunc(route.Path, s.method(route.Method, s.authorized(route.Handler.ServeHTTP)))
	}
	mux.HandleFunc("/{$}", s.method(http.MethodGet, s.root))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, problem{Error: "Not found", Code: "not_found", Hint: "POST /notify, GET /state, GET /health"})
	})
	return mux
}

// HTTPServer returns a server with the limits set. Its base context is done when
// ctx is.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
}

// problem is the body of every refusal but 401.
type problem struct {
	Error string `json:"error"`
	Code  string `json:"code"`
	Field string `json:"field,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

func fail(w http.ResponseWriter, status int, p problem) {
	writeJSON(w, status, p)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	body := strings.TrimSuffix(b.String(), "\n")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// method lets one method pass, and HEAD where GET does.
func (s *Server) method(allowed string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Method != allowed && (allowed != http.MethodGet || r.Method != http.MethodHead) {
			w.Header().Set("Allow", allowed)
			fail(w, http.StatusMethodNotAllowed, problem{Error: "Method not allowed", Code: "method_not_allowed", Hint: "use " + allowed})
			return
		}
		next(w, r)
	}
}

// authorized lets requests pass that bear the token. Digests of equal length
// are compared in constant time, so that neither content nor length of the
// token shows in how long it takes.
func (s *Server) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if token, ok := bearer(r); ok {
			if equal(token, s.token) {
				next(w, r)
				return
			}
		}
		s.refuse(w, r)
	}
}

// equal compares a secret in constant time.
func equal(given string, want [sha256.Size]byte) bool {
	digest := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(digest[:], want[:]) == 1
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, ok && strings.EqualFold(scheme, "Bearer")
}

// refuse answers a wrong token, late when its address has sent many.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	if !s.tarpit.hold(r.Context(), address) {
		w.Header().Set("Retry-After", strconv.Itoa(int(tarpitDelay.Seconds())))
		w.Header().Set("Connection", "close")
		fail(w, http.StatusTooManyRequests, problem{Error: "Too many requests", Code: "too_many_wrong_tokens", Hint: "this address sent many wrong tokens; wait a moment"})
		return
	}
	s.Log.Warn("refused a wrong or missing token", "path", r.URL.Path, "address", address)
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	w.Header().Set("WWW-Authenticate", "Bearer")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, "Unauthorized")
}

// accepted is the contract's answer, to the byte.
type accepted struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

func (s *Server) notify(w http.ResponseWriter, r *http.Request) {
	body, ok := s.body(w, r)
	if !ok {
		return
	}
	event, err := push.Decode(body, s.Now())
	if err != nil {
		s.failPush(w, err)
		return
	}
	if _, err := s.Ledger.Record(r.Context(), event); err != nil {
		s.failPush(w, err)
		return
	}
	writeJSON(w, http.StatusOK, accepted{Success: true, Message: "Notification queued"})
}

// body reads the body of a request, or refuses it.
func (s *Server) body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		s.failBody(w, err)
		return nil, false
	}
	return body, true
}

func (s *Server) failBody(w http.ResponseWriter, err error) {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		w.Header().Set("Connection", "close")
		fail(w, http.StatusRequestEntityTooLarge, problem{Error: "Request body too large", Code: "too_large", Hint: "at most 256 KiB; shorten commitMessage or error"})
		return
	}
	fail(w, http.StatusBadRequest, problem{Error: "Invalid request body", Code: "incomplete", Hint: "the body ended early or came too slowly"})
}

func (s *Server) failPush(w http.ResponseWriter, err error) {
	var bad *push.Error
	switch {
	case errors.As(err, &bad):
		fail(w, http.StatusBadRequest, problem{Error: "Invalid request body", Code: string(bad.Code), Field: bad.Field, Hint: bad.Hint})
	case errors.Is(err, shipbell.ErrInvalid):
		fail(w, http.StatusBadRequest, problem{Error: "Invalid request body", Code: string(push.CodeValue), Hint: "see the fields of a push in the documentation"})
	default:
		s.Log.Error("could not store a push; its sender was told to try again", "error", err, "hint", hintOf(err))
		s.unavailable(w)
	}
}

// unavailable answers that nothing was stored. The cause is in the log and on
// /health; a pusher can only come back.
func (s *Server) unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	fail(w, http.StatusServiceUnavailable, problem{Error: "Not stored", Code: "store_unavailable", Hint: "nothing was stored; try again"})
}

func (s *Server) state(w http.ResponseWriter, r *http.Request) {
	state, err := s.Ledger.State(r.Context())
	if err != nil {
		s.Log.Error("could not read the state", "error", err)
		s.unavailable(w)
		return
	}
	writeJSON(w, http.StatusOK, state)
}

func (s *Server) root(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	_, _ = io.WriteString(w, "Deployment Monitor Active\n\nShipbell "+s.Version+"\nPOST /notify  takes a push\nGET  /state   ids that were taken\nGET  /health  OK while pushes can be stored; ?verbose for every part\n")
}
