package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
)

// The paths of the contract. What they answer is fixed to the byte.
const (
	notifyPath = "/notify"
	statePath  = "/state"
	// rootPath answers two kinds of visitors: people with browsers, and programs.
	rootPath = "/{$}"
	// SignInPath is where a person is sent who is not signed in.
	SignInPath = "/signin"
)

// tarpitSeconds is when somebody who was turned away may come back.
const tarpitSeconds = "2"

// Routes returns every route of the server, with what each needs.
func (s *Server) Routes() []access.Route {
	own := []access.Route{
		{Method: http.MethodPost, Path: notifyPath, Need: shipbell.ScopePush, Handler: http.HandlerFunc(s.notify)},
		{Method: http.MethodGet, Path: statePath, Need: shipbell.ScopePush, Or: shipbell.ScopeRead, Handler: http.HandlerFunc(s.state)},
		{Method: http.MethodGet, Path: "/health", Handler: http.HandlerFunc(s.getHealth)},
	}
	if s.Hook != nil {
		own = append(own, access.Route{Method: http.MethodPost, Path: "/hooks/cloudflare", Handler: http.HandlerFunc(s.hook)})
	}
	if !slices.ContainsFunc(s.Options.Routes, isRoot) {
		own = append(own, access.Route{Method: http.MethodGet, Path: rootPath, Handler: http.HandlerFunc(s.root)})
	}
	return append(own, s.Options.Routes...)
}

func isRoot(r access.Route) bool { return r.Path == rootPath && r.Method == http.MethodGet }

// Handler answers every route behind the gate.
func (s *Server) Handler() http.Handler {
	paths := make(map[string][]access.Route)
	for _, route := range s.Routes() {
		paths[route.Path] = append(paths[route.Path], route)
	}
	mux := http.NewServeMux()
	for at, routes := range paths {
		mux.Handle(at, s.behind(routes))
	}
	if _, taken := paths["/"]; !taken {
		mux.HandleFunc("/", s.nothing)
	}
	return s.guard(mux)
}

// nothing answers where nothing is. Who may look sees it in the frame of the other
// pages.
func (s *Server) nothing(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if s.Explain != nil && prefersHTML(r) {
		switch known, err := s.Gate.Admit(w, r, access.Route{Method: http.MethodGet, Path: "/", Page: true}); {
		case errors.Is(err, access.ErrSlowDown):
			s.turnAway(w, r)
			return
		case err == nil:
			r = known
		}
		s.Explain(w, r, http.StatusNotFound, "There is no such page", "The address may be mistyped, or from another version.")
		return
	}
	hint := "POST /notify, GET /state, GET /health"
	if strings.HasPrefix(r.URL.Path, "/api/") {
		hint = "GET /api/v1/openapi.json has all paths of the API"
	}
	fail(w, http.StatusNotFound, problem{Error: "Not found", Code: "not_found", Hint: hint})
}

// guard says of every answer what is true of it unless somebody says otherwise: it
// is for whoever asked, nobody keeps it, and no other web site shows it. What panics
// is logged, and answered like any other failure.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v) // the connection is to be cut, and is
			}
			s.Log.Error("a request could not be answered for a mistake of Shipbell", "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			// What was written already must not look whole.
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}

// behind answers the routes of one path, each with its method.
func (s *Server) behind(routes []access.Route) http.Handler {
	var methods []string
	for _, route := range routes {
		methods = append(methods, route.Method)
	}
	slices.Sort(methods)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		for i := range routes {
			if r.Method == routes[i].Method || r.Method == http.MethodHead && routes[i].Method == http.MethodGet {
				s.pass(w, r, routes[i])
				return
			}
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		fail(w, http.StatusMethodNotAllowed, problem{Error: "Method not allowed", Code: "method_not_allowed", Hint: "use " + strings.Join(methods, " or ")})
	})
}

// pass gives a route to those who may have it.
func (s *Server) pass(w http.ResponseWriter, r *http.Request, route access.Route) {
	if isRoot(route) {
		w.Header().Set("Vary", "Accept")
		if !prefersHTML(r) {
			s.root(w, r)
			return
		}
	}
	admitted, err := s.Gate.Admit(w, r, route)
	if err != nil {
		s.refuse(w, r, route, err)
		return
	}
	route.Handler.ServeHTTP(w, admitted)
}

