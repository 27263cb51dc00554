package shipbell

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Filter says which deployments a list shows. What is empty lets all pass.
type Filter struct {
	Type        ProjectType
	Project     string // the whole name
	Environment string // the whole name; [Production] is that of a deployment without one
	Status      []Status
	Author      string // whole
	Branch      string // whole
	// Since and Until bound the start of a deployment: at or after, and before.
	Since, Until time.Time
	// Text is a part of the project, an id, the commit, its message, the author or
	// the branch, in whatever case.
	Text string
}

// Empty reports whether all deployments pass.
func (f Filter) Empty() bool { return len(f.Values()) == 0 }

// Match reports whether a deployment passes.
func (f Filter) Match(d Deployment) bool {
	return f.fits(d.Type, d.Project, cmp.Or(d.Environment, Production), d.Status, d.StartedAt) &&
		(f.Author == "" || f.Author == d.Author) &&
		(f.Branch == "" || f.Branch == d.Branch) &&
		f.matchText(d)
}

// MatchBrief reports whether a deployment passes, as far as its brief tells.
func (f Filter) MatchBrief(b Brief) bool {
	return f.fits(b.Type, b.Project, b.Environment, b.Status, b.StartedAt)
}

func (f Filter) fits(t ProjectType, project, environment string, status Status, started time.Time) bool {
	return (f.Type == "" || f.Type == t) &&
		(f.Project == "" || f.Project == project) &&
		(f.Environment == "" || f.Environment == environment) &&
		(len(f.Status) == 0 || slices.Contains(f.Status, status)) &&
		(f.Since.IsZero() || !started.Before(f.Since)) &&
		(f.Until.IsZero() || started.Before(f.Until))
}

func (f Filter) matchText(d Deployment) bool {
	text := strings.ToLower(f.Text)
	if text == "" {
		return true
	}
	for _, part := range []string{d.Project, d.Commit, d.CommitMessage, d.Author, d.Branch, d.Tag} {
		if strings.Contains(strings.ToLower(part), text) {
			return true
		}
	}
	return slices.ContainsFunc(d.Keys, func(k Key) bool { return strings.Contains(strings.ToLower(k.ID), text) })
}

// The names of a filter's parameters in a URL.
const (
	paramType        = "type"
	paramProject     = "project"
	paramEnvironment = "environment"
	paramStatus      = "status"
	paramAuthor      = "author"
	paramBranch      = "branch"
	paramSince       = "since"
	paramUntil       = "until"
	paramText        = "q"
)

// FilterParams returns the names of a filter's parameters in a URL.
func FilterParams() []string {
	return []string{paramType, paramProject, paramEnvironment, paramStatus, paramAuthor, paramBranch, paramSince, paramUntil, paramText}
}

// maxParam bounds a parameter, in bytes.
const maxParam = 512

// ParamError says which parameter of a URL cannot be used.
type ParamError struct {
	Param   string
	Accepts string // the accepted form
}

// Error says so.
func (e *ParamError) Error() string {
	return fmt.Sprintf("parameter %s: %v: %s", e.Param, ErrInvalid, e.Accepts)
}

// Unwrap returns [ErrInvalid].
func (e *ParamError) Unwrap() error { return ErrInvalid }

// ParseFilter reads a filter out of the parameters of a URL: type, project,
// environment, status (several, or separated by commas), author, branch, since
// and until (RFC 3339, a date in UTC, or how long ago: 12h, 7d), q. Other
// parameters are not its business. Its error is a [*ParamError].
func ParseFilter(v url.Values, now time.Time) (Filter, error) {
	for _, name := range FilterParams() {
		if text := strings.Join(v[name], ","); len(text) > maxParam {
			return Filter{}, &ParamError{name, fmt.Sprintf("at most %d bytes", maxParam)}
		}
	}
	f := Filter{
		Project: v.Get(paramProject), Environment: v.Get(paramEnvironment),
		Author: v.Get(paramAuthor), Branch: v.Get(paramBranch), Text: strings.TrimSpace(v.Get(paramText)),
	}
	var err error
	if word := v.Get(paramType); word != "" {
		if f.Type, err = ParseProjectType(word); err != nil {
			return Filter{}, &ParamError{paramType, "worker or pages"}
		}
	}
	for _, list := range v[paramStatus] {
		for word := range strings.SplitSeq(list, ",") {
			if strings.TrimSpace(word) == "" {
				continue
			}
			s, err := ParseStatus(word)
			if err != nil {
				return Filter{}, &ParamError{paramStatus, "one or more of " + AcceptedStatuses + ", separated by commas"}
			}
			if !slices.Contains(f.Status, s) {
				f.Status = append(f.Status, s)
			}
		}
	}
	if f.Since, err = parseMoment(v.Get(paramSince), now); err != nil {
		return Filter{}, &ParamError{paramSince, acceptedMoments}
	}
	if f.Until, err = parseMoment(v.Get(paramUntil), now); err != nil {
		return Filter{}, &ParamError{paramUntil, acceptedMoments}
	}
	return f, nil
}

// Values returns the parameters that [ParseFilter] reads.
func (f Filter) Values() url.Values {
	v := make(url.Values)
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set(paramType, string(f.Type))
	set(paramProject, f.Project)
	set(paramEnvironment, f.Environment)
	words := make([]string, len(f.Status))
	for i, s := range f.Status {
		words[i] = string(s)
	}
	set(paramStatus, strings.Join(words, ","))
	set(paramAuthor, f.Author)
	set(paramBranch, f.Branch)
	if !f.Since.IsZero() {
		set(paramSince, f.Since.UTC().Format(time.RFC3339))
	}
	if !f.Until.IsZero() {
		set(paramUntil, f.Until.UTC().Format(time.RFC3339))
	}
	set(paramText, f.Text)
	return v
}

