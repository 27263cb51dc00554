package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// trace is what happened, as it is told when a seed fails.
type trace struct {
	mu    sync.Mutex
	lines []line
}

type line struct {
	at     time.Duration
	who    string
	format string
	args   []any
}

func (l line) String() string {
	return fmt.Sprintf("%12.6fs  %-7s %s", l.at.Seconds(), l.who, fmt.Sprintf(l.format, l.args...))
}

// tell adds a line.
func (w *world) tell(who, format string, args ...any) {
	w.trace.mu.Lock()
	defer w.trace.mu.Unlock()
	w.trace.lines = append(w.trace.lines, line{time.Since(w.began), who, format, args})
}

// story returns the lines.
func (t *trace) story() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	for _, l := range t.lines {
		b.WriteString(l.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// talk puts what a replica logs into the trace.
type talk struct {
	r     *replica
	attrs []slog.Attr
}

func (talk) Enabled(context.Context, slog.Level) bool { return true }

func (k talk) Handle(_ context.Context, r slog.Record) error {
	words := make([]string, 0, len(k.attrs)+r.NumAttrs())
	add := func(a slog.Attr) bool {
		words = append(words, a.String())
		return true
	}
	for _, a := range k.attrs {
		add(a)
	}
	r.Attrs(add)
	k.r.world.tell(k.r.name, "  log: %s %s", r.Message, strings.Join(words, " "))
	return nil
}

func (k talk) WithAttrs(attrs []slog.Attr) slog.Handler {
	return talk{k.r, append(k.attrs[:len(k.attrs):len(k.attrs)], attrs...)}
}

func (k talk) WithGroup(string) slog.Handler { return k }
