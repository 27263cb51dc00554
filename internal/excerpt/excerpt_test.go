package excerpt

import (
	"strings"
	"testing"
)

// TestHeadlines has the shapes of tools that the corpus has no recording of, and
// the lines that must not win.
func TestHeadlines(t *testing.T) {
	for name, c := range map[string]struct{ output, want string }{
		"next, a type":           {"Failed to compile.\n\n./app/page.tsx:3:10\nType error: Property 'x' does not exist\n\n  2 | a\n> 3 | b", "Type error: Property 'x'"},
		"next, a module":         {"Failed to compile.\n\n./app/page.tsx:1:1\nModule not found: Can't resolve 'x'", "Module not found: Can't resolve 'x'"},
		"turbo":                  {"web:build: > tsc\nweb:build: src/a.ts(1,2): error TS1005: ';' expected\nweb:build: ERROR: command finished with error: exit 2\nFailed:    web#build", "src/a.ts(1,2): error TS1005"},
		"docker build":           {"#9 12.31 > build\n#9 12.44 src/a.ts(1,2): error TS1005: ';' expected\nERROR: process \"/bin/sh -c npm run build\" did not complete successfully: exit code: 2", "src/a.ts(1,2): error TS1005"},
		"actions":                {"src/a.ts(1,2): error TS1005: ';' expected\n##[error]Process completed with exit code 2.", "src/a.ts(1,2): error TS1005"},
		"pytest":                 {"tests/test_a.py F\n=========== FAILURES ===========\n    def test_x():\n>       assert total(1) == 2\nE       assert 1 == 2\ntests/test_a.py:4: AssertionError\nFAILED tests/test_a.py::test_x - assert 1 == 2", "E       assert 1 == 2"},
		"hugo":                   {"Start building sites …\nError: error building site: render of \"page\" failed\n", "Error: error building site"},
		"jekyll":                 {"jekyll 4.3\n  Liquid Exception: Unknown tag 'x' in index.html\n             ERROR: YOUR SITE COULD NOT BE BUILT:", "ERROR: YOUR SITE COULD NOT"},
		"bun":                    {"error: Could not resolve: \"x\". Maybe you need to \"bun install\"?\nerror: script \"build\" exited with code 1", `Could not resolve: "x"`},
		"maven":                  {"[INFO] BUILD\n[ERROR] /src/A.java:[3,5] cannot find symbol\n[INFO] done", "cannot find symbol"},
		"docker daemon":          {"ERROR: Cannot connect to the Docker daemon", "Cannot connect to the Docker daemon"},
		"old npm":                {"npm ERR! code ELIFECYCLE\nnpm ERR! errno 1\nnpm ERR! site@1.0.0 build: `vite build`\nnpm ERR! Exit status 1", "site@1.0.0 build: `vite build`"},
		"npm replays":            {"npm error code 1\nnpm error path /build\nnpm error command sh -c node-gyp rebuild\nnpm error gyp ERR! build error\nnpm error gyp ERR! stack Error: `make` failed", "gyp ERR! build error"},
		"sass":                   {"error during build:\n[vite:css] [sass] Undefined variable.\n  a.scss 3:5  root stylesheet", "[sass] Undefined variable."},
		"an unhandled":           {"starting\nUnhandled promise rejection: Error: x\n", "Unhandled promise rejection"},
		"only a code":            {"doing it\nProcess exited with code 1", "Process exited with code 1"},
		"a survived error":       {"Error: cache not found\nSuccess: Build command completed\nsh: 1: wrangler: not found", "wrangler: not found"},
		"vague before a wrapper": {"could not read the cache\nerror Command failed with exit code 1.", "could not read the cache"},
		"prettier":               {"Checking formatting...\n[error] src/a.ts: SyntaxError: ';' expected. (1:2)", "src/a.ts: SyntaxError"},
		"a warning with errors":  {"▲ [WARNING] import-is-undefined\n\n    src/error.ts:1:2:\n      1 │ Error: failed\n\nTypeError: x is not a function", "TypeError: x is not a function"},
		"npm warn":               {"npm warn deprecated glob@7: Error: fatal\nnpm warn failed to load\nzsh: command not found: wrangler", "command not found: wrangler"},
		"file names":             {"dist/error.js 1 kB\nsrc/failed.ts\n[vite] error-overlay\n0 errors, 0 failed\nno errors found\nfatal: bad revision", "fatal: bad revision"},
		"test's own noise":       {"stderr | a.test.ts > a\nTypeError: noise\n    at x\n\n FAIL  a.test.ts > b\nAssertionError: expected 1 to be 2", "a.test.ts > b AssertionError"},
		"out of memory":          {"building\nKilled\nerror Command failed with signal \"SIGKILL\".", "Killed"},
		"a build token":          {"2026-05-01T10:00:00.1Z\tFailed: The build token selected for this build has been deleted", "The build token"},
		"no error at all":        {"checking\nthe release calendar says no", "the release calendar says no"},
	} {
		if got := First(strings.Split(c.output, "\n")); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestNothingToShow(t *testing.T) {
	for _, output := range []string{
		"", "\n\n", "\x1b[31m\x1b[0m\r\n", "npm warn deprecated a@1: b", "added 3 packages in 1s\n\nfound 0 vulnerabilities",
		"Error: retrying\nSuccess: Deploy command completed", "\x00\x00",
	} {
		lines := strings.Split(output, "\n")
		if got := Find(lines, Options{}) + First(lines); got != "" {
			t.Errorf("%q: %q", output, got)
		}
	}
}

func TestSecretsAreMaskedBeforeTheCut(t *testing.T) {
	const secret = "0123456789-secret-9876543210"
	line := "Error: " + strings.Repeat("x", maxWidth-20) + " " + secret
	for size := range 300 {
		got := Find([]string{line}, Options{MaxBytes: size + 1, Secrets: []string{secret}})
		if strings.Contains(got, "0123") {
			t.Fatalf("%d bytes: %q", size, got)
		}
	}
	if got := Find([]string{"Error: \x1b[1m0123456789\x1b[0m-secret-9876543210 is no key"}, Options{Secrets: []string{secret}}); got != "Error: *** is no key" {
		t.Errorf("with escapes in it: %q", got)
	}
	if got := First([]string{"A request to the Cloudflare API (/x) failed.", "token " + secret}, secret); strings.Contains(got, "0123") {
		t.Errorf("in a headline: %q", got)
	}
	got := Find([]string{"Error: cannot load", "-----BEGIN " + "RSA PRIVATE KEY-----", strings.Repeat("Ab3d", 16), strings.Repeat("Ef4g", 4)}, Options{})
	if strings.Contains(got, "Ab3d") || strings.Contains(got, "Ef4g") {
		t.Errorf("a key: %q", got)
	}
}

func TestStrip(t *testing.T) {
	for in, want := range map[string]string{
		"2026-05-01T10:00:00.137Z\t  text":          "  text",
		"10:00:00.137 | text":                       "text",
		"10:00:00 [build] text":                     "text",
		"2026-05-01T10:00:00Z [custom build] > tsc": "> tsc",
		"#12 3.456 text":                            "text",
		"##[error]text":                             "text",
		"web:build: text":                           "text",
		"@acme/web:build: text":                     "text",
		"error: text":                               "error: text",
		"[vite:build-html] text":                    "[vite:build-html] text",
		"2026-05-01T10:00:00.137Z":                  "",
		"12:30 text":                                "12:30 text",
	} {
		if got := strip(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
