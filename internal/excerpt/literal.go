package excerpt

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// literals find out in one pass over a line which of many short texts stand in
// it, without regard to case. Trying every pattern on every line would read an
// output a hundred times.
type literals struct {
	texts []string
	ids   map[string]int
	// starts has a bit for every pair of bytes with which a text begins, and at
	// the texts that begin so.
	starts [1 << 16 / 64]uint64
	at     map[uint16][]int
}

// add returns the number of a text of at least two bytes.
func (l *literals) add(text string) int {
	if l.ids == nil {
		l.ids, l.at = map[string]int{}, map[uint16][]int{}
	}
	if id, ok := l.ids[text]; ok {
		return id
	}
	id := len(l.texts)
	l.texts = append(l.texts, text)
	l.ids[text] = id
	p := pair(text[0], text[1])
	l.starts[p/64] |= 1 << (p % 64)
	l.at[p] = append(l.at[p], id)
	return id
}

func pair(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) }

// maxClass is how many symbols a class may have to count as texts.
const maxClass = 8

// maxLiterals is how many texts the set of one line can hold.
const maxLiterals = 512

// hits are the texts in one line.
type hits [maxLiterals / 64]uint64

func (h *hits) has(id int) bool { return h[id/64]&(1<<(id%64)) != 0 }

// none reports whether texts are wanted and none of them is there.
func (h *hits) none(wanted []int) bool {
	for _, id := range wanted {
		if h.has(id) {
			return false
		}
	}
	return len(wanted) > 0
}

// scan returns the texts in a line.
func (l *literals) scan(line string) (h hits) {
	if len(line) < 2 {
		return h
	}
	a := lower(line[0])
	for i := 1; i < len(line); i++ {
		b := lower(line[i])
		if p := pair(a, b); l.starts[p/64]&(1<<(p%64)) != 0 {
			for _, id := range l.at[p] {
				if hasPrefixFold(line[i-1:], l.texts[id]) {
					h[id/64] |= 1 << (id % 64)
				}
			}
		}
		a = b
	}
	return h
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// hasPrefixFold is strings.HasPrefix without regard to the case of ASCII
// letters; prefix is in small letters.
func hasPrefixFold(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(s[i]) != prefix[i] {
			return false
		}
	}
	return true
}

// required returns texts in small letters of which at least one is in all that
// the pattern matches, nil if there are no such texts.
func required(pattern string) []string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic("excerpt: " + err.Error())
	}
	return requiredOf(re.Simplify())
}

func requiredOf(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if text := strings.ToLower(string(re.Rune)); len(text) >= 2 {
			return []string{text}
		}
	case syntax.OpCharClass:
		var all []string
		for i := 0; i < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if r < utf8.RuneSelf || len(all) == maxClass {
					return nil
				}
				all = append(all, string(r))
			}
		}
		return all
	case syntax.OpCapture, syntax.OpPlus:
		return requiredOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return requiredOf(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if all := requiredOf(sub); all != nil && (best == nil || shortest(all) > shortest(best)) {
				best = all
			}
		}
		return best
	case syntax.OpAlternate:
		var union []string
		for _, sub := range re.Sub {
			all := requiredOf(sub)
			if all == nil {
				return nil
			}
			union = append(union, all...)
		}
		return union
	}
	return nil
}

func shortest(all []string) int {
	size := len(all[0])
	for _, s := range all {
		size = min(size, len(s))
	}
	return size
}

// any reports whether one of the texts stands in the line.
func (l *literals) any(line string) bool {
	if len(line) < 2 {
		return false
	}
	a := lower(line[0])
	for i := 1; i < len(line); i++ {
		b := lower(line[i])
		if p := pair(a, b); l.starts[p/64]&(1<<(p%64)) != 0 {
			for _, id := range l.at[p] {
				if hasPrefixFold(line[i-1:], l.texts[id]) {
					return true
				}
			}
		}
		a = b
	}
	return false
}
