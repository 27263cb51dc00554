package client

import (
	"net/url"
	"strings"
)

// webURL returns the address at which a browser finds a page or a repository, or
// nothing. Credentials, query and fragment are left out: CI systems and git put
// tokens in front of the host. git@host:path and ssh:// become https.
func webURL(address string) string {
	address = strings.TrimSpace(address)
	if !strings.Contains(address, "://") {
		host, path, ok := strings.Cut(address, ":")
		user := strings.LastIndexByte(host, '@')
		if !ok || strings.ContainsAny(host, `/\`) || user < 0 && !strings.Contains(host, ".") {
			return "" // a path, with or without a drive
		}
		host = host[user+1:]
		address = "ssh://" + host + "/" + strings.TrimPrefix(path, "/")
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return ""
	}
	switch u.Scheme {
	case "http", "https":
	case "ssh", "git", "git+ssh", "ssh+git":
		// The port is that of the other protocol.
		u.Scheme, u.Host = "https", u.Hostname()
		if strings.Contains(u.Host, ":") {
			u.Host = "[" + u.Host + "]"
		}
	default:
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return strings.TrimSuffix(strings.TrimSuffix(u.String(), "/"), ".git")
}
