package dashboard

import (
	"bytes"
	"cmp"
	"html/template"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/render"
)

// card is a card of the board as it is shown.
type card struct {
	Key, Version string
	Face         face
	Spot         board.Spot
	All          string // the address of its deployments
	Calm         bool
	Live         *version
	Rollback     bool
	UnderWay     []passage
	More         int // under way, not shown
	Failed       *fault
	Earlier      *version // the last failure, where something newer went live
	Frozen       *fault
	Last         *version // where nothing is live
}

// version is what is or was deployed.
type version struct {
	ID      shipbell.DeploymentID
	Subject string
	Commit  string
	Address string // of the commit
	Author  string
	Branch  string
	At      time.Time
	Face    face
}

// passage is a deployment under way.
type passage struct {
	version
	Started time.Time
	Usual   time.Duration
	Elapsed time.Duration
	// Percent is how much of the usual time is over, never all of it.
	Percent int
	Late    bool
}

// fault is a deployment that did not go well.
type fault struct {
	version
	Reason string
}

const (
	// almost is the most that a bar says: only the end says that it is the end.
	almost = 95
	// shownUnderWay is how many deployments under way a card shows.
	shownUnderWay = 3
)

func newVersion(d shipbell.Deployment) version {
	v := version{
		ID: d.ID, Subject: line(render.Subject(d.CommitMessage)), Commit: render.Commit(d.Commit),
		Address: render.CommitAddress(d), Author: line(d.Author), Branch: line(d.Branch), At: d.StartedAt, Face: faceOf(d),
	}
	if d.Status == shipbell.Success && !d.FinishedAt.IsZero() {
		v.At = d.FinishedAt
	}
	v.Subject = cmp.Or(v.Subject, line(d.ShownID))
	return v
}

func newCard(c board.Card, now time.Time) card {
	state := c.State()
	o := card{
		Key: c.Spot.String(), Version: printOf(c), Spot: c.Spot, Face: faceOfState(state),
		All:  placeAddress(c.Last),
		Calm: state != board.StateFrozen && state != board.StateFailing && state != board.StateUnderWay,
	}
	if c.Live != nil {
		v := newVersion(*c.Live)
		if b := c.Brought; b != nil {
			brought := newVersion(*b)
			v.Subject, v.Commit, v.Address = brought.Subject, brought.Commit, brought.Address
			v.Author, v.Branch = cmp.Or(v.Author, brought.Author), cmp.Or(v.Branch, brought.Branch)
		}
		o.Live, o.Rollback = &v, c.Live.Cause == shipbell.CauseRollback
	} else {
		v := newVersion(c.Last)
		o.Last = &v
	}
	for i, d := range c.UnderWay {
		if i == shownUnderWay {
			o.More = len(c.UnderWay) - i
			break
		}
		o.UnderWay = append(o.UnderWay, newPassage(d, c.Usual, now))
	}
	if c.Frozen != nil {
		o.Frozen = newFault(*c.Frozen)
	}
	switch {
	case c.Failed == nil, c.Frozen != nil && c.Frozen.ID == c.Failed.ID:
	case c.Failing():
		o.Failed = newFault(*c.Failed)
	default:
		v := newVersion(*c.Failed)
		o.Earlier = &v
	}
	return o
}

func newPassage(d shipbell.Deployment, usual time.Duration, now time.Time) passage {
	p := passage{version: newVersion(d), Started: d.StartedAt, Usual: usual, Elapsed: max(now.Sub(d.StartedAt), 0)}
	if usual > 0 {
		p.Percent = min(int(p.Elapsed*100/usual), almost)
		p.Late = p.Elapsed > usual
	}
	return p
}

func newFault(d shipbell.Deployment) *fault {
	f := &fault{version: newVersion(d), Reason: line(d.Error)}
	for _, l := range render.Remarks(d, shipbell.Lineage{}) {
		if d.Frozen() {
			f.Reason = plain(l)
			break
		}
	}
	return f
}

// plain is a line without markup, and without the sign that stands before it.
func plain(l shipbell.Line) string {
	var b strings.Builder
	for _, s := range l.Spans {
		b.WriteString(s.Text)
	}
	_, text, ok := strings.Cut(b.String(), " ")
	if !ok {
		return b.String()
	}
	return text
}

// printOf tells two forms of a card apart.
func printOf(c board.Card) string {
	var b []byte
	add := func(mark byte, d *shipbell.Deployment) {
		if d != nil {
			b = append(b, mark)
			b = strconv.AppendInt(b, int64(d.ID), 36)
			b = append(b, '.')
			b = strconv.AppendInt(b, int64(d.Revision), 36)
		}
	}
	add('l', c.Live)
	add('b', c.Brought)
	add('f', c.Failed)
	add('z', c.Frozen)
	for i := range c.UnderWay {
		add('w', &c.UnderWay[i])
	}
	if c.Live == nil {
		add('n', &c.Last)
	}
	if len(c.UnderWay) > 0 {
		b = append(b, 'u')
		b = strconv.AppendInt(b, int64(c.Usual/time.Second), 36)
	}
	return string(b)
}

// cardCache keeps what calm cards look like: it does not change with the time.
type cardCache struct {
	mu    sync.Mutex
	cards map[board.Spot]cached
}

type cached struct {
	version string
	html    template.HTML
}

// keptCards bounds the cache.
const keptCards = 20_000

func (c *cardCache) get(s board.Spot, version string) (template.HTML, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.cards[s]
	return found.html, ok && found.version == version
}

func (c *cardCache) put(s board.Spot, version string, html template.HTML) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cards == nil || len(c.cards) >= keptCards {
		c.cards = make(map[board.Spot]cached)
	}
	c.cards[s] = cached{version, html}
}

// drawCard returns what a card looks like.
func (d *Dashboard) drawCard(c board.Card, now time.Time) (template.HTML, error) {
	still := len(c.UnderWay) == 0
	if still {
		if html, ok := d.cards.get(c.Spot, printOf(c)); ok {
			return html, nil
		}
	}
	shown := newCard(c, now)
	var b bytes.Buffer
	if err := d.pages["now"].ExecuteTemplate(&b, "card", shown); err != nil {
		return "", err
	}
	html := template.HTML(b.String())
	if still {
		d.cards.put(c.Spot, shown.Version, html)
	}
	return html, nil
}
