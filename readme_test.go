package shipbell_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/render"
)

// The first commands that a stranger finds.
const (
	demoCommand = "go run ./cmd/shipbell demo"
	testCommand = "make test"
)

// block is a fenced block of a document.
type block struct {
	language string
	lines    []string
}

var fence = regexp.MustCompile("^\\s*```(\\w*)\\s*$")

// blocks returns the fenced blocks, without the indent of their fence.
func blocks(text string) []block {
	var list []block
	open, indent := false, 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		m := fence.FindStringSubmatch(line)
		switch {
		case m != nil && !open:
			open, indent = true, len(line)-len(strings.TrimLeft(line, " "))
			list = append(list, block{language: m[1]})
		case m != nil:
			open = false
		case open:
			b := &list[len(list)-1]
			b.lines = append(b.lines, strings.TrimPrefix(line, strings.Repeat(" ", indent)))
		}
	}
	return list
}

// TestReadmeCommands: the two commands come first, and both exist.
func TestReadmeCommands(t *testing.T) {
	var commands []string
	for _, b := range blocks(read(t, "README.md")) {
		if b.language == "sh" {
			commands = append(commands, b.lines...)
		}
	}
	if len(commands) < 2 || commands[0] != demoCommand || commands[1] != testCommand {
		t.Errorf("the README begins with %q, want %q and %q", commands[:min(len(commands), 2)], demoCommand, testCommand)
	}
	if !regexp.MustCompile(`(?m)^test:`).MatchString(read(t, "Makefile")) {
		t.Error("the Makefile has no target test")
	}
}

// TestReadmeDemo runs the demo as the README has it.
func TestReadmeDemo(t *testing.T) {
	t.Parallel()
	words := strings.Fields(demoCommand)
	c := exec.CommandContext(t.Context(), words[0], words[1:]...)
	c.Env = buildEnv()
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", demoCommand, err, out)
	}
	for _, want := range []string{"⚡ New Worker Deployment", "✅ Deployed in 34 s", "All of that was real"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the demo does not show %q:\n%s", want, out)
		}
	}
}

// TestReadmeMessages: the messages in the README are those that people get.
func TestReadmeMessages(t *testing.T) {
	announced := channeltest.Contract()
	ended := channeltest.Contract()
	ended.ID, ended.Status, ended.At, ended.URL = "2", shipbell.Success, ended.At.Add(34*time.Second), "https://api.example.com"
	d := shipbell.NewDeployment(announced)
	var shown []string
	for _, b := range blocks(read(t, "README.md")) {
		if b.language == "text" {
			shown = append(shown, strings.Join(b.lines, "\n"))
		}
	}
	want := []string{render.Message(d).Plain(), render.Message(shipbell.Apply(d, ended)).Plain()}
	if !slices.Equal(shown, want) {
		t.Errorf("the README shows\n%s\n\nwant\n%s", strings.Join(shown, "\n\n"), strings.Join(want, "\n\n"))
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^()\s]*)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
)

// TestLinks: every relative link leads to a file and, where it names one, to a
// heading in it.
func TestLinks(t *testing.T) {
	for name, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %s leads nowhere", name, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: %s has no heading %q", name, target, anchor)
			}
		}
	}
}

// anchors are the fragments that headings get: lower case, spaces as dashes,
// nothing else but letters, digits, dashes and underscores.
func anchors(text string) []string {
	var list []string
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		list = append(list, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1]))
	}
	return list
}

// TestCommandLines: every shipbell command in the documents is understood.
func TestCommandLines(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "shipbell")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/shipbell")
	build.Env = buildEnv()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tried := map[string]bool{}
	for name, text := range documents(t) {
		for _, args := range commandLines(text) {
			key := fmt.Sprintf("%q", args)
			if tried[key] {
				continue
			}
			tried[key] = true
			// --help ends parsing before anything runs, and after mistakes are found.
			// Behind -- it would be another program's.
			end := slices.Index(args, "--")
			if end < 0 {
				end = len(args)
			}
			var stdout, stderr bytes.Buffer
			c := exec.CommandContext(t.Context(), binary, slices.Insert(slices.Clone(args), end, "--help")...)
			c.Stdout, c.Stderr = &stdout, &stderr
			if err := c.Run(); err != nil || stderr.Len() > 0 || !strings.HasPrefix(stdout.String(), "Usage: shipbell") {
				t.Errorf("%s: shipbell %s is not understood: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
			}
		}
	}
	if len(tried) < 20 {
		t.Errorf("found only %d commands in the documents", len(tried))
	}
}

// buildEnv builds without cgo even beside a race detector, so that what was
// compiled for other builds of the binary is used again.
func buildEnv() []string { return append(os.Environ(), "CGO_ENABLED=0") }

var codeSpan = regexp.MustCompile("`(shipbell(?: [^`]*)?)`")

// commandLines returns the arguments of every call of shipbell in the fenced
// blocks and code spans of a document.
func commandLines(text string) [][]string {
	var calls [][]string
	for _, b := range blocks(text) {
		if b.language != "sh" && b.language != "toml" && b.language != "yaml" && b.language != "ini" {
			continue
		}
		joined := strings.ReplaceAll(strings.Join(b.lines, "\n"), "\\\n", " ")
		for line := range strings.SplitSeq(joined, "\n") {
			calls = append(calls, callsOf(line)...)
		}
	}
	for _, m := range codeSpan.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		calls = append(calls, callsOf(m[1])...)
	}
	return calls
}

// prefix is what stands before a command in TOML, YAML and unit files.
var prefix = regexp.MustCompile(`^(?:\s*-?\s*(?:run|command): |\s*- |ExecStart=|command = )`)

// callsOf returns the arguments of every call of shipbell in a line of shell.
func callsOf(line string) [][]string {
	line = prefix.ReplaceAllString(line, "")
	if inner, ok := strings.CutPrefix(line, `"`); ok {
		line = strings.TrimSuffix(inner, `"`)
	}
	var calls [][]string
	inCall, start, skip := false, true, false // start: the next word is a command
	for _, w := range shellWords(line) {
		switch {
		case w.operator:
			inCall, start = false, true
		case skip:
			skip = false
		case inCall:
			calls[len(calls)-1] = append(calls[len(calls)-1], w.text)
		case start && (w.text == "shipbell" || strings.HasSuffix(w.text, "/shipbell")):
			calls, inCall = append(calls, nil), true
		case start && w.text == "-u": // sudo's, with a user's name
			skip = true
		default:
			start = runsNext(w.text)
		}
	}
	return calls
}

// runsNext reports whether the word after this one is a command.
func runsNext(text string) bool {
	return slices.Contains([]string{"{", "if", "then", "else", "sudo", "go", "run"}, text) || strings.Contains(text, "=")
}

type word struct {
	text     string
	operator bool
}

// shellWords parts a line as a shell does, as far as documents need it.
func shellWords(line string) []word {
	var words []word
	var text strings.Builder
	in, quote := false, rune(0)
	end := func() {
		if in {
			words = append(words, word{text: text.String()})
		}
		text.Reset()
		in = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			text.WriteRune(r)
		case r == '\'' || r == '"':
			in, quote = true, r
		case strings.ContainsRune(";&|><", r):
			end()
			words = append(words, word{text: string(r), operator: true})
		case r == '#' && !in:
			return words
		case unicode.IsSpace(r):
			end()
		default:
			in = true
			text.WriteRune(r)
		}
	}
	end()
	return words
}
