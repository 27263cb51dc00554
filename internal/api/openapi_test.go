package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/wire"
)

// The document is made here: its paths from the routes and the table below, its
// schemas from the types of package wire, their words from the comments there, and
// its enumerations from the constants.

// object is a JSON object whose members are sorted when it is written.
type object = map[string]any

// operation is what the document says of a route.
type operation struct {
	id, summary string
	params      []string // of the query
	body        any      // a value of the type that is sent; nil for none
	answer      any      // a value of the type that comes back, or a content type
	codes       []wire.Code
}

// operations are those of all routes, by method and path.
var operations = map[string]operation{
	"GET /api/v1/deployments": {
		"listDeployments", "Deployments that pass a filter, the newest first. A header Link leads to the next part.",
		append(shipbell.FilterParams(), "after", "limit"), nil, wire.Deployments{}, nil,
	},
	"GET /api/v1/deployments/{id}": {
		"getDeployment", "Everything known of a deployment: what each source said, the message as each channel shows it, and each attempt to deliver it.",
		nil, nil, wire.Detail{}, []wire.Code{wire.CodeNotFound, wire.CodeAmbiguous},
	},
	"POST /api/v1/deployments/{id}/replay": {
		"replayDeployment", "Post the message of a deployment anew, in all channels or in those that are named. The message that is there is removed, and a silence ends.",
		nil, wire.Replay{}, wire.Deployment{}, []wire.Code{wire.CodeNotFound, wire.CodeAmbiguous, wire.CodeInvalidJSON, wire.CodeUnknownChannel, wire.CodeTooLarge},
	},
	"POST /api/v1/deployments/{id}/silence": {
		"silenceDeployment", "Add no message of a deployment from now on. One that is there is kept true.",
		nil, nil, wire.Deployment{}, []wire.Code{wire.CodeNotFound, wire.CodeAmbiguous},
	},
	"POST /api/v1/deployments/{id}/unsilence": {
		"unsilenceDeployment", "End the silence of a deployment: what would have been told is told now.",
		nil, nil, wire.Deployment{}, []wire.Code{wire.CodeNotFound, wire.CodeAmbiguous},
	},
	"GET /api/v1/projects": {
		"listProjects", "How each project is in each environment, by name: those that show a deployment which passes the filter. A header Link leads to the next part.",
		append(shipbell.FilterParams(), "after", "limit", "state"), nil, wire.Projects{}, []wire.Code{wire.CodeStarting},
	},
	"GET /api/v1/projects/{type}/{name}/live": {
		"getLive", "What is live in an environment of a project.",
		[]string{"environment"}, nil, wire.Project{}, []wire.Code{wire.CodeNotFound, wire.CodeNothingLive, wire.CodeStarting},
	},
	"GET /api/v1/lanes": {
		"listLanes", "How each channel's lane is: its backlog, why it stands still, and what is left of its rate limits.",
		nil, nil, wire.Lanes{}, nil,
	},
	"POST /api/v1/lanes/{id}/resume": {
		"resumeLane", "Let a lane that is paused or parked go on at once.",
		nil, nil, wire.Lane{}, []wire.Code{wire.CodeNotFound},
	},
	"POST /api/v1/lanes/{id}/test": {
		"testLane", "Post a test message in a channel, in its order and within its limits.",
		nil, nil, wire.Lane{}, []wire.Code{wire.CodeNotFound},
	},
	"GET /api/v1/insights": {
		"getInsights", "Deployment frequency, lead time, failure rate, recovery time and durations over a window that ends today.",
		[]string{"type", "project", "environment", "days"}, nil, wire.Insights{}, nil,
	},
	"GET /api/v1/audit": {
		"listAudit", "What people did, the newest first. A header Link leads to the next part.",
		[]string{"before", "limit"}, nil, wire.Audit{}, nil,
	},
	"GET /api/v1/tokens": {
		"listTokens", "The named tokens, the revoked ones too; never what they are known by.",
		nil, nil, wire.Tokens{}, nil,
	},
	"GET /api/v1/events": {
		"streamEvents", "Changes as they happen, as server-sent events. It goes on behind the header Last-Event-ID or the parameter after. Events: `deployment` with a Brief, `gone` with a Gone, `here` with a Here once the stream is up to date, `reset` with a Here where changes were lost and all must be read anew.",
		[]string{"type", "project", "environment", "status", "author", "branch", "q", "after"}, nil, "text/event-stream", []wire.Code{wire.CodeTooManyReaders, wire.CodeStarting},
	},
	"GET /feed.atom": {
		"getFeed", "Deployments that pass a filter, as an Atom feed.",
		append(shipbell.FilterParams(), "limit"), nil, "application/atom+xml", nil,
	},
	"GET /badge/{type}/{name}": {
		"getBadge", "What is live in an environment of a project, as a picture. The name ends with .svg. One that is not known is a picture too, with the status 404.",
		[]string{"environment"}, nil, "image/svg+xml", []wire.Code{wire.CodeNotFound, wire.CodeStarting},
	},
	"GET /api/v1/openapi.json": {
		"getDocument", "This description.", nil, nil, object{}, nil,
	},
}

