package push_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/source/push"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 891_000_000, time.UTC)

// contract is the body of the contract.
const contract = `{
  "deployment": {
    "type": "worker",
    "projectName": "api-service",
    "deploymentId": "build-abc123",
    "branch": "feature/add-auth",
    "commitHash": "abc123def456789...",
    "commitMessage": "Add JWT authentication\n\nImplemented:\n- Token generation\n- Token validation\n- Refresh tokens",
    "author": "dev@example.com",
    "timestamp": "2025-01-15T10:30:45Z",
    "environment": "production",
    "isCI": true
  }
}`

func decode(t *testing.T, body string) shipbell.Event {
	t.Helper()
	e, err := push.Decode([]byte(body), now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestContract(t *testing.T) {
	got := decode(t, contract)
	want := shipbell.Event{
		Source: shipbell.SourcePush, ID: got.ID,
		Keys:       []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: "build-abc123"}},
		At:         time.Date(2025, 1, 15, 10, 30, 45, 0, time.UTC),
		ReceivedAt: now,
		Observation: shipbell.Observation{
			Type: shipbell.Worker, Project: "api-service", Environment: "production", Status: shipbell.Announced,
			Branch: "feature/add-auth", Commit: "abc123def456789...", Author: "dev@example.com", CI: "true",
			CommitMessage: "Add JWT authentication\n\nImplemented:\n- Token generation\n- Token validation\n- Refresh tokens",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
}

func TestDefaultsAndAliases(t *testing.T) {
	e := decode(t, `{"deployment":{"projectName":" api ","deploymentId":"1","unknown":{"a":[1]},"branch":null,"author":"a\u0000b"},"more":1}`)
	if e.Type != shipbell.Worker || e.Environment != "" || e.Status != shipbell.Announced || !e.At.Equal(now) || e.Project != "api" || e.Author != "ab" {
		t.Errorf("defaults: %+v", e)
	}
	for _, alias := range []string{"page", "pages", "Pages"} {
		if e := decode(t, `{"deployment":{"type":"`+alias+`","projectName":"a","deploymentId":"1"}}`); e.Type != shipbell.Pages || e.Keys[0].Type != shipbell.Pages {
			t.Errorf("type %q: %+v", alias, e)
		}
	}
	if e := decode(t, `{"deployment":{"projectName":"a","deploymentId":"1","environment":"Production"}}`); e.Environment != "production" {
		t.Errorf("environment %q", e.Environment)
	}
}

func TestOptionalFields(t *testing.T) {
	e := decode(t, `{"deployment":{"projectName":"a","deploymentId":"1","status":"cancelled","tag":"v1","url":"https://a.example","versionId":"v","logUrl":"https://l.example","repositoryUrl":"https://r.example","error":"boom","isCI":"false"}}`)
	want := shipbell.Observation{
		Type: shipbell.Worker, Project: "a", Status: shipbell.Canceled, Tag: "v1", URL: "https://a.example",
		VersionID: "v", LogURL: "https://l.example", RepositoryURL: "https://r.example", Error: "boom", CI: "false",
	}
	if e.Observation != want {
		t.Errorf("got  %+v\nwant %+v", e.Observation, want)
	}
}

const (
	versionID    = "8c0e2a4f-1b2c-4d3e-8f90-a1b2c3d4e5f6"
	cloudflareID = "f64788e9-9fcc-4b0a-bf57-1c4ae4b5d0f1"
)

// TestWrapper: what the wrapper of a deployment says beyond a build step.
func TestWrapper(t *testing.T) {
	const body = `{"deployment":{"projectName":"a","deploymentId":"1","source":"exec","versionId":"` + versionID + `","cloudflareId":"` + cloudflareID + `",
		"script":"a-staging","dashboardUrl":"https://dash.example","log":"\r\n  src/x.ts:1\n\tboom\u0000\n\n","history":["abc1 First ","","abc0 Zero\nmore",null]}}`
	e := decode(t, body)
	want := shipbell.Observation{
		Type: shipbell.Worker, Project: "a", Status: shipbell.Announced, VersionID: versionID, Script: "a-staging",
		DashboardURL: "https://dash.example", Log: "  src/x.ts:1\n\tboom", History: "abc1 First\nabc0 Zero",
	}
	if e.Source != shipbell.SourceExec || e.Observation != want {
		t.Errorf("got  %s %+v\nwant %+v", e.Source, e.Observation, want)
	}
	if e := decode(t, `{"deployment":{"projectName":"a","deploymentId":"1","source":"Push","history":[],"log":" \n"}}`); e.Source != shipbell.SourcePush || e.History != "" || e.Log != "" {
		t.Errorf("nothing said: %+v", e)
	}
}

func TestKeys(t *testing.T) {
	for _, test := range []struct {
		fields string
		want   string
	}{
		{`"deploymentId":"1"`, "pushed 1"},
		{`"deploymentId":"1","versionId":"` + versionID + `"`, "pushed 1, version " + versionID},
		{`"deploymentId":"1","versionId":"1.2.3"`, "pushed 1"},
		{`"deploymentId":"` + versionID + `","versionId":"` + versionID + `"`, "pushed " + versionID},
		{`"deploymentId":"1","cloudflareId":"` + cloudflareID + `"`, "pushed 1, deployment " + cloudflareID},
		{`"deploymentId":"1","versionId":"` + versionID + `","cloudflareId":"` + cloudflareID + `"`, "pushed 1, version " + versionID + ", deployment " + cloudflareID},
		{`"deploymentId":"1","type":"pages","versionId":"` + versionID + `","cloudflareId":"` + cloudflareID + `"`, "pushed 1, deployment " + cloudflareID + ", short f64788e9"},
		{`"deploymentId":"f64788e9","type":"pages","cloudflareId":"` + cloudflareID + `"`, "pushed f64788e9, deployment " + cloudflareID},
		{`"deploymentId":"1","type":"pages","cloudflareId":"d1"`, "pushed 1, deployment d1"},
	} {
		e := decode(t, `{"deployment":{"projectName":"a",`+test.fields+`}}`)
		var keys []string
		for _, k := range e.Keys {
			if k.Type != e.Type {
				t.Errorf("%s: key of type %s", test.fields, k.Type)
			}
			keys = append(keys, string(k.Kind)+" "+k.ID)
		}
		if got := strings.Join(keys, ", "); got != test.want {
			t.Errorf("%s: keys %s, want %s", test.fields, got, test.want)
		}
	}
}

// TestCut: a long log and a long history are cut, not refused, and on whole
// characters.
func TestCut(t *testing.T) {
	history := strings.Repeat(`"`+strings.Repeat("é", 100)+`",`, 30) + `"last"`
	e := decode(t, `{"deployment":{"projectName":"a","deploymentId":"1","log":"x`+strings.Repeat("é", 4000)+`","history":[`+history+`]}}`)
	if len(e.Log) != 4095 || !utf8.ValidString(e.Log) {
		t.Errorf("the log has %d bytes", len(e.Log))
	}
	lines := strings.Split(e.History, "\n")
	if len(lines) != 20 || len(lines[0]) != 120 || !utf8.ValidString(e.History) {
		t.Errorf("the history has %d lines, the first %d bytes", len(lines), len(lines[0]))
	}
}

// TestOldDigests: what was pushed before the format grew keeps its identity; a
// repeat of it after an upgrade is no other event.
func TestOldDigests(t *testing.T) {
	for body, want := range map[string]shipbell.EventID{
		contract: "6bcb839e30d3fbb274abcd491aed5805",
		`{"deployment":{"projectName":"a","deploymentId":"1"}}`:                                         "2329a855b64662150a7f61571d7b7842",
		`{"deployment":{"projectName":"a","deploymentId":"1","versionId":"` + versionID + `"}}`:         "642e24bb9108c1880955196e2675d740",
		`{"deployment":{"projectName":"a","deploymentId":"1","source":"push","log":"","history":null}}`: "2329a855b64662150a7f61571d7b7842",
	} {
		if got := decode(t, body).ID; got != want {
			t.Errorf("%s has the digest %s, want %s", body, got, want)
		}
	}
}

func TestTimestamps(t *testing.T) {
	want := time.Date(2025, 1, 15, 10, 30, 45, 0, time.UTC)
	for _, text := range []string{`"2025-01-15T10:30:45Z"`, `"2025-01-15T11:30:45+01:00"`, `"2025-01-15T10:30:45.000Z"`, `"2025-01-15T10:30:45"`, `"2025-01-15 10:30:45"`, `1736937045000`} {
		e := decode(t, `{"deployment":{"projectName":"a","deploymentId":"1","timestamp":`+text+`}}`)
		if !e.At.Equal(want) {
			t.Errorf("timestamp %s: %s", text, e.At)
		}
	}
}

// TestTimestampAhead: one that is more than a day ahead is the time of receipt, and the
// event is the same whenever it is read.
func TestTimestampAhead(t *testing.T) {
	for ahead, want := range map[time.Duration]time.Time{
		23 * time.Hour: now.Add(23 * time.Hour), 24*time.Hour + time.Second: now, 30 * 365 * 24 * time.Hour: now,
	} {
		at := now.Add(ahead)
		for _, text := range []string{`"` + at.Format(time.RFC3339Nano) + `"`, fmt.Sprint(at.UnixMilli())} {
			body := []byte(`{"deployment":{"projectName":"a","deploymentId":"1","timestamp":` + text + `}}`)
			e, err := push.Decode(body, now)
			if err != nil || !e.At.Equal(want) {
				t.Errorf("%s: %s, want %s: %v", text, e.At, want, err)
			}
			if later, err := push.Decode(body, now.Add(time.Minute)); err != nil || later.ID != e.ID {
				t.Errorf("%s: read later it is another event: %v", text, err)
			}
		}
	}
}

// TestCommitTime: one that cannot be used is ignored, and loses no push.
func TestCommitTime(t *testing.T) {
	for text, want := range map[string]string{
		`"2025-01-15T10:00:00Z"`:                               "2025-01-15T10:00:00Z",
		`" 2025-01-15T11:00:00.5+01:00 "`:                      "2025-01-15T10:00:00Z",
		`"2005-01-01T00:00:00Z"`:                               "2005-01-01T00:00:00Z",
		`"2004-12-31T23:59:59Z"`:                               "",
		`"` + now.Add(24*time.Hour).Format(time.RFC3339) + `"`: now.Add(24 * time.Hour).Format(time.RFC3339),
		`"` + now.Add(25*time.Hour).Format(time.RFC3339) + `"`: "",
		`"9999-12-31T23:59:59-23:00"`:                          "",
		`"2025-01-15"`:                                         "",
		`"yesterday"`:                                          "",
		`""`:                                                   "",
		`null`:                                                 "",
		`1736937045`:                                           "",
		`1e999`:                                                "",
		`true`:                                                 "",
		`["2025-01-15T10:00:00Z"]`:                             "",
		`{"a":"\u0000"}`:                                       "",
	} {
		if e := decode(t, `{"deployment":{"projectName":"a","deploymentId":"1","commitTime":`+text+`}}`); e.CommitTime != want {
			t.Errorf("%s: %q, want %q", text, e.CommitTime, want)
		}
	}
	// A body that is read again later is the same event, also where its time can be
	// used by then.
	body := []byte(`{"deployment":{"projectName":"a","deploymentId":"1","commitTime":"` + now.Add(25*time.Hour).Format(time.RFC3339) + `"}}`)
	early, _ := push.Decode(body, now)
	late, err := push.Decode(body, now.Add(2*time.Hour))
	if err != nil || early.ID != late.ID || late.CommitTime == "" {
		t.Errorf("%s, then %s with %q, %v", early.ID, late.ID, late.CommitTime, err)
	}
}

// TestIdentity: the same body is the same event at any time; one that says
// anything else is not.
func TestIdentity(t *testing.T) {
	id := func(body string, at time.Time) shipbell.EventID {
		e, err := push.Decode([]byte(body), at)
		if err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	untimed := `{"deployment":{"projectName":"a","deploymentId":"1"}}`
	if id(untimed, now) != id(untimed, now.Add(time.Hour)) {
		t.Error("the time of receipt changes the identity of a body without a timestamp")
	}
	seen := map[shipbell.EventID]string{}
	for _, body := range []string{
		untimed,
		`{"deployment":{"projectName":"a1","deploymentId":""}}`,
		`{"deployment":{"projectName":"a","deploymentId":"2"}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","type":"pages"}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","status":"success"}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","timestamp":"2025-01-15T10:30:45Z"}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","branch":"ab"}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","source":"exec"}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","cloudflareId":"x"}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","script":"x"}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","dashboardUrl":"x"}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","log":"x"}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","history":["x"]}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","commitTime":"2025-01-15T10:30:45Z"}}`,
		`{"deployment":{"projectName":"a","deploymentId":"1","branch":"a","commitHash":"b"}}`,
	} {
		if strings.Contains(body, `"deploymentId":""`) {
			continue
		}
		if other, ok := seen[id(body, now)]; ok {
			t.Errorf("%s and %s have one identity", body, other)
		}
		seen[id(body, now)] = body
	}
}

func TestRefusals(t *testing.T) {
	d := func(fields string) string {
		return `{"deployment":{"projectName":"a","deploymentId":"1",` + fields + `}}`
	}
	for _, test := range []struct{ name, body, want string }{
		{"empty", ``, "invalid_json: one JSON object; at byte 0: unexpected end of JSON input"},
		{"no object", `[]`, `invalid_json: a JSON object with the field "deployment"`},
		{"broken", `{"deployment":}`, "invalid_json: one JSON object; at byte 15: invalid character '}' looking for beginning of value"},
		{"two", contract + `{}`, "invalid_json: one JSON object; at byte 437: invalid character '{' after top-level value"},
		{"nothing", `{}`, `deployment: missing_field: an object: {"deployment":{"projectName":"api-service","deploymentId":"build-abc123"}}`},
		{"null", `{"deployment":null}`, `deployment: missing_field: an object: {"deployment":{"projectName":"api-service","deploymentId":"build-abc123"}}`},
		{"list", `{"deployment":[]}`, "deployment: wrong_type: a JSON object, not array"},
		{"no project", `{"deployment":{"deploymentId":"1"}}`, "deployment.projectName: missing_field: text of 1 to 255 bytes"},
		{"blank project", `{"deployment":{"deploymentId":"1","projectName":" \u0000 "}}`, "deployment.projectName: missing_field: text of 1 to 255 bytes"},
		{"no id", `{"deployment":{"projectName":"a"}}`, "deployment.deploymentId: missing_field: text of 1 to 512 bytes"},
		{"long id", `{"deployment":{"projectName":"a","deploymentId":"` + strings.Repeat("x", 513) + `"}}`, "deployment.deploymentId: too_long: at most 512 bytes, not 513"},
		{"number", d(`"branch":1`), "deployment.branch: wrong_type: text in quotes, not number"},
		{"type", d(`"type":"site"`), "deployment.type: invalid_value: worker or pages (page is accepted too)"},
		{"status", d(`"status":"done"`), "deployment.status: invalid_value: one of " + shipbell.AcceptedStatuses},
		{"time", d(`"timestamp":"yesterday"`), "deployment.timestamp: invalid_value: an RFC 3339 time such as 2025-01-15T10:30:45Z"},
		{"seconds", d(`"timestamp":1736937045`), "deployment.timestamp: invalid_value: an RFC 3339 time such as 2025-01-15T10:30:45Z, or unix milliseconds"},
		{"time list", d(`"timestamp":[]`), "deployment.timestamp: wrong_type: an RFC 3339 time such as 2025-01-15T10:30:45Z"},
		{"source", d(`"source":"poll"`), "deployment.source: invalid_value: push or exec"},
		{"history", d(`"history":"abc First"`), "deployment.history: wrong_type: a list of texts in quotes, not string"},
		{"history of numbers", d(`"history":[1]`), "deployment.history: wrong_type: a list of texts in quotes, not number"},
		{"log list", d(`"log":[]`), "deployment.log: wrong_type: text in quotes, not array"},
		{"long cloudflareId", d(`"cloudflareId":"` + strings.Repeat("x", 513) + `"`), "deployment.cloudflareId: too_long: at most 512 bytes, not 513"},
		{"ci", d(`"isCI":"maybe"`), "deployment.isCI: wrong_type: true or false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := push.Decode([]byte(test.body), now)
			if !errors.Is(err, shipbell.ErrInvalid) || fmt.Sprint(err) != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// FuzzDecode: any body is an event that can be recorded, or an error that says
// what to do; and decoding is deterministic.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(contract))
	f.Add([]byte(`{"deployment":{"projectName":"a","deploymentId":"1","timestamp":1736937045000,"isCI":"1"}}`))
	f.Add([]byte(`{"deployment":{"type":"page","projectName":"a","deploymentId":"1","source":"exec","cloudflareId":"` + cloudflareID + `","versionId":"` + versionID + `","log":"\u0000\n x","history":["a b",null,"\n"]}}`))
	f.Add([]byte(`{"deployment":{"projectName":"a","deploymentId":"1","commitTime":"2025-01-15T11:30:45.5+01:00"}}`))
	f.Add([]byte(`{"deployment":{"projectName":"a","deploymentId":"1","commitTime":[1e999]}}`))
	f.Add([]byte(`{"deployment":{"projectName":"\u0000a","deploymentId":"\ud800","timestamp":""}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := push.Decode(body, now)
		if err != nil {
			var bad *push.Error
			if !errors.As(err, &bad) || bad.Code == "" || bad.Hint == "" {
				t.Fatalf("an error that does not help: %v", err)
			}
			return
		}
		if err := e.Validate(); err != nil {
			t.Fatalf("decoded, but cannot be recorded: %v", err)
		}
		again, err := push.Decode(body, now)
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Fatal("decoding twice gives two events")
		}
	})
}

// What stands in lists, cards and indexes is short, whatever a build step sends.
func TestLongTextsAreCut(t *testing.T) {
	long := strings.Repeat("ö", 20_000)
	e := decode(t, fmt.Sprintf(`{"deployment":{"projectName":"api","deploymentId":"1","branch":%[1]q,"commitHash":%[1]q,"author":%[1]q,
		"tag":%[1]q,"versionId":%[1]q,"error":%[1]q,"commitMessage":%[1]q,"url":%[2]q,"logUrl":%[2]q,"repositoryUrl":%[2]q,"dashboardUrl":%[2]q}}`,
		long, "https://example.com/"+long))
	for name, got := range map[string]string{"branch": e.Branch, "commit": e.Commit, "author": e.Author, "tag": e.Tag, "version": e.VersionID} {
		if got != long[:512] {
			t.Errorf("of the %s %d bytes are kept, want 512", name, len(got))
		}
	}
	if e.Error != long[:16<<10] || e.CommitMessage != long {
		t.Errorf("kept %d bytes of the error and %d of the message", len(e.Error), len(e.CommitMessage))
	}
	if e.URL+e.LogURL+e.RepositoryURL+e.DashboardURL != "" {
		t.Error("an address was kept that no browser takes")
	}
}
