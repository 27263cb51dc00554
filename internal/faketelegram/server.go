package faketelegram

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell/internal/fakeserver"
)

// DefaultToken is the bot's token if [Options] names none. It opens nothing.
const DefaultToken = "1234567890:not-a-real-token"

// Options say how a server behaves. The zero value is a strict server on the
// real clock that forgets nothing.
type Options struct {
	Token     string           // DefaultToken if empty
	Now       func() time.Time // time.Now if nil; called with a lock held
	Unlimited bool             // no limits; pauses that faults begin still hold
	Limits    Limits
	// CountCharacters counts the 4096 characters of a message as Unicode
	// characters, as the open source server does. The default counts UTF-16 code
	// units, which is never more generous: a client that counts either way is safe.
	CountCharacters bool
	// MaxCalls is how many of the newest calls are remembered: 0 all, negative
	// none. MaxRevisions is the same for the earlier states of each message.
	MaxCalls     int
	MaxRevisions int
}

// Server is a Telegram with one bot. It is an [http.Handler]; [Server.Start]
// listens, and [Server.Client] needs no network at all. It is safe for
// concurrent use.
type Server struct {
	options Options
	limits  Limits
	now     func() time.Time
	bot     User
	api     *description
	faults  fakeserver.Decider[Call, Fault]

	mu         sync.Mutex
	chats      map[int64]*chat
	usernames  map[string]*chat // by lower case
	sent       []*slot
	calls      fakeserver.Log[Call]
	ignored    int
	violations []string
	violated   map[string]bool
	news       fakeserver.News
}

// New returns a server that knows no chats. It starts nothing.
func New(o Options) *Server {
	if o.Token == "" {
		o.Token = DefaultToken
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{
		options:   o,
		limits:    o.Limits.withDefaults(),
		now:       o.Now,
		bot:       User{ID: leadingInt(o.Token), IsBot: true, FirstName: "Shipbell", Username: "shipbell_bot"},
		api:       loadDescription(),
		chats:     map[int64]*chat{},
		usernames: map[string]*chat{},
		calls:     fakeserver.Log[Call]{Max: o.MaxCalls},
		violated:  map[string]bool{},
	}
}

// Token is the bot's token.
func (s *Server) Token() string { return s.options.Token }

// Start listens on a free port of the local machine. The url is what a client
// takes instead of https://api.telegram.org. Stop breaks open connections.
func (s *Server) Start() (url string, stop func(), err error) {
	return fakeserver.Start(s)
}

// Client returns a client whose requests reach the server without a network,
// whatever host they name. Use it under testing/synctest, where a goroutine that
// waits for the network is not idle.
func (s *Server) Client() *http.Client { return fakeserver.Client(s) }

// tokenForm is what api.telegram.org takes for a token. It answers 404 to
// anything else, and 401 to a token it does not know.
var tokenForm = regexp.MustCompile(`^[0-9]+:[A-Za-z0-9_-]+$`)

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, method, err := split(r)
	if err == nil && token != s.options.Token {
		err = &apiError{Code: http.StatusUnauthorized, Description: "Unauthorized"}
	}
	var a arguments
	if err == nil {
		var problem string
		if a, problem, err = readArguments(r); problem != "" {
			s.violate("%s: %s", method, problem)
		}
	}
	var refusal *apiError
	if err != nil && !errors.As(err, &refusal) {
		return // the client hung up while it sent the request
	}
	if method == "" {
		method = a.text("method")
	}
	name, known := s.api.names[lower(method)]
	if !known {
		name = method
		if err == nil {
			s.violate("unknown method %q", method)
			err = &apiError{Code: http.StatusNotFound, Description: "Not Found: method not found"}
		}
	}
	if err == nil {
		s.check(name, a)
	}
	call := s.receive(name, a)
	if err != nil {
		s.reply(w, call, nil, err)
		return
	}
	s.act(w, r, call, a)
}

