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
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/lately"
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
	// Gate says who may what.
	Gate *access.Gate
	// Routes are those of the other parts, such as the dashboard's. One with the
	// path /{$} is shown to browsers in place of a text.
	Routes []access.Route
	// Explain shows people with a browser what a problem says to programs; nil tells
	// them the same.
	Explain func(w http.ResponseWriter, r *http.Request, status int, title, hint string)
	// Match reports whether patterns of projects, of which there is at least one,
	// let a project pass; nil lets whole names pass.
	Match func(patterns []string, project string) bool
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
	// Holders returns which replica delivers in which channel; nil where there is one.
	Holders func(context.Context) (map[shipbell.ChannelID]shipbell.Replica, error)
	// Replica is the name of this one; empty where there is one.
	Replica shipbell.Replica
	Log     *slog.Logger
}

// Server answers requests. Make one with New.
type Server struct {
	Options
	secret [sha256.Size]byte
	check  lately.Answer[struct{}]
	lanes  lately.Answer[[]shipbell.Lane]
	held   lately.Answer[map[shipbell.ChannelID]shipbell.Replica]
}

// New makes the web side.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Match == nil {
		o.Match = func(patterns []string, project string) bool { return slices.Contains(patterns, project) }
	}
	s := &Server{Options: o}
	if o.Hook != nil {
		s.secret = sha256.Sum256([]byte(o.Hook.Secret))
	}
	return s
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
	writeBody(w, status, strings.TrimSuffix(b.String(), "\n"))
}

func writeBody(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// equal compares a secret in constant time.
func equal(given string, want [sha256.Size]byte) bool {
	digest := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(digest[:], want[:]) == 1
}

// accepted is the contract's answer, to the byte.
const accepted = `{"success":true,"message":"Notification queued"}`

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
	if only := access.VisitorOf(r.Context()).Projects; len(only) > 0 {
		if field := s.beyond(only, event); field != "" {
			fail(w, http.StatusForbidden, problem{Error: "Forbidden", Code: "forbidden_project", Field: field, Hint: "this token may push for " + strings.Join(only, ", ")})
			return
		}
	}
	if _, err := s.Ledger.Record(r.Context(), event); err != nil {
		s.failPush(w, err)
		return
	}
	writeBody(w, http.StatusOK, accepted)
}

// beyond returns the field by which an event is about other projects than those of
// the patterns; empty for none. The script counts as well: its history is told under
// its name, whoever deployed it. That of an environment, as wrangler names it, is its
// project's.
func (s *Server) beyond(only []string, e shipbell.Event) string {
	switch {
	case !s.Match(only, e.Project):
		return "deployment.projectName"
	case e.Script != "" && e.Script != e.Project && e.Script != e.Project+"-"+e.Environment && !s.Match(only, e.Script):
		return "deployment.script"
	}
	return ""
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
