package dashboard

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
)

// signInPage asks for a token.
type signInPage struct {
	Next      string
	Error     string
	HasTokens bool
}

func (d *Dashboard) signInForm(w http.ResponseWriter, r *http.Request) {
	next := local(r.URL.Query().Get(paramNext))
	if access.VisitorOf(r.Context()).Scope.Allows(shipbell.ScopeRead) && !r.URL.Query().Has(paramNotice) {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	d.askToken(w, r, http.StatusOK, signInPage{Next: next})
}

func (d *Dashboard) askToken(w http.ResponseWriter, r *http.Request, status int, p signInPage) {
	p.HasTokens = d.Doors.HasTokens()
	w.Header().Set("Cache-Control", "no-store")
	d.show(w, r, status, "signin", frame{Title: "Sign in", Body: p})
}

// maxForm bounds what a form may send.
const maxForm = 16 << 10

func (d *Dashboard) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		d.Fail(w, r, http.StatusBadRequest, "The form did not arrive", "Send it again.")
		return
	}
	next := local(r.PostForm.Get(paramNext))
	if _, err := d.Doors.SignIn(w, r, r.PostForm.Get(paramToken)); err != nil {
		status, why := d.refused(err)
		d.askToken(w, r, status, signInPage{Next: next, Error: sentence(why)})
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// refused says why somebody is not let in. What is wrong with the store is not told
// to strangers: it may name files and hosts.
func (d *Dashboard) refused(err error) (status int, why string) {
	var unavailable *access.Unavailable
	switch {
	case errors.As(err, &unavailable):
		d.Log.Error("could not sign somebody in", "error", err)
		return http.StatusServiceUnavailable, unavailable.Hint
	case errors.Is(err, access.ErrSlowDown):
		return http.StatusTooManyRequests, err.Error()
	}
	return http.StatusForbidden, err.Error()
}

func (d *Dashboard) signOut(w http.ResponseWriter, r *http.Request) {
	d.Doors.SignOut(w, r)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, pathSignIn+"?"+paramNotice+"=signedout", http.StatusSeeOther)
}

// local returns a path of this server, and that of the first page for anything else:
// nobody is led elsewhere after having signed in.
func local(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") ||
		strings.HasPrefix(path, pathSignIn) || strings.HasPrefix(path, pathSignOut) {
		return pathNow
	}
	return path
}

// sentence starts a text with a capital and ends it with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// accessPage is who may do what, and what was done.
type accessPage struct {
	Tokens []token
	Acts   []done
	Older  string
	Newest string
}

type token struct {
	shipbell.Token
	Face face
}

type done struct {
	shipbell.Act
	Word    string
	Address string // of what it was done to
}

// actsPerPage is how many entries of the audit log a page shows.
const actsPerPage = 50

// actWords are what people call what was done.
var actWords = map[shipbell.ActKind]string{
	shipbell.ActSignIn: "signed in", shipbell.ActSignOut: "signed out", shipbell.ActReplay: "replayed",
	shipbell.ActSilence: "silenced", shipbell.ActUnsilence: "ended the silence of", shipbell.ActResume: "resumed",
	shipbell.ActTest: "tested", shipbell.ActTokenMade: "made the token", shipbell.ActTokenGone: "revoked the token",
}

func (d *Dashboard) access(w http.ResponseWriter, r *http.Request) {
	tokens, err := d.Ledger.Tokens(r.Context())
	if err != nil {
		d.failed(w, r, err)
		return
	}
	before := int64(max(number0(r.URL.Query().Get(paramBefore)), 0))
	acts, err := d.Ledger.Acts(r.Context(), before, actsPerPage+1)
	if err != nil {
		d.failed(w, r, err)
		return
	}
	p := accessPage{}
	for _, t := range tokens {
		shown := token{t, face{"ok", "ok", "Good"}}
		if !t.RevokedAt.IsZero() {
			shown.Face = face{"off", "canceled", "Revoked"}
		}
		p.Tokens = append(p.Tokens, shown)
	}
	for i, a := range acts {
		if i == actsPerPage {
			p.Older = pathAccess + "?" + paramBefore + "=" + strconv.FormatInt(acts[i-1].N, 10)
			break
		}
		p.Acts = append(p.Acts, newDone(a))
	}
	if before > 0 {
		p.Newest = pathAccess
	}
	d.show(w, r, http.StatusOK, "access", frame{Title: "Access", Nav: pathAccess, Live: liveAll, Refresh: 30, Body: p})
}

func newDone(a shipbell.Act) done {
	o := done{Act: a, Word: actWords[a.What]}
	if o.Word == "" {
		o.Word = string(a.What)
	}
	switch a.What {
	case shipbell.ActReplay, shipbell.ActSilence, shipbell.ActUnsilence:
		if id, ok := deploymentID(a.Subject); ok {
			o.Address = addressOf(id)
		}
	case shipbell.ActResume, shipbell.ActTest:
		o.Address = pathChannels
	}
	return o
}
