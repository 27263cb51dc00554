//go:build unix

package client

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// relayedSignals are passed on to the command.
var relayedSignals = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}

// otherSignals are caught for what they would do here: SIGPIPE would end this
// process before the command has ended.
var otherSignals = []os.Signal{syscall.SIGPIPE, syscall.SIGWINCH}

// ignoredAtStart are signals that whoever started this process wants ignored, as
// nohup does. Nothing may be caught before it is known.
var ignoredAtStart = func() (ignored []os.Signal) {
	for _, s := range relayedSignals {
		if signal.Ignored(s) {
			ignored = append(ignored, s)
		}
	}
	return ignored
}()

// fromKeyboard reports whether a terminal sent the signal, and then to the
// command as well, which is in our process group.
func fromKeyboard(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == syscall.Getpgrp()
}

// endsRun reports whether the signal asks a process to end.
func endsRun(s os.Signal) bool {
	switch s {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM:
		return true
	}
	return false
}

func isResize(s os.Signal) bool { return s == syscall.SIGWINCH }

func isRelayed(s os.Signal) bool { return s != syscall.SIGPIPE && s != syscall.SIGWINCH }

func signalName(s os.Signal) string {
	if s, ok := s.(syscall.Signal); ok {
		if name := unix.SignalName(s); name != "" {
			return name
		}
		return "signal " + strconv.Itoa(int(s))
	}
	return s.String()
}

// exitCode returns the code that a shell would give, and the signal that the
// command died of.
func exitCode(state *os.ProcessState) (code int, died string) {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), signalName(status.Signal())
	}
	return state.ExitCode(), ""
}
