package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// Overrides are the values that a person gives; each goes before all that is
// found. Empty means not given.
type Overrides struct {
	Type          string // worker or pages
	Project       string
	Environment   string
	ID            string
	Branch        string
	Commit        string
	Message       string
	Author        string
	Tag           string
	Status        string // one of shipbell.AcceptedStatuses
	URL           string
	VersionID     string
	LogURL        string
	RepositoryURL string
	Error         string
	CI            string // true or false
	// ConfigFile is the wrangler configuration; nothing is searched for then.
	ConfigFile string
}

// Skip says why there is nothing to announce. Empty: there is.
type Skip string

// The reasons to stay silent.
const (
	SkipDev    Skip = "wrangler dev deploys nothing"
	SkipTypes  Skip = "wrangler types deploys nothing"
	SkipDryRun Skip = "a dry run of wrangler deploys nothing"
)

// Collection is what was found.
type Collection struct {
	// Skip is not empty where nothing is to be announced; Push is empty then.
	Skip Skip
	Push Push
	// Warnings name what could not be read, one line each. They hold no values.
	Warnings []string
}

const (
	// RunWindow is how long a run that is started again counts as the same; see
	// [Push]. Long enough to log in and try again, short enough that a redeployment
	// after a repair is a new one.
	RunWindow = 10 * time.Minute
	// MaxRun is how long a run is believed to take. An ancestor older than that is
	// a daemon that starts runs.
	MaxRun = time.Hour
)

// environmentPreview is the environment of what takes no production traffic.
const environmentPreview = "preview"

// Collect finds out what is being deployed. The error is a [*Problem]: an
// override that is not valid, or no name for the project. All else that goes
// wrong is a warning, or a value less.
func Collect(ctx context.Context, s Surroundings, o Overrides) (Collection, error) {
	return newCollector(s, o).collect(ctx)
}

// collector holds what decides about more than one value.
type collector struct {
	// Surroundings are seen from where wrangler runs, if that is known: its build
	// command can have gone elsewhere, and all steps of a run must see the same.
	Surroundings
	// here is where this process runs.
	here  string
	flags Overrides
	// processes are this one and its ancestors.
	processes []Process
	wrangler  invocation
	run       run
	config    wranglerConfig
	// wrapper is the shipbell exec above this process. Its flags stand in for ours.
	wrapper wrapper
	// changes is the digest of what is not committed, once that was asked for.
	changes string
	// certain is set where the environment is known and not the one that is meant
	// when nothing is said.
	certain bool
}

func newCollector(s Surroundings, o Overrides) *collector {
	c := &collector{Surroundings: s, here: s.Dir, processes: s.Processes(), wrapper: s.readWrapper()}
	c.flags = o.or(c.wrapper.Overrides)
	if c.wrapper.conflicts(o) {
		c.wrapper.Identity = nil
	}
	c.wrangler = findInvocation(c.processes)
	if !c.wrangler.found {
		c.wrangler = c.wrapper.Wrangler.invocation()
	}
	if c.wrangler.dir != "" {
		c.Dir = c.wrangler.dir
	}
	if command := strings.TrimSpace(s.Getenv("WRANGLER_COMMAND")); command != "" {
		c.wrangler.command = command
	}
	return c
}

// newExecCollector sees wrangler in the command that is wrapped, if it is there.
// What it finds is told to the processes below, so it takes nothing but the run
// from a wrapper above.
func newExecCollector(s Surroundings, o Overrides, seen visible) *collector {
	c := newCollector(s, o)
	c.wrapper.Identity = nil
	if v := seen.deploys; v.found {
		c.wrangler = v
		c.Dir = v.dir
	}
	return c
}

// skip tells what is not a deployment. It needs no configuration.
func (c *collector) skip() Skip { return c.wrangler.skip() }

func (c *collector) collect(ctx context.Context) (Collection, error) {
	if skip := c.skip(); skip != "" {
		return Collection{Skip: skip}, nil
	}
	var p Push
	var warnings []string
	if err := c.flags.parse(&p); err != nil {
		return Collection{}, err
	}
	c.run = readRun(c.Surroundings)

	// Git is the slow part: it works while the files are read.
	head := later(func() commit { return c.head(ctx) })
	changes := later(func() string { return c.findChanges(ctx) })

	var warning string
	if c.config, warning = c.readWranglerConfig(); warning != "" {
		warnings = append(warnings, warning)
	}
	repo, _ := c.findRepository()

	p.Type = c.projectType(p.Type)
	p.Project = c.project(p.Type, repo.top)
	if strings.TrimSpace(p.Project) == "" {
		<-head
		<-changes
		return Collection{Warnings: warnings}, &Problem{
			Sentence: "the name of the project is not known",
			Hint:     "give it with --project, or give the wrangler configuration or package.json a name",
		}
	}
	p.Time = c.Now().UTC().Truncate(time.Millisecond) // what is told in one second has an order
	if c.flags.CI == "" {
		p.CI = c.run.system != "" || truthy(c.Getenv("CI"))
	}
	c.describe(ctx, &p, <-head)
	p.Environment, c.certain = c.environment(p)

	p.URL = first(c.flags.URL, c.run.url)
	p.VersionID = c.flags.VersionID
	p.Error = c.flags.Error
	p.RepositoryURL = first(c.flags.RepositoryURL, c.run.repositoryURL)
	if p.RepositoryURL == "" {
		p.RepositoryURL = c.remote(repo)
	}
	p.LogURL = first(c.flags.LogURL, c.run.logURL, c.buildPage(p))
	c.changes = <-changes
	p.ID = c.id(p)
	c.wrapper.apply(&p)
	return Collection{Push: p, Warnings: warnings}, nil
}

