package excerpt

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Policy. What a caller names as a secret is masked wherever it stands, in every
// form that a program might print it in. Beyond that, what looks like a secret
// is masked; a hash, an id, a digest or a path is not, because an error without
// them is of no use. In doubt a value behind a telling name is masked.

const (
	masked = "***"
	// minSecret is the length in bytes from which a given secret counts. Shorter
	// ones stand in ordinary words.
	minSecret = 6
	// minEncoded is the length from which a part of a base64 text is taken for a
	// part of a secret.
	minEncoded = 8
	// maxPasses bounds how often the masks are applied until nothing changes.
	maxPasses = 6
)

// Mask returns text with the given secrets and with everything that looks like
// a secret replaced by ***. Given secrets are found as they are, URL-encoded,
// as JSON, and in base64, also where they are a part of what was encoded; of a
// secret with several lines each line is one. Secrets shorter than six bytes
// are ignored. The number of lines stays. Masking twice changes nothing.
func Mask(text string, secrets ...string) string {
	all := forms(secrets)
	for range maxPasses {
		next := maskLooks(maskGiven(text, all))
		if next == text {
			break
		}
		text = next
	}
	return text
}

// forms lists the texts in which the secrets may stand.
func forms(secrets []string) []string {
	var all []string
	add := func(form string) {
		if len(form) >= minSecret && strings.Trim(form, "*") != "" {
			all = append(all, form)
		}
	}
	one := func(s string) {
		if len(s) < minSecret {
			return
		}
		add(s)
		add(string(clean(nil, []byte(s)))) // as Find reads it
		add(expand(s))
		for _, e := range []string{url.QueryEscape(s), url.PathEscape(s), strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), (&url.URL{Path: s}).EscapedPath()} {
			add(e)
			add(lowerEscapes(e))
		}
		if quoted, err := json.Marshal(s); err == nil {
			add(string(quoted[1 : len(quoted)-1]))
		}
		for _, e := range encoded(s) {
			add(e)
			add(strings.ReplaceAll(strings.ReplaceAll(e, "+", "%2B"), "/", "%2F"))
		}
	}
	for _, s := range secrets {
		one(s)
		trimmed := strings.TrimSpace(s)
		if trimmed != s {
			one(trimmed)
		}
		if strings.ContainsAny(s, "\r\n") {
			for line := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\n' || r == '\r' }) {
				one(strings.TrimSpace(line))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// encoded returns the base64 texts that are in every base64 text of something
// that has s in it, for the three places at which s can begin. What depends on
// the neighbours of s is left out.
func encoded(s string) []string {
	var all []string
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			text := e.EncodeToString([]byte(strings.Repeat("\x00", shift) + s))
			from := []int{0, 2, 3}[shift]
			to := len(text)
			if (len(s)+shift)%3 != 0 {
				to--
			}
			if to-from >= minEncoded {
				all = append(all, text[from:to])
			}
		}
	}
	return all
}

var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

func lowerEscapes(s string) string { return percent.ReplaceAllStringFunc(s, strings.ToLower) }

