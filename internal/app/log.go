package app

import (
	"io"
	"log/slog"
	"sync"

	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/terminal"
)

// Log is where everything is logged: text for a person at a terminal, JSON for
// everything else. Every record passes one place that takes secrets out,
// whoever wrote it. It is safe for concurrent use.
type Log struct {
	*slog.Logger
	out *redactor
}

// NewLog makes a log that writes to w.
func NewLog(w io.Writer, person bool, level slog.Level) *Log {
	out := &redactor{w: w}
	options := &slog.HandlerOptions{Level: level}
	// People read that at terminals too: what a build step wrote must not steer them.
	var h slog.Handler = slog.NewJSONHandler(terminal.JSONWriter{To: out}, options)
	if person {
		h = slog.NewTextHandler(out, options)
	}
	return &Log{Logger: slog.New(h), out: out}
}

// Hide takes a secret out of everything that is logged from now on.
func (l *Log) Hide(secret string) {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	l.out.secrets = append(l.out.secrets, outbound.NewSecret(secret))
}

// redactor takes secrets out of what is written. A handler writes a whole
// record at once, so no secret is split between two writes.
type redactor struct {
	mu      sync.Mutex
	w       io.Writer
	secrets []outbound.Secret
}

// Write implements io.Writer.
func (r *redactor) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := io.WriteString(r.w, outbound.Redact(string(p), r.secrets...)); err != nil {
		return 0, err
	}
	return len(p), nil
}
