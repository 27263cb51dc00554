// Package access decides who may do what: it knows tokens, sessions and those for
// whom somebody else vouches, and keeps the routes of the server with what each
// needs.
//
// Its one rule: a request gets what its route says it needs, or nothing. There is
// no route without such a word, so what a reader can do is read off one list.
package access

import (
	"context"
	"net/http"

	"github.com/shipbell/shipbell"
)

// Route is one thing that can be asked of the server over HTTP.
type Route struct {
	Method string // GET allows HEAD as well
	Path   string // as http.ServeMux takes it, without the method
	// Need is the scope that a visitor must have. What needs none is open to
	// everybody; who comes is only found out where Page is set. Push is given to a
	// token in the request's header alone, never to a session.
	Need shipbell.Scope
	// Or is another scope that does as well; none unless set.
	Or shipbell.Scope
	// Page is set where a person looks: who is not signed in is asked to.
	Page    bool
	Handler http.Handler
}

type visitorKey struct{}

// With returns a context that bears who makes the request.
func With(ctx context.Context, v shipbell.Visitor) context.Context {
	return context.WithValue(ctx, visitorKey{}, v)
}

// VisitorOf returns who makes the request; the zero Visitor where nobody is known.
func VisitorOf(ctx context.Context) shipbell.Visitor {
	v, _ := ctx.Value(visitorKey{}).(shipbell.Visitor)
	return v
}
