package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// place is a build machine made of values: an environment, a directory that can
// hold files, a git that knows commits, and processes.
type place struct {
	env       map[string]string
	dir       string
	commits   map[string]commit // by revision, HEAD included
	changes   string            // what git diff prints
	processes []Process
	now       time.Time
	gitCalls  chan string // the subcommands that were run
}

var noon = time.Date(2025, 1, 15, 10, 30, 45, 999, time.UTC)

// newPlace returns a place in an empty directory whose top is known, so that no
// search leaves it.
func newPlace(t *testing.T, env map[string]string) *place {
	t.Helper()
	return &place{
		env:      env,
		dir:      t.TempDir(),
		commits:  map[string]commit{},
		now:      noon,
		gitCalls: make(chan string, 100),
	}
}

func (p *place) surroundings() Surroundings {
	return Surroundings{
		Getenv:    func(name string) string { return p.env[name] },
		Dir:       p.dir,
		Now:       func() time.Time { return p.now },
		ReadFile:  p.readFile,
		Git:       p.git,
		Processes: func() []Process { return p.processes },
	}
}

// readFile hides what lies above the place.
func (p *place) readFile(path string) ([]byte, error) {
	root := filepath.Dir(p.dir)
	if rel, err := filepath.Rel(root, path); err != nil || strings.HasPrefix(rel, "..") {
		return nil, fs.ErrNotExist
	}
	return readFile(path)
}

func (p *place) git(_ context.Context, _ string, out io.Writer, args ...string) error {
	if slices.Contains(args, "diff") {
		p.gitCalls <- "diff"
		_, err := io.WriteString(out, p.changes)
		return err
	}
	p.gitCalls <- "log"
	c, ok := p.commits[args[len(args)-2]]
	if !ok {
		return errors.New("exit status 128")
	}
	var refs []string
	if c.branch != "" {
		refs = append(refs, "HEAD -> refs/heads/"+c.branch)
	}
	if c.tag != "" {
		refs = append(refs, "tag: refs/tags/"+c.tag)
	}
	if _, err := fmt.Fprintf(out, "%s\x00%s\x00%s\x00%s\x00%s\n\x00", c.hash, c.author, strings.Join(refs, ", "), c.time, c.message); err != nil {
		return err
	}
	_, earlier, _ := strings.Cut(c.history, "\n")
	for line := range strings.Lines(earlier) {
		hash, subject, _ := strings.Cut(line, " ")
		if _, err := fmt.Fprintf(out, "%s\x00\x00\x00\x00%s\n\x00", hash, subject); err != nil {
			return err
		}
	}
	return nil
}

func (p *place) calls() (list []string) {
	for {
		select {
		case call := <-p.gitCalls:
			list = append(list, call)
		default:
			slices.Sort(list)
			return list
		}
	}
}

func (p *place) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p *place) collect(t *testing.T, o Overrides) Push {
	t.Helper()
	found, err := Collect(t.Context(), p.surroundings(), o)
	if err != nil {
		t.Fatalf("Collect: %v", err)
	}
	if found.Skip != "" || len(found.Warnings) > 0 {
		t.Fatalf("Collect: skip %q, warnings %q", found.Skip, found.Warnings)
	}
	return found.Push
}

// golden compares with a file below testdata; SHIPBELL_UPDATE=1 writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(name))
	if os.Getenv("SHIPBELL_UPDATE") == "1" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs; SHIPBELL_UPDATE=1 rewrites it\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	small, exact, large := filepath.Join(dir, "small"), filepath.Join(dir, "exact"), filepath.Join(dir, "large")
	for path, size := range map[string]int{small: 3, exact: MaxFileSize, large: MaxFileSize + 1} {
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]error{
		small:                            nil,
		exact:                            nil,
		large:                            errTooLarge,
		dir:                              errNotRegular,
		os.DevNull:                       errNotRegular,
		filepath.Join(dir, "none"):       fs.ErrNotExist,
		filepath.Join(small, "below"):    nil, // see absent
		filepath.Join(dir, "none", "no"): fs.ErrNotExist,
	} {
		_, err := readFile(path)
		if path == filepath.Join(small, "below") {
			if err == nil || !absent(err) {
				t.Errorf("a file below a file: %v, want an absent one", err)
			}
			continue
		}
		if !errors.Is(err, want) {
			t.Errorf("readFile(%s) = %v, want %v", path, err, want)
		}
	}
}

func TestHere(t *testing.T) {
	t.Setenv("SHIPBELL_TEST", "x")
	s := Here()
	if s.Getenv("SHIPBELL_TEST") != "x" || !filepath.IsAbs(s.Dir) || s.Now().IsZero() {
		t.Errorf("Here() = %+v", s)
	}
}
