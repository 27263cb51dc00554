package metric_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/metric"
)

// BenchmarkRecord is a push from the ledger on, to a store in memory that is empty
// each time, or it would measure how that grows; the difference is what counting
// costs.
func BenchmarkRecord(b *testing.B) {
	run := func(b *testing.B, o ledger.Options) {
		o.Router = nowhere{}
		l := ledger.New(o)
		e := channeltest.Contract()
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n++
			e.ID = shipbell.EventID(strconv.Itoa(n))
			e.Keys = []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: string(e.ID)}}
			if _, err := l.Record(b.Context(), e); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("uncounted", func(b *testing.B) { run(b, ledger.Options{Store: broken{}}) })
	b.Run("counted", func(b *testing.B) {
		m := metric.New(metric.Options{})
		run(b, ledger.Options{Store: m.Store(broken{}), Count: m.Step})
	})
}

// BenchmarkCount is what a push costs more, part by part.
func BenchmarkCount(b *testing.B) {
	m := metric.New(metric.Options{})
	opened := step("api-service", shipbell.Production, "", shipbell.Announced)
	b.Run("step", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Step(opened)
		}
	})
	b.Run("step-parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				m.Step(opened)
			}
		})
	})
	b.Run("step-beyond-the-bound", func(b *testing.B) {
		m := metric.New(metric.Options{})
		for n := range 1000 {
			m.Step(step(strconv.Itoa(n), shipbell.Production, "", shipbell.Announced))
		}
		b.ReportAllocs()
		for b.Loop() {
			m.Step(opened)
		}
	})
	nothing := func(ledger.Tx) error { return nil }
	for name, s := range map[string]ledger.Store{"store": m.Store(idle{}), "store-unmeasured": idle{}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Update(b.Context(), nothing)
			}
		})
	}
	answers := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for name, h := range map[string]http.Handler{
		"request":            m.Ingest(answers, map[string]shipbell.Source{"/notify": shipbell.SourcePush}),
		"request-unmeasured": answers,
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodPost, "/notify", nil)
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
