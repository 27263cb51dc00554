package main

import (
	"bytes"
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
)

// process is a server under measurement.
type process struct {
	cmd *exec.Cmd
	url string
	// ready is how long it took from its start to its first answer.
	ready time.Duration
	ended chan struct{} // closed when it has
}

// startBound is how long a server may take until it answers.
const startBound = time.Minute

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// start starts a server that listens on the address, and waits until it
// answers. It is stopped when the part ends, if it was not before.
func (b *bench) start(address string, env []string, command string, args ...string) (*process, error) {
	cmd := exec.Command(command, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = b.dir
	// Some peers say a lot of what they find slow.
	log, err := os.Create(b.scratch("stderr"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, url: "http://" + address, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // not every server has a way to end well
		close(p.ended)
	}()
	b.atEnd(p.stop)
	for time.Since(began) < startBound {
		answer, err := http.Get(p.url + "/health")
		if err == nil {
			p.ready = time.Since(began)
			return p, answer.Body.Close()
		}
		select {
		case <-p.ended:
			said, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("%s ended: %s: %s", filepath.Base(command), cmd.ProcessState, firstLine(said))
		case <-b.ctx.Done():
			return nil, b.ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil, fmt.Errorf("%s did not answer within %s", filepath.Base(command), startBound)
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return line
}

// stop ends the process and waits for it. It may be called again.
func (p *process) stop() error { return p.end(syscall.SIGTERM) }

// kill ends the process without giving it a chance to say goodbye.
func (p *process) kill() error { return p.end(os.Kill) }

func (p *process) end(signal os.Signal) error {
	err := p.cmd.Process.Signal(signal)
	<-p.ended
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// settle waits until the process has nothing left to do.
func (p *process) settle(ctx context.Context) error {
	for before := p.cpu() - 1; p.cpu() > before; {
		before = p.cpu()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
	return nil
}

func (p *process) cpu() time.Duration { return cpuOf(p.cmd.Process.Pid) }

// cpuOf returns how much processor time a process and its children have used,
// those that have ended included; zero where the system does not tell.
func cpuOf(pid int) time.Duration {
	fields := stat(pid)
	if fields == nil {
		return 0
	}
	used := ticks(fields[11:15]) // its own and that of children waited for
	for _, child := range children(pid) {
		used += cpuOf(child)
	}
	return used
}

// stat returns the fields of /proc/PID/stat from the third on, see proc(5); nil
// where there is none. The name in the second may hold spaces.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// ticks adds up times in ticks of 10 ms.
func ticks(fields []string) (d time.Duration) {
	for _, f := range fields {
		n, _ := strconv.Atoi(f)
		d += time.Duration(n) * 10 * time.Millisecond
	}
	return d
}

func children(pid int) (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, f := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(f); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// resident returns the resident memory of a process in bytes, zero where the
// system does not tell.
func (p *process) resident() int64 {
	return memoryLine(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid), "VmRSS:")
}

// memoryLine reads a line such as "VmRSS:  2048 kB".
func memoryLine(file, name string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}
