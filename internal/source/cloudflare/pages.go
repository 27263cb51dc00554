package cloudflare

import (
	"cmp"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// pagesProject is an item of the list of Pages projects. Variables are not read.
type pagesProject struct {
	ID        text                    `json:"id"`
	Name      text                    `json:"name"`
	Subdomain text                    `json:"subdomain"`
	Domains   list[text]              `json:"domains"`
	Source    object[pagesRepository] `json:"source"`
	Latest    object[pagesDeployment] `json:"latest_deployment"`
	Canonical object[pagesDeployment] `json:"canonical_deployment"`
}

type pagesRepository struct {
	Type   text `json:"type"`
	Config object[struct {
		Owner text `json:"owner"`
		Repo  text `json:"repo_name"`
	}] `json:"config"`
}

func (p pagesProject) id() string { return string(cmp.Or(p.ID, p.Name)) }

const pagesDomain = ".pages.dev"

// site says where the project is. Its own domain comes before that of pages.dev.
func (p pagesProject) site(account string) site {
	s := site{account: account, project: string(p.Name)}
	if label, _, _ := strings.Cut(string(p.Subdomain), "."); label != "" && label != s.project {
		// A build step knows its host only.
		s.script = label
	}
	for _, d := range p.Domains {
		if s.url == "" && !strings.HasSuffix(string(d), pagesDomain) {
			s.url = webURL(string(d))
		}
	}
	s.url = cmp.Or(s.url, webURL(string(p.Subdomain)))
	return s
}

// pagesDeployment is a deployment of a Pages project.
type pagesDeployment struct {
	ID          text                    `json:"id"`
	ShortID     text                    `json:"short_id"`
	ProjectID   text                    `json:"project_id"`
	ProjectName text                    `json:"project_name"`
	Environment text                    `json:"environment"`
	URL         text                    `json:"url"`
	Aliases     list[text]              `json:"aliases"`
	CreatedOn   moment                  `json:"created_on"`
	ModifiedOn  moment                  `json:"modified_on"`
	Skipped     text                    `json:"is_skipped"`
	SkipReason  text                    `json:"skip_reason"`
	Latest      object[pagesStage]      `json:"latest_stage"`
	Stages      list[pagesStage]        `json:"stages"`
	Source      object[pagesRepository] `json:"source"`
	Trigger     object[struct {
		Type     text `json:"type"`
		Metadata object[struct {
			Branch        text `json:"branch"`
			CommitHash    text `json:"commit_hash"`
			CommitMessage text `json:"commit_message"`
		}] `json:"metadata"`
	}] `json:"deployment_trigger"`
}

type pagesStage struct {
	Name      text   `json:"name"`
	Status    text   `json:"status"`
	StartedOn moment `json:"started_on"`
	EndedOn   moment `json:"ended_on"`
}

func (d pagesDeployment) branch() string { return string(d.Trigger.V.Metadata.V.Branch) }

// environment is the glossary's word for it.
func (d pagesDeployment) environment() string {
	e := strings.ToLower(string(d.Environment))
	switch {
	case strings.Contains(e, "preview"):
		return shipbell.Preview
	case strings.Contains(e, "production"):
		return shipbell.Production
	}
	return ""
}

// shortID is the id that the deployment's address shows: the first characters of
// its id in every example.
func (d pagesDeployment) shortID() string {
	return string(cmp.Or(d.ShortID, text(short(string(d.ID)))))
}

// state returns how far the deployment is, and the stage that tells. Only the
// success of the last stage is an end; a skipped one never reaches it.
func (d pagesDeployment) state() (shipbell.Status, pagesStage) {
	latest := d.Latest.V
	if d.Skipped == "true" || d.SkipReason != "" {
		return shipbell.Skipped, latest
	}
	for _, s := range append([]pagesStage{latest}, d.Stages...) {
		switch word := strings.ToLower(string(s.Status)); {
		case strings.HasPrefix(word, "fail"):
			return shipbell.Failure, s
		case strings.HasPrefix(word, "cancel"):
			return shipbell.Canceled, s
		case strings.HasPrefix(word, "skip"):
			return shipbell.Skipped, s
		}
		if s.Name == "deploy" && strings.HasPrefix(strings.ToLower(string(s.Status)), "succe") {
			return shipbell.Success, s
		}
	}
	if latest.Name == "queued" && latest.Status != "success" {
		return shipbell.Queued, latest
	}
	return shipbell.InProgress, latest
}

// skipReasons are the reasons for which Pages skips.
var skipReasons = map[string]string{
	"commit_message":                  "the commit message asks to skip it",
	"preview_deployments_disabled":    "preview deployments are disabled",
	"production_deployments_disabled": "production deployments are disabled",
	"path_config":                     "no watched path changed",
	"branch_config":                   "the branch is not deployed",
	"pages_to_workers_conversion":     "the project has become a Worker",
}

// pagesSeen is a Pages deployment with what is known around it.
type pagesSeen struct {
	site  site
	d     pagesDeployment
	told  shipbell.Status  // the state that was told before; empty for none
	newer *pagesDeployment // of the same branch, that came while this one was under way
	at    time.Time        // when it was looked at
}

func (p pagesSeen) event(source shipbell.Source, status shipbell.Status, at time.Time) shipbell.Event {
	e := p.site.event(source, shipbell.Pages, status, at)
	e.Environment = p.d.environment()
	key(&e, shipbell.KeyDeployment, string(p.d.ID))
	key(&e, shipbell.KeyShort, p.d.shortID())
	p.fill(&e.Observation)
	return e
}

// fill adds what the deployment knows of its commit.
func (p pagesSeen) fill(o *shipbell.Observation) {
	trigger := p.d.Trigger.V
	o.Branch = string(trigger.Metadata.V.Branch)
	o.Commit = string(trigger.Metadata.V.CommitHash)
	o.CommitMessage = string(trigger.Metadata.V.CommitMessage)
	repo := p.d.Source.V
	o.RepositoryURL = repositoryURL(string(repo.Type), string(repo.Config.V.Owner), string(repo.Config.V.Repo))
	if p.site.account == "" || p.d.ID == "" {
		return
	}
	o.DashboardURL = p.site.pagesURL(string(p.d.ID))
	if trigger.Type != "ad_hoc" {
		o.LogURL = o.DashboardURL // a direct upload has no log
	}
}

// ended is when the deployment came to its end.
func (p pagesSeen) ended() time.Time {
	state, stage := p.d.state()
	if state == shipbell.Skipped {
		// Nothing ran, and what is modified later is something else.
		return firstTime(p.d.CreatedOn.Time, p.at)
	}
	return firstTime(stage.EndedOn.Time, p.d.ModifiedOn.Time, p.at)
}

// events maps what of the deployment was not told yet: its start, so that its
// duration is known, and its end.
func (p pagesSeen) events(source shipbell.Source) []shipbell.Event {
	state, stage := p.d.state()
	var events []shipbell.Event
	created := firstTime(p.d.CreatedOn.Time, p.at)
	switch {
	case p.told == "" && state != shipbell.Skipped:
		began := shipbell.InProgress
		if state == shipbell.Queued {
			began = shipbell.Queued
		}
		events = append(events, p.event(source, began, created))
	case p.told == shipbell.Queued && state == shipbell.InProgress:
		events = append(events, p.event(source, state, firstTime(stage.StartedOn.Time, p.at)))
	}
	if state.Final() && !p.told.Final() {
		events = append(events, p.final(source))
	}
	return events
}

func (p pagesSeen) final(source shipbell.Source) shipbell.Event {
	state, stage := p.d.state()
	e := p.event(source, state, p.ended())
	switch state {
	case shipbell.Success:
		e.URL = p.url()
	case shipbell.Failure:
		e.Error = "the stage " + string(stage.Name) + " failed"
	case shipbell.Skipped:
		e.Error = cmp.Or(skipReasons[string(p.d.SkipReason)], strings.ReplaceAll(string(p.d.SkipReason), "_", " "))
	}
	if state == shipbell.Canceled && p.newer != nil {
		e.Error = "superseded by " + p.newer.shortID()
		if c := p.newer.Trigger.V.Metadata.V.CommitHash; c != "" {
			e.Error += " of commit " + short(string(c))
		}
	}
	return e
}

// url is where the deployment answers: production at the project's address, a
// preview at that of its branch or at its own.
func (p pagesSeen) url() string {
	if p.d.environment() != shipbell.Preview && p.site.url != "" {
		return p.site.url
	}
	for _, a := range p.d.Aliases {
		if u := webURL(string(a)); u != "" {
			return u
		}
	}
	return webURL(string(p.d.URL))
}

// rollback maps that production shows an older deployment again. Pages makes no
// deployment of it, so it has a key of its own.
func (p pagesSeen) rollback(source shipbell.Source, previous string) shipbell.Event {
	e := p.site.event(source, shipbell.Pages, shipbell.Success, p.at)
	e.Environment = p.d.environment()
	key(&e, shipbell.KeyDeployment, "rollback:"+string(p.d.ID)+":"+previous+":"+p.at.UTC().Format(time.RFC3339))
	p.fill(&e.Observation)
	e.Cause = shipbell.CauseRollback
	e.URL = p.url()
	return e
}

// superseding finds the deployment of the same branch that came while d was
// under way.
func superseding(d pagesDeployment, others []pagesDeployment) *pagesDeployment {
	state, stage := d.state()
	if state != shipbell.Canceled {
		return nil
	}
	end := firstTime(stage.EndedOn.Time, d.ModifiedOn.Time)
	var found *pagesDeployment
	for i, o := range others {
		if o.ID == d.ID || o.branch() != d.branch() || o.environment() != d.environment() {
			continue
		}
		if o.CreatedOn.After(d.CreatedOn.Time) && !o.CreatedOn.After(end) && (found == nil || o.CreatedOn.Before(found.CreatedOn.Time)) {
			found = &others[i]
		}
	}
	return found
}
