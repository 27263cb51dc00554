package main

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/shipbell/shipbell/internal/fakeserver"
)

// owes is for how long a replica may owe an answer before new requests go to
// others: one that is frozen still takes connections.
const owes = 500 * time.Millisecond

// proxy hands requests to the replicas in turn. It passes over those that refuse
// a connection and, while there are others, those that do not answer. What was
// sent is never sent again.
type proxy struct {
	targets   []string
	transport *http.Transport
	address   string
	stop      func()

	wrote    chan int // receives the replica after a push was written to it, if anyone waits for it
	answered chan int // receives the replica after it acknowledged one, if anyone waits for it

	mu   sync.Mutex
	next int
	n    int
	open map[int]passing // requests under way
}

// passing is one request on its way through.
type passing struct {
	target int
	since  time.Time
}

func newProxy(targets []string) (*proxy, error) {
	p := &proxy{
		targets: targets, transport: &http.Transport{MaxIdleConnsPerHost: 256},
		wrote: make(chan int), answered: make(chan int), open: make(map[int]passing),
	}
	url, stop, err := fakeserver.Start(p)
	if err != nil {
		return nil, err
	}
	p.address, p.stop = url[len("http://"):], stop
	return p, nil
}

// order returns the replicas in the order in which to try them.
func (p *proxy) order() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	slow := make(map[int]bool)
	for one := range maps.Values(p.open) {
		if time.Since(one.since) > owes {
			slow[one.target] = true
		}
	}
	var good, bad []int
	for i := range p.targets {
		if target := (p.next + i) % len(p.targets); slow[target] {
			bad = append(bad, target)
		} else {
			good = append(good, target)
		}
	}
	return append(good, bad...)
}

// ServeHTTP passes one request on.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	for _, target := range p.order() {
		resp, err := p.pass(r, body, target)
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			continue
		}
		if err != nil {
			fakeserver.Break(w) // whether it was taken nobody knows
			return
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			fakeserver.Break(w)
			return
		}
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(answer)
		if r.Method == http.MethodPost && resp.StatusCode == http.StatusOK {
			notify(p.answered, target)
		}
		return
	}
	http.Error(w, "no replica is there", http.StatusServiceUnavailable)
}

// pass sends a request to one replica.
func (p *proxy) pass(r *http.Request, body []byte, target int) (*http.Response, error) {
	p.mu.Lock()
	p.n++
	n := p.n
	p.open[n] = passing{target, time.Now()}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, n)
	}()
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { notify(p.wrote, target) }}
	out, err := http.NewRequestWithContext(httptrace.WithClientTrace(r.Context(), trace), r.Method, "http://"+p.targets[target]+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.GetBody = nil // sent once
	out.Header = r.Header.Clone()
	return p.transport.RoundTrip(out)
}
