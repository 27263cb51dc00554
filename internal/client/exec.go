package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/shipbell/shipbell/internal/excerpt"
)

// ExecOptions are the flags of shipbell exec.
type ExecOptions struct {
	Overrides
	// Timeout is how long the command's end may be held up by telling of it; 0 is
	// [DefaultTimeout].
	Timeout time.Duration
	// Quiet leaves out everything, failures to tell included.
	Quiet bool
}

// The exit codes of a command that did not start, as shells give them.
const (
	codeNotExecutable = 126
	codeNotFound      = 127
)

// memorySize is how much of the output is remembered for an excerpt, in bytes.
const memorySize = 256 << 10

// Exec is shipbell exec without the reading of flags: it runs a command, passes
// its output and signals through, and tells the server of its start and its end.
// It returns the command's exit code, whatever becomes of the telling.
//
// The start is told while the command runs and holds it up nowhere. The end is
// told within [ExecOptions.Timeout] after the command has ended; until then the
// start may still be on its way.
func Exec(s Surroundings, o ExecOptions, argv []string, std Streams) int {
	signals := catchSignals()
	defer signals.stop()

	t := newTeller(s, o, argv)
	defer t.close()
	t.prepare()

	memory := excerpt.NewTail(memorySize)
	ways := &passages{out: std.Out, err: std.Err}
	if !t.mute() {
		ways = openPassages(std, memory)
	}
	signals.setResize(ways.resize)

	began := s.Now()
	process, err := start(argv, std.In, ways.out, ways.err, t.environ)
	if err != nil {
		ways.discard()
		code, reason := startFailure(argv[0], err)
		fmt.Fprintf(std.Err, "shipbell: %s\n", reason)
		t.begin(began, false)
		t.finish(ending{at: s.Now(), code: code, missing: reason}, signals, std.Err)
		return code
	}
	signals.begin(process.Process)
	ways.start()
	t.begin(began, true)

	_ = process.Wait() // the state says it all
	code, died := exitCode(process.ProcessState)
	interrupted := signals.end(code == codeInterrupted)
	ended := s.Now()
	ways.finish()
	t.finish(ending{at: ended, code: code, signal: died, interrupted: interrupted, lines: remembered(ways, memory)}, signals, std.Err)
	return code
}

func remembered(ways *passages, memory *excerpt.Tail) (lines []string) {
	defer func() { _ = recover() }() // no excerpt is worth the command's exit code
	for _, w := range ways.all {
		if l, ok := w.memory.(*lineWriter); ok {
			l.flush()
		}
	}
	return memory.Lines()
}

// start runs the command in our process group, with our standard input. As in a
// shell, a script without an interpreter line is one for sh, and a program in
// the current directory is found if PATH says so.
func start(argv []string, in, out, err *os.File, environ []string) (*exec.Cmd, error) {
	run := func(argv []string) (*exec.Cmd, error) {
		cmd := exec.Command(argv[0], argv[1:]...)
		if errors.Is(cmd.Err, exec.ErrDot) {
			cmd.Err = nil
		}
		cmd.Env = environ
		// A nil file in an interface is none that is nil.
		if in != nil {
			cmd.Stdin = in
		}
		if out != nil {
			cmd.Stdout = out
		}
		if err != nil {
			cmd.Stderr = err
		}
		return cmd, cmd.Start()
	}
	cmd, failed := run(argv)
	if errors.Is(failed, syscall.ENOEXEC) && cmd.Path != "" {
		return run(append([]string{"/bin/sh", cmd.Path}, argv[1:]...))
	}
	return cmd, failed
}

// startFailure says why a command did not start, in a shell's words.
func startFailure(name string, err error) (code int, reason string) {
	name = oneLine(name)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return codeNotFound, name + ": command not found"
	case errors.Is(err, fs.ErrNotExist):
		return codeNotFound, name + ": no such file or directory"
	case errors.Is(err, fs.ErrPermission):
		return codeNotExecutable, name + ": permission denied"
	case errors.Is(err, syscall.EISDIR):
		return codeNotExecutable, name + ": is a directory"
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		return codeNotExecutable, name + ": " + number.Error()
	}
	return codeNotExecutable, name + ": cannot be run"
}

// oneLine is the problem as shipbell exec prints it.
func (p *Problem) oneLine() string {
	return fmt.Sprintf("shipbell: deployment not announced: %s; hint: %s\n", p.Sentence, p.Hint)
}
