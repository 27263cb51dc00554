package client

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/shipbell/shipbell"
)

// TestContract replays the contract's example: its variables and its commit
// must give its body, byte for byte. testdata/contract.json is copied from the
// contract and never rewritten.
func TestContract(t *testing.T) {
	p := newPlace(t, map[string]string{
		"WORKERS_CI": "1", "WORKERS_CI_BUILD_UUID": "build-abc123",
		"WORKERS_CI_COMMIT_SHA": "abc123def456789...", "WORKERS_CI_BRANCH": "feature/add-auth", "CI": "true",
	})
	p.write(t, "wrangler.toml", `name = "api-service"

[build]
command = "npm run build && node notify-deploy.js"

[env.production]
vars = { ENVIRONMENT = "production" }
`)
	p.commits["HEAD"] = commit{
		hash:    "abc123def4567890abc123def4567890abc123de",
		author:  "dev@example.com",
		message: "Add JWT authentication\n\nImplemented:\n- Token generation\n- Token validation\n- Refresh tokens",
	}
	got, err := p.collect(t, Overrides{}).Body()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/contract.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestBody(t *testing.T) {
	full := Push{
		Type: shipbell.Pages, Project: "docs", ID: "f64788e9", Branch: "feat/<b>&\"c\"", Commit: sha,
		Message: "First\n\nמשפט – 日本語 \u2028 <script>alert('x')</script> & \\ \x1b[31m \x00 \xff end",
		Author:  "dev@example.com", Time: time.Date(2025, 1, 15, 11, 30, 45, 7, time.FixedZone("", 3600)),
		Environment: "preview", CI: true, Tag: "v1.2.3", Status: shipbell.Failure, URL: "https://f64788e9.docs.pages.dev?a=1&b=2",
		VersionID: "8c0e2a4f-0000-4000-8000-000000000000", LogURL: "https://ci.example.com/1",
		RepositoryURL: "https://github.com/acme/docs", Error: "exit status 1\nat line 3",
		Source: shipbell.SourceExec, CloudflareID: "f64788e9-0000-4000-8000-000000000000", Script: "docs-preview",
		DashboardURL: "https://dash.cloudflare.com/1", Log: "✘ [ERROR] <b>\n\n  at \"x\"", History: sha + " First & last\n" + mergeSHA + " Zero",
		CommitTime: "2025-01-15T10:00:00Z",
	}
	least := Push{Type: shipbell.Worker, Project: "api", ID: "1", Time: noon, Environment: "production"}
	for name, p := range map[string]Push{"full": full, "least": least} {
		body, err := p.Body()
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "body/"+name+".json", body)
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Errorf("%s: not valid", name)
		}
	}
}

// TestBodySaysEverything fails when a field of Push does not reach the wire.
func TestBodySaysEverything(t *testing.T) {
	typ := reflect.TypeFor[Push]()
	for i := range typ.NumField() {
		p := Push{Time: noon}
		before, _ := p.Body()
		field := reflect.ValueOf(&p).Elem().Field(i)
		switch v := field.Addr().Interface().(type) {
		case *time.Time:
			*v = noon.Add(time.Hour)
		case *bool:
			*v = true
		default:
			field.SetString("x")
		}
		after, _ := p.Body()
		if string(before) == string(after) {
			t.Errorf("%s is not sent", typ.Field(i).Name)
		}
	}
}

func FuzzBody(f *testing.F) {
	f.Add("message", "branch")
	f.Add("\x00\xff\u2028</script>", "a\nb")
	f.Fuzz(func(t *testing.T, message, branch string) {
		body, err := Push{Message: message, Branch: branch}.Body()
		if err != nil {
			t.Fatal(err)
		}
		var back struct {
			Deployment struct{ CommitMessage, Branch string }
		}
		if err := json.Unmarshal(body, &back); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(message) && back.Deployment.CommitMessage != strings.ReplaceAll(message, "\x00", "") {
			t.Errorf("%q came back as %q", message, back.Deployment.CommitMessage)
		}
	})
}
