// Package push turns the body of POST /notify into an event.
//
// Its one rule: what a client of the system before Shipbell sends is accepted as
// it was, and what cannot be understood is refused with the field, the reason
// and the accepted form, so that its sender can mend it. It does no I/O.
package push

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shipbell/shipbell"
)

// Code says in a stable word what is wrong with a body.
type Code string

// The codes.
const (
	CodeJSON    Code = "invalid_json"  // not JSON, or not an object
	CodeMissing Code = "missing_field" // a field that must be there is not
	CodeType    Code = "wrong_type"    // a field has another JSON type
	CodeValue   Code = "invalid_value" // a field has a value that is not accepted
	CodeLength  Code = "too_long"      // a field is too long
)

// Error says what is wrong with a body. It is [shipbell.ErrInvalid].
type Error struct {
	Code  Code
	Field string // path such as deployment.timestamp; empty for the whole body
	Hint  string // the accepted form
}

// Error returns field, code and hint on one line.
func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s: %s", e.Code, e.Hint)
	}
	return fmt.Sprintf("%s: %s: %s", e.Field, e.Code, e.Hint)
}

// Unwrap makes the error a [shipbell.ErrInvalid].
func (e *Error) Unwrap() error { return shipbell.ErrInvalid }

// payload is the wire format. Fields that it does not name are ignored: other
// clients may know more than we do.
type payload struct {
	Deployment *deployment `json:"deployment"`
}

type deployment struct {
	Type          string `json:"type"`
	ProjectName   string `json:"projectName"`
	DeploymentID  string `json:"deploymentId"`
	Branch        string `json:"branch"`
	CommitHash    string `json:"commitHash"`
	CommitMessage string `json:"commitMessage"`
	Author        string `json:"author"`
	Timestamp     any    `json:"timestamp"` // RFC 3339, or unix milliseconds
	Environment   string `json:"environment"`
	IsCI          any    `json:"isCI"` // boolean, or its text

	// Ours; all optional.
	Status        string `json:"status"`
	Tag           string `json:"tag"`
	URL           string `json:"url"`
	VersionID     string `json:"versionId"`
	LogURL        string `json:"logUrl"`
	RepositoryURL string `json:"repositoryUrl"`
	Error         string `json:"error"`

	// What a wrapper of the deployment knows beyond that.
	Source       string          `json:"source"` // push or exec
	CloudflareID string          `json:"cloudflareId"`
	Script       string          `json:"script"`
	DashboardURL string          `json:"dashboardUrl"`
	Log          string          `json:"log"`
	History      []string        `json:"history"`
	CommitTime   json.RawMessage `json:"commitTime"` // RFC 3339; what else it is, is ignored
}

const (
	// maxName bounds project and environment names, in bytes. Cloudflare's are at
	// most 63 characters.
	maxName = 255
	// maxLog is how much of a log is kept, in bytes: more than a message can show.
	maxLog = 4 << 10
	// maxLine bounds what people read on one line, such as a branch or an author, and
	// maxAddress an address, in bytes. All of them stand in every list.
	maxLine    = 512
	maxAddress = 4 << 10
	// maxError is how much of an error is kept, in bytes; messages show a line of it.
	maxError = 16 << 10
	// maxHistory and maxCommit bound the history, in commits and in bytes of each.
	maxHistory = 20
	maxCommit  = 120
)

// Decode reads a body. Now is the time of an event that gives none. Errors are
// *[Error].
//
// The event's id is a digest of what the body says, without the time of
// receipt: the same body again is the same event, and a body that says more
// about the same deployment is another one with the same key.
func Decode(body []byte, now time.Time) (shipbell.Event, error) {
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return shipbell.Event{}, jsonError(err)
	}
	if p.Deployment == nil {
		return shipbell.Event{}, &Error{CodeMissing, "deployment", `an object: {"deployment":{"projectName":"api-service","deploymentId":"build-abc123"}}`}
	}
	d := p.Deployment
	d.clean()

	typ, err := shipbell.ParseProjectType(d.Type)
	if err != nil {
		return shipbell.Event{}, &Error{CodeValue, "deployment.type", "worker or pages (page is accepted too)"}
	}
	status, err := shipbell.ParseStatus(d.Status)
	if err != nil {
		return shipbell.Event{}, &Error{CodeValue, "deployment.status", "one of " + shipbell.AcceptedStatuses}
	}
	source, err := readSource(d.Source)
	if err != nil {
		return shipbell.Event{}, err
	}
	if err := d.checkNames(); err != nil {
		return shipbell.Event{}, err
	}
	ci, err := readBool(d.IsCI)
	if err != nil {
		return shipbell.Event{}, err
	}
	at, given, err := readTime(d.Timestamp, now)
	if err != nil {
		return shipbell.Event{}, err
	}
	if strings.EqualFold(d.Environment, shipbell.Production) {
		d.Environment = shipbell.Production
	}

	commitTime, commitTimeGiven := readCommitTime(d.CommitTime, now)
	e := shipbell.Event{
		Source:     source,
		Keys:       d.keys(typ),
		At:         at,
		ReceivedAt: now.UTC().Truncate(time.Millisecond),
		Observation: shipbell.Observation{
			Type: typ, Project: d.ProjectName, Environment: d.Environment, Status: status,
			Branch: d.Branch, Commit: d.CommitHash, CommitMessage: d.CommitMessage, Author: d.Author,
			Tag: d.Tag, VersionID: d.VersionID, URL: d.URL, LogURL: d.LogURL, RepositoryURL: d.RepositoryURL,
			Error: d.Error, CI: ci,
			Script: d.Script, DashboardURL: d.DashboardURL, Log: d.Log, History: strings.Join(d.History, "\n"),
			CommitTime: commitTime,
		},
	}
	e.ID = digest(e, given, d.CloudflareID, commitTimeGiven)
	return e, nil
}