// prefersHTML reports whether a page is wanted. Programs that take anything get
// the text that they always got.
func prefersHTML(r *http.Request) bool {
	page, text := -1.0, 0.0
	for accepted := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, parameters, _ := strings.Cut(accepted, ";")
		quality := 1.0
		if q, ok := strings.CutPrefix(strings.TrimSpace(parameters), "q="); ok {
			quality, _ = strconv.ParseFloat(q, 64)
		}
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "text/html", "application/xhtml+xml":
			page = max(page, quality)
		case "text/plain":
			text = max(text, quality)
		}
	}
	return page > 0 && page >= text
}

// refuse answers who does not pass.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, route access.Route, err error) {
	var unavailable *access.Unavailable
	var unlisted *access.Unlisted
	look := r.Method == http.MethodGet || r.Method == http.MethodHead
	contract := route.Path == notifyPath || route.Path == statePath
	switch {
	case errors.As(err, &unavailable):
		s.Log.Error("could not find out who makes a request", "error", err, "path", r.URL.Path)
		w.Header().Set("Retry-After", "1")
		s.tell(w, r, http.StatusServiceUnavailable, problem{Error: "Not known who you are", Code: "access_unavailable", Hint: unavailable.Hint})
	case errors.Is(err, access.ErrSlowDown):
		s.turnAway(w, r)
	case errors.Is(err, access.ErrCrossOrigin):
		s.tell(w, r, http.StatusForbidden, problem{Error: "Cross-site request", Code: "cross_origin", Hint: "another web site made this browser ask; do it on a page of this server"})
	case errors.As(err, &unlisted):
		s.Log.Warn("refused a workflow of another repository", "repository", unlisted.Name, "id", unlisted.ID)
		s.tell(w, r, http.StatusForbidden, problem{Error: "Forbidden", Code: "forbidden_repository", Hint: unlisted.Error()})
	case errors.Is(err, access.ErrForbidden):
		s.tell(w, r, http.StatusForbidden, problem{Error: "Forbidden", Code: "forbidden", Hint: "this needs a token of scope " + string(route.Need)})
	case errors.Is(err, access.ErrStranger) && route.Page && (look || prefersHTML(r)):
		next := r.URL.RequestURI()
		if !look {
			next = path.Dir(r.URL.Path) // the page that has the button
		}
		http.Redirect(w, r, SignInPath+"?next="+url.QueryEscape(next), http.StatusSeeOther)
	case contract:
		s.refuseToken(w, r, err)
	case errors.Is(err, access.ErrWrong) && s.Gate.Mistake(r) != nil:
		s.turnAway(w, r)
	default:
		s.challenge(w, r)
	}
}

// challenge says that a token is needed. Feed readers send theirs only when they
// are asked for a password; a browser would show a box of its own.
func (s *Server) challenge(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("WWW-Authenticate", "Bearer")
	if r.Header.Get("Sec-Fetch-Mode") == "" {
		w.Header().Add("WWW-Authenticate", `Basic realm="shipbell"`)
	}
	s.tell(w, r, http.StatusUnauthorized, problem{Error: "Unauthorized", Code: "unauthorized", Hint: "send a token as Authorization: Bearer, or as the password of Basic; shipbell token make makes one"})
}

// refuseToken answers a wrong token in the words of the contract, late when its
// address has sent many.
func (s *Server) refuseToken(w http.ResponseWriter, r *http.Request, why error) {
	if s.Gate.Mistake(r) != nil {
		s.turnAway(w, r)
		return
	}
	s.Log.Warn("refused a wrong or missing token", "path", r.URL.Path, "address", access.Address(r), "reason", why)
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	w.Header().Set("WWW-Authenticate", "Bearer")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, "Unauthorized")
}

func (s *Server) turnAway(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", tarpitSeconds)
	w.Header().Set("Connection", "close")
	s.tell(w, r, http.StatusTooManyRequests, problem{Error: "Too many requests", Code: "too_many_wrong_tokens", Hint: "this address sent many wrong tokens; wait a moment"})
}

// tell says what is wrong, to people on a page.
func (s *Server) tell(w http.ResponseWriter, r *http.Request, status int, p problem) {
	if s.Explain != nil && prefersHTML(r) {
		s.Explain(w, r, status, p.Error, p.Hint)
		return
	}
	fail(w, status, p)
}
