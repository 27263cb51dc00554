package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/render"
	"github.com/shipbell/shipbell/internal/store/memory"
)

var start = time.Date(2025, 1, 15, 10, 30, 45, 0, time.UTC)

const channel shipbell.ChannelID = "test:a"

// book is a ledger in memory with one channel and a clock.
type book struct {
	*testing.T
	store *memory.Store
	*ledger.Ledger
	now   time.Time
	posts int // messages ever posted
	gone  int // messages removed
	open  map[shipbell.MessageRef]shipbell.Part
}

func (*book) Channels(shipbell.Deployment) []shipbell.ChannelID { return []shipbell.ChannelID{channel} }
func (*book) Everywhere() []shipbell.ChannelID                  { return []shipbell.ChannelID{channel} }

func newBook(t *testing.T) *book {
	b := &book{T: t, store: memory.New(), now: start.Add(time.Minute), open: make(map[shipbell.MessageRef]shipbell.Part)}
	b.Ledger = ledger.New(ledger.Options{Store: b.store, Router: b, Now: func() time.Time { return b.now }, Asked: true})
	return b
}

func (b *book) record(events ...shipbell.Event) {
	b.Helper()
	for _, e := range events {
		if _, err := b.Record(context.Background(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// deliver shows what is stale, as a channel would; at most n messages, all with 0.
func (b *book) deliver(n int) {
	b.Helper()
	for i := 0; n == 0 || i < n; i++ {
		a, s, err := b.Stale(context.Background(), channel)
		var none ledger.NothingDue
		if errors.As(err, &none) {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
		post := a.Ref == ""
		a.Shown = a.Wanted
		switch {
		case a.Part.Obsolete():
			delete(b.open, a.Ref)
			a.Ref = ""
			b.gone++
		case post:
			b.posts++
			a.Ref = shipbell.MessageRef(fmt.Sprint(b.posts))
			b.open[a.Ref] = a.Part
		}
		var told []shipbell.Part
		if post && a.Part == shipbell.PartMain && s.Deployment.Status == shipbell.Failure {
			told = append(told, shipbell.PartAlert)
		}
		attempt := shipbell.Attempt{Deployment: a.Deployment, Channel: channel, Part: a.Part, Revision: a.Wanted, At: b.now, Edit: !post}
		if err := b.Mark(context.Background(), a, attempt, shipbell.Lane{Channel: channel}, told); err != nil {
			b.Fatal(err)
		}
	}
}

// mains counts the main messages that are there.
func (b *book) mains() int {
	n := 0
	for _, p := range b.open {
		if p == shipbell.PartMain {
			n++
		}
	}
	return n
}

func (b *book) deployments() []shipbell.Deployment {
	b.Helper()
	var all []shipbell.Deployment
	for _, t := range []shipbell.ProjectType{shipbell.Worker, shipbell.Pages} {
		err := b.store.View(context.Background(), func(tx ledger.Tx) error {
			for _, name := range []string{"api", "web", "api-staging", "site", "site-abc"} {
				d, err := tx.Recent(t, []string{name}, 1000, false)
				if err != nil {
					return err
				}
				all = append(all, d...)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return all
}

func key(kind shipbell.KeyKind, id string) shipbell.Key {
	return shipbell.Key{Type: shipbell.Worker, Kind: kind, ID: id}
}

// event makes an event of the Worker api at a second after the start.
func event(source shipbell.Source, second int, status shipbell.Status, keys ...shipbell.Key) shipbell.Event {
	e := shipbell.Event{
		Source: source, At: start.Add(time.Duration(second) * time.Second), ReceivedAt: start, Keys: keys,
		Observation: shipbell.Observation{Type: keys[0].Type, Project: "api", Status: status},
	}
	e.ID = shipbell.EventID(fmt.Sprintf("%s-%d-%s-%s", source, second, status, keys[0].ID))
	return e
}

const commit = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"

// told is one deployment as all five sources tell of it.
func told() map[string][]shipbell.Event {
	build, version, deployment, pushed := key(shipbell.KeyBuild, "build-1"), key(shipbell.KeyVersion, "version-1"), key(shipbell.KeyDeployment, "deployment-1"), key(shipbell.KeyPushed, "build-1")
	ofCommit := func(e shipbell.Event) shipbell.Event {
		e.Commit, e.Branch, e.Author = commit, "main", "dev@example.com"
		return e
	}
	pages := func(e shipbell.Event) shipbell.Event {
		e.Type = shipbell.Pages
		e.Project = "site"
		e.Keys = slices.Clone(e.Keys)
		for i := range e.Keys {
			e.Keys[i].Type = shipbell.Pages
		}
		return e
	}
	short, long := key(shipbell.KeyShort, "f64788e9"), key(shipbell.KeyDeployment, "f64788e9-1111-2222-3333-444444444444")
	run := key(shipbell.KeyPushed, "github-1-1:api:production")
	return map[string][]shipbell.Event{
		// A Workers build: push, exec, build events, and the API.
		"workers build": {
			ofCommit(event(shipbell.SourcePush, 5, shipbell.Announced, pushed)),
			ofCommit(event(shipbell.SourceExec, 6, shipbell.InProgress, pushed)),
			ofCommit(event(shipbell.SourceExec, 34, shipbell.Success, pushed, version)),
			ofCommit(event(shipbell.SourceBuilds, 0, shipbell.InProgress, build)),
			ofCommit(event(shipbell.SourceBuilds, 40, shipbell.Success, build)),
			ofCommit(event(shipbell.SourcePoll, 30, shipbell.Success, deployment, version, build)),
		},
		// Another CI, which shares no id with Cloudflare but for the wrapper's word.
		"another CI": {
			ofCommit(event(shipbell.SourcePush, 5, shipbell.Announced, run)),
			ofCommit(event(shipbell.SourceExec, 6, shipbell.InProgress, run)),
			ofCommit(event(shipbell.SourceExec, 34, shipbell.Success, run, version)),
			event(shipbell.SourcePoll, 30, shipbell.Success, deployment, version),
		},
		// No id in common at all.
		"by commit": {
			ofCommit(event(shipbell.SourcePush, 5, shipbell.Announced, run)),
			ofCommit(event(shipbell.SourceBuilds, 0, shipbell.InProgress, build)),
			ofCommit(event(shipbell.SourcePoll, 30, shipbell.Success, deployment, version, build)),
		},
		// Nothing but the time.
		"by time": {
			event(shipbell.SourcePush, 5, shipbell.Announced, run),
			event(shipbell.SourcePush, 35, shipbell.Success, run),
			event(shipbell.SourcePoll, 30, shipbell.Success, deployment, version),
		},
		"pages": {
			pages(ofCommit(event(shipbell.SourcePush, 5, shipbell.Announced, key(shipbell.KeyPushed, "f64788e9")))),
			pages(event(shipbell.SourceAlert, 0, shipbell.InProgress, long)),
			pages(ofCommit(event(shipbell.SourcePoll, 0, shipbell.InProgress, long, short))),
			pages(event(shipbell.SourceAlert, 50, shipbell.Failure, long)),
			pages(ofCommit(event(shipbell.SourcePoll, 50, shipbell.Failure, long, short))),
		},
	}
}

// normal takes out what may depend on the order of arrival.
func normal(d shipbell.Deployment) shipbell.Deployment {
	d.ID, d.Revision, d.RecordedAt, d.Provenance = 0, 0, time.Time{}, shipbell.Provenance{}
	return d
}

// TestAnyOrderOneDeployment: one deployment told by several sources, in 1,000
// random orders of each kind, with repeats and subsets, and with messages
// delivered in between, is one deployment with one message.
func TestAnyOrderOneDeployment(t *testing.T) {
	for name, events := range told() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(1000) {
				random := rand.New(rand.NewPCG(seed, 1))
				heard := subset(random, name, events)
				b := newBook(t)
				b.record(heard...)
				want := b.deployments()
				if len(want) != 1 {
					t.Fatalf("seed %d: in the order of time %d deployments: %s", seed, len(want), story(heard))
				}

				shuffled := append(slices.Clone(heard), heard[:random.IntN(len(heard))]...)
				random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
				b = newBook(t)
				for _, e := range shuffled {
					b.record(e)
					b.deliver(random.IntN(2) + 1)
				}
				b.deliver(0)
				got := b.deployments()
				if len(got) != 1 {
					t.Fatalf("seed %d: %d deployments: %s", seed, len(got), story(shuffled))
				}
				if n := b.mains(); n != 1 {
					t.Fatalf("seed %d: %d messages: %s", seed, n, story(shuffled))
				}
				if g, w := render.Message(got[0]).Plain(), render.Message(want[0]).Plain(); g != w {
					t.Fatalf("seed %d: %s\n%s\nwant:\n%s", seed, story(shuffled), g, w)
				}
				if g, w := normal(got[0]), normal(want[0]); !reflect.DeepEqual(g, w) {
					t.Fatalf("seed %d: %s\n got %+v\nwant %+v", seed, story(shuffled), g, w)
				}
			}
		})
	}
}

// subset leaves out some events, never those that tie the others together.
func subset(random *rand.Rand, name string, events []shipbell.Event) []shipbell.Event {
	for {
		heard := slices.DeleteFunc(slices.Clone(events), func(shipbell.Event) bool { return random.IntN(4) == 0 })
		if len(heard) > 0 {
			return heard
		}
	}
}

func story(events []shipbell.Event) string {
	var words []string
	for _, e := range events {
		words = append(words, fmt.Sprintf("%s %s %s", e.Source, e.Status, e.Keys[0].ID))
	}
	return strings.Join(words, ", ")
}

// TestNoneJoinedWrongly: what happens at the same time stays apart.
func TestNoneJoinedWrongly(t *testing.T) {
	project := func(name string, e shipbell.Event) shipbell.Event {
		e.Project = name
		e.ID += shipbell.EventID(name)
		return e
	}
	with := func(hash string, e shipbell.Event) shipbell.Event {
		e.Commit = hash
		return e
	}
	pushed := func(n int) shipbell.Key { return key(shipbell.KeyPushed, fmt.Sprintf("run-%d", n)) }
	seen := func(n int) []shipbell.Key {
		return []shipbell.Key{key(shipbell.KeyDeployment, fmt.Sprintf("deployment-%d", n)), key(shipbell.KeyVersion, fmt.Sprintf("version-%d", n))}
	}
	hash := func(n int) string { return strings.Repeat(fmt.Sprint(n), 40) }
	var oneByOne, entangled, reversed []shipbell.Event
	for n := range 5 {
		oneByOne = append(oneByOne, event(shipbell.SourcePush, 12*n, shipbell.Announced, pushed(n)))
		entangled = append(entangled, with(hash(n), event(shipbell.SourcePush, n, shipbell.Announced, pushed(n))))
	}
	for n := range 5 {
		oneByOne = append(oneByOne, event(shipbell.SourcePoll, 12*n+8, shipbell.Success, seen(n)...))
		entangled = append(entangled, with(hash(n), event(shipbell.SourcePoll, 30+n, shipbell.Success, seen(n)...)))
	}
	reversed = slices.Clone(entangled)
	slices.Reverse(reversed)
	for _, test := range []struct {
		name        string
		events      []shipbell.Event
		deployments int
	}{
		{"two projects push the same commit at once", []shipbell.Event{
			with(commit, project("api", event(shipbell.SourcePush, 0, shipbell.Announced, pushed(1)))),
			with(commit, project("web", event(shipbell.SourcePush, 0, shipbell.Announced, pushed(2)))),
			with(commit, project("web", event(shipbell.SourcePoll, 20, shipbell.Success, seen(2)...))),
			with(commit, project("api", event(shipbell.SourcePoll, 21, shipbell.Success, seen(1)...))),
		}, 2},
		{"five deployments of one project inside a minute, heard of afterwards", oneByOne, 5},
		{"five entangled ones, told apart by their commits", entangled, 5},
		{"the same, heard of the other way round", reversed, 5},
		{"two that only the time could tell apart are not joined", []shipbell.Event{
			event(shipbell.SourcePush, 0, shipbell.Announced, pushed(1)),
			event(shipbell.SourcePush, 1, shipbell.Announced, pushed(2)),
			event(shipbell.SourcePoll, 20, shipbell.Success, seen(1)...),
		}, 3},
		{"the same commit pushed twice", []shipbell.Event{
			with(commit, event(shipbell.SourcePush, 0, shipbell.Announced, pushed(1))),
			with(commit, event(shipbell.SourcePush, 1, shipbell.Announced, pushed(2))),
		}, 2},
		{"the same commit deployed again after a failure", []shipbell.Event{
			with(commit, event(shipbell.SourcePush, 0, shipbell.Announced, pushed(1))),
			with(commit, event(shipbell.SourcePush, 20, shipbell.Failure, pushed(1))),
			with(commit, event(shipbell.SourcePush, 300, shipbell.Announced, pushed(2))),
			event(shipbell.SourcePoll, 330, shipbell.Success, seen(2)...),
		}, 2},
		{"a version that is put back is another deployment", []shipbell.Event{
			event(shipbell.SourcePoll, 0, shipbell.Success, seen(1)...),
			event(shipbell.SourcePoll, 100, shipbell.Success, seen(2)...),
			event(shipbell.SourcePoll, 200, shipbell.Success, seen(3)[0], seen(1)[1]),
		}, 3},
		{"another environment's Worker", []shipbell.Event{
			func() shipbell.Event {
				e := project("api", event(shipbell.SourcePush, 0, shipbell.Announced, pushed(1)))
				e.Environment = "staging"
				return e
			}(),
			event(shipbell.SourcePoll, 10, shipbell.Success, seen(1)...),
			func() shipbell.Event {
				e := event(shipbell.SourcePoll, 11, shipbell.Success, seen(2)...)
				e.Script, e.Environment = "api-staging", "staging"
				return e
			}(),
		}, 2},
		{"a version that is uploaded and deployed later", []shipbell.Event{
			func() shipbell.Event {
				e := event(shipbell.SourceExec, 0, shipbell.Success, pushed(1), seen(1)[1])
				e.Environment = shipbell.Preview
				return e
			}(),
			event(shipbell.SourcePoll, 600, shipbell.Success, seen(1)...),
		}, 2},
		{"the deploy wrapper beside a push of the same commit", []shipbell.Event{
			with(commit, event(shipbell.SourcePush, 0, shipbell.Announced, pushed(1))),
			with(commit, event(shipbell.SourceExec, 5, shipbell.InProgress, key(shipbell.KeyPushed, "wrapped-1"))),
			with(commit, event(shipbell.SourceExec, 50, shipbell.Failure, key(shipbell.KeyPushed, "wrapped-1"))),
			with(commit, event(shipbell.SourceExec, 90, shipbell.InProgress, key(shipbell.KeyPushed, "wrapped-2"))),
		}, 2},
		{"a day later the time says nothing", []shipbell.Event{
			event(shipbell.SourcePush, 0, shipbell.Announced, pushed(1)),
			event(shipbell.SourcePoll, 86400, shipbell.Success, seen(1)...),
		}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBook(t)
			for range 2 {
				for _, e := range test.events {
					b.record(e)
					b.deliver(1)
				}
			}
			b.deliver(0)
			all := b.deployments()
			if len(all) != test.deployments || b.mains() != test.deployments {
				t.Errorf("%d deployments and %d messages, want %d of each", len(all), b.mains(), test.deployments)
			}
			for _, d := range all {
				for i, k := range d.Keys {
					for _, o := range d.Keys[:i] {
						wrapped := strings.HasPrefix(k.ID, "wrapped") || strings.HasPrefix(o.ID, "wrapped")
						if k.Kind == o.Kind && !wrapped {
							t.Errorf("joined wrongly: %v", d.Keys)
						}
					}
				}
				if n := len(d.Keys); test.deployments == 5 && (n != 3 || d.Keys[0].ID[len("deployment-"):] != d.Keys[1].ID[len("run-"):]) {
					t.Errorf("joined wrongly: %v", d.Keys)
				}
			}
		})
	}
}
