package cloudflare

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// build is a build of Workers Builds, from the API or from an event.
type build struct {
	UUID           text   `json:"build_uuid"`
	Status         text   `json:"status"`
	Outcome        text   `json:"build_outcome"`
	CreatedOn      moment `json:"created_on"`
	InitializingOn moment `json:"initializing_on"`
	RunningOn      moment `json:"running_on"`
	StoppedOn      moment `json:"stopped_on"`
	ModifiedOn     moment `json:"modified_on"`
	PreviewURL     text   `json:"preview_url"` // not documented; Cloudflare's own template reads it
	Trigger        object[struct {
		Name          text `json:"trigger_name"`
		DeployCommand text `json:"deploy_command"`
		ScriptID      text `json:"external_script_id"`
	}] `json:"trigger"`
	Metadata object[struct {
		Author        text `json:"author"`
		Branch        text `json:"branch"`
		DeployCommand text `json:"deploy_command"`
		CommitHash    text `json:"commit_hash"`
		CommitMessage text `json:"commit_message"`
		Provider      text `json:"provider_type"`
		Owner         text `json:"provider_account_name"`
		Repo          text `json:"repo_name"`
	}] `json:"build_trigger_metadata"`
}

// UnmarshalJSON implements [json.Unmarshaler]. It takes the names of the API and
// those of events, which are in camelCase and say createdAt.
func (b *build) UnmarshalJSON(data []byte) error {
	type plain build
	var v struct {
		plain
		CreatedAt      moment `json:"created_at"`
		InitializingAt moment `json:"initializing_at"`
		RunningAt      moment `json:"running_at"`
		StoppedAt      moment `json:"stopped_at"`
		ModifiedAt     moment `json:"modified_at"`
	}
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return nil
	}
	if err := json.Unmarshal(unify(data), &v); err != nil {
		return err
	}
	*b = build(v.plain)
	b.CreatedOn.Time = firstTime(b.CreatedOn.Time, v.CreatedAt.Time)
	b.InitializingOn.Time = firstTime(b.InitializingOn.Time, v.InitializingAt.Time)
	b.RunningOn.Time = firstTime(b.RunningOn.Time, v.RunningAt.Time)
	b.StoppedOn.Time = firstTime(b.StoppedOn.Time, v.StoppedAt.Time)
	b.ModifiedOn.Time = firstTime(b.ModifiedOn.Time, v.ModifiedAt.Time)
	return nil
}

// buildWord reads a word for a state of a build; empty where it is none.
// Schema, documentation, template and what clients saw differ in their words.
func buildWord(word text) shipbell.Status {
	w := strings.ToLower(strings.TrimSpace(string(word)))
	switch {
	case w == "":
		return ""
	case strings.HasPrefix(w, "succe"):
		return shipbell.Success
	case strings.HasPrefix(w, "fail"), w == "error", w == "errored":
		return shipbell.Failure
	case strings.HasPrefix(w, "cancel"), strings.HasPrefix(w, "terminat"), strings.HasPrefix(w, "supersed"):
		return shipbell.Canceled
	case strings.HasPrefix(w, "skip"):
		return shipbell.Skipped
	case w == "queued", w == "pending":
		return shipbell.Queued
	case strings.HasPrefix(w, "init"), w == "running", w == "started", w == "in_progress":
		return shipbell.InProgress
	}
	return ""
}

// state returns how far the build is. The outcome counts before the status. A
// build that has stopped without an outcome is still awaited.
func (b build) state() shipbell.Status {
	return cmp.Or(buildWord(b.Outcome), buildWord(b.Status), shipbell.InProgress)
}

var (
	uploadsOnly = regexp.MustCompile(`\bversions\s+upload\b`)
	deploys     = regexp.MustCompile(`\bwrangler\S*\s+(?:\S+\s+)*?deploy\b`)
)

// environment is [shipbell.Preview] for a build that puts nothing live: its
// command uploads a version, or is not known and its trigger is the one for
// branches that are not production. Otherwise it is empty.
func (b build) environment() string {
	trigger := b.Trigger.V
	command := string(cmp.Or(b.Metadata.V.DeployCommand, trigger.DeployCommand))
	name := strings.ToLower(string(trigger.Name))
	switch {
	case uploadsOnly.MatchString(command):
		return shipbell.Preview
	case deploys.MatchString(command):
		return ""
	case strings.Contains(name, "non-production"), strings.Contains(name, "non production"), strings.Contains(name, "preview"):
		return shipbell.Preview
	}
	return ""
}

