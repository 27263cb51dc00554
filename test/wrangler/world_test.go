package wrangler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/faketelegram"
)

const (
	// The secrets must be seen nowhere.
	notifyToken = "n0tify-secret-of-the-server-5f1d"
	writeToken  = "cl0udflare-secret-of-people-8c2e"
	readToken   = "cl0udflare-secret-of-the-server-4b7a"

	// people and server name who asks Cloudflare.
	people, server = "people", "server"

	group int64 = -1001234567890

	// lookEvery is how often the server asks Cloudflare; people may not ask that
	// often.
	lookEvery = 300 * time.Millisecond
	// patience is how long a state is waited for, and how long a command may run.
	patience = 60 * time.Second
)

// world is a Cloudflare, a Telegram, a server between them, and a machine from
// which people deploy.
type world struct {
	*testing.T
	cloudflare *fakecloudflare.Server
	telegram   *faketelegram.Server
	log        *syncBuffer
	home       string // of people; holds all of their projects
	data       string
	environ    []string
	// names are what the chat calls commits and versions.
	names map[string]string
	// transcript is what all commands printed, and loud whether a secret may be in
	// it because people printed it themselves.
	loud       bool
	transcript strings.Builder
	stopServer func()
}

// newWorld starts one, with a server that has looked around once.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := startWorld(t)
	w.startServer()
	return w
}

// startWorld starts one without a server: nobody listens where it would.
func startWorld(t *testing.T) *world {
	t.Helper()
	if err := touchInputs(); err != nil {
		t.Fatal(err)
	}
	w := &world{
		T: t,
		cloudflare: fakecloudflare.New(fakecloudflare.Options{Unlimited: true, Tokens: []fakecloudflare.Token{
			{Name: people, Secret: writeToken, Scopes: fakecloudflare.AllScopes()},
			{Name: server, Secret: readToken, Scopes: fakecloudflare.ReadScopes()},
		}}),
		telegram:   faketelegram.New(faketelegram.Options{Unlimited: true}),
		log:        &syncBuffer{},
		home:       t.TempDir(),
		data:       filepath.Join(t.TempDir(), "data"),
		names:      map[string]string{},
		stopServer: func() {},
	}
	w.telegram.AddChat(faketelegram.Chat{ID: group, Type: faketelegram.Supergroup, Title: "Deployments"})
	api, stop, err := w.cloudflare.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	temporary := filepath.Join(w.home, "tmp")
	if err := os.Mkdir(temporary, 0o700); err != nil {
		t.Fatal(err)
	}
	// The whole environment of a command: what the tests themselves run in, such as
	// a CI system, must not be seen.
	w.environ = []string{
		"PATH=" + installed.path,
		"HOME=" + w.home,
		"TMPDIR=" + temporary,
		"LANG=C.UTF-8",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CONFIG_SYSTEM=/dev/null",
		"CLOUDFLARE_API_BASE_URL=" + api,
		"CLOUDFLARE_API_TOKEN=" + writeToken,
		"CLOUDFLARE_ACCOUNT_ID=" + w.cloudflare.Account(),
		"WRANGLER_SEND_METRICS=false",
		"DEPLOY_NOTIFY_TOKEN=" + notifyToken,
		"DEPLOY_NOTIFY_URL=" + unusedURL(t),
		"npm_config_offline=true",
		"npm_config_update_notifier=false",
	}
	t.Cleanup(w.finish)
	return w
}

