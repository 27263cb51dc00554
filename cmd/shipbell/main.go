// Command shipbell is the deployment monitor: server, build-step client and
// demo in one binary.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/client"
	"github.com/shipbell/shipbell/internal/config"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// version is set by the linker for a release; other builds have their commit.
var version = ""

func main() {
	outliveLimits()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// cli is the grammar of the command line.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Exec    execCmd    `cmd:"" help:"Run a deploy command, and tell the server how it went. Ends as the command does."`
	Notify  notifyCmd  `cmd:"" help:"Tell the server of a deployment, from a build step. Never fails the build."`
	Demo    demoCmd    `cmd:"" help:"Show it all at work in 20 seconds, without any account."`
	Ls      lsCmd      `cmd:"" help:"List deployments of a running server."`
	Live    liveCmd    `cmd:"" help:"Show what is live where, what is going out and what failed."`
	Show    showCmd    `cmd:"" help:"Show all that a running server knows of a deployment."`
	Tail    tailCmd    `cmd:"" help:"Print what changes, as it changes."`
	State   stateCmd   `cmd:"" help:"Show or import the ids that were announced."`
	Why     whyCmd     `cmd:"" help:"Tell all that is known of a deployment, and why its message says what it says."`
	Poll    pollCmd    `cmd:"" help:"Ask Cloudflare once, and print what was heard."`
	Lanes   lanesCmd   `cmd:"" help:"Show the channels' delivery lanes, or resume one."`
	Token   tokenCmd   `cmd:"" help:"Make, list and revoke tokens: who may push, look and administer."`
	Db      dbCmd      `cmd:"" help:"Back up the ledger, or copy it into another database."`
	Version versionCmd `cmd:"" help:"Show the version."`
}

// exit ends parsing early; kong has no other way to say that help was shown.
type exit int

func run(ctx context.Context, args []string, s streams) (code int) {
	defer func() {
		if e, ok := recover().(exit); ok {
			code = int(e)
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("shipbell"),
		kong.Description("Know what is live. One deployment, one message, always current.\n\nTry it: shipbell demo"),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, Tree: true}),
		kong.ValueFormatter(describeValue),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
		kong.ShortUsageOnError(),
	)
	if err != nil {
		return fail(s, err, "this is a bug; please report it")
	}
	args = spelled(args)
	command, err := parser.Parse(args)
	if err != nil {
		return usage(s, args, err)
	}
	if err := command.Run(); err != nil {
		return explain(s, err)
	}
	return exitOK
}

// spelled returns arguments in the form that the grammar has. Everybody tries help and
// --version, and neither is worth a line in the help of each command.
func spelled(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && args[0] == "--version":
		return []string{"version"}
	}
	return args
}

// describeValue adds the environment variable and the default to a flag's help.
func describeValue(v *kong.Value) string {
	help := v.Help
	if fallback := cmp.Or(v.Tag.Get("fallback"), v.Default); fallback != "" {
		help += " [default: " + fallback + "]"
	}
	if setting := v.Tag.Get("setting"); setting != "" {
		help += " ($" + setting + ")"
	}
	return help
}

// usage answers arguments that cannot be understood. A build step must not fail
// a build over them.
func usage(s streams, args []string, err error) int {
	hint := "shipbell --help"
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context.Selected() != nil {
		command := wrong.Context.Selected()
		if hint = command.FullPath() + " --help"; lacks(command) {
			hint = "shipbell " + command.Summary() + "; " + hint
		}
	}
	fmt.Fprintf(s.err, "shipbell: %v\nhint: %s\n", err, hint)
	if args[0] == "notify" && !isStrict(args) {
		return exitOK
	}
	return exitUsage
}

// lacks reports whether a command was not given something that it cannot do without.
// kong names only the first such thing.
func lacks(command *kong.Node) bool {
	return slices.ContainsFunc(command.Flags, func(f *kong.Flag) bool { return f.Required && !f.Set }) ||
		slices.ContainsFunc(command.Positional, func(p *kong.Positional) bool { return p.Required && !p.Set })
}

// isStrict finds --strict among arguments that could not be parsed.
func isStrict(args []string) bool {
	return slices.Contains(args, "--strict") || slices.Contains(args, "--strict=true")
}

// hinted is an error with a sentence that says what to do.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// misused is an error of the command line that kong cannot see.
type misused struct {
	error
	hint string
}

// explain prints an error and what to do about it.
func explain(s streams, err error) int {
	var problem *client.Problem
	if errors.As(err, &problem) {
		return exitFailure // printed already
	}
	var settings config.Problems
	if errors.As(err, &settings) {
		for _, p := range settings {
			fmt.Fprintf(s.err, "shipbell: %v\n", config.Problems{p})
		}
		fmt.Fprintf(s.err, "hint: mend the settings above in the environment, the .env file or the flags; shipbell serve --help lists all\n")
		return exitUsage
	}
	var store *shipbell.StoreError
	if errors.As(err, &store) {
		return fail(s, err, store.Hint)
	}
	var m misused
	if errors.As(err, &m) {
		fail(s, err, m.hint)
		return exitUsage
	}
	var h hinted
	if errors.As(err, &h) {
		return fail(s, err, h.hint)
	}
	fmt.Fprintf(s.err, "shipbell: %v\n", err)
	return exitFailure
}

func fail(s streams, err error, hint string) int {
	fmt.Fprintf(s.err, "shipbell: %v\nhint: %s\n", err, hint)
	return exitFailure
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, "shipbell", versionText())
	return err
}

// versionText returns the release, or the commit that was built.
func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	// What go install was asked for, or what git says of the checkout.
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return "dev-" + setting.Value[:min(12, len(setting.Value))]
		}
	}
	return "dev"
}
