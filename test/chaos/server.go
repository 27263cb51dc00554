package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	token = "chaos-token"

	// startBound is how long a start may take, whatever the last end left behind.
	startBound = 10 * time.Second
	// endBound is how long the server may take to end in order. Container
	// platforms kill after it.
	endBound = 10 * time.Second
)

// server is the program under test: one process after the other on the same
// address. One goroutine at a time starts, watches and ends it.
type server struct {
	replica int // its number among several
	binary  string
	dir     string
	data    string // data directory of the next life
	address string
	log     *os.File
	lives   *lives
	// settings are the environment of a life, but for the address.
	settings func(life int) []string
	// within is how long a start may take.
	within time.Duration
	// died is told when a process ends by itself; nil where whoever waits looks.
	died func(error)

	life    int           // the current one
	process *os.Process   // nil before the first start
	ended   chan struct{} // closed when it has ended
	exit    error         // how, once it has
	ending  atomic.Bool   // it was told to end
}

// build compiles the server.
func build(ctx context.Context, dir string) (binary string, err error) {
	binary = filepath.Join(dir, "shipbell")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	text, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/shipbell/shipbell/cmd/shipbell").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, text)
	}
	return binary, nil
}

// newServer makes a server that logs to a file of that name in dir.
func newServer(binary, dir, logName string, l *lives) (*server, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, logName))
	if err != nil {
		return nil, err
	}
	return &server{binary: binary, dir: dir, address: address, log: log, lives: l, within: startBound}, nil
}

// newClient returns a client for build steps and for health.
func newClient(timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
}

// freeAddress finds a port below those that systems give to outgoing
// connections: one of these could take the server's port between two lives.
func freeAddress() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000)))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", errors.New("no free port between 20000 and 30000")
}

// start begins a life.
func (s *server) start() error {
	n := s.lives.next() // one goroutine at a time begins lives
	cmd := exec.Command(s.binary, "serve")
	cmd.Dir = s.dir // has no .env file
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.Env = append([]string{
		"HOME=" + s.dir, "SystemRoot=" + os.Getenv("SystemRoot"), "SHIPBELL_LISTEN=" + s.address, "DEPLOY_NOTIFY_TOKEN=" + token,
	}, s.settings(n)...)
	dieTogether(cmd)
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	ended := make(chan struct{})
	s.process, s.ended = cmd.Process, ended
	s.ending.Store(false)
	s.life = s.lives.begin(life{replica: s.replica, started: started})
	go func() {
		exit := cmd.Wait()
		s.exit = exit
		told := s.ending.Load() // the next life begins as soon as this one has ended
		close(ended)
		if s.died != nil && !told {
			s.died(ownEnd(exit))
		}
	}()
	return nil
}

// change edits the record of the current life.
func (s *server) change(edit func(*life)) { s.lives.change(s.life, edit) }

// await waits until the server answers.
func (s *server) await(ctx context.Context) error {
	bound := time.Now().Add(s.within)
	for {
		if c, err := net.DialTimeout("tcp", s.address, time.Second); err == nil {
			_ = c.Close()
			s.change(func(l *life) { l.ready = time.Now() })
			return nil
		}
		if time.Now().After(bound) {
			return fmt.Errorf("the server did not come up within %s", s.within)
		}
		if err := s.pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits. It fails when the server ends by itself or the run is over.
func (s *server) pause(ctx context.Context, d time.Duration) error {
	return until[struct{}](ctx, s, d, nil)
}

// until waits for a signal, d at most.
func until[V any](ctx context.Context, s *server, d time.Duration, signal <-chan V) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-signal:
	case <-timer.C:
	case <-s.ended:
		return ownEnd(s.exit)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

func ownEnd(exit error) error {
	if exit == nil {
		return errors.New("the server ended by itself, as if it were done")
	}
	return fmt.Errorf("the server ended by itself: %w", exit)
}

// end ends the life. An orderly end must lead to exit code 0 within its bound.
func (s *server) end(how ending) error {
	select {
	case <-s.ended:
		return ownEnd(s.exit)
	default:
	}
	s.ending.Store(true)
	at := time.Now()
	if how == killed {
		if err := s.process.Kill(); err != nil {
			return fmt.Errorf("kill the server: %w", err)
		}
		<-s.ended
	} else {
		if err := s.process.Signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("stop the server: %w", err)
		}
		select {
		case <-s.ended:
			if s.exit != nil {
				return fmt.Errorf("the server was asked to end and ended with: %w", s.exit)
			}
		case <-time.After(endBound):
			return fmt.Errorf("the server was asked to end and still runs after %s", endBound)
		}
	}
	s.change(func(l *life) { l.ended, l.how, l.took = at, how, time.Since(at) })
	return nil
}

// close ends whatever still runs.
func (s *server) close() {
	if s.process != nil {
		s.ending.Store(true)
		_ = s.process.Kill()
		<-s.ended
	}
	_ = s.log.Close()
}

// health is what the run needs of /health?verbose.
type health struct {
	Status string `json:"status"`
	Lanes  []struct {
		Channel string `json:"channel"`
		Status  string `json:"status"`
		Backlog int    `json:"backlog"`
		Pause   struct {
			Reason string `json:"reason"`
		} `json:"pause"`
		ParkedFor string `json:"parkedFor"`
	} `json:"lanes"`
}

func (h health) backlog() int {
	n := 0
	for _, l := range h.Lanes {
		n += l.Backlog
	}
	return n
}

// String lists the lanes.
func (h health) String() string {
	var lanes []string
	for _, l := range h.Lanes {
		lanes = append(lanes, fmt.Sprintf("%s %s %d %s", l.Channel, l.Status, l.Backlog, l.ParkedFor))
	}
	return strings.Join(lanes, "; ")
}

// askHealth asks whoever listens at the address.
func askHealth(ctx context.Context, client *http.Client, address string) (health, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health?verbose", nil)
	if err != nil {
		return health{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return health{}, err
	}
	defer resp.Body.Close()
	var h health
	if err := json.NewDecoder(resp.Body).Decode(&h); err != nil {
		return health{}, err
	}
	if h.Status != "ok" {
		return health{}, fmt.Errorf("the server says it is %q", h.Status)
	}
	return h, nil
}
