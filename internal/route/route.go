// Package route decides which channels show a deployment.
//
// Its one rule: the decision depends on the deployment and the configuration
// alone, so that it can be asked again at any time with the same answer.
package route

import (
	"fmt"
	"path"
	"strings"

	"github.com/shipbell/shipbell"
)

// Projects filters by project name, per project type. The zero value lets every
// project pass.
type Projects struct {
	Workers Patterns
	Pages   Patterns
}

// Match reports whether the project of a deployment passes.
func (p Projects) Match(d shipbell.Deployment) bool {
	if d.Type == shipbell.Pages {
		return p.Pages.Match(d.Project)
	}
	return p.Workers.Match(d.Project)
}

// Patterns is a list of project names and globs. An empty list matches all.
type Patterns []string

// ParsePatterns reads a comma-separated list. In a glob * stands for any run of
// characters, ? for one, [a-z] for one of a range. A malformed glob is
// [shipbell.ErrInvalid].
func ParsePatterns(list string) (Patterns, error) {
	var patterns Patterns
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		if _, err := path.Match(word, ""); err != nil {
			return nil, fmt.Errorf("pattern %q: %w: project names and globs such as api-*, separated by commas", word, shipbell.ErrInvalid)
		}
		patterns = append(patterns, word)
	}
	return patterns, nil
}

// Match reports whether the name is in the list.
func (p Patterns) Match(name string) bool {
	if len(p) == 0 {
		return true
	}
	for _, pattern := range p {
		// ParsePatterns has seen to it that there is no error. A project name
		// has no slash; one that has is still one word to path.Match's *.
		if ok, _ := path.Match(pattern, strings.ReplaceAll(name, "/", "-")); ok {
			return true
		}
		if pattern == name {
			return true
		}
	}
	return false
}

// Table routes every deployment that passes the filter to all channels. It
// implements ledger.Router.
type Table struct {
	Projects Projects
	All      []shipbell.ChannelID
}

// Channels returns the channels that show d.
func (t Table) Channels(d shipbell.Deployment) []shipbell.ChannelID {
	if !t.Projects.Match(d) {
		return nil
	}
	return t.All
}

// Everywhere returns the channels that show what is not about one deployment.
func (t Table) Everywhere() []shipbell.ChannelID { return t.All }
