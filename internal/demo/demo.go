// Package demo shows Shipbell at work, without an account, a configuration or a
// network: a server with a temporary data directory, a Cloudflare and a Telegram
// with their rules run in this process, and the contract's scenario, a failure and
// a freeze are played against them with the real client over real HTTP.
//
// Its one rule: nothing that is shown is made up. A message is shown as Telegram
// holds it, and every claim was checked before it is printed; where one does not
// hold, the demo ends with an error that says so.
package demo

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// Options say how the demo runs.
type Options struct {
	// Out is where it is shown; in a terminal with colours and pauses.
	Out io.Writer
	// Keep leaves the server running after the scenario, until ctx is done, and
	// shows what is pushed to it.
	Keep bool
	// Version is what the server says it is.
	Version string
	// Command is how this program is called, for the commands to try next.
	Command string
}

// ErrInterrupted says that the demo was told to end before it was over.
var ErrInterrupted = errors.New("interrupted")

// Run plays the demo. Whatever happens, nothing of it is left behind. The error
// says which claim did not hold; it is nil when a demo that keeps running is
// told to end.
func Run(ctx context.Context, o Options) error {
	// Where the reader hangs up, as head does, or the terminal is closed, the
	// files must still go.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	if !signal.Ignored(syscall.SIGHUP) {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	return (&play{Options: o, screen: newScreen(o.Out)}).run(ctx)
}

func (p *play) run(ctx context.Context) (err error) {
	s := p.screen
	kept := false // it was left running, and told to end
	defer func() {
		if err != nil && ctx.Err() == nil && s.err == nil {
			p.explain()
		}
		if closed := p.close(); closed != nil {
			err = errors.Join(err, closed)
		} else if kept {
			s.note("Ended; %s is deleted.", p.dir)
		}
	}()
	running, err := p.start(ctx, p.Version)
	if err == nil {
		err = p.scenario(running)
	}
	if err == nil && p.Keep {
		p.invite()
		if err = p.watch(running); ctx.Err() != nil {
			err, kept = nil, true
			s.line() // a terminal has put ^C there
		}
	}
	switch {
	case err == nil:
		return s.err
	case errors.Is(err, syscall.EPIPE):
		return ErrInterrupted
	case ctx.Err() != nil:
		s.line() // a terminal has put ^C there
		return ErrInterrupted
	}
	return err
}

// explain shows what the server said before something went wrong, because its
// log goes with the rest.
func (p *play) explain() {
	if text := p.lastLog(); text != "" {
		p.screen.gap()
		p.screen.note("The end of the server's log:")
		p.screen.output(text)
		p.screen.gap()
	}
}

// CommandName tells how this program was called, so that a command with it can
// be pasted: as it was typed, or, where go run made a binary that is about to
// vanish, go run.
func CommandName() string {
	if path, err := os.Executable(); err == nil {
		for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if matched, _ := filepath.Match("go-build*", filepath.Base(dir)); matched {
				return "go run ./cmd/shipbell"
			}
		}
	}
	return os.Args[0]
}

// invite says how to push to the server that keeps running.
func (p *play) invite() {
	s := p.screen
	s.gap()
	s.line(indent, s.paint("Your turn", sgrBold))
	s.note("The server keeps running. Push to it from another terminal; what it posts appears below.")
	s.gap()
	s.ready("export", "DEPLOY_NOTIFY_URL="+p.url, "DEPLOY_NOTIFY_TOKEN="+p.token)
	s.ready(p.Command+" notify", "--project my-app", "--id 1")
	s.ready(p.Command+" notify", "--project my-app", "--id 1", "--status success")
	s.gap()
	s.note("Or without the client:")
	s.ready("curl "+p.url+"/notify", `-H "Authorization: Bearer `+p.token+`"`,
		`-H "Content-Type: application/json"`,
		`-d '{"deployment":{"projectName":"my-app","deploymentId":"2","commitMessage":"Hello"}}'`)
	s.gap()
	s.field("server log", p.logPath())
	s.field("to end", "Ctrl-C; nothing stays behind")
	s.field("to stay", p.Command+" serve")
	s.gap()
}
