package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
)

const (
	notifyToken       = "browser-notify-token"
	group       int64 = -1001234567890
)

// buffer can be read while a server writes to it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// server is the whole of Shipbell, with SQLite and a fake Telegram.
type server struct {
	*testing.T
	chat     *faketelegram.Server
	settings config.Settings
	url      string
	log      *buffer
	stop     func()
}

// serve starts a server for the length of a test.
func serve(t *testing.T, change ...func(*config.Settings)) *server {
	t.Helper()
	s := prepare(t, change...)
	s.run()
	return s
}

// prepare makes a server that does not run yet.
func prepare(t *testing.T, change ...func(*config.Settings)) *server {
	t.Helper()
	s := &server{T: t, chat: faketelegram.New(faketelegram.Options{Unlimited: true}), log: &buffer{}}
	s.chat.AddChat(faketelegram.Chat{ID: group, Type: faketelegram.Supergroup, Title: "Deployments"})
	api, stop, err := s.chat.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	s.settings = config.Settings{
		Listen: "127.0.0.1:0", Store: config.Store{Data: filepath.Join(t.TempDir(), "data")}, NotifyToken: notifyToken,
		TelegramToken: s.chat.Token(), TelegramChats: fmt.Sprint(group), TelegramAPI: api, TelegramFree: true,
		Retention: 400 * 24 * time.Hour,
	}
	for _, c := range change {
		c(&s.settings)
	}
	s.stop = func() {}
	t.Cleanup(func() { s.stop() })
	return s
}

// run starts the server, after stop again and at the same address.
func (s *server) run() {
	s.Helper()
	a, err := app.Open(context.Background(), app.Options{Settings: s.settings, Version: "1.0.0", Out: s.log, Log: app.NewLog(s.log, false, slog.LevelInfo)})
	if err != nil {
		s.Fatal(err)
	}
	s.url = a.URL()
	s.settings.Listen = strings.TrimPrefix(s.url, "http://")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(a.Run(ctx), a.Close()) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.Error(err)
		}
	})
}

// request asks the server as a program does.
func (s *server) request(method, path, token, body string) (int, string) {
	s.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Error(err)
		return 0, ""
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Error(err)
		return 0, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Error(err)
	}
	return answer.StatusCode, string(text)
}

// fields are what a push says.
type fields map[string]any

// push tells of a deployment as a build step does.
func (s *server) push(d fields) {
	s.Helper()
	body, err := json.Marshal(map[string]any{"deployment": d})
	if err != nil {
		s.Error(err)
		return
	}
	if code, text := s.request(http.MethodPost, "/notify", notifyToken, string(body)); code != http.StatusOK {
		s.Errorf("push %s: %d %s", body, code, text)
	}
}

// beside works on the ledger of a running server, as the commands do.
func (s *server) beside(fn func(*ledger.Ledger, ledger.Store) error) {
	s.Helper()
	store, err := app.OpenStore(s.Context(), s.settings.Store, nil)
	if err != nil {
		s.Fatal(err)
	}
	if err := errors.Join(fn(ledger.New(ledger.Options{Store: store, Now: store.Now}), store), store.Close()); err != nil {
		s.Fatal(err)
	}
}

// token makes a token, as shipbell token make does.
func (s *server) token(name string, scope shipbell.Scope) (text string) {
	s.Helper()
	s.beside(func(l *ledger.Ledger, _ ledger.Store) (err error) {
		text, _, err = app.MakeToken(s.Context(), l, shipbell.Token{Name: name, Scope: scope, MadeBy: "shell: test"})
		return err
	})
	return text
}

// pollEvery is how often a fake Cloudflare is asked.
const pollEvery = 50 * time.Millisecond

// until waits for something that no fake can wait for.
func (s *server) until(what string, done func() bool) {
	s.Helper()
	for deadline := time.Now().Add(patience / 4); !done(); {
		if time.Now().After(deadline) {
			s.Fatalf("waited for %s in vain; the log:\n%s", what, s.log)
		}
	}
}

// told waits until the chat is as it should be.
func (s *server) told(done func(*faketelegram.Server) bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience/4)
	defer cancel()
	if err := s.chat.Wait(ctx, done); err != nil {
		s.Fatalf("the chat: %v\nthe log:\n%s", err, s.log)
	}
}

// messages are those that people see in the chat.
func (s *server) messages() (texts []string) {
	for _, m := range s.chat.Messages(group) {
		if !m.Deleted {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// found is what the list of deployments says of one.
type listed struct {
	ID      int64  `json:"id"`
	Project string `json:"project"`
}

// list returns the newest deployments that pass a filter, with everybody's rights.
func (s *server) list(filter, token string) []listed {
	s.Helper()
	code, body := s.request(http.MethodGet, "/api/v1/deployments?limit=100&"+filter, token, "")
	var answer struct {
		Deployments []listed `json:"deployments"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusOK {
		s.Fatalf("the list: %d %v %s", code, err, body)
	}
	return answer.Deployments
}
