package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/dashboard"
	"github.com/shipbell/shipbell/internal/dashboard/dashboardtest"
)

// A parameter that is said again and again stands in every address of a page: the
// page must not become as long as their product.
func TestLongAddresses(t *testing.T) {
	s := open(t, few, nil)
	const (
		longest = 14 << 10 // of an address that the server takes
		most    = 384 << 10
	)
	for path, names := range map[string][]string{"/": {"state"}, "/deployments": {"author", "branch", "environment", "project"}} {
		for _, same := range []bool{true, false} {
			var b strings.Builder
			for i := 0; b.Len() < longest; i++ {
				value := "x"
				if !same {
					value = string(rune('a' + i%26))
				}
				name := names[i%len(names)]
				if name != "state" && strings.Count(b.String(), name+"=") >= 250 {
					break
				}
				b.WriteString(name + "=" + value + "&")
			}
			w := s.get(reader, path+"?"+b.String())
			if w.Code != http.StatusOK || w.Body.Len() > most {
				t.Errorf("%s with %d bytes of parameters: %d, a page of %d bytes, want at most %d", path, b.Len(), w.Code, w.Body.Len(), most)
			}
		}
	}
}

// The form for a token is not kept: what it says is for whoever came last.
func TestSignInIsNotKept(t *testing.T) {
	s := open(t, few, nil)
	if got := s.get(nobody, "/signin").Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("the form is kept as %q", got)
	}
	if got := s.post(nobody, "/signin", url.Values{"token": {"wrong"}}).Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("the answer to a wrong token is kept as %q", got)
	}
}

// closed are doors that cannot be opened now.
type closed struct {
	dashboardtest.Doors
	err error
}

func (c *closed) SignIn(http.ResponseWriter, *http.Request, string) (shipbell.Visitor, error) {
	return shipbell.Visitor{}, c.err
}

// What is wrong with the store is for the log, not for who stands at the door.
func TestSignInTellsNothing(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		want   string
	}{
		{&access.Unavailable{Reason: "read the tokens: open /srv/secret.db: denied", Hint: "the store cannot be read; try again"}, http.StatusServiceUnavailable, "The store cannot be read; try again."},
		{access.ErrSlowDown, http.StatusTooManyRequests, "This address sent many wrong tokens."},
		{access.ErrPushToken, http.StatusForbidden, "This token may push, and not look"},
	} {
		s := open(t, few, func(o *dashboard.Options) { o.Doors = &closed{err: c.err} })
		w := s.post(nobody, "/signin", url.Values{"token": {"sb_x"}})
		if page := w.Body.String(); w.Code != c.status || strings.Contains(page, "secret.db") || !strings.Contains(page, c.want) {
			t.Errorf("%v: %d %s", c.err, w.Code, page)
		}
	}
}
