package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/web"
)

const token = "bench-token-0123456789"

// nothing is a ledger that takes everything and keeps nothing. With it the web
// side is the bare handler: it checks the token, decodes and answers.
type nothing struct{}

func (nothing) Record(context.Context, shipbell.Event) (ledger.Recorded, error) {
	return ledger.Recorded{Verdict: ledger.Opened}, nil
}
func (nothing) Report(context.Context, shipbell.Report) error  { return nil }
func (nothing) State(context.Context) (ledger.State, error)    { return ledger.State{}, nil }
func (nothing) Check(context.Context) error                    { return nil }
func (nothing) Lanes(context.Context) ([]shipbell.Lane, error) { return nil, nil }

func serveBare(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return web.New(web.Options{Ledger: nothing{}, Token: token, Started: time.Now()}).HTTPServer().Serve(listener)
}

// build builds the binary as it is released.
func (b *bench) build() error {
	b.binary = filepath.Join(b.dir, "shipbell")
	c := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.binary, "./cmd/shipbell")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	return c.Run()
}

// process is a server under measurement.
type process struct {
	cmd *exec.Cmd
	url string
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// startBare starts the bare handler in a process of its own.
func (b *bench) startBare() (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return b.start(address, exec.Command(self, "-bare", address), nil)
}

// startShipbell starts the server on a data directory, with a Telegram at api.
func (b *bench) startShipbell(data, api string, env ...string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return b.start(address, exec.Command(b.binary, "serve"), append([]string{
		"SHIPBELL_LISTEN=" + address, "SHIPBELL_DATA=" + data, "SHIPBELL_LOG_LEVEL=error", "DEPLOY_NOTIFY_TOKEN=" + token,
		"TELEGRAM_BOT_TOKEN=" + botToken, "TELEGRAM_CHAT_ID=" + strconv.FormatInt(group, 10), "TELEGRAM_API_URL=" + api,
	}, env...))
}

func (b *bench) start(address string, cmd *exec.Cmd, env []string) (*process, error) {
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = b.dir
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, url: "http://" + address}
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(2 * time.Millisecond) {
		answer, err := http.Get(p.url + "/health")
		if err == nil {
			return p, answer.Body.Close()
		}
	}
	return nil, errors.Join(fmt.Errorf("the server at %s does not answer", address), p.stop())
}

func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	_ = p.cmd.Wait() // the bare handler has no way to end well
	return nil
}

// cpu returns how much processor time the process has used, zero where the
// system does not tell.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// Fields 14 and 15 are user and system time in ticks of 10 ms; the name in
	// field 2 may hold spaces: proc(5).
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resident returns the resident memory in bytes, zero where the system does not
// tell.
func (p *process) resident() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}
