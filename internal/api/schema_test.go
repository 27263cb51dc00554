package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/api"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/wire"
)

// checker holds values against the schemas of the document. It knows as much of
// JSON Schema as the document uses, and takes no member that a schema does not name.
type checker struct{ schemas object }

func (c checker) check(at string, schema object, v any) error {
	if ref, ok := schema["$ref"].(string); ok {
		target, ok := c.schemas[strings.TrimPrefix(ref, schemas)].(object)
		if !ok {
			return fmt.Errorf("%s: no schema %s", at, ref)
		}
		return c.check(at, target, v)
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, v) {
		return fmt.Errorf("%s: %v is none of %v", at, v, enum)
	}
	kind := schema["type"]
	if kinds, several := kind.([]any); several {
		if v == nil {
			return nil
		}
		kind = kinds[0]
	}
	switch kind {
	case "object":
		return c.object(at, schema, v)
	case "array":
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s: %v is no list", at, v)
		}
		var errs []error
		for i, item := range list {
			errs = append(errs, c.check(fmt.Sprintf("%s[%d]", at, i), schema["items"].(object), item))
		}
		return errors.Join(errs...)
	case "string":
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("%s: %v is no text", at, v)
		}
		if schema["format"] == "date-time" {
			if _, err := time.Parse(time.RFC3339, text); err != nil || !strings.HasSuffix(text, "Z") {
				return fmt.Errorf("%s: %s is no time in UTC", at, text)
			}
		}
		return nil
	case "integer":
		if n, ok := v.(float64); !ok || n != float64(int64(n)) {
			return fmt.Errorf("%s: %v is no whole number", at, v)
		}
		return nil
	case "number":
		if _, ok := v.(float64); !ok {
			return fmt.Errorf("%s: %v is no number", at, v)
		}
		return nil
	case "boolean":
		if _, ok := v.(bool); !ok {
			return fmt.Errorf("%s: %v is neither true nor false", at, v)
		}
		return nil
	}
	return fmt.Errorf("%s: a schema of type %v", at, schema["type"])
}

func (c checker) object(at string, schema object, v any) error {
	o, ok := v.(object)
	if !ok {
		return fmt.Errorf("%s: %v is no object", at, v)
	}
	properties, ok := schema["properties"].(object)
	if !ok {
		return nil // anything
	}
	var errs []error
	for _, name := range schema["required"].([]any) {
		if _, ok := o[name.(string)]; !ok {
			errs = append(errs, fmt.Errorf("%s: no %s", at, name))
		}
	}
	for name, value := range o {
		p, ok := properties[name].(object)
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %s is not in the schema", at, name))
			continue
		}
		errs = append(errs, c.check(at+"."+name, p, value))
	}
	return errors.Join(errs...)
}

