package wrangler

import (
	"testing"

	"github.com/shipbell/shipbell/internal/fakecloudflare"
)

// TestPages uploads a site, to production and to a branch, and then what is not
// there: wrangler's failure counts although the exit code does not tell of it.
func TestPages(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.cloudflare.AddPagesProject(fakecloudflare.PagesProject{Name: "site", DirectUpload: true})
	w.startServer()
	site := w.project("site", map[string]string{"public/index.html": "<h1>Hello</h1>"})
	deploy := func(words ...string) []string {
		return append([]string{"shipbell", "exec", "--", "wrangler", "pages", "deploy", "--project-name", "site"}, words...)
	}

	w.succeed(site, deploy("public")...)
	const production = `
📄 New Pages Deployment
✅ Deployed in DURATION

Project: site
Environment: 🚀 production
Deployment ID: RUN
Author: ada@example.com
Branch: main
Commit: HELLO - Say hello
Time: TIME

View Deployment: site.pages.dev
Dashboard: dash.cloudflare.com/…`
	w.says(production)

	w.commit(site, "Say goodbye")
	w.succeed(site, deploy("public", "--branch", "spring")...)
	const preview = `
📄 New Pages Deployment
✅ Preview ready in DURATION

Project: site
Environment: 🔧 preview
Deployment ID: RUN
Author: ada@example.com
Branch: spring
Commit: GOODBYE - Say goodbye
Time: TIME

View Deployment: spring.site.pages.dev
Dashboard: dash.cloudflare.com/…`
	w.says(production, preview)

	w.commit(site, "Say nothing")
	w.succeed(site, "shipbell", "exec", "--", "sh", "-c", "wrangler pages deploy nothing --project-name site || true")
	const reason = `ENOENT: no such file or directory, scandir 'HOME/site/nothing'

`
	w.says(production, preview, `
📄 New Pages Deployment
❌ Failed after DURATION
`+reason+`Project: site
Environment: 🚀 production
Deployment ID: RUN
Author: ada@example.com
Branch: main
Commit: NOTHING - Say nothing
Time: TIME
Still live: HELLO - Say hello, since TIME`, `
(answers 3) ❌ site (production) failed after DURATION
`+reason+`Commit: NOTHING - Say nothing
Author: ada@example.com
Still live: HELLO - Say hello, since TIME`)
}
