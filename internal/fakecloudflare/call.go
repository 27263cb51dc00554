package fakecloudflare

import (
	"net/url"
	"strings"
	"time"
)

// maxCallBody bounds what a [Call] remembers of a request's body, in bytes.
const maxCallBody = 64 << 10

// Call is one request, whatever became of it.
type Call struct {
	Seq      int    // 1 for the first
	Method   string // GET, POST and so on
	Path     string // below [BasePath], decoded
	Route    string // the pattern it matched, such as /accounts/{account}/queues; empty for none
	Query    string // as received, without the question mark
	Token    string // the name of the token; empty for an unknown one and for none
	Body     string // its first 64 KiB
	Received time.Time

	Fault     Fault // what was injected
	Processed bool  // it was let in, even if the client could not hear the answer
	Done      bool  // it has an outcome
	Status    int   // the HTTP status sent; 0 for a broken connection
	Code      int   // of the first error in the envelope; 0 for none
}

// Param is the first value of a parameter of the query.
func (c Call) Param(name string) string {
	values, err := url.ParseQuery(c.Query)
	if err != nil {
		return ""
	}
	return values.Get(name)
}

// receive notes that a request arrived.
func (s *Server) receive(r *request) *Call {
	call := &Call{
		Method: r.Method,
		Path:   strings.TrimPrefix(r.URL.Path, BasePath),
		Query:  r.URL.RawQuery,
		Body:   string(r.body[:min(len(r.body), maxCallBody)]),
	}
	if r.route != nil {
		call.Route = r.route.path
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tokenOf(r.Request); t != nil {
		call.Token = t.Name
	}
	call.Seq = s.calls.Add(call)
	call.Received = s.now()
	s.news.Changed()
	return call
}

func (s *Server) snapshot(call *Call) Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *call
}

// finish notes the outcome of a call.
func (s *Server) finish(call *Call, status, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	call.Done, call.Status, call.Code = true, status, code
	s.news.Changed()
}

// Calls returns the calls in the order of their arrival, those without an
// outcome yet included. See [Options].MaxCalls.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.Calls()
}

// CallCount is how many calls were received, remembered or not.
func (s *Server) CallCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.Count()
}

// Count is how many of the remembered calls the predicate is true for.
func (s *Server) Count(is func(Call) bool) int {
	n := 0
	for _, c := range s.Calls() {
		if is(c) {
			n++
		}
	}
	return n
}
