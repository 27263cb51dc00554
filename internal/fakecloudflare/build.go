package fakecloudflare

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BuildWords is how states of builds are spelled.
type BuildWords string

// The spellings of the Builds API: the schema's, and what clients have seen
// instead.
const (
	WordsOfSchema  BuildWords = ""       // stopped; fail, cancelled; push, pull_request
	WordsOfClients BuildWords = "client" // complete; failure, canceled; push_event, pull_request_event
)

// BuildStatus is how far a build is.
type BuildStatus string

// The states of a build, in their order.
const (
	BuildQueued       BuildStatus = "queued"
	BuildInitializing BuildStatus = "initializing"
	BuildRunning      BuildStatus = "running"
	BuildStopped      BuildStatus = "stopped"
)

// BuildOutcome is how a stopped build ended.
type BuildOutcome string

// The outcomes of builds.
const (
	BuildSucceeded  BuildOutcome = "success"
	BuildFailed     BuildOutcome = "fail"
	BuildSkipped    BuildOutcome = "skipped"
	BuildCancelled  BuildOutcome = "cancelled"
	BuildTerminated BuildOutcome = "terminated" // by a limit
)

// DefaultBuildLogPage is how many lines one answer of a log has.
const DefaultBuildLogPage = 100

// BuildSecret is the value of a variable that every build shows in
// build_trigger_metadata.environment_variables. It must never leave a monitor.
const BuildSecret = "plain-value-of-a-build-variable"

// BuildOptions say what a build is of. The zero value is a push to main.
type BuildOptions struct {
	Branch        string // main if empty
	Commit        string // 40 hexadecimal digits; made up if empty
	Message       string
	Author        string
	Trigger       string // push if empty; pull_request, manual, api
	PullRequest   string // its URL
	Provider      string // github if empty
	Owner         string // acme if empty
	Repo          string // the Worker's name if empty
	BuildCommand  string
	DeployCommand string // npx wrangler deploy if empty
	Words         BuildWords
}

// Build is a build of Workers Builds.
type Build struct {
	UUID       string
	Worker     string
	Tag        string // of the Worker
	Options    BuildOptions
	Status     BuildStatus
	Outcome    BuildOutcome // empty until it is stopped
	Version    string       // what it uploaded
	Deployment string       // what it deployed
	PreviewURL string

	CreatedOn, InitializingOn, RunningOn, StoppedOn, ModifiedOn time.Time
}

type build struct {
	Build
	log []logLine
}

type logLine struct {
	at   time.Time
	text string
}

// trigger connects a Worker with a repository.
type trigger struct {
	id, name string
	created  time.Time
	worker   *worker
	options  BuildOptions
}

// StartBuild queues a build, as a push does. [Server.AdvanceBuild] moves it on.
func (s *Server) StartBuild(name string, o BuildOptions) Build {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	w := s.worker(name)
	if w == nil {
		w = s.newWorker(name)
	}
	id := s.uuid("build")
	o.Branch = cmp.Or(o.Branch, "main")
	o.Commit = cmp.Or(o.Commit, commitOf(id))
	o.Trigger = cmp.Or(o.Trigger, "push")
	o.Provider = cmp.Or(o.Provider, "github")
	o.Owner = cmp.Or(o.Owner, "acme")
	o.Repo = cmp.Or(o.Repo, name)
	o.DeployCommand = cmp.Or(o.DeployCommand, "npx wrangler deploy")
	o.Words = cmp.Or(o.Words, s.options.BuildWords)
	now := s.now()
	b := &build{Build: Build{
		UUID: id, Worker: name, Tag: w.Tag, Options: o, Status: BuildQueued, CreatedOn: now, ModifiedOn: now,
	}}
	s.builds[id] = b
	w.builds = append(w.builds, b)
	s.triggerOf(w, o)
	return b.Build
}

// triggerOf finds or makes the trigger of a build: production deploys, everything
// else uploads versions.
func (s *Server) triggerOf(w *worker, o BuildOptions) *trigger {
	name := "Deploy default branch"
	if strings.Contains(o.DeployCommand, "versions upload") {
		name = "Deploy non-production branches"
	}
	key := w.Tag + name
	if s.triggers[key] == nil {
		s.triggers[key] = &trigger{id: s.uuid("trigger"), name: name, created: s.now(), worker: w, options: o}
	}
	return s.triggers[key]
}

// AdvanceBuild moves a build to its next state: initializing, then running, which
// emits the event that it started.
func (s *Server) AdvanceBuild(uuid string) Build {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	b := s.knownBuild(uuid)
	s.advance(b)
	return b.Build
}

func (s *Server) advance(b *build) {
	now := s.now()
	b.ModifiedOn = now
	switch b.Status {
	case BuildQueued:
		b.Status, b.InitializingOn = BuildInitializing, now
	case BuildInitializing:
		b.Status, b.RunningOn = BuildRunning, now
		s.emitBuild(b, BuildEventStarted)
	default:
		panic(fmt.Sprintf("fakecloudflare: a %s build does not advance", b.Status))
	}
}

