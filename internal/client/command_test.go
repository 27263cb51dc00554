package client

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReadCommand: how wrangler is called is seen through everything that
// usually stands in front of it, and nothing is guessed.
func TestReadCommand(t *testing.T) {
	const manifest = `{"scripts": {
		"deploy": "tsc --noEmit && wrangler deploy --minify",
		"deploy:staging": "CLOUDFLARE_ENV=staging npm run deploy",
		"all": "npm run deploy && wrangler pages deploy dist",
		"loop": "npm run loop",
		"turbo": "turbo run deploy",
		"dry": "wrangler deploy --dry-run --outdir dist",
		"number": 7,
		"retry": "wrangler deploy || wrangler deploy"
	}}`
	sh := func(script string) []string { return []string{"sh", "-c", script} }
	for _, tc := range []struct {
		argv []string
		want string // what deploys: "command env name dir"; empty: not known
		idle Skip
		n    int // calls seen; 0: as many as want says
	}{
		{argv: words("wrangler deploy"), want: "deploy"},
		{argv: words("npx wrangler deploy --env staging"), want: "deploy env=staging"},
		{argv: words("npx --yes wrangler@4 deploy -e prod --name x"), want: "deploy env=prod name=x"},
		{argv: words("npx -y -p wrangler@4.1.0 -- wrangler deploy"), want: "deploy"},
		{argv: words("npx -p typescript -p wrangler wrangler deploy"), want: "deploy"},
		{argv: []string{"npx", "-c", "wrangler deploy -e x"}, want: "deploy env=x"},
		{argv: words("npx @cloudflare/wrangler publish"), want: "deploy"},
		{argv: words("npm exec wrangler deploy"), want: "deploy"},
		{argv: words("npm exec -- wrangler deploy --env x"), want: "deploy env=x"},
		{argv: words("npm x -- wrangler@latest deploy"), want: "deploy"},
		{argv: words("pnpm exec wrangler deploy"), want: "deploy"},
		{argv: words("pnpm dlx wrangler@4 deploy"), want: "deploy"},
		{argv: words("pnpm wrangler deploy"), want: "deploy"},
		{argv: words("corepack pnpm wrangler deploy"), want: "deploy"},
		{argv: words("yarn wrangler deploy --env x"), want: "deploy env=x"},
		{argv: words("yarn run wrangler deploy"), want: "deploy"},
		{argv: words("yarn dlx wrangler deploy"), want: "deploy"},
		{argv: words("bunx wrangler deploy"), want: "deploy"},
		{argv: words("bun x wrangler deploy"), want: "deploy"},
		{argv: words("bun run wrangler deploy"), want: "deploy"},
		{argv: words("./node_modules/.bin/wrangler deploy"), want: "deploy"},
		{argv: words("node node_modules/wrangler/bin/wrangler.js deploy"), want: "deploy"},
		{argv: words("env CLOUDFLARE_ENV=staging npx wrangler deploy"), want: "deploy env=staging"},
		{argv: words("npx cross-env CLOUDFLARE_ENV=staging wrangler deploy"), want: "deploy env=staging"},
		{argv: words("env CLOUDFLARE_ENV=staging npx wrangler deploy --env prod"), want: "deploy env=prod"},
		{argv: words("time wrangler deploy"), want: "deploy"},
		{argv: words("wrangler deploy --cwd packages/api"), want: "deploy dir=packages/api"},
		{argv: words("wrangler pages deploy dist --project-name docs --branch feat"), want: "pages deploy"},
		{argv: words("wrangler versions upload"), want: "versions upload"},
		{argv: words("wrangler d1 migrations apply"), want: "d1"},

		{argv: words("npm run deploy"), want: "deploy"},
		{argv: words("npm run deploy -- --env staging"), want: "deploy env=staging"},
		{argv: words("npm run deploy --env staging"), want: "deploy"}, // npm keeps that
		{argv: words("npm run deploy:staging"), want: "deploy env=staging"},
		{argv: words("pnpm run deploy --env staging"), want: "deploy env=staging"},
		{argv: words("yarn deploy --env staging"), want: "deploy env=staging"},
		{argv: words("yarn retry"), want: "deploy", n: 2},
		{argv: words("bun run deploy"), want: "deploy"},
		{argv: words("npm run all"), n: 2},
		{argv: words("npm run loop")},
		{argv: words("npm run turbo")},
		{argv: words("npm run none")},
		{argv: words("npm run number")},
		{argv: words("npm run --workspace api deploy")},
		{argv: words("pnpm --filter api deploy")},
		{argv: words("pnpm -r exec wrangler deploy")},
		{argv: words("make deploy")},
		{argv: words("wrangler-wrapper deploy")},
		{argv: words("echo wrangler deploy")},
		{argv: nil},

		{argv: sh("npm ci && npx wrangler deploy --env staging"), want: "deploy env=staging"},
		{argv: []string{"bash", "-eo", "pipefail", "-c", "npx wrangler deploy"}},
		{argv: []string{"bash", "-euc", "npx wrangler deploy"}, want: "deploy"},
		{argv: []string{"bash", "-eco", "pipefail", "npx wrangler deploy"}, want: "deploy"},
		{argv: []string{"bash", "-lc", "npx wrangler deploy"}, want: "deploy"},
		{argv: []string{"bash", "deploy.sh"}},
		{argv: sh("cd packages/api && npx wrangler deploy"), want: "deploy dir=packages/api"},
		{argv: sh("cd packages; cd api\nnpx wrangler deploy"), want: "deploy dir=packages/api"},
		{argv: sh("false || cd packages/api && npx wrangler deploy")},
		{argv: sh("cd - && npx wrangler deploy")},
		{argv: sh("CLOUDFLARE_ENV='sta'\"ging\" wrangler deploy"), want: "deploy env=staging"},
		{argv: sh("export CLOUDFLARE_ENV=staging\nwrangler deploy"), want: "deploy env=staging"},
		{argv: sh(`wrangler deploy --env "$STAGE" # --dry-run`), want: "deploy env=from-environment"},
		{argv: sh(`STAGE=qa; wrangler deploy --env ${STAGE}`), want: "deploy env=qa"},
		{argv: sh(`wrangler deploy --env $SPACED`)},
		{argv: sh(`wrangler deploy --env "$SPACED"`), want: "deploy env=a b"},
		{argv: sh("wrangler deploy $NONE 2>&1 >/dev/null | tee log; exit 0"), want: "deploy"},
		{argv: sh("wrangler deploy --env $(cat env)")},
		{argv: sh("wrangler deploy --env `cat env`")},
		{argv: sh("if true; then wrangler deploy; fi")},
		{argv: sh("for e in a b; do wrangler deploy --env $e; done")},
		{argv: sh("(cd x && wrangler deploy)")},
		{argv: sh("wrangler deploy --env ${E:-x}")},
		{argv: sh("wrangler deploy *.ts")},
		{argv: sh("cat <<X\nwrangler deploy\nX")},
		{argv: sh("wrangler deploy 'unclosed")},
		{argv: sh("wrangler deploy &&")},
		{argv: sh("echo 'wrangler deploy'")},
		{argv: sh("wrangler d1 migrations apply && wrangler deploy -e x"), want: "deploy env=x", n: 2},
		{argv: sh("wrangler deploy --dry-run && wrangler deploy"), want: "deploy", n: 2},
		{argv: sh("wrangler deploy -e a && wrangler deploy -e b"), n: 2},
		{argv: sh("wrangler versions upload && wrangler versions deploy -y"), n: 2},
		{argv: sh("sh -c 'wrangler deploy'"), want: "deploy"},

		{argv: words("npx wrangler deploy --dry-run"), want: "deploy", idle: SkipDryRun},
		{argv: words("npm run dry"), want: "deploy", idle: SkipDryRun},
		{argv: words("npm run deploy -- --dry-run"), want: "deploy", idle: SkipDryRun},
		{argv: words("npx wrangler dev"), want: "dev", idle: SkipDev},
		{argv: words("npx wrangler types"), want: "types", idle: SkipTypes},
		{argv: sh("wrangler types && wrangler deploy --dry-run"), idle: SkipDryRun, n: 2},
		{argv: sh("wrangler types && ./other"), want: "types", idle: SkipTypes},
	} {
		t.Run(strings.Join(tc.argv, " "), func(t *testing.T) {
			p := newPlace(t, map[string]string{"STAGE": "from-environment", "SPACED": "a b"})
			p.write(t, "package.json", manifest)
			seen := p.surroundings().readCommand(tc.argv)
			got := ""
			if v := seen.deploys; v.found {
				got = v.command
				if v.envGiven {
					got += " env=" + v.env
				}
				if v.name != "" {
					got += " name=" + v.name
				}
				if rel, _ := filepath.Rel(p.dir, v.dir); rel != "." {
					got += " dir=" + filepath.ToSlash(rel)
				}
			}
			n := tc.n
			if n == 0 && tc.want != "" {
				n = 1
			}
			if got != tc.want || seen.idle != tc.idle || len(seen.calls) != n {
				t.Errorf("got %q, idle %q, %d calls; want %q, idle %q, %d calls", got, seen.idle, len(seen.calls), tc.want, tc.idle, n)
			}
		})
	}
}

