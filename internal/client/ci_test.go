package client

import (
	"maps"
	"strings"
	"testing"
	"time"
)

const (
	sha      = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	mergeSHA = "9daeafb9864cf43055ae93beb0afd6c7d144bfa4"
	message  = "Add JWT authentication\n\nImplemented:\n- Token generation"
)

// inGit is what the checkout says: the author's address and the full message.
var inGit = commit{hash: sha, author: "dev@example.com", message: message, time: committed}

var committed = time.Date(2026, 11, 24, 16, 20, 5, 0, time.UTC)

// TestCI pins the whole body for every CI system, with variables as the systems
// set them.
func TestCI(t *testing.T) {
	github := map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true",
		"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/api",
		"GITHUB_RUN_ID": "9876543210", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_RUN_NUMBER": "17",
		"GITHUB_SHA": sha, "GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch",
		"GITHUB_ACTOR": "octocat", "GITHUB_TRIGGERING_ACTOR": "octocat", "GITHUB_EVENT_NAME": "push",
		"GITHUB_TOKEN": "ghs_secret",
	}
	githubPull := with(github,
		"GITHUB_EVENT_NAME", "pull_request", "GITHUB_SHA", mergeSHA, "GITHUB_REF", "refs/pull/12/merge",
		"GITHUB_REF_NAME", "12/merge", "GITHUB_HEAD_REF", "feature/add-auth", "GITHUB_BASE_REF", "main")
	gitlab := map[string]string{
		"CI": "true", "GITLAB_CI": "true",
		"CI_COMMIT_SHA": sha, "CI_COMMIT_REF_NAME": "main", "CI_COMMIT_BRANCH": "main",
		"CI_COMMIT_MESSAGE": message, "CI_COMMIT_TITLE": "Add JWT authentication",
		"CI_COMMIT_AUTHOR": "Dev Eloper <dev@example.com>", "GITLAB_USER_LOGIN": "dev",
		"CI_PIPELINE_ID": "1000", "CI_JOB_ID": "2000",
		"CI_PIPELINE_URL": "https://gitlab.com/acme/api/-/pipelines/1000",
		"CI_JOB_URL":      "https://gitlab.com/acme/api/-/jobs/2000",
		"CI_PROJECT_URL":  "https://gitlab.com/acme/api",
		"CI_JOB_TOKEN":    "glcbt-secret", "CI_REPOSITORY_URL": "https://gitlab-ci-token:glcbt-secret@gitlab.com/acme/api.git",
	}
	circle := map[string]string{
		"CI": "true", "CIRCLECI": "true",
		"CIRCLE_BRANCH": "main", "CIRCLE_SHA1": sha, "CIRCLE_USERNAME": "octocat",
		"CIRCLE_WORKFLOW_ID": "5f3b0b1e-6f0a-4f4e-8f5e-0a1b2c3d4e5f", "CIRCLE_BUILD_NUM": "42",
		"CIRCLE_BUILD_URL": "https://circleci.com/gh/acme/api/42", "CIRCLE_REPOSITORY_URL": "git@github.com:acme/api.git",
	}
	buildkite := map[string]string{
		"CI": "true", "BUILDKITE": "true",
		"BUILDKITE_BRANCH": "main", "BUILDKITE_COMMIT": sha, "BUILDKITE_MESSAGE": message,
		"BUILDKITE_BUILD_AUTHOR": "Dev Eloper", "BUILDKITE_BUILD_AUTHOR_EMAIL": "dev@example.com",
		"BUILDKITE_BUILD_CREATOR": "Oc Tocat", "BUILDKITE_BUILD_ID": "0190f2b4-aaaa-bbbb-cccc-0123456789ab",
		"BUILDKITE_BUILD_NUMBER": "7", "BUILDKITE_RETRY_COUNT": "0", "BUILDKITE_PULL_REQUEST": "false",
		"BUILDKITE_BUILD_URL": "https://buildkite.com/acme/api/builds/7", "BUILDKITE_REPO": "git@github.com:acme/api.git",
		"BUILDKITE_TAG": "",
	}
	bitbucket := map[string]string{
		"CI": "true", "BITBUCKET_BUILD_NUMBER": "31", "BITBUCKET_PIPELINE_UUID": "{3c1e2b7e-0000-4000-8000-5a5a5a5a5a5a}",
		"BITBUCKET_BRANCH": "main", "BITBUCKET_COMMIT": sha, "BITBUCKET_REPO_FULL_NAME": "acme/api",
		"BITBUCKET_STEP_RUN_NUMBER": "1", "BITBUCKET_STEP_TRIGGERER_UUID": "{5a50dd52-5ab7-4225-831c-4db9451375a2}",
	}
	workers := map[string]string{
		"CI": "true", "WORKERS_CI": "1", "WORKERS_CI_BUILD_UUID": "6a1b8c2e-7d3f-4a5b-9c0d-1e2f3a4b5c6d",
		"WORKERS_CI_COMMIT_SHA": sha, "WORKERS_CI_BRANCH": "main",
	}
	pages := map[string]string{
		"CI": "true", "CF_PAGES": "1", "CF_PAGES_BRANCH": "main", "CF_PAGES_COMMIT_SHA": sha,
		"CF_PAGES_URL": "https://f64788e9.ninjakittens.pages.dev",
	}
	pushEvent := `{"head_commit": {"id": "` + sha + `", "message": "Add JWT authentication\n\nImplemented:\n- Token generation",
		"author": {"name": "Dev", "email": "dev@example.com"}}, "repository": {"full_name": "acme/api"}}`
	pullEvent := `{"number": 12, "pull_request": {"title": "Add auth <now>", "merged": false, "user": {"login": "octocat"},
		"head": {"ref": "feature/add-auth", "sha": "` + sha + `"}, "base": {"ref": "main"}}}`

	for _, tc := range []struct {
		name    string
		env     map[string]string
		event   string            // GITHUB_EVENT_PATH
		commits map[string]commit // in git
		config  string            // wrangler.jsonc
		calls   string            // of git; empty: one for the commit
	}{
		{name: "workers-builds", env: workers, commits: map[string]commit{"HEAD": inGit}},
		{
			name: "workers-builds-known-account", commits: map[string]commit{"HEAD": inGit},
			env: with(workers, "CLOUDFLARE_ACCOUNT_ID", "0123456789abcdef0123456789abcdef", "WRANGLER_CI_OVERRIDE_NAME", "api-live"),
		},
		{
			name: "workers-builds-account-in-config", commits: map[string]commit{"HEAD": inGit},
			env: workers, config: `{"name": "api", "account_id": "0123456789abcdef0123456789abcdef"}`,
		},
		{
			name: "workers-builds-history", env: workers,
			commits: map[string]commit{"HEAD": {hash: sha, author: "dev@example.com", message: message, history: sha + " Add JWT authentication\n" + mergeSHA + " Fix <b> & \"c\""}},
		},
		{name: "workers-builds-preview", env: with(workers, "WRANGLER_COMMAND", "versions upload", "WORKERS_CI_BRANCH", "feature/add-auth"), commits: map[string]commit{"HEAD": inGit}},

		{name: "pages", env: pages, commits: map[string]commit{"HEAD": inGit}, config: `{"compatibility_date": "2026-01-01"}`},
		{name: "pages-branch", env: with(pages, "CF_PAGES_BRANCH", "feature/add-auth"), commits: map[string]commit{"HEAD": inGit}, config: `{"name": "kittens", "pages_build_output_dir": "dist"}`},

		{name: "github-push", env: github, event: pushEvent},
		{name: "github-push-without-event", env: github, commits: map[string]commit{"HEAD": inGit}},
		{name: "github-rerun", env: with(github, "GITHUB_RUN_ATTEMPT", "2"), event: pushEvent},
		{name: "github-tag", env: with(github, "GITHUB_REF", "refs/tags/v1.2.3", "GITHUB_REF_NAME", "v1.2.3", "GITHUB_REF_TYPE", "tag"), event: pushEvent},
		{
			// The checkout is shallow: only the merge commit is there.
			name: "github-pull-request", env: githubPull, event: pullEvent, calls: "log log",
			commits: map[string]commit{"HEAD": {hash: mergeSHA, author: "octocat@users.noreply.github.com", message: "Merge 4b825dc into 9daeafb", time: committed.Add(time.Hour)}},
		},
		{
			name: "github-pull-request-deep-checkout", env: githubPull, event: pullEvent, calls: "log log",
			commits: map[string]commit{
				"HEAD": {hash: mergeSHA, author: "octocat@users.noreply.github.com", message: "Merge 4b825dc into 9daeafb", time: committed.Add(time.Hour)},
				sha:    inGit,
			},
		},
		{
			name: "github-pull-request-merged", env: with(githubPull, "GITHUB_REF_NAME", "main", "GITHUB_SHA", sha),
			event:   `{"pull_request": {"title": "Add auth", "merged": true, "user": {"login": "octocat"}, "head": {"ref": "feature/add-auth", "sha": "` + mergeSHA + `"}, "base": {"ref": "main"}}}`,
			commits: map[string]commit{"HEAD": inGit},
		},
		{name: "github-without-git", env: githubPull, event: pullEvent},
		{name: "github-event-of-another-commit", env: with(github, "GITHUB_SHA", mergeSHA, "GITHUB_EVENT_NAME", "workflow_run"), event: pushEvent},
		{name: "github-broken-event", env: github, event: `{"head_commit": {`},

		{name: "gitlab", env: gitlab},
		{name: "gitlab-tag", env: with(gitlab, "CI_COMMIT_TAG", "v1.2.3", "CI_COMMIT_REF_NAME", "v1.2.3", "CI_COMMIT_BRANCH", "")},
		{name: "gitlab-merge-request", env: with(gitlab, "CI_COMMIT_BRANCH", "", "CI_COMMIT_REF_NAME", "feature/add-auth", "CI_MERGE_REQUEST_IID", "3",
			"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "feature/add-auth", "CI_MERGE_REQUEST_TITLE", "Add auth")},
		{
			name: "gitlab-merged-results", calls: "log log", commits: map[string]commit{"HEAD": {hash: mergeSHA, author: "bot@example.com", message: "Merge branch"}},
			env: with(gitlab, "CI_COMMIT_BRANCH", "", "CI_COMMIT_SHA", mergeSHA, "CI_COMMIT_MESSAGE", "Merge branch 'feature/add-auth' into 'main'",
				"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "feature/add-auth", "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", sha, "CI_MERGE_REQUEST_TITLE", "Add auth"),
		},

		{name: "circleci", env: circle, commits: map[string]commit{"HEAD": inGit}},
		{name: "circleci-tag-without-git", env: with(circle, "CIRCLE_BRANCH", "", "CIRCLE_TAG", "v1.2.3")},

		{name: "buildkite", env: buildkite},
		{name: "buildkite-head", env: with(buildkite, "BUILDKITE_COMMIT", "HEAD", "BUILDKITE_RETRY_COUNT", "1"), commits: map[string]commit{"HEAD": inGit}},
		{name: "buildkite-tag", env: with(buildkite, "BUILDKITE_BRANCH", "v1.2.3", "BUILDKITE_TAG", "v1.2.3")},

		{name: "bitbucket", env: bitbucket, commits: map[string]commit{"HEAD": inGit}},
		{name: "bitbucket-tag-rerun", env: with(bitbucket, "BITBUCKET_BRANCH", "", "BITBUCKET_TAG", "v1.2.3", "BITBUCKET_STEP_RUN_NUMBER", "2", "BITBUCKET_PIPELINE_UUID", ""), commits: map[string]commit{"HEAD": inGit}},

		{name: "unknown-ci", env: map[string]string{"CI": "true"}, commits: map[string]commit{"HEAD": {hash: sha, author: "dev@example.com", message: message, branch: "main", tag: "v1.2.3"}}, calls: "diff log"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlace(t, with(tc.env))
			p.write(t, "wrangler.jsonc", first(tc.config, `{"name": "api"}`))
			if tc.event != "" {
				p.write(t, "event.json", tc.event)
				p.env["GITHUB_EVENT_PATH"] = p.dir + "/event.json"
			}
			p.commits = tc.commits
			body, err := p.collect(t, Overrides{}).Body()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "ci/"+tc.name+".json", body)
			if got, want := strings.Join(p.calls(), " "), first(tc.calls, "log"); got != want {
				t.Errorf("git was called for %q, want %q", got, want)
			}
		})
	}
}

// TestOneRunDeploysSeveral: within one run, projects and environments differ by
// id, and the same step repeated does not.
func TestOneRunDeploysSeveral(t *testing.T) {
	env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SHA": sha}
	p := newPlace(t, env)
	seen := map[string]Overrides{}
	for _, o := range []Overrides{
		{Project: "api", Environment: "staging-eu"},
		{Project: "api-staging", Environment: "eu"},
		{Project: "api", Environment: "production"},
	} {
		id := p.collect(t, o).ID
		if other, ok := seen[id]; ok {
			t.Errorf("%+v and %+v are both %s", o, other, id)
		}
		seen[id] = o
		if again := p.collect(t, o).ID; again != id {
			t.Errorf("%+v: first %s, then %s", o, id, again)
		}
	}
}

// with copies an environment and changes it.
func with(env map[string]string, pairs ...string) map[string]string {
	c := maps.Clone(env)
	for i := 0; i < len(pairs); i += 2 {
		c[pairs[i]] = pairs[i+1]
	}
	return c
}
