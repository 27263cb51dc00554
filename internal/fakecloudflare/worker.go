package fakecloudflare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Worker describes a Worker that a person made in the dashboard. The name is
// enough.
type Worker struct {
	Name        string
	Tag         string   // the immutable id; given by the server if empty
	Tags        []string // such as cf:service=shop and cf:environment=staging
	Domains     []string // custom domains
	NoSubdomain bool     // not reachable on workers.dev
}

// worker is a Worker and all that happened to it. It is guarded by Server.mu.
type worker struct {
	Worker
	created, updated, deployed time.Time // deployed is zero if it never was
	lastDeployedFrom           string
	compatibilityDate          string
	previews                   bool           // versions have URLs of their own
	settings                   map[string]any // logpush, observability, tail_consumers
	secrets                    map[string]bool
	versions                   []*version    // oldest first
	deployments                []*deployment // oldest first
	builds                     []*build      // oldest first
	hasAssets                  bool
}

// Version is an uploaded version of a Worker.
type Version struct {
	ID          string
	Worker      string
	Number      int
	CreatedOn   time.Time
	Source      string // wrangler, workersci, dash, api and so on
	Author      string // an e-mail address
	Message     string
	Tag         string
	TriggeredBy string
	Build       string // the Workers Build that uploaded it
}

type version struct {
	Version
	alias string
}

// Share is how much of the traffic a version gets, in percent.
type Share struct {
	Version    string
	Percentage float64
}

// Deployment is a decision about which versions get the traffic of a Worker.
type Deployment struct {
	ID          string
	Worker      string
	CreatedOn   time.Time
	Source      string
	Author      string
	Versions    []Share
	Message     string
	TriggeredBy string
}

type deployment struct{ Deployment }

// What can trigger a version or a deployment. wrangler knows the first four; the
// last is seen in an event of a third party. Which of upload and deployment the
// two calls of a second wrangler deploy get is not verified: here the version has
// upload, the deployment has deployment.
const (
	TriggeredByUpload     = "upload"
	TriggeredBySecret     = "secret"
	TriggeredByRollback   = "rollback"
	TriggeredByPromotion  = "promotion"
	TriggeredByDeployment = "deployment"
)

// The sources that matter to a monitor.
const (
	SourceWrangler  = "wrangler"
	SourceDashboard = "dash"
	SourceAPI       = "api"
	SourceBuilds    = "workersci" // Workers Builds
	SourceTerraform = "terraform"
)

// AddWorker makes a Worker without versions and returns its tag. Adding it again
// changes its description and keeps what happened.
func (s *Server) AddWorker(description Worker) (tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	w := s.worker(description.Name)
	if w == nil {
		w = s.newWorker(description.Name)
	}
	w.Tags, w.Domains = slices.Clone(description.Tags), slices.Clone(description.Domains)
	w.NoSubdomain = description.NoSubdomain
	if description.Tag != "" {
		w.Tag = description.Tag
	}
	w.updated = s.now()
	return w.Tag
}

func (s *Server) newWorker(name string) *worker {
	now := s.now()
	w := &worker{
		Worker: Worker{Name: name, Tag: s.id("worker")}, created: now, updated: now, previews: true,
		compatibilityDate: "2026-01-01",
		settings:          map[string]any{"logpush": false, "observability": nil, "tail_consumers": nil},
		secrets:           map[string]bool{},
	}
	s.workers = append(s.workers, w)
	return w
}

// RemoveWorker deletes a Worker with everything in it.
func (s *Server) RemoveWorker(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known(name)
	s.workers = slices.DeleteFunc(s.workers, func(w *worker) bool { return w.Name == name })
	s.news.Changed()
}

// worker finds a Worker by its name; nil if there is none.
func (s *Server) worker(name string) *worker {
	for _, w := range s.workers {
		if w.Name == name {
			return w
		}
	}
	return nil
}

// workerByTag finds a Worker by its immutable id; nil if there is none.
func (s *Server) workerByTag(tag string) *worker {
	for _, w := range s.workers {
		if w.Tag == tag {
			return w
		}
	}
	return nil
}

// known is the Worker of that name. Naming one that does not exist is a mistake in
// a test, hence the panic.
func (s *Server) known(name string) *worker {
	w := s.worker(name)
	if w == nil {
		panic(fmt.Sprintf("fakecloudflare: there is no Worker %q", name))
	}
	return w
}

func (w *worker) version(id string) *version {
	for _, v := range w.versions {
		if v.ID == id {
			return v
		}
	}
	return nil
}

// VersionOptions describe an upload. The zero value is wrangler's by
// [DefaultEmail].
type VersionOptions struct {
	Source      string // SourceWrangler if empty, SourceBuilds if Build is set
	Author      string
	Message     string
	Tag         string
	TriggeredBy string // TriggeredByUpload if empty
	Alias       string // of the preview
	Build       string // the uuid of the Workers Build that uploads it
}

// UploadVersion uploads a version without deploying it, as wrangler versions
// upload does. A Worker that does not exist is made.
func (s *Server) UploadVersion(name string, o VersionOptions) Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	w := s.worker(name)
	if w == nil {
		w = s.newWorker(name)
	}
	return s.upload(w, o).Version
}

