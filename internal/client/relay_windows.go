package client

import "os"

// Ctrl-C goes to every process of the console, the command included. It is
// caught so that this process stays until the command has ended.
var (
	relayedSignals = []os.Signal{os.Interrupt}
	otherSignals   []os.Signal
	ignoredAtStart []os.Signal
)

func fromKeyboard(os.Signal) bool { return true }

func endsRun(os.Signal) bool { return true }

func isResize(os.Signal) bool { return false }

func isRelayed(os.Signal) bool { return true }

func signalName(s os.Signal) string { return s.String() }

func exitCode(state *os.ProcessState) (code int, died string) { return state.ExitCode(), "" }