const acceptedMoments = "a time such as 2026-11-25T10:30:00Z, a date such as 2026-11-25, or how long ago such as 12h or 7d"

// maxAgo bounds how long ago a filter may reach back.
const maxAgo = 100 * 365 * 24 * time.Hour

// parseMoment reads a time as people write it in a URL; empty is the zero time.
func parseMoment(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && time.Duration(n) <= maxAgo/(24*time.Hour) {
			return now.Add(-time.Duration(n) * 24 * time.Hour).UTC().Truncate(time.Second), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 && ago <= maxAgo {
		return now.Add(-ago).UTC().Truncate(time.Second), nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly, "2006-01-02T15:04"} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, ErrInvalid
}

// Position is a place in a list of deployments, which is ordered by their start,
// the newest first, and among equals by number, the highest first.
type Position struct {
	StartedAt time.Time
	ID        DeploymentID
}

// IsZero reports whether the position is before everything.
func (p Position) IsZero() bool { return p.ID == 0 }

// String returns the position as it stands in a URL.
func (p Position) String() string {
	if p.IsZero() {
		return ""
	}
	return strconv.FormatInt(p.StartedAt.UnixMilli(), 10) + "." + strconv.FormatInt(int64(p.ID), 10)
}

// ParsePosition reads what String returns. Anything else is [ErrInvalid].
func ParsePosition(text string) (Position, error) {
	if text == "" {
		return Position{}, nil
	}
	at, id, ok := strings.Cut(text, ".")
	ms, err := strconv.ParseInt(at, 10, 64)
	n, err2 := strconv.ParseInt(id, 10, 64)
	if !ok || err != nil || err2 != nil || n <= 0 {
		return Position{}, fmt.Errorf("position %q: %w: as an earlier answer gave it", text, ErrInvalid)
	}
	return Position{StartedAt: time.UnixMilli(ms).UTC(), ID: DeploymentID(n)}, nil
}

// Before reports whether p stands before o in a list: it is newer.
func (p Position) Before(o Position) bool {
	return cmp.Or(o.StartedAt.Compare(p.StartedAt), cmp.Compare(o.ID, p.ID)) < 0
}

// Brief is what lists and counts need of a deployment.
type Brief struct {
	ID          DeploymentID
	Type        ProjectType
	Project     string
	Environment string // never empty
	Status      Status // never empty
	StartedAt   time.Time
	FinishedAt  time.Time // zero while there is no outcome
	CommittedAt time.Time // zero where it is not known
	// Frozen is set while production is known not to have moved with it.
	Frozen bool
}

// Frozen reports whether production is known not to have moved with the
// deployment. What succeeded after its alarm is not frozen any more, also where
// that was not written down yet.
func (d Deployment) Frozen() bool {
	return d.Alarm != nil && d.Alarm.OverAt.IsZero() && d.Status != Success
}

// Position is where the deployment stands in a list.
func (b Brief) Position() Position { return Position{b.StartedAt, b.ID} }

// Took returns how long the deployment ran, or zero where that is not known.
func (b Brief) Took() time.Duration {
	if !b.Status.Final() || !b.FinishedAt.After(b.StartedAt) {
		return 0
	}
	return b.FinishedAt.Sub(b.StartedAt)
}

// Brief returns the deployment's.
func (d Deployment) Brief() Brief {
	b := Brief{
		ID: d.ID, Type: d.Type, Project: d.Project, Environment: cmp.Or(d.Environment, Production), Status: cmp.Or(d.Status, Announced),
		StartedAt: d.StartedAt, FinishedAt: d.FinishedAt, Frozen: d.Frozen(),
	}
	if t, err := time.Parse(time.RFC3339, d.CommitTime); err == nil {
		b.CommittedAt = t.UTC()
	}
	return b
}

// Cursor is a place in the feed of changes. Deployments that were opened and
// those that changed count apart: most are opened and never change, and being
// numbered is all that a feed of them needs.
type Cursor struct {
	Opened  DeploymentID
	Changed int64
}

// String returns the cursor as it stands in the id of an event.
func (c Cursor) String() string {
	return strconv.FormatInt(int64(c.Opened), 10) + "-" + strconv.FormatInt(c.Changed, 10)
}

// ParseCursor reads what String returns. Anything else is [ErrInvalid].
func ParseCursor(text string) (Cursor, error) {
	opened, changed, ok := strings.Cut(text, "-")
	o, err := strconv.ParseInt(opened, 10, 64)
	n, err2 := strconv.ParseInt(changed, 10, 64)
	if !ok || err != nil || err2 != nil || o < 0 || n < 0 {
		return Cursor{}, fmt.Errorf("event id %q: %w: as an earlier event had it", text, ErrInvalid)
	}
	return Cursor{Opened: DeploymentID(o), Changed: n}, nil
}

// Place is a name under which deployments are kept: that of a Worker script, or
// of a project where none is known.
type Place struct {
	Type ProjectType
	Name string
}

// Change says that a deployment was opened, or that something visible of it
// changed, or that it became part of another one.
type Change struct {
	// At is the cursor behind this change.
	At         Cursor
	Deployment DeploymentID
}
