package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/render"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

// verdict is what a run came to.
type verdict struct {
	failures    []string
	deployments int // that are in the ledger
	events      int // that are in the ledger
	lost        int // acknowledged events and messages that are missing
	wrong       int // messages whose text is not right, or was not
	messages    int
	alerts      int // among the messages
	edits       int
	removals    int
	faults      map[string]int
	attempts    map[place][]time.Time            // when they began, from the ledger
	refs        map[place]int                    // the messages that the ledger knows
	numbers     map[shipbell.KeyIdentity]ordinal // the deployments
	strays      map[place]bool                   // where the ledger knows of no alert, and there is one
	causes      []cause                          // that doubles may have in this run
	doubles     doubles
	early       early
	disorder    int // first posts that overtook another
	unheld      int // requests of a process whose lane was another's
	handovers   int // how often a lane changed hands
	// unheldWrites are changes of a lane by a process when it was another's.
	unheldWrites int
	unkept       int // messages that the ledger should have heard of
	beyond       beyond
}

// ordinal is where a deployment stands in the order of its lanes.
type ordinal struct {
	id shipbell.DeploymentID
	// failed is when it was known for certain that it failed, which makes it more
	// urgent than others; zero: never, or other outcomes were told as well.
	failed time.Time
}

func (v *verdict) fail(format string, args ...any) {
	v.failures = append(v.failures, fmt.Sprintf(format, args...))
}

func newVerdict(causes ...cause) *verdict {
	return &verdict{
		causes: causes,
		faults: make(map[string]int), attempts: make(map[place][]time.Time), refs: make(map[place]int),
		numbers: make(map[shipbell.KeyIdentity]ordinal), strays: make(map[place]bool),
	}
}

// verify compares what was acknowledged with the ledger and with the chats. The
// server has ended.
func (r *run) verify(ctx context.Context) (*verdict, error) {
	v := newVerdict(byKill)
	path := filepath.Join(r.server.data, "shipbell.db")
	if err := checkFile(ctx, path); err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	err = v.checkLedger(ctx, ledger.New(ledger.Options{Store: store}), r.load.deployments, r.telegram)
	if err := errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	err = v.checkCount(func(table string, into *int) error { return query(ctx, path, "SELECT count(*) FROM "+table, into) })
	if err != nil {
		return nil, err
	}
	c := &chronicle{lives: r.server.lives.history()}
	all := r.telegram.requests()
	c.place(all)
	markStored(all, v.attempts)
	v.checkRequests(r.telegram, c, all)
	v.checkOrder(all)
	return v, nil
}

// checkLedger compares all that was pushed with the ledger and the chats.
func (v *verdict) checkLedger(ctx context.Context, book *ledger.Ledger, deployments []*deployment, t *telegram) error {
	shown := t.shown(v)
	for _, d := range deployments {
		if err := v.checkDeployment(ctx, d, book, t.lanes, shown); err != nil {
			return err
		}
	}
	for at, messages := range shown {
		v.fail("%s in %s was pushed by nobody, and has %d messages", at.key, at.lane, len(messages))
	}
	return nil
}

// place is one message of a deployment in one chat: the main one, or an alert
// that answers it.
type place struct {
	lane lane
	key  shipbell.KeyIdentity
	part shipbell.Part
}

// shown returns all messages by their place, in the order in which they were
// posted.
func (t *telegram) shown(v *verdict) map[place][]faketelegram.Message {
	shown := make(map[place][]faketelegram.Message)
	for _, m := range t.fake.AllMessages() {
		key, part, ok := keyOf(m.Text)
		if !ok {
			v.fail("a message names no deployment: %q", m.Text)
			continue
		}
		if (part == shipbell.PartAlert) != (m.ReplyTo != 0) {
			v.fail("a message answers message %d: %q", m.ReplyTo, m.Text)
		}
		at := place{lane{m.Chat, m.Thread}, key, part}
		shown[at] = append(shown[at], m)
		v.messages++
	}
	return shown
}

// keyOf reads a message as a person does. An alert names the project, which
// holds the key.
func keyOf(text string) (key shipbell.KeyIdentity, part shipbell.Part, ok bool) {
	key.Type = shipbell.Worker
	title, rest, _ := strings.Cut(text, "\n")
	if words := strings.Fields(title); len(words) > 1 {
		if parts := strings.SplitN(words[1], "/", 3); len(parts) == 3 {
			return shipbell.KeyIdentity{Type: shipbell.ProjectType(parts[1]), ID: parts[2]}, shipbell.PartAlert, true
		}
	}
	if strings.Contains(title, "Pages") {
		key.Type = shipbell.Pages
	}
	for line := range strings.SplitSeq(rest, "\n") {
		if id, ok := strings.CutPrefix(line, "Deployment ID: "); ok {
			key.ID = id
			return key, shipbell.PartMain, true
		}
	}
	return key, shipbell.PartMain, false
}

