package dashboard_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/shipbell/shipbell/internal/dashboard/dashboardtest"
)

// many tells n projects.
func many(n int) func(*dashboardtest.World, context.Context) error {
	return func(w *dashboardtest.World, ctx context.Context) error {
		for i := range n {
			if err := w.Project(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}
}

// BenchmarkPages makes the first pages of a thousand projects.
func BenchmarkPages(b *testing.B) {
	s := open(b, many(1000), nil)
	for _, path := range []string{"/", "/?q=service-05", "/deployments"} {
		b.Run(path, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header.Set("Accept-Encoding", "gzip")
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				size = s.ask(reader, r).Body.Len()
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}

// TestSmall: the first page of more projects than it shows fits into 60 kB.
func TestSmall(t *testing.T) {
	s := open(t, many(150), nil)
	for _, path := range []string{"/", "/deployments"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		if w := s.ask(admin, r); w.Body.Len() > 60_000 || w.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %d bytes, %v", path, w.Body.Len(), w.Header())
		}
	}
}
