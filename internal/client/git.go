package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// gitTime bounds each question to git. A repository that takes longer is on a
// slow network drive, or another git holds it.
const gitTime = time.Second

const (
	// historyLength is how many commits are told, this one included. It is asked
	// for together with the commit, and 20 take as long as one.
	historyLength = 20
	// maxSubject bounds a line of the history, in bytes.
	maxSubject = 120
)

// commit is what git knows of one commit.
type commit struct {
	hash, author, branch, tag, message string
	// history is this commit and those before it, newest first: a line each, hash
	// and subject. Empty where git knows no commit before this one, as in a shallow
	// clone: one line would say nothing new.
	history string
	// time is when it was committed, RFC 3339 in UTC. That is when it got its last
	// form: a commit that was rebased counts from there.
	time string
}

var errNoCommit = errors.New("no commit")

// readCommit asks git for HEAD or a full or short hash. The call names its
// directory as safe, because builds in containers often run as another user
// than the owner of the checkout, and git refuses those: this command reads one
// commit and the names of refs, and runs nothing that a repository's
// configuration could name.
func (s Surroundings) readCommit(ctx context.Context, revision string) (commit, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTime)
	defer cancel()
	var out bytes.Buffer
	err := s.Git(ctx, s.Dir, &out, "-c", "safe.directory=*", "--no-pager",
		"log", "-z", "-"+strconv.Itoa(historyLength), "--no-show-signature", "--encoding=UTF-8", "--decorate=full",
		"--format="+commitFormat, revision, "--")
	if err != nil {
		return commit{}, err
	}
	fields := strings.Split(out.String(), "\x00")
	if len(fields) < commitFields {
		return commit{}, errNoCommit
	}
	c := commit{hash: fields[0], author: fields[1], message: strings.TrimRight(fields[4], "\n"), history: history(fields)}
	if at, err := time.Parse(time.RFC3339, fields[3]); err == nil {
		c.time = at.UTC().Format(time.RFC3339)
	}
	for ref := range strings.SplitSeq(fields[2], ", ") {
		if branch, ok := strings.CutPrefix(ref, "HEAD -> refs/heads/"); ok {
			c.branch = branch
		}
		if tag, ok := strings.CutPrefix(ref, "tag: refs/tags/"); ok && c.tag == "" {
			c.tag = tag
		}
	}
	return c, nil
}

// commitFormat is how git prints a commit; with -z a NUL ends each.
const (
	commitFormat = "%H%x00%ae%x00%D%x00%cI%x00%B"
	commitFields = 5
)

func history(fields []string) string {
	var lines []string
	for ; len(fields) >= commitFields; fields = fields[commitFields:] {
		subject, _, _ := strings.Cut(strings.TrimSpace(fields[4]), "\n")
		line := strings.TrimSpace(fields[0] + " " + strings.TrimSpace(subject))
		if len(line) > maxSubject {
			line = strings.ToValidUTF8(line[:maxSubject-len("…")], "") + "…"
		}
		lines = append(lines, line)
	}
	if len(lines) < 2 {
		return ""
	}
	return strings.Join(lines, "\n")
}

// readChanges returns a digest of the uncommitted changes to tracked files;
// empty means that there are none, or that git does not say. Unlike
// [Surroundings.readCommit] it does not overrule the owner check: git may run
// the repository's filters for it.
func (s Surroundings) readChanges(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, gitTime)
	defer cancel()
	digest := &countingDigest{Hash: sha256.New()}
	err := s.Git(ctx, s.Dir, digest, "-c", "core.fsmonitor=false", "--no-pager",
		"diff", "--no-ext-diff", "--no-textconv", "--no-color", "--full-index",
		"--ignore-submodules=dirty", "HEAD", "--")
	if err != nil || digest.n == 0 {
		return ""
	}
	return hex.EncodeToString(digest.Sum(nil))
}

// isHash matches what can be asked of git without meaning an option or a branch.
var isHash = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// repository is where a checkout and its configuration lie.
type repository struct {
	top    string // the root of the working tree
	common string // the directory with the configuration
}

// findRepository looks upwards from the working directory. It reads the files
// itself: this spares a process, and works where git refuses the owner.
func (s Surroundings) findRepository() (repository, bool) {
	for dir := range upwards(s.Dir) {
		git := filepath.Join(dir, ".git")
		if _, err := s.ReadFile(filepath.Join(git, "HEAD")); err == nil {
			return repository{top: dir, common: git}, true
		}
		// In a worktree or a submodule .git is a file that points elsewhere.
		data, err := s.ReadFile(git)
		if err != nil {
			continue
		}
		target, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
		if !ok {
			continue
		}
		git = resolve(dir, target)
		common := git
		if data, err := s.ReadFile(filepath.Join(git, "commondir")); err == nil {
			common = resolve(git, strings.TrimSpace(string(data)))
		}
		return repository{top: dir, common: common}, true
	}
	return repository{}, false
}

func resolve(dir, path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// remote returns the web address of the remote named origin. Includes and
// insteadOf are not followed.
func (s Surroundings) remote(r repository) string {
	data, err := s.ReadFile(filepath.Join(r.common, "config"))
	if err != nil {
		return ""
	}
	in := false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			in = line == `[remote "origin"]`
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if in && ok && strings.EqualFold(strings.TrimSpace(key), "url") {
			return webURL(strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
	return ""
}

// countingDigest is a hash that knows whether anything was written.
type countingDigest struct {
	hash.Hash
	n int
}

func (d *countingDigest) Write(p []byte) (int, error) {
	d.n += len(p)
	return d.Hash.Write(p)
}
