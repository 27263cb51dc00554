package excerpt

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/channel/channeltest"
)

// corpus says of every recorded output what a person must find in the excerpt,
// the headline's part first. An empty list is an output with nothing to show.
var corpus = map[string][]string{
	"astro-fail":                {`Could not resolve "../components/Card.astro"`, "src/pages/index.astro"},
	"astro-render":              {"Cannot read properties of undefined (reading 'length')", "pages/index.astro"},
	"c-make":                    {"main.c:4:18: error: ‘totl’ undeclared", `printf("%d\n", totl);`, "main.c:5:11"},
	"cargo-fail":                {"error[E0308]: mismatched types", "src/main.rs:4:21", "expected `String`, found `u32`"},
	"cargo-test":                {"panicked at src/lib.rs:3:13", "assertion `left == right` failed", "left: 3"},
	"curl-refused":              {"curl: (7) Failed to connect"},
	"esbuild-fail":              {`Cannot use "||" with "??" without parentheses`, "app.js:2:17", "a ?? c || d", "more error"},
	"esbuild-node":              {`Unexpected ";"`, "app.js:1:29", "let x = ;"},
	"esbuild-pipe":              {`Cannot use "||" with "??" without parentheses`, "app.js:2:17", "a ?? c || d"},
	"eslint-fail":               {"src/b.js:1:1 error 'foo' is not defined", "'bar' is not defined", "src/error.js", "Expected '==='"},
	"eslint-ok":                 {},
	"git-clone":                 {"does not appear to be a git repository", "Could not read from remote"},
	"git-merge":                 {"error: pathspec 'release/2026' did not match"},
	"git-push":                  {"'origin' does not appear to be a git repository"},
	"go-build":                  {`./main.go:6:14: cannot use "x"`, "undefined: total", "unused"},
	"go-panic":                  {"panic: assignment to entry in nil map", "main.go:5"},
	"go-test":                   {"TestTotal", "a_test.go:8: total: got 120, want 121"},
	"hosted-build-oom":          {"JavaScript heap out of memory"},
	"hosted-build-tsc":          {"src/file1.ts(1,14): error TS2322", "missing1", "28 more errors"},
	"hosted-build-vite":         {`Could not resolve "./error.utils"`, "src/main.ts"},
	"hosted-deploy-auth":        {"Authentication error [code: 10000]", "/accounts/auth/workers/services/api"},
	"hosted-deploy-no-wrangler": {"wrangler: not found"},
	"hosted-deploy-resolve":     {`Could not resolve "hono-missing"`, "src/index.ts:1:21", "import { Hono }", `Could not resolve "./lib/db"`},
	"hosted-install":            {"`npm ci` can only install packages", "ms@2.1.3 does not satisfy ms@2.0.0", "Missing: nanoid@5.0.0"},
	"hosted-ok":                 {},
	"hosted-pages":              {`Could not resolve "../components/Card.astro"`},
	"hosted-token-rolled":       {"The build token selected for this build has been deleted or rolled"},
	"jest-console":              {"● object", "expect(received).toEqual(expected)", "+       2"},
	"jest-fail":                 {"● adds the tax", "Expected: 121", "Received: 120", "> 3 |   expect(total(100)).toBe(121);", "1 more error"},
	"node-module":               {"Cannot find package 'not-installed-package'", "/build/build.mjs"},
	"node-oom":                  {"JavaScript heap out of memory"},
	"node-reject":               {"Error: GET https://config.example.com/api.json: 503 Service Unavailable", "run.mjs:1", "socket hang up"},
	"node-sync":                 {"TypeError: routes is not iterable", "/build/deploy.cjs:1", "for (const r of routes)"},
	"node-throw":                {"TypeError: Cannot read properties of undefined (reading 'title')", "lib/load.js:3", "all[name].title", "deploy.js:3:18"},
	"npm-404":                   {"404 Not Found", "@acme-example-xyz/not-published-here@1.0.0"},
	"npm-ci-lock":               {"`npm ci` can only install packages", "ms@2.1.3 does not satisfy ms@2.0.0"},
	"npm-default-test":          {"Error: no test specified"},
	"npm-engine":                {"Unsupported engine", `Required: {"node":">=99"}`, "Actual:"},
	"npm-enoent":                {`Missing script: "build"`},
	"npm-eresolve":              {"unable to resolve dependency tree", "Found: react@17.0.2", `peer react@"^18.2.0" from react-dom@18.2.0`},
	"npm-etarget":               {"No matching version found for ms@99.0.0"},
	"npm-json":                  {"Invalid package.json", "Expected double-quoted property name"},
	"npm-lifecycle":             {"ENOENT: no such file or directory, open '/build/scripts/config.json'", "scripts/prepare.js:2:30"},
	"npm-missing-script":        {`Missing script: "build"`},
	"npm-not-found":             {"vitte: not found"},
	"npm-ok-then-fail":          {"src/total.ts(2,49): error TS2551", "Did you mean 'price'?"},
	"npm-ok-warn":               {},
	"npm-test":                  {"not ok 2 - adds the tax", "120 !== 121", "total.test.js:3"},
	"npm-workspace":             {"src/total.ts(2,49): error TS2551"},
	"pages-functions":           {`Could not resolve "zod-missing"`, "api.ts:1:18", "import { z }"},
	"pages-no-dir":              {"ENOENT: no such file or directory, scandir '/build/dist'"},
	"pages-ok":                  {},
	"pages-pfail":               {"failed to publish: Uncaught SyntaxError: Unexpected token 'export' [code: 8000096]"},
	"pages-pnone":               {`The Pages project "site" does not exist.`},
	"pages-pstage":              {"Failed to publish your Function. Got error: Uncaught TypeError: x is not a function"},
	"pnpm-lock":                 {"ERR_PNPM_OUTDATED_LOCKFILE", `{"ms":"2.1.3"}`},
	"pnpm-script":               {"src/total.ts:2:49 - error TS2551", "sum + item.prise", "~~~~~"},
	"py-chained":                {"ValueError: page without a title: about.md", "gen.py\", line 5"},
	"py-syntax":                 {"SyntaxError: invalid syntax", "gen.py\", line 1", "def f(:"},
	"py-traceback":              {"JSONDecodeError: Expecting property name", "gen.py\", line 4", "return json.load(f)"},
	"rollup-fail":               {"RollupError: src/main.js (1:27)", "export default function( {"},
	"sh-killed":                 {"Killed"},
	"sh-quiet":                  {"Deploys are frozen until 2026-05-04"},
	"sh-set-e":                  {"cp: cannot stat 'assets/icons': No such file or directory"},
	"sh-unset":                  {"DEPLOY_TARGET_NAME: unbound variable"},
	"tsc-config":                {"error TS6053: File '/build/gone.ts' not found", "Unknown compiler option 'modul'"},
	"tsc-many":                  {"src/file1.ts(1,14): error TS2322", "28 more errors"},
	"tsc-one":                   {"src/total.ts:2:49 - error TS2551", "sum + item.prise", "~~~~~"},
	"vite-config":               {"Cannot find module 'vite-plugin-nope'", "vite.config.js"},
	"vite-export":               {`src/main.ts (1:9): "format" is not exported by "src/fmt.ts"`, "import { format }"},
	"vite-ok-error-names":       {},
	"vite-resolve":              {`Could not resolve "./error.utils" from "src/main.ts"`},
	"vite-syntax":               {"Unterminated string literal", "src/main.ts:5:0", "${user.name`"},
	"vitest-fail":               {"src/total.test.ts > total > adds the tax", "expected { total: 120", "src/total.test.ts:6:40", "toEqual({ total: 121"},
	"vitest-import":             {"Cannot find module './gone'", "src/a.test.ts:1:1"},
	"vitest-pipe":               {"src/total.test.ts > total > adds the tax", "expected { total: 120", "src/total.test.ts:6:40"},
	"webpack-fail":              {"Can't resolve './nope'", "ERROR in ./src/index.js 1:0-23", "left-pad-nope"},
	"webpack-ok":                {},
	"wrangler-after-upload":     {"This Worker does not exist on your account. [code: 10090]"},
	"wrangler-api-big":          {"exceeded size limits", "size limit of 3 MiB"},
	"wrangler-api-dobj":         {"you must create a namespace using a `new_sqlite_classes` migration. [code: 10070]"},
	"wrangler-api-kv":           {"KV namespace 'f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6' not found"},
	"wrangler-api-runtime":      {"Uncaught ReferenceError: window is not defined", "src/index.ts:1:39", "[code: 10021]"},
	"wrangler-auth":             {"Authentication error [code: 10000]", "/accounts/auth/workers/services/api"},
	"wrangler-binding":          {`"services[0]" bindings should have a string "service" field`},
	"wrangler-config-invalid":   {`The field "vars" should be an object but got "x"`},
	"wrangler-config-syntax":    {"Invalid TOML document", "wrangler.toml:3:32", `compatibility_date = "2026-05-01`},
	"wrangler-custom-build":     {"src/index.ts(2,3): error TS2322", "src/index.ts(2,49): error TS2551"},
	"wrangler-do-missing":       {"not exported in your entrypoint file: Room", "src/index.ts"},
	"wrangler-flaky":            {"upstream connect error", "500 Internal Server Error"},
	"wrangler-main-missing":     {`The entry-point file at "src/index.ts" was not found`},
	"wrangler-no-main":          {"Missing entry-point to Worker script"},
	"wrangler-no-token":         {"it's necessary to set a CLOUDFLARE_API_TOKEN environment variable"},
	"wrangler-node-builtin":     {`Could not resolve "fs"`, "src/index.ts:1:15", `Add the "nodejs_compat" compatibility flag`},
	"wrangler-ok-warning":       {},
	"wrangler-resolve":          {`Could not resolve "hono-missing"`, "src/index.ts:1:21", `Could not resolve "./lib/db"`},
	"wrangler-syntax":           {`Expected ")" but found ";"`, "src/index.ts:3:35", "new URL(request.url;"},
	"wrangler-unknown-arg":      {"Unknown argument: enviroment"},
	"yarn-script":               {"TypeError: 1", "throw new TypeError(String(1))"},
}

