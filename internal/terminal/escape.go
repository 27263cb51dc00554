package terminal

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// EscapeJSON returns the text of a JSON document with everything escaped that a
// terminal would obey or that turns the reading direction: JSON itself leaves control
// characters beyond ASCII as they are. Its meaning stays the same.
func EscapeJSON(document string) string {
	if strings.IndexFunc(document, escaped) < 0 {
		return document
	}
	var b strings.Builder
	for _, r := range document {
		if escaped(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// JSONWriter passes JSON documents on, escaped as EscapeJSON does. Each is written
// whole, as an encoder does.
type JSONWriter struct{ To io.Writer }

// Write implements [io.Writer].
func (w JSONWriter) Write(document []byte) (int, error) {
	if _, err := io.WriteString(w.To, EscapeJSON(string(document))); err != nil {
		return 0, err
	}
	return len(document), nil
}

// escaped reports whether a character does not show by itself. All of them are below
// U+10000, and can only stand within texts of a document.
func escaped(r rune) bool {
	return r >= 0x7f && r < 0x10000 && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}
