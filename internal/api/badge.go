package api

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/wire"
)

// The policy of this file: a badge says what stays true while caches keep it: what
// is live and since which day, not how long ago.

const (
	contentSVG = "image/svg+xml; charset=utf-8"
	// badgeCaching lets a badge be kept for a minute; the caches of code hosts too,
	// where everybody may see it.
	badgeCaching = "max-age=60"
	badgeSuffix  = ".svg"
	// maxBadgeText bounds each side of a badge, in characters.
	maxBadgeText = 48
)

// The colours of the right side. White text on each has a contrast of at least
// 4.5 to 1, as on the left side.
const (
	colourLive     = "#1a7f37"
	colourFailing  = "#cf222e"
	colourFrozen   = "#8250df"
	colourUnderWay = "#0969da"
	colourUnknown  = "#6e7781"
	colourLeft     = "#444c56"
)

func (a *API) badge() access.Route {
	need, caching := shipbell.ScopeRead, "private, "+badgeCaching
	if a.PublicBadges {
		need, caching = shipbell.ScopeNone, "public, "+badgeCaching
	}
	return access.Route{
		Method: http.MethodGet, Path: "/badge/{type}/{name}", Need: need,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, body, err := a.badgeOf(query{r, r.URL.Query(), w.Header()})
			if err != nil {
				a.fail(w, r, err)
				return
			}
			if a.PublicBadges {
				w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
			}
			reply(w, r, status, contentSVG, caching, body)
		}),
	}
}

func (a *API) badgeOf(q query) (status int, body []byte, err error) {
	if err := checkParams(q.params, []string{paramEnvironment}); err != nil {
		return 0, nil, err
	}
	name, ok := strings.CutSuffix(q.PathValue("name"), badgeSuffix)
	if !ok || name == "" {
		return 0, nil, refuse(http.StatusNotFound, wire.CodeNotFound, "No such badge", "/badge/worker/NAME.svg or /badge/pages/NAME.svg")
	}
	t, err := projectType(q)
	if err != nil {
		return 0, nil, err
	}
	label := name
	if e := q.params.Get(paramEnvironment); e != "" && e != shipbell.Production {
		label += " (" + e + ")"
	}
	card, err := a.card(q, t, name)
	var told *refusal
	if errors.As(err, &told) && told.status == http.StatusNotFound {
		return http.StatusNotFound, draw(label, "unknown", colourUnknown), nil
	}
	if err != nil {
		return 0, nil, err
	}
	text, colour := badgeText(card)
	return http.StatusOK, draw(label, text, colour), nil
}

// badgeText says what is live, and what is the matter with it.
func badgeText(c board.Card) (text, colour string) {
	live := "nothing live"
	if d := c.Live; d != nil {
		brought := shipbell.Deployment{}
		if c.Brought != nil {
			brought = *c.Brought
		}
		what := cmp.Or(d.Tag, short(d.Commit), brought.Tag, short(brought.Commit))
		live = strings.TrimSpace("live " + what)
		at := cmp.Or(d.FinishedAt, d.StartedAt)
		if c.State() == board.StateLive {
			return live + " · " + at.UTC().Format(time.DateOnly), colourLive
		}
	}
	switch c.State() {
	case board.StateFrozen:
		return "frozen · " + live, colourFrozen
	case board.StateFailing:
		return "failing · " + live, colourFailing
	case board.StateUnderWay:
		return "under way · " + live, colourUnderWay
	case board.StateAnnounced:
		return strings.TrimSpace("announced "+cmp.Or(c.Last.Tag, short(c.Last.Commit))) + " · " + c.Last.StartedAt.UTC().Format(time.DateOnly), colourUnknown
	}
	return live, colourUnknown
}

// draw draws a badge.
func draw(label, text, colour string) []byte {
	label, text = printed(label), printed(text)
	left, right := width(label)+10, width(text)+10
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" role="img" aria-label="%s">`, left+right, escaped(label+": "+text))
	fmt.Fprintf(&b, `<title>%s</title>`, escaped(label+": "+text))
	fmt.Fprintf(&b, `<clipPath id="r"><rect width="%d" height="20" rx="3" fill="#fff"/></clipPath>`, left+right)
	fmt.Fprintf(&b, `<g clip-path="url(#r)"><rect width="%d" height="20" fill="%s"/><rect x="%d" width="%d" height="20" fill="%s"/></g>`, left, colourLeft, left, right, colour)
	b.WriteString(`<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">`)
	fmt.Fprintf(&b, `<text x="%d" y="14" textLength="%d">%s</text>`, left/2, left-10, escaped(label))
	fmt.Fprintf(&b, `<text x="%d" y="14" textLength="%d">%s</text></g></svg>`, left+right/2, right-10, escaped(text))
	return []byte(b.String() + "\n")
}

// printed makes a text from outside fit for a badge.
func printed(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == '\u200d': // holds together what is one picture
			return r
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(text); len(runes) > maxBadgeText {
		text = string(runes[:maxBadgeText-1]) + "…"
	}
	return strings.TrimSpace(text)
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// width is about how wide a text is in Verdana at 11 pixels. The badge then stretches
// it to exactly that.
func width(text string) int {
	tenths := 0
	for _, r := range text {
		switch {
		case strings.ContainsRune("ijlI.,:;'|!()[] ·", r):
			tenths += 45
		case strings.ContainsRune("mwMW@%", r):
			tenths += 105
		case r > 0x2e80: // ideographs, emoji
			tenths += 120
		case unicode.IsUpper(r):
			tenths += 78
		default:
			tenths += 69
		}
	}
	return max((tenths+9)/10, 1)
}
