package client

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/shipbell/shipbell"
)

// envWrapper names the file in which shipbell exec tells the processes below it
// what they are part of.
const envWrapper = "SHIPBELL_EXEC"

// wrapper is what a shipbell exec tells a shipbell notify below it, such as one
// in wrangler's build command, so that both speak of one deployment whatever the
// system lets be seen of processes and whatever the deployment changes on disk.
// The zero value is that of a process that is not wrapped.
type wrapper struct {
	Overrides Overrides `json:"overrides"`
	Wrangler  call      `json:"wrangler"`
	Started   time.Time `json:"started"` // when the wrapper began
	// Changes and Identity are known a little later than the rest.
	Changes  *string   `json:"changes,omitempty"`
	Identity *identity `json:"identity,omitempty"`
}

// call is how wrangler is called, where that can be seen.
type call struct {
	Args []string `json:"args,omitempty"`
	Dir  string   `json:"dir,omitempty"`
}

func (c call) invocation() invocation {
	if c.Dir == "" {
		return invocation{}
	}
	v := parseInvocation(c.Args)
	v.found, v.dir = true, c.Dir
	return v
}

// identity is what makes two pushes speak of one deployment.
type identity struct {
	Type        shipbell.ProjectType `json:"type"`
	Project     string               `json:"project"`
	ID          string               `json:"id"`
	Environment string               `json:"environment,omitempty"` // empty: the wrapper does not know
}

// readWrapper reads what a wrapper above this process tells. One that is gone
// tells nothing.
func (s Surroundings) readWrapper() wrapper {
	path := s.Getenv(envWrapper)
	if path == "" {
		return wrapper{}
	}
	data, err := s.ReadFile(path)
	if err != nil {
		return wrapper{}
	}
	var w wrapper
	if json.Unmarshal(data, &w) != nil {
		return wrapper{}
	}
	return w
}

// write puts it into a file at once: a reader sees the one before or this one.
func (w wrapper) write(path string) error {
	data, err := json.Marshal(w)
	if err != nil {
		return err
	}
	draft := path + ".new"
	if err := os.WriteFile(draft, data, 0o600); err != nil {
		return err
	}
	return os.Rename(draft, filepath.Clean(path))
}

// conflicts reports whether flags name another deployment than the wrapper's.
func (w wrapper) conflicts(o Overrides) bool {
	id := w.Identity
	if id == nil {
		return false
	}
	var p Push
	_ = o.parse(&p) // what is not valid is reported by who uses it
	return o.ID != "" && o.ID != id.ID ||
		p.Type != "" && p.Type != id.Type ||
		o.Project != "" && o.Project != id.Project ||
		o.Environment != "" && id.Environment != "" && o.Environment != id.Environment
}

// apply lets a push speak of the wrapper's deployment. A Worker that it found
// under another name is that deployment's.
func (w wrapper) apply(p *Push) {
	id := w.Identity
	if id == nil {
		return
	}
	if p.Type == shipbell.Worker && p.Project != id.Project {
		p.Script = p.Project
	}
	p.Type, p.Project, p.ID = id.Type, id.Project, id.ID
	p.Environment = first(id.Environment, p.Environment)
}

// or fills in what is not given. What is said of an outcome is not handed down.
func (o Overrides) or(other Overrides) Overrides {
	o.Type = first(o.Type, other.Type)
	o.Project = first(o.Project, other.Project)
	o.Environment = first(o.Environment, other.Environment)
	o.ID = first(o.ID, other.ID)
	o.Branch = first(o.Branch, other.Branch)
	o.Commit = first(o.Commit, other.Commit)
	o.Message = first(o.Message, other.Message)
	o.Author = first(o.Author, other.Author)
	o.Tag = first(o.Tag, other.Tag)
	o.LogURL = first(o.LogURL, other.LogURL)
	o.RepositoryURL = first(o.RepositoryURL, other.RepositoryURL)
	o.CI = first(o.CI, other.CI)
	o.ConfigFile = first(o.ConfigFile, other.ConfigFile)
	return o
}
