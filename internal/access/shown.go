package access

import (
	"crypto/subtle"
	"net"
	"net/http"
	"strings"

	"github.com/shipbell/shipbell"
)

// The names of visitors that have none of their own.
const (
	// PushTokenName is who bears the token that may push for every project.
	PushTokenName = "DEPLOY_NOTIFY_TOKEN"
	// Somebody is who comes from this machine to a server that is open to it.
	Somebody = "somebody on this machine"
)

// shown returns the token in a request's header: as a Bearer, or as the password
// of Basic, which feed readers and Prometheus can send.
func shown(r *http.Request) (string, means) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", byNothing
	}
	if scheme, token, ok := strings.Cut(header, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return token, byBearer
	}
	_, password, _ := r.BasicAuth()
	return password, byBasic
}

// equal compares hashes in constant time, so that neither content nor length of a
// token shows in how long it takes.
func equal(a, b shipbell.TokenHash) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// Address returns the address that a request comes from, without its port.
func Address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Open reports whether the server is open to this machine without a token: it
// listens on loopback addresses alone, nobody made a token to look with, and nobody
// vouches for anybody.
func (g *Gate) Open() bool { return g.Loopback && g.Cloudflare == nil && !g.HasTokens() }

// direct reports whether a request comes from a program on this machine that
// asked for this machine. A page on the web can have its own name point here, and
// a proxy in front brings the whole world: neither is a person at this machine.
func direct(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	switch strings.ToLower(host) {
	case "localhost", "127.0.0.1", "::1", "[::1]":
	default:
		return false
	}
	// What proxies add, and HTTP/1.0, which no browser speaks any more and nginx
	// does where it is not told otherwise.
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip", "Cf-Connecting-Ip", "Via"} {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	return r.ProtoAtLeast(1, 1)
}
