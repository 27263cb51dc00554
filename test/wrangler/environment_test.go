package wrangler

import (
	"strings"
	"testing"
)

// TestEnvironment deploys to an environment, whose Worker has a name of its own.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, environment, worker string
		variable                  string
		argv                      []string
	}{
		{"flag", "staging", "shop-staging", "", []string{"shipbell", "exec", "--", "wrangler", "deploy", "--env", "staging"}},
		{"variable", "staging", "shop-staging", "CLOUDFLARE_ENV=staging", []string{"shipbell", "exec", "--", "npx", "wrangler", "deploy"}},
		{"own name", "live", "market", "", []string{"shipbell", "exec", "--", "wrangler", "deploy", "-e", "live"}},
		{"without exec", "staging", "shop-staging", "", []string{"wrangler", "deploy", "--env=staging"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			shop := w.shop(notifying + `[env.staging]
[env.live]
name = "market"
`)
			if test.variable != "" {
				w.setenv(test.variable)
			}
			w.succeed(shop, test.argv...)
			w.says(`
⚡ New Worker Deployment
✅ Deployed in DURATION

Project: ` + test.worker + `
Environment: 🔧 ` + test.environment + `
Deployment ID: RUN
Author: ada@example.com
Branch: main
Commit: HELLO - Say hello
Time: TIME

View Deployment: ` + test.worker + `.example.workers.dev
Dashboard: dash.cloudflare.com/…/deployments`)
			why := w.why(test.worker)
			for _, source := range []string{"push  announced", "poll  success"} {
				if !strings.Contains(why, source) {
					t.Errorf("%q is not in why:\n%s", source, why)
				}
			}
		})
	}
}