// parse reads the overrides that have a form.
func (o Overrides) parse(p *Push) error {
	if o.Type != "" {
		t, err := shipbell.ParseProjectType(o.Type)
		if err != nil {
			return &Problem{
				Sentence: fmt.Sprintf("%q is no type of project", o.Type),
				Hint:     "use --type worker or --type pages",
				Err:      err,
			}
		}
		p.Type = t
	}
	if o.Status != "" {
		status, err := shipbell.ParseStatus(o.Status)
		if err != nil {
			return &Problem{
				Sentence: fmt.Sprintf("%q is no status", o.Status),
				Hint:     "use one of " + shipbell.AcceptedStatuses,
				Err:      err,
			}
		}
		p.Status = status
	}
	switch strings.ToLower(o.CI) {
	case "":
	case "true":
		p.CI = true
	case "false":
	default:
		return &Problem{
			Sentence: fmt.Sprintf("%q does not say whether this is a CI build", o.CI),
			Hint:     "use --ci=true or --ci=false",
			Err:      shipbell.ErrInvalid,
		}
	}
	return nil
}

func (c *collector) readWranglerConfig() (wranglerConfig, string) {
	if c.flags.ConfigFile != "" {
		return c.readConfig(c.here, c.flags.ConfigFile)
	}
	return c.readConfig(c.Dir, c.wrangler.config)
}

func (c *collector) projectType(given shipbell.ProjectType) shipbell.ProjectType {
	switch {
	case given != "":
		return given
	case truthy(c.Getenv("CF_PAGES")) || c.config.Pages || c.wrangler.command == commandPagesDeploy:
		return shipbell.Pages
	}
	return shipbell.Worker
}

func (c *collector) project(t shipbell.ProjectType, top string) string {
	if c.flags.Project != "" {
		return c.flags.Project
	}
	var name string
	switch {
	case t == shipbell.Worker:
		name = first(c.Getenv("WRANGLER_CI_OVERRIDE_NAME"), c.wrangler.name, c.config.workerName(c.section()))
	case c.wrangler.project != "":
		name = c.wrangler.project
	case c.config.Pages:
		name = first(c.config.Name, c.run.pagesProject)
	default:
		name = first(c.run.pagesProject, c.config.Name)
	}
	if name != "" {
		return name
	}
	if name := first(c.packageName(c.Dir, top), c.Getenv("CLOUDFLARE_PROJECT_NAME")); name != "" {
		return name
	}
	name = filepath.Base(first(top, c.Dir))
	if name == "." || name == string(filepath.Separator) {
		return ""
	}
	return name
}

// target is the environment that wrangler was told, empty for the top level.
func (c *collector) target() string {
	if c.wrangler.envGiven {
		return c.wrangler.env
	}
	return c.Getenv("CLOUDFLARE_ENV")
}

// section is the environment that names the Worker.
func (c *collector) section() string {
	target := c.target()
	if target == "" && !c.wrangler.found {
		if _, ok := c.config.Environments[c.flags.Environment]; ok {
			return c.flags.Environment
		}
	}
	return target
}

// environment names where it is deployed to, and whether anything said so.
func (c *collector) environment(p Push) (name string, certain bool) {
	if c.flags.Environment != "" {
		return c.flags.Environment, true
	}
	if c.wrangler.command == commandVersionsUpload {
		return environmentPreview, true
	}
	if env := first(c.target(), c.config.Target); env != "" {
		return env, true
	}
	if p.Type == shipbell.Pages {
		branch := ""
		switch {
		case truthy(c.Getenv("CF_PAGES")):
			branch = first(c.flags.Branch, c.run.branch)
		case c.wrangler.command == commandPagesDeploy:
			branch = p.Branch
		}
		switch branch {
		case "":
		case "main", "master", "production":
			return shipbell.Production, true
		default:
			return environmentPreview, true
		}
	}
	if env := c.Getenv("ENVIRONMENT"); env != "" {
		return env, true
	}
	return shipbell.Production, c.wrangler.found
}

