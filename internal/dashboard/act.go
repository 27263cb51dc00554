package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
)

// notice tells a person what came of what they did.
type notice struct{ Tone, Text string }

// notices are what a page can be told to say by its address. The words are here, so
// that an address cannot put others on a page.
var notices = map[string]notice{
	"replayed":   {"ok", "The message is posted anew. The one that is there is removed."},
	"silenced":   {"ok", "No message of this deployment is added from now on. Those that are there are kept true."},
	"unsilenced": {"ok", "This deployment is told again."},
	"tested":     {"ok", "A test message is on its way. It goes in the channel's order and within its limits."},
	"resumed":    {"ok", "The lane goes on."},
	"signedout":  {"ok", "You are signed out."},
}

func (d *Dashboard) replay(w http.ResponseWriter, r *http.Request) {
	d.toDeployment(w, r, "replayed", func(id shipbell.DeploymentID, by string) error {
		return d.Acts.Replay(r.Context(), id, by)
	})
}

func (d *Dashboard) silence(w http.ResponseWriter, r *http.Request) {
	d.toDeployment(w, r, "silenced", func(id shipbell.DeploymentID, by string) error {
		return d.Acts.Silence(r.Context(), id, by)
	})
}

func (d *Dashboard) unsilence(w http.ResponseWriter, r *http.Request) {
	d.toDeployment(w, r, "unsilenced", func(id shipbell.DeploymentID, by string) error {
		return d.Acts.Unsilence(r.Context(), id, by)
	})
}

func (d *Dashboard) test(w http.ResponseWriter, r *http.Request) {
	d.toChannel(w, r, "tested", func(c shipbell.ChannelID, by string) error { return d.Acts.Test(r.Context(), c, by) })
}

func (d *Dashboard) resume(w http.ResponseWriter, r *http.Request) {
	d.toChannel(w, r, "resumed", func(c shipbell.ChannelID, by string) error { return d.Acts.Resume(r.Context(), c, by) })
}

// toDeployment does something to a deployment and leads back to it.
func (d *Dashboard) toDeployment(w http.ResponseWriter, r *http.Request, done string, do func(shipbell.DeploymentID, string) error) {
	v := access.VisitorOf(r.Context())
	if !d.mayAct(w, r, v) {
		return
	}
	id, ok := deploymentID(r.PathValue("id"))
	if !ok {
		d.noDeployment(w, r)
		return
	}
	d.finish(w, r, do(id, v.Name), addressOf(id), done, d.noDeployment)
}

// toChannel does something to a configured channel.
func (d *Dashboard) toChannel(w http.ResponseWriter, r *http.Request, done string, do func(shipbell.ChannelID, string) error) {
	v := access.VisitorOf(r.Context())
	if !d.mayAct(w, r, v) {
		return
	}
	id := shipbell.ChannelID(r.PathValue("id"))
	for _, c := range d.Channels {
		if c == id {
			d.finish(w, r, do(id, v.Name), pathChannels, done, d.noChannel)
			d.lanes.Forget()
			return
		}
	}
	d.noChannel(w, r)
}

// mayAct is asked although the route says it: whoever mounts it without a gate finds
// the doors closed.
func (d *Dashboard) mayAct(w http.ResponseWriter, r *http.Request, v shipbell.Visitor) bool {
	if v.Scope.Allows(shipbell.ScopeAdmin) {
		return true
	}
	d.Fail(w, r, http.StatusForbidden, "You may look, and not act", "Sign in with a token of scope admin to do this.")
	return false
}

func (d *Dashboard) finish(w http.ResponseWriter, r *http.Request, err error, back, done string, missing http.HandlerFunc) {
	switch {
	case errors.Is(err, shipbell.ErrNotFound):
		missing(w, r)
	case err != nil:
		d.failed(w, r, err)
	default:
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, with(back, url.Values{}, paramNotice, done), http.StatusSeeOther)
	}
}

func deploymentID(text string) (shipbell.DeploymentID, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return shipbell.DeploymentID(n), err == nil && n > 0
}

// addressOf is where a deployment's page is.
func addressOf(id shipbell.DeploymentID) string {
	return pathDeployments + "/" + strconv.FormatInt(int64(id), 10)
}

func (d *Dashboard) noDeployment(w http.ResponseWriter, r *http.Request) {
	d.Fail(w, r, http.StatusNotFound, "No such deployment", "It may have been deleted for its age. Look for it by project, commit or id in the list of deployments.")
}

func (d *Dashboard) noChannel(w http.ResponseWriter, r *http.Request) {
	d.Fail(w, r, http.StatusNotFound, "No such channel", "It is not among the channels of the settings, or nothing was ever sent there.")
}

func (d *Dashboard) failParam(w http.ResponseWriter, r *http.Request, err error) {
	title, hint := "This address cannot be understood", "Go back and choose anew."
	var p *shipbell.ParamError
	if errors.As(err, &p) {
		title, hint = "“"+p.Param+"” cannot be understood", "Accepted: "+p.Accepts+"."
	}
	d.Fail(w, r, http.StatusBadRequest, title, hint)
}
