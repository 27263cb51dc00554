package client

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// checkout is a real repository, and runs real git.
type checkout struct {
	t   *testing.T
	dir string
}

// newCheckout makes a repository with one commit and shuts out the
// configuration of the machine.
func newCheckout(t *testing.T) checkout {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("these tests need the git executable")
	}
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "Dev", "GIT_AUTHOR_EMAIL": "dev@example.com",
		"GIT_COMMITTER_NAME": "Bot", "GIT_COMMITTER_EMAIL": "bot@example.com",
		"GIT_AUTHOR_DATE": "2025-01-15T10:00:00Z", "GIT_COMMITTER_DATE": "2025-01-15T10:00:00Z",
	} {
		t.Setenv(name, value)
	}
	c := checkout{t, t.TempDir()}
	c.git("init", "-q", "-b", "main")
	c.write("a.txt", "one\n")
	c.git("add", ".")
	c.git("commit", "-q", "-m", "Add <a> & more\n\nWith a body:\n- ünïcödé\n\nAnd a last line")
	return c
}

func (c checkout) git(args ...string) string {
	c.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = c.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (c checkout) write(name, content string) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// script makes an executable that runs a command.
func (c checkout) script(command string) string {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+command+"\n"), 0o755); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// sign puts a signature that is not valid on the commit at HEAD.
func (c checkout) sign() {
	c.t.Helper()
	header, body, _ := strings.Cut(c.git("cat-file", "commit", "HEAD"), "\n\n")
	signature := "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n"
	file := filepath.Join(c.t.TempDir(), "commit")
	if err := os.WriteFile(file, []byte(header+signature+body+"\n"), 0o644); err != nil {
		c.t.Fatal(err)
	}
	c.git("update-ref", "HEAD", c.git("hash-object", "-t", "commit", "-w", file))
}

func (c checkout) surroundings() Surroundings {
	s := Here()
	s.Getenv = func(string) string { return "" }
	s.Dir = c.dir
	s.Now = func() time.Time { return noon }
	s.Processes = func() []Process { return nil }
	return s
}

