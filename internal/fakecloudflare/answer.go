package fakecloudflare

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object.
type object map[string]any

// request is a request on its way through the server.
type request struct {
	*http.Request
	server *Server
	body   []byte
	route  *route            // nil if there is none
	values map[string]string // of the route's path
	token  *token
	now    time.Time
}

// query is the parameters of the query.
func (r *request) query() url.Values { return r.URL.Query() }

// decode reads a JSON body. An empty one is an empty object.
func (r *request) decode(v any) answer {
	if len(bytes.TrimSpace(r.body)) == 0 {
		return nil
	}
	err := json.Unmarshal(r.body, v)
	if err == nil {
		return nil
	}
	code := codeMalformed
	if strings.Contains(r.route.path, "/messages") {
		code = codeMessagesMalformed
	}
	return refuse(http.StatusBadRequest, code, "Malformed request body: %s", err)
}

// answer is what a request gets. Nil is none yet.
type answer = *reply

// reply is an answer before it is put in the envelope.
type reply struct {
	status     int // 0 means 200
	errors     []apiError
	messages   []any
	result     any
	info       any // result_info; absent if nil
	nullInfo   bool
	retryAfter int // seconds
}

// apiError is an error as the API tells it.
type apiError struct {
	Code       int        `json:"code"`
	Message    string     `json:"message"`
	ErrorChain []apiError `json:"error_chain,omitempty"`
}

// The codes of errors that have been seen at Cloudflare: in wrangler's source, in
// Cloudflare's documentation or in public reports.
const (
	codeRateLimit       = 971 // https://github.com/cloudflare/workers-sdk/issues/10025
	codeInvalidToken    = 1000
	codeNoHeader        = 1001
	codeHeaders         = 6003
	codeAuthHeader      = 6111
	codeNoRoute         = 7003
	codeNoRouteDetail   = 7000
	codeNoCredentials   = 9106
	codeUnauthorized    = 9109
	codeAuthentication  = 10000
	codeWorkerNotFound  = 10007
	codeInvalidUpload   = 10021
	codeServiceNotFound = 10090
	codeQueueNotFound   = 11000 // from where queues are managed; https://github.com/alchemy-run/distilled/pull/273
	codeConsumerExists  = 11004 // https://github.com/cloudflare/workers-sdk/issues/5347
	codePagesNotFound   = 8000007
	codePagesUpload     = 8000013
	codePagesPaging     = 8000024

	// Where messages are sent and pulled. Which of the two a wrong batch_size gets
	// is a guess (https://developers.cloudflare.com/queues/reference/error-codes).
	codeMessagesNotFound  = 10104
	codeMessagesInvalid   = 10207
	codeMessagesMalformed = 10208
)

// The codes of errors that are certain, but whose codes are not known: a client
// must not depend on these numbers.
const (
	codeMalformed           = 10001
	codeWorkerName          = 10016
	codeSecretNotFound      = 10056
	codeVersionNotFound     = 10180
	codeDeploymentNotFound  = 10181
	codeQueueExists         = 11009
	codeBuildWorkerNotFound = 12000
	codeBuildNotFound       = 12004
	codePagesInvalid        = 8000000
	codePagesExists         = 8000002
	codePagesDeployNotFound = 8000009
	codePagesRollback       = 8000035
)

func refuse(status, code int, format string, args ...any) answer {
	return &reply{status: status, errors: []apiError{{Code: code, Message: fmt.Sprintf(format, args...)}}}
}

func noRoute(path string) answer {
	return &reply{status: http.StatusNotFound, errors: []apiError{
		{Code: codeNoRoute, Message: "Could not route to " + path + ", perhaps your object identifier is invalid?"},
		{Code: codeNoRouteDetail, Message: "No route for that URI"},
	}}
}

// resultInfo is the paging of a list.
type resultInfo struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	Count      int `json:"count"`
	TotalCount int `json:"total_count"`
	TotalPages int `json:"total_pages"`
}

// page cuts a list for the page and per_page of a request. What per_page may be
// has been decided before.
func page[T any](r *request, all []T, defaultPerPage int) ([]T, resultInfo) {
	number, perPage := positive(r.query().Get("page"), 1), positive(r.query().Get("per_page"), defaultPerPage)
	from := min((number-1)*perPage, len(all))
	to := min(from+perPage, len(all))
	return all[from:to], resultInfo{
		Page: number, PerPage: perPage, Count: to - from, TotalCount: len(all),
		TotalPages: (len(all) + perPage - 1) / perPage,
	}
}

// positive reads a number from 1 up; anything else is the default.
func positive(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1<<30 {
		return otherwise
	}
	return n
}

// paged answers a list. A per_page over the maximum, or one that is no number, is
// refused. Wrap, if any, makes of the cut list what the result is.
func paged(r *request, all []any, defaultPerPage, maxPerPage int, wrap func([]any) any) answer {
	for _, name := range []string{"page", "per_page"} {
		if v := r.query().Get(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || name == "per_page" && n > maxPerPage {
				return refuse(http.StatusBadRequest, codeMalformed, "%s must be a number from 1 to %d", name, maxPerPage)
			}
		}
	}
	list, info := page(r, all, defaultPerPage)
	var result any = list
	if wrap != nil {
		result = wrap(list)
	}
	return &reply{result: result, info: info}
}

// envelope is the form of every answer.
func (a *reply) envelope() object {
	e := object{"success": len(a.errors) == 0, "errors": a.errors, "messages": a.messages, "result": a.result}
	if a.errors == nil {
		e["errors"] = []apiError{}
	}
	if a.messages == nil {
		e["messages"] = []any{}
	}
	if a.info != nil || a.nullInfo {
		e["result_info"] = a.info
	}
	return e
}

// reply sends an answer.
func (s *Server) reply(w http.ResponseWriter, r *request, call *Call, a answer) {
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	code := 0
	if len(a.errors) > 0 {
		code = a.errors[0].Code
	}
	body := encode(a.envelope())
	s.headers(w.Header(), r)
	if a.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("CF-Ray", idOf("ray", strconv.Itoa(call.Seq))[:16]+"-FRA")
	s.finish(call, status, code)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}

func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("fakecloudflare: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// stamp is a time as Cloudflare writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// stampOrNull is null for the zero time.
func stampOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}

// orNull is null for the empty text.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// idOf is an identifier that depends on nothing but its parts.
func idOf(parts ...string) string {
	sum := sha256.Sum256([]byte("fakecloudflare " + strings.Join(parts, " ")))
	return hex.EncodeToString(sum[:16])
}

// commitOf makes up the hash of the commit behind a build or a deployment.
func commitOf(id string) string { return (idOf("commit", id) + idOf("more of the commit", id))[:40] }