// parameters are those of all queries and paths.
var parameters = map[string]object{
	"type":        {"description": "worker or pages", "schema": object{"type": "string", "enum": []any{"worker", "pages", "page"}}},
	"project":     {"description": "The whole name of the project.", "schema": object{"type": "string"}},
	"environment": {"description": "The whole name of the environment; production is that of a deployment without one.", "schema": object{"type": "string"}},
	"status":      {"description": "One or more statuses, separated by commas, or given several times.", "schema": object{"type": "array", "items": object{"$ref": "#/components/schemas/Status"}}, "style": "form", "explode": false},
	"state":       {"description": "One or more states, separated by commas, or given several times.", "schema": object{"type": "array", "items": object{"$ref": "#/components/schemas/ProjectState"}}, "style": "form", "explode": false},
	"author":      {"description": "The whole author.", "schema": object{"type": "string"}},
	"branch":      {"description": "The whole name of the branch.", "schema": object{"type": "string"}},
	"since":       {"description": "Started at this time or later: RFC 3339, a date in UTC, or how long ago such as 12h or 7d.", "schema": object{"type": "string"}, "example": "7d"},
	"until":       {"description": "Started before this time, in the same forms.", "schema": object{"type": "string"}},
	"q":           {"description": "A part of the project, an id, the commit, its message, the author, the branch or the tag, in whatever case.", "schema": object{"type": "string"}},
	"after":       {"description": "Where to go on: the next of an earlier answer, or the id of an earlier event.", "schema": object{"type": "string"}},
	"before":      {"description": "Where to go on: the next of an earlier answer.", "schema": object{"type": "integer", "minimum": 1}},
	"days":        {"description": "The length of the window, in days.", "schema": object{"type": "integer", "enum": []any{7, 30, 90}, "default": 30}},
	"limit":       {"description": "How many at most.", "schema": object{"type": "integer", "minimum": 1, "maximum": 200, "default": 50}},
	"path type":   {"description": "worker or pages", "schema": object{"type": "string", "enum": []any{"worker", "pages", "page"}}},
	"path name":   {"description": "The name of the project, percent-encoded where it needs to be.", "schema": object{"type": "string"}},
	"path id":     {"description": "The number of the deployment, one of its ids, or the start of one; id:TEXT is never a number. Of a lane, its channel.", "schema": object{"type": "string"}},
}

// statusOf is the HTTP status that comes with a code.
var statusOf = map[wire.Code]int{
	wire.CodeUnknownParameter: 400, wire.CodeInvalidParameter: 400, wire.CodeInvalidJSON: 400, wire.CodeUnknownChannel: 400,
	wire.CodeUnauthorized: 401, wire.CodeForbidden: 403, wire.CodeCrossOrigin: 403,
	wire.CodeNotFound: 404, wire.CodeNothingLive: 404, wire.CodeMethodNotAllowed: 405, wire.CodeAmbiguous: 409,
	wire.CodeTooLarge: 413, wire.CodeTooManyTokens: 429,
	wire.CodeStarting: 503, wire.CodeStoreUnavailable: 503, wire.CodeTooManyReaders: 503, wire.CodeAccessUnknown: 503,
}

const schemas = "#/components/schemas/"