// checkDeployment checks one deployment and takes its messages out of shown.
func (v *verdict) checkDeployment(ctx context.Context, d *deployment, book *ledger.Ledger, lanes []lane, shown map[place][]faketelegram.Message) error {
	story, err := book.Story(ctx, shipbell.Key{Type: d.key.Type, ID: d.key.ID})
	if err != nil && !errors.Is(err, shipbell.ErrNotFound) {
		return err
	}
	stored := v.checkEvents(d, story)
	if len(stored) > 0 {
		v.deployments++
		v.numbers[d.key] = ordinal{story.Deployment.ID, failedAt(stored)}
		v.checkAnnouncements(d, story, lanes)
	}
	for _, a := range story.Attempts {
		for _, l := range lanes {
			if a.Channel == l.channel() {
				at := place{l, d.key, a.Part}
				v.attempts[at] = append(v.attempts[at], a.At)
			}
		}
	}
	known, alerts := states(stored, text), states(stored, alertText)
	for _, l := range lanes {
		at := place{l, d.key, shipbell.PartMain}
		messages := shown[at]
		delete(shown, at)
		switch {
		case len(stored) == 0 && len(messages) > 0:
			v.wrong++
			v.fail("%s has a message in %s, and is not in the ledger", d.key, l)
			continue
		case len(stored) == 0:
			continue
		case len(messages) == 0:
			v.lost++
			v.fail("%s has no message in %s", d.key, l)
			continue
		}
		if known, want := v.knownText(at, messages), text(fold(stored)); known != want {
			v.wrong++
			v.fail("%s ends up wrong in %s:\n%s\nwant:\n%s", d.key, l, indent(known), indent(want))
		}
		for _, m := range messages {
			v.checkHistory(d, l, m, known)
		}
		at.part = shipbell.PartAlert
		v.checkAlerts(d, l, shown[at], story, alerts, alertText(fold(stored)))
		delete(shown, at)
	}
	return nil
}

// knownText returns what the one message in a place says that the ledger knows.
// Others may be there of which it never learnt.
func (v *verdict) knownText(at place, messages []faketelegram.Message) string {
	for _, m := range messages {
		if m.ID == v.refs[at] {
			return m.Text
		}
	}
	return "(none of the messages is the one that the ledger knows)"
}

// failedAt is when it was certain that the events come to a failure, whatever
// else was on its way.
func failedAt(events []*said) (at time.Time) {
	for _, e := range events {
		switch {
		case e.event.Status == shipbell.Failure && !e.acked.IsZero():
			if at.IsZero() || e.acked.Before(at) {
				at = e.acked
			}
		case e.event.Status.Final():
			return time.Time{}
		}
	}
	return at
}

// checkAlerts checks the alerts of one deployment in one chat. One that failed
// has one, unless its first post showed that, and one that is there is true.
func (v *verdict) checkAlerts(d *deployment, l lane, alerts []faketelegram.Message, story ledger.Story, known map[string]time.Time, want string) {
	wanted := false
	for _, a := range story.Announcements {
		wanted = wanted || a.Channel == l.channel() && a.Part == shipbell.PartAlert && !a.Told()
	}
	switch {
	case wanted && len(alerts) == 0:
		v.lost++
		v.fail("%s failed and has no alert in %s", d.key, l)
	case !wanted && len(alerts) > 0:
		v.strays[place{l, d.key, shipbell.PartAlert}] = true
	case wanted:
		if known := v.knownText(place{l, d.key, shipbell.PartAlert}, alerts); known != want {
			v.wrong++
			v.fail("the alert of %s ends up wrong in %s:\n%s\nwant:\n%s", d.key, l, indent(known), indent(want))
		}
	}
	for _, m := range alerts {
		v.alerts++
		for _, state := range m.History() {
			if since, ok := known[state.Text]; !ok || state.Time.Before(since) {
				v.wrong++
				v.fail("an alert of %s in %s claimed what nobody had pushed by then:\n%s", d.key, l, indent(state.Text))
			}
		}
	}
}

// checkEvents compares what was pushed with what is in the ledger, and returns
// what is in both.
func (v *verdict) checkEvents(d *deployment, story ledger.Story) []*said {
	kept := make(map[shipbell.EventID]shipbell.Event)
	for _, e := range story.Events {
		kept[e.ID] = e
	}
	var stored []*said
	for _, s := range d.said {
		e, ok := kept[s.event.ID]
		delete(kept, s.event.ID)
		switch {
		case !ok && !s.acked.IsZero():
			v.lost++
			v.fail("%s: %q was acknowledged and is not in the ledger", d.key, s.event.Status)
		case ok && s.begun.IsZero():
			v.fail("%s: %q is in the ledger and was never pushed", d.key, s.event.Status)
		case ok:
			if s.undated {
				s.event.At = e.At
			}
			if !s.event.At.Equal(e.At) || s.event.Observation != e.Observation {
				v.wrong++
				v.fail("%s: %q is in the ledger as another event: %+v", d.key, s.event.Status, e)
			}
			stored = append(stored, s)
			v.events++
		}
	}
	for id := range kept {
		v.fail("%s: event %s is in the ledger and was never pushed", d.key, id)
	}
	return stored
}

