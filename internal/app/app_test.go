package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
)

// notifyToken has characters that look different in JSON, in URLs and quoted.
const notifyToken = `n0tify&"secret"/token<>`

const group int64 = -1001234567890

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

// server is a running server on a fake Telegram, both over real HTTP.
type server struct {
	*testing.T
	fake     *faketelegram.Server
	settings config.Settings
	url      string
	token    string
	routes   []access.Route
	log      *syncBuffer
	out      *syncBuffer
	stop     func()
}

func start(t *testing.T, change ...func(*config.Settings)) *server {
	t.Helper()
	s := &server{T: t, fake: faketelegram.New(faketelegram.Options{Unlimited: true}), log: &syncBuffer{}, out: &syncBuffer{}}
	s.fake.AddChat(faketelegram.Chat{ID: group, Type: faketelegram.Supergroup, Title: "Deployments"})
	api, stop, err := s.fake.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	s.settings = config.Settings{
		Listen: "127.0.0.1:0", Store: config.Store{Data: filepath.Join(t.TempDir(), "data")}, NotifyToken: notifyToken,
		TelegramToken: s.fake.Token(), TelegramChats: fmt.Sprint(group), TelegramAPI: api, TelegramFree: true,
		Retention: 400 * 24 * time.Hour,
	}
	for _, c := range change {
		c(&s.settings)
	}
	s.run()
	t.Cleanup(func() { s.stop() })
	return s
}

// run starts the server, again after stop.
func (s *server) run() {
	s.Helper()
	a, err := app.Open(s.Context(), app.Options{Settings: s.settings, Version: "test", Out: s.out, Log: app.NewLog(s.log, false, slog.LevelDebug)})
	if err != nil {
		s.Fatal(err)
	}
	s.url = a.URL()
	s.token, _ = a.Token()
	s.routes = a.Routes()
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

func (s *server) request(method, path, token, body string) (int, string) {
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Error(err)
		return 0, ""
	}
	r.Header.Set("Authorization", "Bearer "+token)
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

func (s *server) push(body string) {
	s.Helper()
	if code, text := s.request("POST", "/notify", s.token, body); code != 200 || text != `{"success":true,"message":"Notification queued"}` {
		s.Errorf("answer %d %s", code, text)
	}
}

// wait waits until the fake is as it should be.
func (s *server) wait(done func(*faketelegram.Server) bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	if err := s.fake.Wait(ctx, done); err != nil {
		s.Fatalf("%v\nlog:\n%s", err, s.log)
	}
}

func body(id, more string) string {
	return `{"deployment":{"type":"worker","projectName":"api-service","deploymentId":"` + id + `","timestamp":"2025-01-15T10:30:45Z"` + more + `}}`
}

// TestContractEndToEnd plays the contract: push, message, repeat, state.
func TestContractEndToEnd(t *testing.T) {
	s := start(t)
	full := `{"deployment":{"type":"worker","projectName":"api-service","deploymentId":"build-abc123","branch":"feature/add-auth","commitHash":"abc123def456789...","commitMessage":"Add JWT authentication\n\nImplemented:\n- Token generation","author":"dev@example.com","timestamp":"2025-01-15T10:30:45Z","environment":"production","isCI":true}}`
	s.push(full)
	s.wait(func(f *faketelegram.Server) bool { return f.Count(group) == 1 })
	s.push(full)
	const want = "⚡ New Worker Deployment\n\nProject: api-service\nEnvironment: 🚀 production\nDeployment ID: build-abc123\n" +
		"Author: dev@example.com\nBranch: feature/add-auth\nCommit: abc123d - Add JWT authentication\nTime: Jan 15, 2025, 10:30 AM UTC"
	if m := s.fake.Messages(group)[0]; m.Text != want || !m.PreviewDisabled {
		t.Errorf("message:\n%s\npreview disabled: %v", m.Text, m.PreviewDisabled)
	}
	if code, text := s.request("GET", "/state", notifyToken, ""); code != 200 || !strings.HasPrefix(text, `{"workers":["build-abc123"],"pages":[],"lastCheck":"`) {
		t.Errorf("state: %d %s", code, text)
	}
	s.stop()
	if n := s.fake.Count(group); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	// After a restart the outcome edits the same message, and rings in another.
	s.run()
	s.push(body("build-abc123", `,"status":"failure","error":"exit status 1"`))
	s.wait(func(f *faketelegram.Server) bool {
		return strings.Contains(f.Messages(group)[0].Text, "❌ Failed") && f.Count(group) > 1
	})
	messages := s.fake.Messages(group)
	if len(messages) != 2 || messages[1].ReplyTo != messages[0].ID || !strings.HasPrefix(messages[1].Text, "❌ api-service (production) failed") {
		t.Errorf("after the outcome: %+v", messages)
	}
	if v := s.fake.Violations(); len(v) > 0 {
		t.Errorf("violations: %s", v)
	}
}

// TestOneMessage: 50 concurrent pushes of one id, and 500 concurrent ids,
// twenty rounds: one message each time, and every id in the state.
func TestOneMessage(t *testing.T) {
	s := start(t)
	for round := range 20 {
		one := fmt.Sprintf("one-%d", round)
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { s.push(body(one, "")) })
		}
		for i := range 25 {
			group.Go(func() { s.push(body(fmt.Sprintf("many-%d-%d", round, i), "")) })
		}
		group.Wait()
	}
	const want = 20 * 26
	s.wait(func(f *faketelegram.Server) bool { return f.Count(group) >= want })
	s.stop() // whatever else would be sent is sent by now
	seen := map[string]int{}
	for _, m := range s.fake.Messages(group) {
		_, id, _ := strings.Cut(m.Text, "Deployment ID: ")
		id, _, _ = strings.Cut(id, "\n")
		seen[id]++
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s has %d messages", id, n)
		}
	}
	if len(seen) != want {
		t.Errorf("%d deployments were announced, want %d", len(seen), want)
	}
	s.run()
	_, text := s.request("GET", "/state", notifyToken, "")
	var state struct{ Workers []string }
	if err := json.Unmarshal([]byte(text), &state); err != nil || len(state.Workers) != want {
		t.Errorf("%d ids in the state (%v), want %d", len(state.Workers), err, want)
	}
}