func TestReadCommit(t *testing.T) {
	c := newCheckout(t)
	hash := c.git("rev-parse", "HEAD")
	want := commit{
		hash: hash, author: "dev@example.com", branch: "main",
		message: "Add <a> & more\n\nWith a body:\n- ünïcödé\n\nAnd a last line",
		time:    "2025-01-15T10:00:00Z",
	}
	check := func(name, revision string, want commit) {
		t.Helper()
		got, err := c.surroundings().readCommit(t.Context(), revision)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
	check("a branch", "HEAD", want)

	c.git("tag", "v1.2.3")
	c.git("branch", "other")
	c.git("update-ref", "refs/remotes/origin/main", "HEAD")
	want.tag = "v1.2.3"
	check("a tag", "HEAD", want)

	c.git("checkout", "-q", "--detach")
	want.branch = ""
	check("detached", "HEAD", want)
	check("by hash", hash, want)
	check("by short hash", hash[:10], want)

	c.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
	check("not the one checked out", hash, want)
	empty := c.git("rev-parse", "HEAD")
	check("empty message", "HEAD", commit{hash: empty, author: "dev@example.com", history: empty + "\n" + hash + " Add <a> & more", time: "2025-01-15T10:00:00Z"})

	// The configuration of a repository must not change what is read, nor run
	// anything.
	c.git("config", "log.showSignature", "true")
	c.git("config", "gpg.program", "/does/not/exist")
	c.git("config", "format.pretty", "oneline")
	c.git("config", "log.decorate", "short")
	c.git("config", "color.ui", "always")
	check("with configuration", hash, want)

	if got, err := c.surroundings().readCommit(t.Context(), strings.Repeat("ab", 20)); err == nil {
		t.Errorf("a commit that is not there: %+v", got)
	}
}

// TestHistory: the commits before this one, whatever their messages hold; none
// where git knows only this one.
func TestHistory(t *testing.T) {
	c := newCheckout(t)
	first := c.git("rev-parse", "HEAD")
	long := strings.Repeat("é", 100)
	c.git("commit", "-q", "--allow-empty", "-m", long+"\n\nbody")
	c.git("commit", "-q", "--allow-empty", "--cleanup=verbatim", "-m", "\n  A \"b\" \t <c>  \n\nbody\x01")
	got, err := c.surroundings().readCommit(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(got.history, "\n")
	if len(lines) != 3 || lines[0] != got.hash+" A \"b\" \t <c>" || lines[2] != first+" Add <a> & more" {
		t.Errorf("history:\n%s", got.history)
	}
	if l := lines[1]; len(l) > maxSubject || !utf8.ValidString(l) || !strings.HasSuffix(l, "é…") {
		t.Errorf("long line %q", l)
	}
	for range 30 {
		c.git("commit", "-q", "--allow-empty", "-m", "more")
	}
	if got, _ := c.surroundings().readCommit(t.Context(), "HEAD"); strings.Count(got.history, "\n") != historyLength-1 {
		t.Errorf("history:\n%s", got.history)
	}
	if got, _ := c.surroundings().readCommit(t.Context(), first); got.history != "" || got.message == "" {
		t.Errorf("of the first commit: %+v", got)
	}
}

// TestCommitTime: the committer's date, in UTC; an author's date may be years older.
func TestCommitTime(t *testing.T) {
	c := newCheckout(t)
	t.Setenv("GIT_AUTHOR_DATE", "2020-01-01T00:00:00Z")
	t.Setenv("GIT_COMMITTER_DATE", "2025-01-15T12:34:56+02:00")
	c.git("config", "log.date", "relative")
	c.git("commit", "-q", "--allow-empty", "-m", "rebased")
	if got, err := c.surroundings().readCommit(t.Context(), "HEAD"); err != nil || got.time != "2025-01-15T10:34:56Z" {
		t.Errorf("%q, %v", got.time, err)
	}
}

func TestReadCommitWithoutRepository(t *testing.T) {
	c := newCheckout(t)
	s := c.surroundings()
	s.Dir = t.TempDir()
	if got, err := s.readCommit(t.Context(), "HEAD"); err == nil {
		t.Errorf("got %+v", got)
	}
	if got := s.readChanges(t.Context()); got != "" {
		t.Errorf("changes %q", got)
	}
	empty := checkout{t, t.TempDir()}
	empty.git("init", "-q")
	if got, err := empty.surroundings().readCommit(t.Context(), "HEAD"); err == nil {
		t.Errorf("without a commit: %+v", got)
	}
}

func TestReadCommitOfShallowClone(t *testing.T) {
	c := newCheckout(t)
	c.write("a.txt", "two\n")
	c.git("commit", "-qam", "Second")
	clone := checkout{t, filepath.Join(t.TempDir(), "clone")}
	c.git("clone", "-q", "--depth=1", "file://"+filepath.ToSlash(c.dir), clone.dir)
	got, err := clone.surroundings().readCommit(t.Context(), "HEAD")
	if err != nil || got.history != "" || got.message != "Second" || got.branch != "main" || got.author != "dev@example.com" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestReadCommitOfAnotherOwner lets git believe that the checkout is another
// user's, as it is in many containers.
func TestReadCommitOfAnotherOwner(t *testing.T) {
	c := newCheckout(t)
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
	got, err := c.surroundings().readCommit(t.Context(), "HEAD")
	if err != nil || got.author != "dev@example.com" {
		t.Errorf("got %+v, %v", got, err)
	}
	c.write("a.txt", "changed\n")
	if got := c.surroundings().readChanges(t.Context()); got != "" {
		t.Errorf("git diff ran in a checkout that git does not trust")
	}
}

func TestReadChanges(t *testing.T) {
	c := newCheckout(t)
	s := c.surroundings()
	ctx := t.Context()
	if got := s.readChanges(ctx); got != "" {
		t.Errorf("clean: %q", got)
	}
	c.write("untracked.txt", "x")
	if got := s.readChanges(ctx); got != "" {
		t.Errorf("untracked: %q", got)
	}
	c.write("a.txt", "two\n")
	two := s.readChanges(ctx)
	c.write("a.txt", "three\n")
	three := s.readChanges(ctx)
	if two == "" || three == "" || two == three {
		t.Errorf("two edits gave %q and %q", two, three)
	}
	c.git("add", "a.txt")
	if got := s.readChanges(ctx); got != three {
		t.Errorf("staged: %q, want %q", got, three)
	}
	c.write("a.txt", "two\n")
	if got := s.readChanges(ctx); got != two {
		t.Errorf("back again: %q, want %q", got, two)
	}
}

func TestRemote(t *testing.T) {
	c := newCheckout(t)
	s := c.surroundings()
	remote := func(dir string) string {
		s := s
		s.Dir = dir
		r, ok := s.findRepository()
		if !ok {
			t.Fatalf("no repository at %s", dir)
		}
		return s.remote(r)
	}
	if got := remote(c.dir); got != "" {
		t.Errorf("without a remote: %q", got)
	}
	c.git("remote", "add", "upstream", "https://github.com/other/api.git")
	c.git("remote", "add", "origin", "https://user:secret@github.com/acme/api.git")
	c.write("deep/er/file", "")
	const want = "https://github.com/acme/api"
	for _, dir := range []string{c.dir, filepath.Join(c.dir, "deep", "er")} {
		if got := remote(dir); got != want {
			t.Errorf("at %s: %q", dir, got)
		}
	}
	tree := filepath.Join(t.TempDir(), "tree")
	c.git("worktree", "add", "-q", tree, "-b", "side")
	if got := remote(tree); got != want {
		t.Errorf("in a worktree: %q", got)
	}
	s.Dir = tree
	if r, _ := s.findRepository(); r.top != tree {
		t.Errorf("the worktree's top is %s, want %s", r.top, tree)
	}
}

// TestHostileRepository: what an attacker names must neither run nor break out.
func TestHostileRepository(t *testing.T) {
	c := newCheckout(t)
	trap := filepath.Join(t.TempDir(), "ran")
	command := "touch " + trap
	c.git("config", "core.fsmonitor", command)
	c.git("config", "core.pager", command)
	c.git("config", "diff.external", command)
	c.git("config", "diff.evil.textconv", command)
	c.git("config", "core.sshCommand", command)
	c.git("config", "log.showSignature", "true")
	c.git("config", "gpg.program", c.script(command))
	c.sign()
	c.git("checkout", "-q", "-b", "$(touch${IFS}"+filepath.Base(trap)+")")
	c.write(".gitattributes", "*.txt diff=evil\n")
	c.write("package.json", `{"name": "$(touch `+trap+`)"}`)
	c.write("a.txt", "changed\n")
	if err := os.Remove(trap); err != nil && !os.IsNotExist(err) { // our own git commands may have fallen into it
		t.Fatal(err)
	}
	found, err := Collect(t.Context(), c.surroundings(), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if want := "$(touch${IFS}ran)"; found.Push.Branch != want || found.Push.Author != "dev@example.com" {
		t.Errorf("branch %q by %q, want %q", found.Push.Branch, found.Push.Author, want)
	}
	for _, path := range []string{trap, filepath.Join(c.dir, "ran")} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s exists: a command of the repository was run", path)
		}
	}
}

func TestCollectInRealRepository(t *testing.T) {
	c := newCheckout(t)
	c.git("remote", "add", "origin", "git@github.com:acme/api.git")
	c.write("wrangler.toml", `name = "api"`)
	first, err := Collect(t.Context(), c.surroundings(), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	p := first.Push
	if p.Project != "api" || p.Branch != "main" || p.Author != "dev@example.com" || p.CI ||
		p.RepositoryURL != "https://github.com/acme/api" || p.Commit != c.git("rev-parse", "HEAD") || !strings.HasPrefix(p.ID, "run-") {
		t.Errorf("got %+v", p)
	}
	if again, _ := Collect(t.Context(), c.surroundings(), Overrides{}); again.Push != p {
		t.Errorf("again: %+v", again.Push)
	}
	c.write("a.txt", "edited\n")
	if edited, _ := Collect(t.Context(), c.surroundings(), Overrides{}); edited.Push.ID == p.ID {
		t.Error("an edit does not change the id")
	}
}

// TestHangingGit: a git that does not answer is left behind.
func TestHangingGit(t *testing.T) {
	p := newPlace(t, nil)
	s := p.surroundings()
	s.Git = func(ctx context.Context, _ string, _ io.Writer, _ ...string) error {
		<-ctx.Done()
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // stands for the deadline
	found, err := Collect(ctx, s, Overrides{Project: "api"})
	if err != nil || found.Push.Commit != "" || found.Push.ID == "" {
		t.Errorf("got %+v, %v", found, err)
	}
}
