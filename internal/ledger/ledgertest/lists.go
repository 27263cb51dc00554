package ledgertest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// at makes e happen that much after Start.
func at(d time.Duration) func(*shipbell.Event) {
	return func(e *shipbell.Event) { e.At = Start.Add(d) }
}

// list returns the shown ids of a list.
func (s *suite) list(f shipbell.Filter, after shipbell.Position, n int) ([]string, shipbell.Position) {
	s.Helper()
	list, err := s.ledger.List(s.Context(), f, after, n)
	s.must(err)
	ids := []string{}
	for _, d := range list.Deployments {
		ids = append(ids, d.ShownID)
	}
	return ids, list.Next
}

func listInOrder(s *suite) {
	// Told in another order than they started; two at the same time.
	for i, minutes := range []int{3, 1, 4, 1, 5, 9, 2, 6} {
		s.record(Push(fmt.Sprint("d", i), at(time.Duration(minutes)*time.Minute)), ledger.Opened)
	}
	want := []string{"d5", "d7", "d4", "d2", "d0", "d6", "d3", "d1"}
	all, next := s.list(shipbell.Filter{}, shipbell.Position{}, 100)
	s.equal("all", all, want)
	s.equal("behind the last", next, shipbell.Position{})
	var paged []string
	for from := (shipbell.Position{}); ; {
		part, next := s.list(shipbell.Filter{}, from, 3)
		paged = append(paged, part...)
		if next.IsZero() {
			break
		}
		// A position survives its way through a URL.
		var err error
		from, err = shipbell.ParsePosition(next.String())
		s.must(err)
		// What comes in meanwhile moves nothing.
		s.record(Push(fmt.Sprint("late", len(paged)), at(time.Hour)), ledger.Opened)
	}
	s.equal("page by page", paged, want)
}

func listByEachFilter(s *suite) {
	make := func(id string, change func(*shipbell.Event)) {
		s.record(Push(id, func(e *shipbell.Event) {
			e.At = Start.Add(time.Duration(id[0]) * time.Minute)
			change(e)
		}), ledger.Opened)
	}
	make("a", func(e *shipbell.Event) {})
	make("b", func(e *shipbell.Event) { e.Type, e.Keys[0].Type = shipbell.Pages, shipbell.Pages })
	make("c", func(e *shipbell.Event) { e.Project = "web" })
	make("d", func(e *shipbell.Event) { e.Environment = "staging" })
	make("e", func(e *shipbell.Event) { e.Environment = "" })
	make("f", func(e *shipbell.Event) { e.Status = shipbell.Failure })
	make("g", func(e *shipbell.Event) { e.Status, e.Author = shipbell.InProgress, "else@example.com" })
	make("h", func(e *shipbell.Event) { e.Branch = "main" })
	start := func(id string) time.Time { return Start.Add(time.Duration(id[0]) * time.Minute) }
	for _, test := range []struct {
		filter shipbell.Filter
		want   string
	}{
		{shipbell.Filter{}, "hgfedcba"},
		{shipbell.Filter{Type: shipbell.Pages}, "b"},
		{shipbell.Filter{Project: "web"}, "c"},
		{shipbell.Filter{Project: "we"}, ""},
		{shipbell.Filter{Environment: "staging"}, "d"},
		{shipbell.Filter{Environment: shipbell.Production}, "hgfecba"},
		{shipbell.Filter{Status: []shipbell.Status{shipbell.Failure, shipbell.InProgress}}, "gf"},
		{shipbell.Filter{Status: []shipbell.Status{shipbell.Announced}}, "hedcba"},
		{shipbell.Filter{Author: "else@example.com"}, "g"},
		{shipbell.Filter{Author: "nobody"}, ""},
		{shipbell.Filter{Branch: "main"}, "h"},
		{shipbell.Filter{Since: start("f")}, "hgf"},
		{shipbell.Filter{Until: start("c")}, "ba"},
		{shipbell.Filter{Since: start("c"), Until: start("e"), Environment: shipbell.Production}, "c"},
		{shipbell.Filter{Type: shipbell.Worker, Project: "api-service", Environment: shipbell.Production, Status: []shipbell.Status{shipbell.Announced}, Author: "dev@example.com"}, "hea"},
		{shipbell.Filter{Author: "else@example.com", Status: []shipbell.Status{shipbell.Failure}}, ""},
	} {
		got, _ := s.list(test.filter, shipbell.Position{}, 100)
		s.equal("list of "+test.filter.Values().Encode(), strings.Join(got, ""), test.want)
		briefs, err := s.ledger.Briefs(s.Context(), test.filter, shipbell.Position{}, 100)
		s.must(err)
		for i, b := range briefs {
			story, err := s.ledger.Deployment(s.Context(), b.ID)
			s.must(err)
			s.equal("brief", b, story.Deployment.Brief())
			s.equal("order", story.Deployment.ShownID, got[i])
		}
		s.equal("briefs", len(briefs), len(got))
	}
}

