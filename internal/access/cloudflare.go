package access

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/shipbell/shipbell"
)

// Cloudflare lets those in whom Cloudflare Access vouches for. See
// https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/validating-json/.
type Cloudflare struct {
	// Issuer is the address of the team, such as https://acme.cloudflareaccess.com.
	Issuer string
	// Audiences are the tags of the applications that stand in front.
	Audiences []string
	// Admins are the e-mail addresses of those who may administer; all others may
	// read.
	Admins []string
}

const (
	certsPath       = "/cdn-cgi/access/certs"
	assertionHeader = "Cf-Access-Jwt-Assertion"
	assertionCookie = "CF_Authorization"
)

// vouched returns for whom Cloudflare Access vouches, or ErrStranger. What it does
// not vouch for is as good as nothing: there are other ways to be known.
func (g *Gate) vouched(r *http.Request) (shipbell.Visitor, error) {
	token := r.Header.Get(assertionHeader)
	if c, err := r.Cookie(assertionCookie); err == nil {
		token = cmp.Or(token, c.Value)
	}
	if g.Cloudflare == nil || token == "" || !g.cloudflare.signed(token) {
		return shipbell.Visitor{}, ErrStranger
	}
	said, err := g.cloudflare.verify(r.Context(), token)
	if errors.Is(err, ErrWrong) {
		g.Log.Warn("refused what Cloudflare Access is said to vouch for", "reason", err, "address", Address(r))
		return shipbell.Visitor{}, ErrStranger
	}
	if err != nil {
		return shipbell.Visitor{}, err
	}
	var who struct {
		Email string `json:"email"`
		// Service is the client id of a service token, which has no address.
		Service string `json:"common_name"`
	}
	if err := said.Claims(&who); err != nil || who.Email == "" && who.Service == "" {
		return shipbell.Visitor{}, ErrStranger
	}
	v := shipbell.Visitor{Name: who.Email, Scope: shipbell.ScopeRead}
	if who.Email == "" {
		v.Name = fmt.Sprintf("service token %s", who.Service)
	}
	if slices.ContainsFunc(g.Cloudflare.Admins, func(a string) bool { return strings.EqualFold(a, who.Email) }) {
		v.Scope = shipbell.ScopeAdmin
	}
	return v, nil
}
