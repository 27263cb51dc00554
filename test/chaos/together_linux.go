package main

import (
	"os/exec"
	"syscall"
)

// dieTogether has the kernel kill the command when this process is gone, however
// it went: nobody else would, and a frozen one would lie there for ever.
func dieTogether(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
