package dashboard

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell/internal/board"
)

// cardsPerPage bounds a page: so many can be looked over, and more are found by
// searching.
const cardsPerPage = 120

// nowPage is what is live where.
type nowPage struct {
	Headline string
	Face     face
	Tiles    []tile
	Pulse    pulse
	Stuck    bool // messages or sources wait for a person, or may do so
	Form     form
	Groups   []group
	Shown    int
	Found    int
	All      int
	Newer    string // the address of the part before
	Older    string
}

// tile is one of the counts, which leads to what it counts.
type tile struct {
	Face    face
	N       int
	Address string
	Chosen  bool
}

// group is the cards of one kind.
type group struct {
	Key, Title string
	N          int // how many there are, on other pages too
	// Idle is set for a group that is shown although nothing is in it.
	Idle  bool
	Cards []template.HTML
}

func (d *Dashboard) now(w http.ResponseWriter, r *http.Request) {
	now := d.Now()
	select {
	case <-d.Board.Ready():
	default:
		d.show(w, r, http.StatusOK, "reading", frame{Title: "Now", Nav: pathNow, Refresh: 2})
		return
	}
	v := r.URL.Query()
	f, wrong := readFilter(v, now)
	if wrong != nil {
		d.misread(w, r, pathNow, "Now", f, wrong)
		return
	}
	cards, sum := d.snapshot()
	if len(cards) == 0 {
		d.welcome(w, r)
		return
	}
	states := statesOf(v)
	var found []*board.Card
	for i := range cards {
		if c := &cards[i]; is(c, states) && c.Passes(f) {
			found = append(found, &cards[i])
		}
	}
	p := nowPage{All: len(cards), Found: len(found), Form: newForm(pathNow, v, f, nil, cards), Pulse: d.pulse(r.Context())}
	sum.Paused, sum.Unheard, sum.Unsure = p.Pulse.Paused, p.Pulse.Unheard, p.Pulse.Unsure
	p.Stuck = sum.Paused+sum.Unheard > 0 || sum.Unsure
	p.Headline, p.Face = headline(sum)
	p.Tiles = tiles(sum, v, states)
	page := max(number0(v.Get(paramPage)), 1)
	from := min((page-1)*cardsPerPage, len(found))
	to := min(from+cardsPerPage, len(found))
	if page > 1 {
		p.Newer = with(pathNow, pure(v), paramPage, strconv.Itoa(page-1))
	}
	if to < len(found) {
		p.Older = with(pathNow, pure(v), paramPage, strconv.Itoa(page+1))
	}
	p.Shown = to - from
	// What goes out is always looked for in the same place, or with the failure on its
	// card.
	idle := page == 1 && len(states) == 0 && f.Empty() && sum.UnderWay == 0
	var err error
	if p.Groups, err = d.groups(found, from, to, now, idle); err != nil {
		d.failed(w, r, err)
		return
	}
	d.show(w, r, http.StatusOK, "now", frame{Title: "Now", Nav: pathNow, Live: liveAll, Refresh: 30, Sum: sum, Body: p})
}

func number0(text string) int {
	n, _ := strconv.Atoi(text)
	return min(n, 1_000_000)
}

// statesOf reads the states that are asked for, each once; words that are none are
// left out.
func statesOf(v url.Values) []board.State {
	var states []board.State
	for _, word := range v[paramState] {
		if s := board.State(word); slices.Contains(board.States(), s) && !slices.Contains(states, s) {
			states = append(states, s)
		}
	}
	return states
}

// is reports whether a card is in one of the states. Something can be under way on a
// card that is failing.
func is(c *board.Card, states []board.State) bool {
	return len(states) == 0 || slices.Contains(states, c.State()) ||
		len(c.UnderWay) > 0 && slices.Contains(states, board.StateUnderWay)
}

