package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// DefaultTimeout is the budget for everything, retries included.
const DefaultTimeout = 5 * time.Second

const (
	firstPause  = 200 * time.Millisecond // doubles with every try
	maxPause    = 2 * time.Second
	maxAnswer   = 64 << 10 // bytes of an answer that are read
	maxHops     = 3        // redirects within the server
	maxTheirs   = 200      // characters of the server's words that are shown
	minAttempt  = 500 * time.Millisecond
	attemptPart = 0.6 // of the time left that one attempt may take, so that a second one fits
)

// Send pushes p to the server, again and again with the same body until the
// server has it, refuses it, or ctx ends; without a deadline in ctx that is
// after [DefaultTimeout]. The error is a [*Problem]. nil means that the server
// has stored it.
//
// Tried again are connections that fail, 408, 429 and 5xx, after as long as the
// server asks for. Redirects are followed within the server alone, because the
// token goes with them.
func Send(ctx context.Context, t Target, p Push) error {
	payload, err := p.Body()
	if err != nil {
		return &Problem{Sentence: "the push cannot be encoded", Hint: reportHint, Err: err}
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	s := &sender{target: t, payload: payload, transport: transport, pause: pause}
	if problem := s.send(ctx); problem != nil {
		return problem
	}
	return nil
}

// sender is one push on its way.
type sender struct {
	target    Target
	payload   []byte
	transport http.RoundTripper
	pause     func(ctx context.Context, d time.Duration) error
}

// failure is a try that did not work.
type failure struct {
	problem    *Problem
	temporary  bool
	retryAfter time.Duration // what the server asked for; 0: nothing
}

func (s *sender) send(ctx context.Context) *Problem {
	begin := time.Now()
	for try := 1; ; try++ {
		f := s.attempt(ctx)
		if f == nil {
			return nil
		}
		p := f.problem
		if try > 1 {
			p.Sentence += fmt.Sprintf(" (tried %d times)", try)
		}
		if !f.temporary || ctx.Err() != nil {
			return p
		}
		wait := max(f.retryAfter, min(firstPause<<min(try-1, 10), maxPause))
		if deadline, ok := ctx.Deadline(); ok && !time.Now().Add(wait).Before(deadline) {
			if f.retryAfter > 0 {
				p.Sentence += fmt.Sprintf("; it asks to wait %s, and the time limit is %s",
					f.retryAfter, deadline.Sub(begin).Round(time.Millisecond))
				p.Hint = "raise --timeout above that, or push less often"
			}
			return p
		}
		if s.pause(ctx, wait) != nil {
			return p
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt makes one try. It ends early enough for another one, because a
// connection that hangs once often works the second time, and the server takes
// the same push twice.
func (s *sender) attempt(ctx context.Context) *failure {
	attempt := ctx
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		part := max(time.Duration(attemptPart*float64(left)), min(left, minAttempt))
		var cancel context.CancelFunc
		attempt, cancel = context.WithTimeout(ctx, part)
		defer cancel()
	}
	if s.target.token == "" && s.target.offer != nil {
		token, f := s.target.offer.take(attempt, s.transport)
		if f != nil {
			return f
		}
		s.target.token = token
	}
	endpoint := s.target.endpoint
	for range maxHops {
		status, header, answer, err := s.post(attempt, endpoint)
		if err != nil {
			return transportFailure(ctx, endpoint, err)
		}
		if status < 300 || status > 399 {
			return s.judge(endpoint, status, header, answer)
		}
		next, err := endpoint.Parse(header.Get("Location"))
		if err != nil || header.Get("Location") == "" || !sameServer(endpoint, next) {
			return &failure{problem: elsewhere(endpoint, next)}
		}
		endpoint = next
	}
	return &failure{problem: &Problem{
		Sentence: endpoint.Host + " redirects in a circle",
		Hint:     "set " + envURL + " to the address that answers without a redirect",
	}}
}

func (s *sender) post(ctx context.Context, to *url.URL) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(s.payload))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.target.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "shipbell")
	res, err := s.transport.RoundTrip(req) // a Client would follow redirects
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return 0, nil, nil, err
	}
	return res.StatusCode, res.Header, answer, nil
}

// sameServer reports whether a redirect stays with the server that the token is
// meant for: same host and port, or the same host with TLS added.
func sameServer(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) || to.User != nil {
		return false
	}
	if from.Scheme == "http" && to.Scheme == "https" {
		return true
	}
	return from.Scheme == to.Scheme && from.Port() == to.Port()
}

