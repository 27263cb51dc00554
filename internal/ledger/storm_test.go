package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// TestStorm: random words of all sources about several deployments, ids that turn
// out late to be one, looks of the watch, messages that a person deletes, and
// requests that are under way meanwhile. In the end every deployment has one
// message, every message belongs to one, and nothing is left to deliver.
func TestStorm(t *testing.T) {
	for seed := range uint64(400) {
		storm(t, seed)
	}
}

// request is one that is under way: what it made is in the chat already, and the
// ledger does not know yet.
type request struct {
	a     shipbell.Announcement
	s     shipbell.Subject
	fault shipbell.Fault
	ref   shipbell.MessageRef
}

func storm(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 7))
	b := newBook(t)
	var under *request
	for range 60 {
		switch n := random.IntN(10); {
		case n < 6:
			b.record(word(random))
		case n < 7:
			b.now = b.now.Add(time.Duration(random.IntN(20)) * time.Minute)
			b.watch(random.IntN(2) == 0)
		case under == nil:
			under = b.begin(random)
		default:
			b.end(under)
			under = nil
		}
	}
	if under != nil {
		b.end(under)
	}
	b.now = b.now.Add(24 * time.Hour)
	for n := 0; ; n++ {
		if under = b.begin(nil); under == nil {
			break
		}
		b.end(under)
		if n > 1000 {
			t.Fatalf("seed %d: it never ends", seed)
		}
	}

	known := make(map[shipbell.MessageRef]bool)
	for _, d := range b.deployments() {
		s, err := b.Story(t.Context(), d.Keys[0])
		if err != nil {
			t.Fatal(err)
		}
		mains := 0
		for _, a := range s.Announcements {
			if a.Ref != "" {
				known[a.Ref] = true
			}
			if a.Part == shipbell.PartMain && b.open[a.Ref] == shipbell.PartMain {
				mains++
			}
			if a.Part.Obsolete() {
				t.Fatalf("seed %d: a message was not removed: %+v", seed, a)
			}
		}
		if mains != 1 {
			t.Fatalf("seed %d: deployment %d has %d messages: %+v", seed, d.ID, mains, s.Announcements)
		}
	}
	for ref, part := range b.open {
		if !known[ref] {
			t.Fatalf("seed %d: message %s of part %d belongs to nothing", seed, ref, part)
		}
	}
}

// word is something that one of the sources says.
func word(random *rand.Rand) shipbell.Event {
	sources := []shipbell.Source{shipbell.SourcePush, shipbell.SourceExec, shipbell.SourceBuilds, shipbell.SourcePoll, shipbell.SourceAlert}
	statuses := []shipbell.Status{shipbell.Announced, shipbell.InProgress, shipbell.Success, shipbell.Failure, shipbell.Canceled, shipbell.Skipped}
	kinds := []shipbell.KeyKind{shipbell.KeyPushed, shipbell.KeyBuild, shipbell.KeyVersion, shipbell.KeyDeployment}
	n := random.IntN(4) // which deployment is meant
	var keys []shipbell.Key
	for _, k := range random.Perm(len(kinds))[:1+random.IntN(2)] {
		m := n
		if random.IntN(12) == 0 {
			m = random.IntN(4) // somebody mixes two up
		}
		keys = append(keys, key(kinds[k], fmt.Sprintf("%s-%d", kinds[k], m)))
	}
	e := event(sources[random.IntN(len(sources))], 300*n+random.IntN(100), statuses[random.IntN(len(statuses))], keys...)
	e.ID = shipbell.EventID(fmt.Sprint(random.Uint64()))
	if random.IntN(3) == 0 {
		e.Commit = fmt.Sprintf("%040d", n)
	}
	e.Environment = []string{"", "", "staging", shipbell.Preview}[random.IntN(4)]
	if random.IntN(6) == 0 {
		e.Project = "web"
	}
	return e
}

// begin makes the next request, of which some fail and some find that a person
// deleted the message; nil where nothing is to be delivered.
func (b *book) begin(random *rand.Rand) *request {
	b.Helper()
	a, s, err := b.Stale(context.Background(), channel)
	var none ledger.NothingDue
	if errors.As(err, &none) {
		return nil
	}
	if err != nil {
		b.Fatal(err)
	}
	r := &request{a: a, s: s, ref: a.Ref}
	if random != nil {
		switch random.IntN(8) {
		case 0:
			r.fault = shipbell.FaultTemporary
			return r
		case 1:
			if a.Ref != "" {
				delete(b.open, a.Ref)
				r.fault = shipbell.FaultGone
				return r
			}
		}
	}
	switch {
	case a.Part.Obsolete():
		delete(b.open, a.Ref)
	case a.Ref == "":
		b.posts++
		r.ref = shipbell.MessageRef(fmt.Sprint(b.posts))
		b.open[r.ref] = a.Part
	}
	return r
}

// end marks what became of a request, as a lane does.
func (b *book) end(r *request) {
	b.Helper()
	a, told := r.a, []shipbell.Part(nil)
	attempt := shipbell.Attempt{Deployment: a.Deployment, Channel: channel, Part: a.Part, Revision: a.Wanted, At: b.now, Edit: a.Ref != "", Fault: r.fault}
	switch {
	case r.fault == shipbell.FaultTemporary:
	case a.Part.Obsolete(), r.fault == shipbell.FaultGone && a.Part != shipbell.PartMain:
		a.Ref, a.Shown = "", a.Wanted
	case r.fault == shipbell.FaultGone:
		a.Ref = ""
	default:
		a.Ref, a.Shown = r.ref, a.Wanted
		if !attempt.Edit && a.Part == shipbell.PartMain && (r.s.Deployment.Status == shipbell.Failure || r.s.Deployment.Alarm != nil) {
			told = append(told, shipbell.PartAlert)
		}
	}
	if err := b.Mark(context.Background(), a, attempt, shipbell.Lane{Channel: channel}, told); err != nil {
		b.Fatal(err)
	}
}
