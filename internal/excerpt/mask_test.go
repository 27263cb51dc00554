package excerpt

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// The secrets of these tests open nothing. Those that scanners look for are put
// together here.
var (
	telegramToken = "123456789:" + "AAExampleExampleExampleExampleExamp"
	githubToken   = "gh" + "p_" + "ExampleExampleExampleExampleExample1"
	jwt           = "eyJ" + "hbGciOiJub25lIn0.eyJ" + "leGFtcGxlIjoidHJ1ZSJ9.c2lnbmF0dXJl"
	pem           = "-----BEGIN " + "PRIVATE KEY-----\nMIIEvExampleExampleExampleExample\nAb3dExampleExample==\n-----END " + "PRIVATE KEY-----"
)

func TestMaskLooks(t *testing.T) {
	for _, c := range []struct{ in, secret string }{
		{"Authorization: Bearer abc.def.ghi-jkl", "abc.def.ghi-jkl"},
		{"authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"},
		{`{"Authorization":"Bearer 0123456789abcdefghij"}`, "0123456789abcdefghij"},
		{"curl -H 'Authorization: token abcdefgh12345678'", "abcdefgh12345678"},
		{"sent bearer zzzzzzzz99zzzzzzzz", "zzzzzzzz99zzzzzzzz"},
		{"CLOUDFLARE_API_TOKEN=v8nExample_Example-0123456789", "v8nExample"},
		{"export DB_PASSWORD=hunter2", "hunter2"},
		{"DB_PASSWORD='two words' next", "two words"},
		{`MY_SECRET="quoted value" next`, "quoted value"},
		{"STRIPE_KEY=abc", "=abc"},
		{"GET /x?access_token=abcdef&x=1", "abcdef"},
		{"GET /x?a=1&password=s3cr3t", "s3cr3t"},
		{"--api-key=0000aaaa1111", "0000aaaa1111"},
		{"--token 0000aaaa1111", "0000aaaa1111"},
		{`"api_key": "quotedvalue"`, "quotedvalue"},
		{"password: hunter2hunter2", "hunter2hunter2"},
		{"token is abcd1234efgh", "abcd1234efgh"},
		{"//registry.example.com/:_authToken=abcdefghij", "abcdefghij"},
		{"postgres://shop:s3cr3t@db.example.com/shop", "s3cr3t"},
		{"https://user:p@ss@example.com", "p@ss"},
		{"https://0123456789abcdef0123@git.example.com/x.git", "0123456789abcdef0123"},
		{"https://api.telegram.org/bot" + telegramToken + "/sendMessage", telegramToken},
		{"using " + githubToken, githubToken},
		{"github" + "_pat_" + strings.Repeat("A1b2", 8), strings.Repeat("A1b2", 8)},
		{"npm" + "_" + strings.Repeat("A1b2", 9), strings.Repeat("A1b2", 9)},
		{"sk" + "-proj-" + strings.Repeat("A1b2", 9), strings.Repeat("A1b2", 9)},
		{"sk" + "-ant-api03-" + strings.Repeat("A1b2", 9), strings.Repeat("A1b2", 9)},
		{"sk" + "_live_" + strings.Repeat("A1b2", 6), strings.Repeat("A1b2", 6)},
		{"AK" + "IAIOSFODNN7EXAMPLE", "IOSFODNN7EXAMPLE"},
		{"xo" + "xb-123456789012-abcdefghijkl", "123456789012-abcdefghijkl"},
		{"https://hooks.slack.com/services/" + "T000/B000/XXXX", "T000/B000/XXXX"},
		{"jwt " + jwt, jwt},
		{"sb" + "_" + strings.Repeat("A1b2", 8), strings.Repeat("A1b2", 8)},
		{"key " + pem, "MIIEvExample"},
		{pem, "Ab3dExample"},
		{strings.ReplaceAll(pem, "\n", `\n`), "MIIEvExample"},
		{strings.SplitAfterN(pem, "\n", 2)[1], "Ab3dExample"}, // its first line is lost
		{strings.TrimSuffix(pem, "-----END PRIVATE KEY-----"), "Ab3dExample"},
		{"the API token Aa0" + strings.Repeat("bC_d-9x", 5) + "ZZ is not valid", strings.Repeat("bC_d-9x", 5)},
		{"X-Auth-Key: 0123456789abcdef0123456789abcdef01234", "0123456789abcdef"},
		{"Set-Cookie: session=abc; Path=/", "session=abc"},
	} {
		got := Mask(c.in)
		if strings.Contains(got, c.secret) || !strings.Contains(got, masked) {
			t.Errorf("%q\n  is masked as %q", c.in, got)
		}
		if again := Mask(got); again != got {
			t.Errorf("%q\n  masked twice %q", got, again)
		}
		if strings.Count(got, "\n") != strings.Count(c.in, "\n") {
			t.Errorf("%q: the number of lines changed", got)
		}
	}
}

