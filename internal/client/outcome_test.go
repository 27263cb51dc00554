package client

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
)

const (
	versionA = "8c0e2a4f-1b2c-4d3e-8f90-a1b2c3d4e5f6"
	versionB = "0f9e8d7c-6b5a-4c3d-9e2f-1a0b9c8d7e6f"
	pagesID  = "f64788e9-9fcc-4b0a-bf57-1c4ae4b5d0f1"
)

// sessionLine is what wrangler writes first.
func sessionLine(args ...string) string {
	return `{"type":"wrangler-session","version":1,"wrangler_version":"4.164.0","command_line_args":["` + strings.Join(args, `","`) + `"],"timestamp":"2026-11-22T19:18:00.000Z"}`
}

func deployed(name, version, env string, targets ...string) string {
	line := `{"type":"deploy","version":1,"worker_name":"` + name + `","worker_tag":"0f","version_id":"` + version + `","targets":["` + strings.Join(targets, `","`) + `"],`
	if env != "" {
		line += `"wrangler_environment":"` + env + `",`
	}
	return line + `"worker_name_overridden":false,"bundle_size":{"raw_bytes":143,"gzip_bytes":136},"timestamp":"2026-11-22T19:18:01.811Z"}`
}

const (
	dryDeployed   = `{"type":"deploy","version":1,"worker_name":"shop","worker_tag":null,"version_id":null,"worker_name_overridden":false,"timestamp":"2026-11-22T19:18:01.811Z"}`
	dryUploaded   = `{"type":"version-upload","version":1,"worker_name":"shop","worker_tag":null,"version_id":null}`
	uploaded      = `{"type":"version-upload","version":1,"worker_name":"shop","worker_tag":"0f","version_id":"` + versionA + `","preview_url":"https://8c0e2a4f-shop.acct.workers.dev","preview_alias_url":"https://pr-1-shop.acct.workers.dev"}`
	putLive       = `{"type":"version-deploy","version":1,"worker_name":"shop","worker_tag":"0f","deployment_id":"` + versionB + `","version_traffic":{}}`
	pagesEntry    = `{"type":"pages-deploy","version":1,"pages_project":"docs","deployment_id":"` + pagesID + `","url":"https://f64788e9.docs.pages.dev"}`
	pagesDetailed = `{"type":"pages-deploy-detailed","version":1,"pages_project":"docs","deployment_id":"` + pagesID + `","url":"https://f64788e9.docs.pages.dev","alias":"https://feat.docs.pages.dev","environment":"preview","production_branch":"main","deployment_trigger":{"metadata":{"commit_hash":"` + sha + `"}}}`
	apiFailure    = `{"type":"command-failed","version":1,"code":10021,"message":"A request to the Cloudflare API (/accounts/1/workers/scripts/shop) failed."}`
	entryFailed   = `{"type":"command-failed","version":1,"message":"The entry-point file at \"src/index.ts\" was not found.\nMore of it."}`
)

