package wrangler

import (
	"strings"
	"testing"
)

const (
	configuration = `name = "shop"
main = "src/index.js"
compatibility_date = "2026-11-01"
`
	notifying = `[build]
command = "shipbell notify"
`
	worker = `export default { fetch() { return new Response("hello") } }
`
	broken = `export default { fetch( }
`
)

// shop lays out a Worker with more in its configuration.
func (w *world) shop(more string) (directory string) {
	w.Helper()
	return w.project("shop", map[string]string{"wrangler.toml": configuration + more, "src/index.js": worker})
}

const deployedHello = `
⚡ New Worker Deployment
✅ Deployed in DURATION

Project: shop
Environment: 🚀 production
Deployment ID: RUN
Author: ada@example.com
Branch: main
Commit: HELLO - Say hello
Time: TIME

View Deployment: shop.example.workers.dev
Dashboard: dash.cloudflare.com/…/deployments
`

// deployedAs is deployedHello for another commit.
func deployedAs(message string) string {
	return strings.ReplaceAll(deployedHello, "HELLO - Say hello", message)
}

// TestNotify deploys with shipbell notify in the build command. It shares no id
// with what Cloudflare shows: the time tells that they are one.
func TestNotify(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.shop(notifying)

	w.succeed(shop, "wrangler", "deploy")
	w.says(deployedHello)
	if m, _ := w.telegram.Message(group, 1); strings.Contains(m.History()[0].Text, "Deployed") {
		t.Errorf("it began as\n%s", m.History()[0].Text)
	}
	if why := w.why("shop"); !strings.Contains(why, "the only deployment of the project that was under way") {
		t.Errorf("why:\n%s", why)
	}

	w.commit(shop, "Say goodbye")
	w.succeed(shop, "wrangler", "deploy")
	w.says(deployedHello, deployedAs("GOODBYE - Say goodbye"))
}

// TestExec wraps what also has shipbell notify in its build command: there is one
// message, and the version ties it to what Cloudflare shows.
func TestExec(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.shop(notifying)

	output := w.succeed(shop, "shipbell", "exec", "--", "npx", "wrangler", "deploy")
	w.says(deployedHello)
	if !w.saw(1, "🔄 In progress") {
		t.Error("the message never said that it is in progress")
	}
	version := w.cloudflare.Versions("shop")[0].ID
	if !strings.Contains(output, "Current Version ID: "+version) {
		t.Errorf("wrangler's output did not come through:\n%s", output)
	}
	why := w.why("shop")
	for _, want := range []string{"version " + version, "success: said by exec, poll\n", "version     " + version, "deployment  " + w.cloudflare.Deployments("shop")[0].ID} {
		if !strings.Contains(why, want) {
			t.Errorf("%q is not in why:\n%s", want, why)
		}
	}

	// A script of package.json, at once after another commit.
	w.write(shop, "package.json", `{"private": true, "scripts": {"deploy": "wrangler deploy"}}`)
	w.commit(shop, "Say goodbye")
	w.succeed(shop, "shipbell", "exec", "--", "npm", "run", "deploy")
	w.says(deployedHello, deployedAs("GOODBYE - Say goodbye"))
}

// TestServerDown deploys while nobody can be told: nothing else changes.
func TestServerDown(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	shop := w.shop(notifying)

	for i, argv := range [][]string{
		{"wrangler", "deploy"},
		{"shipbell", "exec", "--timeout", "1s", "--", "wrangler", "deploy"},
	} {
		output := w.succeed(shop, argv...)
		if n := len(w.cloudflare.Deployments("shop")); n != i+1 {
			t.Errorf("%q: %d deployments, want %d", argv, n, i+1)
		}
		if !strings.Contains(output, "deployment not announced: nothing listens") {
			t.Errorf("%q does not say that nobody was told:\n%s", argv, output)
		}
	}
	if r := w.run(shop, "shipbell", "exec", "--timeout", "1s", "--", "sh", "-c", "exit 7"); r.code != 7 {
		t.Errorf("exit code %d, want 7", r.code)
	}
}

// TestDryRun tells nobody of what deploys nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.shop(notifying)

	for _, argv := range [][]string{
		{"wrangler", "deploy", "--dry-run"},
		{"shipbell", "exec", "--", "npx", "wrangler", "deploy", "--dry-run"},
		{"shipbell", "exec", "--", "wrangler", "versions", "upload", "--dry-run"},
		{"wrangler", "types"},
	} {
		w.succeed(shop, argv...)
	}
	w.says()
	if n := w.telegram.Count(group); n != 0 {
		t.Errorf("%d messages were posted", n)
	}
}