// fill adds what a build knows of its commit.
func (b build) fill(o *shipbell.Observation, s site) {
	m := b.Metadata.V
	o.Branch = string(m.Branch)
	o.Commit = string(m.CommitHash)
	o.CommitMessage = string(m.CommitMessage)
	o.Author = string(m.Author)
	o.RepositoryURL = repositoryURL(string(m.Provider), string(m.Owner), string(m.Repo))
	o.CI = "true"
	if b.UUID != "" && s.account != "" {
		o.LogURL = s.buildURL(string(b.UUID))
	}
}

// observed is a build with what is known around it.
type observed struct {
	site     site
	build    build
	versions []string // that it uploaded, where that is known
	// told is the state that was told before; empty for none.
	told shipbell.Status
	// newer is the build of the same branch that came while this one was under
	// way; nil if there was none.
	newer *build
	// at is when a final state was heard of, for a build that does not say.
	at time.Time
}

func (o observed) event(source shipbell.Source, status shipbell.Status, at time.Time) shipbell.Event {
	e := o.site.event(source, shipbell.Worker, status, at)
	key(&e, shipbell.KeyBuild, string(o.build.UUID))
	for _, v := range o.versions {
		key(&e, shipbell.KeyVersion, v)
		e.VersionID = cmp.Or(e.VersionID, v)
	}
	if env := o.build.environment(); env != "" {
		e.Environment = env
	}
	o.build.fill(&e.Observation, o.site)
	e.DashboardURL = e.LogURL
	return e
}

// ended is when the build came to its end.
func (o observed) ended() time.Time {
	b := o.build
	return firstTime(b.StoppedOn.Time, b.ModifiedOn.Time, o.at, b.RunningOn.Time, b.CreatedOn.Time)
}

// events maps what of the build was not told yet: its start, so that its duration
// is known, and its end.
func (o observed) events(source shipbell.Source) []shipbell.Event {
	b, state := o.build, o.build.state()
	var events []shipbell.Event
	created := firstTime(b.CreatedOn.Time, b.InitializingOn.Time, b.RunningOn.Time, o.at)
	switch {
	case o.told == "" && !created.IsZero():
		began := shipbell.InProgress
		if state == shipbell.Queued {
			began = shipbell.Queued
		}
		events = append(events, o.event(source, began, created))
	case o.told == shipbell.Queued && state == shipbell.InProgress:
		events = append(events, o.event(source, state, firstTime(b.InitializingOn.Time, b.RunningOn.Time, created)))
	}
	if state.Final() && !o.told.Final() {
		events = append(events, o.final(source))
	}
	return events
}

// final maps the end of the build. That a production build succeeded means only
// that its deploy command ended well.
func (o observed) final(source shipbell.Source) shipbell.Event {
	b, state := o.build, o.build.state()
	e := o.event(source, state, o.ended())
	switch state {
	case shipbell.Success:
		if e.Environment == shipbell.Preview {
			e.URL = webURL(string(b.PreviewURL))
		} else {
			e.URL = o.site.url
		}
	case shipbell.Failure:
		e.Error = "the build failed"
	case shipbell.Canceled, shipbell.Skipped:
		switch {
		case o.newer != nil:
			e.Error = "superseded by build " + short(string(o.newer.UUID))
			if c := o.newer.Metadata.V.CommitHash; c != "" {
				e.Error += " of commit " + short(string(c))
			}
		case strings.HasPrefix(strings.ToLower(string(b.Outcome)), "supersed"):
			e.Error = "superseded by a newer build"
		case strings.HasPrefix(strings.ToLower(string(b.Outcome)), "terminat"):
			e.Error = "terminated by Cloudflare, such as for taking too long"
		}
	}
	return e
}

// supersedes finds the build of the same branch that came while b was under way.
func supersedes(b build, others []build) *build {
	if s := b.state(); s != shipbell.Canceled && s != shipbell.Skipped {
		return nil
	}
	var found *build
	for i, o := range others {
		if o.UUID == b.UUID || o.Metadata.V.Branch != b.Metadata.V.Branch || o.environment() != b.environment() {
			continue
		}
		end := firstTime(b.StoppedOn.Time, b.ModifiedOn.Time)
		if o.CreatedOn.After(b.CreatedOn.Time) && !o.CreatedOn.After(end) && (found == nil || o.CreatedOn.Before(found.CreatedOn.Time)) {
			found = &others[i]
		}
	}
	return found
}
