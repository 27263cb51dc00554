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
	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
)

// The chat that is posted to. It is one with a person: a group takes 20 messages a
// minute, and whoever pushes to a demo that is kept would have to wait for the
// minute of the scenario to end.
const (
	chatID  int64 = 1234567890
	botName       = "Shipbell"
)

// queueName is the queue of build events at Cloudflare.
const queueName = "build-events"

// patience is how long is waited for anything before it is a failure.
const patience = 20 * time.Second

// imported are the ids of the system before, as the contract has them.
var imported = ledger.State{
	Workers: []string{"deploy-001", "deploy-002"},
	Pages:   []string{"page-001", "page-002"},
}

// server is Shipbell, the Telegram it posts to and the Cloudflare it asks, all in
// this process, and their files.
type server struct {
	dir        string
	logFile    *os.File
	clock      *clock
	telegram   *faketelegram.Server
	cloudflare *fakecloudflare.Server
	monitor    *monitor
	http       *http.Client

	url, token string

	// hasty has nobody keep to Telegram's limits, for tests of what comes after.
	hasty bool

	stops []func() // of the remotes
	stop  context.CancelCauseFunc
	ended chan struct{} // closed when the monitor has ended
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
	s.clock = &clock{now: yesterday}
	s.telegram = faketelegram.New(faketelegram.Options{Unlimited: s.hasty})
	s.telegram.AddChat(faketelegram.Chat{ID: chatID, Type: faketelegram.Private})
	s.cloudflare = fakecloudflare.New(fakecloudflare.Options{Now: s.clock.Now})
	r := remotes{unlimited: s.hasty, telegramToken: s.telegram.Token(), cloudflareToken: fakecloudflare.DefaultToken, queue: queueName}
	for _, remote := range []struct {
		url   *string
		start func() (string, func(), error)
	}{{&r.telegram, s.telegram.Start}, {&r.cloudflare, s.cloudflare.Start}} {
		url, stop, err := remote.start()
		if err != nil {
			return ctx, err
		}
		*remote.url, s.stops = url, append(s.stops, stop)
	}
	s.past()

	data := filepath.Join(s.dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return ctx, err
	}
	log := app.NewLog(s.logFile, true, slog.LevelInfo) // for a person to read
	if s.monitor, err = openMonitor(ctx, data, version, s.clock, r, log); err != nil {
		return ctx, err
	}
	// As shipbell state import does.
	if _, _, err := s.monitor.ledger.Import(ctx, imported); err != nil {
		return ctx, err
	}
	s.url, s.token = s.monitor.url(), s.monitor.token
	s.http = &http.Client{Transport: &http.Transport{}, Timeout: patience}

	running, cancel := context.WithCancelCause(ctx)
	s.stop, s.ended = cancel, make(chan struct{})
	go func() {
		defer close(s.ended)
		err := s.monitor.run(running)
		if err == nil {
			err = errors.New("the server stopped by itself")
		}
		cancel(err) // changes nothing where it was told to stop
	}()
	return running, nil
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
	if s.monitor != nil {
		errs = append(errs, s.monitor.close())
	}
	for _, stop := range s.stops {
		stop()
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
