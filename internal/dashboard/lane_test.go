package dashboard_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/dashboard"
)

// hung is a ledger that tells nothing of the lanes while it hangs.
type hung struct {
	dashboard.Ledger
	hangs, broken bool
	asked         int
}

func (h *hung) Lanes(ctx context.Context) ([]shipbell.Lane, error) {
	h.asked++
	switch {
	case h.hangs:
		<-ctx.Done()
		return nil, ctx.Err()
	case h.broken:
		return nil, errors.New("away")
	}
	return h.Ledger.Lanes(ctx)
}

// TestStoreHangs: pages that are not about the lanes do not wait for them, say what was
// known a moment ago, and no page says that all is well where that is not known.
func TestStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(hung)
		s := open(t, few, func(o *dashboard.Options) {
			h.Ledger = o.Ledger
			o.Ledger = h
		})
		const paused, unsure = `data-title="(1 failing, 1 channel paused) `, `data-title="(1 failing, messages not known) `
		check := func(path string, status int, within time.Duration, want string) {
			t.Helper()
			began := time.Now() // of the bubble's clock
			w := s.part(reader, path)
			if took := time.Since(began); w.Code != status || took > within || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s after %v: %d, and no %q in %.300s", path, took, w.Code, want, w.Body)
			}
		}
		pages := func(want string) {
			t.Helper()
			for path, status := range map[string]int{
				"/deployments": http.StatusOK, "/deployments/1": http.StatusOK, "/insights": http.StatusOK,
				"/?since=never": http.StatusBadRequest, "/deployments/999999": http.StatusNotFound,
			} {
				time.Sleep(time.Minute / 8) // of the bubble's clock: nobody asked just now
				check(path, status, 200*time.Millisecond, want)
			}
		}
		h.hangs = true
		pages(unsure)
		h.hangs = false
		time.Sleep(time.Second)
		check("/deployments", http.StatusOK, 0, paused)
		h.hangs = true
		pages(paused)
		time.Sleep(time.Minute)
		pages(unsure)

		h.hangs, h.asked = false, 0
		time.Sleep(time.Minute)
		check("/", http.StatusOK, 0, paused)
		if h.asked != 1 {
			t.Errorf("a page asked %d times", h.asked)
		}
	})
}

// TestLanesUnreadable: where lanes cannot be read it is not known whether messages
// arrive.
func TestLanesUnreadable(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*hung)
		want   string
	}{
		"good":   {func(*hung) {}, "Everything is live"},
		"broken": {func(h *hung) { h.broken = true }, "It is not known whether messages arrive"},
		"hangs":  {func(h *hung) { h.hangs = true }, "It is not known whether messages arrive"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, good, func(o *dashboard.Options) {
				h := &hung{Ledger: o.Ledger}
				test.change(h)
				o.Ledger = h
			})
			page := s.fragment(t, reader, "/")
			got := heading.FindStringSubmatch(page)
			if got == nil || got[1] != test.want || strings.Contains(page, `class="pulse bad"`) != (name != "good") {
				t.Errorf("%s: %q", name, got)
			}
		})
	}
	s := open(t, few, func(o *dashboard.Options) { o.Ledger = &hung{Ledger: o.Ledger, broken: true} })
	if got := heading.FindStringSubmatch(s.fragment(t, reader, "/")); got == nil || got[1] != "1 failing, and it is not known whether messages arrive" {
		t.Errorf("with a failure: %q", got)
	}
}