func (s *Server) upload(w *worker, o VersionOptions) *version {
	if o.Source == "" {
		o.Source = SourceWrangler
		if o.Build != "" {
			o.Source = SourceBuilds
		}
	}
	v := &version{alias: o.Alias, Version: Version{
		ID: s.uuid("version"), Worker: w.Name, Number: len(w.versions) + 1, CreatedOn: s.now(),
		Source: o.Source, Author: cmp.Or(o.Author, DefaultEmail), Message: o.Message, Tag: o.Tag,
		TriggeredBy: cmp.Or(o.TriggeredBy, TriggeredByUpload), Build: o.Build,
	}}
	if b := s.builds[o.Build]; b != nil {
		b.Version = v.ID
	}
	w.versions = append(w.versions, v)
	w.updated = s.now()
	return v
}

// DeployOptions describe a deployment. The zero value is a wrangler deploy by
// [DefaultEmail]: a new version that gets all traffic.
type DeployOptions struct {
	Version     string  // deploys this one; empty uploads a new one
	Percentages []Share // a gradual deployment; Version is then ignored
	TriggeredBy string  // TriggeredByUpload for a new version, TriggeredByDeployment for others
	Author      string
	Message     string
	Tag         string // of the new version
	Source      string // SourceWrangler if empty; of the new version it is SourceBuilds if Build is set
	Build       string // the uuid of the Workers Build that deploys
}

// Deploy deploys. A Worker that does not exist is made.
func (s *Server) Deploy(name string, o DeployOptions) Deployment {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	w := s.worker(name)
	if w == nil {
		w = s.newWorker(name)
	}
	return s.deployBy(w, o).Deployment
}

func (s *Server) deployBy(w *worker, o DeployOptions) *deployment {
	triggeredBy := cmp.Or(o.TriggeredBy, TriggeredByDeployment)
	switch {
	case len(o.Percentages) > 0:
	case o.Version != "":
		o.Percentages = []Share{{Version: o.Version, Percentage: 100}}
	default:
		v := s.upload(w, VersionOptions{
			Source: o.Source, Author: o.Author, Message: o.Message, Tag: o.Tag, TriggeredBy: o.TriggeredBy, Build: o.Build,
		})
		o.Percentages = []Share{{Version: v.ID, Percentage: 100}}
		triggeredBy = v.TriggeredBy
	}
	for _, share := range o.Percentages {
		if w.version(share.Version) == nil {
			panic(fmt.Sprintf("fakecloudflare: Worker %q has no version %q", w.Name, share.Version))
		}
	}
	d := s.deploy(w, Deployment{
		Source: cmp.Or(o.Source, SourceWrangler), Author: cmp.Or(o.Author, DefaultEmail),
		Versions: slices.Clone(o.Percentages), Message: o.Message, TriggeredBy: triggeredBy,
	})
	if b := s.builds[o.Build]; b != nil {
		b.Deployment = d.ID
	}
	return d
}

// deploy records a deployment. Whether deployed_on moves with rollbacks and
// secrets too is not verified; here it moves with every deployment.
func (s *Server) deploy(w *worker, what Deployment) *deployment {
	what.ID, what.Worker, what.CreatedOn = s.uuid("deployment"), w.Name, s.now()
	d := &deployment{what}
	w.deployments = append(w.deployments, d)
	w.deployed, w.updated = what.CreatedOn, what.CreatedOn
	w.lastDeployedFrom = what.Source
	s.emitDeployment(w, d)
	return d
}

// Rollback deploys an older version again, as the dashboard does.
func (s *Server) Rollback(name, version, message string) Deployment {
	return s.Deploy(name, DeployOptions{
		Version: version, TriggeredBy: TriggeredByRollback, Source: SourceDashboard, Message: message,
	})
}

// PutSecret changes a secret, which makes a version and deploys it at once.
func (s *Server) PutSecret(name, secret string) Deployment {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	return s.setSecret(s.known(name), secret, SourceDashboard, DefaultEmail).Deployment
}

func (s *Server) setSecret(w *worker, secret, source, author string) *deployment {
	w.secrets[secret] = true
	return s.deployBy(w, DeployOptions{TriggeredBy: TriggeredBySecret, Source: source, Author: author})
}

// SetTags replaces the script's tags.
func (s *Server) SetTags(name string, tags ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.known(name)
	w.Tags, w.updated = slices.Clone(tags), s.now()
	s.news.Changed()
}

// Touch moves updated_on and modified_on without a deployment, as a change of
// settings does.
func (s *Server) Touch(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known(name).updated = s.now()
	s.news.Changed()
}

// Workers returns the Workers, oldest first.
func (s *Server) Workers() []Worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Worker, 0, len(s.workers))
	for _, w := range s.workers {
		described := w.Worker
		described.Tags, described.Domains = slices.Clone(w.Tags), slices.Clone(w.Domains)
		list = append(list, described)
	}
	return list
}

// Versions returns the versions of a Worker, newest first.
func (s *Server) Versions(name string) []Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.known(name)
	list := make([]Version, 0, len(w.versions))
	for _, v := range slices.Backward(w.versions) {
		list = append(list, v.Version)
	}
	return list
}

// Deployments returns the deployments of a Worker, newest first.
func (s *Server) Deployments(name string) []Deployment {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.known(name)
	list := make([]Deployment, 0, len(w.deployments))
	for _, d := range slices.Backward(w.deployments) {
		described := d.Deployment
		described.Versions = slices.Clone(d.Versions)
		list = append(list, described)
	}
	return list
}

// Secrets returns the names of a Worker's secrets, sorted.
func (s *Server) Secrets(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.known(name).secrets))
}
