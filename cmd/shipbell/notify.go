package main

import (
	"context"
	"os/signal"
	"syscall"
	"time"

	"github.com/shipbell/shipbell/internal/client"
)

type notifyCmd struct {
	Type        string `help:"Project type: worker or pages." placeholder:"TYPE"`
	Project     string `help:"Name of the project." placeholder:"NAME"`
	Environment string `help:"Environment that is deployed to." short:"e" placeholder:"NAME"`
	ID          string `help:"Id of the deployment; a retry must give the same." placeholder:"ID"`
	Branch      string `help:"Branch." placeholder:"NAME"`
	Commit      string `help:"Full commit hash." placeholder:"HASH"`
	Message     string `help:"Commit message." placeholder:"TEXT"`
	Author      string `help:"Author of the commit." placeholder:"NAME"`
	Tag         string `help:"Tag or version." placeholder:"NAME"`
	Status      string `help:"How far it has come: announced, queued, in_progress, success, failure, canceled, skipped." placeholder:"WORD"`
	URL         string `name:"url" help:"Where the deployment answers." placeholder:"URL"`
	VersionID   string `name:"version-id" help:"Workers version id." placeholder:"ID"`
	LogURL      string `name:"log-url" help:"Where the build log is." placeholder:"URL"`
	Repository  string `name:"repository-url" help:"Web address of the repository." placeholder:"URL"`
	Error       string `help:"Why it failed." placeholder:"TEXT"`
	CI          string `name:"ci" help:"Whether this runs in CI: true or false." placeholder:"BOOL"`
	Config      string `help:"Wrangler configuration; searched upwards unless given." short:"c" placeholder:"FILE" type:"path"`

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
	return client.Notify(ctx, client.Here(), client.Options{
		Overrides: client.Overrides{
			Type: c.Type, Project: c.Project, Environment: c.Environment, ID: c.ID, Branch: c.Branch,
			Commit: c.Commit, Message: c.Message, Author: c.Author, Tag: c.Tag, Status: c.Status,
			URL: c.URL, VersionID: c.VersionID, LogURL: c.LogURL, RepositoryURL: c.Repository,
			Error: c.Error, CI: c.CI, ConfigFile: c.Config,
		},
		Timeout: c.Timeout, DryRun: c.DryRun, Strict: c.Strict, Quiet: c.Quiet,
	}, s.out, s.err)
}
