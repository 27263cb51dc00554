package client

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openScreen returns the two ends of a terminal such as a person has, with
// everything at its default.
func openScreen(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, program, err := openTerminal(os.Stdin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close(); program.Close() })
	mode, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	mode.Oflag |= unix.OPOST | unix.ONLCR
	mode.Lflag |= unix.ISIG | unix.ICANON
	if err := unix.IoctlSetTermios(int(program.Fd()), unix.TCSETS, mode); err != nil {
		t.Fatal(err)
	}
	return person, program
}

// at puts a process at the terminal, as the foreground of its own session.
func at(cmd *exec.Cmd, program *os.File) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
}

// TestExecAtATerminal: the command sees terminals of the right size, its output
// looks as it does without us, and is remembered.
func TestExecAtATerminal(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	person, program := openScreen(t)
	size := &unix.Winsize{Row: 33, Col: 111}
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
	const script = `test -t 0 && test -t 1 && test -t 2 && stty size <&1; printf 'a\nb\tc\033[31m\r\n'; echo "Error: it broke" >&2; exit 3`
	show := func(cmd *exec.Cmd) string {
		at(cmd, program)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var seen bytes.Buffer
		r := bufio.NewReader(person)
		for !strings.Contains(seen.String(), "it broke\r\n") {
			c, err := r.ReadByte()
			if err != nil {
				t.Fatal(err, &seen)
			}
			seen.WriteByte(c)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 3 {
			t.Errorf("exit code %d", code)
		}
		return seen.String()
	}
	direct := exec.Command("sh", "-c", script)
	want := show(direct)
	if got := show(w.command("sh", "-c", script)); got != want || !strings.HasPrefix(got, "33 111\r\n") {
		t.Errorf("shown %q, want %q", got, want)
	}
	sameList(t, "pushes", b.heard("status", "error"), "in_progress <nil>", "failure Error: it broke")
}

// TestExecAtTheKeyboard: Ctrl-C reaches the command once, because the terminal
// sends it to the command as well.
func TestExecAtTheKeyboard(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	person, program := openScreen(t)
	cmd := w.command("sh", "-c", `n=0; trap 'n=$((n+1)); echo "interrupted $n"' INT; echo ready; until read x; do :; done; echo "n=$n"`)
	at(cmd, program)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(person)
	until := func(want string) {
		t.Helper()
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(line, "n=") && !strings.Contains(line, want) {
				t.Fatalf("%q, want %q", line, want)
			}
			if strings.Contains(line, want) {
				return
			}
		}
	}
	until("ready")
	<-b.arrive
	io.WriteString(person, "\x03")
	until("interrupted 1")
	io.WriteString(person, "go\n")
	until("n=1")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	sameList(t, "pushes", b.heard("status"), "in_progress", "success")

	cmd = w.command("sh", "-c", "echo ready; exec cat")
	at(cmd, program)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until("ready")
	<-b.arrive
	<-b.arrive
	io.WriteString(person, "\x03")
	_ = cmd.Wait()
	heard := b.heard("status", "error")
	if cmd.ProcessState.ExitCode() != codeInterrupted || !strings.HasPrefix(heard[len(heard)-1], "canceled interrupted") {
		t.Errorf("exit code %d, pushes %q", cmd.ProcessState.ExitCode(), heard)
	}
}

// TestResize: the command's terminal follows ours.
func TestResize(t *testing.T) {
	_, ours := openScreen(t)
	ways := openPassages(Streams{nil, ours, ours}, io.Discard)
	defer ways.discard()
	if len(ways.all) != 1 || ways.out != ways.err || !ways.all[0].terminal {
		t.Fatalf("%d passages", len(ways.all))
	}
	if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 7, Col: 77}); err != nil {
		t.Fatal(err)
	}
	ways.resize()
	size, err := unix.IoctlGetWinsize(int(ways.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Row != 7 || size.Col != 77 {
		t.Errorf("%+v, %v", size, err)
	}
}