// head asks git for the commit that is checked out, unless a person said
// everything of it.
func (c *collector) head(ctx context.Context) commit {
	o := c.flags
	if o.Commit != "" && o.Message != "" && o.Author != "" && first(o.Branch, o.Tag) != "" {
		return commit{}
	}
	found, err := c.readCommit(ctx, "HEAD")
	if err != nil {
		return commit{} // no git, no repository, no commit: the CI system's word stands alone
	}
	return found
}

// describe fills in what is said of the commit.
func (c *collector) describe(ctx context.Context, p *Push, head commit) {
	o, r := c.flags, c.run
	if c.wrangler.command == commandRollback || c.wrangler.command == commandVersionsDeploy {
		// A version that exists goes live. What is checked out says nothing of it.
		p.Commit, p.Message, p.Branch, p.Tag = o.Commit, o.Message, o.Branch, o.Tag
		p.Author = first(o.Author, r.actor)
		return
	}
	p.Commit = first(o.Commit, r.commit, head.hash)

	// Where the commit that is named is not the one checked out, such as the head
	// of a pull request beside its merge commit, git may know it all the same.
	named := head
	if hash := strings.ToLower(p.Commit); head.hash != "" && isHash.MatchString(hash) && !strings.HasPrefix(head.hash, hash) {
		var err error
		if named, err = c.readCommit(ctx, hash); err != nil {
			named = commit{}
		}
		if o.Commit != "" {
			head = commit{} // a person named another commit: this one says nothing of it
		}
	}
	p.Message = first(o.Message, r.message, named.message, r.title, head.message)
	p.Author = first(o.Author, r.author, named.author, head.author, r.actor)
	p.Branch = first(o.Branch, c.wrangler.branch, r.branch, head.branch)
	p.Tag = first(o.Tag, r.tag, named.tag)
	p.History = named.history
	if hash := strings.ToLower(p.Commit); hash != "" && strings.HasPrefix(named.hash, hash) {
		p.CommitTime = named.time // of that commit and no other
	}
}

// findChanges asks git for uncommitted changes where the id depends on them.
// Below a wrapper they are those that it saw: the deployment itself may change
// files.
func (c *collector) findChanges(ctx context.Context) string {
	switch {
	case c.flags.ID != "" || c.run.deployment != "" || c.run.attempt != "":
		return ""
	case c.wrapper.Changes != nil:
		return *c.wrapper.Changes
	}
	return c.readChanges(ctx)
}

func (c *collector) id(p Push) string {
	switch {
	case c.flags.ID != "":
		return c.flags.ID
	case c.run.deployment != "":
		return c.run.deployment
	case c.run.attempt != "":
		return bounded(strings.Join([]string{c.run.attempt, p.Project, p.Environment}, ":"))
	}
	// A wrapped command is a run of its own: it is told how it ended, and another
	// try after a failure is another deployment.
	began := c.wrapper.Started.UTC().Format(time.RFC3339Nano)
	if c.wrapper.Started.IsZero() {
		began = c.runStart().Truncate(RunWindow).UTC().Format(time.RFC3339)
	}
	return "run-" + digest(string(p.Type), p.Project, p.Environment, p.Branch, p.Commit, c.changes, began)
}

// otherID is the id of another project that the run deploys too. Where the id
// does not depend on the project the name is added.
func (c *collector) otherID(p Push) string {
	if c.flags.ID != "" || c.run.deployment != "" {
		return bounded(c.id(p) + ":" + p.Project)
	}
	return c.id(p)
}

// runStart returns when the run began, or now.
func (c *collector) runStart() time.Time {
	now := c.Now()
	start := runStart(c.processes)
	if start.IsZero() || start.After(now) || now.Sub(start) > MaxRun {
		return now
	}
	return start
}

// bounded keeps an id within what the server takes.
func bounded(id string) string {
	if len(id) <= shipbell.MaxKeyLength {
		return id
	}
	const kept = 200
	return strings.ToValidUTF8(id[:kept], "") + "-" + digest(id)
}

// digest is short, because people see ids; 80 bits are enough for that.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:10])
}

var accountID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// buildPage is the dashboard's page of a Workers build, in the form that
// Cloudflare's own notification template links to.
// https://github.com/cloudflare/templates/tree/main/workers-builds-notifications-template
func (c *collector) buildPage(p Push) string {
	build := c.Getenv("WORKERS_CI_BUILD_UUID")
	account := first(c.Getenv("CLOUDFLARE_ACCOUNT_ID"), c.config.AccountID)
	if build == "" || !accountID.MatchString(account) {
		return ""
	}
	return "https://dash.cloudflare.com/" + account + "/workers/services/view/" +
		url.PathEscape(p.Project) + "/production/builds/" + url.PathEscape(build)
}

// later runs f beside the caller; its result is received once. A panic in f
// would end the process and with it the deployment: it gives the zero value.
func later[T any](f func() T) <-chan T {
	c := make(chan T, 1)
	go func() {
		var result T
		defer func() {
			_ = recover()
			c <- result
		}()
		result = f()
	}()
	return c
}
