// Package config reads the server's settings from flags, the environment, files
// and a .env file.
//
// Its one rule: [Table] is the only place that knows a setting; help, reference
// page and the redacted print come from it. All problems are reported at once,
// each naming the setting and the accepted form, and no problem shows a secret.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/joho/godotenv"

	"github.com/shipbell/shipbell/internal/spelling"
)

// Table holds every setting as it was given, and says in its tags all there is
// to say about it: name is the flag, setting the environment variable, fallback
// the default, accepts the accepted form. A secret has no flag, because the
// arguments of a process can be seen by others, but can be in a file that
// SETTING_FILE names. An address that need not hold a secret has both.
type Table struct {
	Listen           string `name:"listen" setting:"SHIPBELL_LISTEN" fallback:"127.0.0.1:8787" placeholder:"HOST:PORT" accepts:"HOST:PORT, such as 127.0.0.1:8787 or :8787 for all addresses" help:"Address to listen on."`
	Data             string `name:"data" setting:"SHIPBELL_DATA" placeholder:"DIR" accepts:"a directory that can be written" help:"Directory of the SQLite file and the token; the user's data directory unless given."`
	DatabaseURL      string `name:"database" setting:"DATABASE_URL" secret:"true" placeholder:"URL" accepts:"postgres://USER:PASSWORD@HOST:5432/DATABASE, with sslmode, search_path and others as parameters" help:"PostgreSQL database of several replicas, in place of the SQLite file. Give a password by the environment or the file."`
	DatabaseConns    string `name:"database-connections" setting:"SHIPBELL_DATABASE_CONNECTIONS" fallback:"8" placeholder:"N" accepts:"a number from 4 to 100" help:"Most connections of this replica to PostgreSQL."`
	DatabaseTimeout  string `name:"database-timeout" setting:"SHIPBELL_DATABASE_TIMEOUT" fallback:"10s" placeholder:"DURATION" accepts:"a duration such as 10s; 1s to 5m" help:"Longest time that a statement in PostgreSQL may take."`
	NotifyToken      string `kong:"-" setting:"DEPLOY_NOTIFY_TOKEN" secret:"true" accepts:"text without spaces" help:"Token that a push must bear; made on first start and kept in the data directory unless given."`
	TelegramBotToken string `kong:"-" setting:"TELEGRAM_BOT_TOKEN" secret:"true" accepts:"the token that @BotFather gave, such as 123456789:AAE…" help:"Token of the Telegram bot that posts the messages."`
	TelegramChatID   string `name:"telegram-chat" setting:"TELEGRAM_CHAT_ID" placeholder:"CHAT,…" accepts:"chat ids separated by commas: -1001234567890, @channel, -1001234567890:45 for topic 45" help:"Telegram chats that get the messages."`
	TelegramAPIURL   string `name:"telegram-api" setting:"TELEGRAM_API_URL" fallback:"https://api.telegram.org" placeholder:"URL" accepts:"an http or https address" help:"Telegram Bot API server."`
	TelegramLimits   string `name:"telegram-limits" setting:"TELEGRAM_LIMITS" fallback:"on" placeholder:"on|off" accepts:"on or off" help:"Keep to Telegram's limits of 1 message a second and 20 a minute. Off is for servers without them."`
	CloudflareToken  string `kong:"-" setting:"CLOUDFLARE_API_TOKEN" secret:"true" accepts:"an API token without spaces" help:"Token with which Cloudflare is asked what it shows; read-only permissions are enough. Without it nothing is asked."`
	CloudflareID     string `name:"cloudflare-account" setting:"CLOUDFLARE_ACCOUNT_ID" placeholder:"ID,…" accepts:"account ids of 32 hexadecimal digits, separated by commas" help:"Cloudflare accounts to ask; the one that the token sees unless given."`
	CloudflareAPIURL string `name:"cloudflare-api" setting:"CLOUDFLARE_API_BASE_URL" fallback:"https://api.cloudflare.com/client/v4" placeholder:"URL" accepts:"an http or https address" help:"Cloudflare's API."`
	PollInterval     string `name:"poll-interval" setting:"SHIPBELL_POLL_INTERVAL" fallback:"1m" placeholder:"DURATION" accepts:"a duration such as 30s, 1m or 5m; 10s to 1h" help:"How often Cloudflare is asked."`
	BuildsQueue      string `name:"builds-queue" setting:"SHIPBELL_BUILDS_QUEUE" placeholder:"NAME" accepts:"the name or the id of a Queue" help:"Cloudflare Queue with the events of Workers Builds, read as an HTTP pull consumer."`
	WebhookSecret    string `kong:"-" setting:"CLOUDFLARE_WEBHOOK_SECRET" secret:"true" accepts:"text without spaces" help:"Secret of Cloudflare's notification webhook, which opens POST /hooks/cloudflare."`
	GitHubRepos      string `name:"github-repositories" setting:"GITHUB_OIDC_REPOSITORIES" placeholder:"ID,…" accepts:"repository ids, which are numbers, separated by commas; 123=api-* for some projects, owner:456 for all of an owner" help:"Repositories whose GitHub Actions may push with a token that GitHub signs for each run, in place of a secret."`
	GitHubAudience   string `name:"github-audience" setting:"GITHUB_OIDC_AUDIENCE" fallback:"shipbell" placeholder:"TEXT" accepts:"text without spaces" help:"Audience for which such a token must be made; DEPLOY_NOTIFY_AUDIENCE in the build."`
	GitHubIssuer     string `name:"github-issuer" setting:"GITHUB_OIDC_ISSUER" fallback:"https://token.actions.githubusercontent.com" placeholder:"URL" accepts:"an https address; http on this machine alone" help:"Who signs such a token; https://HOST/_services/token for a GitHub server of your own."`
	AccessTeam       string `name:"access-team" setting:"CLOUDFLARE_ACCESS_TEAM" placeholder:"TEAM" accepts:"the team's name or domain, such as acme or acme.cloudflareaccess.com" help:"Cloudflare Access in front of the dashboard: whom it vouches for may read."`
	AccessAudience   string `name:"access-audience" setting:"CLOUDFLARE_ACCESS_AUD" placeholder:"TAG,…" accepts:"audience tags of 64 hexadecimal digits, separated by commas" help:"Application Audience tags of the Access applications in front."`
	Admins           string `name:"admins" setting:"SHIPBELL_ADMINS" placeholder:"ADDRESS,…" accepts:"e-mail addresses separated by commas" help:"Who may administer of those for whom Cloudflare Access vouches."`
	PublicBadges     string `name:"public-badges" setting:"SHIPBELL_PUBLIC_BADGES" fallback:"off" placeholder:"on|off" accepts:"on or off" help:"Show the badges of projects to everybody, without a token: who knows a name sees what is live of it."`
	PublicURL        string `name:"public-url" setting:"SHIPBELL_PUBLIC_URL" placeholder:"URL" accepts:"an http or https address" help:"Address under which people reach the server, for the links of feeds; the one that a feed reader asked unless given."`
	WorkerProjects   string `name:"worker-projects" setting:"WORKER_PROJECTS" placeholder:"NAME,…" accepts:"project names and globs such as api-*, separated by commas" help:"Workers that are announced; all unless given."`
	PageProjects     string `name:"page-projects" setting:"PAGE_PROJECTS" placeholder:"NAME,…" accepts:"project names and globs such as site-*, separated by commas" help:"Pages projects that are announced; all unless given."`
	Retention        string `name:"retention" setting:"SHIPBELL_RETENTION" fallback:"400d" placeholder:"DAYS" accepts:"days such as 400d, or hours such as 9600h; at least 1d" help:"Age at which deployments are deleted. Ids are remembered for at least 90 days."`
	LogLevel         string `name:"log-level" setting:"SHIPBELL_LOG_LEVEL" fallback:"info" placeholder:"LEVEL" accepts:"debug, info, warn or error" help:"Least level that is logged."`
}

