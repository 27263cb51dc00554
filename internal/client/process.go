package client

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Process is a running program, as far as the system lets it be seen. What
// cannot be seen is zero.
type Process struct {
	PID     int
	Group   int // process group
	Args    []string
	Dir     string // working directory
	Started time.Time
}

const (
	maxAncestors = 32       // npx, npm run and shells pile up to about ten
	maxArgsSize  = 64 << 10 // bytes of a command line
	// ticksPerSecond is the unit of start times in /proc, USER_HZ. It is 100 on
	// every architecture that Go runs on.
	ticksPerSecond = 100
)

// readProcesses follows the parents from pid in a proc file system mounted at
// root, see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html.
func readProcesses(root string, pid int) []Process {
	if runtime.GOOS != "linux" {
		return nil
	}
	boot := bootTime(root)
	var list []Process
	for pid > 0 && len(list) < maxAncestors {
		p, parent, ok := readProcess(root, pid, boot)
		if !ok {
			break
		}
		list = append(list, p)
		pid = parent
	}
	return list
}

func readProcess(root string, pid int, boot time.Time) (p Process, parent int, ok bool) {
	dir := filepath.Join(root, strconv.Itoa(pid))
	stat, err := readHead(filepath.Join(dir, "stat"))
	if err != nil {
		return p, 0, false
	}
	// The second field is the name in parentheses and may hold anything, spaces
	// and parentheses included; the third field follows the last parenthesis.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const ppid, pgrp, starttime = 1, 2, 19
	if len(fields) <= starttime {
		return p, 0, false
	}
	parent, err = strconv.Atoi(fields[ppid])
	if err != nil {
		return p, 0, false
	}
	p.PID = pid
	p.Group, _ = strconv.Atoi(fields[pgrp])
	if ticks, err := strconv.ParseInt(fields[starttime], 10, 64); err == nil && !boot.IsZero() {
		p.Started = boot.Add(time.Duration(ticks) * (time.Second / ticksPerSecond))
	}
	if line, err := readHead(filepath.Join(dir, "cmdline")); err == nil && len(line) > 0 {
		p.Args = strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	}
	// Another user's is not readable, and a deleted one is not there.
	if cwd, err := os.Readlink(filepath.Join(dir, "cwd")); err == nil && !strings.HasSuffix(cwd, " (deleted)") {
		p.Dir = cwd
	}
	return p, parent, true
}

// bootTime returns when the machine started, or zero.
func bootTime(root string) time.Time {
	stat, err := readHead(filepath.Join(root, "stat"))
	if err != nil {
		return time.Time{}
	}
	for line := range strings.Lines(string(stat)) {
		if rest, ok := strings.CutPrefix(line, "btime "); ok {
			if seconds, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64); err == nil {
				return time.Unix(seconds, 0)
			}
		}
	}
	return time.Time{}
}

// readHead reads a file of unknown size, as those in /proc are, up to a bound.
func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxArgsSize))
}

// runStart returns when the command began that this process is a part of, or
// zero. That command is what a person or a scheduler started as one: the
// outermost living ancestor in our process group. Shells and npm leave their
// children in the group; an interactive shell opens a new one for every line.
func runStart(processes []Process) time.Time {
	var start time.Time
	for i, p := range processes {
		if i > 0 && p.Group != processes[0].Group {
			break
		}
		start = p.Started
	}
	return start
}
