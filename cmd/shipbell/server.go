package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/remote"
	"github.com/shipbell/shipbell/internal/wire"
)

// The environment of commands that ask a running server. The token has no flag: the
// arguments of a process can be seen by others.
const (
	serverSetting = "SHIPBELL_URL"
	tokenSetting  = "SHIPBELL_TOKEN"
	localServer   = "http://127.0.0.1:8787"
)

// askHelp says how a command finds its server.
const askHelp = `Asks a running server, which $SHIPBELL_URL or --server names. $SHIPBELL_TOKEN, or the file that $SHIPBELL_TOKEN_FILE names, is the token, of scope read; a server that is open to this machine needs none.`

// server are the flags of commands that ask a running server.
type server struct {
	Server string `name:"server" placeholder:"URL" setting:"SHIPBELL_URL" fallback:"http://127.0.0.1:8787" help:"Address of the server."`
}

// client returns a client of the server.
func (s server) client() (*remote.Client, error) {
	token := os.Getenv(tokenSetting)
	if path := os.Getenv(tokenSetting + "_FILE"); token == "" && path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, hinted{err, "mend " + tokenSetting + "_FILE"}
		}
		token = strings.TrimSpace(string(text))
	}
	c, err := remote.New(remote.Options{URL: s.address(), Token: token, Version: versionText()})
	if err != nil {
		return nil, misused{fmt.Errorf("the address of the server: %w", err), "such as --server https://bell.example.com, or " + serverSetting}
	}
	return c, nil
}

// usedSetting names the setting that the token comes from; empty where there is none.
func usedSetting() string {
	for _, setting := range []string{tokenSetting, tokenSetting + "_FILE"} {
		if os.Getenv(setting) != "" {
			return setting
		}
	}
	return ""
}

func (s server) address() string { return cmp.Or(s.Server, os.Getenv(serverSetting), localServer) }

// explain adds to an error of the server what a person can do.
func (s server) explain(err error) error {
	var nobody *remote.Unreachable
	if errors.As(err, &nobody) {
		return hinted{err, "does the server run there? --server or " + serverSetting + " name another address"}
	}
	var refused *remote.Refused
	if !errors.As(err, &refused) {
		return err
	}
	hint := printable(refused.Hint)
	switch {
	case refused.Status == http.StatusUnauthorized:
		hint = "on the server: shipbell token make NAME --scope read; then set " + tokenSetting + " here"
		if setting := usedSetting(); setting != "" {
			hint = "the token in " + setting + " is wrong or revoked; on the server: shipbell token make NAME --scope read"
		}
	case refused.Status == http.StatusForbidden && refused.Code == wire.CodeForbidden:
		hint = "the token may not read; on the server: shipbell token make NAME --scope read"
	case refused.Code == wire.CodeAmbiguous:
		hint = "take one of these numbers:"
		for _, c := range refused.Candidates {
			hint += fmt.Sprintf("\n  %d  %s  %s  %s  %s  %s", c.ID, printable(c.ShownID), printable(c.Project), c.Type, printable(c.Environment), c.Status)
		}
	case hint == "":
		hint = "is it a Shipbell server that answers at " + s.address() + "?"
	}
	return hinted{errors.New(printable(err.Error())), hint}
}

// filter are the flags that say which deployments are shown.
type filter struct {
	Project     string   `short:"p" placeholder:"NAME" help:"Only this project."`
	Type        string   `placeholder:"TYPE" help:"Only projects of this type: worker or pages."`
	Environment string   `short:"e" placeholder:"NAME" help:"Only this environment."`
	Status      []string `short:"s" placeholder:"STATUS" help:"Only these statuses: announced, queued, in_progress, success, failure, canceled, skipped."`
	Author      string   `placeholder:"NAME" help:"Only this author."`
	Branch      string   `placeholder:"NAME" help:"Only this branch."`
	Search      string   `short:"q" placeholder:"TEXT" help:"Only those that hold this text: project, id, commit, message, author, branch, tag."`
}

// params returns the parameters of the filter, for those that started between two
// times where they are given. What the server would not understand
// is a mistake of the command line.
func (f filter) params(since, until string) (url.Values, error) {
	v := make(url.Values)
	for name, value := range map[string]string{
		"project": f.Project, "type": f.Type, "environment": f.Environment, "status": strings.Join(f.Status, ","),
		"author": f.Author, "branch": f.Branch, "q": f.Search, "since": since, "until": until,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	_, err := shipbell.ParseFilter(v, time.Now())
	if bad := new(shipbell.ParamError); errors.As(err, &bad) {
		flag := bad.Param
		if flag == "q" {
			flag = "search"
		}
		return nil, misused{fmt.Errorf("--%s is not understood: %s", flag, printable(v.Get(bad.Param))), "it takes " + bad.Accepts}
	}
	return v, err
}

// paper is what a command prints on.
type paper struct {
	io.Writer
	columns int // 0 where it has no end
	colour  bool
}

// widest is how wide lines are at most where there is a terminal.
const widest = 200

func paperOf(w io.Writer) paper {
	p := paper{Writer: w}
	if !isTerminal(w) {
		return p
	}
	if columns, _, err := term.GetSize(int(w.(*os.File).Fd())); err == nil && columns > 0 {
		p.columns = min(columns, widest)
	}
	p.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return p
}

// The colours of statuses: those that every terminal has, so that its theme says
// what can be read on its background.
var statusColours = map[shipbell.Status]string{
	shipbell.Queued: "36", shipbell.InProgress: "36", shipbell.Success: "32", shipbell.Failure: "31",
	shipbell.Canceled: "33", shipbell.Skipped: "33",
}

// stateColours are those of the states of projects.
var stateColours = map[wire.ProjectState]string{
	wire.ProjectFrozen: frozenColour, wire.ProjectFailing: "31", wire.ProjectUnderWay: "36", wire.ProjectLive: "32",
}

// frozenColour is that of a deployment with which production did not move.
const frozenColour = "35"

// status paints the text of a status.
func (p paper) status(text string, s shipbell.Status, frozen bool) string {
	code := statusColours[s]
	if frozen {
		code = frozenColour
	}
	return p.paint(text, code)
}

// state paints the text of a project's state.
func (p paper) state(text string, s wire.ProjectState) string { return p.paint(text, stateColours[s]) }

func (p paper) paint(text, code string) string {
	if !p.colour || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// statusText names a status for people.
func statusText(b wire.Brief) string {
	if b.Frozen {
		return string(b.Status) + ", frozen"
	}
	return string(b.Status)
}

// ago says how long ago something was.
func ago(t, now time.Time) string {
	d := max(now.Sub(t), 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	case d < 60*24*time.Hour:
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	}
	return t.UTC().Format(time.DateOnly)
}

// shortHash is how much of a commit hash people read.
const shortHash = 7

func short(hash string) string {
	runes := []rune(printable(hash))
	return string(runes[:min(len(runes), shortHash)])
}
