package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/shipbell/shipbell/internal/client"
)

// build is a build machine made of values, with a checkout on it. The client
// finds in it what it finds on a real one, and nothing of the machine that the
// demo runs on.
type build struct {
	ci      string // the CI system, for people
	project string // for people; the client finds it by itself
	env     map[string]string
	files   map[string]string // in the directory of the project
	commit  commit
	began   time.Time
}

// commit is what git tells of the checkout.
type commit struct{ hash, author, message string }

// The builds of the scenario. The first is the one of the contract, value by
// value.
var (
	apiService = build{
		ci:      "Workers Builds",
		project: "api-service",
		env: map[string]string{
			"CI":                    "true",
			"WORKERS_CI":            "1",
			"WORKERS_CI_BUILD_UUID": "build-abc123",
			"WORKERS_CI_COMMIT_SHA": "abc123def456789...",
			"WORKERS_CI_BRANCH":     "feature/add-auth",
		},
		files: map[string]string{"wrangler.toml": "name = \"api-service\"\n"},
		commit: commit{
			hash:    "abc123def456789...",
			author:  "dev@example.com",
			message: "Add JWT authentication\n\nImplemented:\n- Token generation\n- Token validation\n- Refresh tokens",
		},
		began: time.Date(2025, 1, 15, 10, 30, 45, 0, time.UTC),
	}
	docsSite = build{
		ci:      "Pages",
		project: "docs-site",
		env: map[string]string{
			"CI":                  "true",
			"CF_PAGES":            "1",
			"CF_PAGES_BRANCH":     "main",
			"CF_PAGES_COMMIT_SHA": "5e1f0c9a7b3d48266f90d1c2ab57e8843c6f1d20",
			"CF_PAGES_URL":        "https://7c2d9b4e.docs-site.pages.dev",
		},
		commit: commit{
			hash:    "5e1f0c9a7b3d48266f90d1c2ab57e8843c6f1d20",
			author:  "writer@example.com",
			message: "Explain how to rotate tokens",
		},
		began: time.Date(2025, 1, 15, 11, 12, 3, 0, time.UTC),
	}
	billingAPI = build{
		ci:      "GitHub Actions",
		project: "billing-api",
		env: map[string]string{
			"CI":                 "true",
			"GITHUB_ACTIONS":     "true",
			"GITHUB_RUN_ID":      "12784312",
			"GITHUB_RUN_ATTEMPT": "1",
			"GITHUB_SHA":         "9d04b7e61c52f8a37be1206ad9c4f7350ee18b6a",
			"GITHUB_REF_NAME":    "main",
			"GITHUB_REPOSITORY":  "example/billing-api",
		},
		files: map[string]string{"package.json": `{"name": "@example/billing-api"}`},
		commit: commit{
			hash:    "9d04b7e61c52f8a37be1206ad9c4f7350ee18b6a",
			author:  "ops@example.com",
			message: "Charge in the customer's currency",
		},
		began: time.Date(2025, 1, 15, 11, 13, 20, 0, time.UTC),
	}
	// webShop is deployed by a script of its own, which ends well whatever it does.
	webShop = build{
		ci:      "GitHub Actions",
		project: "web-shop",
		env: map[string]string{
			"CI":                 "true",
			"GITHUB_ACTIONS":     "true",
			"GITHUB_RUN_ID":      "12784299",
			"GITHUB_RUN_ATTEMPT": "1",
			"GITHUB_SHA":         "41c7a0b2de9958f0c6713ea4d25b80f9b1a6e377",
			"GITHUB_REF_NAME":    "main",
			"GITHUB_REPOSITORY":  "acme/web-shop",
		},
		files: map[string]string{"wrangler.toml": "name = \"web-shop\"\n"},
		commit: commit{
			hash:    "41c7a0b2de9958f0c6713ea4d25b80f9b1a6e377",
			author:  "sam@example.com",
			message: "Show prices with tax",
		},
		began: time.Date(2025, 1, 15, 10, 50, 0, 0, time.UTC),
	}
	// webShopAgain is the next run, after somebody has mended the script.
	webShopAgain = build{
		ci:      "GitHub Actions",
		project: "web-shop",
		env: map[string]string{
			"CI":                 "true",
			"GITHUB_ACTIONS":     "true",
			"GITHUB_RUN_ID":      "12784307",
			"GITHUB_RUN_ATTEMPT": "1",
			"GITHUB_SHA":         "8d2e64fb07a1c935be40d7f8216c93a5e07bb412",
			"GITHUB_REF_NAME":    "main",
			"GITHUB_REPOSITORY":  "acme/web-shop",
		},
		files: map[string]string{"wrangler.toml": "name = \"web-shop\"\n"},
		commit: commit{
			hash:    "8d2e64fb07a1c935be40d7f8216c93a5e07bb412",
			author:  "sam@example.com",
			message: "Deploy to the right account",
		},
		began: time.Date(2025, 1, 15, 11, 5, 0, 0, time.UTC),
	}
)

// notify is one run of shipbell notify in a build.
type notify struct {
	build
	after time.Duration // since the build began
	flags client.Overrides
}

// command returns the run as it is typed, for people.
func (n notify) command() []string {
	parts := []string{"shipbell notify"}
	for _, f := range []struct{ name, value string }{
		{"--environment", n.flags.Environment},
		{"--status", n.flags.Status},
		{"--url", n.flags.URL},
		{"--error", quote(n.flags.Error)},
	} {
		if f.value != "" {
			parts = append(parts, f.name+" "+f.value)
		}
	}
	return parts
}

func quote(s string) string {
	if s == "" {
		return ""
	}
	return "'" + s + "'"
}

// surroundings returns the machine as the client sees it, told to push to that
// server.
func (n notify) surroundings(url, token string) client.Surroundings {
	env := maps.Clone(n.env)
	env["DEPLOY_NOTIFY_URL"], env["DEPLOY_NOTIFY_TOKEN"] = url, token
	dir, err := filepath.Abs(n.project)
	if err != nil {
		dir = string(filepath.Separator) + n.project
	}
	return client.Surroundings{
		Getenv: func(name string) string { return env[name] },
		Dir:    dir,
		Now:    func() time.Time { return n.began.Add(n.after) },
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := n.files[filepath.Base(path)]; ok && filepath.Dir(path) == dir {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		},
		Git:       n.commit.git,
		Processes: func() []client.Process { return nil },
	}
}

var errNoGit = errors.New("git cannot do that here")

// git answers the two questions that the client has: the commit that is checked
// out, and what was changed since, which is nothing.
func (c commit) git(_ context.Context, _ string, out io.Writer, args ...string) error {
	switch {
	case slices.Contains(args, "log"):
		_, err := fmt.Fprintf(out, "%s\x00%s\x00\x00\x00%s\n", c.hash, c.author, c.message)
		return err
	case slices.Contains(args, "diff"):
		return nil
	}
	return errNoGit
}

// body returns the push as it goes over the wire, on one line.
func (n notify) body(ctx context.Context) (json.RawMessage, error) {
	found, err := client.Collect(ctx, n.surroundings("", ""), n.flags)
	if err != nil {
		return nil, err
	}
	return found.Push.Body()
}