// startServer starts the server and waits until it has looked at Cloudflare:
// what is there by then is not new.
func (w *world) startServer() {
	w.Helper()
	telegram, stop, err := w.telegram.Start()
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(stop)
	settings := config.Settings{
		Listen: "127.0.0.1:0", Store: config.Store{Data: w.data}, NotifyToken: notifyToken,
		TelegramToken: w.telegram.Token(), TelegramChats: fmt.Sprint(group), TelegramAPI: telegram, TelegramFree: true,
		Cloudflare: config.Cloudflare{
			Token: readToken, Accounts: []string{w.cloudflare.Account()}, API: w.getenv("CLOUDFLARE_API_BASE_URL"), Interval: lookEvery,
		},
		Retention: 400 * 24 * time.Hour,
	}
	a, err := app.Open(w.Context(), app.Options{Settings: settings, Version: "test", Out: w.log, Log: app.NewLog(w.log, false, slog.LevelDebug)})
	if err != nil {
		w.Fatal(err)
	}
	w.setenv("DEPLOY_NOTIFY_URL=" + a.URL())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(a.Run(ctx), a.Close()) }()
	w.stopServer = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.Error(err)
		}
	})
	w.Cleanup(w.stopServer)
	w.look()
}

// look waits until the server has asked Cloudflare for everything once more.
func (w *world) look() {
	w.Helper()
	// The second of two looks that begin from now on begins when the first is over.
	asked := func(s *fakecloudflare.Server) int { return s.Count(beginsLook) }
	before := asked(w.cloudflare)
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	if err := w.cloudflare.Wait(ctx, func(s *fakecloudflare.Server) bool { return asked(s) >= before+2 }); err != nil {
		w.Fatalf("the server does not ask: %v\n%s", err, w.log)
	}
}

// beginsLook reports whether the server begins to ask Cloudflare for everything.
func beginsLook(c fakecloudflare.Call) bool {
	return c.Token == server && strings.HasSuffix(c.Path, "/workers/workers") && c.Param("page") != "2"
}

// finish shows what led to a failure, and looks for what must never be seen.
func (w *world) finish() {
	for _, m := range w.telegram.AllMessages() {
		for _, revision := range m.History() {
			w.hasNoSecret("a message", revision.Raw)
		}
	}
	if !w.loud {
		w.hasNoSecret("the output of commands", w.transcript.String())
	}
	w.hasNoSecret("the log", w.log.String())
	if violations := w.telegram.Violations(); len(violations) > 0 {
		w.Errorf("requests that Telegram does not know: %q", violations)
	}
	if left, err := filepath.Glob(filepath.Join(w.getenv("TMPDIR"), "shipbell-*")); err != nil || len(left) > 0 {
		w.Errorf("left behind: %q %v", left, err)
	}
	if w.Failed() {
		w.Logf("the chat:\n%s\nthe commands:\n%s\nthe log:\n%s", strings.Join(w.chat(), "\n---\n"), w.transcript.String(), w.log)
	}
}

func (w *world) hasNoSecret(where, text string) {
	for _, secret := range []string{notifyToken, writeToken, readToken} {
		if strings.Contains(text, secret) {
			w.Errorf("%s shows a secret:\n%s", where, text)
		}
	}
}

func (w *world) setenv(assignment string) {
	name, _, _ := strings.Cut(assignment, "=")
	w.environ = slices.DeleteFunc(w.environ, func(e string) bool { return strings.HasPrefix(e, name+"=") })
	w.environ = append(w.environ, assignment)
}