// Settings are the settings, read.
type Settings struct {
	Listen         string
	Store          Store
	NotifyToken    string // empty: the one in the data directory
	TelegramToken  string
	TelegramChats  string
	TelegramAPI    string
	TelegramFree   bool // without limits
	Cloudflare     Cloudflare
	WebhookSecret  string // empty: the hook is closed
	Access         Access
	PublicBadges   bool
	PublicURL      string // empty: the address that was asked
	WorkerProjects string
	PageProjects   string
	Retention      time.Duration
	LogLevel       string
}

// Store says where the ledger is kept.
type Store struct {
	Data     string // directory of the SQLite file; not needed with a Database
	Database string // address of a PostgreSQL database, with its password; empty: SQLite
	// Connections and Timeout bound the use of the database.
	Connections int
	Timeout     time.Duration
}

// Place names where that is, for people and without secrets.
func (s Store) Place() string {
	if s.Database != "" {
		return "the database"
	}
	return s.Data
}

// Access says who else may come in, beside those with a token.
type Access struct {
	Repositories string // empty: no workflow without a token
	Audience     string
	Issuer       string
	Team         string   // address of the team; empty: Cloudflare Access vouches for nobody
	Tags         []string // of its applications
	Admins       []string
}

// Cloudflare says how Cloudflare is asked.
type Cloudflare struct {
	Token    string   // empty: it is not
	Accounts []string // empty: the one that the token sees
	API      string
	Interval time.Duration
	Queue    string // empty: no events of Workers Builds
}