// TestAnswersAreAsTheDocumentSays, those that refuse too, for every route.
func TestAnswersAreAsTheDocumentSays(t *testing.T) {
	f := newFixture(t)
	f.fill()
	f.withBoard()
	document := read[object](f, f.ask(http.MethodGet, "/api/v1/openapi.json", ""), http.StatusOK)
	c := checker{document["components"].(object)["schemas"].(object)}
	seen := make(map[string]bool)
	for _, request := range []struct{ route, target, body string }{
		{"GET /api/v1/deployments", "/api/v1/deployments", ""},
		{"GET /api/v1/deployments", "/api/v1/deployments?limit=2&status=success", ""},
		{"GET /api/v1/deployments", "/api/v1/deployments?limit=0", ""},
		{"GET /api/v1/deployments", "/api/v1/deployments?size=1", ""},
		{"GET /api/v1/deployments/{id}", "/api/v1/deployments/1", ""},
		{"GET /api/v1/deployments/{id}", "/api/v1/deployments/2", ""},
		{"GET /api/v1/deployments/{id}", "/api/v1/deployments/3", ""},
		{"GET /api/v1/deployments/{id}", "/api/v1/deployments/none", ""},
		{"GET /api/v1/deployments/{id}", "/api/v1/deployments/build", ""},
		{"POST /api/v1/deployments/{id}/replay", "/api/v1/deployments/1/replay", `{"channels":["slack:b"]}`},
		{"POST /api/v1/deployments/{id}/replay", "/api/v1/deployments/1/replay", `{"channels":["x"]}`},
		{"POST /api/v1/deployments/{id}/replay", "/api/v1/deployments/1/replay", `{`},
		{"POST /api/v1/deployments/{id}/replay", "/api/v1/deployments/1/replay", strings.Repeat(" ", 1<<17)},
		{"POST /api/v1/deployments/{id}/silence", "/api/v1/deployments/1/silence", ""},
		{"POST /api/v1/deployments/{id}/unsilence", "/api/v1/deployments/1/unsilence", ""},
		{"GET /api/v1/deployments/{id}", "/api/v1/deployments/1", ""},
		{"GET /api/v1/projects", "/api/v1/projects", ""},
		{"GET /api/v1/projects/{type}/{name}/live", "/api/v1/projects/worker/api-service/live", ""},
		{"GET /api/v1/projects/{type}/{name}/live", "/api/v1/projects/worker/none/live", ""},
		{"GET /api/v1/projects/{type}/{name}/live", "/api/v1/projects/worker/under-way/live", ""},
		{"GET /api/v1/lanes", "/api/v1/lanes", ""},
		{"POST /api/v1/lanes/{id}/resume", "/api/v1/lanes/slack:b/resume", ""},
		{"POST /api/v1/lanes/{id}/test", "/api/v1/lanes/slack:b/test", ""},
		{"POST /api/v1/lanes/{id}/test", "/api/v1/lanes/none/test", ""},
		{"GET /api/v1/insights", "/api/v1/insights", ""},
		{"GET /api/v1/audit", "/api/v1/audit?limit=1", ""},
		{"GET /api/v1/audit", "/api/v1/audit?before=0", ""},
		{"GET /api/v1/tokens", "/api/v1/tokens", ""},
		{"GET /feed.atom", "/feed.atom", ""},
		{"GET /badge/{type}/{name}", "/badge/worker/api-service.svg", ""},
		{"GET /badge/{type}/{name}", "/badge/worker/api-service", ""},
		{"GET /api/v1/openapi.json", "/api/v1/openapi.json", ""},
	} {
		method, path, _ := strings.Cut(request.route, " ")
		seen[request.route] = true
		answer := f.ask(method, request.target, request.body)
		responses := document["paths"].(object)[path].(object)[strings.ToLower(method)].(object)["responses"].(object)
		response, ok := responses[fmt.Sprint(answer.StatusCode)].(object)
		if !ok {
			t.Errorf("%s %s: the document has no status %d", method, request.target, answer.StatusCode)
			continue
		}
		kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
		content, ok := response["content"].(object)[kind].(object)
		if !ok {
			t.Errorf("%s %s: the document has no %s", method, request.target, kind)
			continue
		}
		if kind != "application/json" {
			continue
		}
		var v any
		if err := json.NewDecoder(answer.Body).Decode(&v); err != nil {
			t.Fatal(err)
		}
		if err := c.check(request.target, content["schema"].(object), v); err != nil {
			t.Error(err)
		}
		if o, ok := v.(object); ok && answer.StatusCode >= 400 && !strings.Contains(response["description"].(string), fmt.Sprintf("`%v`", o["code"])) {
			t.Errorf("%s: the code %v is not among %s", request.target, o["code"], response["description"])
		}
	}
	for _, r := range f.api.Routes() {
		if name := r.Method + " " + r.Path; !seen[name] && r.Path != "/api/v1/events" {
			t.Errorf("%s was not asked", name)
		}
	}
	for name, data := range map[string]any{
		"Brief": frameData(t, ledger.News{Deployment: shipbell.Deployment{ID: 1, Observation: shipbell.Observation{Type: shipbell.Worker, Status: shipbell.Success}}}),
		"Gone":  frameData(t, ledger.News{Was: 2, Deployment: shipbell.Deployment{ID: 1}}),
	} {
		if err := c.check(name, object{"$ref": schemas + name}, data); err != nil {
			t.Error(err)
		}
	}
}

