package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/demo"
)

type demoCmd struct {
	Keep      bool   `help:"Leave the server running afterwards, to push to, until Ctrl-C." xor:"what"`
	Dashboard bool   `help:"Serve the dashboard of a made-up company instead, until Ctrl-C." xor:"what"`
	Listen    string `help:"Address of that dashboard." fallback:"127.0.0.1:8790" placeholder:"HOST:PORT"`
}

// demoDashboard is where the dashboard is unless told otherwise.
const demoDashboard = "127.0.0.1:8790"

// Help says what runs, and shows an example.
func (demoCmd) Help() string {
	return `Starts the server on a free port with a temporary data directory, and a Cloudflare and a Telegram with their rules, limits and faults inside this process; plays deployments against them with the real client over HTTP, one that goes live, one that fails and one that freezes, and shows the messages. It takes about 20 seconds. Nothing leaves this machine, no setting is read, and nothing is left behind.

It exits with 1 if anything is not as it says.

Example, to push to it yourself from another terminal:

  shipbell demo --keep

or to look at the dashboard with a month of deployments, and more every few seconds:

  shipbell demo --dashboard`
}

// Run plays the demo.
func (c demoCmd) Run(ctx context.Context, s streams) error {
	if c.Listen != "" && !c.Dashboard {
		return misused{errors.New("--listen is the address of the dashboard of --dashboard"), "shipbell demo --dashboard --listen " + quoted(printable(c.Listen)) + "; without --dashboard the demo takes a free port"}
	}
	if c.Dashboard {
		err := demo.Dashboard(ctx, demo.Options{Out: s.out, Version: versionText()}, cmp.Or(c.Listen, demoDashboard))
		if app.IsListenError(err) {
			return hinted{err, "choose another address: --listen 127.0.0.1:8791"}
		}
		return err
	}
	err := demo.Run(ctx, demo.Options{Out: s.out, Keep: c.Keep, Version: versionText(), Command: demo.CommandName()})
	if err == nil || errors.Is(err, demo.ErrInterrupted) {
		return err
	}
	return hinted{err, "run it again on a machine with less to do; if it fails again, please report it with all of the output"}
}
