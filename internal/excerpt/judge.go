package excerpt

import (
	"regexp"
	"strings"
	"sync"
)

// Policy. Every line is judged alone, then a little by what stands before it.
// The excerpt begins at the first line of the highest rank; what a tool says
// about the failure of what it had started ranks lowest. The tables below are
// what was seen in the outputs of testdata/corpus; a line that no rule knows
// can only be context.

// rank is how well a line says why a command failed.
type rank int

const (
	none    rank = iota
	wrapper      // a tool reports that something it ran has failed
	vague        // something went wrong
	named        // an error that has a name or a text of its own
	cause        // the error itself, mostly with its place
)

// role is what a line is for, beyond its rank.
type role int

const (
	text     role = iota
	blank         // nothing
	noise         // never shown, ends nothing
	frame         // a stack frame of foreign code: never shown
	ownFrame      // a stack frame of the project's own code: two are shown
	epilogue      // never shown, ends what stands before it
	success       // a step that succeeded: what failed before it was not fatal
	warning       // begins a warning, whose lines are no errors
)

type rule struct {
	text    string
	rank    rank
	role    role
	pattern *regexp.Regexp
	needs   []int // literals of which one is in every line that matches
}

func r(pattern string, rank rank) rule  { return rule{text: pattern, rank: rank} }
func is(pattern string, role role) rule { return rule{text: pattern, role: role} }