// never are texts that help nobody.
var never = []string{
	"\x1b", "\r", "A complete log of this run", "npm error code", "ELIFECYCLE", "node:internal", "wrangler-dist", "deprecated", "WARNING",
	"Logs were written", "expected noise", "Error: error occurred while running", "⛅️",
}

func recorded(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	outputs := map[string][]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		outputs[strings.TrimSuffix(filepath.Base(f), ".txt")] = strings.Split(string(b), "\n")
	}
	return outputs
}

func TestCorpus(t *testing.T) {
	outputs := recorded(t)
	hits, headlines, failures := 0, 0, 0
	for name, lines := range outputs {
		want, ok := corpus[name]
		if !ok {
			t.Errorf("%s: no word on what its excerpt must have", name)
			continue
		}
		got, headline := Find(lines, Options{}), First(lines)
		channeltest.Golden(t, "corpus/"+name+".golden", headline+"\n\n"+got+"\n")
		hit := true
		if len(want) == 0 {
			if hit = got == "" && headline == ""; !hit {
				t.Errorf("%s: nothing failed, but the excerpt is\n%s", name, got)
			}
		} else if failures++; strings.Contains(headline, want[0]) {
			headlines++
		} else {
			t.Errorf("%s: the headline has no %q: %s", name, want[0], headline)
		}
		for i, w := range want {
			if !strings.Contains(got, w) && (i > 0 || !strings.Contains(headline, w)) {
				hit = false
				t.Errorf("%s: no %q in\n%s", name, w, got)
			}
		}
		for _, n := range never {
			if strings.Contains(got, n) || strings.Contains(headline, n) {
				hit = false
				t.Errorf("%s: %q in\n%s", name, n, got)
			}
		}
		if hit {
			hits++
		}
		// What a Tail remembers must lead to the same excerpt.
		tail := NewTail(64 << 10)
		if _, err := tail.Write([]byte(strings.Join(lines, "\n"))); err != nil {
			t.Fatal(err)
		}
		if again := Find(tail.Lines(), Options{}); again != got {
			t.Errorf("%s: through a Tail\n%s\nwithout\n%s", name, again, got)
		}
	}
	for name := range corpus {
		if _, ok := outputs[name]; !ok {
			t.Errorf("%s: no such file", name)
		}
	}
	t.Logf("%d of %d excerpts have all that they should; %d of %d headlines", hits, len(outputs), headlines, failures)
}

