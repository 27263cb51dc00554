package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/web"
)

// Servers that show what this machine and Go's HTTP server leave to be
// reached. Two are Shipbell's web side with another ledger behind it, one writes as
// many bytes as it is asked for; bench starts itself to serve them, so that each is a
// process of its own.

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

// logFile is a ledger that appends every event to a file and answers after an
// fsync, which all share that wait at the same time. It finds no repeat and
// cannot be asked anything: it shows what durability alone costs.
type logFile struct {
	nothing
	file *os.File
	wake chan struct{}

	mu      sync.Mutex
	pending []byte
	group   *logGroup // of those in pending
}

// logGroup is what is written with one fsync.
type logGroup struct {
	done chan struct{}
	err  error // final when done is closed
}

func newLogGroup() *logGroup { return &logGroup{done: make(chan struct{})} }

func (l *logFile) Record(_ context.Context, e shipbell.Event) (ledger.Recorded, error) {
	line, err := json.Marshal(e)
	if err != nil {
		return ledger.Recorded{}, err
	}
	l.mu.Lock()
	l.pending = append(append(l.pending, line...), '\n')
	group := l.group
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // it will look anyway
	}
	<-group.done
	return ledger.Recorded{Verdict: ledger.Opened}, group.err
}

// write writes group after group.
func (l *logFile) write() {
	var spare []byte
	for range l.wake {
		runtime.Gosched() // lets more of those come in that have been answered
		l.mu.Lock()
		lines, group := l.pending, l.group
		l.pending, l.group = spare[:0], newLogGroup()
		l.mu.Unlock()
		if _, group.err = l.file.Write(lines); group.err == nil {
			group.err = l.file.Sync()
		}
		close(group.done)
		spare = lines
	}
}

// serveLimit serves the bare handler, or the log handler where path names its
// file, or bytes. It ends with the process.
func serveLimit(address, path string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if path == onlyBytes {
		return serveBytes(listener)
	}
	options := web.Options{Ledger: nothing{}, Gate: access.New(access.Options{PushToken: token}), Started: time.Now()}
	if path != "" {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		log := &logFile{file: file, wake: make(chan struct{}, 1), group: newLogGroup()}
		go log.write()
		options.Ledger = log
	}
	return web.New(options).HTTPServer().Serve(listener)
}

// startBare starts the bare handler.
func (b *bench) startBare() (*process, error) { return b.startLimit("") }

// startLog starts the log handler.
func (b *bench) startLog() (*process, error) { return b.startLimit(b.scratch("log")) }

// startBytes starts the server that writes as many bytes as the path says.
func (b *bench) startBytes() (*process, error) { return b.startLimit(onlyBytes) }

// onlyBytes stands where the file of the log handler's stands.
const onlyBytes = "bytes"

// serveBytes answers /N with N bytes, as a page that is kept ready would be.
func serveBytes(listener net.Listener) error {
	body := make([]byte, 1<<20)
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Path[1:])
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(body[:min(n, len(body))])
	}))
}

func (b *bench) startLimit(path string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return b.start(address, nil, self, "-limit", address, "-log", path)
}

// pushTarget is the endpoint of Shipbell's contract, of servers that share
// their work.
func pushTarget(servers ...*process) target {
	t := target{
		header: http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}},
		body:   contractBody,
	}
	for _, p := range servers {
		t.urls = append(t.urls, p.url+"/notify")
	}
	return t
}
