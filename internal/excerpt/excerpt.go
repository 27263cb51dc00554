package excerpt

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const (
	defaultLines = 12
	defaultBytes = 1500
	// maxWidth is the longest line shown, in bytes. Code frames of bundled code
	// are longer than any screen.
	maxWidth = 240
	// maxHeadline is the longest result of First, in bytes.
	maxHeadline = 200
	// maxOwnFrames is how many stack frames of the project's own code are shown.
	maxOwnFrames = 2
	// lastLines is how many lines are shown of an output without any error.
	lastLines = 5
	// minRepeated is the length in bytes from which a line is not shown twice.
	minRepeated = 24
	// lookAhead is how many lines after an error belong to it at most.
	lookAhead = 60
)

// Options bound an excerpt. The zero value is a good default.
type Options struct {
	MaxLines int      // 12 if 0
	MaxBytes int      // 1500 if 0; the excerpt is cut on a rune boundary, with "…"
	Secrets  []string // to be masked, beyond what looks like a secret
}

// Find returns the lines of a failed command's output that say why it failed,
// joined by line feeds: the first of the best errors with its context. Lines
// may have escape sequences and the prefixes of build systems; neither is
// shown. If no error is known, it is the last lines, and empty if the output
// ends with a success or has no lines.
func Find(lines []string, o Options) string {
	if o.MaxLines <= 0 {
		o.MaxLines = defaultLines
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultBytes
	}
	rows := read(lines, o.Secrets)
	head := best(rows)
	var shown []string
	if head < 0 {
		shown = last(rows)
	} else {
		shown = around(rows, head, o.MaxLines)
	}
	return fit(shown, o)
}

// First returns the one line that says best why a command failed: the error's
// headline, with its place where that stands in front of it. It is empty where
// Find is. Secrets that are not known by their looks are to be masked before,
// or given.
func First(lines []string, secrets ...string) string {
	// Two lines joined may make up a secret.
	return cut(Mask(first(lines, secrets), secrets...), maxHeadline)
}

func first(lines []string, secrets []string) string {
	rows := read(lines, secrets)
	head := best(rows)
	if head < 0 {
		if tail := last(rows); len(tail) > 0 {
			return strings.TrimSpace(tail[len(tail)-1])
		}
		return ""
	}
	return expand(headline(rows, head))
}

// row is a line as it is read.
type row struct {
	line string // clean, stripped, masked
	rank rank
	role role
	rule int
	// muted is true for what belongs to a warning or to what a test printed.
	muted bool
}

func (r row) trimmed() string { return strings.TrimSpace(r.line) }

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// next are lines after which the line that follows is the error itself.
var next = regexp.MustCompile(`^error during build:$|^Failed to compile\.?$|^\s*\[ERROR\] \[vite\] ✗|^\s*✘ \[ERROR\] Deployment failed!|^> Build error occurred$`)

// read cleans, masks and judges lines.
func read(lines []string, secrets []string) []row {
	plain := make([]string, 0, len(lines))
	for _, l := range lines {
		for l := range strings.SplitSeq(l, "\n") {
			plain = append(plain, strip(string(clean(nil, []byte(l)))))
		}
	}
	// Mask keeps the number of lines.
	plain = strings.Split(Mask(strings.Join(plain, "\n"), secrets...), "\n")
	rows := make([]row, len(plain))
	mute, printed, depth, follows := false, false, 0, false
	for i, l := range plain {
		w := &rows[i]
		w.line = l
		w.rank, w.role, w.rule = judge(l)
		switch {
		case w.role == warning:
			mute, depth = true, indent(l)
			printed = strings.HasPrefix(l, "std")
			w.muted = true
		case mute && w.role == blank:
			w.muted = true
			// What a test printed ends with a blank line, and a warning where the
			// next line is not indented.
			if printed || i+1 < len(plain) && indent(plain[i+1]) <= depth {
				mute = false
			}
		case mute && (indent(l) > depth || !ends(w.rank) && i > 0 && rows[i-1].role == warning):
			w.muted = true
		case mute && printed:
			w.muted = true
		default:
			mute = false
		}
		if w.muted {
			w.rank = none
			continue
		}
		if follows && w.role == text && w.trimmed() != "" && !place.MatchString(l) {
			follows = false
			w.rank = max(w.rank, cause)
		}
		if next.MatchString(l) {
			follows = true
		}
	}
	return rows
}

