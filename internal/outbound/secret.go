package outbound

import (
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// redacted stands where a secret was.
const redacted = "[redacted]"

// Secret is a text that must not be shown. It prints as [redacted] under every
// verb. The text is held behind a pointer, because fmt does not call the
// methods of unexported fields: a struct that holds a Secret, printed whole,
// shows an address and not the text. The zero value is the empty secret.
type Secret struct{ text *string }

// NewSecret wraps text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text, for the one place that must send it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.text == nil }

// String returns a stand-in.
func (s Secret) String() string { return redacted }

// GoString returns a stand-in.
func (s Secret) GoString() string { return redacted }

// Format writes a stand-in, whatever the verb: fmt would print the fields of a
// value under a verb that does not fit it.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns a stand-in, for encoders and structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// userInfo finds a name and password in an address, such as the proxy address
// that net/http quotes when it cannot be parsed.
var userInfo = regexp.MustCompile(`://[^/@\s"]*@`)

// Redact returns text with every secret replaced, as it is and as it looks
// inside a URL or a quoted string. It also replaces user information in URLs.
func Redact(text string, secrets ...Secret) string {
	for _, s := range secrets {
		if s.Empty() {
			continue
		}
		plain := s.Reveal()
		quoted := strconv.Quote(plain)
		for _, form := range []string{
			plain,
			quoted[1 : len(quoted)-1],
			url.PathEscape(plain),
			url.QueryEscape(plain),
			(&url.URL{Path: plain}).EscapedPath(),
		} {
			text = strings.ReplaceAll(text, form, redacted)
		}
	}
	return userInfo.ReplaceAllString(text, "://"+redacted+"@")
}
