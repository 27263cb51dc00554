package client

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

// run is what a CI system says of the build that this step belongs to. Empty
// means not said. All of it can be overridden by whoever writes the build, and
// branch, tag, title and message by whoever opens a pull request.
type run struct {
	// system is empty outside of every known CI system.
	system string
	// deployment is an id that names one deployment, and that Cloudflare knows
	// too.
	deployment string
	// attempt is an id of the run and of the attempt to run it. One run can
	// deploy several projects.
	attempt string
	// pagesProject is the project's label in the address of a Pages deployment.
	pagesProject string

	branch, commit, message, tag string
	// title stands in for the message where the commit is not at hand.
	title string
	// author wrote the commit; actor started the run.
	author, actor string

	url, logURL, repositoryURL string
}

// ciSystems are tried in order. Cloudflare's own come first: their ids are those
// that polling sees.
var ciSystems = []struct {
	name   string
	active func(getenv func(string) string) bool
	read   func(s Surroundings) run
}{
	{"Workers Builds", isSet("WORKERS_CI", "WORKERS_CI_BUILD_UUID"), workersBuild},
	{"Pages", isSet("CF_PAGES"), pagesBuild},
	{"GitHub Actions", isSet("GITHUB_ACTIONS"), githubRun},
	{"GitLab CI", isSet("GITLAB_CI"), gitlabRun},
	{"CircleCI", isSet("CIRCLECI"), circleRun},
	{"Buildkite", isSet("BUILDKITE"), buildkiteRun},
	{"Bitbucket Pipelines", isSet("BITBUCKET_BUILD_NUMBER"), bitbucketRun},
}

// readRun asks the CI system that this step runs in.
func readRun(s Surroundings) run {
	for _, system := range ciSystems {
		if system.active(s.Getenv) {
			r := system.read(s)
			r.system = system.name
			return r
		}
	}
	return run{}
}

// isSet returns a test whether one of the variables says yes.
func isSet(names ...string) func(getenv func(string) string) bool {
	return func(getenv func(string) string) bool {
		for _, name := range names {
			if truthy(getenv(name)) {
				return true
			}
		}
		return false
	}
}

func truthy(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "0", "false", "no", "off":
		return false
	}
	return true
}

// https://developers.cloudflare.com/workers/ci-cd/builds/configuration/
func workersBuild(s Surroundings) run {
	return run{
		deployment: s.Getenv("WORKERS_CI_BUILD_UUID"),
		branch:     s.Getenv("WORKERS_CI_BRANCH"),
		commit:     s.Getenv("WORKERS_CI_COMMIT_SHA"),
	}
}

var shortID = regexp.MustCompile(`^[0-9a-f]{8}$`)

// pagesBuild takes the deployment's short id and the project from the address,
// https://<short id>.<project>.pages.dev.
// https://developers.cloudflare.com/pages/configuration/build-configuration/
func pagesBuild(s Surroundings) run {
	r := run{
		branch: s.Getenv("CF_PAGES_BRANCH"),
		commit: s.Getenv("CF_PAGES_COMMIT_SHA"),
		url:    webURL(s.Getenv("CF_PAGES_URL")),
	}
	if u, err := url.Parse(r.url); err == nil {
		labels := strings.Split(strings.ToLower(u.Hostname()), ".")
		if len(labels) == 4 && labels[2] == "pages" && labels[3] == "dev" {
			r.pagesProject = labels[1]
			if shortID.MatchString(labels[0]) {
				r.deployment = labels[0]
			}
		}
	}
	return r
}

// githubEvent is the part of the webhook payload at GITHUB_EVENT_PATH that says
// what was built. Pushes have a head commit, pull requests do not.
type githubEvent struct {
	HeadCommit struct {
		ID      string `json:"id"`
		Message string `json:"message"`
		Author  struct {
			Email string `json:"email"`
		} `json:"author"`
	} `json:"head_commit"`
	PullRequest struct {
		Title  string `json:"title"`
		Merged bool   `json:"merged"`
		User   struct {
			Login string `json:"login"`
		} `json:"user"`
		Head struct {
			Ref string `json:"ref"`
			SHA string `json:"sha"`
		} `json:"head"`
		Base struct {
			Ref string `json:"ref"`
		} `json:"base"`
	} `json:"pull_request"`
}

