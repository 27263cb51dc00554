package api

import (
	_ "embed" // the document
	"net/http"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
)

// openAPI describes the API, as OpenAPI 3.1. It is made from the routes and from
// package wire by SHIPBELL_UPDATE=1 go test ./internal/api.
//
//go:embed openapi.json
var openAPI []byte

// document serves the description: it holds nothing that is not public.
func (a *API) document() access.Route {
	return access.Route{
		Method: http.MethodGet, Path: "/api/v1/openapi.json", Need: shipbell.ScopeNone,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reply(w, r, http.StatusOK, contentJSON, "public, max-age=300", openAPI)
		}),
	}
}
