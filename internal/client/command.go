package client

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// maxNesting is how deep commands that run commands are followed: npx in a
// script of package.json in a shell is three.
const maxNesting = 8

// visible are the calls of wrangler that can be seen in a command.
type visible struct {
	calls []invocation
	// deploys is the one call that deploys; it is not found where there is none, or
	// where there are several.
	deploys invocation
	// idle is not empty where all calls are known to deploy nothing.
	idle Skip
}

// readCommand looks for wrangler in the arguments of a command: itself, behind
// npx and its like, in a script of package.json, or in a line for a shell.
func (s Surroundings) readCommand(argv []string) visible {
	r := commandReader{Surroundings: s}
	r.follow(scope{dir: s.Dir}, argv, 0)
	v := visible{calls: r.calls}
	var candidates []invocation
	idle := len(r.calls) > 0
	for _, c := range r.calls {
		skip := c.skip()
		if skip == "" && c.deploying() && !slices.ContainsFunc(candidates, c.same) {
			candidates = append(candidates, c) // the same once more is a second try
		}
		if skip != "" {
			v.idle = skip
		} else {
			idle = false
		}
	}
	if !idle {
		v.idle = ""
	}
	switch {
	case len(candidates) == 1:
		v.deploys = candidates[0]
	case len(candidates) == 0 && len(r.calls) == 1:
		v.deploys = r.calls[0]
	}
	return v
}

// scope is where a command runs.
type scope struct {
	dir      string
	assigned map[string]string
}

type commandReader struct {
	Surroundings
	calls []invocation
}

// follow reads one command and what it runs. A command that is not known runs
// no wrangler as far as can be seen.
func (r *commandReader) follow(in scope, argv []string, depth int) {
	if len(argv) == 0 || depth > maxNesting {
		return
	}
	if args, ok := wranglerArgs(argv); ok {
		r.call(in, args)
		return
	}
	rest := argv[1:]
	switch name := baseName(argv[0]); name {
	case "npx", "bunx", "pnpx":
		r.followRunner(in, rest, depth)
	case "npm":
		r.followNPM(in, rest, depth)
	case "pnpm", "yarn", "bun":
		r.followPackageManager(in, name, rest, depth)
	case "sh", "bash", "dash", "zsh", "ash", "ksh":
		r.followShell(in, rest, depth)
	case "env", "cross-env":
		assigned := maps.Clone(in.assigned)
		for len(rest) > 0 {
			name, value, ok := assignment(rest[0])
			if !ok {
				break
			}
			if assigned == nil {
				assigned = map[string]string{}
			}
			assigned[name] = value
			rest = rest[1:]
		}
		in.assigned = assigned
		r.followPlain(in, rest, depth)
	case "time", "nohup", "command", "exec", "nice", "corepack":
		r.followPlain(in, rest, depth)
	}
}

// followPlain goes on where no option stands in between.
func (r *commandReader) followPlain(in scope, argv []string, depth int) {
	if len(argv) > 0 && !strings.HasPrefix(argv[0], "-") {
		r.follow(in, argv, depth+1)
	}
}

// followRunner reads the arguments of npx and bunx: options, a package, and the
// arguments of its program.
func (r *commandReader) followRunner(in scope, args []string, depth int) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		option, value, inline := strings.Cut(args[0], "=")
		args = args[1:]
		switch option {
		case "--":
			r.followPackage(in, args, depth)
			return
		case "-p", "--package":
			if !inline && len(args) > 0 {
				args = args[1:]
			}
		case "-c", "--call":
			if !inline && len(args) > 0 {
				value = args[0]
			}
			r.followScript(in, value, nil, depth)
			return
		}
	}
	r.followPackage(in, args, depth)
}

// followPackage takes wrangler@4 for wrangler.
func (r *commandReader) followPackage(in scope, argv []string, depth int) {
	if len(argv) == 0 {
		return
	}
	name := argv[0]
	if i := strings.LastIndexByte(name, '@'); i > 0 {
		name = name[:i]
	}
	if name == "wrangler" || name == "@cloudflare/wrangler" {
		r.call(in, argv[1:])
		return
	}
	r.followPlain(in, argv, depth)
}

