package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// TestLooks: as many requests are sent as were asked for, by all together, and each
// as a browser sends it.
func TestLooks(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Accept-Encoding") != "gzip" || r.Header.Get("Authorization") != "Bearer "+readToken {
			t.Errorf("header %v", r.Header)
		}
		_, _ = w.Write(make([]byte, 1234))
	}))
	defer server.Close()
	s, err := looks{server.URL, 4, 30}.run()
	if err != nil {
		t.Fatal(err)
	}
	if asked.Load() != 30 || s.requests != 30 || s.wire != 1234 {
		t.Errorf("%d asked, %d counted, %d bytes", asked.Load(), s.requests, s.wire)
	}
}

// TestLooksRefused: what is refused is no figure.
func TestLooksRefused(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if _, err := (looks{server.URL, 2, 10}).run(); !errors.Is(err, errRefused) {
		t.Errorf("error %v", err)
	}
}

// TestBoth goals must be kept.
func TestBoth(t *testing.T) {
	if g := both(below(50, 49, " ms"), atMost(100, 100, " kB")); g.String() != "< 50 ms, ≤ 100 kB kept" {
		t.Error(g)
	}
	if g := both(below(50, 49, " ms"), atMost(100, 101, " kB")); g.kept {
		t.Error(g)
	}
}
