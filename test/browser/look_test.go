package browser

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
)

// The widths of a phone, a tablet, a laptop and a large screen.
var widths = []int64{390, 768, 1280, 2560}

// pictured are the widths at which screenshots are kept.
var pictured = map[int64]bool{390: true, 1280: true, 2560: true}

// look checks the page that is shown at every width and in both schemes, and keeps
// its screenshots.
func (p *page) look(name string) {
	p.Helper()
	for _, width := range widths {
		p.size(width)
		at := fmt.Sprintf(" at %d", width)
		p.passes(at, layout)
		if width == 390 || width == 1280 {
			p.passes(at, structure, names, motion)
		}
		for _, scheme := range []string{light, dark} {
			p.prefer(scheme)
			if width == 390 || width == 1280 {
				p.passes(at+", "+scheme, contrast)
			}
			if pictured[width] {
				p.shoot(fmt.Sprintf("%s-%d-%s", name, width, scheme))
			}
		}
		if width == 390 || width == 1280 {
			p.passes(at+", dark", keyboard)
			p.prefer(light)
			if width == 1280 {
				p.passes(at+", light", keyboard)
			}
		}
	}
}

// TestLook looks at every page as people of all kinds do.
func TestLook(t *testing.T) {
	s := serve(t)
	s.fill()
	admin := "" // the server is open to this machine

	failed := s.list("status=failure&project=checkout", admin)[0].ID
	going := s.list("status=in_progress", admin)[0].ID
	well := s.list("status=success&project=api-service", admin)[0].ID
	pages := []struct{ name, path string }{
		{"now", "/"},
		{"now-filtered", "/?type=pages&environment=production"},
		{"deployments", "/deployments"},
		{"deployments-nothing", "/deployments?q=nowhere-to-be-found"},
		{"deployment-failed", fmt.Sprintf("/deployments/%d", failed)},
		{"deployment-under-way", fmt.Sprintf("/deployments/%d", going)},
		{"deployment-well", fmt.Sprintf("/deployments/%d", well)},
		{"channels", "/channels"},
		{"insights", "/insights"},
		{"access", "/access"},
	}
	first := open(t, s.url)
	first.visit("/")
	for _, path := range eval[[]string](first, `[...document.querySelectorAll("nav a[href]")].map((a) => a.pathname)`) {
		known := false
		for _, page := range pages {
			known = known || page.path == path
		}
		if !known {
			t.Errorf("nobody looks at the page %s", path)
		}
	}
	for _, page := range pages {
		t.Run(page.name, func(t *testing.T) {
			t.Parallel()
			p := open(t, s.url)
			if r := p.visit(page.path); r.Status != http.StatusOK {
				t.Fatalf("%s: status %d", page.path, r.Status)
			}
			p.passes(" first", performance)
			p.look(page.name)
		})
	}
}

// TestLookOutside looks at what those see who are not in, or went astray, and at the
// first page of a new server.
func TestLookOutside(t *testing.T) {
	t.Parallel()
	empty := serve(t)
	p := open(t, empty.url)
	p.visit("/")
	p.passes(" first", performance)
	p.look("welcome")
	for _, path := range []string{"/deployments", "/channels", "/access"} {
		p.visit(path)
		p.passes("", layout, structure, names, contrast)
	}

	p.excuse("404 (Not Found)")
	if r := p.visit("/deployments/4711"); r.Status != http.StatusNotFound {
		t.Errorf("a deployment that is not there: status %d", r.Status)
	}
	p.look("not-found")

	closed := prepare(t)
	closed.token("reader", shipbell.ScopeRead)
	closed.run()
	p = open(t, closed.url)
	p.visit("/")
	if !strings.HasPrefix(p.where(), "/signin") {
		t.Fatalf("who is not signed in sees %s", p.where())
	}
	p.passes(" first", performance)
	p.look("sign-in")
}
