package wrangler

import (
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/fakecloudflare"
)

// failed is the message of a failure and the alert that answers it. The reason is
// in both.
func failed(reason string) []string {
	return []string{`
⚡ New Worker Deployment
❌ Failed after DURATION
` + reason + `

Project: shop
Environment: 🚀 production
Deployment ID: RUN
Author: ada@example.com
Branch: main
Commit: HELLO - Say hello
Time: TIME`, `
(answers 1) ❌ shop (production) failed after DURATION
` + reason + `

Commit: HELLO - Say hello
Author: ada@example.com
Live: not known`}
}

// TestSyntaxError deploys what wrangler cannot bundle.
func TestSyntaxError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.shop(notifying)
	w.write(shop, "src/index.js", broken)

	r := w.run(shop, "shipbell", "exec", "--", "npx", "wrangler", "deploy")
	if r.code != 1 {
		t.Errorf("exit code %d, want wrangler's 1", r.code)
	}
	w.says(failed(`Build failed with 1 error: src/index.js:1:24: ERROR: Expected identifier but found "}"
✘ [ERROR] Expected identifier but found "}"
    src/index.js:1:24:
      1 │ export default { fetch( }
        ╵                         ^`)...)
	if !w.saw(1, "🔄 In progress") {
		t.Error("the message never said that it is in progress")
	}
}

// TestRefused has Cloudflare refuse the upload. The exit code is the command's
// own.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.shop(notifying)
	w.cloudflare.SetFaults(func(c fakecloudflare.Call) fakecloudflare.Fault {
		if c.Method != "PUT" || !strings.HasSuffix(c.Path, "/workers/scripts/shop") {
			return fakecloudflare.Fault{}
		}
		return fakecloudflare.Fault{
			Kind: fakecloudflare.FaultRefuse, Status: 400,
			Code: 10021, Message: "Uncaught TypeError: Cannot read properties of undefined (reading 'greeting')",
		}
	})

	r := w.run(shop, "shipbell", "exec", "--", "sh", "-c", "wrangler deploy || exit 42")
	if r.code != 42 {
		t.Errorf("exit code %d, want 42", r.code)
	}
	w.says(failed(`Uncaught TypeError: Cannot read properties of undefined (reading 'greeting') [code: 10021]
✘ [ERROR] A request to the Cloudflare API (/accounts/0f1e2d3c4b5a69788796a5b4c3d2e1f0/workers/scripts/shop) failed.
  Uncaught TypeError: Cannot read properties of undefined (reading 'greeting') [code: 10021]`)...)
}

// TestBuildCommandFails fails before wrangler has deployed anything, with a secret
// in its words.
func TestBuildCommandFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.loud = true
	shop := w.shop(`[build]
command = "shipbell notify && sh build.sh"
`)
	w.write(shop, "build.sh", `echo "Error: the registry refuses $CLOUDFLARE_API_TOKEN" >&2
exit 3
`)

	r := w.run(shop, "shipbell", "exec", "--", "wrangler", "deploy")
	if r.code != 1 {
		t.Errorf("exit code %d, want wrangler's 1", r.code)
	}
	w.says(failed("Running custom build `shipbell notify && sh build.sh` failed. There are likely more logs from your build command above.\n" +
		"Error: the registry refuses ***")...)
}