func words(line string) []string { return strings.Fields(line) }

// FuzzReadScript: whatever a script holds, reading it ends, and no command is
// without words.
func FuzzReadScript(f *testing.F) {
	f.Add("cd x && A=$B wrangler deploy --env \"${C}\" 2>&1 | tee 'log'; exit 0")
	f.Add("\\\n'\"`$(<>&;\x00")
	f.Fuzz(func(t *testing.T, script string) {
		commands, err := readScript(script, func(string) string { return "x y" })
		if err != nil {
			return
		}
		for _, c := range commands {
			if len(c.words) == 0 {
				t.Fatalf("a command without words: %+v", commands)
			}
		}
		p := Surroundings{Dir: "/", Getenv: func(string) string { return "" }, ReadFile: func(string) ([]byte, error) { return nil, errNotRegular }}
		if n := len(p.readCommand([]string{"sh", "-c", script}).calls); n > len(script) {
			t.Fatalf("%d calls", n)
		}
	})
}

// TestReadScriptAsShell: simple scripts mean what a shell says they mean.
func TestReadScriptAsShell(t *testing.T) {
	for script, want := range map[string][]string{
		`printf '%s\n' a"b c"d\ e 'f"g' "h\$i\"j" k\
l`: {`ab cd e`, `f"g`, `h$i"j`, `kl`},
		"printf '%s\\n' x#y # z":       {"x#y"},
		`printf '%s\n' "" '' $EMPTY q`: {"", "", "q"},
	} {
		commands, err := readScript(script, func(string) string { return "" })
		if err != nil || len(commands) != 1 || !slices.Equal(commands[0].words[2:], want) {
			t.Errorf("%s: read %+v, %v", script, commands, err)
		}
	}
}
