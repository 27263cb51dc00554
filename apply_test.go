package shipbell_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/shipbell/shipbell"
)

var start = time.Date(2025, 1, 15, 10, 30, 45, 0, time.UTC)

func push(change ...func(*shipbell.Event)) shipbell.Event {
	e := shipbell.Event{
		Source: shipbell.SourcePush, ID: "1", At: start, ReceivedAt: start,
		Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: "build-abc123"}},
		Observation: shipbell.Observation{
			Type: shipbell.Worker, Project: "api-service", Environment: "production", Status: shipbell.Announced,
			Branch: "feature/add-auth", Commit: "abc123def456789", Author: "dev@example.com",
		},
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

func fold(events []shipbell.Event) shipbell.Deployment {
	d := shipbell.NewDeployment(events[0])
	for _, e := range events[1:] {
		d = shipbell.Apply(d, e)
	}
	return d
}

// events draws what sources may say of one deployment, few values of each field
// and few times, so that ties are common.
func events(t *rapid.T) []shipbell.Event {
	text := func(name string) string { return rapid.SampledFrom([]string{"", "", "a", "b"}).Draw(t, name) }
	n := rapid.IntRange(1, 6).Draw(t, "events")
	list := make([]shipbell.Event, n)
	for i := range list {
		list[i] = shipbell.Event{
			Source: rapid.SampledFrom([]shipbell.Source{shipbell.SourcePush, shipbell.SourceExec, shipbell.SourceAlert, shipbell.SourceBuilds, shipbell.SourcePoll}).Draw(t, "source"),
			ID:     shipbell.EventID(fmt.Sprint(i)),
			At:     start.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "second")) * time.Second),
			Keys: []shipbell.Key{
				{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: rapid.SampledFrom([]string{"k1", "k2", "k3"}).Draw(t, "key")},
				{Type: shipbell.Worker, Kind: shipbell.KeyBuild, ID: "shared"},
			},
			Observation: shipbell.Observation{
				Type: shipbell.Worker, Project: "api-service", Environment: text("environment"),
				Status: rapid.SampledFrom([]shipbell.Status{"", shipbell.Announced, shipbell.Queued, shipbell.InProgress, shipbell.Success, shipbell.Failure, shipbell.Canceled}).Draw(t, "status"),
				Branch: text("branch"), Commit: text("commit"), CommitMessage: text("message"), Author: text("author"), URL: text("url"), Error: text("error"),
			},
		}
	}
	return list
}

// TestApplyOrderAndRepetition: whatever the order and the repetition of the
// events, the deployment is the same.
func TestApplyOrderAndRepetition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := events(t)
		want := normal(fold(list))
		shuffled := rapid.Permutation(append(list, list[:rapid.IntRange(0, len(list)).Draw(t, "repeats")]...)).Draw(t, "order")
		got := normal(fold(shuffled))
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("order and repetition matter:\n got %+v\nwant %+v", got, want)
		}
	})
}

// normal takes out what may depend on the order: the number of changes seen on
// the way, and which stamps are kept in Base.
func normal(d shipbell.Deployment) shipbell.Deployment {
	d.Revision, d.RecordedAt = 0, time.Time{}
	d.Provenance = shipbell.Provenance{}
	return d
}

// TestApplyIsPure: the deployment that is folded into stays as it was.
func TestApplyIsPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := events(t)
		d := fold(list)
		before := fmt.Sprintf("%+v", d)
		for _, e := range events(t) {
			shipbell.Apply(d, e)
		}
		if after := fmt.Sprintf("%+v", d); after != before {
			t.Fatalf("Apply changed its argument:\n got %s\nwant %s", after, before)
		}
	})
}