// listTakesLongTexts: no text keeps its deployment, or those behind it, out of the
// lists. It is random, so that no index makes it short.
func listTakesLongTexts(s *suite) {
	random := rand.New(rand.NewPCG(1, 2))
	long := make([]rune, 10_000)
	for i := range long {
		long[i] = rune('一' + random.IntN(20_000))
	}
	s.record(Push("a", func(e *shipbell.Event) { e.Branch, e.Author = string(long), "x"+string(long) }), ledger.Opened)
	s.record(Push("b", at(time.Minute)), ledger.Opened)
	s.record(Push("b", at(time.Minute), func(e *shipbell.Event) { e.ID, e.Branch = "more", "y"+string(long) }), ledger.Changed)
	ids, _ := s.list(shipbell.Filter{}, shipbell.Position{}, 10)
	s.equal("listed", ids, []string{"b", "a"})
	s.record(Push("b", at(time.Minute), func(e *shipbell.Event) { e.ID, e.Branch, e.Status = "over", "z"+string(long), shipbell.Success }), ledger.Changed)
	ids, _ = s.list(shipbell.Filter{Status: []shipbell.Status{shipbell.Success}}, shipbell.Position{}, 10)
	s.equal("listed after a change", ids, []string{"b"})
}

// listIsShort: of a long message a list has the start, so that many fit in memory,
// and a part of a list does not depend on in how many goes it was read.
func listIsShort(s *suite) {
	for i := range 130 {
		s.record(Push(fmt.Sprint("l", i), at(time.Duration(i)*time.Second), func(e *shipbell.Event) {
			e.CommitMessage, e.Log = "Fix it\n"+strings.Repeat("x", 50_000), "a log"
		}), ledger.Opened)
	}
	list, err := s.ledger.List(s.Context(), shipbell.Filter{}, shipbell.Position{}, 120)
	s.must(err)
	s.equal("deployments", len(list.Deployments), 120)
	for i, d := range list.Deployments {
		s.equal("order", d.ShownID, fmt.Sprint("l", 129-i))
		if !strings.HasPrefix(d.CommitMessage, "Fix it") || len(d.CommitMessage)+len(d.Log) > 4<<10 {
			s.Fatalf("%d bytes of a message", len(d.CommitMessage))
		}
	}
	rest, _ := s.list(shipbell.Filter{}, list.Next, 120)
	s.equal("the rest", len(rest), 10)
}

// placesNewestFirst: whoever asks for some gets those with the newest deployments.
func placesNewestFirst(s *suite) {
	for i, project := range []string{"one", "two", "three", "one"} {
		s.record(Push(fmt.Sprint("p", i), func(e *shipbell.Event) { e.Project = project }), ledger.Opened)
	}
	for n, want := range map[int]string{1: "one", 2: "one three", 9: "one three two"} {
		places, err := s.ledger.Places(s.Context(), n)
		s.must(err)
		var names []string
		for _, p := range places {
			names = append(names, p.Name)
		}
		s.equal(fmt.Sprint("places ", n), strings.Join(names, " "), want)
	}
}