func frameData(t *testing.T, n ledger.News) (v any) {
	t.Helper()
	_, data, _ := strings.Cut(string(api.EncodeNews(n)), "data: ")
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// fill records deployments of many kinds, and what else is answered.
func (f *fixture) fill() {
	f.Helper()
	f.record(func(e *shipbell.Event) {
		e.Status, e.Tag, e.VersionID, e.URL, e.CommitTime = shipbell.Success, "v1", "version", "https://example.com", "2026-11-25T08:00:00Z"
	})
	f.record(func(e *shipbell.Event) {
		e.Status, e.Error, e.Log, e.LogURL, e.Cause, e.Rollout = shipbell.Failure, "no", "line", "https://example.com/log", shipbell.CauseRollback, "10 %"
	})
	failed := f.record(func(e *shipbell.Event) { e.Source, e.Status = shipbell.SourceExec, shipbell.InProgress })
	f.record(func(e *shipbell.Event) { e.Project = "under-way" })
	err := f.store.Update(f.Context(), func(tx ledger.Tx) error {
		d, err := tx.Deployment(failed)
		d.Alarm = &shipbell.Alarm{At: start, Reason: shipbell.AlarmUnfinished}
		return errors.Join(err, tx.Save(d),
			tx.PutLane(shipbell.Lane{Channel: channel, Pause: &shipbell.Pause{At: start, Reason: "kicked"}, LastSuccess: start, LastError: "no", LastErrorAt: start, Note: "moved", Recent: []time.Time{start}}),
			tx.PutLane(shipbell.Lane{Channel: "slack:b", ParkedUntil: start.Add(time.Hour), ParkedFor: "slow down"}),
			tx.KeepAttempt(shipbell.Attempt{Deployment: 1, Channel: channel, Revision: 1, At: start, Took: time.Second, Fault: shipbell.FaultBlocked, Detail: "kicked"}),
			tx.PutToken(shipbell.Token{ID: "t1", Name: "ci", Scope: shipbell.ScopePush, MadeAt: start, MadeBy: "ada", LastUsed: start, RevokedAt: start}),
			tx.KeepAct(shipbell.Act{At: start, Who: "ada", What: shipbell.ActTokenMade, Subject: "t1"}),
			tx.KeepAct(shipbell.Act{At: start, Who: "ada", What: shipbell.ActTokenGone, Subject: "t1"}),
		)
	})
	if err != nil {
		f.Fatal(err)
	}
}

// TestCheckerRefuses what is not as a schema says: a checker that takes everything
// proves nothing.
func TestCheckerRefuses(t *testing.T) {
	c := checker{object{"S": object{"type": "object", "required": []any{"a"}, "properties": object{
		"a": object{"type": "string", "enum": []any{"x"}}, "b": object{"type": "array", "items": object{"type": "integer"}}, "c": object{"type": "string", "format": "date-time"},
	}}}}
	s := object{"$ref": schemas + "S"}
	if err := c.check("", s, object{"a": "x", "b": []any{1.0}, "c": "2026-11-25T10:30:00Z"}); err != nil {
		t.Error(err)
	}
	for _, bad := range []any{nil, object{}, object{"a": "y"}, object{"a": "x", "d": 1.0}, object{"a": "x", "b": []any{1.5}}, object{"a": "x", "b": nil}, object{"a": "x", "c": "2026-11-25T10:30:00+01:00"}} {
		if c.check("", s, bad) == nil {
			t.Errorf("%v passes", bad)
		}
	}
}

// TestStatesOfAProject are those of the board.
func TestStatesOfAProject(t *testing.T) {
	ours, theirs := readSource(t, "../wire").values["ProjectState"], readSource(t, "../board").values["State"]
	if !slices.Equal(ours, theirs) || string(wire.ProjectLive) != string(board.StateLive) {
		t.Errorf("%v, and the board has %v", ours, theirs)
	}
}

// TestLongAnswersAreCompressed.
func TestLongAnswersAreCompressed(t *testing.T) {
	f := newFixture(t)
	for range 20 {
		f.record(nil)
	}
	plain, _ := io.ReadAll(f.ask(http.MethodGet, "/api/v1/deployments", "").Body)
	answer := f.ask(http.MethodGet, "/api/v1/deployments", "", "Accept-Encoding", "gzip")
	packed, _ := io.ReadAll(answer.Body)
	if answer.Header.Get("Content-Encoding") != "gzip" || len(packed)*4 > len(plain) {
		t.Errorf("%d bytes of %d, %v", len(packed), len(plain), answer.Header)
	}
	again := f.ask(http.MethodGet, "/api/v1/deployments", "", "Accept-Encoding", "gzip", "If-None-Match", answer.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("again: %d", again.StatusCode)
	}
}
