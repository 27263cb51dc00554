package demo

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
	"time"

	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/client"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
)

// The chat that is posted to.
const (
	chatID    int64 = -1001234567890
	chatTitle       = "Deployments"
	botName         = "Shipbell"
)

// patience is how long is waited for anything before it is a failure.
const patience = 10 * time.Second

// imported are the ids of the system before, as the contract has them.
var imported = ledger.State{
	Workers: []string{"deploy-001", "deploy-002"},
	Pages:   []string{"page-001", "page-002"},
}

// server is Shipbell and the Telegram it posts to, both in this process, and
// their files.
type server struct {
	dir      string
	logFile  *os.File
	telegram *faketelegram.Server
	app      *app.App
	http     *http.Client

	url, token string

	stopTelegram func()
	stop         context.CancelCauseFunc
	ended        chan struct{} // closed when the app has ended
}

// start brings everything up. The context it returns ends with ctx, or when the
// server does. The caller closes the server, also after an error.
func (s *server) start(ctx context.Context, version string) (context.Context, error) {
	var err error
	if s.dir, err = os.MkdirTemp("", "shipbell-demo-"); err != nil {
		return ctx, err
	}
	if s.logFile, err = os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return ctx, err
	}
	s.telegram = faketelegram.New(faketelegram.Options{})
	s.telegram.AddChat(faketelegram.Chat{ID: chatID, Title: chatTitle})
	telegram, stop, err := s.telegram.Start()
	if err != nil {
		return ctx, err
	}
	s.stopTelegram = stop

	// Nothing comes from the environment: a real bot may be configured in it.
	settings, err := config.Load(config.Table{
		Listen:           "127.0.0.1:0",
		Data:             filepath.Join(s.dir, "data"),
		TelegramBotToken: s.telegram.Token(),
		TelegramChatID:   fmt.Sprint(chatID),
		TelegramAPIURL:   telegram,
	}, config.Sources{Environ: func(string) (string, bool) { return "", false }, Checks: app.Checks})
	if err != nil {
		return ctx, err
	}
	log := app.NewLog(s.logFile, true, slog.LevelInfo) // for a person to read
	if s.app, err = app.Open(ctx, app.Options{Settings: settings, Version: version, Out: io.Discard, Log: log}); err != nil {
		return ctx, err
	}
	if err := importIDs(ctx, settings.Data); err != nil {
		return ctx, err
	}
	s.url = s.app.URL()
	s.token, _ = s.app.Token()
	s.http = &http.Client{Transport: &http.Transport{}, Timeout: patience}

	running, cancel := context.WithCancelCause(ctx)
	s.stop, s.ended = cancel, make(chan struct{})
	go func() {
		defer close(s.ended)
		err := s.app.Run(running)
		if err == nil {
			err = errors.New("the server stopped by itself")
		}
		cancel(err) // changes nothing where it was told to stop
	}()
	return running, nil
}

// importIDs is shipbell state import.
func importIDs(ctx context.Context, data string) error {
	store, err := app.OpenStore(ctx, data)
	if err != nil {
		return err
	}
	_, _, err = ledger.New(ledger.Options{Store: store}).Import(ctx, imported)
	return errors.Join(err, store.Close())
}

// close ends everything and removes its files.
func (s *server) close() error {
	var errs []error
	if s.http != nil {
		s.http.CloseIdleConnections()
	}
	if s.ended != nil {
		s.stop(nil)
		<-s.ended
	}
	if s.app != nil {
		errs = append(errs, s.app.Close())
	}
	if s.stopTelegram != nil {
		s.stopTelegram()
	}
	if s.logFile != nil {
		errs = append(errs, s.logFile.Close())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

func (s *server) logPath() string { return filepath.Join(s.dir, "server.log") }

// lastLog returns the end of the server's log, for when something went wrong.
func (s *server) lastLog() string {
	const lines = 12
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return ""
	}
	all := bytes.SplitAfter(text, []byte("\n"))
	return string(bytes.Join(all[max(len(all)-1-lines, 0):], nil))
}

// notify runs the client and returns what it prints.
func (s *server) notify(ctx context.Context, n notify) (string, error) {
	var out, problems bytes.Buffer
	err := client.Notify(ctx, n.surroundings(s.url, s.token), client.Options{
		Overrides: n.flags, Timeout: patience, Strict: true,
	}, &out, &problems)
	if err != nil || problems.Len() > 0 {
		// Not wrapped: what the client says is for a build step.
		return "", fmt.Errorf("the push of %s did not go well:\n%s", n.project, problems.String())
	}
	return out.String(), nil
}

// ask sends a request as curl does and returns the body of a 200.
func (s *server) ask(ctx context.Context, method, path string, body []byte) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s %s was answered with %s: %s", method, path, resp.Status, answer)
	}
	return string(answer), nil
}

// lane is what GET /health?verbose tells of the one lane.
type lane struct {
	Status    string `json:"status"`
	Backlog   int    `json:"backlog"`
	ParkedFor string `json:"parkedFor"`
}

// lane asks until the lane is as wanted.
func (s *server) lane(ctx context.Context, what string, wanted func(lane) bool) (lane, error) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		answer, err := s.ask(patient, http.MethodGet, "/health?verbose", nil)
		if err != nil && patient.Err() == nil {
			return lane{}, err
		}
		var health struct {
			Status string `json:"status"`
			Lanes  []lane `json:"lanes"`
		}
		if err == nil {
			if err := json.Unmarshal([]byte(answer), &health); err != nil || health.Status != "ok" || len(health.Lanes) != 1 {
				return lane{}, fmt.Errorf("GET /health?verbose: not a healthy server with one lane: %s", answer)
			}
			if l := health.Lanes[0]; wanted(l) {
				return l, nil
			}
		}
		select {
		case <-ticker.C:
		case <-patient.Done():
			if ctx.Err() != nil {
				return lane{}, context.Cause(ctx)
			}
			return lane{}, fmt.Errorf("not so within %s: %s; the last answer: %s", patience, what, answer)
		}
	}
}

// until waits for something in the chat.
func (s *server) until(ctx context.Context, what string, done func() bool) error {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.telegram.Wait(patient, func(*faketelegram.Server) bool { return done() }); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("not so within %s: %s (%w)", patience, what, err)
	}
	return nil
}