// split reads token and method from the path.
func split(r *http.Request) (token, method string, err error) {
	notFound := &apiError{Code: http.StatusNotFound, Description: "Not Found"}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return "", "", &apiError{Code: http.StatusMethodNotAllowed, Description: "Method Not Allowed"}
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/bot")
	if !ok {
		return "", "", notFound
	}
	token, method, ok = strings.Cut(rest, "/")
	if !ok || !tokenForm.MatchString(token) {
		return "", method, notFound
	}
	return token, method, nil
}

// receive notes that a call arrived.
func (s *Server) receive(method string, a arguments) *Call {
	call := &Call{
		Method:    method,
		Thread:    a.integer("message_thread_id"),
		MessageID: a.integer("message_id"),
		Text:      a.text("text"),
		ParseMode: a.text("parse_mode"),
	}
	id := a.text("chat_id")
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, ok := strings.CutPrefix(id, "@"); !ok {
		call.Chat = leadingInt(id)
	} else if c := s.usernames[lower(name)]; c != nil {
		call.Chat = c.ID
	}
	call.Seq = s.calls.Add(call)
	call.Received = s.now()
	s.news.Changed()
	return call
}

// act lets a call take effect and its fault strike, in the order the fault
// says, and answers.
func (s *Server) act(w http.ResponseWriter, r *http.Request, call *Call, a arguments) {
	fault := s.faults.Decide(*call)
	s.mu.Lock()
	call.Fault = fault
	s.mu.Unlock()
	var result any
	var err error
	if !fault.strike(r.Context(), func() { result, err = s.method(r.Context(), call, a) }) {
		s.finish(call, 0, err)
		fakeserver.Break(w)
		return
	}
	switch fault.Kind {
	case FaultStatus:
		status := fault.Status
		if status == 0 {
			status = http.StatusBadGateway
		}
		s.finish(call, status, err)
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html><body><h1>" + strconv.Itoa(status) + " " + http.StatusText(status) + "</h1></body></html>\n"))
	case FaultReset:
		s.finish(call, 0, err)
		fakeserver.Break(w)
	case FaultGarbage:
		s.finish(call, http.StatusOK, err)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"ok":true,"result":{"message_id":`))
	case FaultRateLimit:
		s.reply(w, call, nil, s.limit(call, fault.RetryAfter))
	case FaultRefuse:
		refusal := &apiError{Code: fault.Status, Description: fault.Description}
		if refusal.Code == 0 {
			refusal.Code = http.StatusBadRequest
		}
		s.reply(w, call, nil, refusal)
	default:
		s.reply(w, call, result, err)
	}
}

// limit begins the pause of an injected 429. A call in an earlier pause has
// ignored it all the same.
func (s *Server) limit(call *Call, retryAfter time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chats[call.Chat]
	if c == nil {
		return tooMany(fakeserver.Seconds(retryAfter))
	}
	if call.spends() && call.Seq > c.budget.pausedBy && c.budget.pausedUntil.After(s.now()) {
		s.ignored++
	}
	return s.pause(c, fakeserver.Seconds(retryAfter))
}

// envelope is the form of every answer.
type envelope struct {
	OK          bool        `json:"ok"`
	Result      any         `json:"result,omitempty"`
	ErrorCode   int         `json:"error_code,omitempty"`
	Description string      `json:"description,omitempty"`
	Parameters  *parameters `json:"parameters,omitempty"`
}

// reply answers a call with its result or its refusal.
func (s *Server) reply(w http.ResponseWriter, call *Call, result any, err error) {
	status := http.StatusOK
	body := envelope{OK: true, Result: result}
	var refusal *apiError
	if errors.As(err, &refusal) {
		status = refusal.Code
		body = envelope{ErrorCode: refusal.Code, Description: refusal.Description}
		if refusal.Parameters != (parameters{}) {
			body.Parameters = &refusal.Parameters
		}
		if n := refusal.Parameters.RetryAfter; n > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(n))
		}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic("faketelegram: " + err.Error())
	}
	s.finish(call, status, err)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client may be gone
}

// finish notes the outcome of a call.
func (s *Server) finish(call *Call, status int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	call.Done, call.Status = true, status
	if err != nil {
		call.Description = err.Error()
	}
	s.news.Changed()
}
