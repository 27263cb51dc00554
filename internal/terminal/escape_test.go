package terminal_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/terminal"
)

// TestEscapeJSON: nothing is left that a terminal obeys, and the meaning stays.
func TestEscapeJSON(t *testing.T) {
	const text = "\x1b[2J \u009b31m \u202egnp.exe \u2066x\u2069 \x7f plain ö 世界 🚀"
	document, err := json.Marshal(map[string]string{text: text})
	if err != nil {
		t.Fatal(err)
	}
	got := terminal.EscapeJSON(string(document))
	if strings.ContainsAny(got, "\x1b\u009b\u202e\u2066\u2069\x7f") || !strings.Contains(got, `\u009b31m \u202egnp.exe`) || !strings.Contains(got, "ö 世界 🚀") {
		t.Errorf("escaped to %s", got)
	}
	var back map[string]string
	if err := json.Unmarshal([]byte(got), &back); err != nil || back[text] != text {
		t.Errorf("means %q, %v", back, err)
	}
}
