package client

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
)

// wranglerAbove puts a wrangler with these arguments above this process.
func wranglerAbove(args ...string) []Process {
	return []Process{
		{Args: []string{"shipbell", "notify"}},
		{Args: []string{"sh", "-c", "shipbell notify"}},
		{Args: append([]string{"node", "/app/node_modules/.bin/wrangler"}, args...)},
	}
}

func TestNames(t *testing.T) {
	const config = `
name = "demo"
[env.staging]
[env.prod]
name = "demo-live"
`
	const pagesConfig = `{"name": "kittens", "pages_build_output_dir": "dist"}`
	for _, tc := range []struct {
		name        string
		env         map[string]string
		files       map[string]string
		wrangler    []string // arguments of the ancestor; nil: none can be seen
		flags       Overrides
		typ         shipbell.ProjectType
		project     string
		environment string
	}{
		{name: "top level", files: inTOML(config), project: "demo", environment: "production"},
		{name: "wrangler's env", files: inTOML(config), wrangler: []string{"deploy", "--env", "staging"}, project: "demo-staging", environment: "staging"},
		{name: "wrangler's env with a name", files: inTOML(config), wrangler: []string{"deploy", "-e", "prod"}, project: "demo-live", environment: "prod"},
		{name: "wrangler's name", files: inTOML(config), wrangler: []string{"deploy", "--name", "cli-name", "--env", "staging"}, project: "cli-name", environment: "staging"},
		{name: "CLOUDFLARE_ENV", files: inTOML(config), env: map[string]string{"CLOUDFLARE_ENV": "staging"}, project: "demo-staging", environment: "staging"},
		{name: "wrangler's env over CLOUDFLARE_ENV", files: inTOML(config), env: map[string]string{"CLOUDFLARE_ENV": "staging"}, wrangler: []string{"deploy", "--env=prod"}, project: "demo-live", environment: "prod"},
		{name: "explicit top level over CLOUDFLARE_ENV", files: inTOML(config), env: map[string]string{"CLOUDFLARE_ENV": "staging"}, wrangler: []string{"deploy", "--env="}, project: "demo", environment: "production"},
		{name: "override of Workers Builds", files: inTOML(config), env: map[string]string{"WRANGLER_CI_OVERRIDE_NAME": "forced", "CLOUDFLARE_ENV": "staging"}, wrangler: []string{"deploy", "--name", "cli-name"}, project: "forced", environment: "staging"},
		{name: "ENVIRONMENT", files: inTOML(config), env: map[string]string{"ENVIRONMENT": "qa"}, project: "demo", environment: "qa"},
		{name: "CLOUDFLARE_ENV over ENVIRONMENT", files: inTOML(config), env: map[string]string{"ENVIRONMENT": "qa", "CLOUDFLARE_ENV": "prod"}, project: "demo-live", environment: "prod"},

		{name: "flags", files: inTOML(config), env: map[string]string{"CLOUDFLARE_ENV": "staging", "WRANGLER_CI_OVERRIDE_NAME": "forced"}, flags: Overrides{Project: "given", Environment: "canary"}, project: "given", environment: "canary"},
		{name: "a flag picks a section", files: inTOML(config), flags: Overrides{Environment: "staging"}, project: "demo-staging", environment: "staging"},
		{name: "a flag without a section", files: inTOML(config), flags: Overrides{Environment: "production"}, project: "demo", environment: "production"},
		{name: "a flag picks nothing below a wrangler that is seen", files: inTOML(config), wrangler: []string{"deploy"}, flags: Overrides{Environment: "staging"}, project: "demo", environment: "staging"},

		{name: "versions upload", files: inTOML(config), env: map[string]string{"WRANGLER_COMMAND": "versions upload", "ENVIRONMENT": "qa"}, project: "demo", environment: "preview"},
		{name: "versions upload, seen", files: inTOML(config), wrangler: []string{"versions", "upload", "--env", "staging"}, project: "demo-staging", environment: "preview"},
		{name: "versions upload, given", files: inTOML(config), env: map[string]string{"WRANGLER_COMMAND": "versions upload"}, flags: Overrides{Environment: "qa"}, project: "demo", environment: "qa"},

		{name: "wrangler's config", files: map[string]string{"wrangler.toml": config, "other.jsonc": `{"name": "other"}`}, wrangler: []string{"deploy", "--config", "other.jsonc"}, project: "other", environment: "production"},
		{name: "config flag", files: map[string]string{"wrangler.toml": config, "other.jsonc": `{"name": "other"}`, "third.toml": `name = "third"`}, wrangler: []string{"deploy", "-c", "third.toml"}, flags: Overrides{ConfigFile: "other.jsonc"}, project: "other", environment: "production"},
		{
			name: "generated configuration", env: map[string]string{"CLOUDFLARE_ENV": "staging"},
			files: map[string]string{
				"wrangler.toml": config, ".wrangler/deploy/config.json": `{"configPath": "../../dist/wrangler.json"}`,
				"dist/wrangler.json": `{"name": "demo-staging", "targetEnvironment": "staging"}`,
			}, project: "demo-staging", environment: "staging",
		},
		{
			name: "generated configuration tells its environment",
			files: map[string]string{
				"wrangler.toml": config, ".wrangler/deploy/config.json": `{"configPath": "../../dist/wrangler.json"}`,
				"dist/wrangler.json": `{"name": "demo-staging", "targetEnvironment": "staging"}`,
			}, project: "demo-staging", environment: "staging",
		},

		{name: "package.json", files: map[string]string{"package.json": `{"name": "@acme/pkg"}`}, project: "pkg", environment: "production"},
		{name: "configuration before package.json", files: map[string]string{"package.json": `{"name": "pkg"}`, "wrangler.toml": config}, project: "demo", environment: "production"},
		{name: "nameless configuration", files: map[string]string{"package.json": `{"name": "pkg"}`, "wrangler.toml": "main = 'x'"}, env: map[string]string{"CLOUDFLARE_ENV": "staging"}, project: "pkg", environment: "staging"},
		{name: "CLOUDFLARE_PROJECT_NAME", env: map[string]string{"CLOUDFLARE_PROJECT_NAME": "old"}, project: "old", environment: "production"},
		{name: "package.json over CLOUDFLARE_PROJECT_NAME", files: map[string]string{"package.json": `{"name": "pkg"}`}, env: map[string]string{"CLOUDFLARE_PROJECT_NAME": "old"}, project: "pkg", environment: "production"},
		{name: "directory", project: "001", environment: "production"},
		{name: "repository", files: map[string]string{".git/HEAD": "ref: refs/heads/main\n"}, project: "001", environment: "production"},

		{name: "Pages configuration", files: map[string]string{"wrangler.jsonc": pagesConfig}, typ: shipbell.Pages, project: "kittens", environment: "production"},
		{name: "Pages configuration in another CI", files: map[string]string{"wrangler.jsonc": pagesConfig}, env: map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REF_NAME": "feat", "GITHUB_REF_TYPE": "branch"}, typ: shipbell.Pages, project: "kittens", environment: "production"},
		{name: "Pages main", env: pagesEnv("main"), typ: shipbell.Pages, project: "proj", environment: "production"},
		{name: "Pages master", env: pagesEnv("master"), typ: shipbell.Pages, project: "proj", environment: "production"},
		{name: "Pages production", env: pagesEnv("production"), typ: shipbell.Pages, project: "proj", environment: "production"},
		{name: "Pages branch", env: pagesEnv("feat"), typ: shipbell.Pages, project: "proj", environment: "preview"},
		{name: "Pages branch given", env: pagesEnv("feat"), flags: Overrides{Branch: "main"}, typ: shipbell.Pages, project: "proj", environment: "production"},
		{name: "Pages environment given", env: pagesEnv("release"), flags: Overrides{Environment: "production"}, typ: shipbell.Pages, project: "proj", environment: "production"},
		{name: "Pages with CLOUDFLARE_ENV", env: with(pagesEnv("main"), "CLOUDFLARE_ENV", "preview"), typ: shipbell.Pages, project: "proj", environment: "preview"},
		{name: "Pages ignores what is a Worker's", env: with(pagesEnv("main"), "WRANGLER_CI_OVERRIDE_NAME", "forced"), files: inTOML(config), typ: shipbell.Pages, project: "proj", environment: "production"},
		{name: "Pages without address", env: map[string]string{"CF_PAGES": "1"}, files: map[string]string{"package.json": `{"name": "pkg"}`}, typ: shipbell.Pages, project: "pkg", environment: "production"},
		{name: "type given", env: pagesEnv("main"), files: inTOML(config), flags: Overrides{Type: "Worker"}, project: "demo", environment: "production"},
		{name: "type given as page", files: inTOML(config), flags: Overrides{Type: "page"}, typ: shipbell.Pages, project: "demo", environment: "production"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlace(t, tc.env)
			for name, content := range tc.files {
				p.write(t, name, content)
			}
			if tc.wrangler != nil {
				p.processes = wranglerAbove(tc.wrangler...)
			}
			got := p.collect(t, tc.flags)
			if tc.typ == "" {
				tc.typ = shipbell.Worker
			}
			if got.Type != tc.typ || got.Project != tc.project || got.Environment != tc.environment {
				t.Errorf("got %s %q in %q, want %s %q in %q",
					got.Type, got.Project, got.Environment, tc.typ, tc.project, tc.environment)
			}
		})
	}
}