func TestMaskLeaves(t *testing.T) {
	for _, in := range []string{
		"HEAD is now at 0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c",
		"token check of commit 0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c",
		"Current Version ID: 77bb346c-e4d0-47fa-9bc7-5fde3850d6a4",
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"KV namespace 'f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6' not found. [code: 10041]",
		"integrity sha512-" + strings.Repeat("Ab3d", 21) + "Ag==",
		"/home/dev/project/src/components/TokenInput.tsx:12:34",
		"node_modules/.pnpm/jsonwebtoken@9.0.2/node_modules/jsonwebtoken/index.js",
		"SyntaxError: Unexpected token 'export'",
		"Unexpected token } in JSON at position 58",
		"Error: Invalid token: expected semicolon",
		"error: no password supplied",
		"it's necessary to set a CLOUDFLARE_API_TOKEN environment variable for wrangler to work.",
		"const token = await getToken(request);",
		"  <Item key={item.id} token={token} />",
		"if (token === undefined) {",
		"CLOUDFLARE_API_TOKEN=$CLOUDFLARE_API_TOKEN npx wrangler deploy",
		"env.TOKEN: ${{ secrets.TOKEN }}",
		"https://example.com/a@b/c",
		"file:///build/node_modules/@scope/x.js:1:2",
		"git@github.com:acme/api.git",
		"npm_config_user_agent",
		"    task-scheduling-with-a-long-name-1234567890",
		"src/index.ts(2,49): error TS2551: Property 'prise' does not exist on type '{ price: number; }'.",
		"--- FAIL: TestTokenRefreshWithAVeryLongNameThatGoesOn (0.00s)",
		"2026-05-01T10:00:00.137Z",
		"Bearer authentication is required",
		"react@\"^18.2.0\" from react-dom@18.2.0",
	} {
		if got := Mask(in); got != in {
			t.Errorf("%q\n  is masked as %q", in, got)
		}
	}
	for name, lines := range recorded(t) {
		in := strings.Join(lines, "\n")
		if got := Mask(in); got != in {
			for i, l := range strings.Split(got, "\n") {
				if l != lines[i] {
					t.Errorf("%s: %q\n  is masked as %q", name, lines[i], l)
				}
			}
		}
	}
}

func TestMaskGiven(t *testing.T) {
	const secret = "correct horse+battery/staple=?"
	multi := "first line of it\nxy\nthe third line"
	for _, in := range []string{
		"a " + secret + " b",
		url.QueryEscape(secret), url.PathEscape(secret), strings.ToLower(url.QueryEscape(secret)),
		base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.URLEncoding.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte("user:" + secret + ":x")),
		base64.StdEncoding.EncodeToString([]byte("u:" + secret)),
		base64.RawStdEncoding.EncodeToString([]byte("us:" + secret + "yy")),
	} {
		got := Mask(in, secret)
		wantHidden(t, got, secret)
		if !strings.Contains(got, masked) {
			t.Errorf("%q is masked as %q", in, got)
		}
	}
	if got := Mask("the third line\nx\nfirst line of it", multi); got != "***\nx\n***" {
		t.Errorf("several lines: %q", got)
	}
	if got := Mask("abcdefghi and abcde", "abcdef", "defghi", "abcde"); got != "*** and abcde" {
		t.Errorf("overlap and a short one: %q", got)
	}
	if got := Mask(`{"a":"say \"hi\" now"}`, `say "hi" now`); got != `{"a":"***"}` {
		t.Errorf("in JSON: %q", got)
	}
}

// wantHidden fails if text shows secret in one of its forms.
func wantHidden(t *testing.T, text, secret string) {
	t.Helper()
	if len(secret) < minSecret || strings.ContainsAny(secret, "*…\n\r") || strings.TrimSpace(secret) == "" {
		return
	}
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), string(quoted[1 : len(quoted)-1]),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	} {
		if strings.Contains(text, form) {
			t.Errorf("%q shows %q", text, form)
		}
	}
}

func FuzzMask(f *testing.F) {
	f.Add("a secret-12345 b", "secret-12345")
	f.Add("TOKEN=\"abc password=x Authorization: Bearer TOKEN=y1234567890", "bcdefg")
	f.Add(pem, "MIIEvE")
	f.Fuzz(func(t *testing.T, text, secret string) {
		got := Mask(text, secret)
		wantHidden(t, got, secret)
		if again := Mask(got, secret); again != got && !strings.Contains(secret, "*") {
			t.Errorf("once  %q\ntwice %q", got, again)
		}
		if strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q: the number of lines changed: %q", text, got)
		}
	})
}

func TestSecretsOf(t *testing.T) {
	got := SecretsOf([]string{
		"CLOUDFLARE_API_TOKEN=cf-token-value", "NPM_TOKEN=npm-token-value", "DB_PASSWORD=with=equals", "npm_config_//registry/:_authToken=auth-token-value",
		"AWS_SECRET_ACCESS_KEY=aws-value", "AWS_ACCESS_KEY_ID=aws-id-value", "SSH_PRIVATE_KEY=line one\nline two", "STRIPE_KEY=stripe-value", "githubToken=camel-value",
		"DATABASE_URL=postgres://shop:p%40ssw0rd@db/shop", "SENTRY_DSN=https://abc@sentry.example.com/1", "SLACK_WEBHOOK_URL=https://example.com/hook/abc",
		"DUPLICATE_TOKEN=npm-token-value",
		// Not secret:
		"PATH=/usr/bin:/bin", "HOME=/home/dev", "GIT_AUTHOR_NAME=Ada Lovelace", "KEYBOARD=us-layout", "MONKEY=banana-value", "SSH_AUTH_SOCK=/run/agent.sock",
		"TOKEN=short", "USE_TOKEN=false", "PWD=/build/project", "GOOGLE_APPLICATION_CREDENTIALS_FILE=/build/key.json", "AUTHOR=someone-else",
		"CLOUDFLARE_ACCOUNT_ID=0123456789abcdef", "WORKERS_CI_COMMIT_SHA=0b1c2d3e4f5a", "malformed", "=x", "PUBLIC_KEY_PATH=/x/y/z.pem", "TOKEN_TYPE=bearer-type",
	})
	want := []string{
		"auth-token-value", "aws-id-value", "aws-value", "camel-value", "cf-token-value", "https://abc@sentry.example.com/1",
		"https://example.com/hook/abc", "line one\nline two", "npm-token-value", "p%40ssw0rd", "p@ssw0rd", "stripe-value", "with=equals",
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