// listFollowsChanges: what is in a list already moves within it.
func listFollowsChanges(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.record(Push("b"), ledger.Opened)
	failed := shipbell.Filter{Status: []shipbell.Status{shipbell.Failure}}
	got, _ := s.list(failed, shipbell.Position{}, 10)
	s.equal("before", got, []string{})
	s.record(Push("a", outcome(shipbell.Failure)), ledger.Changed)
	got, _ = s.list(failed, shipbell.Position{}, 10)
	s.equal("after", got, []string{"a"})
	got, _ = s.list(shipbell.Filter{Status: []shipbell.Status{shipbell.Announced}}, shipbell.Position{}, 10)
	s.equal("what it was before", got, []string{"b"})
	s.record(tie("a", "b"), ledger.Changed)
	got, _ = s.list(shipbell.Filter{}, shipbell.Position{}, 10)
	s.equal("merged", len(got), 1)
	s.now = s.now.Add(24 * time.Hour)
	_, err := s.ledger.Sweep(s.Context(), ledger.Retention{Deployments: time.Hour}, nil)
	s.must(err)
	got, _ = s.list(shipbell.Filter{}, shipbell.Position{}, 10)
	s.equal("swept", got, []string{})
}

func listBySearch(s *suite) {
	for i := range 5 {
		s.record(Push(fmt.Sprint("d", i), at(time.Duration(i)*time.Minute)), ledger.Opened)
	}
	s.record(Push("other", func(e *shipbell.Event) { e.CommitMessage = "Mend the \"<Checkout>\" ÄÖÜ \u212aelvin\na\nb" }), ledger.Opened)
	for text, want := range map[string][]string{
		"checkout": {"other"}, "\"<che": {"other"}, "äöü": {"other"}, "checkout>\" äÖü kelvi": {"other"}, "a\nb": {"other"}, "kelvin": {"other"}, "a b": {}, "D3": {"d3"}, "OTHER": {"other"}, "nothing such": {},
		"feature/add": {"d4", "d3", "d2", "d1", "other", "d0"},
	} {
		got, next := s.list(shipbell.Filter{Text: text}, shipbell.Position{}, 10)
		s.equal("search for "+text, got, want)
		s.equal("the end", next, shipbell.Position{})
	}
	first, next := s.list(shipbell.Filter{Text: "feature"}, shipbell.Position{}, 2)
	s.equal("first page", first, []string{"d4", "d3"})
	second, _ := s.list(shipbell.Filter{Text: "feature"}, next, 2)
	s.equal("second page", second, []string{"d2", "d1"})
}

// readMany: what is read together is what is read one by one.
func readMany(s *suite) {
	for i := range 150 {
		s.record(Push(fmt.Sprint("d", i)), ledger.Opened)
	}
	for i := range 75 { // half of them have more than their first event
		s.record(Push(fmt.Sprint("d", 2*i), outcome(shipbell.Failure)), ledger.Changed)
	}
	s.record(tie("d1", "d2"), ledger.Changed)
	s.must(s.store.View(s.Context(), func(tx ledger.Tx) error {
		for _, n := range []int{0, 1, 2, 9, 63, 64, 65, 150} {
			var ids []shipbell.DeploymentID
			var want []shipbell.Deployment
			for id := shipbell.DeploymentID(n); id > 0; id-- {
				ids = append(ids, id)
				d, err := tx.Deployment(id)
				if errors.Is(err, shipbell.ErrNotFound) {
					continue
				}
				s.must(err)
				want = append(want, d)
			}
			got, err := tx.Read(ids, "")
			s.must(err)
			s.equal(fmt.Sprint("read ", n), len(got), len(want))
			for i := range want {
				s.equal("read", got[i], want[i])
			}
		}
		return nil
	}))
}

// news returns what the feed tells behind a cursor.
func (s *suite) news(since shipbell.Cursor) (told []string, next shipbell.Cursor) {
	s.Helper()
	for {
		news, at, err := s.ledger.Changes(s.Context(), since, 3)
		s.must(err)
		if at == since {
			return told, at
		}
		for _, n := range news {
			told = append(told, fmt.Sprintf("%s:%s:%d", n.Deployment.ShownID, n.Deployment.Status, n.Was))
		}
		since = at
	}
}