func inTOML(config string) map[string]string { return map[string]string{"wrangler.toml": config} }

func pagesEnv(branch string) map[string]string {
	return map[string]string{"CF_PAGES": "1", "CF_PAGES_BRANCH": branch, "CF_PAGES_URL": "https://f64788e9.proj.pages.dev"}
}

// TestWranglersDirectory: the build command may have left the directory that
// wrangler runs in; a file given as a flag is relative to this process all the
// same.
func TestWranglersDirectory(t *testing.T) {
	p := newPlace(t, nil)
	p.write(t, "conf/w.toml", `name = "meant"`)
	p.write(t, "app/wrangler.toml", `name = "not-meant"`)
	p.write(t, "app/flag.toml", `name = "flag"`)
	p.processes = wranglerAbove("deploy", "-c", "conf/w.toml")
	p.processes[2].Dir = p.dir
	s := p.surroundings()
	s.Dir = filepath.Join(p.dir, "app")
	var asked string
	s.Git = func(_ context.Context, dir string, _ io.Writer, args ...string) error {
		if slices.Contains(args, "log") {
			asked = dir
		}
		return errors.New("no repository")
	}
	for config, want := range map[string]string{"": "meant", "flag.toml": "flag"} {
		found, err := Collect(t.Context(), s, Overrides{ConfigFile: config})
		if err != nil || found.Push.Project != want || asked != p.dir {
			t.Errorf("--config %q: project %q, git in %s, %v", config, found.Push.Project, asked, err)
		}
	}
}

