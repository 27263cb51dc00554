package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// Push is what a build step says of a deployment.
//
// ID joins everything that is said of one deployment, and is the same whenever
// the same run says it again. It is the first of these that is known:
//
//   - the flag;
//   - the UUID of a Workers build, or the short id of a Pages deployment: both
//     are what Cloudflare's API shows, so polling finds the same deployment;
//   - the CI system's id of the run and of the attempt, the project and the
//     environment. The attempt, because a run that is started again deploys
//     again; the project and the environment, because one run can deploy
//     several. GitLab has no attempts, so the job counts: steps of two jobs that
//     speak of one deployment must be given the id as a flag;
//   - a digest of type, project, environment, branch, commit, uncommitted
//     changes and the time at which the run began, in steps of [RunWindow].
//
// The last one is for builds outside of every known CI system. The run is the
// command that a person or a scheduler started (on Linux the process group; else
// this process). All steps of one run therefore say the same id, however long it
// takes up to [MaxRun]; a run that is started again on the same files says it too
// while the window lasts, which is what makes a second try after a failed upload
// the same deployment; and a later deployment of the same commit is a new one.
// Its limits: a second try just across a window's edge is new, two deployments
// of the same files within a window are one, and untracked files do not count. A
// wrapped command knows how it ended, so it is a run of its own, to the moment.
type Push struct {
	Type        shipbell.ProjectType
	Project     string
	ID          string
	Branch      string
	Commit      string
	Message     string // all lines
	Author      string
	Time        time.Time
	Environment string
	CI          bool

	// Tag and what follows go beyond the contract.
	Tag           string
	Status        shipbell.Status // empty: announced
	URL           string          // where the deployment answers
	VersionID     string
	LogURL        string
	RepositoryURL string
	Error         string          // why it failed, on one line
	Source        shipbell.Source // empty: push
	CloudflareID  string          // the id that Cloudflare gave the deployment
	Script        string          // the Worker's own name where it is not the project's
	DashboardURL  string
	Log           string // the lines of the log that tell why it failed
	History       string // the commits up to this one, newest first: a line each, hash and subject
	CommitTime    string // when the commit was made, RFC 3339
}

// body is a push on the wire. The order of the fields is the contract's; those
// after isCI are Shipbell's own.
type body struct {
	Deployment struct {
		Type          string `json:"type"`
		ProjectName   string `json:"projectName"`
		DeploymentID  string `json:"deploymentId"`
		Branch        string `json:"branch,omitempty"`
		CommitHash    string `json:"commitHash,omitempty"`
		CommitMessage string `json:"commitMessage,omitempty"`
		Author        string `json:"author,omitempty"`
		Timestamp     string `json:"timestamp"`
		Environment   string `json:"environment"`
		IsCI          bool   `json:"isCI"`

		Tag           string `json:"tag,omitempty"`
		Status        string `json:"status,omitempty"`
		URL           string `json:"url,omitempty"`
		VersionID     string `json:"versionId,omitempty"`
		LogURL        string `json:"logUrl,omitempty"`
		RepositoryURL string `json:"repositoryUrl,omitempty"`
		Error         string `json:"error,omitempty"`

		Source       string   `json:"source,omitempty"`
		CloudflareID string   `json:"cloudflareId,omitempty"`
		Script       string   `json:"script,omitempty"`
		DashboardURL string   `json:"dashboardUrl,omitempty"`
		Log          string   `json:"log,omitempty"`
		History      []string `json:"history,omitempty"`
		CommitTime   string   `json:"commitTime,omitempty"`
	} `json:"deployment"`
}

// Body renders the push as the contract prints it, indented. Nothing of the
// values is changed but for NULs, which are dropped because databases refuse
// them.
func (p Push) Body() ([]byte, error) {
	var b body
	d := &b.Deployment
	d.Type = string(p.Type)
	d.ProjectName = clean(p.Project)
	d.DeploymentID = clean(p.ID)
	d.Branch = clean(p.Branch)
	d.CommitHash = clean(p.Commit)
	d.CommitMessage = clean(p.Message)
	d.Author = clean(p.Author)
	d.Timestamp = p.Time.UTC().Format(timeForm)
	d.Environment = clean(p.Environment)
	d.IsCI = p.CI
	d.Tag = clean(p.Tag)
	d.Status = string(p.Status)
	d.URL = clean(p.URL)
	d.VersionID = clean(p.VersionID)
	d.LogURL = clean(p.LogURL)
	d.RepositoryURL = clean(p.RepositoryURL)
	d.Error = clean(p.Error)
	d.Source = string(p.Source)
	d.CloudflareID = clean(p.CloudflareID)
	d.Script = clean(p.Script)
	d.DashboardURL = clean(p.DashboardURL)
	d.Log = clean(p.Log)
	if p.History != "" {
		d.History = strings.Split(clean(p.History), "\n")
	}
	d.CommitTime = clean(p.CommitTime)

	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(b); err != nil {
		return nil, fmt.Errorf("encode the push: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// timeForm is RFC 3339 with milliseconds where there are any.
const timeForm = "2006-01-02T15:04:05.999Z07:00"

func clean(s string) string { return strings.ReplaceAll(s, "\x00", "") }