func feedOfChanges(s *suite) {
	start, err := s.ledger.Latest(s.Context())
	s.must(err)
	s.equal("an empty feed", start, shipbell.Cursor{})
	for i := range 4 {
		s.record(Push(fmt.Sprint("d", i)), ledger.Opened)
	}
	told, at := s.news(start)
	s.equal("opened", told, []string{"d0:announced:0", "d1:announced:0", "d2:announced:0", "d3:announced:0"})
	told, again := s.news(at)
	s.equal("nothing since", told, []string(nil))
	s.equal("the same cursor", again, at)
	s.record(Push("d1"), ledger.Repeated)
	s.record(Push("d1", outcome(shipbell.Success)), ledger.Changed)
	s.record(Push("d4"), ledger.Opened)
	told, next := s.news(at)
	s.equal("changed and opened", told, []string{"d4:announced:0", "d1:success:0"})
	latest, err := s.ledger.Latest(s.Context())
	s.must(err)
	s.equal("latest", next, latest)
	parsed, err := shipbell.ParseCursor(at.String())
	s.must(err)
	s.equal("through a URL", parsed, at)
	for _, ahead := range []shipbell.Cursor{{Opened: latest.Opened + 1, Changed: latest.Changed}, {Opened: latest.Opened, Changed: latest.Changed + 1}} {
		if _, _, err := s.ledger.Changes(s.Context(), ahead, 3); !errors.Is(err, shipbell.ErrNotFound) {
			s.Errorf("a cursor of another feed: %v", err)
		}
	}
}

// feedOfWhatIsInMind: what the ledger keeps in mind of what it opened is what is
// stored, and another ledger's change is told all the same.
func feedOfWhatIsInMind(s *suite) {
	s.record(Push("a", outcome(shipbell.Failure), func(e *shipbell.Event) {
		e.CommitTime = Start.Format(time.RFC3339)
		e.Error, e.CommitMessage = strings.Repeat("e", 100_000), strings.Repeat("é", 100_000)
	}), ledger.Opened)
	s.record(Push("b"), ledger.Opened)
	other := ledger.New(ledger.Options{Store: s.store, Router: everywhere{}, Now: func() time.Time { return s.now }})
	tell := func(l *ledger.Ledger, since shipbell.Cursor, n int) []ledger.News {
		s.Helper()
		news, _, err := l.Changes(s.Context(), since, n)
		s.must(err)
		for i := range news {
			news[i].Deployment = news[i].Deployment.Short()
		}
		return news
	}
	stored := tell(other, shipbell.Cursor{}, 10)
	s.equal("told", len(stored), 2)
	s.equal("in mind", tell(s.ledger, shipbell.Cursor{}, 10), stored)
	_, err := other.Record(s.Context(), Push("b", outcome(shipbell.Success)))
	s.must(err)
	all := tell(s.ledger, shipbell.Cursor{}, 10)
	s.equal("changed by another", all, tell(other, shipbell.Cursor{}, 10))
	s.equal("it says", all[len(all)-1].Deployment.Status, shipbell.Success)
	// In parts it is told as it was, and then as it is.
	parts := tell(s.ledger, shipbell.Cursor{}, 2)
	s.equal("as it was", parts[1].Deployment, stored[1].Deployment)
}

func feedTellsMerges(s *suite) {
	s.record(Push("a"), ledger.Opened)
	younger := s.record(Push("b"), ledger.Opened).Deployment
	at, err := s.ledger.Latest(s.Context())
	s.must(err)
	s.record(tie("a", "b"), ledger.Changed)
	told, _ := s.news(at)
	if !slices.Contains(told, fmt.Sprintf("a:success:%d", younger)) {
		s.Errorf("the feed tells %q", told)
	}
	story, err := s.ledger.Deployment(s.Context(), younger)
	s.must(err)
	s.equal("its number leads on", story.Deployment.ShownID, "a")
}