func TestSkip(t *testing.T) {
	for _, tc := range []struct {
		name     string
		command  string // WRANGLER_COMMAND
		wrangler []string
		want     Skip
	}{
		{name: "no wrangler"},
		{name: "deploy", command: "deploy"},
		{name: "versions upload", command: "versions upload"},
		{name: "dev", command: "dev", want: SkipDev},
		{name: "types", command: "types", want: SkipTypes},
		{name: "an older wrangler's dev", wrangler: []string{"dev", "--env", "staging"}, want: SkipDev},
		{name: "an older wrangler's types", wrangler: []string{"types"}, want: SkipTypes},
		{name: "pages dev", wrangler: []string{"pages", "dev"}, want: SkipDev},
		{name: "dry run", command: "deploy", wrangler: []string{"deploy", "--dry-run"}, want: SkipDryRun},
		{name: "dry run of an upload", command: "versions upload", wrangler: []string{"versions", "upload", "--dry-run"}, want: SkipDryRun},
		{name: "build", command: "deploy", wrangler: []string{"build"}, want: SkipDryRun},
		{name: "no dry run", command: "deploy", wrangler: []string{"deploy", "--dry-run=false"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlace(t, map[string]string{"WRANGLER_COMMAND": tc.command})
			if tc.wrangler != nil {
				p.processes = wranglerAbove(tc.wrangler...)
			}
			found, err := Collect(t.Context(), p.surroundings(), Overrides{Project: "api"})
			if err != nil || found.Skip != tc.want {
				t.Errorf("skip %q, %v, want %q", found.Skip, err, tc.want)
			}
			if tc.want != "" && (len(p.calls()) > 0 || !reflect.DeepEqual(found.Push, Push{})) {
				t.Errorf("work was done all the same: %+v", found)
			}
		})
	}
}

