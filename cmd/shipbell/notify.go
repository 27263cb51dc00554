package main

import (
	"context"
	"os/signal"
	"syscall"
	"time"

	"github.com/shipbell/shipbell/internal/client"
)

type notifyCmd struct {
	overrides
	Status    string `help:"How far it has come: announced, queued, in_progress, success, failure, canceled, skipped." placeholder:"WORD"`
	VersionID string `name:"version-id" help:"Workers version id." placeholder:"ID"`
	Error     string `help:"Why it failed." placeholder:"TEXT"`

	Timeout time.Duration `help:"Budget for everything, retries included." default:"5s" placeholder:"DURATION"`
	DryRun  bool          `help:"Print the request instead of sending it."`
	Strict  bool          `help:"Exit with 1 when the server was not told."`
	Quiet   bool          `help:"Print failures only." short:"q"`
}

// Help shows what is found by itself, and an example.
func (notifyCmd) Help() string {
	return `Reads $DEPLOY_NOTIFY_URL and $DEPLOY_NOTIFY_TOKEN, or the file that $DEPLOY_NOTIFY_TOKEN_FILE names. Everything else is found by itself in the CI's environment, git, the wrangler configuration or package.json; flags go before all of it.

It exits with 0 whatever happens, unless --strict is given: a message must never stop a deployment.

Example, in wrangler.toml:

  [build]
  command = "npm run build && shipbell notify"

Example, after the deployment, in any CI:

  npx wrangler deploy && shipbell notify --status success --url https://api.example.com`
}

// Run tells the server.
func (c notifyCmd) Run(ctx context.Context, s streams) error {
	// A closed pipe behind standard output must not end the process: its exit
	// code would end the build.
	signal.Ignore(syscall.SIGPIPE)
	o := c.overrides.client()
	o.Status, o.VersionID, o.Error = c.Status, c.VersionID, c.Error
	return client.Notify(ctx, client.Here(), client.Options{
		Overrides: o, Timeout: c.Timeout, DryRun: c.DryRun, Strict: c.Strict, Quiet: c.Quiet,
	}, s.out, s.err)
}
