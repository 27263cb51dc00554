package access

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/shipbell/shipbell"
)

// Actions lets GitHub Actions push without a secret that lasts: a workflow shows a
// token that GitHub signs for it, for some minutes. See
// https://docs.github.com/en/actions/reference/security/oidc.
type Actions struct {
	// Issuer is who signs; that of github.com, or of an own GitHub server.
	Issuer string
	// Audience is for whom a token must be meant.
	Audience string
	// Repositories are those that may push.
	Repositories []Repository
}

// Repository is a repository that may push, or all of an owner. It is known by its
// id: a name goes to somebody else when it is given up.
type Repository struct {
	ID    string
	Owner bool // the id is that of an owner
	// Projects are the patterns of the projects it may push for; empty for all.
	Projects []string
}

// ownerMark stands before the id of an owner.
const ownerMark = "owner:"

// ParseRepositories reads a comma-separated list: ids, each with a pattern after =
// if it may push for these projects alone. An entry that cannot be understood is
// [shipbell.ErrInvalid].
func ParseRepositories(list string) ([]Repository, error) {
	var repositories []Repository
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		id, pattern, limited := strings.Cut(word, "=")
		r := Repository{}
		r.ID, r.Owner = strings.CutPrefix(strings.TrimSpace(id), ownerMark)
		if _, err := strconv.ParseUint(r.ID, 10, 64); err != nil {
			return nil, fmt.Errorf("%q: %w: repository ids, which are numbers, separated by commas; 123=api-* for some projects, owner:456 for all repositories of an owner", word, shipbell.ErrInvalid)
		}
		if pattern = strings.TrimSpace(pattern); limited {
			if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
				return nil, fmt.Errorf("%q: %w: after = stands a project name or a glob such as api-*", word, shipbell.ErrInvalid)
			}
			r.Projects = []string{pattern}
		}
		repositories = append(repositories, r)
	}
	return repositories, nil
}

// Unlisted says that a repository is what it says, and may not push.
type Unlisted struct{ ID, Name string }

// Error says so, and what would let it.
func (u *Unlisted) Error() string {
	return fmt.Sprintf("the repository %s has the id %s, which is not in the server's GITHUB_OIDC_REPOSITORIES", u.Name, u.ID)
}

// run is what a token says of the workflow that shows it.
type run struct {
	Repository   string `json:"repository"`
	RepositoryID string `json:"repository_id"`
	OwnerID      string `json:"repository_owner_id"`
}

// workflow returns which workflow shows a token, and what it may push. The error is
// also an [*Unlisted].
func (g *Gate) workflow(ctx context.Context, token string) (shipbell.Visitor, error) {
	said, err := g.actions.verify(ctx, token)
	if err != nil {
		return shipbell.Visitor{}, err
	}
	var r run
	if err := said.Claims(&r); err != nil || r.RepositoryID == "" {
		return shipbell.Visitor{}, fmt.Errorf("%w: it names no repository", ErrWrong)
	}
	projects, ok := g.Actions.allows(r)
	if !ok {
		return shipbell.Visitor{}, &Unlisted{ID: r.RepositoryID, Name: r.Repository}
	}
	return shipbell.Visitor{Name: "github: " + r.Repository, Scope: shipbell.ScopePush, Projects: projects}, nil
}

// allows returns the patterns of what a workflow may push, empty for all.
func (a *Actions) allows(r run) (projects []string, ok bool) {
	all := false
	for _, known := range a.Repositories {
		if known.Owner && known.ID == r.OwnerID || !known.Owner && known.ID == r.RepositoryID {
			ok = true
			all = all || len(known.Projects) == 0
			projects = append(projects, known.Projects...)
		}
	}
	if all {
		return nil, true
	}
	slices.Sort(projects)
	return slices.Compact(projects), ok
}