func (w *world) getenv(name string) string {
	for _, e := range w.environ {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// unusedURL is an address at which nobody answers.
func unusedURL(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

// result is how a command ended.
type result struct {
	code   int
	output string
}

// run runs a command in a directory, as a person does at a shell: in a process
// group of its own.
func (w *world) run(directory string, argv ...string) result {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	if path, err := lookPath(argv[0]); err == nil {
		c.Path, c.Err = path, nil
	}
	c.Dir, c.Env = directory, w.environ
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	began := time.Now()
	err := c.Run()
	fmt.Fprintf(&w.transcript, "$ %s\n%s[%v, %v]\n", strings.Join(argv, " "), output.String(), err, time.Since(began).Round(time.Millisecond))
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		w.Fatalf("%q: %v", argv, errors.Join(err, ctx.Err()))
	}
	return result{c.ProcessState.ExitCode(), output.String()}
}

// succeed runs a command that must end well, and returns what it printed.
func (w *world) succeed(directory string, argv ...string) string {
	w.Helper()
	r := w.run(directory, argv...)
	if r.code != 0 {
		w.Fatalf("%q ended with %d", argv, r.code)
	}
	return r.output
}

// lookPath finds a program on the PATH of the commands.
func lookPath(name string) (string, error) {
	for _, directory := range filepath.SplitList(installed.path) {
		path := filepath.Join(directory, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// project lays out a project with a git repository and returns its directory.
func (w *world) project(name string, files map[string]string) string {
	w.Helper()
	directory := filepath.Join(w.home, name)
	for file, text := range files {
		w.write(directory, file, text)
	}
	// As npm install leaves it, so that npx and scripts find wrangler.
	if err := os.Symlink(installed.modules, filepath.Join(directory, "node_modules")); err != nil {
		w.Fatal(err)
	}
	w.write(directory, ".gitignore", "node_modules\n.wrangler\n")
	w.succeed(directory, "git", "init", "-q", "-b", "main")
	w.commit(directory, "Say hello")
	return directory
}

func (w *world) write(directory, file, text string) {
	w.Helper()
	path := filepath.Join(directory, file)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		w.Fatal(err)
	}
}

// commit commits all there is. The chat calls it by the last word of its
// message, in capitals.
func (w *world) commit(directory, message string) {
	w.Helper()
	w.succeed(directory, "git", "add", "-A")
	w.succeed(directory, "git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-q", "--allow-empty", "-m", message)
	hash := strings.TrimSpace(w.succeed(directory, "git", "rev-parse", "--short=7", "HEAD"))
	w.names[hash] = strings.ToUpper(message[strings.LastIndex(message, " ")+1:])
}

// says waits until the chat says this and nothing else, and goes on to once the
// server has looked at Cloudflare again. What differs from run to run has a name
// instead; see known.
func (w *world) says(want ...string) {
	w.Helper()
	for i := range want {
		want[i] = strings.TrimSpace(want[i])
	}
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	err := w.telegram.Wait(ctx, func(*faketelegram.Server) bool { return slices.Equal(w.chat(), want) })
	if err == nil {
		w.look()
	}
	if got := w.chat(); !slices.Equal(got, want) {
		w.Fatalf("the chat:\n%s\nwant:\n%s", strings.Join(got, "\n---\n"), strings.Join(want, "\n---\n"))
	}
}

// known replaces what differs from run to run.
var known = []struct {
	shape *regexp.Regexp
	name  string
}{
	{regexp.MustCompile(`\brun-[0-9a-f]{20}\b`), "RUN"},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "UUID"},
	{regexp.MustCompile(`\b[A-Z][a-z]{2} \d+, \d{4}, \d+:\d\d [AP]M UTC\b`), "TIME"},
	{regexp.MustCompile(`\b(in|after) (\d+ (h|min|s) ?)+`), "$1 DURATION "},
	{regexp.MustCompile(` *(\n|$)`), "$1"},
}

// chat returns the messages as people see them; an answer shows what it answers.
func (w *world) chat() []string {
	var texts []string
	for _, m := range w.telegram.Messages(group) {
		if m.Deleted {
			continue
		}
		text := m.Text
		if m.ReplyTo != 0 {
			text = fmt.Sprintf("(answers %d) %s", m.ReplyTo, text)
		}
		for _, k := range known {
			text = k.shape.ReplaceAllString(text, k.name)
		}
		for hash, name := range w.names {
			text = strings.ReplaceAll(text, hash, name)
		}
		texts = append(texts, strings.ReplaceAll(text, w.home, "HOME"))
	}
	return texts
}

// saw reports whether a message once said this.
func (w *world) saw(message int, text string) bool {
	m, _ := w.telegram.Message(group, message)
	return slices.ContainsFunc(m.History(), func(r faketelegram.Revision) bool { return strings.Contains(r.Text, text) })
}

// why asks what is known of a project's newest deployment.
func (w *world) why(project string) string {
	w.Helper()
	return w.succeed(w.home, "shipbell", "why", "--data", w.data, project)
}

// syncBuffer can be read while a server writes to it.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