func readSource(word string) (shipbell.Source, error) {
	switch source := shipbell.Source(strings.ToLower(word)); source {
	case "":
		return shipbell.SourcePush, nil
	case shipbell.SourcePush, shipbell.SourceExec:
		return source, nil
	}
	return "", &Error{CodeValue, "deployment.source", "push or exec"}
}

// uuid matches the ids of Workers versions and of deployments.
var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// shortLength is how much of a Pages deployment's id its address shows.
const shortLength = 8

// keys are the identities that a body gives, the pushed one first. A version id
// of another form than Cloudflare's counts for nothing: a release number there
// would join deployments that have nothing in common.
func (d *deployment) keys(typ shipbell.ProjectType) []shipbell.Key {
	keys := []shipbell.Key{{Type: typ, Kind: shipbell.KeyPushed, ID: d.DeploymentID}}
	add := func(kind shipbell.KeyKind, id string) {
		k := shipbell.Key{Type: typ, Kind: kind, ID: id}
		if !slices.ContainsFunc(keys, func(other shipbell.Key) bool { return other.Identity() == k.Identity() }) {
			keys = append(keys, k)
		}
	}
	if typ == shipbell.Worker && uuid.MatchString(d.VersionID) {
		add(shipbell.KeyVersion, d.VersionID)
	}
	if d.CloudflareID != "" {
		add(shipbell.KeyDeployment, d.CloudflareID)
		if typ == shipbell.Pages && uuid.MatchString(d.CloudflareID) {
			add(shipbell.KeyShort, d.CloudflareID[:shortLength])
		}
	}
	return keys
}

// digest identifies what a body says. Each part is preceded by its length, so
// that no two bodies run together to the same text. What was added to the format
// later counts only where it is given, with its name: a body that was pushed
// before keeps its digest.
func digest(e shipbell.Event, at, cloudflareID, commitTime string) shipbell.EventID {
	o := e.Observation
	text := make([]byte, 0, 1024)
	add := func(part string) {
		text = strconv.AppendInt(text, int64(len(part)), 10)
		text = append(append(text, ':'), part...)
	}
	for _, part := range []string{
		string(o.Type), e.Keys[0].ID, at, o.Project, o.Environment, string(o.Status), o.Branch, o.Commit, o.CommitMessage,
		o.Author, o.Tag, o.VersionID, o.URL, o.LogURL, o.RepositoryURL, o.Error, o.CI,
	} {
		add(part)
	}
	source := string(e.Source)
	if e.Source == shipbell.SourcePush {
		source = ""
	}
	for _, later := range []struct{ name, value string }{
		{"source", source}, {"cloudflareId", cloudflareID}, {"script", o.Script},
		{"dashboardUrl", o.DashboardURL}, {"log", o.Log}, {"history", o.History}, {"commitTime", commitTime},
	} {
		if later.value != "" {
			add(later.name)
			add(later.value)
		}
	}
	sum := sha256.Sum256(text)
	return shipbell.EventID(hex.EncodeToString(sum[:16]))
}

func jsonError(err error) *Error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		if wrong.Field == "" {
			return &Error{CodeJSON, "", `a JSON object with the field "deployment"`}
		}
		form := "text in quotes"
		switch wrong.Field {
		case "deployment":
			form = "a JSON object"
		case "deployment.history":
			form = "a list of texts in quotes"
		}
		return &Error{CodeType, wrong.Field, fmt.Sprintf("%s, not %s", form, wrong.Value)}
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return &Error{CodeJSON, "", fmt.Sprintf("one JSON object; at byte %d: %s", syntax.Offset, syntax)}
	}
	return &Error{CodeJSON, "", "one JSON object"}
}

