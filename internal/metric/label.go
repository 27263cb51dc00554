package metric

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLabel bounds a name that comes from outside, in bytes.
const maxLabel = 100

// cut stands where the rest of a name was.
const cut = "…"

// clean makes a name fit to be a label: valid, short, and without characters that
// do not show. Names that are fit already, nearly all, are not copied.
func clean(name string) string {
	if fit(name) {
		return name
	}
	// What is far beyond the bound is not read; every byte that does not make sense
	// grows to three.
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, name[:min(len(name), utf8.UTFMax*maxLabel)])
	if len(name) <= maxLabel {
		return name
	}
	end := maxLabel - len(cut)
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + cut
}

// fit reports whether a name is short and printable ASCII.
func fit(name string) bool {
	if len(name) > maxLabel {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