// LogBuild adds lines to the log of a build.
func (s *Server) LogBuild(uuid string, lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knownBuild(uuid).write(s.now(), lines)
	s.news.Changed()
}

func (b *build) write(now time.Time, lines []string) {
	for _, text := range lines {
		b.log = append(b.log, logLine{now, text})
	}
	b.ModifiedOn = now
}

// BuildResult says how a build ends.
type BuildResult struct {
	Outcome BuildOutcome // BuildSucceeded if empty
	Log     []string     // added before it ends
	// Deploys makes a version and a deployment; Uploads makes a version. A build
	// with neither is green and has deployed nothing, which happens.
	Deploys bool
	Uploads bool
	// Version is one that the build has uploaded already, as when the real wrangler
	// ran in it. Deploys and Uploads are then ignored.
	Version string
	// Message and Tag annotate the version, as the deploy command may.
	Message, Tag string
	PreviewURL   string // an undocumented field that Cloudflare's own template reads
}

// FinishBuild stops a build, whatever state it is in, and emits the event. A
// build that was queued has then never run, as when it was cancelled.
func (s *Server) FinishBuild(uuid string, o BuildResult) Build {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	b := s.knownBuild(uuid)
	s.stop(b, o)
	return b.Build
}

func (s *Server) stop(b *build, o BuildResult) {
	if b.Status == BuildStopped {
		panic("fakecloudflare: the build " + b.UUID + " is stopped already")
	}
	o.Outcome = cmp.Or(o.Outcome, BuildSucceeded)
	for o.Outcome == BuildSucceeded && b.Status != BuildRunning {
		s.advance(b)
	}
	now := s.now()
	b.write(now, o.Log)
	if w := s.workerByTag(b.Tag); w != nil {
		switch {
		case o.Version != "":
			b.claim(w, o.Version)
		case o.Deploys:
			s.deployBy(w, DeployOptions{Build: b.UUID, Message: o.Message, Tag: o.Tag})
		case o.Uploads:
			s.upload(w, VersionOptions{Build: b.UUID, Message: o.Message, Tag: o.Tag})
		}
	}
	b.Status, b.Outcome, b.PreviewURL = BuildStopped, o.Outcome, o.PreviewURL
	b.StoppedOn, b.ModifiedOn = now, now
	s.emitBuild(b, b.event())
}

// claim makes an uploaded version, and the first deployment of it, the build's.
func (b *build) claim(w *worker, id string) {
	v := w.version(id)
	if v == nil {
		panic(fmt.Sprintf("fakecloudflare: Worker %q has no version %q", w.Name, id))
	}
	v.Build, v.Source, b.Version = b.UUID, SourceBuilds, id
	for _, d := range w.deployments {
		if slices.ContainsFunc(d.Versions, func(share Share) bool { return share.Version == id }) {
			b.Deployment = d.ID
			return
		}
	}
}

// Build returns a build.
func (s *Server) Build(uuid string) Build {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.knownBuild(uuid).Build
}

func (s *Server) knownBuild(uuid string) *build {
	b := s.builds[uuid]
	if b == nil {
		panic(fmt.Sprintf("fakecloudflare: there is no build %q", uuid))
	}
	return b
}

// words are the other spellings.
var words = map[string]string{
	"stopped": "complete", "fail": "failure", "cancelled": "canceled", "push": "push_event", "pull_request": "pull_request_event",
}

func (w BuildWords) spell(word string) string {
	if other, ok := words[word]; ok && w == WordsOfClients {
		return other
	}
	return word
}

func (b *build) triggerMetadata(spell func(string) string) object {
	o := b.Options
	return object{
		"author": o.Author, "branch": o.Branch, "build_command": o.BuildCommand, "deploy_command": o.DeployCommand,
		"commit_hash": o.Commit, "commit_message": o.Message, "build_trigger_source": spell(o.Trigger),
		"provider_type": o.Provider, "provider_account_name": o.Owner, "repo_name": o.Repo, "root_directory": "/",
		"environment_variables": object{"API_TOKEN": object{"is_secret": false, "value": BuildSecret}},
		"build_token_name":      "Workers Builds", "build_token_uuid": idOf("build token", b.Tag),
	}
}

func (s *Server) buildJSON(b *build) object {
	o := b.Options
	result := object{
		"build_uuid": b.UUID, "status": o.Words.spell(string(b.Status)), "build_outcome": orNull(o.Words.spell(string(b.Outcome))),
		"created_on": stamp(b.CreatedOn), "initializing_on": stampOrNull(b.InitializingOn), "running_on": stampOrNull(b.RunningOn),
		"stopped_on": stampOrNull(b.StoppedOn), "modified_on": stamp(b.ModifiedOn), "pull_request": nil,
		"trigger": nil, "build_trigger_metadata": b.triggerMetadata(o.Words.spell),
	}
	if o.PullRequest != "" {
		result["pull_request"] = object{"pull_request_url": o.PullRequest, "created_on": stamp(b.CreatedOn)}
	}
	if w := s.workerByTag(b.Tag); w != nil {
		result["trigger"] = s.triggerOf(w, o).json()
	}
	if b.PreviewURL != "" {
		result["preview_url"] = b.PreviewURL
	}
	return result
}

