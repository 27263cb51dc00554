package client

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// The policy of this file: whoever reads the output must not be able to tell
// that it passed through here. It is copied byte for byte as it comes. What goes
// to one place, as where standard error was joined to standard output, goes
// through one pipe, so that its order stays. A command at a terminal sees a
// terminal: through a second one where the system has them cheaply, else the
// terminal itself, of which nothing can then be remembered. A closed pipe is
// closed for the command too.

// Streams are what a wrapped command reads and writes.
type Streams struct {
	In, Out, Err *os.File
}

const (
	// copySize is the buffer of a passage, in bytes: what a pipe holds.
	copySize = 64 << 10
	// lingering is how long a passage waits for output after the command ended:
	// what it wrote is there at once, and only a process that it left behind can
	// write more.
	lingering = time.Second
	// maxPartial is how much of a line without an end is held back from memory, in
	// bytes.
	maxPartial = 16 << 10
	// maxJudged is how much of an output is looked through for errors as it comes,
	// in bytes. It costs more than copying, so of what follows only the end is
	// looked at, and a flood is not held up.
	maxJudged = 4 << 20
	maxEnd    = 256 << 10
)

// passage is the way of one output: from the command's end to ours.
type passage struct {
	command, near *os.File // the two ends of the pipe
	to            *os.File
	terminal      bool
	memory        io.Writer
	ended         atomic.Bool // the command has
}

// passages are the ways of a command's outputs.
type passages struct {
	out, err *os.File // for the command
	all      []*passage
	copying  sync.WaitGroup
}

// openPassages makes the ways of both outputs. What cannot be copied is handed
// to the command as it is.
func openPassages(s Streams, memory io.Writer) *passages {
	p := &passages{out: s.Out, err: s.Err}
	if w := openPassage(s.Out, memory); w != nil {
		p.out = w.command
		p.all = append(p.all, w)
	}
	if samePlaces(s.Out, s.Err) {
		p.err = p.out
	} else if w := openPassage(s.Err, memory); w != nil {
		p.err = w.command
		p.all = append(p.all, w)
	}
	return p
}

func openPassage(to *os.File, memory io.Writer) *passage {
	if to == nil {
		return nil
	}
	w := &passage{to: to, memory: &lineWriter{to: memory}}
	var err error
	if term.IsTerminal(int(to.Fd())) {
		w.terminal = true
		w.near, w.command, err = openTerminal(to)
	} else {
		w.near, w.command, err = os.Pipe()
	}
	if err != nil {
		return nil
	}
	return w
}

// samePlaces reports whether both are one file, pipe or terminal.
func samePlaces(a, b *os.File) bool {
	if a == nil || b == nil {
		return false
	}
	ai, err := a.Stat()
	if err != nil {
		return false
	}
	bi, err := b.Stat()
	return err == nil && os.SameFile(ai, bi)
}

// start copies until the command and all that it left behind have closed their
// ends. The command has its own by now.
func (p *passages) start() {
	for _, w := range p.all {
		w.command.Close()
		p.copying.Go(w.copy)
	}
}

// discard closes what a command that did not start leaves unused.
func (p *passages) discard() {
	for _, w := range p.all {
		w.command.Close()
		w.near.Close()
	}
}

// finish waits for the rest of the output after the command ended.
func (p *passages) finish() {
	for _, w := range p.all {
		w.ended.Store(true)
		if w.near.SetReadDeadline(time.Now()) != nil {
			// Without deadlines, as on Windows, it is closed under the reader.
			timer := time.AfterFunc(lingering, func() { w.near.Close() })
			defer timer.Stop()
		}
	}
	p.copying.Wait()
}

// resize tells the command's terminal the size of ours.
func (p *passages) resize() {
	for _, w := range p.all {
		if w.terminal {
			copyWindowSize(w.near, w.to)
		}
	}
}

func (w *passage) copy() {
	defer w.near.Close()
	buffer := make([]byte, copySize)
	patience := lingering
	for {
		var begin time.Time
		if w.ended.Load() {
			// Only waiting counts: a reader of ours may be slow.
			begin = time.Now()
			if w.near.SetReadDeadline(begin.Add(patience)) != nil {
				begin = time.Time{}
			}
		}
		n, err := w.near.Read(buffer)
		if !begin.IsZero() {
			patience -= time.Since(begin)
		}
		if n > 0 {
			if _, err := w.to.Write(buffer[:n]); err != nil {
				return // the command gets SIGPIPE, as if it had written itself
			}
			_, _ = w.memory.Write(buffer[:n])
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && begin.IsZero():
			// The command ended while this waited.
		default:
			return // io.EOF; a terminal says EIO; or it has been long enough
		}
		if patience <= 0 {
			return
		}
	}
}

// lineWriter passes whole lines on, so that those of two outputs do not mix. It
// keeps no failure: memory is not worth one.
type lineWriter struct {
	to      io.Writer
	judged  int    // bytes passed on
	partial []byte // the line that has no end yet
	end     []byte // of a long output: not passed on yet
	broken  bool
}

func (l *lineWriter) Write(p []byte) (n int, _ error) {
	l.guard(func() { l.take(p) })
	return len(p), nil
}

func (l *lineWriter) guard(f func()) {
	if l.broken {
		return
	}
	defer func() { l.broken = recover() != nil }()
	f()
}

func (l *lineWriter) take(p []byte) {
	if l.judged > maxJudged {
		if len(p) > maxEnd {
			p = p[len(p)-maxEnd:]
		}
		if len(l.end)+len(p) > 2*maxEnd {
			l.end = append(l.end[:0], l.end[len(l.end)-maxEnd:]...)
		}
		l.end = append(l.end, p...)
		return
	}
	l.judged += len(p)
	end := bytes.LastIndexByte(p, '\n') + 1
	if end == 0 && len(l.partial)+len(p) > maxPartial {
		end = len(p)
	}
	if end > 0 {
		if len(l.partial) > 0 {
			_, _ = l.to.Write(l.partial)
			l.partial = l.partial[:0]
		}
		_, _ = l.to.Write(p[:end])
	}
	l.partial = append(l.partial, p[end:]...)
}

// flush passes on what is left.
func (l *lineWriter) flush() {
	l.guard(func() {
		rest := append(l.partial, l.end...)
		l.partial, l.end = nil, nil
		if len(rest) > 0 {
			_, _ = l.to.Write(append(rest, '\n'))
		}
	})
}