// clean takes NULs out of every text, because no database keeps them, and space
// around all but the commit message, which is kept as it was written. What is
// too long beside the commit message is cut, and an address left out, which would
// lead elsewhere then: a deployment is not to go untold because its compiler was
// wordy.
func (d *deployment) clean() {
	for _, p := range []*string{
		&d.Type, &d.ProjectName, &d.DeploymentID, &d.Branch, &d.CommitHash, &d.Author, &d.Environment,
		&d.Status, &d.Tag, &d.URL, &d.VersionID, &d.LogURL, &d.RepositoryURL, &d.Error,
		&d.Source, &d.CloudflareID, &d.Script, &d.DashboardURL,
	} {
		*p = strings.TrimSpace(noNUL(*p))
	}
	for _, p := range []*string{&d.Branch, &d.CommitHash, &d.Author, &d.Tag, &d.VersionID} {
		*p = strings.TrimSpace(cut(*p, maxLine))
	}
	for _, p := range []*string{&d.URL, &d.LogURL, &d.RepositoryURL, &d.DashboardURL} {
		if len(*p) > maxAddress {
			*p = ""
		}
	}
	d.Error = strings.TrimSpace(cut(d.Error, maxError))
	d.CommitMessage = noNUL(d.CommitMessage)
	// The first line of a log may be indented.
	d.Log = strings.TrimRightFunc(cut(strings.Trim(noNUL(d.Log), "\r\n"), maxLog), unicode.IsSpace)

	var history []string
	for _, line := range d.History {
		line, _, _ = strings.Cut(strings.TrimSpace(noNUL(line)), "\n")
		if line = strings.TrimSpace(cut(line, maxCommit)); line != "" && len(history) < maxHistory {
			history = append(history, line)
		}
	}
	d.History = history
}

// cut keeps the first bytes of a text and no half of a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

func noNUL(s string) string {
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "")
}

func (d *deployment) checkNames() error {
	for _, n := range []struct {
		field, value string
		max          int
		required     bool
	}{
		{"deployment.projectName", d.ProjectName, maxName, true},
		{"deployment.deploymentId", d.DeploymentID, shipbell.MaxKeyLength, true},
		{"deployment.environment", d.Environment, maxName, false},
		{"deployment.cloudflareId", d.CloudflareID, shipbell.MaxKeyLength, false},
		{"deployment.script", d.Script, maxName, false},
	} {
		if n.value == "" && n.required {
			return &Error{CodeMissing, n.field, fmt.Sprintf("text of 1 to %d bytes", n.max)}
		}
		if len(n.value) > n.max {
			return &Error{CodeLength, n.field, fmt.Sprintf("at most %d bytes, not %d", n.max, len(n.value))}
		}
	}
	return nil
}

func readBool(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case bool:
		return fmt.Sprint(v), nil
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "":
			return "", nil
		case "true", "1":
			return "true", nil
		case "false", "0":
			return "false", nil
		}
	}
	return "", &Error{CodeType, "deployment.isCI", "true or false"}
}

// timeForms are the accepted forms of a timestamp beside unix milliseconds. A
// time without a zone is UTC.
var timeForms = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04Z07:00", time.DateOnly}

// The range of a timestamp. Outside of it somebody's units are wrong.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// aheadAtMost is how far ahead of ours the clock of a build may be. What is later has
// a clock that is wrong by more than its zone, and would be the newest of its project
// until then.
const aheadAtMost = 24 * time.Hour

// readTime returns the time and, for the digest, how it was given; empty where
// it was not. One that is too far ahead is the time of receipt.
func readTime(v any, now time.Time) (at time.Time, given string, err error) {
	at, given, err = parseTime(v, now)
	if err == nil && at.After(now.Add(aheadAtMost)) {
		at = now.UTC().Truncate(time.Millisecond)
	}
	return at, given, err
}

func parseTime(v any, now time.Time) (at time.Time, given string, err error) {
	bad := &Error{CodeValue, "deployment.timestamp", "an RFC 3339 time such as 2025-01-15T10:30:45Z"}
	switch v := v.(type) {
	case nil:
		return now.UTC().Truncate(time.Millisecond), "", nil
	case float64:
		if v < float64(earliest.UnixMilli()) || v > float64(latest.UnixMilli()) {
			return time.Time{}, "", &Error{CodeValue, "deployment.timestamp", "an RFC 3339 time such as 2025-01-15T10:30:45Z, or unix milliseconds"}
		}
		at = time.UnixMilli(int64(v)).UTC()
		return at, at.Format(time.RFC3339Nano), nil
	case string:
		v = strings.TrimSpace(v)
		if v == "" {
			return now.UTC().Truncate(time.Millisecond), "", nil
		}
		for _, form := range timeForms {
			if at, err := time.Parse(form, v); err == nil {
				at = at.UTC().Truncate(time.Millisecond)
				if at.Before(earliest) || at.After(latest) {
					return time.Time{}, "", bad
				}
				return at, at.Format(time.RFC3339Nano), nil
			}
		}
		return time.Time{}, "", bad
	}
	return time.Time{}, "", &Error{CodeType, "deployment.timestamp", bad.Hint}
}

// earliestCommit is where the range of a commit's time begins: before Git there were
// no commits.
var earliestCommit = time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC)

// readCommitTime returns a commit's time, and for the digest how it was given: that
// must not depend on when it is read. One that cannot be used is empty, because no
// push is to be lost for it.
func readCommitTime(v json.RawMessage, now time.Time) (kept, given string) {
	var text string
	if len(v) == 0 || json.Unmarshal(v, &text) != nil {
		return "", ""
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
	if err != nil {
		return "", ""
	}
	given = at.UTC().Format(time.RFC3339)
	if at.Before(earliestCommit) || at.After(now.Add(aheadAtMost)) {
		return "", given
	}
	return given, given
}
