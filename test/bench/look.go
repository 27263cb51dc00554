package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// looks are visitors, each of whom asks for one page after the other and waits for
// it, over a connection of their own. They take it packed, as browsers do.
type looks struct {
	url      string
	visitors int
	requests int
}

// seen is what they came to.
type seen struct {
	result
	wire   int64 // bytes of one answer's body as it is sent
	status int
}

// run asks. An answer that is refused ends it; its status is told.
func (l looks) run() (seen, error) {
	var next, wire atomic.Int64
	latencies := make([][]time.Duration, l.visitors)
	errs := make([]error, l.visitors)
	var status atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for v := range l.visitors {
		group.Go(func() {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}}
			defer client.CloseIdleConnections()
			for next.Add(1) <= int64(l.requests) {
				began := time.Now()
				code, n, err := look(client, l.url)
				status.Store(int64(code))
				if err != nil {
					errs[v] = err
					return
				}
				wire.Store(n)
				latencies[v] = append(latencies[v], time.Since(began))
			}
		})
	}
	group.Wait()
	s := seen{result: result{took: time.Since(start), latencies: slices.Concat(latencies...)}, wire: wire.Load(), status: int(status.Load())}
	s.requests = int64(len(s.latencies))
	slices.Sort(s.latencies)
	return s, errors.Join(errs...)
}

// errRefused is an answer other than 200.
var errRefused = errors.New("refused")

// look asks once, and returns the status and how long the body was.
func look(client *http.Client, url string) (status int, n int64, err error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, 0, err
	}
	request.Header.Set("Accept", "text/html,*/*;q=0.8") // as browsers do; programs are not shown pages
	request.Header.Set("Accept-Encoding", "gzip")
	request.Header.Set("Authorization", "Bearer "+readToken)
	answer, err := client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	n, err = io.Copy(io.Discard, answer.Body)
	err = errors.Join(err, answer.Body.Close())
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %w: %s", url, errRefused, answer.Status)
	}
	return answer.StatusCode, n, err
}