// table holds the rules. They are tried in this order; the first that matches
// decides.
var table = []rule{
	// What is never an error, whatever words it has.
	is(`^(?:npm|pnpm) (?:warn|WARN|notice|http|info|verb|sill)\b`, noise),
	is(`^\s*(?:WARN|INFO|DEBUG|TRACE)\b`, noise),
	is(`^\s*(?:warning|note|info|debug|hint)(?:\[\w+\])?[: ]`, warning),
	is(`^\s*(?:▲|⚠️?) `, warning),
	is(`:\d+:\d+: (?:warning|note|remark): `, warning),
	is(`^\s*\d+:\d+\s+warning\s`, noise),
	is(`(?i)^(?:\(node:\d+\) .*(?:warning|deprecat)|\(Use .node --trace-)`, noise),
	is(`^(?:stdout|stderr) \| `, warning), // vitest: what a test printed
	is(`^\s*console\.(?:error|warn|log|info|debug)$`, warning),

	is(`^\s+[\w./-]+_test\.go:\d+: `, text), // go test: what a test said, passed or not
	is(`^\s*[│|]+\s*$`, noise),
	is(`^(?:\d+ packages? (?:are|is) looking for funding|  run .npm fund. for details)`, noise),

	// What ends an excerpt.
	is(`^npm (?:error|ERR!) (?:A complete log of this run|    .*-debug-\d*\.log)`, epilogue),
	is(`^npm (?:error|ERR!) (?:Usage:|Clean install a project|For a full report see:|To see a list of)`, epilogue),
	is(`^(?:🪵|📎|Cloudflare collects anonymous telemetry|\s*If you think this is a bug|⛅️|Getting User settings)`, epilogue),
	is(`^\s*⛅️ wrangler`, epilogue),
	is(`^Node\.js v\d`, epilogue),
	is(`^(?:info Visit https://yarnpkg|For more information about this error, try|note: run with .RUST_BACKTRACE|Some errors have detailed explanations)`, epilogue),
	is(`^(?:Test Suites|Tests|Snapshots|Time):\s`, epilogue),
	is(`^\s*(?:Test Files|Tests|Start at|Duration)  `, epilogue),
	is(`^\s*(?:⎯|─|━|═|-|=|\*|_){8,}.*$`, epilogue),
	is(`^Found \d+ errors?`, epilogue),
	is(`^✖ \d+ problems?`, epilogue),
	is(`^\d+ errors?$`, epilogue),
	is(`^webpack [\d.]+ compiled with `, epilogue),
	is(`^> [@\w./-]+(?:@\S+)? [\w:.-]+(?: /.*)?$`, epilogue),
	is(`^(?:Executing user|Installing project dependencies|Cloning repository|Initializing build environment)`, epilogue),
	is(`^\s*(?:POSITIONALS|GLOBAL FLAGS|OPTIONS|COMMANDS|Usage:)`, epilogue),
	is(`^=== (?:RUN|PAUSE|CONT)`, epilogue),
	is(`^\s*--- PASS`, epilogue),
	is(`^… \d+ lines left out …$`, epilogue),
	is(`^(?:1\.\.\d+$|# (?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) )`, epilogue),
	is(`^<--- `, epilogue),
	is(`^stack backtrace:$`, epilogue),
	is(`^----- Native stack trace`, epilogue),
	is(`^\s*result: \w+ \{$`, epilogue),

	// What shows that the step before it went well.
	is(`^Success: `, success),
	is(`^\s*(?:✓|✔) (?:built in|Compiled|Linting|Collecting|Generating)`, success),
	is(`^(?:added|changed|removed|up to date|audited).* packages? in \d`, success),
	is(`(?i)^\s*(?:(?:webpack [\d.]+ )?compiled successfully|build complete|build succeeded|--dry-run: exiting now)`, success),
	is(`^(?:Uploaded \S+ \(|Deployed \S+ triggers|Published \S+ \(|Current Version ID:|✨ (?:Success|Deployment complete|Done))`, success),

	// Lines without worth within an error.
	is(`^\s*at (?:.*\()?(?:node:|internal/|\[eval\]-wrapper|<anonymous>|native|async Promise\.|new Promise)`, frame),
	is(`^\s*(?:at|❯) .*(?:node_modules|wrangler-dist|/\.pnpm/|/\.yarn/)`, frame),
	is(`^\s*(?:at |❯ )(?:.*[ (])?(?:file://)?/?[\w@.~/\\:+%-]+\.\w+(?:\?[^:)]*)?:\d+(?::\d+)?\)?(?: \{)?$`, ownFrame),
	is(`^\s*at (?:async )?[\w.<>$\[\]# ]+ \(.*\)(?: \{)?$`, frame),
	is(`^\s*at .*:\d+:\d+\)?(?: \{)?$`, frame),
	is(`^\s*\d+: 0x[0-9a-f]+ `, frame),
	is(`^\s*\.\.\. \d+ lines matching cause stack trace`, frame),
	is(`^\s+[\w.<>$ ]+ \((?:node:|/).*:\d+:\d+\)$`, frame),
	is(`^\s*(?:Stack trace:|The above exception was .*|During handling of the above exception.*|---|\.\.\.|Require stack:|- .*node_modules.*)$`, noise),
	is(`^\s*(?:duration_ms: |type: '|failureType: |stack: \|-|name: 'AssertionError'|errno: -?\d+,|syscall: '|path: '.*'$)`, noise),
	is(`^\s*(?:resolve '|using description file|Field '.*' doesn't contain|Parsed request is a|resolve as module|looking for modules in|single file module|no extension$|as directory$|existing directory$|\.[a-z]+$|/\S+ (?:doesn't exist|is not a (?:file|directory))|\S+ doesn't exist or is not a directory)`, noise),
	is(`^\s*[╵╰└─]+\s*$`, noise),
	is(`^npm (?:error|ERR!)(?: [\w.]+)? +(?:Note that you can also install from a|tarball, folder, http url, or git url|In most cases you or one of your dependencies|Failed to parse JSON data|Note: package.json must be)`, noise),
	is(`^\s*(?:To fix this, you can add an entry to "alias"|For more guidance see:|You can mark the path ".*" as external|this error and leave the unresolved path|https://developers\.cloudflare\.com/workers/wrangler/configuration/#bundling)`, noise),
	is(`^\s*(?:code: '[A-Z_]+',?|\})$`, noise),
	is(`^file: .*$`, noise),

	// What a wrapper says.
	r(`^npm (?:error|ERR!) (?:code (?:E[A-Z]+|\d+)$|path /|errno -?\d|syscall \w|command |cwd |Lifecycle script .* failed|Exit status \d|Failed at the .* script|This is probably not a problem with npm)`, wrapper),
	r(`ELIFECYCLE|ERR_PNPM_RECURSIVE_RUN_FIRST_FAIL|ERR_PNPM_RECURSIVE_EXEC`, wrapper),
	r(`(?i)^(?:error:? )?(?:command|process|script|task|job|build command|the process)\b.*(?:failed with|exited with|exit code|exit status|non-zero)`, wrapper),
	r(`(?i)^(?:failed: )?(?:error occurred while running|error while executing user command|build command exited|an internal error occurred)`, wrapper),
	r(`(?i)\b(?:exit(?:ed)? (?:with )?(?:code|status)|non-zero status|non-zero exit|exit status) ?:?\(?\d*`, wrapper),
	r(`^make(?:\[\d+\])?: \*\*\*`, wrapper),
	r(`^error: could not compile|^error: aborting due to|^error: (?:script|task) .* (?:failed|exited)`, wrapper),
	r(`^FAIL(?:\t\S+\t[\d.]+s|\t\S+ \[build failed\])?$`, wrapper),
	r(`^\s*✘ \[ERROR\] (?:\w+ \[Error\]: Process exited|Running custom build .* failed)`, wrapper),
	r(`(?i)^running custom build .* failed`, wrapper),
	r(`^\s*(?:Tasks|Failed):\s+\S+#\w+|^\s*(?:Tasks):\s+\d`, wrapper),
	r(`✖ (?:Nx|Running target)|^\s*ERROR\s+run failed: command`, wrapper),

	// Bundlers.
	r(`^\s*✘ \[ERROR\] (?:Build failed with \d+ error|Deployment failed)`, vague),
	r(`^\s*[✘✖] \[ERROR\] \S`, cause),
	r(`^\s*✗ Build failed|^error during build:|^\s*\[ERROR\] \[vite\] ✗|^failed to load config from`, vague),
	r(`^Failed to compile|^> Build error occurred|^Build failed|^Could not build`, vague),
	r(`^ERROR in `, cause),
	r(`^\[!\] `, cause),
	r(`^\s*(?:Module not found: |Module parse failed: |Module build failed|Type error: )`, cause),
	r(`^(?:\[[\w:-]+\] )?(?:Could not resolve |Rollup failed to resolve |Transform failed with )`, cause),
	r(`^\[(?:vite|plugin|vite-plugin|@?[\w/-]+)[\w: -]*\]:? .*(?:[Ff]ailed|[Cc]ould not|Error|ENOENT)`, cause),

	// Compilers and linters.
	r(`\(\d+,\d+\): error TS\d+`, cause),
	r(`:\d+:\d+ - error TS\d+`, cause),
	r(`^error TS\d+: `, cause),
	r(`:\d+(?::\d+)?: (?:fatal |syntax |internal compiler )?(?i:error): `, cause),
	r(`^\s*\d+:\d+\s+error\s`, cause), // eslint
	r(`^error\[E\d+\]: `, cause),
	r(`^(?:\./|\.\./)?[\w./@-]+\.go:\d+:\d+: `, cause),
	r(`^(?:\S+: )?undefined reference to |: undefined reference to `, cause),
	r(`^\[error\] \S+\.\w+: |^\S+\.\w+: SyntaxError: `, cause), // prettier

	// Test runners.
	r(`^\s*FAIL\s+\S+.* (?:>|\[) `, cause), // vitest
	r(`^\s*FAIL\s+\S`, vague),              // jest: the file, its tests follow
	r(`^\s*● \S`, cause),
	r(`^\s*not ok \d+`, cause),
	r(`^\s*--- FAIL: `, cause),
	r(`^(?:FAILED|ERROR) \S+::`, cause),
	r(`^E   +\S`, cause), // pytest
	r(`^\s*[×✕✖✗] \S`, vague),

	// Memory and signals.
	r(`(?i)heap out of memory|\bout of memory\b|OOMKilled|oom-kill|\bENOMEM\b|std::bad_alloc`, cause),
	r(`(?:^|\s)Killed(?:$|\s{2,}|: 9)|signal: killed|SIGKILL|Segmentation fault|core dumped|Bus error`, cause),
	r(`No space left on device|\bENOSPC\b`, cause),
	r(`^(?:panic|fatal error): `, cause),
	r(`^thread '.*' (?:\(\d+\) )?panicked at`, cause),

	// npm, pnpm, yarn.
	r(`^npm (?:error|ERR!) (?:Missing script|ERESOLVE (?:unable|could not)|404 Not Found|404  '|notarget No matching|.npm ci. can only install|JSON\.parse (?:Invalid|Failed|Unexpected)|enoent (?:Could not read|ENOENT)|need auth|engine (?:Unsupported|Not compatible)|Invalid|E\d+ |E[A-Z]+ )`, cause),
	r(`^\s*ERR_PNPM_\w+`, cause),
	r(`^error (?:Couldn't find|An unexpected error|Your lockfile|\S+@\S+: The engine|Incorrect integrity|No lockfile)`, cause),
	r(`^(?:➤ )?YN\d{4}:.*(?:error|Error|failed|can't|not found)`, cause),

	// Shells and git.
	r(`^\S*sh: (?:line |\d+: )`, cause),
	r(`^(?:[\w./+-]+: )+(?:cannot |can't |unable to |missing |invalid |unrecognized |.*(?:No such file or directory|Permission denied|command not found|: not found|Connection refused|Operation not permitted|Is a directory|File exists)$)`, cause),
	r(`^fatal: `, cause),
	r(`^error: pathspec |^error: failed to push|^error: RPC failed`, cause),
	r(`\bgit@\S+: Permission denied|Host key verification failed`, cause),

	// Cloudflare's own words, in the logs of its builds.
	r(`^Failed: `, named),

	// Errors by name, in any language.
	r(`Cannot read propert(?:y|ies) of (?:undefined|null)`, cause),
	r(`^\s*(?:Uncaught |Unhandled )?(?:[a-zA-Z_][\w.]*)?(?:Error|Exception|Interrupt|SystemExit)(?: \[\w+\])?(?:: |$)`, named),
	r(`^(?:[a-z_]\w*\.)+[A-Z]\w*(?:Error|Exception|Timeout|Expired|Refused|NotFound|DoesNotExist)\w*: `, named),
	r(`(?i)^\s*(?:uncaught|unhandled)\b.*(?:error|exception|rejection)`, named),
	r(`^FATAL|^\s*(?i:fatal):? `, named),
	r(`^(?i:error)(?: \S+)?: \S`, named),
	r(`^\s*(?:❌|🚨|✘|⨯|\[(?:ERROR|error|FATAL|fatal)\]|ERROR:?|Error)\s+\S`, named),
	r(`^##\[error\]`, named),
	r(`^error \S`, vague),
	r(`^npm (?:error|ERR!) \S`, vague),
	r(`(?:^|[^\w.-])(?i:cannot|could not|couldn't|unable to|failed to|no such file|not found|permission denied|access denied|unauthorized|forbidden|timed out|connection refused|does not exist|is not defined|unbound variable|ECONNREFUSED|ENOTFOUND|ETIMEDOUT|EACCES|ENOENT)\b`, vague),
	r(`(?:^|\s)(?i:error|failure):(?: |$)`, vague),
	r(`(?:^|\s)(?i:failed):(?: |$)`, vague),
}

