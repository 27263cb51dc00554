package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
)

// counting is a book that also keeps the steps that are counted.
func counting(t *testing.T) (*book, *[]string) {
	b := &book{T: t, store: memory.New(), now: start.Add(time.Minute), open: make(map[shipbell.MessageRef]shipbell.Part)}
	var steps []string
	b.Ledger = ledger.New(ledger.Options{
		Store: b.store, Router: b, Now: func() time.Time { return b.now }, Asked: true,
		Count: func(s ledger.Step) {
			steps = append(steps, strings.Join(strings.Fields(fmt.Sprintln(
				s.Source, s.Verdict, s.Join, s.Project, s.Environment, string(s.Was)+">"+string(s.Status), s.Alarm,
			)), " "))
		},
	})
	return b, &steps
}

// TestSteps: what is counted of each event.
func TestSteps(t *testing.T) {
	pushed, other := key(shipbell.KeyPushed, "run-1"), key(shipbell.KeyPushed, "run-2")
	build := key(shipbell.KeyBuild, "build-1")
	seen := []shipbell.Key{key(shipbell.KeyDeployment, "deployment-1"), key(shipbell.KeyVersion, "version-1")}
	with := func(hash string, e shipbell.Event) shipbell.Event {
		e.Commit = hash
		return e
	}
	stranger := event(shipbell.SourcePush, 5, shipbell.Announced, pushed)
	stranger.Project = "web"
	for _, test := range []struct {
		name   string
		events []shipbell.Event
		want   []string
	}{
		{"one that goes on, and its repeat", []shipbell.Event{
			event(shipbell.SourcePush, 0, shipbell.Announced, pushed),
			event(shipbell.SourceExec, 5, shipbell.Success, pushed),
			event(shipbell.SourceExec, 5, shipbell.Success, pushed),
		}, []string{
			"push opened opened api production >announced",
			"exec changed key api production announced>success",
			"exec repeated >",
		}},
		{"by time", []shipbell.Event{
			event(shipbell.SourcePush, 0, shipbell.Announced, pushed),
			event(shipbell.SourcePoll, 30, shipbell.Success, seen...),
		}, []string{
			"push opened opened api production >announced",
			"poll changed time api production announced>success",
		}},
		{"about the time", []shipbell.Event{
			event(shipbell.SourcePush, 40, shipbell.Announced, pushed),
			event(shipbell.SourcePoll, 30, shipbell.InProgress, seen...),
		}, []string{
			"push opened opened api production >announced",
			"poll changed about_time api production announced>in_progress",
		}},
		{"by commit", []shipbell.Event{
			with(commit, event(shipbell.SourcePush, 0, shipbell.Announced, pushed)),
			with(commit, event(shipbell.SourceBuilds, 1, shipbell.InProgress, build)),
		}, []string{
			"push opened opened api production >announced",
			"builds changed commit api production announced>in_progress",
		}},
		{"two that fit", []shipbell.Event{
			event(shipbell.SourcePush, 0, shipbell.Announced, pushed),
			event(shipbell.SourcePush, 1, shipbell.Announced, other),
			event(shipbell.SourcePoll, 20, shipbell.Success, seen...),
		}, []string{
			"push opened opened api production >announced",
			"push opened opened api production >announced",
			"poll opened opened_ambiguous api production >success",
		}},
		{"another deployment under its key", []shipbell.Event{
			event(shipbell.SourcePoll, 0, shipbell.Success, seen...),
			event(shipbell.SourcePoll, 7200, shipbell.Success, key(shipbell.KeyDeployment, "deployment-2"), seen[1]),
		}, []string{
			"poll opened opened api production >success",
			"poll opened opened_taken api production >success",
		}},
		{"another project's id", []shipbell.Event{event(shipbell.SourcePush, 0, shipbell.Announced, pushed), stranger}, []string{
			"push opened opened api production >announced",
			"push unchanged stranger >",
		}},
		{"two that were one: its success is counted once", []shipbell.Event{
			event(shipbell.SourceBuilds, 0, shipbell.InProgress, build),
			with(commit, event(shipbell.SourceExec, 7200, shipbell.Success, seen[1])),
			event(shipbell.SourceExec, 7200, shipbell.InProgress, build, seen[1]),
		}, []string{
			"builds opened opened api production >in_progress",
			"exec opened opened api production >success",
			"exec changed merged api production success>success",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, steps := counting(t)
			b.record(test.events...)
			if !slices.Equal(*steps, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(*steps, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestStepsOfConclusions: the ledger's own are counted too, and an alarm once.
func TestStepsOfConclusions(t *testing.T) {
	b, steps := counting(t)
	build := key(shipbell.KeyBuild, "build-1")
	b.record(event(shipbell.SourceBuilds, 60, shipbell.Success, build))
	b.until(3*time.Hour, true)
	b.record(event(shipbell.SourcePoll, 55, shipbell.Success, build, key(shipbell.KeyDeployment, "deployment-1")))
	b.until(4*time.Hour, true)
	want := []string{
		"builds opened opened api production >success",
		"watch changed watch api production success>failure not_live",
		"poll changed key api production failure>success",
		"watch changed watch api production success>success",
	}
	if !slices.Equal(*steps, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(*steps, "\n"), strings.Join(want, "\n"))
	}
}

// TestStepsOfWhatIsNotKept: a failed transaction is not counted, and one that is
// only remembered counts for its source alone.
func TestStepsOfWhatIsNotKept(t *testing.T) {
	b, steps := counting(t)
	if _, _, err := b.Import(t.Context(), ledger.State{Workers: []string{"run-1"}}); err != nil {
		t.Fatal(err)
	}
	b.record(event(shipbell.SourcePush, 0, shipbell.Announced, key(shipbell.KeyPushed, "run-1")))
	if _, err := b.Record(t.Context(), shipbell.Event{}); err == nil {
		t.Error("an event without anything was recorded")
	}
	if want := []string{"push remembered >"}; !slices.Equal(*steps, want) {
		t.Errorf("got %q, want %q", *steps, want)
	}
}
