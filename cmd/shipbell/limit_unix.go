//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// outliveLimits keeps a limit on file sizes from ending the process: the write
// fails, and that is told. A command that this one runs is not concerned.
func outliveLimits() { signal.Notify(make(chan os.Signal, 1), syscall.SIGXFSZ) }