// TestOverrides: every value that is given is what is pushed, whatever else says
// another one, and git is not asked.
func TestOverrides(t *testing.T) {
	p := newPlace(t, map[string]string{
		"WORKERS_CI": "1", "WORKERS_CI_BUILD_UUID": "uuid", "WORKERS_CI_COMMIT_SHA": sha, "WORKERS_CI_BRANCH": "main",
	})
	p.commits["HEAD"] = inGit
	p.write(t, "wrangler.toml", `name = "api"`)
	o := Overrides{
		Type: "pages", Project: "docs", Environment: "qa", ID: "my-id", Branch: "b", Commit: "c0ffee", Message: "m\n\nn",
		Author: "a", Tag: "v1", Status: "Failed", URL: "https://x.example", VersionID: "vid", LogURL: "https://l.example",
		RepositoryURL: "https://r.example", Error: "e", CI: "false",
	}
	want := Push{
		Type: shipbell.Pages, Project: "docs", Environment: "qa", ID: "my-id", Branch: "b", Commit: "c0ffee", Message: "m\n\nn",
		Author: "a", Tag: "v1", Status: shipbell.Failure, URL: "https://x.example", VersionID: "vid", LogURL: "https://l.example",
		RepositoryURL: "https://r.example", Error: "e", Time: noon.Truncate(time.Second),
	}
	if got := p.collect(t, o); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if calls := p.calls(); len(calls) > 0 {
		t.Errorf("git was asked: %v", calls)
	}
	// Nothing in Overrides may be forgotten above.
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "ConfigFile" && v.Field(i).IsZero() {
			t.Errorf("%s is not tested", name)
		}
	}
}