func replayPostsAnew(s *suite) {
	id := s.record(Push("a"), ledger.Opened).Deployment
	s.deliver()
	s.must(s.ledger.Replay(s.Context(), id, "anna", ChannelA))
	a := s.next(ChannelA)
	s.equal("the message is posted anew", a.Part == shipbell.PartMain && a.Ref == "" && a.Wanted == 1, true)
	removed := s.deliver()
	s.equal("and the old one removed", len(removed), 1)
	s.equal("one message is left", strings.HasPrefix(s.parts(), "0:shown ") && strings.Count(s.parts(), "\n") == 1, true)
	acts, err := s.ledger.Acts(s.Context(), 0, 10)
	s.must(err)
	s.equal("kept", fmt.Sprint(acts[0].Who, acts[0].What, acts[0].Subject, acts[0].Detail), fmt.Sprintf("annareplay%dapi-service a test:a", id))
	if err := s.ledger.Replay(s.Context(), 99, "anna"); !errors.Is(err, shipbell.ErrNotFound) {
		s.Errorf("replay of nothing: %v", err)
	}
}

func silenceAddsNothing(s *suite) {
	id := s.record(Push("a"), ledger.Opened).Deployment
	s.show(s.next(ChannelA), "message-1")
	s.must(s.ledger.Silence(s.Context(), id, "anna"))
	s.nothingDue(ChannelB)
	s.record(Push("a", outcome(shipbell.Failure)), ledger.Changed)
	a := s.next(ChannelA)
	s.equal("the message is kept true", a.Part == shipbell.PartMain && a.Ref == "message-1", true)
	s.show(a, "message-1")
	s.nothingDue(ChannelA)
	s.nothingDue(ChannelB)
	s.equal("silenced", s.story("a").Deployment.Silenced, true)
	s.must(s.ledger.Unsilence(s.Context(), id, "anna"))
	s.equal("told after all", s.next(ChannelB).Part, shipbell.PartMain)
	s.equal("the alert, too", s.next(ChannelA).Part, shipbell.PartAlert)
}

func testInOneChannel(s *suite) {
	s.must(s.ledger.Test(s.Context(), ChannelB, "anna"))
	s.nothingDue(ChannelA)
	a, subject, err := s.ledger.Stale(s.Context(), ChannelB)
	s.must(err)
	s.equal("a bulletin", subject.Bulletin.Kind, shipbell.BulletinTest)
	s.show(a, "test-1")
	s.nothingDue(ChannelB)
}

func tokensRoundTrip(s *suite) {
	made := []shipbell.Token{
		{ID: "tk_a", Name: "ci", Scope: shipbell.ScopePush, Projects: []string{"api-*", "web"}, Hash: shipbell.TokenHash{1, 2, 3}, MadeAt: Start, MadeBy: "anna"},
		{ID: "tk_b", Name: "wall", Scope: shipbell.ScopeRead, Hash: shipbell.TokenHash{4}, MadeAt: Start.Add(time.Second)},
	}
	for _, token := range made {
		s.must(s.update(func(tx ledger.Tx) error { return tx.PutToken(token) }))
		s.must(s.ledger.KeepAct(s.Context(), shipbell.Act{Who: "anna", What: shipbell.ActTokenMade, Subject: string(token.ID)}))
	}
	made[0].LastUsed, made[0].RevokedAt = Start.Add(time.Hour), Start.Add(2*time.Hour)
	s.must(s.update(func(tx ledger.Tx) error { return tx.PutToken(made[0]) }))
	tokens, err := s.ledger.Tokens(s.Context())
	s.must(err)
	s.equal("tokens", tokens, made)
	acts, err := s.ledger.Acts(s.Context(), 0, 10)
	s.must(err)
	s.equal("acts", len(acts), 2)
}

