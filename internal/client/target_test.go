package client

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]string{
		"https://shipbell.example.com":                         "https://shipbell.example.com/notify",
		"https://shipbell.example.com/":                        "https://shipbell.example.com/notify",
		"https://shipbell.example.com/notify":                  "https://shipbell.example.com/notify",
		"https://shipbell.example.com/notify/":                 "https://shipbell.example.com/notify",
		"https://shipbell.example.com//":                       "https://shipbell.example.com/notify",
		" https://shipbell.example.com/\n":                     "https://shipbell.example.com/notify",
		"https://example.com/deploys":                          "https://example.com/deploys/notify",
		"https://example.com/deploys/":                         "https://example.com/deploys/notify",
		"https://example.com/deploys/notify":                   "https://example.com/deploys/notify",
		"https://example.com/a%2Fb/":                           "https://example.com/a%2Fb/notify",
		"http://127.0.0.1:8080":                                "http://127.0.0.1:8080/notify",
		"http://[::1]:8080/notify":                             "http://[::1]:8080/notify",
		"https://user:secret@shipbell.example.com/?key=secret": "https://shipbell.example.com/notify",
		"HTTPS://shipbell.example.com#x":                       "https://shipbell.example.com/notify",
	} {
		got, err := ParseTarget(in, "token")
		if err != nil || got.endpoint.String() != want {
			t.Errorf("ParseTarget(%q) = %v, %v, want %s", in, got.endpoint, err, want)
		}
	}
}

func TestParseTargetErrors(t *testing.T) {
	for name, tc := range map[string]struct{ address, token, says, hint string }{
		"nothing":       {"", "", envURL + " and " + envToken, "set both"},
		"no address":    {" ", "s3cret", envURL + " is not set", "https://"},
		"no token":      {"https://s3cret.example.com", " \n", envToken + " is not set", "token"},
		"no scheme":     {"s3cret.example.com", "s3cret", envURL + " is not the address", "https://"},
		"mixed up":      {"s3cret", "https://s3cret.example.com", envURL + " is not the address", "https://"},
		"other scheme":  {"ftp://s3cret.example.com", "s3cret", envURL + " is not the address", "https://"},
		"no host":       {"https:///s3cret", "s3cret", envURL + " is not the address", "https://"},
		"port alone":    {"https://:8080", "s3cret", envURL + " is not the address", "https://"},
		"unparsable":    {"https://s3cret.example.com/%zz", "s3cret", envURL + " is not the address", "https://"},
		"control":       {"https://s3cret.example.com\x7f", "s3cret", envURL + " is not the address", "https://"},
		"token in two":  {"https://s3cret.example.com", "s3cret\nX-Injected: 1", envToken + " holds a line break", "one line"},
		"token with \\": {"https://s3cret.example.com", "s3cret\x00", envToken + " holds a line break", "one line"},
	} {
		_, err := ParseTarget(tc.address, tc.token)
		var p *Problem
		if !errors.As(err, &p) || !strings.Contains(p.Sentence, tc.says) || !strings.Contains(p.Hint, tc.hint) {
			t.Errorf("%s: %+v", name, p)
			continue
		}
		if strings.Contains(p.Sentence+p.Hint, "s3cret") {
			t.Errorf("%s: repeats what it was given: %+v", name, p)
		}
	}
}

func TestTargetDoesNotPrintItsToken(t *testing.T) {
	target, err := ParseTarget("https://user:s3cret@example.com/?s3cret", "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if out := fmt.Sprintf(format, target); strings.Contains(out, "s3cret") {
			t.Errorf("%s prints %s", format, out)
		}
	}
	if (Target{}).String() == "" {
		t.Error("the zero target prints nothing")
	}
}