// npmBlank is npm's way to print an empty line.
var npmBlank = regexp.MustCompile(`^npm (?:error|ERR!)(?: (?:\d{3}|[a-z]+|JSON\.parse))?$`)

// nothingWrong are the words that speak of errors where there are none.
var nothingWrong = regexp.MustCompile(`(?i)\b(?:0|no|zero|without(?: any)?) (?:type |lint |new )?(?:errors?|failures?|failed|problems?|warnings?|issues?|vulnerabilities)\b|\b(?:errors?|failed|failures?): 0\b`)

// judge says what a clean and stripped line is, seen alone. Rule is which rule
// said so, -1 for none.
func judge(line string) (rank rank, role role, rule int) {
	if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "npm ") && npmBlank.MatchString(line) {
		return none, blank, -1
	}
	rules, index := compiled()
	found := index.scan(line)
	for i, k := range rules {
		if found.none(k.needs) || !k.pattern.MatchString(line) {
			continue
		}
		if k.rank != none && k.rank < cause && nothingWrong.MatchString(line) {
			return none, text, -1
		}
		return k.rank, k.role, i
	}
	return none, text, -1
}

// compiled returns the table with its patterns compiled, which is left until it
// is needed: most commands succeed.
var compiled = sync.OnceValues(func() ([]rule, *literals) {
	var index literals
	rules := make([]rule, len(table))
	for i, k := range table {
		k.pattern = regexp.MustCompile(k.text)
		for _, l := range required(k.text) {
			k.needs = append(k.needs, index.add(l))
		}
		rules[i] = k
	}
	return rules, &index
})

// telltales are the literals of the rules that matter to [Tail]: all that rank,
// and those that tell of a success.
var telltales = sync.OnceValues(func() (errors, successes *literals) {
	errors, successes = new(literals), new(literals)
	for _, k := range table {
		for _, l := range required(k.text) {
			if k.rank > none || k.role == success {
				errors.add(l)
			}
			if k.role == success {
				successes.add(l)
			}
		}
	}
	return errors, successes
})
