package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load sends pushes over a number of keep-alive connections, each with one
// request under way at a time, and measures every answer. It uses Go's HTTP
// client, as a build step written in Go does.
type load struct {
	url         string // of the endpoint
	token       string
	connections int
	// body makes the n-th body.
	body func(n int64, b []byte) []byte
	// first is the number of the first body.
	first int64
}

// result is what a load came to.
type result struct {
	requests  int64
	took      time.Duration
	latencies []time.Duration // sorted
}

func (r result) perSecond() float64 { return float64(r.requests) / r.took.Seconds() }

// quantile returns the latency that a share q of the requests stayed within.
func (r result) quantile(q float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	return r.latencies[min(int(q*float64(len(r.latencies))), len(r.latencies)-1)]
}

// run sends for the given time. Any answer but 200 is an error.
func (l load) run(d time.Duration) (result, error) {
	return l.send(func(_ int64, start time.Time) bool { return time.Since(start) < d })
}

// runN sends n pushes.
func (l load) runN(n int64) (result, error) {
	return l.send(func(i int64, _ time.Time) bool { return i < n })
}

func (l load) send(more func(sent int64, start time.Time) bool) (result, error) {
	var next atomic.Int64
	var failure atomic.Pointer[error]
	latencies := make([][]time.Duration, l.connections)
	var group sync.WaitGroup
	start := time.Now()
	for c := range l.connections {
		group.Go(func() {
			err := l.connection(func() (int64, bool) {
				n := next.Add(1) - 1
				return l.first + n, failure.Load() == nil && more(n, start)
			}, &latencies[c])
			if err != nil {
				failure.CompareAndSwap(nil, &err)
			}
		})
	}
	group.Wait()
	r := result{took: time.Since(start), latencies: slices.Concat(latencies...)}
	r.requests = int64(len(r.latencies))
	slices.Sort(r.latencies)
	if err := failure.Load(); err != nil {
		return r, *err
	}
	return r, nil
}

func (l load) connection(next func() (int64, bool), latencies *[]time.Duration) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	var body []byte
	for {
		n, ok := next()
		if !ok {
			return nil
		}
		body = l.body(n, body[:0])
		request, err := http.NewRequest(http.MethodPost, l.url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+l.token)
		start := time.Now()
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("answer %s: %s", answer.Status, text)
		}
		*latencies = append(*latencies, time.Since(start))
	}
}

// contractBody is the request of the contract, with an id of its own for each n.
func contractBody(n int64, b []byte) []byte {
	b = append(b, `{"deployment":{"type":"worker","projectName":"api-service","deploymentId":"`...)
	b = appendUUID(b, uint64(n))
	return append(b, `","branch":"feature/add-auth","commitHash":"abc123def4567890abc123def4567890abc12345","commitMessage":"Add JWT authentication\n\nImplemented:\n- Token generation\n- Token validation\n- Refresh tokens","author":"dev@example.com","timestamp":"2025-01-15T10:30:45Z","environment":"production","isCI":true}}`...)
}

// appendUUID appends what looks like a random UUID, as build ids are: ids that
// grow in order would flatter an index.
func appendUUID(b []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	hi, lo := mix(n), mix(n^0x9e3779b97f4a7c15)
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			b = append(b, '-')
		}
		if i < 16 {
			b = append(b, digits[hi>>(60-4*i)&15])
		} else {
			b = append(b, digits[lo>>(60-4*(i-16))&15])
		}
	}
	return b
}

// mix is the finaliser of SplitMix64: one to one, and without any visible order.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
