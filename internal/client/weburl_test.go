package client

import (
	"strings"
	"testing"
)

func TestWebURL(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"https://github.com/acme/api":      "https://github.com/acme/api",
		"https://github.com/acme/api.git":  "https://github.com/acme/api",
		"https://github.com/acme/api.git/": "https://github.com/acme/api",
		"https://x-access-token:ghs_secret@github.com/acme/api.git": "https://github.com/acme/api",
		"https://ghs_secret@github.com/acme/api":                    "https://github.com/acme/api",
		"https://git.example.com:8443/acme/api.git?token=secret#x":  "https://git.example.com:8443/acme/api",
		"http://git.example.com/acme/api.git":                       "http://git.example.com/acme/api",
		"git@github.com:acme/api.git":                               "https://github.com/acme/api",
		"github.com:acme/api.git":                                   "https://github.com/acme/api",
		"git@gitlab.example.com:group/sub/api.git":                  "https://gitlab.example.com/group/sub/api",
		"git@host:/srv/git/api.git":                                 "https://host/srv/git/api",
		"ssh://git@github.com/acme/api.git":                         "https://github.com/acme/api",
		"ssh://git:secret@git.example.com:2222/acme/api.git":        "https://git.example.com/acme/api",
		"ssh://git@[2001:db8::1]:22/acme/api.git":                   "https://[2001:db8::1]/acme/api",
		"git://github.com/acme/api.git":                             "https://github.com/acme/api",
		"/srv/git/api.git":                                          "",
		"../api":                                                    "",
		`C:\work\api`:                                               "",
		"C:/work/api":                                               "",
		"file:///srv/git/api.git":                                   "",
		"javascript:alert(1)":                                       "",
		"javascript://alert(1)":                                     "",
		"https://":                                                  "",
		"https://%zz":                                               "",
		"mailto://a@b":                                              "",
	} {
		got := webURL(in)
		if got != want {
			t.Errorf("webURL(%q) = %q, want %q", in, got, want)
		}
		if strings.Contains(got, "secret") {
			t.Errorf("webURL(%q) = %q holds a secret", in, got)
		}
	}
}