func (v *verdict) checkAnnouncements(d *deployment, story ledger.Story, lanes []lane) {
	mains := 0
	for _, a := range story.Announcements {
		for _, l := range lanes {
			var ref struct {
				Message int `json:"message"` // as the channel writes it
			}
			if a.Channel == l.channel() && json.Unmarshal([]byte(a.Ref), &ref) == nil {
				v.refs[place{l, d.key, a.Part}] = ref.Message
			}
		}
		if a.Part == shipbell.PartMain {
			mains++
		}
		if a.Told() {
			continue
		}
		if a.Stale() || a.Ref == "" || a.Wanted != story.Deployment.Revision {
			v.fail("%s: the announcement in %s is not settled: %+v, revision %d", d.key, a.Channel, a, story.Deployment.Revision)
		}
	}
	if mains != len(lanes) {
		v.fail("%s has %d announcements, want one for each of %d chats", d.key, mains, len(lanes))
	}
}

// checkHistory checks everything that a message ever said.
func (v *verdict) checkHistory(d *deployment, l lane, m faketelegram.Message, known map[string]time.Time) {
	reached := 0
	for _, state := range m.History() {
		since, ok := known[state.Text]
		if !ok || state.Time.Before(since) {
			v.wrong++
			v.fail("%s in %s claimed what nobody had pushed by then:\n%s", d.key, l, indent(state.Text))
		}
		if rank := rankOf(state.Text); rank < reached {
			v.wrong++
			v.fail("%s in %s fell back to an earlier status:\n%s", d.key, l, indent(state.Text))
		} else {
			reached = rank
		}
	}
}

// states returns every text that some of the events come to, with the earliest
// time at which all of these had been pushed.
func states(events []*said, text func(shipbell.Deployment) string) map[string]time.Time {
	known := make(map[string]time.Time)
	for set := 1; set < 1<<len(events); set++ {
		var some []*said
		var since time.Time
		for i, e := range events {
			if set&(1<<i) != 0 {
				some = append(some, e)
				if e.begun.After(since) {
					since = e.begun
				}
			}
		}
		t := text(fold(some))
		if earliest, ok := known[t]; !ok || since.Before(earliest) {
			known[t] = since
		}
	}
	return known
}

// fold is the deployment that the events come to.
func fold(events []*said) shipbell.Deployment {
	d := shipbell.NewDeployment(events[0].event)
	for _, e := range events[1:] {
		d = shipbell.Apply(d, e.event)
	}
	return d
}

// text is what people read of a deployment in a chat that hides addresses
// behind their texts.
func text(d shipbell.Deployment) string { return read(render.Message(d)) }

// alertText is what people read in an alert that is there.
func alertText(d shipbell.Deployment) string {
	return read(render.Announcement(shipbell.Announcement{Part: shipbell.PartAlert, Ref: "there"}, shipbell.Subject{Deployment: d}))
}

func read(m shipbell.Message) string {
	var b strings.Builder
	for i, l := range m.Lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if l.Label != "" {
			b.WriteString(l.Label + ": ")
		}
		for _, s := range l.Spans {
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

// rankOf tells by the status line how far a message says that its deployment
// has come: announced, in progress, over.
func rankOf(text string) int {
	_, rest, _ := strings.Cut(text, "\n")
	status, _, _ := strings.Cut(rest, "\n")
	switch {
	case status == "":
		return 0
	case strings.HasPrefix(status, "🔄"):
		return 1
	}
	return 2
}

func indent(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }

// query asks the file for one value, past the store.
func query(ctx context.Context, path, statement string, into any) error {
	address := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()}
	db, err := sql.Open("sqlite", address.String()) // registered by package sqlite
	if err != nil {
		return err
	}
	return errors.Join(db.QueryRowContext(ctx, statement).Scan(into), db.Close())
}

func checkFile(ctx context.Context, path string) error {
	var found string
	if err := query(ctx, path, "PRAGMA integrity_check", &found); err != nil {
		return fmt.Errorf("check the integrity of the file: %w", err)
	}
	if found != "ok" {
		return fmt.Errorf("the file is damaged: %s", found)
	}
	return nil
}

// checkCount finds deployments and events that no key leads to.
func (v *verdict) checkCount(count func(table string, into *int) error) error {
	for _, c := range []struct {
		table string
		want  int
	}{{"deployments", v.deployments}, {"events", v.events}} {
		var n int
		if err := count(c.table, &n); err != nil {
			return fmt.Errorf("count %s: %w", c.table, err)
		}
		if n != c.want {
			v.fail("the ledger has %d %s, of which %d can be found", n, c.table, c.want)
		}
	}
	return nil
}