// TestOutcome pins the bodies that tell of an end, for every combination of exit
// code, what wrangler wrote and what the command was seen to be.
func TestOutcome(t *testing.T) {
	const secret = "sk-live-0123456789abcdef"
	printed := []string{
		"⛅️ wrangler 4.164.0", "", "\x1b[31m✘ \x1b[41;31m[\x1b[41;97mERROR\x1b[41;31m]\x1b[0m \x1b[1mA request to the Cloudflare API (/accounts/1/workers/scripts/shop) failed.\x1b[0m",
		"", "  Uncaught ReferenceError: x is not defined " + secret, "    at index.js:1:2", "   [code: 10021]", "",
	}
	for _, tc := range []struct {
		name    string
		argv    string // words
		env     map[string]string
		flags   Overrides
		files   map[string]string
		entries []string
		end     ending
	}{
		{name: "deploy", argv: "npx wrangler deploy", entries: []string{sessionLine("deploy"), deployed("shop", versionA, "", "https://shop.acct.workers.dev", "shop.example.com (custom domain)", "schedule: 0 * * * *")}},
		{name: "deploy-env", argv: "npx wrangler deploy --env staging", entries: []string{sessionLine("deploy", "--env", "staging"), deployed("shop-staging", versionA, "staging", "api.example.com/* (zone name: example.com)")}},
		{name: "deploy-hidden-env", argv: "make deploy", entries: []string{sessionLine("deploy", "--env", "staging"), deployed("shop-staging", versionA, "staging", "https://shop-staging.acct.workers.dev")}},
		{name: "deploy-flags", argv: "make deploy", flags: Overrides{Project: "Shop", Environment: "canary", ID: "given", URL: "https://given.example"}, entries: []string{sessionLine("deploy"), deployed("shop-x", versionA, "x", "https://shop-x.acct.workers.dev")}},
		{name: "deploy-old-wrangler", argv: "npx wrangler deploy"},
		{name: "deploy-said-nothing", argv: "npx wrangler deploy", entries: []string{sessionLine("deploy")}, end: ending{lines: printed}},
		{name: "deploy-hidden-said-nothing", argv: "make deploy", entries: []string{sessionLine("publish")}},
		{name: "deploy-stopped-by-person", argv: "npx wrangler deploy", entries: []string{sessionLine("deploy"), dryDeployed}},
		{name: "deploy-dispatch-namespace", argv: "npx wrangler deploy", entries: []string{sessionLine("deploy"), `{"type":"deploy","worker_name":"shop","version_id":null,"targets":["Dispatch Namespace: x"]}`}},
		{name: "dry-run-hidden", argv: "make deploy", entries: []string{sessionLine("deploy", "--dry-run"), dryDeployed}},
		{name: "dry-run-of-upload-hidden", argv: "make deploy", entries: []string{sessionLine("versions", "upload", "--dry-run"), dryUploaded}},
		{name: "no-deployment", argv: "npx wrangler d1 migrations apply", entries: []string{sessionLine("d1", "migrations", "apply")}},
		{name: "other-command", argv: "terraform apply"},
		{name: "other-command-failed", argv: "terraform apply", end: ending{code: 1, lines: []string{"Error: no credentials"}}},
		{name: "silent-failure", argv: "./deploy.sh", end: ending{code: 3}},

		{name: "upload", argv: "npx wrangler versions upload", entries: []string{sessionLine("versions", "upload"), uploaded}},
		{name: "upload-and-put-live", argv: "sh -c", files: map[string]string{"script": "npx wrangler versions upload && npx wrangler versions deploy -y"}, entries: []string{sessionLine("versions", "upload"), uploaded, sessionLine("versions", "deploy", "-y"), putLive}},
		{name: "put-live", argv: "npx wrangler versions deploy -y", entries: []string{sessionLine("versions", "deploy", "-y"), putLive}},

		{name: "pages", argv: "npx wrangler pages deploy dist --project-name docs --branch feat", entries: []string{sessionLine("pages", "deploy", "dist"), pagesEntry, pagesDetailed}},
		{name: "pages-older-wrangler", argv: "npx wrangler pages deploy dist --project-name docs --branch main", entries: []string{sessionLine("pages", "deploy", "dist"), pagesEntry}},
		{name: "pages-oldest-wrangler", argv: "npx wrangler pages deploy dist --project-name docs", end: ending{lines: []string{"✨ Deployment complete! Take a peek over at https://f64788e9.docs.pages.dev"}}},
		{name: "pages-printed-errors", argv: "npx wrangler pages deploy dist --project-name docs", end: ending{lines: []string{"✘ [ERROR] Failed to publish your Function. Got error: bad " + secret}}},
		{name: "pages-hidden-printed-errors", argv: "make deploy", entries: []string{sessionLine("pages", "publish", "dist")}, end: ending{lines: []string{"✘ [ERROR] Failed to publish your Function."}}},
		{name: "pages-failed", argv: "npx wrangler pages deploy dist --project-name docs", entries: []string{sessionLine("pages", "deploy", "dist"), entryFailed}, end: ending{code: 1}},

		{name: "failed", argv: "npx wrangler deploy", entries: []string{sessionLine("deploy"), entryFailed}, end: ending{code: 1, lines: []string{"✘ [ERROR] The entry-point file was not found."}}},
		{name: "failed-at-the-api", argv: "npx wrangler deploy", entries: []string{sessionLine("deploy"), apiFailure}, end: ending{code: 1, lines: printed}},
		{name: "failed-at-the-api-unseen", argv: "npx wrangler deploy", entries: []string{sessionLine("deploy"), apiFailure}, end: ending{code: 1}},
		{name: "failed-before-wrangler", argv: "npm run deploy", end: ending{code: 2, lines: []string{"src/index.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'."}}},
		{name: "failed-with-exit-code-0", argv: "make deploy", entries: []string{sessionLine("deploy"), entryFailed}},
		{name: "failed-then-tried-again", argv: "make deploy", entries: []string{sessionLine("deploy"), entryFailed, sessionLine("deploy"), deployed("shop", versionA, "")}},
		{name: "failed-after-deploying", argv: "make deploy", entries: []string{sessionLine("deploy"), deployed("shop-live", versionA, "")}, end: ending{code: 1, lines: []string{"Error: smoke test failed"}}},
		{name: "not-found", argv: "wrangle deploy", end: ending{code: 127, missing: "wrangle: command not found"}},
		{name: "killed", argv: "npx wrangler deploy", entries: []string{sessionLine("deploy")}, end: ending{code: 137, signal: "SIGKILL"}},
		{name: "canceled", argv: "npx wrangler deploy", entries: []string{sessionLine("deploy")}, end: ending{code: 143, signal: "SIGTERM", interrupted: "SIGTERM", lines: printed}},
		{name: "canceled-at-the-keyboard", argv: "npx wrangler deploy", end: ending{code: 130}},
		{name: "interrupted-and-done-all-the-same", argv: "npx wrangler deploy", entries: []string{sessionLine("deploy"), deployed("shop", versionA, "")}, end: ending{interrupted: "SIGINT"}},

		{name: "several", argv: "make all", entries: []string{sessionLine("deploy"), deployed("cart", versionB, "", "https://cart.acct.workers.dev"), sessionLine("deploy"), deployed("shop", versionA, "", "https://shop.acct.workers.dev"), sessionLine("pages", "deploy", "dist"), pagesEntry, pagesDetailed}},
		{name: "several-of-other-names", argv: "make all", files: map[string]string{"wrangler.toml": ""}, entries: []string{sessionLine("deploy"), deployed("cart", versionB, "staging"), sessionLine("deploy"), deployed("till", versionA, "staging")}},
		{name: "several-in-a-workers-build", argv: "make all", env: map[string]string{"WORKERS_CI": "1", "WORKERS_CI_BUILD_UUID": "6a1b8c2e-7d3f-4a5b-9c0d-1e2f3a4b5c6d"}, entries: []string{sessionLine("deploy"), deployed("shop", versionA, ""), sessionLine("deploy"), deployed("cart", versionB, "")}},
		{name: "several-and-one-failed", argv: "make all", entries: []string{sessionLine("deploy", "-c", "cart.toml"), deployed("cart", versionB, ""), sessionLine("deploy", "-c", "shop.toml"), entryFailed}, end: ending{code: 1}},
		{name: "several-and-one-failed-unnoticed", argv: "make all", entries: []string{sessionLine("deploy", "-c", "shop.toml"), entryFailed, sessionLine("deploy", "-c", "cart.toml"), deployed("cart", versionB, "")}},
		{name: "several-at-once", argv: "make -j all", entries: []string{sessionLine("deploy"), sessionLine("deploy"), deployed("cart", versionB, ""), deployed("shop", versionA, "")}},
		{name: "several-at-once-and-one-said-nothing", argv: "make -j all", entries: []string{sessionLine("deploy"), sessionLine("deploy"), deployed("shop", versionA, "")}},

		{name: "noise", argv: "npx wrangler deploy", entries: []string{"", "no JSON", "[]", "{", `{"type":3}`, `{"type":"novelty","a":{}}`, `{"type":"deploy","version_id":7,"worker_name":[],"targets":{}}`, sessionLine("deploy"), `{"type":"autoconfig","command":"deploy","summary":{}}`, deployed("shop", versionA, "", "javascript:alert(1)", "https://shop.acct.workers.dev"), `{"type":"deploy"`}},
		{name: "wrangler-preview", argv: "npx wrangler preview", entries: []string{sessionLine("preview"), `{"type":"preview","version":1,"worker_name":"shop","preview_id":"p","preview_urls":["https://p-shop.acct.workers.dev"],"deployment_id":"d1","deployment_urls":["https://d1"]}`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			env := tc.env
			if env == nil {
				env = map[string]string{"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "98", "GITHUB_RUN_ATTEMPT": "1"}
			}
			p := newPlace(t, env)
			p.write(t, "wrangler.toml", "name = \"shop\"\n[env.staging]\n")
			p.write(t, "package.json", `{"name":"@acme/mono","scripts":{"deploy":"tsc && wrangler deploy"}}`)
			for name, content := range tc.files {
				p.write(t, name, content)
			}
			p.commits["HEAD"] = inGit
			s := p.surroundings()
			argv := strings.Fields(tc.argv)
			if script := tc.files["script"]; script != "" {
				argv = append(argv, script)
			}
			seen := s.readCommand(argv)
			c := newExecCollector(s, tc.flags, seen)
			found, err := c.collect(t.Context())
			if err != nil || found.Skip != "" {
				t.Fatal(err, found.Skip)
			}
			tc.end.at = noon.Add(1234 * time.Millisecond).Truncate(time.Millisecond)
			tc.end.secrets = []string{secret}
			tc.end.sessions = readOutput([]byte(strings.Join(tc.entries, "\n")))
			var all bytes.Buffer
			for _, push := range c.outcome(found.Push, seen, tc.end) {
				body, err := push.Body()
				if err != nil {
					t.Fatal(err)
				}
				all.Write(append(body, '\n'))
				if push.Source != shipbell.SourceExec || strings.Contains(push.Error, "\n") {
					t.Errorf("%+v", push)
				}
			}
			golden(t, "exec/"+tc.name+".json", all.Bytes())
			if strings.Contains(all.String(), secret) {
				t.Error("a secret shows")
			}
		})
	}
}

// TestOutputPlace: only what was written after the start counts, wherever it is
// written to.
func TestOutputPlace(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, flag int) {
		t.Helper()
		f, err := os.OpenFile(dir+"/"+name, os.O_CREATE|os.O_WRONLY|flag, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(content); err != nil {
			t.Fatal(err)
		}
	}
	write("old.json", "before\n", 0)
	write("wrangler-output-1.json", "before\n", 0)
	write("other.json", "before\n", 0)
	file, directory, none := newOutputPlace("old.json", dir, dir), newOutputPlace("", dir, "/"), newOutputPlace("none/x.json", "", dir)
	for name, o := range map[string]outputPlace{"file": file, "directory": directory, "none": none} {
		if got := strings.TrimSpace(string(o.read())); got != "" {
			t.Errorf("%s: nothing was written, and %q was read", name, got)
		}
	}
	write("old.json", "after", os.O_APPEND)
	write("wrangler-output-1.json", "one", os.O_APPEND)
	write("wrangler-output-2.json", "two", 0)
	write("other.json", "not ours", os.O_APPEND)
	for _, tc := range []struct {
		o    outputPlace
		want string
	}{{file, "after"}, {directory, "one\ntwo"}, {none, ""}} {
		if got := strings.TrimSpace(string(tc.o.read())); got != tc.want {
			t.Errorf("%+v: read %q, want %q", tc.o, got, tc.want)
		}
	}
	write("old.json", "new", os.O_TRUNC)
	if got := strings.TrimSpace(string(file.read())); got != "new" {
		t.Errorf("a file that was replaced: %q", got)
	}
	strange := dir + "/a[b]*"
	if err := os.Mkdir(strange, 0o755); err != nil {
		t.Fatal(err)
	}
	o := newOutputPlace("", strange, dir)
	write("a[b]*/wrangler-output-3.json", "three", 0)
	if got := strings.TrimSpace(string(o.read())); got != "three" {
		t.Errorf("a directory with signs of patterns: %q", got)
	}
	if o := newOutputPlace(os.DevNull, "", dir); len(o.read()) > 0 {
		t.Error("read a device")
	}
}

// FuzzOutput: whatever stands in the file, an end is told with one status and
// the identity that was announced.
func FuzzOutput(f *testing.F) {
	f.Add([]byte(sessionLine("deploy")+"\n"+deployed("shop", versionA, "", "https://x")), 0)
	f.Add([]byte(sessionLine("pages", "deploy")+"\n"+pagesDetailed+"\n"+apiFailure), 1)
	f.Add([]byte(dryDeployed+"\n"+putLive+"\n{\n{}"), 130)
	f.Fuzz(func(t *testing.T, data []byte, code int) {
		c := &collector{Surroundings: Surroundings{Now: func() time.Time { return noon }}}
		base := Push{Type: shipbell.Worker, Project: "shop", ID: "1", Environment: "production", Time: noon}
		pushes := c.outcome(base, visible{}, ending{at: noon, code: code, sessions: readOutput(data)})
		if len(pushes) == 0 || pushes[0].ID != "1" || pushes[0].Project != "shop" || pushes[0].Type != shipbell.Worker {
			t.Fatalf("%+v", pushes)
		}
		for _, p := range pushes {
			if !p.Status.Final() || p.Project == "" || code != 0 && p.ID == "1" && p.Type == shipbell.Worker && p.Status == shipbell.Success && p.Project == "shop" && pushes[0].Status == shipbell.Success {
				t.Fatalf("%+v", p)
			}
			if strings.Contains(p.Error, "\n") {
				t.Fatalf("an error of several lines: %q", p.Error)
			}
		}
	})
}
