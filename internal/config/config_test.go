package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell/internal/config"
)

// from makes sources of a map, with a home directory.
func from(env map[string]string) config.Sources {
	s := config.Sources{Environ: func(name string) (string, bool) {
		v, ok := env[name]
		if name == "HOME" && !ok {
			return "/home/dev", true
		}
		return v, ok
	}}
	for name := range env {
		s.Names = append(s.Names, name)
	}
	return s
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	s, err := config.Load(config.Table{}, from(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Settings{
		Listen: "127.0.0.1:8787", Store: config.Store{Data: s.Store.Data, Connections: 8, Timeout: 10 * time.Second}, TelegramAPI: "https://api.telegram.org",
		Cloudflare: config.Cloudflare{API: "https://api.cloudflare.com/client/v4", Interval: time.Minute},
		Access:     config.Access{Audience: "shipbell", Issuer: "https://token.actions.githubusercontent.com"},
		Retention:  400 * 24 * time.Hour, LogLevel: "info",
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	if !strings.HasSuffix(s.Store.Data, "shipbell") || !strings.HasPrefix(s.Store.Data, "/home/dev") {
		t.Errorf("data directory %s", s.Store.Data)
	}
	s, err = config.Load(config.Table{}, from(map[string]string{"XDG_DATA_HOME": "/data"}))
	if err != nil || s.Store.Data != filepath.Join("/data", "shipbell") {
		t.Errorf("with XDG_DATA_HOME: %s, %v", s.Store.Data, err)
	}
}

// TestPrecedence: a flag beats the environment beats .env beats the default.
func TestPrecedence(t *testing.T) {
	dotEnv := write(t, "SHIPBELL_LISTEN=:3\nSHIPBELL_LOG_LEVEL=debug\nexport WORKER_PROJECTS=\"a,b\"\n# comment\nOTHER=x\n")
	sources := from(map[string]string{"SHIPBELL_LISTEN": ":2", "PAGE_PROJECTS": " "})
	sources.DotEnv = dotEnv
	s, err := config.Load(config.Table{Listen: ":1"}, sources)
	if err != nil || s.Listen != ":1" || s.LogLevel != "debug" || s.WorkerProjects != "a,b" {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = config.Load(config.Table{}, sources)
	if err != nil || s.Listen != ":2" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestCloudflare(t *testing.T) {
	const a, b = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	s, err := config.Load(config.Table{}, from(map[string]string{
		"CLOUDFLARE_API_TOKEN_FILE": write(t, "secret\n"),
		"CLOUDFLARE_ACCOUNT_ID":     a + ", " + strings.ToUpper(b) + "," + a,
		"CLOUDFLARE_API_BASE_URL":   "http://127.0.0.1:1/client/v4/",
		"SHIPBELL_POLL_INTERVAL":    "30s",
		"SHIPBELL_BUILDS_QUEUE":     "builds",
		"CLOUDFLARE_WEBHOOK_SECRET": "hook",
	}))
	want := config.Cloudflare{Token: "secret", Accounts: []string{a, b}, API: "http://127.0.0.1:1/client/v4", Interval: 30 * time.Second, Queue: "builds"}
	if err != nil || !reflect.DeepEqual(s.Cloudflare, want) || s.WebhookSecret != "hook" {
		t.Errorf("got  %+v, %v\nwant %+v", s, err, want)
	}
	_, err = config.Load(config.Table{}, from(map[string]string{
		"CLOUDFLARE_ACCOUNT_ID": "my-account", "CLOUDFLARE_API_BASE_URL": "api.cloudflare.com",
		"SHIPBELL_POLL_INTERVAL": "1s", "SHIPBELL_BUILDS_QUEUE": "builds", "CLOUDFLARE_WEBHOOK_SECRET": "a b",
	}))
	for _, setting := range []string{"CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_BASE_URL", "SHIPBELL_POLL_INTERVAL", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_WEBHOOK_SECRET"} {
		if err == nil || !strings.Contains(err.Error(), setting+": ") {
			t.Errorf("%s is not among the problems: %v", setting, err)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	s, err := config.Load(config.Table{}, from(map[string]string{
		"DEPLOY_NOTIFY_TOKEN_FILE": write(t, "from-file\n"),
		"TELEGRAM_BOT_TOKEN_FILE":  write(t, "123:abc\r\n"),
		"TELEGRAM_CHAT_ID":         "-1",
	}))
	if err != nil || s.NotifyToken != "from-file" || s.TelegramToken != "123:abc" {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestPublicURL: the root of a server, with or without its slash.
func TestPublicURL(t *testing.T) {
	s, err := config.Load(config.Table{}, from(map[string]string{"SHIPBELL_PUBLIC_URL": "https://bell.example.com/"}))
	if err != nil || s.PublicURL != "https://bell.example.com" {
		t.Errorf("%q, %v", s.PublicURL, err)
	}
}

// TestProblems: all at once, each naming the setting, none showing a secret.
func TestProblems(t *testing.T) {
	const secret = "sEcReT"
	sources := from(map[string]string{
		"SHIPBELL_LISTEN": "8787", "TELEGRAM_BOT_TOKEN": secret, "DEPLOY_NOTIFY_TOKEN": secret + " x", "TELEGRAM_API_URL": "api",
		"SHIPBELL_RETENTION": "1h", "SHIPBELL_LOG_LEVEL": "x", "TELEGRAM_LIMITS": "x", "SHIPBELL_DAT": "/x", "SHIPBELL_PUBLIC_URL": "https://bell.example.com/ship", "PAGE_PROJECTS": "bad",
	})
	sources.DotEnv = write(t, "what is this "+secret+"\n")
	sources.Checks = map[string]func(string) error{"PAGE_PROJECTS": func(string) error { return errors.New("no such glob") }}
	_, err := config.Load(config.Table{}, sources)
	var problems config.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	named := map[string]bool{}
	for _, p := range problems {
		named[p.Setting] = true
	}
	for _, want := range []string{
		"SHIPBELL_LISTEN", "TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID", "DEPLOY_NOTIFY_TOKEN", "TELEGRAM_API_URL",
		"SHIPBELL_RETENTION", "SHIPBELL_LOG_LEVEL", "TELEGRAM_LIMITS", "SHIPBELL_DAT", "SHIPBELL_PUBLIC_URL", "PAGE_PROJECTS", sources.DotEnv,
	} {
		if !named[want] {
			t.Errorf("no problem names %s", want)
		}
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("a problem shows a secret:\n%v", err)
	}
	if !strings.Contains(err.Error(), "did you mean SHIPBELL_DATA?") {
		t.Errorf("no suggestion:\n%v", err)
	}
}

func TestSecretInTwoPlacesOrNone(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"both":    {"DEPLOY_NOTIFY_TOKEN": "a", "DEPLOY_NOTIFY_TOKEN_FILE": write(t, "b")},
		"missing": {"DEPLOY_NOTIFY_TOKEN_FILE": "/nowhere/token"},
		"empty":   {"DEPLOY_NOTIFY_TOKEN_FILE": write(t, "\n")},
	} {
		if _, err := config.Load(config.Table{}, from(env)); err == nil || !strings.Contains(err.Error(), "DEPLOY_NOTIFY_TOKEN") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestContainerPlatforms put variables of their own beside ours.
func TestContainerPlatforms(t *testing.T) {
	_, err := config.Load(config.Table{}, from(map[string]string{
		"SHIPBELL_PORT": "tcp://10.0.0.1:8787", "SHIPBELL_SERVICE_HOST": "10.0.0.1", "SHIPBELL_SERVICE_PORT": "8787",
		"SHIPBELL_PORT_8787_TCP_ADDR": "10.0.0.1", "TELEGRAM_CHAT_IDS": "",
	}))
	if err != nil {
		t.Error(err)
	}
}

func TestEveryOptionExplainsItself(t *testing.T) {
	for _, o := range config.Options() {
		if o.Setting == "" || o.Help == "" || o.Accepts == "" || !strings.HasSuffix(o.Help, ".") {
			t.Errorf("an option that does not explain itself: %+v", o)
		}
		if o.Secret == (o.Flag != "") && o.Setting != "DATABASE_URL" {
			t.Errorf("%s: a secret has no flag, and everything else has one", o.Setting)
		}
	}
}

// TestStore: commands on a ledger do not care for other settings, and a database
// needs no directory.
func TestStore(t *testing.T) {
	const secret = "sEcReT"
	url := "postgres://shipbell:" + secret + "@db.example:5432/shipbell?sslmode=require"
	usual := config.Store{Connections: 8, Timeout: 10 * time.Second}
	with := func(s config.Store, data, database string) config.Store {
		s.Data, s.Database = data, database
		return s
	}
	for _, test := range []struct {
		name  string
		flags config.Table
		env   map[string]string
		want  config.Store
		err   string
	}{
		{name: "directory", env: map[string]string{"SHIPBELL_DATA": "/data", "TELEGRAM_CHAT_ID": "-1", "DEPLOY_NOTIFY_TOKEN_FILE": "/nowhere"}, want: with(usual, "/data", "")},
		{name: "flag", flags: config.Table{Data: "/flag"}, env: map[string]string{"SHIPBELL_DATA": "/data"}, want: with(usual, "/flag", "")},
		{name: "database", env: map[string]string{"DATABASE_URL": url, "SHIPBELL_DATA": "/data"}, want: with(usual, "", url)},
		{name: "no home", env: map[string]string{"DATABASE_URL": url, "HOME": ""}, want: with(usual, "", url)},
		{name: "file", env: map[string]string{"DATABASE_URL_FILE": write(t, url+"\n")}, want: with(usual, "", url)},
		{
			name: "bounds", flags: config.Table{DatabaseURL: url, DatabaseConns: "20"}, env: map[string]string{"SHIPBELL_DATABASE_TIMEOUT": "2s"},
			want: config.Store{Database: url, Connections: 20, Timeout: 2 * time.Second},
		},
		{name: "another engine", env: map[string]string{"DATABASE_URL": "mysql://x:" + secret + "@h/d"}, err: "DATABASE_URL: not the address of a PostgreSQL database; accepted: postgres://"},
		{name: "garbage", env: map[string]string{"DATABASE_URL": "postgres://x:" + secret + "@h:port/d"}, err: "DATABASE_URL: not the address"},
		{name: "too few", env: map[string]string{"SHIPBELL_DATABASE_CONNECTIONS": "3"}, err: `SHIPBELL_DATABASE_CONNECTIONS: "3" cannot be understood; accepted: a number from 4`},
		{name: "for ever", env: map[string]string{"SHIPBELL_DATABASE_TIMEOUT": "1h"}, err: `SHIPBELL_DATABASE_TIMEOUT: "1h" cannot be understood`},
	} {
		got, err := config.LoadStore(test.flags, from(test.env))
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: error %v, want %s", test.name, err, test.err)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%s: got %+v, %v; want %+v", test.name, got, err, test.want)
		}
	}
}

// TestAccess: who else may come in is read in the forms that people have it in.
func TestAccess(t *testing.T) {
	tag := strings.Repeat("0a", 32)
	for _, team := range []string{"acme", "acme.cloudflareaccess.com", "https://acme.cloudflareaccess.com/"} {
		s, err := config.Load(config.Table{}, from(map[string]string{
			"GITHUB_OIDC_REPOSITORIES": "74=api-*", "GITHUB_OIDC_AUDIENCE": "https://shipbell.example.com", "GITHUB_OIDC_ISSUER": "https://github.example.com/_services/token/",
			"CLOUDFLARE_ACCESS_TEAM": team, "CLOUDFLARE_ACCESS_AUD": strings.ToUpper(tag) + ", " + tag, "SHIPBELL_ADMINS": "anna@example.com, bob@example.com",
		}))
		want := config.Access{
			Repositories: "74=api-*", Audience: "https://shipbell.example.com", Issuer: "https://github.example.com/_services/token",
			Team: "https://acme.cloudflareaccess.com", Tags: []string{tag, tag}, Admins: []string{"anna@example.com", "bob@example.com"},
		}
		if err != nil || !reflect.DeepEqual(s.Access, want) {
			t.Errorf("%s: %+v, %v", team, s.Access, err)
		}
	}
	for want, env := range map[string]map[string]string{
		"CLOUDFLARE_ACCESS_AUD: is needed together with CLOUDFLARE_ACCESS_TEAM": {"CLOUDFLARE_ACCESS_TEAM": "acme"},
		"CLOUDFLARE_ACCESS_TEAM: is needed together with CLOUDFLARE_ACCESS_AUD": {"CLOUDFLARE_ACCESS_AUD": tag},
		"CLOUDFLARE_ACCESS_TEAM: is needed together with SHIPBELL_ADMINS":       {"SHIPBELL_ADMINS": "anna@example.com"},
		"is not an audience tag":                       {"CLOUDFLARE_ACCESS_TEAM": "acme", "CLOUDFLARE_ACCESS_AUD": "acme"},
		"is not an e-mail address":                     {"CLOUDFLARE_ACCESS_TEAM": "acme", "CLOUDFLARE_ACCESS_AUD": tag, "SHIPBELL_ADMINS": "anna"},
		"GITHUB_OIDC_ISSUER: not an https address":     {"GITHUB_OIDC_ISSUER": "http://github.example.com"},
		"GITHUB_OIDC_ISSUER: not an address":           {"GITHUB_OIDC_ISSUER": "github.example.com"},
		"CLOUDFLARE_ACCESS_TEAM: not an https address": {"CLOUDFLARE_ACCESS_TEAM": "http://acme.example.com", "CLOUDFLARE_ACCESS_AUD": tag},
		"GITHUB_OIDC_AUDIENCE: has spaces":             {"GITHUB_OIDC_AUDIENCE": "a b"},
	} {
		if _, err := config.Load(config.Table{}, from(env)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", env, err, want)
		}
	}
	if _, err := config.Load(config.Table{}, from(map[string]string{"GITHUB_OIDC_ISSUER": "http://127.0.0.1:8080"})); err != nil {
		t.Errorf("an issuer on this machine: %v", err)
	}
}