func (t *trigger) json() object {
	include, exclude := []string{t.options.Branch}, []string{}
	if strings.Contains(t.options.DeployCommand, "versions upload") {
		include, exclude = []string{"*"}, []string{"main"}
	}
	return object{
		"trigger_uuid": t.id, "trigger_name": t.name, "external_script_id": t.worker.Tag, "branch_includes": include,
		"branch_excludes": exclude, "path_includes": []string{"*"}, "path_excludes": []string{}, "build_command": t.options.BuildCommand,
		"deploy_command": t.options.DeployCommand, "root_directory": "/", "build_caching_enabled": true,
		"created_on": stamp(t.created), "modified_on": stamp(t.created), "deleted_on": nil,
		"repo_connection": object{
			"repo_connection_uuid": idOf("connection", t.worker.Tag), "provider_type": t.options.Provider,
			"provider_account_name": t.options.Owner, "repo_name": t.options.Repo, "repo_id": "1",
		},
	}
}

// The pages of the list of builds are not documented.
const (
	defaultBuildsPerPage = 25
	maxBuildsPerPage     = 100
)

func buildNotFound() answer { return notFound(codeBuildNotFound, "Build not found") }

func listBuilds(r *request) answer {
	w := r.server.workerByTag(r.values["tag"])
	if w == nil {
		return notFound(codeBuildWorkerNotFound, "Worker not found")
	}
	items := []any{}
	for _, b := range slices.Backward(w.builds) {
		items = append(items, r.server.buildJSON(b))
	}
	return paged(r, items, defaultBuildsPerPage, maxBuildsPerPage, nil)
}

func listTriggers(r *request) answer {
	items := []any{}
	for _, key := range slices.Sorted(maps.Keys(r.server.triggers)) {
		if t := r.server.triggers[key]; t.worker.Tag == r.values["tag"] {
			items = append(items, t.json())
		}
	}
	return &reply{result: items}
}

// ids reads a parameter that is a list with commas.
func ids(r *request, name string) []string {
	var list []string
	for _, value := range r.query()[name] {
		for id := range strings.SplitSeq(value, ",") {
			if id != "" {
				list = append(list, id)
			}
		}
	}
	return list
}

func latestBuilds(r *request) answer {
	tags := ids(r, "external_script_ids")
	if len(tags) == 0 {
		return refuse(http.StatusBadRequest, codeMalformed, "external_script_ids is required")
	}
	builds := object{}
	for _, tag := range tags {
		if w := r.server.workerByTag(tag); w != nil && len(w.builds) > 0 {
			builds[tag] = r.server.buildJSON(w.builds[len(w.builds)-1])
		}
	}
	return &reply{result: object{"builds": builds}}
}

// buildsOfVersions joins versions to their builds. That the result is a map is
// only known from clients.
func buildsOfVersions(r *request) answer {
	versions := ids(r, "version_ids")
	if len(versions) == 0 {
		return refuse(http.StatusBadRequest, codeMalformed, "version_ids is required")
	}
	builds := object{}
	for _, b := range r.server.builds {
		if b.Version != "" && slices.Contains(versions, b.Version) {
			builds[b.Version] = r.server.buildJSON(b)
		}
	}
	return &reply{result: object{"builds": builds}}
}

func getBuild(r *request) answer {
	if b := r.server.builds[r.values["build"]]; b != nil {
		return &reply{result: r.server.buildJSON(b)}
	}
	return buildNotFound()
}

func getBuildLogs(r *request) answer {
	b := r.server.builds[r.values["build"]]
	if b == nil {
		return buildNotFound()
	}
	from := 0
	if c := r.query().Get("cursor"); c != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(c, "line-"))
		if err != nil || n < 0 || n > len(b.log) {
			return refuse(http.StatusBadRequest, codeMalformed, "Invalid cursor")
		}
		from = n
	}
	to := min(from+r.server.options.BuildLogPage, len(b.log))
	lines := []any{}
	for _, l := range b.log[from:to] {
		lines = append(lines, []any{l.at.UnixMilli(), l.text})
	}
	return &reply{result: object{"cursor": fmt.Sprintf("line-%d", to), "truncated": to < len(b.log), "lines": lines}}
}

func cancelBuild(r *request) answer {
	b := r.server.builds[r.values["build"]]
	if b == nil {
		return buildNotFound()
	}
	if b.Status != BuildStopped {
		r.server.stop(b, BuildResult{Outcome: BuildCancelled})
	}
	return &reply{result: r.server.buildJSON(b)}
}

func getBuildLimits(*request) answer {
	return &reply{result: object{"has_reached_build_minutes_limit": false, "build_minutes_refresh_on": nil}}
}