func TestApply(t *testing.T) {
	later := func(e *shipbell.Event) { e.ID, e.At = "2", start.Add(34*time.Second) }
	status := func(s shipbell.Status) func(*shipbell.Event) { return func(e *shipbell.Event) { e.Status = s } }
	source := func(s shipbell.Source) func(*shipbell.Event) { return func(e *shipbell.Event) { e.Source = s } }
	for _, test := range []struct {
		name     string
		first    shipbell.Event
		then     shipbell.Event
		check    func(shipbell.Deployment) any
		want     any
		revision shipbell.Revision
	}{
		{"a repeat changes nothing", push(), push(), func(d shipbell.Deployment) any { return d.Status }, shipbell.Announced, 1},
		{"a later repeat changes nothing", push(), push(later), func(d shipbell.Deployment) any { return d.StartedAt }, start, 1},
		{"a repeat in other words changes nothing", push(), push(later, func(e *shipbell.Event) { e.Author = "other" }), func(d shipbell.Deployment) any { return d.Author }, "dev@example.com", 1},
		{"what was not said is filled in", push(), push(later, func(e *shipbell.Event) { e.Tag = "v1" }), func(d shipbell.Deployment) any { return d.Tag }, "v1", 2},
		{"the outcome arrives", push(), push(later, status(shipbell.Success)), func(d shipbell.Deployment) any { return d.Took() }, 34 * time.Second, 2},
		{"status never goes back", push(status(shipbell.Success)), push(later, status(shipbell.InProgress)), func(d shipbell.Deployment) any { return d.Status }, shipbell.Success, 1},
		{"a retry may end differently", push(status(shipbell.Failure)), push(later, status(shipbell.Success)), func(d shipbell.Deployment) any { return d.Status }, shipbell.Success, 2},
		{"a second failure has its own error", push(status(shipbell.Failure), func(e *shipbell.Event) { e.Error = "first" }), push(later, status(shipbell.Failure), func(e *shipbell.Event) { e.Error = "second" }), func(d shipbell.Deployment) any { return d.Error }, "second", 2},
		{"an outcome has no other try's error", push(status(shipbell.Failure), func(e *shipbell.Event) { e.Error = "first" }), push(later, status(shipbell.Failure)), func(d shipbell.Deployment) any { return d.Error }, "", 2},
		{"only an outcome has an error", push(func(e *shipbell.Event) { e.Error = "warning" }), push(later, status(shipbell.Failure)), func(d shipbell.Deployment) any { return d.Error }, "", 2},
		{"Cloudflare's outcome beats a pushed one, and both are told", push(source(shipbell.SourcePoll), status(shipbell.Failure)), push(later, status(shipbell.Success)), func(d shipbell.Deployment) any { return d.Status }, shipbell.Failure, 2},
		{"Cloudflare's word beats a pushed one", push(), push(later, source(shipbell.SourcePoll), func(e *shipbell.Event) { e.Branch = "main" }), func(d shipbell.Deployment) any { return d.Branch }, "main", 2},
		{"a note of Cloudflare's does not replace the subject of a commit", push(func(e *shipbell.Event) { e.CommitMessage = "Add" }), push(later, source(shipbell.SourcePoll), func(e *shipbell.Event) { e.Commit, e.CommitMessage = "", "by hand" }), func(d shipbell.Deployment) any { return d.CommitMessage }, "Add", 1},
		{"the subject of a commit replaces a note", push(source(shipbell.SourcePoll), func(e *shipbell.Event) { e.Commit, e.CommitMessage = "", "by hand" }), push(later, func(e *shipbell.Event) { e.CommitMessage = "Add" }), func(d shipbell.Deployment) any { return d.CommitMessage }, "Add", 2},
		{"the pushed id is shown", push(source(shipbell.SourcePoll), func(e *shipbell.Event) { e.Keys[0].ID = "cf" }), push(later), func(d shipbell.Deployment) any { return d.ShownID }, "build-abc123", 2},
		{"what people cannot see is no change", push(), push(later, func(e *shipbell.Event) { e.VersionID, e.CI = "v", "true" }), func(d shipbell.Deployment) any { return d.VersionID }, "v", 1},
		{"the earliest time is the start", push(later), push(), func(d shipbell.Deployment) any { return d.StartedAt }, start, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := shipbell.Apply(shipbell.NewDeployment(test.first), test.then)
			if got := test.check(d); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if d.Revision != test.revision {
				t.Errorf("revision %d, want %d", d.Revision, test.revision)
			}
		})
	}
}

func TestParseStatus(t *testing.T) {
	for word, want := range map[string]shipbell.Status{"": shipbell.Announced, "Cancelled": shipbell.Canceled, " success ": shipbell.Success, "FAILED": shipbell.Failure, "started": shipbell.InProgress} {
		if got, err := shipbell.ParseStatus(word); err != nil || got != want {
			t.Errorf("ParseStatus(%q) = %q, %v; want %q", word, got, err, want)
		}
	}
	if _, err := shipbell.ParseStatus("done"); err == nil || !strings.Contains(err.Error(), "in_progress") {
		t.Errorf("an unknown status: %v, want an error that lists the accepted ones", err)
	}
}

func TestTook(t *testing.T) {
	// A client that sends the deployment's time with its outcome tells no duration.
	if took := fold([]shipbell.Event{push(), push(func(e *shipbell.Event) { e.ID, e.Status = "2", shipbell.Success })}).Took(); took != 0 {
		t.Errorf("took %s, want not known", took)
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*shipbell.Event){
		"source": func(e *shipbell.Event) { e.Source = "" },
		"id":     func(e *shipbell.Event) { e.ID = "" },
		"keys":   func(e *shipbell.Event) { e.Keys = nil },
		"key":    func(e *shipbell.Event) { e.Keys[0].ID = strings.Repeat("x", shipbell.MaxKeyLength+1) },
		"type":   func(e *shipbell.Event) { e.Type = "site" },
		"other":  func(e *shipbell.Event) { e.Type = shipbell.Pages },
		"name":   func(e *shipbell.Event) { e.Project = " " },
		"time":   func(e *shipbell.Event) { e.At = time.Time{} },
	} {
		if err := push(change).Validate(); err == nil {
			t.Errorf("an event with a bad %s passed", name)
		}
	}
	if err := push().Validate(); err != nil {
		t.Error(err)
	}
}

// A deployment takes so many keys and no more: each is looked at with every event.
func TestKeysAreBounded(t *testing.T) {
	d := shipbell.NewDeployment(push())
	for i := range 500 {
		d = shipbell.Apply(d, push(func(e *shipbell.Event) {
			e.ID = shipbell.EventID(fmt.Sprint(i))
			if i == 499 {
				e.Status = shipbell.Success
			}
			e.At = start.Add(time.Duration(i) * time.Second)
			e.Keys = append(e.Keys, shipbell.Key{Type: shipbell.Worker, Kind: shipbell.KeyVersion, ID: fmt.Sprint("version-", i)})
		}))
	}
	if len(d.Keys) > 100 || d.Status != shipbell.Success {
		t.Errorf("%d keys, and the last event made it %s", len(d.Keys), d.Status)
	}
}