// headline says in a few words how everything is, and what of that is not known.
func headline(s summary) (string, face) {
	if s.Unsure {
		const unsure = "t is not known whether messages arrive"
		s.Unsure = false
		if s.wrong() == nil {
			return "I" + unsure, faceUnheard
		}
		text, face := headline(s)
		return text + ", and i" + unsure, face
	}
	wrong := s.wrong()
	switch n := len(wrong); {
	case n == 1 && s.Frozen > 0:
		return wrong[0] + ": production did not move", faceOfState(board.StateFrozen)
	case n > 0:
		text := wrong[n-1]
		if n > 1 {
			text = strings.Join(wrong[:n-1], ", ") + " and " + text
		}
		switch {
		case s.Frozen > 0:
			return text, faceOfState(board.StateFrozen)
		case s.Failing > 0:
			return text, faceOfState(board.StateFailing)
		case s.Paused > 0:
			return text, facePaused
		}
		return text, faceUnheard
	case s.UnderWay == 1:
		return "One project is deploying", faceOfState(board.StateUnderWay)
	case s.UnderWay > 1:
		return number(s.UnderWay) + " projects are deploying", faceOfState(board.StateUnderWay)
	case s.Live == s.Cards:
		return "Everything is live", faceOfState(board.StateLive)
	}
	return "Nothing is failing", faceOfState(board.StateLive)
}

func tiles(s summary, v url.Values, chosen []board.State) []tile {
	var all []tile
	for _, t := range []struct {
		state board.State
		n     int
	}{
		{board.StateFrozen, s.Frozen}, {board.StateFailing, s.Failing}, {board.StateUnderWay, s.UnderWay},
		{board.StateLive, s.Live}, {board.StateAnnounced, s.Announced}, {board.StateUnknown, s.Unknown},
	} {
		if t.n == 0 && t.state != board.StateUnderWay && t.state != board.StateFailing && t.state != board.StateLive {
			continue
		}
		rest := pure(v)
		is := slices.Contains(chosen, t.state)
		rest.Del(paramState)
		if !is {
			rest.Set(paramState, string(t.state))
		}
		all = append(all, tile{Face: faceOfState(t.state), N: t.n, Address: address(pathNow, rest), Chosen: is})
	}
	return all
}

// groups draws a part of the cards, those that need somebody first, and counts all.
func (d *Dashboard) groups(cards []*board.Card, from, to int, now time.Time, idle bool) ([]group, error) {
	all := []group{{Key: "attention", Title: "Needs attention"}, {Key: "way", Title: "Under way", Idle: idle}, {Key: "live", Title: "Live"}, {Key: "rest", Title: "Not known to be live"}}
	for i, c := range cards {
		at := 3
		switch c.State() {
		case board.StateFrozen, board.StateFailing:
			at = 0
		case board.StateUnderWay:
			at = 1
		case board.StateLive:
			at = 2
		}
		all[at].N++
		if i < from || i >= to {
			continue
		}
		html, err := d.drawCard(*c, now)
		if err != nil {
			return nil, err
		}
		all[at].Cards = append(all[at].Cards, html)
	}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.Cards) == 0 && (g.N > 0 || !g.Idle) }), nil
}

// pulse says in one line whether messages arrive and sources can be heard.
type pulse struct {
	Lanes, Sources  []beat
	Paused, Unheard int
	Unsure          bool // the lanes cannot be read
}

// beat is one lane or source.
type beat struct {
	Name string
	Face face
	Note string
	At   time.Time
}

func (d *Dashboard) pulse(ctx context.Context) pulse {
	var p pulse
	lanes, err := d.laneList(ctx)
	if err != nil {
		p.Unsure = true
		p.Lanes = append(p.Lanes, beat{Name: "store", Face: face{"bad", "bad", "Unreadable"}})
	}
	for _, l := range lanes {
		if l.Configured && l.Pause != nil {
			p.Paused++
		}
		b := beat{Name: string(l.Channel), Face: l.Face, At: l.LastSuccess}
		if l.Backlog > 0 {
			b.Note = plural(l.Backlog, "message") + " waiting"
		}
		p.Lanes = append(p.Lanes, b)
	}
	sources := d.sources()
	p.Unheard = unheardOf(sources)
	for _, s := range sources {
		p.Sources = append(p.Sources, beat{Name: string(s.Source), Face: s.Face, At: s.LastHeard})
	}
	return p
}

// welcome shows what to do before anything is known.
func (d *Dashboard) welcome(w http.ResponseWriter, r *http.Request) {
	d.show(w, r, http.StatusOK, "welcome", frame{Title: "Welcome", Nav: pathNow, Live: liveAll, Refresh: 5, Body: struct {
		Address, Token string
		Asked          bool
	}{d.address(r), d.TokenHint, len(d.Hearings()) > 0}})
}
