// Package channeltest holds what every rendering is tested with: the contract's
// own deployment, every status, every message that is no deployment's main one,
// and the awkward ones of each.
//
// Its one rule: there is one list of each. Every channel keeps a golden file of its
// requests for all of it, so that a change of words shows everywhere at once.
package channeltest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
)

// Case is one deployment with a name that is fit for a file.
type Case struct {
	Name       string
	Deployment shipbell.Deployment
}

// Start is when the contract's deployment was announced.
var Start = time.Date(2025, 1, 15, 10, 30, 45, 0, time.UTC)

// Contract is the deployment of the contract.
func Contract() shipbell.Event {
	return shipbell.Event{
		Source: shipbell.SourcePush, ID: "1", At: Start,
		Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: "build-abc123"}},
		Observation: shipbell.Observation{
			Type: shipbell.Worker, Project: "api-service", Environment: shipbell.Production, Status: shipbell.Announced,
			Branch: "feature/add-auth", Commit: "abc123def456789...",
			CommitMessage: "Add JWT authentication\n\nImplemented:\n- Token generation\n- Token validation\n- Refresh tokens",
			Author:        "dev@example.com", CI: "true",
		},
	}
}

// Deployments returns the list.
func Deployments() []Case {
	base := Contract()
	first := func(change func(*shipbell.Event)) shipbell.Deployment {
		e := Contract()
		e.Keys = append([]shipbell.Key(nil), e.Keys...)
		change(&e)
		return shipbell.NewDeployment(e)
	}
	then := func(status shipbell.Status, after time.Duration, change func(*shipbell.Event)) shipbell.Deployment {
		e := base
		e.ID, e.Status, e.At = "2", status, Start.Add(after)
		change(&e)
		return shipbell.Apply(shipbell.NewDeployment(base), e)
	}
	same := func(*shipbell.Event) {}
	return []Case{
		{"contract", shipbell.NewDeployment(base)},
		{"pages", first(func(e *shipbell.Event) {
			e.Type, e.Project, e.Environment = shipbell.Pages, "docs-site", "preview"
			e.Keys[0] = shipbell.Key{Type: shipbell.Pages, Kind: shipbell.KeyShort, ID: "f64788e9"}
			e.Tag, e.URL = "v1.2.3", "https://f64788e9.docs-site.pages.dev/"
		})},
		{"queued", then(shipbell.Queued, time.Second, same)},
		{"in-progress", then(shipbell.InProgress, 2*time.Second, func(e *shipbell.Event) { e.LogURL = "https://dash.cloudflare.com/a/builds/1" })},
		{"success", then(shipbell.Success, 34*time.Second, func(e *shipbell.Event) {
			e.URL, e.LogURL = "https://api-service.example.workers.dev", "https://dash.cloudflare.com/a/builds/1"
			e.RepositoryURL = "https://github.com/example/api-service"
		})},
		{"commit-link", first(func(e *shipbell.Event) {
			e.Commit, e.RepositoryURL = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567", "https://github.com/example/api-service/"
		})},
		{"failure", then(shipbell.Failure, 125*time.Second, func(e *shipbell.Event) {
			e.Error = "✘ [ERROR] Could not resolve \"./auth\"\n\n    src/index.ts:3:22"
		})},
		{"canceled", then(shipbell.Canceled, 80*time.Minute, same)},
		{"skipped", then(shipbell.Skipped, time.Second, same)},
		{"success-without-duration", then(shipbell.Success, 0, same)},
		{"least", first(func(e *shipbell.Event) {
			e.Observation = shipbell.Observation{Type: shipbell.Worker, Project: "api-service", Status: shipbell.Announced}
		})},
		{"no-commit-hash", first(func(e *shipbell.Event) { e.Commit = "" })},
		{"no-commit-message", first(func(e *shipbell.Event) { e.CommitMessage = "\n \n" })},
		{"markup", first(func(e *shipbell.Event) {
			e.Project, e.Author = `<b>api</b> & "co"`, `Zoë <dev@example.com>`
			e.Branch, e.CommitMessage = "fix/<script>alert(1)</script>", "Use a < b && c > d &amp; *stars* _under_ [x](y) `code`"
			e.Keys[0].ID, e.Tag = "</code><a href='x'>", "v1 'quoted'"
		})},
		{"right-to-left", first(func(e *shipbell.Event) {
			e.Author, e.CommitMessage = "דנה", "תיקון באג \u202eevil\u202c בכניסה"
			e.Branch = "feature/\u2066hidden\u2069\u200b"
		})},
		{"emoji", first(func(e *shipbell.Event) {
			e.CommitMessage, e.Author = "👩‍👩‍👧‍👦 family 🏳️‍🌈 e\u0301 "+strings.Repeat("🚀", 30), "🐙"
		})},
		{"control-characters", first(func(e *shipbell.Event) {
			e.CommitMessage, e.Branch, e.Project = "\r\n\tAdd\x00 a \x1b[31mred\x1b[0m line\r\nsecond", "main\nTime: never", "api\xffservice"
		})},
		{"long-commit-message", first(func(e *shipbell.Event) {
			e.CommitMessage = strings.Repeat("A long first line & no end in sight. ", 280)
		})},
		{"everything-long", first(func(e *shipbell.Event) {
			long := strings.Repeat("x<&>🚀 ", 1000)
			e.Author, e.Branch, e.CommitMessage, e.Tag, e.Status, e.Error = long, long, long, long, shipbell.Failure, long
			e.Project, e.Environment, e.Keys[0].ID = long[:250], long[:250], long[:500]
			e.URL = "https://example.com/" + strings.Repeat("y", 900)
		})},
		{"bad-links", first(func(e *shipbell.Event) {
			e.URL, e.LogURL, e.RepositoryURL = "javascript:alert(1)", "https://user:secret@example.com/log", "git@github.com:example/api.git"
		})},
	}
}

// Golden compares got with the golden file of that name in testdata, or rewrites
// the file when SHIPBELL_UPDATE is set. A flag would break go test ./... in
// packages that do not know it.
func Golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("SHIPBELL_UPDATE") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (SHIPBELL_UPDATE=1 rewrites it):\n%s", path, firstDifference(got, string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		gl, wl := "(end)", "(end)"
		if i < len(g) {
			gl = g[i]
		}
		if i < len(w) {
			wl = w[i]
		}
		if gl != wl {
			return fmt.Sprintf("line %d\n got %q\nwant %q", i+1, gl, wl)
		}
	}
	return ""
}
