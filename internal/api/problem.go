package api

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/wire"
)

// refusal is an answer that is a [wire.Problem].
type refusal struct {
	status int
	wire.Problem
	retryAfter int // seconds; 0 for none
}

// Error returns the sentence.
func (r *refusal) Error() string { return r.Message }

func refuse(status int, code wire.Code, sentence, hint string) *refusal {
	return &refusal{status: status, Problem: wire.Problem{Message: sentence, Code: code, Hint: hint}}
}

func badParam(code wire.Code, name, sentence, hint string) *refusal {
	r := refuse(http.StatusBadRequest, code, sentence, hint)
	r.Param = name
	return r
}

// fail answers an error. What is nobody's mistake is logged.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	var told *refusal
	if !errors.As(err, &told) {
		if r.Context().Err() != nil {
			return // nobody reads it
		}
		hint := ""
		var store *shipbell.StoreError
		if errors.As(err, &store) {
			hint = store.Hint
		}
		a.Log.Error("could not answer a request of the API", "path", r.URL.Path, "error", err, "hint", hint)
		told = refuse(http.StatusServiceUnavailable, wire.CodeStoreUnavailable, "The ledger cannot be used", "try again; GET /health says more")
		told.retryAfter = 1
	}
	if told.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(told.retryAfter))
	}
	w.Header().Set("Cache-Control", "no-store")
	write(w, told.status, contentJSON, encode(told.Problem))
}
