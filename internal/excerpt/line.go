package excerpt

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	escape = 0x1b
	bell   = 0x07
)

// needsCleaning reports whether a line holds more than printable ASCII and tabs.
func needsCleaning(line []byte) bool {
	for _, c := range line {
		if (c < ' ' && c != '\t') || c >= 0x7f {
			return true
		}
	}
	return false
}

// clean returns a line as a terminal shows it in the end: without escape
// sequences and control characters, and only the last state of a line that was
// written over (by a carriage return, or by the erase and move sequences that
// spinners use). Bytes that are no UTF-8 become U+FFFD. It appends to dst.
func clean(dst, line []byte) []byte {
	start := len(dst)
	over := false // the next character begins the line anew
	for i := 0; i < len(line); {
		c := line[i]
		switch {
		case c == '\r':
			over = true
			i++
			continue
		case c == escape:
			size, home := sequence(line[i:])
			over = over || home
			i += size
			continue
		case c == '\b':
			if _, size := utf8.DecodeLastRune(dst[start:]); size > 0 {
				dst = dst[:len(dst)-size]
			}
			i++
			continue
		case c < ' ' && c != '\t', c == 0x7f:
			i++
			continue
		}
		if over {
			dst, over = dst[:start], false
		}
		if c < utf8.RuneSelf {
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(line[i:])
		i += size
		if shown(r) {
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// shown is false for the runes that have no place in a line: C1 controls, and
// the format characters that can turn the reading direction around.
func shown(r rune) bool {
	switch {
	case r >= 0x80 && r < 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff:
		return false
	case r == 0x200d: // joins emoji
		return true
	}
	return !unicode.Is(unicode.Cf, r)
}

// sequence measures the escape sequence at the start of b, which begins with
// ESC. Home is true if it brings the cursor to the start of the line or erases
// the line. A sequence without an end reaches to the end of the line.
func sequence(b []byte) (size int, home bool) {
	if len(b) < 2 {
		return len(b), false
	}
	switch b[1] {
	case '[': // CSI: parameters, then one final byte
		for i := 2; i < len(b); i++ {
			if c := b[i]; c >= 0x40 && c <= 0x7e {
				parameters := string(b[2:i])
				return i + 1, c == 'G' && (parameters == "" || parameters == "0" || parameters == "1") || c == 'K' && parameters == "2"
			} else if c < 0x20 || c > 0x7e {
				return i, false
			}
		}
		return len(b), false
	case ']', 'P', '_', '^', 'X': // OSC and its like: a text up to BEL or ST
		for i := 2; i < len(b); i++ {
			if b[i] == bell {
				return i + 1, false
			}
			if b[i] == escape {
				if i+1 < len(b) && b[i+1] == '\\' {
					return i + 2, false
				}
				return i, false
			}
		}
		return len(b), false
	case '(', ')', '*', '+', '#', '%', ' ': // one more byte
		return min(3, len(b)), false
	}
	return 2, false
}

// The prefixes that build systems and wrappers put before the line of a program.
var (
	// Workers Builds and Pages: the moment, then a tab or a space.
	moment = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)[\t ]?`)
	// The dashboard's copy of the same, and Astro.
	clock = regexp.MustCompile(`^\d\d:\d\d:\d\d(?:\.\d{3})?(?: \| |\t| )`)
	// docker build: the step and its seconds. GitHub Actions: a command.
	number = regexp.MustCompile(`^#(?:\d+ \d+\.\d+ |#\[(?:error|warning|group|debug)\])`)
	// wrangler before each line of the command in [build], and concurrently.
	bracket = regexp.MustCompile(`^\[(?:custom build|(?:[\w./-]+:)?(?:build|test|lint|deploy|typecheck))\] ?`)
	// turbo: package and task.
	task = regexp.MustCompile(`^@?[\w./-]+:(?:build|test|lint|deploy|typecheck|check): ?`)
)

// maxPrefixes is how many prefixes are taken from one line.
const maxPrefixes = 4

// strip takes the prefixes of build systems from a clean line.
func strip(line string) string {
	for range maxPrefixes {
		if line == "" {
			break
		}
		var at []int
		switch c := line[0]; {
		case c >= '0' && c <= '9':
			if at = moment.FindStringIndex(line); at == nil {
				at = clock.FindStringIndex(line)
			}
		case c == '#':
			at = number.FindStringIndex(line)
		case c == '[':
			at = bracket.FindStringIndex(line)
		case c == '@' || c|0x20 >= 'a' && c|0x20 <= 'z':
			if i := strings.IndexAny(line, ": "); i > 0 && line[i] == ':' {
				at = task.FindStringIndex(line)
			}
		}
		if at == nil {
			break
		}
		line = line[at[1]:]
	}
	return strings.TrimRight(line, " \t")
}

// expand replaces tabs, whose width chat messages do not agree on.
func expand(line string) string { return strings.ReplaceAll(line, "\t", "    ") }

// cut shortens s to at most size bytes, on a rune boundary, "…" included.
func cut(s string, size int) string {
	if len(s) <= size {
		return s
	}
	size -= len("…")
	if size < 0 {
		return ""
	}
	for size > 0 && !utf8.RuneStart(s[size]) {
		size--
	}
	return s[:size] + "…"
}