// Option is one row of the table, for help and reference.
type Option struct {
	Flag     string // empty for a secret
	Setting  string
	Fallback string
	Accepts  string
	Help     string
	Secret   bool
}

// Options returns the table's rows in its order.
func Options() []Option {
	var options []Option
	for f := range fields(&Table{}) {
		options = append(options, f.Option)
	}
	return options
}

// Fallback returns the default of a setting, empty where it has none.
func Fallback(setting string) string {
	for _, o := range Options() {
		if o.Setting == setting {
			return o.Fallback
		}
	}
	return ""
}

// Sources are where settings come from, beside the flags in the table.
type Sources struct {
	// Environ returns an environment variable and whether it is set.
	Environ func(string) (string, bool)
	// Names are the names of all environment variables, to find misspelt ones.
	Names []string
	// DotEnv is the path of the .env file; it need not exist.
	DotEnv string
	// Checks reject values that only other packages understand, by setting.
	Checks map[string]func(string) error
}

// OS are the sources of this process.
func OS(checks map[string]func(string) error) Sources {
	var names []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		names = append(names, name)
	}
	return Sources{Environ: os.LookupEnv, Names: names, DotEnv: ".env", Checks: checks}
}

// Without returns sources in which a setting is not given.
func (s Sources) Without(setting string) Sources {
	environ := s.Environ
	s.Environ = func(name string) (string, bool) {
		if name == setting || name == setting+"_FILE" {
			return "", true // not in the .env file either
		}
		return environ(name)
	}
	return s
}

// Problem is one setting that cannot be used.
type Problem struct {
	Setting string
	What    string
	Accepts string
}

// Problems are all settings that cannot be used.
type Problems []Problem

// Error lists the problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = fmt.Sprintf("%s: %s", problem.Setting, problem.What)
		if problem.Accepts != "" {
			lines[i] += "; accepted: " + problem.Accepts
		}
	}
	return strings.Join(lines, "\n")
}

// field is one setting of a table with where its value is kept.
type field struct {
	Option
	value *string
}

func fields(t *Table) func(func(field) bool) {
	return func(yield func(field) bool) {
		v := reflect.ValueOf(t).Elem()
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag
			f := field{
				Option: Option{
					Flag: tag.Get("name"), Setting: tag.Get("setting"), Fallback: tag.Get("fallback"),
					Accepts: tag.Get("accepts"), Help: tag.Get("help"), Secret: tag.Get("secret") == "true",
				},
				value: v.Field(i).Addr().Interface().(*string),
			}
			if !yield(f) {
				return
			}
		}
	}
}

// Load completes the table, which holds the flags, from the other sources, and
// reads it. A flag beats the environment, which beats the .env file, which beats
// the default. Its error is [Problems].
func Load(t Table, from Sources) (Settings, error) {
	l := loader{Sources: from}
	l.readDotEnv()
	l.findMisspelt()
	for f := range fields(&t) {
		if *f.value == "" {
			*f.value = l.lookup(f.Option)
		}
		if *f.value == "" {
			*f.value = f.Fallback
		}
		if check := from.Checks[f.Setting]; check != nil && *f.value != "" {
			if err := check(*f.value); err != nil {
				// The check's own words hold the accepted form.
				l.problems = append(l.problems, Problem{Setting: f.Setting, What: err.Error()})
			}
		}
	}
	s := l.settings(t)
	if len(l.problems) > 0 {
		return Settings{}, l.problems
	}
	return s, nil
}