func tokensComeAndGo(s *suite) {
	token := func(id, name string) shipbell.Token {
		return shipbell.Token{ID: shipbell.TokenID(id), Name: name, Scope: shipbell.ScopeRead, Hash: shipbell.TokenHash{9}, MadeBy: "anna"}
	}
	made, err := s.ledger.MakeToken(s.Context(), token("tk_c", "screen"))
	s.must(err)
	s.equal("made at", made.MadeAt, Start)
	for _, wrong := range []shipbell.Token{token("tk_d", "screen"), token("tk_c", "another")} {
		if _, err := s.ledger.MakeToken(s.Context(), wrong); !errors.Is(err, shipbell.ErrConflict) {
			s.Errorf("%s %s: %v", wrong.ID, wrong.Name, err)
		}
	}
	limited := token("tk_e", "limited")
	limited.Projects = []string{"api-*"}
	for _, wrong := range []shipbell.Token{token("tk_f", ""), token("tk_f", "tk_c"), token("tk_f", "a@b.example"), token("tk_f", "github: a"), token("tk_f", " a"), {ID: "tk_f", Name: "a", Scope: "all"}, limited} {
		if _, err := s.ledger.MakeToken(s.Context(), wrong); !errors.Is(err, shipbell.ErrInvalid) {
			s.Errorf("%q: %v", wrong.Name, err)
		}
	}
	used := Start.Add(-time.Hour)
	s.must(s.ledger.UseToken(s.Context(), "tk_c", used))
	s.must(s.ledger.UseToken(s.Context(), "tk_c", used.Add(-time.Minute))) // another replica was slower
	s.must(s.ledger.UseToken(s.Context(), "tk_unknown", used))
	revoked, err := s.ledger.RevokeToken(s.Context(), "screen", "bob")
	s.must(err)
	made.LastUsed, made.RevokedAt = used, Start
	s.equal("revoked", revoked, made)
	made.LastUsed = used.Add(time.Minute)
	s.must(s.ledger.UseToken(s.Context(), "tk_c", made.LastUsed)) // before it was revoked, and told after
	s.must(s.ledger.UseToken(s.Context(), "tk_c", Start.Add(time.Millisecond)))
	for _, gone := range []string{"screen", "tk_c", "nobody"} {
		if _, err := s.ledger.RevokeToken(s.Context(), gone, "bob"); !errors.Is(err, shipbell.ErrNotFound) {
			s.Errorf("revoke %s: %v", gone, err)
		}
	}
	again, err := s.ledger.MakeToken(s.Context(), token("tk_d", "screen")) // the name is free
	s.must(err)
	_, err = s.ledger.RevokeToken(s.Context(), "tk_d", "bob")
	s.must(err)
	again.RevokedAt = Start
	tokens, err := s.ledger.Tokens(s.Context())
	s.must(err)
	s.equal("tokens", tokens, []shipbell.Token{made, again})
	acts, err := s.ledger.Acts(s.Context(), 0, 10)
	s.must(err)
	var told string
	for _, a := range acts {
		told += fmt.Sprintf("%s %s %s (%s); ", a.Who, a.What, a.Subject, a.Detail)
	}
	s.equal("acts", told, "bob token_revoked tk_d (screen, scope read); anna token_made tk_d (screen, scope read); "+
		"bob token_revoked tk_c (screen, scope read); anna token_made tk_c (screen, scope read); ")
}

func actsNewestFirst(s *suite) {
	for i := range 5 {
		s.must(s.ledger.KeepAct(s.Context(), shipbell.Act{Who: fmt.Sprint(i), What: shipbell.ActSignIn}))
	}
	var who string
	for before := int64(0); ; {
		acts, err := s.ledger.Acts(s.Context(), before, 2)
		s.must(err)
		if len(acts) == 0 {
			break
		}
		for _, a := range acts {
			who += a.Who
			s.equal("time", a.At, Start)
			before = a.N
		}
	}
	s.equal("acts", who, "43210")
}

func secretIsKept(s *suite) {
	for _, offered := range []string{"first", "second"} {
		got, err := s.ledger.Secret(s.Context(), "session", offered)
		s.must(err)
		s.equal("secret", got, "first")
	}
}
