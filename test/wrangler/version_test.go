package wrangler

import (
	"testing"
)

// TestVersions uploads a version, gives it some of the traffic, then all, and
// takes it back.
func TestVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.shop(notifying)
	w.succeed(shop, "wrangler", "deploy")
	w.says(deployedHello)

	w.commit(shop, "Say goodbye")
	w.succeed(shop, "shipbell", "exec", "--", "wrangler", "versions", "upload")
	const uploaded = `
⚡ New Worker Deployment
✅ Uploaded in DURATION

Project: shop
Environment: 🔧 preview
Deployment ID: RUN
Author: ada@example.com
Branch: main
Commit: GOODBYE - Say goodbye
Time: TIME`
	w.says(deployedHello, uploaded)

	versions := w.cloudflare.Versions("shop")
	goodbye, hello := versions[0].ID, versions[1].ID
	w.names[goodbye[:8]], w.names[hello[:8]] = "VERSION2", "VERSION1"
	w.succeed(shop, "shipbell", "exec", "--", "wrangler", "versions", "deploy", goodbye+"@10%", hello+"@90%", "--yes")
	const partly = `
⚡ New Worker Deployment
✅ Partly deployed in DURATION

Project: shop
Environment: 🚀 production
Deployment ID: RUN
Author: ada@example.com
Branch: main
Commit: GOODBYE - Say goodbye
Time: TIME
Rollout: 10 % VERSION2, 90 % VERSION1

View Deployment: shop.example.workers.dev
Dashboard: dash.cloudflare.com/…/deployments`
	w.says(deployedHello, uploaded, partly)

	// Nobody announces the next two: Cloudflare alone tells of them.
	w.succeed(shop, "wrangler", "versions", "deploy", goodbye+"@100%", "--yes")
	const wholly = `
⚡ New Worker Deployment
✅ Deployed

Project: shop
Environment: 🚀 production
Deployment ID: UUID
Author: ada@example.com
Branch: main
Commit: GOODBYE - Say goodbye
Time: TIME

View Deployment: shop.example.workers.dev
Dashboard: dash.cloudflare.com/…/deployments`
	w.says(deployedHello, uploaded, partly, wholly)

	w.succeed(shop, "wrangler", "rollback", hello, "--yes", "--message", "too sad")
	const back = `
⚡ New Worker Deployment
✅ Deployed
⏪ Rollback by ada@example.com to HELLO - Say hello, deployed TIME

Project: shop
Environment: 🚀 production
Deployment ID: UUID
Author: ada@example.com
Message: too sad
Time: TIME

View Deployment: shop.example.workers.dev
Dashboard: dash.cloudflare.com/…/deployments`
	w.says(deployedHello, uploaded, partly, wholly, back)
}