// TestFiveHundredAtOnce: 500 ids pushed at the same time are 500 messages and
// 500 ids in the state, twice.
func TestFiveHundredAtOnce(t *testing.T) {
	s := start(t)
	for round := 1; round <= 2; round++ {
		var pushes sync.WaitGroup
		for i := range 500 {
			pushes.Go(func() { s.push(body(fmt.Sprintf("%d-%d", round, i), "")) })
		}
		pushes.Wait()
		s.wait(func(f *faketelegram.Server) bool { return f.Count(group) >= 500*round })
		_, text := s.request("GET", "/state", notifyToken, "")
		var state struct{ Workers []string }
		if err := json.Unmarshal([]byte(text), &state); err != nil || len(state.Workers) != 500*round {
			t.Errorf("%d ids in the state (%v), want %d", len(state.Workers), err, 500*round)
		}
	}
	s.stop()
	if n := s.fake.Count(group); n != 1000 {
		t.Errorf("%d messages, want 1000", n)
	}
}

func TestProjectFilter(t *testing.T) {
	s := start(t, func(c *config.Settings) { c.WorkerProjects = "api-*" })
	s.push(strings.Replace(body("other", ""), "api-service", "web", 1))
	s.push(body("mine", ""))
	s.wait(func(f *faketelegram.Server) bool { return f.Count(group) == 1 })
	if text := s.fake.Messages(group)[0].Text; !strings.Contains(text, "mine") {
		t.Errorf("announced: %s", text)
	}
}

// TestSecretsStayOut drives every failing path and looks for the secrets in all
// that anybody can read.
func TestSecretsStayOut(t *testing.T) {
	s := start(t)
	s.fake.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
		switch c.Seq {
		case 1:
			return faketelegram.Fault{Kind: faketelegram.FaultStatus, Status: 502}
		case 2:
			return faketelegram.Fault{Kind: faketelegram.FaultReset}
		}
		return faketelegram.Fault{Kind: faketelegram.FaultRefuse, Status: 401, Description: "Unauthorized"}
	})
	s.push(body("a", ""))
	s.wait(func(f *faketelegram.Server) bool { return f.CallCount() >= 3 })
	var seen strings.Builder
	for _, r := range [][3]string{
		{"POST", "/notify", "{"}, {"POST", "/notify", strings.Repeat("x", 300<<10)}, {"GET", "/health", ""}, {"GET", "/health?verbose", ""}, {"GET", "/", ""}, {"GET", "/" + notifyToken[:3], ""},
	} {
		_, text := s.request(r[0], r[1], notifyToken, r[2])
		seen.WriteString(text)
		_, text = s.request(r[0], r[1], "wrong", r[2])
		seen.WriteString(text)
	}
	s.stop()
	// A server that is gone.
	s.settings.TelegramAPI = "http://127.0.0.1:1"
	s.run()
	s.stop()
	seen.WriteString(s.log.String() + s.out.String())
	for _, secret := range []string{notifyToken, s.fake.Token(), strings.SplitN(s.fake.Token(), ":", 2)[1], "n0tify", `secret\"`} {
		if strings.Contains(seen.String(), secret) {
			t.Errorf("%q can be read:\n%s", secret, seen.String())
		}
	}
}

func TestFirstStartMakesAToken(t *testing.T) {
	s := start(t, func(c *config.Settings) { c.NotifyToken = "" })
	path := filepath.Join(s.settings.Store.Data, app.TokenFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	token := strings.TrimSpace(string(text))
	if code, _ := s.request("POST", "/notify", token, body("a", "")); code != 200 {
		t.Errorf("the token of the file is answered with %d", code)
	}
	s.stop()
	s.run()
	if code, _ := s.request("POST", "/notify", token, body("a", "")); code != 200 {
		t.Errorf("after a restart the token is answered with %d", code)
	}
	if strings.Contains(s.log.String(), token) {
		t.Error("the token is in the log")
	}
}

// TestTwoServersOnOneDirectory would announce everything twice.
func TestTwoServersOnOneDirectory(t *testing.T) {
	s := start(t)
	_, err := app.Open(t.Context(), app.Options{Settings: s.settings, Out: s.out, Log: app.NewLog(s.log, false, slog.LevelInfo)})
	if !errors.Is(err, app.ErrInUse) {
		t.Fatalf("a second server: %v, want in use", err)
	}
}

// TestImportWhileRunning: another process imports, the server knows at once.
func TestImportWhileRunning(t *testing.T) {
	s := start(t)
	store, err := app.OpenStore(t.Context(), s.settings.Store, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := importIDs(t.Context(), store, "old-1"); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	s.push(body("old-1", ""))
	s.push(body("new-1", ""))
	s.wait(func(f *faketelegram.Server) bool { return f.Count(group) == 1 })
	if text := s.fake.Messages(group)[0].Text; !strings.Contains(text, "new-1") {
		t.Errorf("announced: %s", text)
	}
}

func importIDs(ctx context.Context, store ledger.Store, ids ...string) error {
	_, _, err := ledger.New(ledger.Options{Store: store}).Import(ctx, ledger.State{Workers: ids})
	return err
}
