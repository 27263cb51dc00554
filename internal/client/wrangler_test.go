package client

import (
	"reflect"
	"testing"
)

func TestFindInvocation(t *testing.T) {
	for _, tc := range []struct {
		name string
		argv []string
		want invocation
	}{
		{"deploy", []string{"node", "/app/node_modules/.bin/wrangler", "deploy"}, invocation{found: true, command: "deploy"}},
		{
			"the inner process",
			[]string{"/usr/bin/node", "--no-warnings", "--experimental-vm-modules", "/app/node_modules/wrangler/wrangler-dist/cli.js", "deploy", "--env", "staging"},
			invocation{found: true, command: "deploy", env: "staging", envGiven: true},
		},
		{"bin script", []string{"node", "/app/node_modules/wrangler/bin/wrangler.js", "deploy", "--env=staging"}, invocation{found: true, command: "deploy", env: "staging", envGiven: true}},
		{"short options", []string{"wrangler", "deploy", "-e", "staging", "-c", "conf/wrangler.toml"}, invocation{found: true, command: "deploy", env: "staging", envGiven: true, config: "conf/wrangler.toml"}},
		{"short options with equals", []string{"wrangler", "deploy", "-e=staging", "-c=w.toml"}, invocation{found: true, command: "deploy", env: "staging", envGiven: true, config: "w.toml"}},
		{"top level", []string{"wrangler", "deploy", "--env", ""}, invocation{found: true, command: "deploy", envGiven: true}},
		{"top level with equals", []string{"wrangler", "deploy", "--env="}, invocation{found: true, command: "deploy", envGiven: true}},
		{"env without value", []string{"wrangler", "deploy", "--env", "--dry-run"}, invocation{found: true, command: "deploy", envGiven: true, dryRun: true}},
		{"options first", []string{"wrangler", "--config", "w.toml", "--cwd", "app", "deploy", "src/index.ts"}, invocation{found: true, command: "deploy", config: "w.toml", cwd: "app"}},
		{"what it was called before", []string{"wrangler", "publish", "--branch", "x"}, invocation{found: true, command: "deploy"}},
		{"pages deploy", []string{"wrangler", "pages", "deploy", "dist", "--project-name", "docs", "--branch=main"}, invocation{found: true, command: "pages deploy", project: "docs", branch: "main"}},
		{"pages publish", []string{"wrangler", "pages", "publish", "dist", "--projectName=docs"}, invocation{found: true, command: "pages deploy", project: "docs"}},
		{"name", []string{"wrangler", "deploy", "--name", "cli-name"}, invocation{found: true, command: "deploy", name: "cli-name"}},
		{"last one counts", []string{"wrangler", "deploy", "--name", "a", "--name=b"}, invocation{found: true, command: "deploy", name: "b"}},
		{"dry run", []string{"wrangler", "deploy", "--dry-run"}, invocation{found: true, command: "deploy", dryRun: true}},
		{"dry run, camel case", []string{"wrangler", "deploy", "--dryRun"}, invocation{found: true, command: "deploy", dryRun: true}},
		{"dry run, true", []string{"wrangler", "deploy", "--dry-run=true"}, invocation{found: true, command: "deploy", dryRun: true}},
		{"dry run, false", []string{"wrangler", "deploy", "--dry-run=false"}, invocation{found: true, command: "deploy"}},
		{"dry run, false apart", []string{"wrangler", "deploy", "--dry-run", "false"}, invocation{found: true, command: "deploy"}},
		{"dry run, then the script", []string{"wrangler", "deploy", "--dry-run", "src/index.ts"}, invocation{found: true, command: "deploy", dryRun: true}},
		{"no dry run", []string{"wrangler", "deploy", "--no-dry-run"}, invocation{found: true, command: "deploy"}},
		{"after the end of options", []string{"wrangler", "deploy", "--", "--dry-run"}, invocation{found: true, command: "deploy"}},
		{"build is a dry run", []string{"wrangler", "build"}, invocation{found: true, command: "build", dryRun: true}},
		{"versions upload", []string{"wrangler", "versions", "upload", "--env", "staging"}, invocation{found: true, command: "versions upload", env: "staging", envGiven: true}},
		{"pages dev", []string{"wrangler", "pages", "dev", "dist"}, invocation{found: true, command: "pages dev"}},
		{"no command", []string{"wrangler"}, invocation{found: true}},

		{"a shell that calls it", []string{"sh", "-c", "npx wrangler deploy --dry-run"}, invocation{}},
		{"npm's title", []string{"npm exec wrangler deploy --dry-run"}, invocation{}},
		{"an editor", []string{"vim", "wrangler"}, invocation{}},
		{"another script", []string{"node", "build.js", "wrangler"}, invocation{}},
		{"a kernel thread", nil, invocation{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := findInvocation([]Process{{Args: []string{"shipbell", "notify"}}, {Args: []string{"sh", "-c", "shipbell notify"}}, {Args: tc.argv}})
			got.args = nil
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestNearestInvocation: a wrangler can be called from another one's command.
func TestNearestInvocation(t *testing.T) {
	got := findInvocation([]Process{
		{Args: []string{"wrangler", "dev"}}, // this process is never meant
		{Args: []string{"wrangler", "deploy", "--name", "near"}, Dir: "/near"},
		{Args: []string{"wrangler", "deploy", "--name", "far"}, Dir: "/far"},
	})
	if got.name != "near" || got.dir != "/near" {
		t.Errorf("got %+v", got)
	}
}
