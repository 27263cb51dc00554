package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// client times shipbell notify as a whole process against the start of Node,
// in which the script before Shipbell was written.
func (b *bench) client() error {
	const what = "shipbell notify, whole, with git and push"
	node, err := exec.LookPath("node")
	if err != nil {
		b.add(row{what: what, missing: "Node.js is not installed"})
		return nil
	}
	bare, err := b.startBare()
	if err != nil {
		return err
	}
	repository := b.scratch("repository")
	if err := makeRepository(repository); err != nil {
		return err
	}
	var ours, theirs []time.Duration
	for range 4 * b.turns {
		notify := exec.CommandContext(b.ctx, b.binary, "notify", "--strict")
		notify.Dir = repository
		notify.Env = append(os.Environ(), "DEPLOY_NOTIFY_URL="+bare.url, "DEPLOY_NOTIFY_TOKEN="+token, "WRANGLER_COMMAND=deploy")
		took, err := timed(notify)
		if err != nil {
			return err
		}
		ours = append(ours, took)
		if took, err = timed(exec.CommandContext(b.ctx, node, "-e", "0")); err != nil {
			return err
		}
		theirs = append(theirs, took)
	}
	share := float64(median(ours)) / float64(median(theirs))
	b.add(row{what: what, figure: ms(median(ours)), against: "node -e 0: " + ms(median(theirs)), ratio: ratio(share), goal: below(1, share, "")})
	return nil
}

func makeRepository(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "wrangler.toml"), []byte("name = \"api-service\"\n"), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."},
		{"-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-q", "-m", "Add JWT authentication"},
	} {
		c := exec.Command("git", args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
	}
	return nil
}

func timed(c *exec.Cmd) (time.Duration, error) {
	start := time.Now()
	out, err := c.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", c, err, out)
	}
	return time.Since(start), nil
}