func (r *commandReader) followNPM(in scope, args []string, depth int) {
	if len(args) == 0 {
		return
	}
	switch args[0] {
	case "exec", "x":
		r.followRunner(in, args[1:], depth)
	case "run", "run-script", "rum", "urn":
		args = args[1:]
		for len(args) > 0 && (args[0] == "-s" || args[0] == "--silent" || args[0] == "--if-present") {
			args = args[1:]
		}
		if len(args) == 0 || strings.HasPrefix(args[0], "-") {
			return // such as --workspace: another package's script
		}
		var more []string // npm keeps options in front of -- to itself
		if i := slices.Index(args, "--"); i >= 0 {
			more = args[i+1:]
		}
		r.followPackageScript(in, args[0], more, depth)
	}
}

func (r *commandReader) followPackageManager(in scope, manager string, args []string, depth int) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return // such as --filter and -C: somewhere else
	}
	word, rest := args[0], args[1:]
	switch word {
	case "exec", "dlx", "x":
		if word == "exec" && manager == "bun" {
			return
		}
		r.followRunner(in, rest, depth)
		return
	case "run":
		if len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
			return
		}
		word, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	if r.followPackageScript(in, word, rest, depth) {
		return
	}
	r.followPackage(in, append([]string{word}, rest...), depth)
}

// followPackageScript reads a script of the nearest package.json and reports
// whether there is one. Package managers run it in the directory of that file.
func (r *commandReader) followPackageScript(in scope, name string, more []string, depth int) bool {
	path, data, err := r.findUp(in.dir, "package.json")
	if path == "" || err != nil {
		return false
	}
	var manifest struct {
		Scripts map[string]any `json:"scripts"`
	}
	if json.Unmarshal(data, &manifest) != nil {
		return false
	}
	script, _ := manifest.Scripts[name].(string)
	if script == "" {
		return false
	}
	in.dir = filepath.Dir(path)
	r.followScript(in, script, more, depth)
	return true
}

func (r *commandReader) followShell(in scope, args []string, depth int) {
	for i, arg := range args {
		if !strings.HasPrefix(arg, "-") || strings.HasPrefix(arg, "--") {
			return // a file, or an option of one shell
		}
		if strings.Contains(arg, "c") && i+1 < len(args) {
			script := i + 1
			if strings.HasSuffix(arg, "o") && script+1 < len(args) { // -eco pipefail
				script++
			}
			if strings.HasPrefix(args[script], "-") {
				return
			}
			r.followScript(in, args[script], nil, depth)
			return
		}
		if strings.HasSuffix(arg, "o") {
			return
		}
	}
}

// followScript reads a line for a shell. more are arguments for its last
// command.
func (r *commandReader) followScript(in scope, script string, more []string, depth int) {
	getenv := func(name string) string {
		if value, ok := in.assigned[name]; ok {
			return value
		}
		return r.Getenv(name)
	}
	commands, err := readScript(script, getenv)
	if err != nil {
		return
	}
	for i, c := range commands {
		words := c.words
		if i == len(commands)-1 {
			words = append(slices.Clone(words), more...)
		}
		if words[0] == "cd" {
			if len(words) != 2 || strings.HasPrefix(words[1], "-") || c.next != "&&" && c.next != ";" || i > 0 && commands[i-1].next == "||" {
				return
			}
			in.dir = resolve(in.dir, words[1])
			continue
		}
		inner := in
		inner.assigned = maps.Clone(in.assigned)
		if inner.assigned == nil {
			inner.assigned = map[string]string{}
		}
		maps.Copy(inner.assigned, c.assigned)
		r.follow(inner, words, depth+1)
	}
}

// call takes down one call of wrangler.
func (r *commandReader) call(in scope, args []string) {
	v := parseInvocation(args)
	v.found, v.dir = true, in.dir
	if v.cwd != "" {
		v.dir = resolve(in.dir, v.cwd)
	}
	if env, ok := in.assigned["CLOUDFLARE_ENV"]; ok && !v.envGiven {
		v.env, v.envGiven = env, true
	}
	r.calls = append(r.calls, v)
}
