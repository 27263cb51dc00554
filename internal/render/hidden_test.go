package render_test

import (
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/render"
)

// TestNothingHides: what shows nothing is left out, and what holds a picture or a
// word together stays.
func TestNothingHides(t *testing.T) {
	for text, want := range map[string]string{
		"a\u3164b\u115f\u1160\uffa0": "ab", "a\u200b\u202eb": "ab", "👨\u200d👩\u200d👧": "👨\u200d👩\u200d👧", "한국": "한국",
	} {
		m := render.Message(shipbell.Deployment{Observation: shipbell.Observation{Type: shipbell.Worker, Project: text}})
		for _, l := range m.Lines {
			if l.Label == "Project" && l.Spans[0].Text != want {
				t.Errorf("%q became %q", text, l.Spans[0].Text)
			}
		}
	}
}
