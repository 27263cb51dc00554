package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// target is what takes a load.
type target struct {
	// urls are endpoints that do the same; the connections are shared out
	// among them.
	urls   []string
	header http.Header
	// body appends the n-th body.
	body func(b []byte, n int64) []byte
	// lenient counts answers other than 200 instead of failing: a peer may
	// refuse under load, and that is a result.
	lenient bool
}

// load sends to a target over a number of keep-alive connections, each with one
// request under way at a time, and measures every answer. It uses Go's HTTP
// client, as a build step written in Go does.
type load struct {
	target
	connections int
	first       int64 // the number of the first body
	// every has a request begin at a constant rate, whatever becomes of those before
	// it, as far as there is a connection for it; a latency counts from when it should
	// have begun. Zero begins the next when the last was answered.
	every time.Duration
}

// result is what a load came to.
type result struct {
	requests  int64 // answered with 200
	refused   int64 // answered otherwise
	took      time.Duration
	latencies []time.Duration // of those answered with 200, sorted
}

func (r result) perSecond() float64 { return float64(r.requests) / r.took.Seconds() }

// quantile returns the latency that a share q of the requests stayed within.
func (r result) quantile(q float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	return r.latencies[min(int(q*float64(len(r.latencies))), len(r.latencies)-1)]
}

// sorted returns the result with its latencies in order.
func (r result) sorted() result {
	slices.Sort(r.latencies)
	return r
}

// run sends for the given time.
func (l load) run(d time.Duration) (result, error) {
	if l.every > 0 {
		return l.runN(int64(d / l.every))
	}
	return l.send(func(_ int64, start time.Time) bool { return time.Since(start) < d })
}

// runN sends n requests.
func (l load) runN(n int64) (result, error) {
	return l.send(func(i int64, _ time.Time) bool { return i < n })
}

func (l load) send(more func(sent int64, start time.Time) bool) (result, error) {
	var next, refused atomic.Int64
	var failure atomic.Pointer[error]
	latencies := make([][]time.Duration, l.connections)
	var group sync.WaitGroup
	start := time.Now()
	for c := range l.connections {
		group.Go(func() {
			took, err := l.connection(l.urls[c%len(l.urls)], &refused, func() (int64, time.Time, bool) {
				n := next.Add(1) - 1
				if failure.Load() != nil || !more(n, start) {
					return 0, time.Time{}, false
				}
				due := time.Now()
				if l.every > 0 {
					due = start.Add(time.Duration(n) * l.every)
					time.Sleep(time.Until(due))
				}
				return l.first + n, due, true
			})
			latencies[c] = took
			if err != nil {
				failure.CompareAndSwap(nil, &err)
			}
		})
	}
	group.Wait()
	r := result{took: time.Since(start), latencies: slices.Concat(latencies...), refused: refused.Load()}
	r.requests = int64(len(r.latencies))
	slices.Sort(r.latencies)
	if err := failure.Load(); err != nil {
		return r, *err
	}
	return r, nil
}

// connection sends one request after the other, when next says that it is due,
// until it says that it is enough.
func (l load) connection(url string, refused *atomic.Int64, next func() (int64, time.Time, bool)) (latencies []time.Duration, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	var body []byte
	for {
		n, start, ok := next()
		if !ok {
			return latencies, nil
		}
		body = l.body(body[:0], n)
		request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return latencies, err
		}
		maps.Copy(request.Header, l.header)
		answer, err := client.Do(request)
		if err != nil {
			return latencies, err
		}
		text, err := io.ReadAll(answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return latencies, err
		}
		switch {
		case answer.StatusCode == http.StatusOK:
			latencies = append(latencies, time.Since(start))
		case l.lenient:
			refused.Add(1)
		default:
			return latencies, fmt.Errorf("answer %s: %s", answer.Status, text)
		}
	}
}