// ends reports whether a line of this rank ends a warning before it.
func ends(r rank) bool { return r >= wrapper }

// best returns the index of the line at which the error begins, or -1.
func best(rows []row) int {
	at, top := -1, none
	for i, w := range rows {
		switch {
		case w.role == success:
			// What stands before was survived. It counts only if nothing follows.
			top = min(top, vague-1)
		case w.rank > top:
			at, top = i, w.rank
		}
	}
	if at < 0 {
		return -1
	}
	// Of a chain of Python exceptions the last says most.
	for i := at + 1; i < len(rows) && i < at+lookAhead; i++ {
		if chained.MatchString(rows[i].line) {
			for j := i + 1; j < len(rows) && j < i+lookAhead; j++ {
				if rows[j].rank >= named {
					at = j
					break
				}
			}
		}
	}
	// An error that everything survived is none.
	for i := len(rows) - 1; i > at; i-- {
		if rows[i].role == success {
			return -1
		}
		if rows[i].rank > none {
			break
		}
	}
	return at
}

var chained = regexp.MustCompile(`^(?:The above exception was the direct cause of|During handling of the above exception)`)

// last returns the last lines of an output in which no error is known.
func last(rows []row) []string {
	var lines []string
	for i := len(rows) - 1; i >= 0 && len(lines) < lastLines; i-- {
		switch rows[i].role {
		case success:
			i = 0
		case text, ownFrame:
			if !rows[i].muted {
				lines = append([]string{rows[i].line}, lines...)
			}
		case epilogue:
			if len(lines) > 0 {
				i = 0
			}
		}
	}
	if len(rows) > 0 && len(lines) > 0 && finished(rows) {
		return nil
	}
	return lines
}

// finished reports whether the output's last words are a success.
func finished(rows []row) bool {
	for i := len(rows) - 1; i >= 0; i-- {
		switch rows[i].role {
		case success:
			return true
		case text, ownFrame:
			if nothingWrong.MatchString(rows[i].line) {
				return true
			}
			if rows[i].muted {
				continue
			}
			return false
		}
	}
	return false
}

var (
	pythonName  = regexp.MustCompile(`^(?:[a-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Interrupt|Exit|Warning)?(?:: |$)`)
	pythonFrame = regexp.MustCompile(`^\s*File "([^"]+)", line \d+`)
	foreign     = regexp.MustCompile(`node_modules|site-packages|dist-packages|/lib/python|<frozen|^node:|^internal/`)
	nodeHead    = regexp.MustCompile(`^(?:file://)?(?:/|[A-Za-z]:\\|\[eval\]|[\w.-]+/)[^ ]*:\d+$|^\[eval\]:\d+$`)
	eslintLine  = regexp.MustCompile(`^\s+\d+:\d+\s+(?:error|warning)\s`)
	goTestFail  = regexp.MustCompile(`^\s*--- FAIL: `)
	npmPrefix   = regexp.MustCompile(`^npm (?:error|ERR!) ?(?:(?:404|notarget|JSON\.parse|enoent|ERESOLVE|engine|notsup) +)?`)
	// leadIn are headlines that say less than the line after them.
	leadIn = regexp.MustCompile(`A request to the Cloudflare API \(.*\) failed\.$|^\s*✘ \[ERROR\] (?:Processing .* configuration:$|Received a malformed response)`)
	// titles are headlines that need the line after them.
	titles = regexp.MustCompile(`^ERROR in |^\s*FAIL\s|^\s*● |^\s*not ok \d+|^\s*--- FAIL: |^thread '.*panicked|:$`)
	// tscFrame is a line of code as tsc shows it.
	tscFrame = regexp.MustCompile(`^\d+ +\S`)
	// unsaying are lines of a test's report that are no message.
	unsaying = regexp.MustCompile(`^(?:location: |error: \|-|- Expected|\+ Received|-->)`)
	caret    = regexp.MustCompile(`^[\s|│>╵:\d]*[\^~]+[\s^~]*$`)
)

