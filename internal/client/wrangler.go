package client

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// invocation is how wrangler was called: what can be read off the arguments of
// the wrangler process among our ancestors, or of the command that is wrapped.
type invocation struct {
	found    bool
	args     []string
	dir      string // where wrangler runs
	command  string // such as deploy or versions upload
	dryRun   bool
	env      string
	envGiven bool // --env "" asks for the top level
	name     string
	config   string
	cwd      string // where wrangler was told to go first
	project  string // of Pages
	branch   string // of Pages
}

// skip says why the call deploys nothing. Empty: it may.
func (v invocation) skip() Skip {
	switch {
	case v.command == commandDev || v.command == commandPagesDev:
		return SkipDev
	case v.command == commandTypes:
		return SkipTypes
	case v.dryRun:
		return SkipDryRun
	}
	return ""
}

// deploying reports whether the command is one that wrangler writes an outcome
// of.
func (v invocation) deploying() bool {
	switch v.command {
	case commandDeploy, commandVersionsUpload, commandVersionsDeploy, commandPagesDeploy:
		return true
	}
	return false
}

// same reports whether both are one call, made twice.
func (v invocation) same(w invocation) bool {
	return v.dir == w.dir && v.env == w.env && slices.Equal(v.args, w.args)
}

// findInvocation looks for the nearest wrangler above this process.
func findInvocation(processes []Process) invocation {
	for i, p := range processes {
		if i == 0 {
			continue
		}
		if args, ok := wranglerArgs(p.Args); ok {
			v := parseInvocation(args)
			v.found, v.dir = true, p.Dir
			return v
		}
	}
	return invocation{}
}

// wranglerArgs returns the arguments given to wrangler where argv runs it.
// Wrangler is a script, so argv is node with some options and the script; a
// shell whose command line speaks of wrangler is not meant.
func wranglerArgs(argv []string) ([]string, bool) {
	if len(argv) == 0 {
		return nil, false
	}
	switch baseName(argv[0]) {
	case "wrangler", "wrangler2":
		return argv[1:], true
	case "node", "nodejs", "bun", "deno":
		for i, arg := range argv[1:] {
			if isWranglerScript(arg) {
				return argv[i+2:], true
			}
		}
	}
	return nil, false
}

func isWranglerScript(arg string) bool {
	arg = filepath.ToSlash(arg)
	if !strings.Contains(arg, "/") || strings.ContainsAny(arg, " \t\n") {
		return false
	}
	return baseName(arg) == "wrangler" || strings.HasSuffix(arg, "/wrangler-dist/cli.js")
}

// baseName is the last part of a path without what makes it executable.
func baseName(p string) string {
	base := path.Base(filepath.ToSlash(p))
	for _, ext := range []string{".js", ".mjs", ".cjs", ".exe", ".cmd"} {
		base = strings.TrimSuffix(base, ext)
	}
	return base
}

// parseInvocation reads wrangler's arguments as yargs does, as far as we care:
// --x v, --x=v, -x v, and camel case for dashes. Of repeated options the last
// one counts.
func parseInvocation(args []string) invocation {
	v := invocation{args: args}
	var words []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			words = append(words, arg)
			continue
		}
		option, value, inline := strings.Cut(arg, "=")
		next := func() string {
			if inline {
				return value
			}
			if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
				return args[i]
			}
			return ""
		}
		switch option {
		case "--env", "-e":
			v.env, v.envGiven = next(), true
		case "--name":
			v.name = next()
		case "--config", "-c":
			v.config = next()
		case "--cwd":
			v.cwd = next()
		case "--project-name", "--projectName":
			v.project = next()
		case "--branch":
			v.branch = next()
		case "--env-file", "--envFile": // their values are not command words
			next()
		case "--dry-run", "--dryRun":
			v.dryRun = true
			if !inline && i+1 < len(args) && (args[i+1] == "true" || args[i+1] == "false") {
				value = next()
			}
			if value == "false" {
				v.dryRun = false
			}
		case "--no-dry-run", "--no-dryRun":
			v.dryRun = false
		}
	}
	if len(words) > 0 {
		v.command = words[0]
		if (v.command == "versions" || v.command == "pages") && len(words) > 1 {
			v.command += " " + words[1]
		}
	}
	switch v.command {
	case "build": // an alias of deploy --dry-run
		v.dryRun = true
	case "publish": // what older versions called it
		v.command = commandDeploy
	case "pages publish":
		v.command = commandPagesDeploy
	}
	if v.command != commandPagesDeploy {
		v.project, v.branch = "", "" // another command's options of the same name
	}
	return v
}

// The wrangler commands that decide something here.
const (
	commandDev            = "dev"
	commandPagesDev       = "pages dev"
	commandTypes          = "types"
	commandDeploy         = "deploy"
	commandVersionsUpload = "versions upload"
	commandVersionsDeploy = "versions deploy"
	commandPagesDeploy    = "pages deploy"
	commandRollback       = "rollback"
)