// LoadStore reads the settings that commands on a ledger need; what is wrong with
// others is not their business. Flags may be empty.
func LoadStore(flags Table, from Sources) (Store, error) {
	l := loader{Sources: from}
	l.readDotEnv()
	own := []string{"SHIPBELL_DATA", "DATABASE_URL", "SHIPBELL_DATABASE_CONNECTIONS", "SHIPBELL_DATABASE_TIMEOUT"}
	for f := range fields(&flags) {
		if slices.Contains(own, f.Setting) && *f.value == "" {
			*f.value = cmp.Or(l.lookup(f.Option), f.Fallback)
		}
	}
	s := l.store(flags)
	if len(l.problems) > 0 {
		return Store{}, l.problems
	}
	return s, nil
}

// The ranges of the settings of a database. Four connections are the least: one
// that writes, one that listens, one for leases, and one that reads.
const (
	minConnections, maxConnections = 4, 100
	minTimeout, maxTimeout         = time.Second, 5 * time.Minute
)

func (l *loader) store(t Table) Store {
	s := Store{Database: t.DatabaseURL}
	if s.Database == "" {
		s.Data = l.dataDir(t.Data)
	} else if u, err := url.Parse(s.Database); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		l.problem("DATABASE_URL", "not the address of a PostgreSQL database")
	}
	var err error
	if s.Connections, err = strconv.Atoi(t.DatabaseConns); err != nil || s.Connections < minConnections || s.Connections > maxConnections {
		l.problem("SHIPBELL_DATABASE_CONNECTIONS", "%q cannot be understood", t.DatabaseConns)
	}
	if s.Timeout, err = time.ParseDuration(t.DatabaseTimeout); err != nil || s.Timeout < minTimeout || s.Timeout > maxTimeout {
		l.problem("SHIPBELL_DATABASE_TIMEOUT", "%q cannot be understood", t.DatabaseTimeout)
	}
	return s
}

// dataDir returns the directory that was given, or the user's.
func (l *loader) dataDir(given string) string {
	if given != "" {
		return given
	}
	dir, err := defaultData(l.get)
	if err != nil {
		l.problem("SHIPBELL_DATA", "no user data directory here (%v)", err)
	}
	return dir
}

// on reads a setting that is on or off.
func (l *loader) on(setting, value string) bool {
	switch strings.ToLower(value) {
	case "on":
		return true
	case "off":
		return false
	}
	l.problem(setting, "%q cannot be understood", value)
	return false
}

type loader struct {
	Sources
	dotEnv   map[string]string
	problems Problems
}

func (l *loader) problem(setting, format string, args ...any) {
	accepts := ""
	for _, o := range Options() {
		if o.Setting == setting {
			accepts = o.Accepts
		}
	}
	l.problems = append(l.problems, Problem{Setting: setting, What: fmt.Sprintf(format, args...), Accepts: accepts})
}

func (l *loader) readDotEnv() {
	values, err := godotenv.Read(l.DotEnv)
	switch {
	case err == nil:
		l.dotEnv = values
	case l.DotEnv == "" || errors.Is(err, os.ErrNotExist):
	case errors.As(err, new(*os.PathError)):
		l.problems = append(l.problems, Problem{Setting: l.DotEnv, What: "cannot be read: " + err.Error()})
	default:
		// The library quotes the line, which may hold a secret.
		l.problems = append(l.problems, Problem{Setting: l.DotEnv, What: "a line cannot be understood", Accepts: "lines of the form NAME=value"})
	}
}