// before returns the lines before a headline that belong to it.
func before(rows []row, head int) (lines []string) {
	line := rows[head].line
	switch {
	case eslintLine.MatchString(line):
		for i := head - 1; i >= 0 && i > head-lookAhead; i-- {
			if !eslintLine.MatchString(rows[i].line) {
				if rows[i].role != blank {
					lines = append(lines, rows[i].line)
				}
				break
			}
		}
	case goTestFail.MatchString(line):
		for i := head - 1; i >= 0 && i > head-lookAhead && rows[i].role == text && indent(rows[i].line) > 0; i-- {
			lines = append([]string{rows[i].line}, lines...)
		}
	case head > 0 && pythonName.MatchString(line):
		if lines = traceback(rows, head); lines != nil {
			return lines
		}
		fallthrough
	default:
		// Node prints the place, the code and a caret before the error.
		for i := head - 1; i >= 0 && i >= head-6; i-- {
			if nodeHead.MatchString(rows[i].trimmed()) {
				if foreign.MatchString(rows[i].trimmed()) {
					return nil
				}
				for _, w := range rows[i:head] {
					if w.role != blank {
						lines = append(lines, w.line)
					}
				}
				return lines
			}
		}
		// Next and others print the place on the line before.
		if head > 0 && place.MatchString(rows[head-1].line) {
			lines = append(lines, rows[head-1].line)
		}
	}
	return lines
}

var place = regexp.MustCompile(`^\s*(?:\./|/)?[\w@.\[\]()/-]+\.\w+:\d+(?::\d+)?\s*$`)

// traceback returns the last frame of the project's own code in the Python
// traceback that ends at head, nil if there is none.
func traceback(rows []row, head int) []string {
	from := -1
	for i := head - 1; i >= 0 && i > head-lookAhead && (indent(rows[i].line) >= 2 || rows[i].role == blank); i-- {
		m := pythonFrame.FindStringSubmatch(rows[i].line)
		if m == nil {
			continue
		}
		if from < 0 || foreign.MatchString(rows[from].line) {
			from = i
		}
		if !foreign.MatchString(m[1]) {
			break
		}
	}
	if from < 0 {
		return nil
	}
	lines := []string{rows[from].line}
	for i := from + 1; i < head && !pythonFrame.MatchString(rows[i].line); i++ {
		if rows[i].role != blank {
			lines = append(lines, rows[i].line)
		}
	}
	return lines
}

// around returns the error at head with its context, at most limit lines.
func around(rows []row, head, limit int) []string {
	lines := before(rows, head)
	if len(lines) > limit-1 {
		lines = lines[len(lines)-(limit-1):]
	}
	seen := map[string]bool{}
	frames, gap, more := 0, false, 0
	full := false
	for i := head; i < len(rows); i++ {
		w := rows[i]
		if full || i > head+lookAhead && w.rank < cause {
			full = true
			if w.role == epilogue || w.role == success || w.rank == wrapper {
				break
			}
			// Only counts what is left out.
			if w.rank == cause && w.rule == rows[head].rule && !seen[w.trimmed()] {
				seen[w.trimmed()] = true
				more++
			}
			continue
		}
		switch w.role {
		case blank:
			gap = true
			continue
		case noise, frame:
			continue
		case warning:
			gap = true
			continue
		case success:
			full = true
			i--
			continue
		case epilogue:
			full = true
			i--
			continue
		case ownFrame:
			if frames++; frames > maxOwnFrames {
				continue
			}
		}
		if w.muted {
			continue
		}
		if i > head && w.rank == wrapper && rows[head].rank > wrapper {
			break
		}
		if i > head && seen[w.trimmed()] && w.rank >= named {
			full = true
			continue
		}
		if i > head && gap && !belongs(rows, i, head) {
			full = true
			i--
			continue
		}
		if len(lines) >= limit {
			full = true
			i--
			continue
		}
		if w.rank == cause {
			seen[w.trimmed()] = true
			if i > head && !eslintLine.MatchString(w.line) {
				frames = 0
			}
		}
		if gap && len(lines) > 0 && len(lines) < limit-1 && indentChanges(lines[len(lines)-1], w.line) {
			lines = append(lines, "")
		}
		gap = false
		line := w.line
		if i > head {
			line = npmPrefix.ReplaceAllString(line, "")
			if strings.TrimSpace(line) == "" {
				gap = true
				continue
			}
		}
		if len(line) > minRepeated && slices.Contains(lines, line) {
			continue
		}
		lines = append(lines, line)
	}
	if more > 0 {
		word := "errors"
		if more == 1 {
			word = "error"
		}
		note := fmt.Sprintf("… %d more %s", more, word)
		if len(lines) >= limit {
			lines = lines[:limit-1]
		}
		lines = append(lines, note)
	}
	return lines
}

