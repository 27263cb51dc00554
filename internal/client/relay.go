package client

import (
	"os"
	"os/signal"
	"slices"
	"sync"
)

// relay passes signals on to the wrapped command. The command is in our process
// group, so what a terminal sends reaches it without us and is not sent again.
type relay struct {
	signals chan os.Signal
	stopped chan struct{}

	mu sync.Mutex
	// resize is called when the terminal has another size, hurry when a signal asks
	// to end while only a push is waited for.
	resize, hurry func()

	process *os.Process // nil before the command runs
	waiting []os.Signal
	ended   bool   // the command has
	name    string // of the first signal that asked to end
	late    bool   // that signal ended the command and is still on its way to us
}

// catchSignals begins before the command does, so that none is lost.
func catchSignals() *relay {
	r := &relay{signals: make(chan os.Signal, 32), stopped: make(chan struct{}), resize: func() {}, hurry: func() {}}
	for _, s := range slices.Concat(relayedSignals, otherSignals) {
		if slices.Contains(ignoredAtStart, s) {
			signal.Ignore(s) // and the command inherits that
			continue
		}
		signal.Notify(r.signals, s)
	}
	go r.run()
	return r
}

func (r *relay) stop() {
	signal.Stop(r.signals)
	close(r.stopped)
}

func (r *relay) run() {
	for {
		select {
		case s := <-r.signals:
			r.take(s)
		case <-r.stopped:
			return
		}
	}
}

func (r *relay) take(s os.Signal) {
	if isResize(s) {
		r.mu.Lock()
		resize := r.resize
		r.mu.Unlock()
		resize()
		return
	}
	if !isRelayed(s) {
		return
	}
	keyboard := fromKeyboard(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	if endsRun(s) && r.name == "" {
		r.name = signalName(s)
	}
	switch {
	case r.ended:
		if endsRun(s) && !r.late {
			r.hurry()
		}
		r.late = false
	case keyboard:
	case r.process == nil:
		r.waiting = append(r.waiting, s)
	default:
		_ = r.process.Signal(s) // it may have ended just now
	}
}

// setResize and setHurry say what is to be called; neither may take signals
// itself.
func (r *relay) setResize(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resize = f
}

func (r *relay) setHurry(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hurry = f
}

// begin names the process to pass signals on to.
func (r *relay) begin(p *os.Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = p
	for _, s := range r.waiting {
		_ = p.Signal(s)
	}
	r.waiting = nil
}

// end says that the command has ended, and returns the name of the first signal
// that asked it to, or nothing. interrupted is how it ended itself: a terminal
// may have reached it before us.
func (r *relay) end(interrupted bool) string {
	// What has come by now was meant for the command.
	for {
		select {
		case s := <-r.signals:
			r.take(s)
			continue
		default:
		}
		break
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.late = true, interrupted && r.name == ""
	return r.name
}
