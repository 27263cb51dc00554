package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// The policy of this file: the output is read from top to bottom and never
// rewritten, so that it looks the same in a terminal, in its scroll-back and,
// without colours and lines, in a log. Colours are the terminal's own sixteen,
// so that they suit its background.

// The width of the output, in columns. Longer lines are hard to read; into less
// than the least the bubbles do not fit.
const (
	minWidth = 60
	maxWidth = 100
)

// Selected graphic renditions, https://en.wikipedia.org/wiki/ANSI_escape_code#SGR
const (
	sgrBold      = "1"
	sgrDim       = "2"
	sgrUnderline = "4"
	accent       = "36" // cyan
	good         = "32" // green
	bad          = "31" // red
)

// pacedFor is when pauses end. They are for the reader; what takes long on a
// slow machine must not take longer for them.
const pacedFor = 12 * time.Second

// screen is where everything is shown. It remembers the first failure to write
// and then writes nothing more.
type screen struct {
	w      io.Writer
	width  int
	rich   bool // lines and marks beyond ASCII
	colour bool
	paced  bool

	began time.Time
	blank bool // the last line is empty
	err   error
}

// newScreen finds out what w can show.
func newScreen(w io.Writer) *screen {
	s := &screen{w: w, width: maxWidth, began: time.Now()}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.paced = true
	if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
		s.width = min(max(columns-1, minWidth), maxWidth) // some terminals wrap at a full line
	}
	s.rich = os.Getenv("TERM") != "dumb"
	s.colour = s.rich && os.Getenv("NO_COLOR") == ""
	return s
}

// paint sets text in the renditions given, where there is colour.
func (s *screen) paint(text string, codes ...string) string {
	if !s.colour || len(codes) == 0 || text == "" {
		return text
	}
	return "\x1b[" + strings.Join(codes, ";") + "m" + text + "\x1b[0m"
}

func (s *screen) dim(text string) string { return s.paint(text, sgrDim) }

// line writes one line as it is.
func (s *screen) line(parts ...string) {
	text := strings.Join(parts, "")
	s.blank = text == ""
	if s.err == nil {
		_, s.err = io.WriteString(s.w, text+"\n")
	}
}

// gap parts two blocks; two gaps are one.
func (s *screen) gap() {
	if !s.blank {
		s.line()
	}
}

// pause gives a person time to read.
func (s *screen) pause(ctx context.Context, d time.Duration) {
	if !s.paced || time.Since(s.began) > pacedFor {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// indent is where all but headings begin.
const indent = "    "

// text writes a paragraph, broken to the width, after a mark of the first line.
func (s *screen) text(mark, text string, codes ...string) {
	for i, l := range wrap(glyphs(text), s.width-len(indent)-width(mark)) {
		before := s.paint(mark, codes...)
		if i > 0 {
			before = strings.Repeat(" ", width(mark))
		}
		s.line(indent, before, plain(l))
	}
}

// heading begins a step.
func (s *screen) heading(n int, title string) {
	s.gap()
	s.line(s.paint(fmt.Sprintf(" %d  ", n), accent, sgrBold), s.paint(title, sgrBold))
}

// note writes what explains, in the background.
func (s *screen) note(format string, args ...any) {
	for _, l := range wrap(glyphs(fmt.Sprintf(format, args...)), s.width-len(indent)) {
		s.line(indent, s.dim(plain(l)))
	}
}

// field writes a value with its name. A single word, such as a path, stays
// whole, so that it can be copied.
func (s *screen) field(name, value string) {
	const column = 14
	room := s.width - len(indent) - column
	if !strings.Contains(value, " ") {
		room = max(room, width(value))
	}
	for i, l := range wrap(glyphs(value), room) {
		if i > 0 {
			name = ""
		}
		s.line(indent, s.dim(fmt.Sprintf("%-*s", column, name)), plain(l))
	}
}

// proved says what has just been checked to be true.
func (s *screen) proved(format string, args ...any) {
	s.gap()
	s.text(s.mark("✓", "ok:"), fmt.Sprintf(format, args...), good)
}

// event says what happens to the deliveries.
func (s *screen) event(ok bool, at time.Duration, text string) {
	mark, colour := s.mark("✗", "x"), bad
	if ok {
		mark, colour = s.mark("✓", "+"), good
	}
	s.line(indent, s.paint(mark, colour), s.dim(fmt.Sprintf("%4.1f s  ", at.Seconds())), text)
}

func (s *screen) mark(rich, simple string) string {
	if s.rich {
		return rich + " "
	}
	return simple + " "
}

// command shows what is done in a directory, or anywhere: one argument or flag
// with its value a part. It breaks between parts, as a shell takes it.
func (s *screen) command(dir string, parts ...string) {
	prompt := strings.TrimLeft(dir+" ", " ") + s.mark("›", "$")
	for _, l := range s.breakUp(width(prompt), parts) {
		s.line(indent, s.dim(prompt), s.paint(l, sgrBold))
		prompt = strings.Repeat(" ", width(prompt))
	}
}

// ready shows a command to copy: whole lines can be selected and pasted.
func (s *screen) ready(parts ...string) {
	for _, l := range s.breakUp(0, parts) {
		s.line(indent, s.paint(l, sgrBold))
	}
}

// breakUp joins the parts of a command to lines that leave room for a prompt.
func (s *screen) breakUp(prompt int, parts []string) []string {
	room := s.width - len(indent) - prompt - len(` \`)
	lines := parts[:1:1]
	for _, p := range parts[1:] {
		last := &lines[len(lines)-1]
		if width(*last+" "+p) <= room {
			*last += " " + p
			continue
		}
		*last += ` \`
		lines = append(lines, "  "+p)
	}
	return lines
}

// output shows what a command printed or a server answered.
func (s *screen) output(text string) {
	for l := range strings.Lines(text) {
		s.line(indent, strings.TrimRight(l, "\n"))
	}
}
