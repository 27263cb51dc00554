package cloudflare

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// worker is an item of the list of Workers.
type worker struct {
	ID         text       `json:"id"`
	Tag        text       `json:"tag"` // in the older list the id is the name, and this the id
	Name       text       `json:"name"`
	DeployedOn text       `json:"deployed_on"` // compared as it is written
	Tags       list[text] `json:"tags"`
	Subdomain  object[struct {
		Enabled text `json:"enabled"`
		URL     text `json:"url"`
	}] `json:"subdomain"`
	References object[struct {
		Domains list[struct {
			Hostname text `json:"hostname"`
		}] `json:"domains"`
	}] `json:"references"`
}

// tag is the immutable id. That the id of the newer list is the script tag, by
// which Workers Builds knows a Worker, is how both are described, but not
// verified.
func (w worker) tag() string { return string(cmp.Or(w.Tag, w.ID)) }

// The script tags that wrangler writes on a deploy.
const (
	tagService     = "cf:service="
	tagEnvironment = "cf:environment="
)

// site says where the Worker is. Base name and environment come from its tags,
// never from its name: a suffix proves nothing.
func (w worker) site(account string) site {
	s := site{account: account, project: string(w.Name), script: string(w.Name)}
	for _, tag := range w.Tags {
		if name, ok := strings.CutPrefix(string(tag), tagService); ok && name != "" {
			s.project = name
		}
		if name, ok := strings.CutPrefix(string(tag), tagEnvironment); ok {
			s.env = name
		}
	}
	for _, d := range w.References.V.Domains {
		if s.url == "" {
			s.url = webURL(string(d.Hostname))
		}
	}
	if sub := w.Subdomain.V; s.url == "" && sub.Enabled == "true" {
		s.url = webURL(string(sub.URL))
	}
	return s
}

// said is what a site says, as digests: project, environment and address; empty
// for what it does not say. The Worker's own name says nothing of the project.
type said [3]string

func (s site) said() said {
	if s.project == s.script {
		s.project = ""
	}
	return said{digest(s.project), digest(s.env), digest(s.url)}
}

// more reports whether now says something that s does not.
func (s said) more(now said) bool { return s.with(now) != s }

// with returns what both say, and what now says where they differ.
func (s said) with(now said) said {
	for i := range s {
		s[i] = cmp.Or(now[i], s[i])
	}
	return s
}

// deployment is a deployment of a Worker: who gets the traffic from then on.
type deployment struct {
	ID          text        `json:"id"`
	CreatedOn   moment      `json:"created_on"`
	Versions    list[share] `json:"versions"`
	Annotations dict[text]  `json:"annotations"`
	AuthorEmail text        `json:"author_email"`
}

// share is what a version gets of the traffic.
type share struct {
	VersionID  text   `json:"version_id"`
	Percentage number `json:"percentage"`
}

const (
	annotationTrigger  = "workers/triggered_by"
	annotationMessage  = "workers/message"
	annotationTag      = "workers/tag"
	annotationRollback = "workers/rollback_from" // on old rollbacks
)

// change reports whether the deployment is one that people made of their
// project. Secrets and settings make deployments too: wrangler knows "secret";
// a word for settings has not been seen and would be one of these.
func (d deployment) change() bool { return change(d.Annotations) }

func change(annotations dict[text]) bool {
	by := strings.ToLower(string(annotations[annotationTrigger]))
	return !strings.Contains(by, "secret") && !strings.Contains(by, "setting") && !strings.Contains(by, "binding")
}

// rollback reports whether the deployment says so of itself.
func (d deployment) rollback() bool {
	return strings.EqualFold(string(d.Annotations[annotationTrigger]), "rollback") || d.Annotations[annotationRollback] != ""
}

// history is which versions of a Worker were live, the oldest first. The share
// of the traffic is the largest that each had.
type history []past

type past struct {
	version string // its first characters
	share   float64
}

// full is all of the traffic, less what is lost in rounding.
const full = 99.5

// maxHistory is how many versions are remembered of a Worker. Wrangler puts back
// at most the hundredth; people put back one of the last.
const maxHistory = 20

func (h history) find(version string) int {
	return slices.IndexFunc(h, func(p past) bool { return p.version == short(version) })
}

// with returns the history after one more deployment.
func (h history) with(d deployment) history {
	h = slices.Clone(h)
	for _, s := range d.Versions {
		if s.VersionID == "" {
			continue
		}
		if i := h.find(string(s.VersionID)); i >= 0 {
			h[i].share = max(h[i].share, float64(s.Percentage))
			continue
		}
		h = append(h, past{short(string(s.VersionID)), float64(s.Percentage)})
	}
	return h[max(0, len(h)-maxHistory):]
}

// newest returns the version of a deployment that was live last of all, and its
// place in the history; one that is not in it comes after all others.
func (h history) newest(d deployment) (version string, place int) {
	place = -1
	for _, s := range d.Versions {
		if s.VersionID == "" {
			continue
		}
		i := h.find(string(s.VersionID))
		if i < 0 {
			i = len(h)
		}
		if i > place {
			version, place = string(s.VersionID), i
		}
	}
	return version, place
}

// verdict is what the history of a Worker tells of a deployment.
type verdict struct {
	version string // the one it is about
	first   bool   // no older deployment has it
	cause   shipbell.Cause
	// replaced is the version that was live before, and replacedAt when it was
	// deployed; empty where that is not known.
	replaced   string
	replacedAt time.Time
}