// githubRun names a pull request's own commit: GITHUB_SHA is a merge commit that
// nobody has seen. A pull request that is merged already deploys its target.
// https://docs.github.com/en/actions/reference/workflows-and-actions/variables
func githubRun(s Surroundings) run {
	r := run{
		commit: s.Getenv("GITHUB_SHA"),
		actor:  first(s.Getenv("GITHUB_TRIGGERING_ACTOR"), s.Getenv("GITHUB_ACTOR")),
	}
	if id := s.Getenv("GITHUB_RUN_ID"); id != "" {
		r.attempt = "github-" + id + "-" + first(s.Getenv("GITHUB_RUN_ATTEMPT"), "1")
	}
	if repository := s.Getenv("GITHUB_REPOSITORY"); repository != "" {
		r.repositoryURL = webURL(first(s.Getenv("GITHUB_SERVER_URL"), "https://github.com") + "/" + repository)
		if id := s.Getenv("GITHUB_RUN_ID"); id != "" && r.repositoryURL != "" {
			r.logURL = r.repositoryURL + "/actions/runs/" + url.PathEscape(id)
		}
	}
	if s.Getenv("GITHUB_REF_TYPE") == "tag" {
		r.tag = s.Getenv("GITHUB_REF_NAME")
	} else {
		r.branch = s.Getenv("GITHUB_REF_NAME")
	}

	var event githubEvent
	if path := s.Getenv("GITHUB_EVENT_PATH"); path != "" {
		if data, err := s.ReadFile(path); err == nil {
			_ = json.Unmarshal(data, &event) // what could be read of it is still right
		}
	}
	if head := event.HeadCommit; head.ID != "" && head.ID == r.commit {
		r.message, r.author = head.Message, head.Author.Email
	}
	if pull := event.PullRequest; s.Getenv("GITHUB_HEAD_REF") != "" || pull.Head.SHA != "" {
		r.title = pull.Title
		r.actor = first(pull.User.Login, r.actor)
		if pull.Merged {
			r.branch = first(s.Getenv("GITHUB_BASE_REF"), pull.Base.Ref, r.branch)
		} else {
			r.branch = first(s.Getenv("GITHUB_HEAD_REF"), pull.Head.Ref, r.branch)
			r.commit = first(pull.Head.SHA, r.commit)
		}
	}
	return r
}

// gitlabRun takes the job, not the pipeline, for the attempt: a retry keeps the
// pipeline's id, and GitLab counts no attempts.
// https://docs.gitlab.com/ci/variables/predefined_variables/
func gitlabRun(s Surroundings) run {
	r := run{
		branch:        first(s.Getenv("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"), s.Getenv("CI_COMMIT_BRANCH")),
		commit:        s.Getenv("CI_COMMIT_SHA"),
		message:       first(s.Getenv("CI_COMMIT_MESSAGE"), s.Getenv("CI_COMMIT_TITLE")),
		tag:           s.Getenv("CI_COMMIT_TAG"),
		author:        mailAddress(s.Getenv("CI_COMMIT_AUTHOR")),
		actor:         s.Getenv("GITLAB_USER_LOGIN"),
		logURL:        webURL(first(s.Getenv("CI_JOB_URL"), s.Getenv("CI_PIPELINE_URL"))),
		repositoryURL: webURL(s.Getenv("CI_PROJECT_URL")),
	}
	if r.branch == "" && r.tag == "" {
		r.branch = s.Getenv("CI_COMMIT_REF_NAME")
	}
	// Set in a merged results pipeline alone, where CI_COMMIT_* tell of a merge
	// commit that nobody has seen.
	if head := s.Getenv("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"); head != "" {
		r.commit, r.message, r.title = head, "", s.Getenv("CI_MERGE_REQUEST_TITLE")
		r.author = ""
	}
	if id := first(s.Getenv("CI_JOB_ID"), s.Getenv("CI_PIPELINE_ID")); id != "" {
		r.attempt = "gitlab-" + id
	}
	return r
}

