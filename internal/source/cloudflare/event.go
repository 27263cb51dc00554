package cloudflare

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

const (
	// maxLine bounds a text on one line, in bytes, and maxCommitMessage a commit
	// message: a screen of it is more than is shown.
	maxLine          = 500
	maxCommitMessage = 10_000
	// shortID is how much of an id people are shown.
	shortID = 8
)

// site is where something was deployed to.
type site struct {
	account string
	project string // base name of a Worker, name of a Pages project
	script  string // the Worker's own name
	env     string // of the script's tags
	url     string // where production answers
}

// dashboard is where people look at their accounts.
const dashboard = "https://dash.cloudflare.com/"

// deploymentsURL is the Worker's page with its deployments.
func (s site) deploymentsURL() string {
	return s.workerURL() + "/deployments"
}

// buildURL is the page of a build, as Cloudflare's own template for
// notifications has it.
func (s site) buildURL(build string) string {
	return s.workerURL() + "/builds/" + url.PathEscape(build)
}

func (s site) workerURL() string {
	return dashboard + url.PathEscape(s.account) + "/workers/services/view/" + url.PathEscape(s.script) + "/production"
}

// pagesURL is the page of a Pages deployment, which shows its log.
func (s site) pagesURL(deployment string) string {
	return dashboard + url.PathEscape(s.account) + "/pages/view/" + url.PathEscape(s.project) + "/" + url.PathEscape(deployment)
}

// event starts an event about the site.
func (s site) event(source shipbell.Source, t shipbell.ProjectType, status shipbell.Status, at time.Time) shipbell.Event {
	return shipbell.Event{
		Source: source,
		At:     at,
		Observation: shipbell.Observation{
			Type: t, Project: s.project, Script: s.script, Environment: s.env, Status: status,
		},
	}
}

// key adds an identity unless there is none.
func key(e *shipbell.Event, kind shipbell.KeyKind, id string) {
	id = strings.TrimSpace(id)
	if id == "" || len(id) > shipbell.MaxKeyLength {
		return
	}
	for _, k := range e.Keys {
		if k.ID == id {
			return
		}
	}
	e.Keys = append(e.Keys, shipbell.Key{Type: e.Type, Kind: kind, ID: id})
}

// betterMark begins the id of an event that says better what was said before: of
// two words for one thing that came at one time the smaller id counts (see
// [shipbell.Apply]), and this is below every digest. The more of them, the later.
const betterMark = "-"

// better marks an event as the nth better word.
func better(e shipbell.Event, n int) shipbell.Event {
	e.ID = shipbell.EventID(strings.Repeat(betterMark, n))
	return e
}

// digest names a text without telling it; empty for an empty one.
func digest(s string) string {
	if s == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// seal bounds the texts of an event and gives it its id: a digest of all that it
// says, so that the same observation has the same id wherever it is made again.
// The marks of [better] stay before it.
func seal(e shipbell.Event) shipbell.Event {
	o := &e.Observation
	for _, p := range []*string{
		&o.Project, &o.Script, &o.Environment, &o.Branch, &o.Commit, &o.Author, &o.Tag, &o.VersionID,
		&o.URL, &o.LogURL, &o.DashboardURL, &o.RepositoryURL, &o.Rollout, &o.Error,
	} {
		*p = cut(oneLine(*p), maxLine)
	}
	o.CommitMessage = strings.TrimSpace(cut(o.CommitMessage, maxCommitMessage))
	e.At = e.At.UTC().Truncate(time.Millisecond)
	said, err := json.Marshal(struct {
		Source shipbell.Source
		Keys   []shipbell.Key
		At     time.Time
		shipbell.Observation
	}{e.Source, e.Keys, e.At, e.Observation})
	if err != nil {
		panic("cloudflare: an event that cannot be encoded: " + err.Error()) // it holds texts only
	}
	sum := sha256.Sum256(said)
	marks := len(e.ID) - len(strings.TrimLeft(string(e.ID), betterMark))
	e.ID = e.ID[:marks] + shipbell.EventID(hex.EncodeToString(sum[:16]))
	return e
}

// sealed returns those events that can be recorded, sealed.
func sealed(events ...shipbell.Event) []shipbell.Event {
	var kept []shipbell.Event
	for _, e := range events {
		if e = seal(e); e.Validate() == nil {
			kept = append(kept, e)
		}
	}
	return kept
}

// short is the part of an id that people are shown.
func short(id string) string { return id[:min(len(id), shortID)] }

// repositoryName is what may stand in the address of a repository.
var repositoryName = regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$`)

// repositoryURL is the web address of a repository; empty for a provider that is
// not known.
func repositoryURL(provider, owner, repo string) string {
	host := map[string]string{"github": "https://github.com/", "gitlab": "https://gitlab.com/"}[strings.ToLower(provider)]
	if path := owner + "/" + repo; host != "" && owner != "" && repo != "" && repositoryName.MatchString(path) {
		return host + path
	}
	return ""
}

// webURL makes an address of what may be a host only. Anything but a plain web
// address is dropped, and so is what could carry a secret: user information and
// parameters.
func webURL(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return strings.TrimRight(u.String(), "/")
}

// firstTime returns the first time that is not zero.
func firstTime(times ...time.Time) time.Time { return cmp.Or(times...) }