func TestOverridesNotValid(t *testing.T) {
	for name, o := range map[string]Overrides{
		"type":   {Type: "lambda"},
		"status": {Status: "deployed"},
		"ci":     {CI: "maybe"},
	} {
		o.Project = "api"
		_, err := Collect(t.Context(), newPlace(t, nil).surroundings(), o)
		var p *Problem
		if !errors.As(err, &p) || !errors.Is(err, shipbell.ErrInvalid) || p.Sentence == "" || p.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoProject(t *testing.T) {
	s := newPlace(t, nil).surroundings()
	s.Dir = string(filepath.Separator)
	_, err := Collect(t.Context(), s, Overrides{})
	var p *Problem
	if !errors.As(err, &p) || !strings.Contains(p.Hint, "--project") {
		t.Errorf("got %v", err)
	}
}

// TestBrokenConfigGoesOn: one warning, and package.json has the name.
func TestBrokenConfigGoesOn(t *testing.T) {
	p := newPlace(t, nil)
	p.write(t, "wrangler.toml", "name = \"api\"\n[env.\nSECRET = sk_live_x")
	p.write(t, "package.json", `{"name": "pkg"}`)
	found, err := Collect(t.Context(), p.surroundings(), Overrides{})
	if err != nil || found.Push.Project != "pkg" || len(found.Warnings) != 1 || strings.Contains(found.Warnings[0], "sk_live") {
		t.Errorf("got %+v, %v", found, err)
	}
}

// TestCommitGiven: HEAD says nothing of a commit that a person names and that is
// not here.
func TestCommitGiven(t *testing.T) {
	other := strings.Repeat("ab", 20)
	for _, tc := range []struct {
		name, commit            string
		message, author, branch string
		tag                     string
	}{
		{"the one checked out", sha, message, "dev@example.com", "main", "v1"},
		{"short", sha[:8], message, "dev@example.com", "main", "v1"},
		{"upper case", strings.ToUpper(sha), message, "dev@example.com", "main", "v1"},
		{"another one that is here", mergeSHA, "Merge", "bot@example.com", "", ""},
		{"one that is not here", other, "", "", "", ""},
		{"no hash", "v1.2", message, "dev@example.com", "main", "v1"},
		{"an option", "--output=x", message, "dev@example.com", "main", "v1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlace(t, nil)
			head := inGit
			head.branch, head.tag = "main", "v1"
			p.commits = map[string]commit{"HEAD": head, mergeSHA: {hash: mergeSHA, author: "bot@example.com", message: "Merge"}}
			got := p.collect(t, Overrides{Project: "api", Commit: tc.commit})
			if got.Commit != tc.commit || got.Message != tc.message || got.Author != tc.author || got.Branch != tc.branch || got.Tag != tc.tag {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestVersionGoesLive: a rollback brings an older version, of which the commit that
// is checked out says nothing.
func TestVersionGoesLive(t *testing.T) {
	for _, args := range [][]string{{"rollback"}, {"versions", "deploy", "v1@100%"}} {
		p := newPlace(t, nil)
		p.commits["HEAD"] = inGit
		p.processes = []Process{{Args: []string{"shipbell"}}, {Args: append([]string{"wrangler"}, args...), Dir: p.dir}}
		got := p.collect(t, Overrides{Project: "api", Message: "given"})
		if got.Commit != "" || got.Message != "given" || got.Branch != "" || got.History != "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

// TestLocalID pins what makes two pushes outside of CI one deployment.
func TestLocalID(t *testing.T) {
	started := noon.Truncate(RunWindow)
	push := func(change func(p *place, o *Overrides)) string {
		p := newPlace(t, nil)
		p.now = started.Add(time.Minute)
		p.commits["HEAD"] = inGit
		p.processes = []Process{
			{Group: 7, Started: started.Add(50 * time.Second)},
			{Group: 7, Started: started.Add(30 * time.Second)},
			{Group: 1, Started: started.Add(-100 * time.Hour)},
		}
		o := Overrides{Project: "api"}
		change(p, &o)
		return p.collect(t, o).ID
	}
	base := push(func(*place, *Overrides) {})

	for name, change := range map[string]func(p *place, o *Overrides){
		"a later step of the same run": func(p *place, o *Overrides) {
			p.now = started.Add(59 * time.Minute)
			p.processes[0].Started = p.now
			o.Status, o.URL = "success", "https://api.example.com"
		},
		"the same command once more": func(p *place, _ *Overrides) {
			p.now = started.Add(5 * time.Minute)
			p.processes = []Process{{Group: 8, Started: p.now}, {Group: 1, Started: started}}
		},
		"no process can be seen": func(p *place, _ *Overrides) { p.processes = nil },
		"below a daemon":         func(p *place, _ *Overrides) { p.processes[2].Group = 7 },
		"a clock that was set back": func(p *place, _ *Overrides) {
			p.processes[1].Started = started.Add(24 * time.Hour)
		},
	} {
		if got := push(change); got != base {
			t.Errorf("%s: the id is %s, want %s", name, got, base)
		}
	}
	seen := map[string]string{base: "the first"}
	for name, change := range map[string]func(p *place, o *Overrides){
		"a later deployment": func(p *place, _ *Overrides) {
			p.now = started.Add(30 * time.Minute)
			p.processes = []Process{{Group: 8, Started: p.now}}
		},
		"later, below a daemon": func(p *place, _ *Overrides) {
			p.now = started.Add(50 * time.Minute)
			p.processes[2].Group = 7
		},
		"another project":     func(_ *place, o *Overrides) { o.Project = "web" },
		"another environment": func(_ *place, o *Overrides) { o.Environment = "staging" },
		"another type":        func(_ *place, o *Overrides) { o.Type = "pages" },
		"another commit":      func(_ *place, o *Overrides) { o.Commit = mergeSHA },
		"another branch":      func(_ *place, o *Overrides) { o.Branch = "feat" },
		"an edit":             func(p *place, _ *Overrides) { p.changes = "diff 1" },
		"another edit":        func(p *place, _ *Overrides) { p.changes = "diff 2" },
	} {
		id := push(change)
		if other, ok := seen[id]; ok {
			t.Errorf("%s has the id of %s", name, other)
		}
		seen[id] = name
	}
}

// TestPagesID: only what looks like Cloudflare's short id is one.
func TestPagesID(t *testing.T) {
	for address, want := range map[string]struct{ id, project string }{
		"https://f64788e9.proj.pages.dev":       {"f64788e9", "proj"},
		"https://F64788E9.proj.pages.dev/":      {"f64788e9", "proj"},
		"https://my-branch.proj.pages.dev":      {"", "proj"},
		"https://proj.pages.dev":                {"", ""},
		"https://f64788e9.proj.pages.dev.evil/": {"", ""},
		"https://f64788e9.example.com":          {"", ""},
		"f64788e9.proj.pages.dev":               {"", ""},
		"%":                                     {"", ""},
		"":                                      {"", ""},
	} {
		r := pagesBuild(newPlace(t, map[string]string{"CF_PAGES_URL": address}).surroundings())
		if r.deployment != want.id || r.pagesProject != want.project {
			t.Errorf("%q: id %q, project %q", address, r.deployment, r.pagesProject)
		}
	}
}

func TestBounded(t *testing.T) {
	short := strings.Repeat("x", shipbell.MaxKeyLength)
	if got := bounded(short); got != short {
		t.Errorf("changed: %q", got)
	}
	a, b := bounded(strings.Repeat("é", 400)+"a"), bounded(strings.Repeat("é", 400)+"b")
	if a == b || len(a) > shipbell.MaxKeyLength {
		t.Errorf("%q and %q", a, b)
	}
}

// TestHostileValues: whatever the variables hold comes out as it went in.
func TestHostileValues(t *testing.T) {
	const evil = "$(id) `id` \"quoted\" 'x' \\ <b> \x1b[31m \u202e ../../x\nnext"
	p := newPlace(t, map[string]string{
		"GITLAB_CI": "true", "CI_COMMIT_SHA": evil, "CI_COMMIT_BRANCH": evil, "CI_COMMIT_MESSAGE": evil + "\n", "CI_COMMIT_TAG": evil,
		"CI_COMMIT_AUTHOR": evil, "CI_JOB_ID": "1", "CI_JOB_URL": evil, "CI_PROJECT_URL": evil, "CLOUDFLARE_ENV": evil,
	})
	p.write(t, "package.json", `{"name": "x"}`)
	got := p.collect(t, Overrides{})
	for _, value := range []string{got.Commit, got.Branch, strings.TrimSuffix(got.Message, "\n"), got.Tag, got.Author, got.Environment} {
		if value != evil {
			t.Errorf("%q came out as %q", evil, value)
		}
	}
	if got.LogURL != "" || got.RepositoryURL != "" {
		t.Errorf("addresses %q and %q", got.LogURL, got.RepositoryURL)
	}
}

// TestGitWorksBesideReading: both questions to git are out before either is
// answered.
func TestGitWorksBesideReading(t *testing.T) {
	p := newPlace(t, nil)
	s := p.surroundings()
	asked := make(chan struct{}, 2)
	both := make(chan struct{})
	go func() {
		<-asked
		<-asked
		close(both)
	}()
	s.Git = func(ctx context.Context, _ string, _ io.Writer, _ ...string) error {
		asked <- struct{}{}
		select {
		case <-both:
			return errors.New("no repository")
		case <-ctx.Done():
			t.Error("git was asked one question after the other")
			return ctx.Err()
		}
	}
	if _, err := Collect(t.Context(), s, Overrides{Project: "api"}); err != nil {
		t.Fatal(err)
	}
}

// TestGitPanics: a defect in what runs beside the rest costs a value, no
// process.
func TestGitPanics(t *testing.T) {
	s := newPlace(t, nil).surroundings()
	s.Git = func(context.Context, string, io.Writer, ...string) error { panic("defect") }
	found, err := Collect(t.Context(), s, Overrides{Project: "api"})
	if err != nil || found.Push.Project != "api" || found.Push.ID == "" {
		t.Errorf("got %+v, %v", found, err)
	}
}

// TestCommitTimeOfTheCommit: a push says when its own commit was made, or nothing.
func TestCommitTimeOfTheCommit(t *testing.T) {
	const headTime, shaTime = "2025-01-15T09:00:00Z", "2025-01-14T09:00:00Z"
	head := commit{hash: mergeSHA, message: "Merge", time: headTime}
	named := commit{hash: sha, message: "Add", time: shaTime}
	workers := map[string]string{"WORKERS_CI": "1", "WORKERS_CI_COMMIT_SHA": sha}
	for _, tc := range []struct {
		name     string
		env      map[string]string
		flags    Overrides
		wrangler []string
		commits  []commit // the first is checked out
		want     string
	}{
		{name: "checked out", commits: []commit{head}, want: headTime},
		{name: "git knows no time", commits: []commit{{hash: sha}}},
		{name: "no git"},
		{name: "of the CI system, checked out", env: workers, commits: []commit{named}, want: shaTime},
		{name: "of the CI system, known", env: workers, commits: []commit{head, named}, want: shaTime},
		{name: "of the CI system, not known", env: workers, commits: []commit{head}},
		{name: "given, known", flags: Overrides{Commit: sha}, commits: []commit{head, named}, want: shaTime},
		{name: "given in short", flags: Overrides{Commit: strings.ToUpper(mergeSHA[:8])}, commits: []commit{head}, want: headTime},
		{name: "given by another name", flags: Overrides{Commit: "r1234"}, commits: []commit{head}},
		{name: "a version that exists", wrangler: []string{"rollback"}, commits: []commit{head}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlace(t, tc.env)
			for i, c := range tc.commits {
				p.commits[c.hash] = c
				if i == 0 {
					p.commits["HEAD"] = c
				}
			}
			if tc.wrangler != nil {
				p.processes = wranglerAbove(tc.wrangler...)
			}
			if got := p.collect(t, tc.flags); got.CommitTime != tc.want {
				t.Errorf("%q of %q, want %q", got.CommitTime, got.Commit, tc.want)
			}
		})
	}
}
