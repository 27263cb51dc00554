package client

import (
	"net/url"
	"strings"
)

// The variables that say where to push. They are the names that the client
// before Shipbell reads.
const (
	envURL   = "DEPLOY_NOTIFY_URL"
	envToken = "DEPLOY_NOTIFY_TOKEN"
)

// notifyPath is appended to the server's base address.
const notifyPath = "/notify"

// Target is the server that is pushed to. It does not print its token.
type Target struct {
	endpoint *url.URL
	token    string
	// offer is where a token can be had that is not there yet; nil where it is.
	offer *offer
}

// ParseTarget takes the server's base address, with or without /notify at its
// end, and the token that the server expects. The error is a [*Problem]. It
// never repeats what it was given: the two are easily mixed up.
func ParseTarget(address, token string) (Target, error) {
	address, token = strings.TrimSpace(address), strings.TrimSpace(token)
	switch {
	case address == "" && token == "":
		return Target{}, &Problem{
			Sentence: envURL + " and " + envToken + " are not set",
			Hint:     "set both in the build's environment: the server's address, and the token it was started with",
		}
	case address == "":
		return Target{}, &Problem{
			Sentence: envURL + " is not set",
			Hint:     "set it in the build's environment to the server's address, such as https://shipbell.example.com",
		}
	case token == "":
		return Target{}, &Problem{
			Sentence: envToken + " is not set",
			Hint:     "set it in the build's environment to the token that the server was started with",
		}
	}
	endpoint, err := parseEndpoint(address)
	if err != nil {
		return Target{}, err
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return Target{}, &Problem{
			Sentence: envToken + " holds a line break or another control character",
			Hint:     "copy the token again, as one line",
		}
	}
	return Target{endpoint: endpoint, token: token}, nil
}

// parseEndpoint returns the address to post to. User name, query and fragment
// are dropped.
func parseEndpoint(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, &Problem{
			Sentence: envURL + " is not the address of a server",
			Hint:     "write it like https://shipbell.example.com",
		}
	}
	base := strings.TrimRight(u.EscapedPath(), "/")
	base = strings.TrimRight(strings.TrimSuffix(base, notifyPath), "/")
	endpoint := &url.URL{Scheme: u.Scheme, Host: u.Host}
	if path, err := url.PathUnescape(base + notifyPath); err == nil {
		endpoint.Path, endpoint.RawPath = path, base+notifyPath
	}
	return endpoint, nil
}

// String returns the host alone.
func (t Target) String() string {
	if t.endpoint == nil {
		return "no server"
	}
	return t.endpoint.Host
}

// GoString keeps the token out of %#v.
func (t Target) GoString() string { return t.String() }

// redact takes the token out of a text.
func (t Target) redact(text string) string {
	if t.token == "" {
		return text
	}
	return strings.ReplaceAll(text, t.token, "[token]")
}