func elsewhere(from, to *url.URL) *Problem {
	p := &Problem{
		Sentence: from.Host + " answers with a redirect",
		Hint:     "set " + envURL + " to the address that answers without one; a login page in front must let POST /notify through",
	}
	if to != nil && to.Host != "" && !strings.EqualFold(to.Host, from.Host) {
		p.Sentence += " to " + oneLine(to.Host) + ", and the token stays here"
	}
	return p
}

// answer is what servers say. The contract has success and message; the error
// can be a text or an object.
type answer struct {
	Success *bool           `json:"success"`
	Message any             `json:"message"`
	Error   json.RawMessage `json:"error"`
	Hint    any             `json:"hint"`
}

// words returns the server's own sentence and hint, made fit to print.
func (a answer) words() (sentence, hint string) {
	var plain string
	if json.Unmarshal(a.Error, &plain) != nil {
		var inner answer
		if json.Unmarshal(a.Error, &inner) == nil {
			message, _ := inner.Message.(string)
			hint, _ := inner.Hint.(string)
			return oneLine(message), oneLine(hint)
		}
	}
	if plain == "" {
		plain, _ = a.Message.(string)
	}
	hint, _ = a.Hint.(string)
	return oneLine(plain), oneLine(hint)
}

// judge turns an answer into nil or a failure.
func (s *sender) judge(endpoint *url.URL, status int, header http.Header, data []byte) *failure {
	var a answer
	isJSON := json.Unmarshal(data, &a) == nil
	sentence, hint := a.words()
	sentence, hint = s.target.redact(sentence), s.target.redact(hint)

	if status >= 200 && status <= 299 {
		switch {
		case a.Success != nil && !*a.Success:
			return &failure{problem: refused("the server did not take the push", sentence, hint)}
		case !isJSON && bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")):
			return &failure{problem: &Problem{
				Sentence: endpoint.Host + " answers with a web page, which is not how Shipbell answers",
				Hint:     envURL + " must be the server's base address",
			}}
		}
		return nil
	}

	if status == http.StatusUnauthorized && s.target.offer != nil {
		return &failure{problem: &Problem{
			Sentence: "the server does not take GitHub's id token (401)",
			Hint:     "the server needs GITHUB_OIDC_REPOSITORIES, and " + envAudience + " the value of its GITHUB_OIDC_AUDIENCE; its log says what is wrong",
		}}
	}
	f := &failure{problem: statusProblem(endpoint, status, sentence, hint)}
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		f.temporary = true
		f.retryAfter = retryAfter(header.Get("Retry-After"))
	}
	return f
}

func statusProblem(endpoint *url.URL, status int, sentence, hint string) *Problem {
	host := endpoint.Host
	switch status {
	case http.StatusUnauthorized:
		return &Problem{
			Sentence: "the server refuses the token (401)",
			Hint:     envToken + " differs from the server's " + envToken + ", or from the file token in its data directory where that is not set: give both the same value",
		}
	case http.StatusForbidden:
		if hint != "" { // Shipbell's own
			return refused("the server does not let this build push (403)", sentence, hint)
		}
		return &Problem{
			Sentence: host + " does not let this build in (403)",
			Hint:     "a firewall or an access rule in front of the server must let POST /notify through; the token is not the reason",
		}
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return &Problem{
			Sentence: fmt.Sprintf("%s knows no %s (%d)", host, notifyPath, status),
			Hint:     envURL + " must be the server's base address; " + notifyPath + " is added to it",
		}
	case http.StatusRequestEntityTooLarge:
		return &Problem{
			Sentence: "the push is too large for the server (413)",
			Hint:     "give a shorter commit message with --message",
		}
	case http.StatusTooManyRequests:
		return &Problem{
			Sentence: host + " gets too many requests (429)",
			Hint:     "push less often, or raise --timeout so that this build can wait",
		}
	}
	if status >= 500 || status == http.StatusRequestTimeout {
		return refused(fmt.Sprintf("%s cannot take the push now (%d)", host, status), sentence,
			first(hint, "look at the server's log; what stands in front of it answers so too while it is down"))
	}
	return refused(fmt.Sprintf("the server did not take the push (%d)", status), sentence, hint)
}

func refused(what, sentence, hint string) *Problem {
	if sentence != "" {
		what += ": " + sentence
	}
	return &Problem{
		Sentence: what,
		Hint:     first(hint, "shipbell notify --dry-run shows what is sent; server and client should be of one version"),
	}
}

// retryAfter reads seconds or a date.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at).Round(time.Second), 0)
	}
	return 0
}

// oneLine makes a stranger's text fit to print: one line, no terminal escapes,
// no more than a sentence or two.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxTheirs {
		text = string(runes[:maxTheirs]) + "…"
	}
	return text
}
