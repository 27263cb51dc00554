package client

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/excerpt"
)

// The policy of this file: an exit code of 0 alone is no success where wrangler
// tells what it did, and a failure is never lost. What wrangler deployed is told
// with its ids; where it tells nothing the exit code decides.

// ending is how a wrapped command ended.
type ending struct {
	at   time.Time
	code int
	// signal is the signal that it died of, interrupted the one that told this
	// process to end before it did, missing why it did not start. Each is empty
	// otherwise.
	signal, interrupted, missing string
	sessions                     []session
	lines                        []string // of its output, unmasked
	secrets                      []string
}

// codeInterrupted is how shells and wrangler end after Ctrl-C.
const codeInterrupted = 128 + 2

// outcome returns what is to be told at the end: one push for the deployment
// that base announced, and one for every other project that wrangler deployed.
func (c *collector) outcome(base Push, seen visible, e ending) []Push {
	base.Time, base.Source = e.at, shipbell.SourceExec
	units := merged(e.sessions)
	failures := unresolved(e.sessions)
	status, reason := verdict(seen, e, units, failures)

	// Which of the units is what base announced: the one of its name. Otherwise the
	// first: the project was a guess. A failure that is not the unit's own keeps the
	// base for itself.
	own := slices.IndexFunc(units, func(u unit) bool { return c.isOwn(base, u) })
	if own < 0 && (status == shipbell.Success && len(units) > 0 || len(units) == 1 && len(failures) == 0) {
		own = 0
	}

	p := base
	p.Status, p.Error = status, reason
	if own >= 0 {
		c.describeUnit(&p, units[own])
	}
	if status == shipbell.Failure {
		if len(units) > 0 {
			p.Error += " (wrangler had deployed " + names(units) + ")"
		}
		p.Error = excerpt.Mask(oneLine(p.Error), e.secrets...)
		p.Log = excerpt.Find(e.lines, excerpt.Options{Secrets: e.secrets})
	}
	pushes := []Push{p}
	for i, u := range units {
		if i != own {
			pushes = append(pushes, c.otherUnit(base, u))
		}
	}
	return pushes
}

// verdict says how it ended, and why where it is no success.
func verdict(seen visible, e ending, units []unit, failures []string) (shipbell.Status, string) {
	switch {
	case e.missing != "":
		return shipbell.Failure, e.missing
	case e.code != 0 && e.interrupted != "":
		return shipbell.Canceled, "interrupted by " + e.interrupted
	case e.code == codeInterrupted:
		return shipbell.Canceled, "interrupted"
	case e.code != 0:
		return shipbell.Failure, whyFailed(e)
	case len(failures) > 0:
		return shipbell.Failure, first(masked(failures[len(failures)-1], e), "wrangler failed")
	}
	command := silent(e.sessions)
	// A wrangler that is too old to tell of itself at least prints that it is done.
	if len(e.sessions) == 0 && seen.deploys.command == commandPagesDeploy && !slices.ContainsFunc(e.lines, pagesDone.MatchString) {
		command = commandPagesDeploy
	}
	switch {
	case command != "":
		reason := fmt.Sprintf("wrangler %s ended with exit code 0 and deployed nothing", command)
		if line := excerpt.First(e.lines, e.secrets...); line != "" {
			reason += ": " + line
		}
		return shipbell.Failure, reason
	case len(units) > 0:
		return shipbell.Success, ""
	}
	// A session that had no call to see may have been a dry run too.
	for _, s := range e.sessions {
		if s.nothing && s.call().dryRun {
			return shipbell.Canceled, string(SkipDryRun)
		}
	}
	if slices.ContainsFunc(e.sessions, func(s session) bool { return s.nothing }) {
		return shipbell.Canceled, "wrangler ended well and deployed nothing"
	}
	return shipbell.Success, ""
}

var pagesDone = regexp.MustCompile(`Deployment complete!`)

// apiFailed matches messages of wrangler whose reason is in its output alone.
var apiFailed = regexp.MustCompile(`^A request to the Cloudflare API \(.*\) failed\.?$`)

// whyFailed is the reason in one line: wrangler's own, then the error in the
// output, then how the command ended.
func whyFailed(e ending) string {
	for _, s := range slices.Backward(e.sessions) {
		for _, text := range slices.Backward(s.failures) {
			message, _, _ := strings.Cut(text, " [code: ")
			if text = masked(text, e); text != "" && !apiFailed.MatchString(strings.TrimSpace(message)) {
				return text
			}
		}
	}
	if line := excerpt.First(e.lines, e.secrets...); line != "" {
		return line
	}
	for _, s := range slices.Backward(e.sessions) {
		if n := len(s.failures); n > 0 {
			return masked(s.failures[n-1], e)
		}
	}
	if e.signal != "" {
		return "ended by " + e.signal
	}
	return fmt.Sprintf("exit code %d", e.code)
}

func masked(text string, e ending) string { return oneLine(excerpt.Mask(text, e.secrets...)) }

// isOwn reports whether wrangler deployed what base announced.
func (c *collector) isOwn(base Push, u unit) bool {
	if base.Type != u.typ {
		return false
	}
	switch u.name {
	case "":
		return false
	case base.Project, base.Script, base.Project + "-" + base.Environment:
		return true
	}
	return u.typ == shipbell.Worker && u.environment != "" && u.name == c.config.workerName(u.environment) && c.flags.Project == ""
}

// describeUnit adds what wrangler said of what it deployed.
func (c *collector) describeUnit(p *Push, u unit) {
	if p.Type == u.typ { // ids are those of a type
		p.VersionID = first(u.versionID, p.VersionID)
		p.CloudflareID = first(u.deploymentID, p.CloudflareID)
	}
	p.URL = first(c.flags.URL, u.url, p.URL)
	p.Environment = first(c.flags.Environment, u.environment, p.Environment)
	if u.typ == shipbell.Worker && p.Type == shipbell.Worker && u.name != "" && u.name != p.Project {
		p.Script = u.name
	}
}

// otherUnit is the push for a project that base did not announce.
func (c *collector) otherUnit(base Push, u unit) Push {
	p := base
	p.Type, p.Status = u.typ, shipbell.Success
	p.Project, p.Script = first(u.name, base.Project), ""
	p.URL, p.VersionID, p.CloudflareID = u.url, u.versionID, u.deploymentID
	p.Environment = first(u.environment, base.Environment)
	p.ID = c.otherID(p)
	return p
}

func names(units []unit) string {
	var all []string
	for _, u := range units {
		all = append(all, u.name)
	}
	return strings.Join(all, ", ")
}
