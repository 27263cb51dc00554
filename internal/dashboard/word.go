package dashboard

import (
	"html/template"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/render"
)

// The policy of this file: nothing is told by colour alone. Whatever has a colour
// has a shape and a word of its own.

// face is what a status or state looks like: a tone, which is a colour; an icon, which
// is a shape; and a word.
type face struct{ Tone, Icon, Word string }

// icon returns the shape of that name. It is decoration: a word stands beside it.
func icon(name string) template.HTML {
	return template.HTML(`<svg class="i" aria-hidden="true"><use href="#i-` + template.HTMLEscapeString(name) + `"/></svg>`)
}

// faceOf is the face of a deployment.
func faceOf(d shipbell.Deployment) face {
	if d.Frozen() {
		return face{"ice", "ice", "Frozen"}
	}
	word := render.Status(d)
	switch d.Status {
	case shipbell.Success:
		return face{"ok", "ok", word}
	case shipbell.Failure:
		return face{"bad", "bad", word}
	case shipbell.InProgress:
		return face{"way", "way", word}
	case shipbell.Queued:
		return face{"way", "queued", word}
	case shipbell.Canceled:
		return face{"off", "canceled", word}
	case shipbell.Skipped:
		return face{"off", "skipped", word}
	}
	return face{"off", "announced", "Announced"}
}

// faceOfState is the face of a card.
func faceOfState(s board.State) face {
	switch s {
	case board.StateFrozen:
		return face{"ice", "ice", "Frozen"}
	case board.StateFailing:
		return face{"bad", "bad", "Failing"}
	case board.StateUnderWay:
		return face{"way", "way", "Under way"}
	case board.StateLive:
		return face{"ok", "ok", "Live"}
	case board.StateAnnounced:
		return face{"off", "announced", "Announced"}
	}
	return face{"off", "unknown", "Not known"}
}

// statusSaid is what a source did that told of a status.
var statusSaid = map[shipbell.Status]string{
	"":                  "told more about it",
	shipbell.Announced:  "announced it",
	shipbell.Queued:     "said that it is queued",
	shipbell.InProgress: "said that it started",
	shipbell.Success:    "said that it succeeded",
	shipbell.Failure:    "said that it failed",
	shipbell.Canceled:   "said that it was canceled",
	shipbell.Skipped:    "said that it was skipped",
}

// statuses are those that a list can be limited to.
func statuses() []option {
	var all []option
	for _, s := range []shipbell.Status{
		shipbell.Announced, shipbell.Queued, shipbell.InProgress, shipbell.Success,
		shipbell.Failure, shipbell.Canceled, shipbell.Skipped,
	} {
		all = append(all, option{Value: string(s), Text: faceOf(shipbell.Deployment{Observation: shipbell.Observation{Status: s}}).Word})
	}
	return all
}