// TestCorpusBehindAFlood has more than a Tail holds stand before and after each output.
func TestCorpusBehindAFlood(t *testing.T) {
	flood := []byte(strings.Repeat(strings.Repeat("copied dist/assets/index-0b1c2d.js to the output\n", 31)+"copied dist/assets/error-0b1c2d.js, 0 errors\n", 25))
	for name, lines := range recorded(t) {
		tail := NewTail(64 << 10)
		for _, p := range [][]byte{flood, []byte("\n" + strings.Join(lines, "\n") + "\n\n"), flood} {
			if _, err := tail.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		want := corpus[name]
		if len(want) == 0 || name == "sh-quiet" {
			continue
		}
		if got := First(tail.Lines()); !strings.Contains(got, want[0]) {
			t.Errorf("%s: no %q in %s", name, want[0], got)
		}
	}
}

// machine is what the outputs must not say of where they were recorded.
var machine = regexp.MustCompile(`/tmp/|/root\b|127\.0\.0\.1|[a-z0-9-]+\.internal\b`)

func TestCorpusHoldsNoMachine(t *testing.T) {
	for name, lines := range recorded(t) {
		for i, l := range lines {
			if found := machine.FindString(l); found != "" {
				t.Errorf("%s.txt:%d: %s", name, i+1, found)
			}
		}
	}
}

// TestEveryRankingRuleHasALiteral holds what the speed of Tail depends on.
func TestEveryRankingRuleHasALiteral(t *testing.T) {
	rules, index := compiled()
	if len(index.texts) > maxLiterals {
		t.Fatalf("%d literals, room for %d", len(index.texts), maxLiterals)
	}
	for _, k := range rules {
		if (k.rank > none || k.role == success) && len(k.needs) == 0 {
			t.Errorf("%s has no text that must be in the line", k.text)
		}
	}
	// A literal must not hide a match.
	for name, lines := range recorded(t) {
		for _, l := range lines[:min(len(lines), 40)] {
			l = strip(string(clean(nil, []byte(l))))
			found := index.scan(l)
			for _, k := range rules {
				if (k.rank > none || k.role == success) && found.none(k.needs) && k.pattern.MatchString(l) {
					t.Errorf("%s: %q matches %s without its literals", name, l, k.text)
				}
			}
		}
	}
}

func TestBounds(t *testing.T) {
	for name, lines := range recorded(t) {
		if len(lines) > 60 { // the bounds do not depend on it, the time does
			continue
		}
		for _, o := range []Options{{MaxLines: 1}, {MaxLines: 3}, {MaxBytes: 1}, {MaxBytes: 4}, {MaxBytes: 40}, {MaxLines: 100, MaxBytes: 10000}} {
			wantBounds(t, name, Find(lines, o), o)
		}
	}
}

func wantBounds(t *testing.T, name, got string, o Options) {
	t.Helper()
	if o.MaxLines > 0 && strings.Count(got, "\n") >= o.MaxLines {
		t.Errorf("%s %+v: too many lines\n%s", name, o, got)
	}
	if o.MaxBytes > 0 && len(got) > o.MaxBytes {
		t.Errorf("%s %+v: %d bytes", name, o, len(got))
	}
	if strings.ToValidUTF8(got, "") != got {
		t.Errorf("%s %+v: no UTF-8: %q", name, o, got)
	}
	if slices.ContainsFunc([]byte(got), func(c byte) bool { return c < ' ' && c != '\n' || c == 0x7f }) {
		t.Errorf("%s %+v: a control character in %q", name, o, got)
	}
}

func FuzzFind(f *testing.F) {
	f.Add("a\x1b[31mb\nError: x\n    at y (node:z:1:2)\nsecret-12345", "secret-12345", 3, 100)
	f.Add("Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'", "abcdef", 12, 1500)
	f.Fuzz(func(t *testing.T, output, secret string, maxLines, maxBytes int) {
		o := Options{MaxLines: maxLines, MaxBytes: maxBytes, Secrets: []string{secret}}
		lines := strings.Split(output, "\n")
		for _, got := range []string{Find(lines, o), First(lines, secret)} {
			wantHidden(t, got, secret)
		}
		wantBounds(t, "fuzz", Find(lines, o), o)
		if got := First(lines, secret); strings.Contains(got, "\n") || len(got) > maxHeadline {
			t.Errorf("a headline %q", got)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	var lines []string
	for range 5000 {
		lines = append(lines, "npm warn deprecated inflight@1.0.6: This module is not supported", "dist/assets/index-yCelQKq6.js  0.79 kB │ gzip: 0.44 kB")
	}
	lines = append(lines, "src/total.ts(2,49): error TS2551: Property 'prise' does not exist")
	for b.Loop() {
		Find(lines, Options{Secrets: []string{"a-secret-of-the-build", "another-secret"}})
	}
}
