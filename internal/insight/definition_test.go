package insight

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/channel/channeltest"
)

const page = `# Insights

<!-- Generated from Definitions in internal/insight by SHIPBELL_UPDATE=1 go test ./internal/insight -->

How often deployments go out, how long they take and how well they end, by the four numbers of
[DORA](https://dora.dev/guides/dora-metrics/) and how long deployments take. What is not known is not counted, and how
much that is stands beside the number. An answer may be a minute old.

A commit's time comes with a push: ` + "`shipbell exec` and `shipbell notify`" + ` ask git for it, and any other sender can give
[` + "`commitTime`" + `](push.md#the-request). The median is the middle one, or between the two in the middle; what nine of ten do
not exceed is one that was measured.

%s`

// TestInsightsPage: docs/insights.md says what the page and the API say.
func TestInsightsPage(t *testing.T) {
	var sections strings.Builder
	for _, d := range Definitions() {
		fmt.Fprintf(&sections, "## %s\n\n%s\n\n**Not known.** %s\n\n", d.Name, d.Meaning, d.Unknown)
	}
	channeltest.Golden(t, "../../../docs/insights.md", fmt.Sprintf(page, strings.TrimSuffix(sections.String(), "\n")))
}

// TestDefinitions: each says something of what cannot be known, in sentences.
func TestDefinitions(t *testing.T) {
	all := ""
	for _, d := range Definitions() {
		for _, text := range []string{d.Meaning, d.Unknown} {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q is no sentence", d.Name, text)
			}
		}
		all += d.Name + d.Unknown + d.Meaning
	}
	for _, needed := range []string{"before Shipbell looked", "a push announced", "shipbell notify", "Incidents that are not deployments",
		"Deployment frequency", "Lead time for changes", "Change failure rate", "failed deployment recovery time"} {
		if !strings.Contains(all, needed) {
			t.Errorf("nothing is said of %q", needed)
		}
	}
}
