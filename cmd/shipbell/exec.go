package main

import (
	"fmt"
	"os"
	"time"

	"github.com/shipbell/shipbell/internal/client"
)

type execCmd struct {
	overrides

	Timeout time.Duration `help:"How long telling of the end may take, retries included." default:"5s" placeholder:"DURATION"`
	Quiet   bool          `help:"Print nothing, not even that the server was not told." short:"q"`

	Command []string `arg:"" optional:"" passthrough:"partial" help:"The command and its arguments, after --."`
}

// Help shows what is told, and examples.
func (execCmd) Help() string {
	return `Runs the command, passes its input, output, signals and exit code through untouched, and tells the server that it started and how it ended. Reads $DEPLOY_NOTIFY_URL and $DEPLOY_NOTIFY_TOKEN as shipbell notify does, and finds everything else by itself; flags go before --.

With wrangler it tells what wrangler says it deployed: versions, addresses, every Worker of a script. A dry run tells nothing. Of a failure it tells the last useful lines of the output, without secrets. A shipbell notify that the command runs speaks of the same deployment.

It exits as the command does, whatever becomes of the telling: 127 where there is no such command, 128 and the number of the signal that ended it.

Examples:

  shipbell exec -- npx wrangler deploy
  shipbell exec -- npx wrangler pages deploy dist
  shipbell exec -e staging -- npm run deploy
  shipbell exec -- sh -c "npm run build && npx wrangler deploy --env staging"`
}

// Run runs the command and ends as it does.
func (c execCmd) Run(s streams) error {
	argv := c.Command
	if len(argv) > 0 && argv[0] == "--" {
		argv = argv[1:]
	}
	if len(argv) == 0 {
		fmt.Fprint(s.err, "shipbell: there is no command to run\nhint: shipbell exec -- npx wrangler deploy\n")
		panic(exit(exitUsage))
	}
	code := client.Exec(client.Here(), client.ExecOptions{
		Overrides: c.overrides.client(),
		Timeout:   c.Timeout, Quiet: c.Quiet,
	}, argv, client.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	panic(exit(code)) // an error would have one code only
}