// orchestrated matches what container platforms put into the environment of a
// service named shipbell, such as SHIPBELL_PORT_8787_TCP.
var orchestrated = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT.*|PORT(_\d+_.*)?)$`)

// findMisspelt reports names that are one or two letters from a setting's.
func (l *loader) findMisspelt() {
	var known []string
	for _, o := range Options() {
		known = append(known, o.Setting)
		if o.Secret {
			known = append(known, o.Setting+"_FILE")
		}
	}
	names := slices.Clone(l.Names)
	for name := range l.dotEnv {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if slices.Contains(known, name) || orchestrated.MatchString(name) || l.get(name) == "" {
			continue
		}
		for _, k := range known {
			if len(name) > 6 && spelling.Distance(name, k) <= 2 {
				l.problems = append(l.problems, Problem{Setting: name, What: "no such setting; did you mean " + k + "?"})
				break
			}
		}
	}
}

func (l *loader) lookup(o Option) string {
	if value := l.get(o.Setting); value != "" || !o.Secret {
		if o.Secret && l.get(o.Setting+"_FILE") != "" {
			l.problem(o.Setting, "set together with %s_FILE; set one of them", o.Setting)
		}
		return value
	}
	path := l.get(o.Setting + "_FILE")
	if path == "" {
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		l.problem(o.Setting+"_FILE", "%v", err)
		return ""
	}
	value := strings.TrimSpace(string(text))
	if value == "" {
		l.problem(o.Setting+"_FILE", "the file %s is empty", path)
	}
	return value
}

func (l *loader) get(name string) string {
	if value, ok := l.Environ(name); ok {
		return strings.TrimSpace(value)
	}
	return strings.TrimSpace(l.dotEnv[name])
}

var botToken = regexp.MustCompile(`^\d+:[A-Za-z0-9_-]+$`)

func (l *loader) settings(t Table) Settings {
	s := Settings{
		Listen: t.Listen, Store: l.store(t), NotifyToken: t.NotifyToken,
		TelegramToken: t.TelegramBotToken, TelegramChats: t.TelegramChatID, TelegramAPI: strings.TrimSuffix(t.TelegramAPIURL, "/"),
		WorkerProjects: t.WorkerProjects, PageProjects: t.PageProjects, LogLevel: strings.ToLower(t.LogLevel),
	}
	if _, port, err := net.SplitHostPort(t.Listen); err != nil || !isPort(port) {
		l.problem("SHIPBELL_LISTEN", "%q is not an address", t.Listen)
	}
	if strings.ContainsAny(t.NotifyToken, " \t\r\n") {
		l.problem("DEPLOY_NOTIFY_TOKEN", "has spaces inside")
	}
	if t.TelegramBotToken != "" && !botToken.MatchString(t.TelegramBotToken) {
		l.problem("TELEGRAM_BOT_TOKEN", "does not have the form of a bot token")
	}
	switch {
	case t.TelegramBotToken != "" && t.TelegramChatID == "":
		l.problem("TELEGRAM_CHAT_ID", "is needed together with TELEGRAM_BOT_TOKEN")
	case t.TelegramBotToken == "" && t.TelegramChatID != "":
		l.problem("TELEGRAM_BOT_TOKEN", "is needed together with TELEGRAM_CHAT_ID")
	}
	l.checkServer("TELEGRAM_API_URL", t.TelegramAPIURL)
	s.TelegramFree = !l.on("TELEGRAM_LIMITS", t.TelegramLimits)
	s.PublicBadges = l.on("SHIPBELL_PUBLIC_BADGES", t.PublicBadges)
	if s.PublicURL = strings.TrimSuffix(t.PublicURL, "/"); s.PublicURL != "" {
		l.checkServer("SHIPBELL_PUBLIC_URL", s.PublicURL)
		// The pages begin at the root, whatever stands before them.
		if u, err := url.Parse(s.PublicURL); err == nil && (u.Path != "" || u.RawQuery != "" || u.Fragment != "") {
			l.problem("SHIPBELL_PUBLIC_URL", "has a path; the server needs a name of its own")
		}
	}
	s.WebhookSecret = t.WebhookSecret
	if strings.ContainsAny(t.WebhookSecret, " \t\r\n") {
		l.problem("CLOUDFLARE_WEBHOOK_SECRET", "has spaces inside")
	}
	s.Cloudflare = l.cloudflare(t)
	s.Access = l.access(t)
	var err error
	if s.Retention, err = parseDays(t.Retention); err != nil || s.Retention < 24*time.Hour {
		l.problem("SHIPBELL_RETENTION", "%q cannot be understood", t.Retention)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, s.LogLevel) {
		l.problem("SHIPBELL_LOG_LEVEL", "%q cannot be understood", t.LogLevel)
	}
	return s
}

// checkServer reports an address that cannot be one of a server.
func (l *loader) checkServer(setting, address string) {
	if u, err := url.Parse(address); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		l.problem(setting, "not an address of a server")
	}
}

// account is the form of an account's id.
var account = regexp.MustCompile(`^[0-9a-f]{32}$`)

// The range of the poll interval. Cloudflare allows 1,200 requests in five
// minutes, to everybody with the same token together.
const (
	minPoll = 10 * time.Second
	maxPoll = time.Hour
)

func (l *loader) cloudflare(t Table) Cloudflare {
	c := Cloudflare{Token: t.CloudflareToken, API: strings.TrimSuffix(t.CloudflareAPIURL, "/"), Queue: t.BuildsQueue}
	if strings.ContainsAny(c.Token, " \t\r\n") {
		l.problem("CLOUDFLARE_API_TOKEN", "has spaces inside")
	}
	for word := range strings.SplitSeq(t.CloudflareID, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		switch {
		case word == "":
		case !account.MatchString(word):
			l.problem("CLOUDFLARE_ACCOUNT_ID", "%q is not an account id", word)
		case !slices.Contains(c.Accounts, word):
			c.Accounts = append(c.Accounts, word)
		}
	}
	l.checkServer("CLOUDFLARE_API_BASE_URL", t.CloudflareAPIURL)
	if c.Queue != "" && c.Token == "" {
		l.problem("CLOUDFLARE_API_TOKEN", "is needed together with SHIPBELL_BUILDS_QUEUE")
	}
	var err error
	if c.Interval, err = time.ParseDuration(t.PollInterval); err != nil || c.Interval < minPoll || c.Interval > maxPoll {
		l.problem("SHIPBELL_POLL_INTERVAL", "%q cannot be understood", t.PollInterval)
	}
	return c
}

// tag is the form of the audience tag of an application.
var tag = regexp.MustCompile(`^[0-9a-f]{64}$`)

// accessDomain is where teams are that give their name alone.
const accessDomain = ".cloudflareaccess.com"

func (l *loader) access(t Table) Access {
	a := Access{
		Repositories: t.GitHubRepos, Audience: t.GitHubAudience, Issuer: strings.TrimSuffix(t.GitHubIssuer, "/"),
		Team: teamAddress(t.AccessTeam), Tags: words(strings.ToLower(t.AccessAudience)), Admins: words(t.Admins),
	}
	if strings.ContainsAny(a.Audience, " \t\r\n") {
		l.problem("GITHUB_OIDC_AUDIENCE", "has spaces inside")
	}
	l.checkIssuer("GITHUB_OIDC_ISSUER", a.Issuer)
	if a.Team != "" {
		l.checkIssuer("CLOUDFLARE_ACCESS_TEAM", a.Team)
	}
	for _, word := range a.Tags {
		if !tag.MatchString(word) {
			l.problem("CLOUDFLARE_ACCESS_AUD", "%q is not an audience tag", word)
		}
	}
	for _, word := range a.Admins {
		if name, domain, ok := strings.Cut(word, "@"); !ok || name == "" || domain == "" {
			l.problem("SHIPBELL_ADMINS", "%q is not an e-mail address", word)
		}
	}
	switch {
	case a.Team != "" && len(a.Tags) == 0:
		l.problem("CLOUDFLARE_ACCESS_AUD", "is needed together with CLOUDFLARE_ACCESS_TEAM")
	case a.Team == "" && len(a.Tags) > 0:
		l.problem("CLOUDFLARE_ACCESS_TEAM", "is needed together with CLOUDFLARE_ACCESS_AUD")
	case a.Team == "" && len(a.Admins) > 0:
		l.problem("CLOUDFLARE_ACCESS_TEAM", "is needed together with SHIPBELL_ADMINS")
	}
	return a
}

// teamAddress returns the address of a team that is given by name, domain or
// address.
func teamAddress(team string) string {
	switch {
	case team == "" || strings.Contains(team, "://"):
		return strings.TrimSuffix(team, "/")
	case strings.Contains(team, "."):
		return "https://" + team
	}
	return "https://" + team + accessDomain
}

// checkIssuer reports an address whose keys anybody on the way could exchange.
func (l *loader) checkIssuer(setting, address string) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.ContainsAny(address, " ?#") {
		l.problem(setting, "not an address")
		return
	}
	ip := net.ParseIP(u.Hostname())
	here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !here) {
		l.problem(setting, "not an https address")
	}
}

// words returns what stands between commas.
func words(list string) []string {
	var found []string
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word != "" {
			found = append(found, word)
		}
	}
	return found
}

func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= 65535
}

// parseDays reads days such as 400d, or any duration that Go reads.
func parseDays(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || n > 100_000 {
			return 0, fmt.Errorf("days %q: not a number up to 100000", s)
		}
		return time.Duration(n * 24 * float64(time.Hour)), nil
	}
	return time.ParseDuration(s)
}

// defaultData is the user's data directory: where the XDG base directory
// specification, macOS and Windows put it.
func defaultData(env func(string) string) (string, error) {
	if dir := env("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "shipbell"), nil
	}
	if dir := env("LOCALAPPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "shipbell"), nil
	}
	home := env("HOME")
	if home == "" {
		var err error
		if home, err = os.UserHomeDir(); err != nil {
			return "", err
		}
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "shipbell"), nil
	}
	return filepath.Join(home, ".local", "share", "shipbell"), nil
}