// TestDocument: the document that is served is what the routes and the types say.
func TestDocument(t *testing.T) {
	want, err := json.MarshalIndent(makeDocument(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if os.Getenv("SHIPBELL_UPDATE") != "" {
		if err := os.WriteFile("openapi.json", want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("openapi.json is not what the code says; SHIPBELL_UPDATE=1 go test ./internal/api writes it anew")
	}
}

// TestEveryRouteIsInTheDocument, and nothing else.
func TestEveryRouteIsInTheDocument(t *testing.T) {
	f := newFixture(t)
	document := read[object](f, f.ask(http.MethodGet, "/api/v1/openapi.json", ""), http.StatusOK)
	documented := make(map[string]bool)
	for path, item := range document["paths"].(object) {
		for method := range item.(object) {
			documented[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, r := range f.api.Routes() {
		if name := r.Method + " " + r.Path; !documented[name] {
			t.Errorf("%s is not in the document", name)
		} else {
			delete(documented, name)
		}
	}
	for name := range documented {
		t.Errorf("%s is in the document and nowhere else", name)
	}
}

// TestAnswersThatStillHold: each path that the document says so of answers 304 to who
// has its answer, and no other.
func TestAnswersThatStillHold(t *testing.T) {
	f := newFixture(t)
	f.record(func(e *shipbell.Event) { e.Status = shipbell.Success })
	f.withBoard()
	document := read[object](f, f.ask(http.MethodGet, "/api/v1/openapi.json", ""), http.StatusOK)
	path := strings.NewReplacer("/deployments/{id}", "/deployments/1", "{type}", "worker", "/badge/{type}/{name}", "/badge/worker/api-service.svg", "{name}", "api-service")
	for name, item := range document["paths"].(object) {
		get, ok := item.(object)["get"].(object)
		if !ok || name == "/api/v1/events" {
			continue
		}
		_, documented := get["responses"].(object)["304"]
		target := path.Replace(name)
		tag := f.ask(http.MethodGet, target, "").Header.Get("ETag")
		again := f.ask(http.MethodGet, target, "", "If-None-Match", tag)
		if holds := tag != "" && again.StatusCode == http.StatusNotModified; holds != documented {
			t.Errorf("%s: ETag %q, then status %d; the document says %v", target, tag, again.StatusCode, documented)
		}
	}
}

func makeDocument(t *testing.T) object {
	s := newSchemas(t)
	paths := object{}
	for _, r := range newFixture(t).api.Routes() {
		o, ok := operations[r.Method+" "+r.Path]
		if !ok {
			t.Fatalf("no operation for %s %s", r.Method, r.Path)
		}
		item, ok := paths[r.Path].(object)
		if !ok {
			item = object{}
			paths[r.Path] = item
		}
		item[strings.ToLower(r.Method)] = s.operation(r, o)
	}
	s.of(reflect.TypeFor[wire.Problem]())
	s.of(reflect.TypeFor[wire.Gone]())
	s.of(reflect.TypeFor[wire.Here]())
	s.of(reflect.TypeFor[wire.Detail]())
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Shipbell", "version": "1",
			"description": "What is live where, and how it came there. Fields may be added; none changes its name, its type or its meaning.",
		},
		"servers": []any{object{"url": "/"}},
		"paths":   paths,
		"components": object{"schemas": s.all, "securitySchemes": object{
			"token": object{"type": "http", "scheme": "bearer", "description": "A named token."},
			"basic": object{"type": "http", "scheme": "basic", "description": "The token as the password, with any user, for programs that know nothing else, such as feed readers."},
		}},
	}
}

func (s *schemaMaker) operation(r access.Route, o operation) object {
	var params []any
	for _, m := range regexp.MustCompile(`{(\w+)}`).FindAllStringSubmatch(r.Path, -1) {
		params = append(params, with(parameters["path "+m[1]], object{"name": m[1], "in": "path", "required": true}))
	}
	for _, name := range o.params {
		params = append(params, with(parameters[name], object{"name": name, "in": "query"}))
	}
	if o.answer == "text/event-stream" {
		params = append(params, object{"name": "Last-Event-ID", "in": "header", "description": "The id of the last event that came.", "schema": object{"type": "string"}})
	}
	answer := object{}
	if kind, ok := o.answer.(string); ok {
		answer[kind] = object{"schema": object{"type": "string"}}
	} else {
		answer["application/json"] = object{"schema": s.of(reflect.TypeOf(o.answer))}
	}
	responses := object{"200": object{"description": "Done.", "content": answer}}
	if r.Method == http.MethodGet && o.answer != "text/event-stream" {
		params = append(params, object{"name": "If-None-Match", "in": "header", "description": "The ETag of the answer that the reader has.", "schema": object{"type": "string"}})
		responses["200"] = with(responses["200"].(object), object{"headers": object{"ETag": object{"description": "What tells this answer from another.", "schema": object{"type": "string"}}}})
		responses["304"] = object{"description": "The answer that the reader has still holds. There is no body."}
	}
	codes := slices.Clone(o.codes)
	security := []any{}
	if r.Need != shipbell.ScopeNone {
		security = []any{object{"token": []any{}}, object{"basic": []any{}}}
		codes = append(codes, wire.CodeUnknownParameter, wire.CodeStoreUnavailable, wire.CodeUnauthorized, wire.CodeForbidden, wire.CodeTooManyTokens, wire.CodeAccessUnknown)
		if r.Method != http.MethodGet {
			codes = append(codes, wire.CodeCrossOrigin)
		}
		if len(o.params) > 0 {
			codes = append(codes, wire.CodeInvalidParameter)
		}
	}
	byStatus := make(map[int][]string)
	for _, c := range codes {
		byStatus[statusOf[c]] = append(byStatus[statusOf[c]], "`"+string(c)+"`")
	}
	for status, list := range byStatus {
		slices.Sort(list)
		responses[fmt.Sprint(status)] = object{
			"description": "code " + strings.Join(list, " or "),
			"content":     object{"application/json": object{"schema": object{"$ref": schemas + "Problem"}}},
		}
	}
	made := object{"operationId": o.id, "summary": o.summary, "responses": responses, "security": security, "x-scope": string(r.Need)}
	if params != nil {
		made["parameters"] = params
	}
	if o.body != nil {
		made["requestBody"] = object{"required": false, "content": object{"application/json": object{"schema": s.of(reflect.TypeOf(o.body))}}}
	}
	return made
}

func with(a, b object) object {
	c := maps.Clone(a)
	maps.Copy(c, b)
	return c
}

// schemaMaker makes schemas of types.
type schemaMaker struct {
	*testing.T
	source source
	all    object
}

func newSchemas(t *testing.T) *schemaMaker {
	return &schemaMaker{t, readSource(t, "../..", "../wire"), object{}}
}

// of returns the schema of a type, a reference where it has a name.
func (s *schemaMaker) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem())
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case t.Kind() == reflect.Map:
		return object{"type": "object"}
	case t.Kind() == reflect.Struct, t.Kind() == reflect.String && len(s.source.values[t.Name()]) > 0:
		if s.all[t.Name()] == nil {
			s.all[t.Name()] = object{} // it may hold itself
			s.all[t.Name()] = s.named(t)
		}
		return object{"$ref": schemas + t.Name()}
	}
	kind := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer", reflect.Float64: "number",
	}[t.Kind()]
	if kind == "" {
		s.Fatalf("no schema for %s", t)
	}
	return object{"type": kind}
}

func (s *schemaMaker) named(t reflect.Type) object {
	made := object{"description": s.source.words[t.Name()]}
	if made["description"] == "" {
		s.Errorf("%s has no comment", t.Name())
	}
	if t.Kind() == reflect.String {
		made["type"], made["enum"] = "string", s.source.values[t.Name()]
		return made
	}
	properties, required := object{}, []string{}
	s.fields(t, properties, &required)
	slices.Sort(required)
	made["type"], made["properties"], made["required"] = "object", properties, required
	return made
}

func (s *schemaMaker) fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			s.fields(field.Type, properties, required)
			continue
		}
		name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !strings.Contains(rest, "omit") {
			*required = append(*required, name)
		}
		schema := s.of(field.Type)
		if kind := schema["type"]; kind != nil && field.Type.Kind() == reflect.Pointer && !strings.Contains(rest, "omit") {
			schema["type"] = []any{kind, "null"}
		}
		if words := s.source.words[t.Name()+"."+field.Name]; words != "" {
			schema["description"] = words
		}
		properties[name] = schema
	}
}
