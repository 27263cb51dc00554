package shipbell_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers says which packages of this module each package may import. What is
// not listed may import nothing of the module but the root.
var layers = map[string][]string{
	"internal/store/":            {"internal/ledger"},
	"internal/store/sqlite":      {"internal/ledger", "internal/store/group", "internal/store/sqltx"},
	"internal/store/postgres":    {"internal/ledger", "internal/store/clock", "internal/store/group", "internal/store/sqltx"},
	"internal/channel/":          {"internal/outbound"},
	"internal/source/cloudflare": {"internal/excerpt", "internal/outbound"},
	"internal/web":               {"internal/access", "internal/lately", "internal/ledger", "internal/source/push"},
	"internal/api":               {"internal/access", "internal/board", "internal/feed", "internal/insight", "internal/ledger", "internal/render", "internal/spelling", "internal/wire", "internal/compress"},
	"internal/dashboard":         {"internal/access", "internal/board", "internal/compress", "internal/insight", "internal/lately", "internal/ledger", "internal/render"},
	"internal/dashboard/":        {"internal/board", "internal/dashboard", "internal/insight", "internal/ledger", "internal/store/memory"}, // a history for tests
	"internal/board":             {"internal/ledger"},
	"internal/feed":              {"internal/ledger"},
	"internal/insight":           {"internal/ledger", "internal/render"},
	"internal/access":            {"internal/ledger", "internal/outbound"},
	"internal/metric":            {"internal/access", "internal/lately", "internal/ledger"},
	"internal/app":               {"internal/"},
	"internal/demo":              {"internal/"},
	"internal/ledger/":           {"internal/ledger"}, // its conformance suite
	"cmd/":                       {"internal/app", "internal/client", "internal/config", "internal/demo", "internal/ledger", "internal/remote", "internal/terminal", "internal/wire"},
	"test/":                      {"internal/"},
	"internal/dispatch":          nil,
	"internal/ledger":            nil,
	"internal/lease":             nil,
	"internal/lately":            nil,
	"internal/spelling":          nil,
	"internal/compress":          nil,
	"internal/terminal":          nil,
	"internal/wire":              nil,
	"internal/remote":            {"internal/wire"},
	"internal/render":            nil,
	"internal/route":             nil,
	"internal/outbound":          nil,
	"internal/config":            {"internal/spelling"},
	"internal/client":            {"internal/excerpt"},
	"internal/excerpt":           nil,
	"internal/source/":           nil,
	"internal/fakeserver":        nil,
	"internal/pgtest":            nil,
	"internal/faketelegram":      {"internal/fakeserver"},
	"internal/fakecloudflare":    {"internal/fakeserver"},
}

const module = "github.com/shipbell/shipbell"

// TestLayering holds the arrows: cmd to app, app to everyone, everyone else
// down to the root, and no sibling to a sibling.
func TestLayering(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name := strings.TrimPrefix(strings.TrimPrefix(words[0], module), "/")
		allowed, known := allowedFor(name)
		if !known {
			t.Errorf("package %s has no place in the layers", name)
		}
		for _, imported := range words[1:] {
			inner, ours := strings.CutPrefix(imported, module+"/")
			switch {
			case name == "" && strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
				t.Errorf("the root imports %s; it may import the standard library only", imported)
			case ours && !slices.ContainsFunc(allowed, func(p string) bool { return inner == p || (strings.HasSuffix(p, "/") && strings.HasPrefix(inner, p)) }):
				t.Errorf("%s imports %s", name, inner)
			}
		}
	}
}

func allowedFor(name string) (allowed []string, known bool) {
	if name == "" {
		return nil, true
	}
	if a, ok := layers[name]; ok {
		return a, true
	}
	for prefix, a := range layers {
		if strings.HasSuffix(prefix, "/") && strings.HasPrefix(name, prefix) {
			return a, true
		}
	}
	return nil, false
}