// circleRun: a rerun is a new workflow with an id of its own.
// https://circleci.com/docs/reference/variables/
func circleRun(s Surroundings) run {
	r := run{
		branch:        s.Getenv("CIRCLE_BRANCH"),
		commit:        s.Getenv("CIRCLE_SHA1"),
		tag:           s.Getenv("CIRCLE_TAG"),
		actor:         s.Getenv("CIRCLE_USERNAME"),
		logURL:        webURL(s.Getenv("CIRCLE_BUILD_URL")),
		repositoryURL: webURL(s.Getenv("CIRCLE_REPOSITORY_URL")),
	}
	if id := first(s.Getenv("CIRCLE_WORKFLOW_ID"), s.Getenv("CIRCLE_BUILD_NUM")); id != "" {
		r.attempt = "circleci-" + id
	}
	return r
}

// buildkiteRun: a retried job keeps the build's id and counts.
// https://buildkite.com/docs/pipelines/environment_variables
func buildkiteRun(s Surroundings) run {
	r := run{
		branch:        s.Getenv("BUILDKITE_BRANCH"),
		commit:        s.Getenv("BUILDKITE_COMMIT"),
		message:       s.Getenv("BUILDKITE_MESSAGE"),
		tag:           s.Getenv("BUILDKITE_TAG"),
		author:        s.Getenv("BUILDKITE_BUILD_AUTHOR_EMAIL"),
		actor:         first(s.Getenv("BUILDKITE_BUILD_AUTHOR"), s.Getenv("BUILDKITE_BUILD_CREATOR")),
		logURL:        webURL(s.Getenv("BUILDKITE_BUILD_URL")),
		repositoryURL: webURL(s.Getenv("BUILDKITE_REPO")),
	}
	if r.commit == "HEAD" { // a build made over the API, before the agent resolved it
		r.commit = ""
	}
	if r.branch == r.tag { // the branch of a tag's build is the tag
		r.branch = ""
	}
	if id := s.Getenv("BUILDKITE_BUILD_ID"); id != "" {
		r.attempt = "buildkite-" + id + "-" + first(s.Getenv("BUILDKITE_RETRY_COUNT"), "0")
	}
	return r
}

// bitbucketRun: a rerun of failed steps keeps the pipeline and counts.
// https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/
func bitbucketRun(s Surroundings) run {
	r := run{
		branch: s.Getenv("BITBUCKET_BRANCH"),
		commit: s.Getenv("BITBUCKET_COMMIT"),
		tag:    s.Getenv("BITBUCKET_TAG"),
	}
	number := s.Getenv("BITBUCKET_BUILD_NUMBER")
	pipeline := strings.Trim(s.Getenv("BITBUCKET_PIPELINE_UUID"), "{}")
	if name := s.Getenv("BITBUCKET_REPO_FULL_NAME"); name != "" {
		r.repositoryURL = webURL("https://bitbucket.org/" + name)
		if r.repositoryURL != "" {
			r.logURL = r.repositoryURL + "/pipelines/results/" + url.PathEscape(number)
		}
		pipeline = first(pipeline, name+"-"+number)
	}
	r.attempt = "bitbucket-" + first(pipeline, number) + "-" + first(s.Getenv("BITBUCKET_STEP_RUN_NUMBER"), "1")
	return r
}

// mailAddress returns the address in "Name <address>", or what it was given.
func mailAddress(author string) string {
	if open := strings.LastIndexByte(author, '<'); open >= 0 && strings.HasSuffix(author, ">") {
		return author[open+1 : len(author)-1]
	}
	return author
}

// first returns the first value that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
