package app_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/app"
)

// What a build step wrote does not steer the terminal at which a log is read.
func TestLogSteersNoTerminal(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		var b bytes.Buffer
		app.NewLog(&b, terminal, slog.LevelInfo).Info("delivered", "project", "\x1b[2J\u009b31m\u202egnp\r\nlevel=ERROR")
		if got := b.String(); strings.ContainsAny(got, "\x1b\u009b\u202e\r") || strings.Count(got, "\n") != 1 {
			t.Errorf("terminal %v: %q", terminal, got)
		}
	}
}