// judge returns which version a deployment is about, which of several is the one
// that came last; whether it is the first that has it; and why it came about. Put
// back is only what is older than what it replaces: to go forward again is a
// rollout, whatever word there is for it.
func (h history) judge(d deployment, before *deployment) verdict {
	version, place := h.newest(d)
	v := verdict{version: version}
	was := len(h) - 1
	if before != nil {
		v.replaced, was = h.newest(*before)
		v.replacedAt = before.CreatedOn.Time
	}
	forward := false
	switch {
	case version == "":
	case place == len(h):
		v.first = true
	case len(d.Versions) > 1:
		v.cause = shipbell.CauseRollout
	case before != nil && len(before.Versions) == 1 && v.replaced == version:
		// The same version once more, such as wrangler's repeated deploy.
	case place >= was, before == nil && h[place].share < full:
		v.cause, forward = shipbell.CauseRollout, place > was
	default:
		v.cause = shipbell.CauseRollback
	}
	if d.rollback() && !forward {
		v.cause = shipbell.CauseRollback
	}
	return v
}

// rollout says which share each version has; empty where one has all.
func (d deployment) rollout() string {
	if len(d.Versions) < 2 {
		return ""
	}
	var parts []string
	for _, s := range d.Versions {
		percent := strconv.FormatFloat(float64(s.Percentage), 'f', -1, 64)
		parts = append(parts, percent+" % "+short(string(s.VersionID)))
	}
	return strings.Join(parts, ", ")
}

// version is what the API says of a version, for people who tell wrangler their
// commit: it sends none by itself. The newer API has no metadata, and what is in
// it one level up.
type version struct {
	Number      number     `json:"number"`
	Annotations dict[text] `json:"annotations"`
	Source      text       `json:"source"`
	AuthorEmail text       `json:"author_email"`
	CreatedOn   moment     `json:"created_on"`
	Metadata    object[struct {
		Source      text   `json:"source"`
		AuthorEmail text   `json:"author_email"`
		CreatedOn   moment `json:"created_on"`
	}] `json:"metadata"`
}

// created is when the version was uploaded; zero where nothing says so.
func (v version) created() time.Time {
	return firstTime(v.CreatedOn.Time, v.Metadata.V.CreatedOn.Time)
}

// compare orders versions by when they were uploaded; 0 where that is not known.
func (v version) compare(o version) int {
	if v.Number > 0 && o.Number > 0 {
		return cmp.Compare(v.Number, o.Number)
	}
	if v.created().IsZero() || o.created().IsZero() {
		return 0
	}
	return v.created().Compare(o.created())
}

// uploadedBefore is how much older than its first deployment a version is that was
// uploaded by itself. Wrangler's deploy uploads and deploys within seconds; more
// where it is told to wait.
const uploadedBefore = time.Minute

// commitHash is a tag that is a commit.
var commitHash = regexp.MustCompile(`^[0-9a-fA-F]{7,64}$`)

// sourceBuilds is who uploaded a version that Workers Builds made.
const sourceBuilds = "workersci"

// fill adds what a version knows.
func (v version) fill(o *shipbell.Observation) {
	switch tag := strings.TrimSpace(string(v.Annotations[annotationTag])); {
	case tag == "":
	case commitHash.MatchString(tag):
		o.Commit = cmp.Or(o.Commit, tag)
	default:
		o.Tag = cmp.Or(o.Tag, tag)
	}
	o.CommitMessage = cmp.Or(o.CommitMessage, string(v.Annotations[annotationMessage]))
	o.Author = cmp.Or(o.Author, string(v.AuthorEmail), string(v.Metadata.V.AuthorEmail))
	if v.built() {
		o.CI = "true"
	}
}

// built reports whether Workers Builds uploaded the version.
func (v version) built() bool {
	return strings.EqualFold(string(cmp.Or(v.Source, v.Metadata.V.Source)), sourceBuilds)
}

// seen is a deployment of a Worker with what is known around it.
type seen struct {
	verdict
	site  site
	d     deployment
	build *build   // that made the version; nil if not known
	of    *version // what the API says of the version; nil if not asked
}

// event maps the deployment. What is deployed is a success: Cloudflare knows no
// deployment of a Worker that failed.
func (s seen) event(source shipbell.Source) shipbell.Event {
	e := s.site.event(source, shipbell.Worker, shipbell.Success, s.d.CreatedOn.Time)
	key(&e, shipbell.KeyDeployment, string(s.d.ID))
	e.VersionID = s.version
	if s.first {
		key(&e, shipbell.KeyVersion, s.version)
	}
	e.Cause = s.cause
	e.Rollout = s.d.rollout()
	e.URL = s.site.url
	e.DashboardURL = s.site.deploymentsURL()
	if s.build != nil {
		// What a build only uploaded is a deployment of its own, of which this one
		// is not a part.
		if s.first && s.build.environment() != shipbell.Preview {
			key(&e, shipbell.KeyBuild, string(s.build.UUID))
		}
		s.build.fill(&e.Observation, s.site)
	}
	if s.cause == shipbell.CauseRollback {
		// Who put it back is not who made it, and why is not what it changed.
		e.Author = cmp.Or(string(s.d.AuthorEmail), e.Author)
	} else if s.of != nil {
		s.of.fill(&e.Observation)
	}
	e.CommitMessage = cmp.Or(e.CommitMessage, string(s.d.Annotations[annotationMessage]))
	e.Author = cmp.Or(e.Author, string(s.d.AuthorEmail))
	return e
}
