package fakecloudflare

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// PagesSecret is the value of a plain-text variable that every Pages project and
// deployment shows in env_vars. It must never leave a monitor.
const PagesSecret = "plain-value-of-a-pages-variable"

// PagesProject describes a Pages project. The name is enough: the rest is a
// project of github.com/acme with the production branch main.
type PagesProject struct {
	Name             string
	Subdomain        string   // of pages.dev; differs from the name where that was taken; the name if empty
	Domains          []string // custom domains
	ProductionBranch string   // main if empty
	Provider         string   // github if empty
	Owner, Repo      string   // acme and the name if empty
	DirectUpload     bool     // no repository behind it
}

// project is a project and all that happened to it. It is guarded by Server.mu.
type project struct {
	PagesProject
	id          string
	created     time.Time
	deployments []*pagesDeployment // oldest first
	canonical   *pagesDeployment   // what production shows; nil for nothing yet
}

// PagesOptions say what a deployment is of. The zero value is a push to the
// production branch.
type PagesOptions struct {
	Branch  string // the production branch if empty
	Commit  string // 40 hexadecimal digits; made up if empty, except for a direct upload
	Message string
	Dirty   bool
	Trigger string   // github:push if empty, ad_hoc for a project without a repository; deploy_hook
	Aliases []string // more URLs; the production deployment and branches get theirs anyway
}

// The triggers of Pages deployments.
const (
	PagesPush       = "github:push"
	PagesAdHoc      = "ad_hoc" // a direct upload
	PagesDeployHook = "deploy_hook"
)

// PagesStage is a step of a Pages deployment.
type PagesStage string

// The stages, in their order.
const (
	StageQueued     PagesStage = "queued"
	StageInitialize PagesStage = "initialize"
	StageCloneRepo  PagesStage = "clone_repo"
	StageBuild      PagesStage = "build"
	StageDeploy     PagesStage = "deploy"
)

var stageNames = []PagesStage{StageQueued, StageInitialize, StageCloneRepo, StageBuild, StageDeploy}

// StageStatus is the state of a stage.
type StageStatus string

// The states of a stage.
const (
	StageIdle     StageStatus = "idle"
	StageActive   StageStatus = "active"
	StageSuccess  StageStatus = "success"
	StageFailure  StageStatus = "failure"
	StageCanceled StageStatus = "canceled"
)

type stage struct {
	name         PagesStage
	status       StageStatus
	began, ended time.Time
}

// SkipReason is why a deployment was skipped.
type SkipReason string

// The reasons of the schema.
const (
	SkippedByCommitMessage    SkipReason = "commit_message"
	SkippedPreviewsDisabled   SkipReason = "preview_deployments_disabled"
	SkippedProductionDisabled SkipReason = "production_deployments_disabled"
	SkippedByPath             SkipReason = "path_config"
	SkippedByBranch           SkipReason = "branch_config"
	SkippedByConversion       SkipReason = "pages_to_workers_conversion"
)

type pagesDeployment struct {
	id, shortID       string
	project           *project
	options           PagesOptions
	environment       string
	created, modified time.Time
	stages            []stage
	latest            int // index of the latest stage
	skipped           bool
	skipReason        SkipReason
	log               []logLine
}

// PagesDeployment is a deployment that people move along. Its methods are safe for
// concurrent use.
type PagesDeployment struct {
	ID          string
	ShortID     string // the first 8 digits of the id
	Project     string
	ProjectID   string
	Environment string // production or preview
	URL         string
	Commit      string

	server *Server
	d      *pagesDeployment
}

// AddPagesProject makes a project known and returns its id. Adding it again
// changes its description and keeps its deployments.
func (s *Server) AddPagesProject(description PagesProject) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	return s.addProject(description).id
}

func (s *Server) addProject(description PagesProject) *project {
	description.Subdomain = cmp.Or(description.Subdomain, description.Name)
	description.ProductionBranch = cmp.Or(description.ProductionBranch, "main")
	description.Provider = cmp.Or(description.Provider, "github")
	description.Owner = cmp.Or(description.Owner, "acme")
	description.Repo = cmp.Or(description.Repo, description.Name)
	description.Domains = slices.Clone(description.Domains)
	p := s.project(description.Name)
	if p == nil {
		p = &project{id: s.uuid("project"), created: s.now()}
		s.projects = append(s.projects, p)
	}
	p.PagesProject = description
	return p
}

func (s *Server) project(name string) *project {
	for _, p := range s.projects {
		if p.Name == name {
			return p
		}
	}
	return nil
}

func (s *Server) knownProject(name string) *project {
	p := s.project(name)
	if p == nil {
		panic(fmt.Sprintf("fakecloudflare: Pages project %q was not added", name))
	}
	return p
}

func (p *project) deployment(id string) *pagesDeployment {
	for _, d := range p.deployments {
		if d.id == id {
			return d
		}
	}
	return nil
}

// StartPages queues a deployment of a project. A direct upload ([PagesAdHoc]) is
// done at once.
func (s *Server) StartPages(name string, o PagesOptions) *PagesDeployment {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	return s.describe(s.startPages(s.knownProject(name), o))
}

func (s *Server) describe(d *pagesDeployment) *PagesDeployment {
	return &PagesDeployment{
		ID: d.id, ShortID: d.shortID, Project: d.project.Name, ProjectID: d.project.id, Environment: d.environment,
		URL: d.url(), Commit: d.options.Commit, server: s, d: d,
	}
}

func (d *pagesDeployment) url() string {
	return "https://" + d.shortID + "." + d.project.Subdomain + ".pages.dev"
}