// indentChanges reports whether a blank line between two lines is worth a line
// of the excerpt.
func indentChanges(a, b string) bool {
	return indent(b) == 0 && indent(a) > 0 && !strings.HasPrefix(b, "+") && !strings.HasPrefix(b, "-")
}

var continues = regexp.MustCompile(`^(?:\d+\s*[|│:]|[>|│+-]|Expected|Received|Caused by|Caused|Note|Did you|[Hh]int|[Hh]elp|To fix|You can|Failure|Invalid|goroutine |Unterminated|Could not resolve dependency)`)

// belongs reports whether the line after a gap still belongs to the error.
func belongs(rows []row, i, head int) bool {
	w := rows[i]
	if indent(w.line) > 0 && w.role != epilogue {
		return true
	}
	if eslintLine.MatchString(rows[head].line) && i+1 < len(rows) {
		return eslintLine.MatchString(rows[i+1].line)
	}
	if strings.Contains(rows[head].line, " - error TS") && tscFrame.MatchString(w.line) {
		return true
	}
	line := npmPrefix.ReplaceAllString(w.line, "")
	if npmPrefix.MatchString(w.line) && npmPrefix.MatchString(rows[head].line) {
		return true
	}
	return continues.MatchString(line) || w.rank >= rows[head].rank && w.rank >= named
}

// headline makes one line of the error at head.
func headline(rows []row, head int) string {
	line := rows[head].trimmed()
	following := func() string {
		for i := head + 1; i < len(rows) && i < head+lookAhead; i++ {
			w := rows[i]
			if w.role == text && !w.muted && w.trimmed() != "" && !caret.MatchString(w.line) && !unsaying.MatchString(w.trimmed()) {
				return w.trimmed()
			}
			if w.role == epilogue {
				break
			}
		}
		return ""
	}
	switch {
	case leadIn.MatchString(line):
		if f := following(); f != "" {
			return strings.TrimPrefix(f, "- ")
		}
	case eslintLine.MatchString(rows[head].line):
		if b := before(rows, head); len(b) > 0 {
			return strings.TrimSpace(b[0]) + ":" + strings.Join(strings.Fields(line), " ")
		}
	case goTestFail.MatchString(rows[head].line):
		if b := before(rows, head); len(b) > 0 {
			return line + " " + strings.TrimSpace(b[0])
		}
		if f := following(); f != "" {
			return line + " " + f
		}
	case titles.MatchString(line):
		if f := following(); f != "" {
			return line + " " + f
		}
	}
	for _, prefix := range []string{"✘ [ERROR] ", "[!] ", "npm error ", "npm ERR! "} {
		if rest, ok := strings.CutPrefix(line, prefix); ok && rest != "" {
			return rest
		}
	}
	return line
}

// fit brings lines into the bounds.
func fit(lines []string, o Options) string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	margin := -1
	for i, l := range lines {
		lines[i] = strings.TrimRight(expand(l), " ")
		if in := indent(lines[i]); lines[i] != "" && (margin < 0 || in < margin) {
			margin = in
		}
	}
	if len(lines) > o.MaxLines {
		lines = lines[:o.MaxLines]
	}
	for i, l := range lines {
		if l != "" {
			lines[i] = cut(l[margin:], maxWidth)
		}
	}
	return cut(strings.TrimRight(strings.Join(lines, "\n"), "\n"), o.MaxBytes)
}
