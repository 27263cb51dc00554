package insight_test

import (
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/insight"
)

const page = `# Insights

<!-- Generated from internal/insight by SHIPBELL_UPDATE=1 go test ./internal/insight -->

How often, how fast and how well is deployed: over the last 7, 30 or 90 days, for each project, compared with as many
days before. The names are those of [DORA](https://dora.dev/guides/dora-metrics-four-keys/), as far as it has one; where
the figures are not what it means by them, that is said. Each figure tells of how many deployments it was made, and what
is not known is left out of it rather than counted as nought.

`

// TestPage: docs/insights.md says what Definitions says.
func TestPage(t *testing.T) {
	var b strings.Builder
	b.WriteString(page)
	seen := make(map[string]bool)
	for _, d := range insight.Definitions() {
		if d.ID == "" || d.Name == "" || d.Meaning == "" || d.Unknown == "" || seen[d.ID] {
			t.Errorf("not whole, or there twice: %+v", d)
		}
		seen[d.ID] = true
		b.WriteString("## " + d.Name + "\n\n" + d.Meaning + "\n\n")
		if d.Differs != "" {
			b.WriteString("*Not quite DORA's:* " + d.Differs + "\n\n")
		}
		b.WriteString("*What cannot be known:* " + d.Unknown + "\n\n")
	}
	channeltest.Golden(t, "../../../docs/insights.md", strings.TrimSuffix(b.String(), "\n"))
}