func (s *Server) startPages(p *project, o PagesOptions) *pagesDeployment {
	id := s.uuid("pages deployment")
	o.Branch = cmp.Or(o.Branch, p.ProductionBranch)
	if o.Trigger == "" {
		o.Trigger = PagesPush
		if p.DirectUpload {
			o.Trigger = PagesAdHoc
		}
	}
	if o.Trigger != PagesAdHoc {
		o.Commit = cmp.Or(o.Commit, commitOf(id))
	}
	now := s.now()
	d := &pagesDeployment{
		id: id, shortID: id[:8], project: p, options: o, environment: "preview", created: now, modified: now,
	}
	if o.Branch == p.ProductionBranch {
		d.environment = "production"
	}
	for _, name := range stageNames {
		d.stages = append(d.stages, stage{name: name, status: StageIdle})
	}
	d.stages[0].status, d.stages[0].began = StageActive, now
	p.deployments = append(p.deployments, d)
	if o.Trigger == PagesAdHoc {
		// The stages in between stay idle, as far as is known: nothing is cloned or built.
		d.end(now, StageSuccess)
		d.latest = len(d.stages) - 1
		d.stages[d.latest].began = now
		d.end(now, StageSuccess)
		d.complete()
	}
	return d
}

// end ends the latest stage.
func (d *pagesDeployment) end(now time.Time, status StageStatus) {
	s := &d.stages[d.latest]
	s.status, s.ended = status, now
	d.modified = now
}

// complete makes a successful deployment what its environment shows.
func (d *pagesDeployment) complete() {
	if d.environment == "production" {
		d.project.canonical = d
	}
}

// final reports whether nothing more will happen.
func (d *pagesDeployment) final() bool {
	latest := d.stages[d.latest]
	return d.skipped || latest.status == StageFailure || latest.status == StageCanceled ||
		latest.name == StageDeploy && latest.status == StageSuccess
}

// change applies a change to a deployment that is not over. Changing one that is
// over is a mistake in a test, hence the panic.
func (p *PagesDeployment) change(apply func(now time.Time, d *pagesDeployment)) {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	if p.d.final() {
		panic("fakecloudflare: the Pages deployment " + p.ID + " is over")
	}
	apply(p.server.now(), p.d)
	p.server.news.Changed()
}

func (d *pagesDeployment) write(now time.Time, lines []string) {
	for _, text := range lines {
		d.log = append(d.log, logLine{now, text})
	}
}

func (d *pagesDeployment) advance(now time.Time) {
	d.end(now, StageSuccess)
	if d.latest == len(d.stages)-1 {
		d.complete()
		return
	}
	d.latest++
	d.stages[d.latest].status, d.stages[d.latest].began = StageActive, now
}

// Advance ends the active stage well and begins the next; after the last one the
// deployment is done. The lines go to the log. It returns the stage that is now
// the latest.
func (p *PagesDeployment) Advance(lines ...string) (latest PagesStage) {
	p.change(func(now time.Time, d *pagesDeployment) {
		d.write(now, lines)
		d.advance(now)
		latest = d.stages[d.latest].name
	})
	return latest
}

// AdvanceTo advances until the stage is active. It panics if that is behind.
func (p *PagesDeployment) AdvanceTo(name PagesStage) {
	for p.stage() != name {
		p.Advance()
	}
}

func (p *PagesDeployment) stage() PagesStage {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return p.d.stages[p.d.latest].name
}

// Pause ends the active stage well without beginning the next: for a moment the
// latest stage is a success although the deployment is not done.
func (p *PagesDeployment) Pause() {
	p.change(func(now time.Time, d *pagesDeployment) {
		if d.stages[d.latest].name == StageDeploy {
			panic("fakecloudflare: the last stage cannot pause")
		}
		d.end(now, StageSuccess)
	})
}

// Finish ends all stages well.
func (p *PagesDeployment) Finish() {
	p.change(func(now time.Time, d *pagesDeployment) {
		for !d.final() {
			d.advance(now)
		}
	})
}

// Fail ends the active stage badly. The lines go to the log.
func (p *PagesDeployment) Fail(lines ...string) {
	p.change(func(now time.Time, d *pagesDeployment) {
		d.write(now, lines)
		d.end(now, StageFailure)
	})
}

// Cancel ends the active stage as a person does who cancels.
func (p *PagesDeployment) Cancel() {
	p.change(func(now time.Time, d *pagesDeployment) { d.end(now, StageCanceled) })
}

// Skip marks the deployment as skipped. Its stage then never ends.
func (p *PagesDeployment) Skip(reason SkipReason) {
	p.change(func(now time.Time, d *pagesDeployment) {
		d.skipped, d.skipReason, d.modified = true, reason, now
		d.latest = 0
		for i, name := range stageNames {
			d.stages[i] = stage{name: name, status: StageIdle}
		}
	})
}

// Latest is the latest stage and its state.
func (p *PagesDeployment) Latest() (PagesStage, StageStatus) {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	latest := p.d.stages[p.d.latest]
	return latest.name, latest.status
}

// PagesRollback has production show an older deployment. No deployment is made:
// canonical_deployment moves, and latest_deployment stays.
func (s *Server) PagesRollback(name, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.knownProject(name)
	d := p.deployment(id)
	if d == nil {
		panic(fmt.Sprintf("fakecloudflare: Pages project %q has no deployment %q", name, id))
	}
	p.canonical = d
	s.news.Changed()
}

// PagesDeployments returns the deployments of a project, newest first.
func (s *Server) PagesDeployments(name string) []*PagesDeployment {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*PagesDeployment
	for _, d := range slices.Backward(s.knownProject(name).deployments) {
		list = append(list, s.describe(d))
	}
	return list
}
