package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Surroundings is all that a push is collected from. Every field is required.
type Surroundings struct {
	// Getenv reads an environment variable; empty means not set.
	Getenv func(string) string
	// Dir is the absolute working directory.
	Dir string
	// Now is the clock.
	Now func() time.Time
	// ReadFile reads a regular file of at most [MaxFileSize] bytes.
	ReadFile func(path string) ([]byte, error)
	// Git runs git in dir and writes what it prints to out.
	Git func(ctx context.Context, dir string, out io.Writer, args ...string) error
	// Processes lists this process, its parent and so on. It is empty where the
	// system does not tell.
	Processes func() []Process
}

// Here returns the surroundings of this process.
func Here() Surroundings {
	dir, err := os.Getwd()
	if err != nil {
		dir = "." // a deleted directory: the files in it are gone, the rest still works
	}
	return Surroundings{
		Getenv:    os.Getenv,
		Dir:       dir,
		Now:       time.Now,
		ReadFile:  readFile,
		Git:       runGit,
		Processes: func() []Process { return readProcesses("/proc", os.Getpid()) },
	}
}

// MaxFileSize bounds the files that are read, in bytes. Configurations are a few
// kilobytes; a larger file is generated, or not what its name says.
const MaxFileSize = 1 << 20

var (
	errTooLarge   = errors.New("larger than 1 MiB")
	errNotRegular = errors.New("not a regular file")
)

// readFile refuses what could block or fill the memory: pipes, devices and
// large files.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	case info.Size() > MaxFileSize:
		return nil, errTooLarge
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFileSize {
		return nil, errTooLarge
	}
	return data, nil
}

// absent reports whether there is no file to read, as opposed to one that
// cannot be read.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, errNotRegular)
}

// upwards yields dir and the directories above it.
func upwards(dir string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			if !yield(dir) {
				return
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				return
			}
			dir = parent
		}
	}
}

// findUp reads the nearest file of that name in dir or above. The path is empty
// where there is none; err belongs to the file at path.
func (s Surroundings) findUp(dir, name string) (path string, data []byte, err error) {
	for d := range upwards(dir) {
		path := filepath.Join(d, name)
		data, err := s.ReadFile(path)
		if err == nil || !absent(err) {
			return path, data, err
		}
	}
	return "", nil, nil
}

// runGit never asks for a password, takes no lock that another git could wait
// for, and fetches nothing.
func runGit(ctx context.Context, dir string, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "LC_ALL=C")
	cmd.Stdout = out
	cmd.WaitDelay = 100 * time.Millisecond // a grandchild may hold the pipe open after git was killed
	return cmd.Run()
}
