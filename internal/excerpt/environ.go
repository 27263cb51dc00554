package excerpt

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// secretWords are the words of a variable's name that say its value is a secret.
var secretWords = map[string]bool{
	"TOKEN": true, "TOKENS": true, "SECRET": true, "SECRETS": true, "PASSWORD": true, "PASSWD": true, "PASSPHRASE": true, "PASS": true, "PWD": true,
	"KEY": true, "APIKEY": true, "PAT": true, "CREDENTIAL": true, "CREDENTIALS": true, "CREDS": true, "AUTH": true, "AUTHTOKEN": true,
	"JWT": true, "DSN": true, "WEBHOOK": true, "COOKIE": true, "SIGNATURE": true, "SALT": true, "PRIVATE": true,
}

// openWords end the name of a variable that is about a secret without being one.
var openWords = map[string]bool{
	"FILE": true, "PATH": true, "DIR": true, "SOCK": true, "NAME": true, "TYPE": true, "ID": true, "PUBLIC": true, "VERSION": true,
	"EXPIRES": true, "EXPIRY": true, "TTL": true, "LENGTH": true, "ENABLED": true, "METHOD": true, "SCHEME": true, "USER": true, "USERNAME": true,
}

// openValues are values that no one keeps secret.
var openValues = map[string]bool{
	"false": true, "enabled": true, "disabled": true, "production": true, "preview": true, "staging": true, "development": true,
	"undefined": true, "default": true, "required": true, "optional": true, "localhost": true,
}

// SecretsOf returns the values of the variables in environ, in the form of
// [os.Environ], whose names say that they are secrets, and the passwords in the
// addresses of all others. It returns no value twice.
func SecretsOf(environ []string) []string {
	var all []string
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		value = strings.TrimSpace(value)
		if len(value) < minSecret || openValues[strings.ToLower(value)] {
			continue
		}
		if secretName(name) {
			all = append(all, value)
		}
		if strings.Contains(value, "://") && strings.Contains(value, "@") {
			all = append(all, userInfo(value)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func secretName(name string) bool {
	// PWD and OLDPWD are directories in every shell.
	if name == "PWD" || name == "OLDPWD" {
		return false
	}
	words := words(name)
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	if openWords[last] && !strings.HasSuffix(strings.ToUpper(name), "ACCESS_KEY_ID") {
		return false
	}
	return slices.ContainsFunc(words, func(w string) bool {
		return secretWords[w] || strings.HasSuffix(w, "TOKEN") || strings.HasSuffix(w, "PASSWORD") || strings.HasSuffix(w, "SECRET")
	})
}

// words splits a name at everything that is no letter or digit, and where a
// small letter is followed by a capital one. The words are in capitals.
func words(name string) []string {
	var b strings.Builder
	small := false
	for _, r := range name {
		if small && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		small = unicode.IsLower(r)
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			r = ' '
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return strings.Fields(b.String())
}

// userInfo returns the password in an address, as it stands there and decoded,
// and both together.
func userInfo(address string) []string {
	_, rest, _ := strings.Cut(address, "://")
	if i := strings.IndexAny(rest, "/?# \t\n"); i >= 0 {
		rest = rest[:i]
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return nil
	}
	_, password, ok := strings.Cut(rest[:at], ":")
	if !ok || len(password) < minSecret {
		return nil
	}
	all := []string{password}
	if decoded, err := url.PathUnescape(password); err == nil && len(decoded) >= minSecret {
		all = append(all, decoded)
	}
	return all
}