// maskGiven replaces all places where one of the texts stands. It marks them
// first, so that of two secrets that overlap neither leaves a part.
func maskGiven(text string, all []string) string {
	type span struct{ from, to int }
	var spans []span
	for _, s := range all {
		for from := 0; ; {
			i := strings.Index(text[from:], s)
			if i < 0 {
				break
			}
			spans = append(spans, span{from + i, from + i + len(s)})
			from += i + 1
		}
	}
	if len(spans) == 0 {
		return text
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	at := 0
	for i := 0; i < len(spans); {
		from, to := spans[i].from, spans[i].to
		for i++; i < len(spans) && spans[i].from < to; i++ {
			to = max(to, spans[i].to)
		}
		b.WriteString(text[at:from])
		// A secret with line breaks keeps them: the number of lines stays.
		b.WriteString(masked + strings.Repeat("\n", strings.Count(text[from:to], "\n")))
		at = to
	}
	b.WriteString(text[at:])
	return b.String()
}

// looks are the secrets that can be told by their form alone: a prefix that
// their issuer chose for that purpose, or a header.
var looks = []struct {
	hint    string // a text, in small letters, without which the pattern cannot match
	pattern *regexp.Regexp
	with    string
}{
	{"://", regexp.MustCompile(`(://)[^/\s:@"'<>]*:[^/\s"'<>]+@`), `${1}***@`},
	{"://", regexp.MustCompile(`(://)[^/\s:@"'<>*]{16,}@`), `${1}***@`},
	{"authorization", regexp.MustCompile(`(?i)(\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic|token|digest|negotiate|aws4-hmac-sha256)\s+)?)[^\s"',;]{3,}`), `${1}***`},
	{"bearer", regexp.MustCompile(`(?i)(\bbearer\s+)[\w.~+/=-]*(?:\d[\w.~+/=-]{7,}|[\w.~+/=-]{7,}\d)[\w.~+/=-]*`), `${1}***`},
	{"cookie", regexp.MustCompile(`(?i)(\b(?:set-)?cookie["']?\s*:\s*)[^\s"'].*`), `${1}***`},
	{"gh", regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{20,}`), masked},
	{"github_pat_", regexp.MustCompile(`\bgithub_pat_\w{20,}`), masked},
	{"gl", regexp.MustCompile(`\bgl[a-z]{2,6}-[\w-]{20,}`), masked}, // GitLab
	{"npm_", regexp.MustCompile(`\bnpm_[A-Za-z0-9]{30,}`), masked},
	{"sk-", regexp.MustCompile(`\bsk-[A-Za-z_-]{0,12}[\w-]*\d[\w-]{11,}`), masked}, // OpenAI, Anthropic
	{"k_", regexp.MustCompile(`\b[spr]k_(?:live|test)_\w{10,}`), masked},           // Stripe
	{"whsec_", regexp.MustCompile(`\bwhsec_[\w+/=-]{16,}`), masked},
	{"sb_", regexp.MustCompile(`\bsb_[\w-]{16,}`), masked}, // ours
	{"cf", regexp.MustCompile(`\bcf(?:k|ut|at)_[\w-]{20,}`), masked},
	{"v1.0-", regexp.MustCompile(`\bv1\.0-[0-9a-f]{20,}-[0-9a-f]{40,}`), masked}, // Cloudflare's origin CA key
	{"ia", regexp.MustCompile(`\bA(?:KIA|SIA)[0-9A-Z]{16}\b`), masked},
	{"aiza", regexp.MustCompile(`\bAIza[\w-]{35}`), masked},
	{"xox", regexp.MustCompile(`\bxox[a-z]-[\w-]{10,}`), masked},
	{"xapp-", regexp.MustCompile(`\bxapp-[\w-]{10,}`), masked},
	{"hooks.slack.com", regexp.MustCompile(`(hooks\.slack\.com/(?:services|workflows|triggers)/)[\w/-]+`), `${1}***`},
	{"/webhooks/", regexp.MustCompile(`(/api/webhooks/\d+/)[\w-]{20,}`), `${1}***`}, // Discord
	{"sg.", regexp.MustCompile(`\bSG\.[\w-]{16,}\.[\w-]{16,}`), masked},
	{"eyj", regexp.MustCompile(`\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?`), masked},
	{"private key", regexp.MustCompile(`(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)(?:\\n|\\r|[A-Za-z0-9+/= ])*[A-Za-z0-9+/=]{8,}(?:\\n|\\r|[A-Za-z0-9+/= ])*`), `${1}***`},
}

// telegram is a bot's token.
var telegram = regexp.MustCompile(`\b(?:bot)?\d{6,12}:[A-Za-z0-9_-]{30,}`)

// mayBeTelegram reports whether digits, a colon and a long text stand in a line.
// It stands in for a hint, which the token has none of.
func mayBeTelegram(line string) bool {
	for i := 6; i+30 < len(line); i++ {
		if line[i] == ':' && line[i-1] >= '0' && line[i-1] <= '9' && line[i-6] >= '0' && line[i-6] <= '9' {
			return true
		}
	}
	return false
}

// tellingName is a name whose last word says that its value is a secret.
const tellingName = `(?:token|secret|password|passwd|passphrase|pwd|credentials?|api[_-]?key|apikey|access[_-]?key(?:[_-]?id)?|secret[_-]?key|private[_-]?key|auth[_-]?key|account[_-]?key|signing[_-]?key|encryption[_-]?key|master[_-]?key|service[_-]?key|deploy[_-]?key|signature|client[_-]?secret|x-auth-key|_authtoken|_auth|_password)`

var (
	// NAME=value as shells and CI systems print it.
	upperAssignment = regexp.MustCompile(`(\b(?:[A-Z][A-Z0-9]*_)*(?:[A-Z0-9]*(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|APIKEY)|KEY|PWD|PASS|AUTH|PAT|CREDENTIALS?|DSN|SIGNATURE|KEY_ID)["']?=)("[^"\n]*"?|'[^'\n]*'?|[^\s"'&;,)]+)`)
	// name=value as in queries, options and configuration files.
	lowerAssignment = regexp.MustCompile(`(?i)([\w-]*` + tellingName + `["']?=)("[^"\n]*"?|'[^'\n]*'?|[^\s"'&;,){}\[(][^\s"'&;,)(]*)`)
	// name: "value" and name = "value", in JSON, TOML, YAML and code.
	quotedValue = regexp.MustCompile(`(?i)([\w-]*` + tellingName + "[\"']?\\s*(?::|=>?)\\s*)(\"[^\"\\n]{3,}\"?|'[^'\\n]{3,}'?|`[^`\\n]{3,}`?)")
	// name: value and --name value, where the value must look random.
	bareValue = regexp.MustCompile(`(?i)((?:[\w-]*` + tellingName + `["']?\s*(?:[:=]|\bis\b)|--?[\w-]*` + tellingName + `|x-auth-key:|x-api-key:)\s*)([\w.~+/=!@#$%^*-]{8,})`)
	// Cloudflare's tokens have 40 characters of this alphabet, its global keys 37
	// hexadecimal digits.
	forty = regexp.MustCompile(`(^|[^\w/+.-])([A-Za-z0-9_-]{40}|[0-9a-f]{37})($|[^\w/+=.-])`)
)

// telling are texts of which one is in every line with a telling name.
var telling = []string{
	"token", "secret", "passw", "passphrase", "credential", "apikey", "api_key", "api-key", "access_key", "access-key", "accesskey", "auth", "bearer",
	"private_key", "private-key", "privatekey", "signature", "_key", "-key", "key=", "key\"=", "key'=", "key_id", "pwd", "pass=", "pass\"=", "pass'=", "pat=", "pat\"=", "pat'=", "dsn=", "dsn\"=", "dsn'=",
	"secretkey", "authkey", "accountkey", "signingkey", "encryptionkey", "masterkey", "servicekey", "deploykey",
}

// marks find the lines that need a closer look: the numbers of the hints of
// looks, and of the telling texts.
var marks = sync.OnceValues(func() (index *literals, numbers struct{ hints, telling []int }) {
	index = new(literals)
	for _, l := range looks {
		numbers.hints = append(numbers.hints, index.add(l.hint))
	}
	for _, text := range telling {
		numbers.telling = append(numbers.telling, index.add(text))
	}
	return index, numbers
})

// maskLooks masks what looks like a secret.
func maskLooks(text string) string {
	index, numbers := marks()
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if mayBeTelegram(line) {
			lines[i] = telegram.ReplaceAllString(line, masked)
		}
		found := index.scan(line)
		if found == (hits{}) {
			continue
		}
		for j, l := range looks {
			if found.has(numbers.hints[j]) {
				lines[i] = l.pattern.ReplaceAllString(lines[i], l.with)
			}
		}
		if !found.none(numbers.telling) {
			lines[i] = maskNamed(lines[i])
		}
	}
	if strings.Contains(text, "PRIVATE KEY") {
		maskKeys(lines)
	}
	return strings.Join(lines, "\n")
}

// maskNamed masks the values behind telling names in one line.
func maskNamed(line string) string {
	replace := func(pattern *regexp.Regexp, secret func(value string) bool) {
		line = pattern.ReplaceAllStringFunc(line, func(m string) string {
			parts := pattern.FindStringSubmatch(m)
			if !secret(parts[2]) {
				return m
			}
			quote := ""
			if c := parts[2][0]; c == '"' || c == '\'' || c == '`' {
				quote = string(c)
			}
			return parts[1] + quote + masked + quote
		})
	}
	replace(upperAssignment, func(v string) bool { return !reference(v) })
	replace(lowerAssignment, func(v string) bool { return !reference(v) })
	replace(quotedValue, func(v string) bool {
		v = strings.Trim(v, "\"'`")
		return !reference(v) && !strings.Contains(v, " ")
	})
	replace(bareValue, random)
	return forty.ReplaceAllStringFunc(line, func(m string) string {
		parts := forty.FindStringSubmatch(m)
		if len(parts[2]) == 40 && !mixed(parts[2]) {
			return m
		}
		return parts[1] + masked + parts[3]
	})
}

// reference reports whether a value only points to a secret or is none.
func reference(value string) bool {
	v := strings.Trim(value, "\"'`")
	if v == "" || v == masked || strings.HasPrefix(v, "$") || strings.HasPrefix(v, "<") || strings.HasPrefix(v, "{") || strings.HasPrefix(v, "%") && strings.HasSuffix(v, "%") {
		return true
	}
	switch strings.ToLower(v) {
	case "true", "false", "null", "none", "undefined", "string", "number", "unset", "missing", "required":
		return true
	}
	return false
}

var (
	digest = regexp.MustCompile(`^sha\d+[:-]`)
	path   = regexp.MustCompile(`^\.{0,2}/|\w\.\w{1,5}(?::\d+)*$`)
)

// random reports whether a bare value looks like a secret rather than a word, a
// digest or a path.
func random(value string) bool {
	if reference(value) || digest.MatchString(value) || path.MatchString(value) {
		return false
	}
	digit := strings.ContainsAny(value, "0123456789")
	letter := strings.ContainsFunc(value, func(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' })
	return digit && letter || len(value) >= 32
}

// mixed reports whether s has digits, small and capital letters, as a random
// text of 40 characters has and a commit or a name has not.
func mixed(s string) bool {
	return strings.ContainsAny(s, "0123456789") && strings.ToLower(s) != s && strings.ToUpper(s) != s
}

var (
	keyBegins = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----`)
	keyEnds   = regexp.MustCompile(`-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----`)
	keyBody   = regexp.MustCompile(`[A-Za-z0-9+/]{16,}={0,2}`)
	keyLine   = regexp.MustCompile(`^\s*[A-Za-z0-9+/=]*\s*$|^\s*[\w-]+: |\*\*\*`)
)

// maskKeys masks the lines of PEM blocks, whether they are whole, have lost
// their end, or have lost their beginning.
func maskKeys(lines []string) {
	hide := func(i int) bool {
		switch {
		case keyBody.MatchString(lines[i]):
			lines[i] = keyBody.ReplaceAllString(lines[i], masked)
		case keyLine.MatchString(lines[i]):
			if strings.TrimSpace(lines[i]) != "" {
				lines[i] = masked
			}
		default:
			return false
		}
		return true
	}
	for i := 0; i < len(lines); i++ {
		if keyBegins.MatchString(lines[i]) && !keyEnds.MatchString(lines[i]) {
			for i+1 < len(lines) && !keyEnds.MatchString(lines[i+1]) && hide(i+1) {
				i++
			}
		}
	}
	for i, line := range lines {
		if keyEnds.MatchString(line) && !keyBegins.MatchString(line) {
			for j := i - 1; j >= 0 && !keyBegins.MatchString(lines[j]) && strings.TrimSpace(lines[j]) != masked && hide(j); j-- {
			}
		}
	}
}
