//go:build unix

// Package pgtest runs a real PostgreSQL for tests and benchmarks: Debian's, on a
// free port of loopback, with its data in a scratch directory.
//
// Its one rule: a server never outlives the process that started it, however
// that ends.
package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The role and the database that every server has.
const (
	role     = "shipbell"
	password = "not-secret-because-of-a-test"
)

// startBound is how long a start may take, recovery after a crash included.
const startBound = 60 * time.Second

// Server is a PostgreSQL. Make one with Start.
type Server struct {
	dir     string
	port    int
	durable bool
	user    *syscall.Credential // nil: this process's
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	ended   chan struct{}
}

// Start makes a server with its data in a new directory below dir. A durable one
// waits for the disk at every commit, as in production; one for tests need not.
func Start(dir string, durable bool) (*Server, error) {
	s := &Server{durable: durable}
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	if s.user, err = unprivileged(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp(dir, "postgres-"); err != nil {
		return nil, err
	}
	if err := s.initialise(bin); err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	if s.port, err = freePort(); err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	return s, nil
}

// binaries returns the directory of PostgreSQL's programs, the newest of several.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	if len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
		return filepath.Dir(newest), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("PostgreSQL is not installed: make deps installs it, as apt-get install postgresql does")
	}
	return filepath.Dir(path), nil
}

// unprivileged returns the user to run as: PostgreSQL refuses to be root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("who is to run PostgreSQL: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// freePort returns a port that nobody uses.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) initialise(bin string) error {
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	if s.user != nil {
		if err := errors.Join(os.Chown(s.dir, int(s.user.Uid), int(s.user.Gid)), os.Chown(secret, int(s.user.Uid), int(s.user.Gid)), s.reachable()); err != nil {
			return err
		}
	}
	args := []string{
		"--pgdata=" + s.data(), "--username=" + role, "--pwfile=" + secret, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C.UTF-8",
	}
	if !s.durable {
		args = append(args, "--no-sync")
	}
	c := exec.Command(filepath.Join(bin, "initdb"), args...)
	s.as(c)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// reachable lets the other user pass through the directories of this process.
func (s *Server) reachable() error {
	for dir := filepath.Dir(s.dir); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			if err := os.Chmod(dir, info.Mode().Perm()|0o001); err != nil {
				return err
			}
		}
	}
	return nil
}

// as makes a command run as the server's user, in its directory.
func (s *Server) as(c *exec.Cmd) {
	c.Dir = s.dir
	c.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.user}
}

// keeper is the script that ends the server when it is told to, or when whoever
// started it is gone: its standard input then ends.
const keeper = `"$@" & server=$!
read -r signal
kill -s "${signal:-INT}" $server
wait $server`

// Start starts a server that was stopped, on the same port and data. It returns
// when connections are taken.
func (s *Server) Start() error {
	bin, err := binaries()
	if err != nil {
		return err
	}
	args := []string{
		"-c", keeper, "keeper", filepath.Join(bin, "postgres"), "-D", s.data(), "-p", strconv.Itoa(s.port), "-h", "127.0.0.1",
		"-k", "", "-c", "max_connections=200", "-c", "lc_messages=C",
	}
	if !s.durable {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	s.cmd = exec.Command("sh", args...)
	s.as(s.cmd)
	// Its words go through a file descriptor of our own: exec would wait for it
	// to be closed by everybody.
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	s.cmd.Stderr = write
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	err = s.cmd.Start()
	_ = write.Close()
	if err != nil {
		return errors.Join(err, read.Close())
	}
	s.ended = make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	ready := make(chan error, 1)
	go listen(read, ready)
	select {
	case err := <-ready:
		if err != nil {
			return errors.Join(err, s.Stop(true))
		}
		return nil
	case <-time.After(startBound):
		return errors.Join(fmt.Errorf("PostgreSQL was not ready within %s", startBound), s.Stop(true))
	}
}

// listen reads what the server says until it ends, and tells when it is ready,
// or what it said instead.
func listen(r io.ReadCloser, ready chan<- error) {
	defer r.Close()
	var said strings.Builder
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		line := scanner.Text()
		if strings.Contains(line, "database system is ready to accept connections") {
			select {
			case ready <- nil:
			default:
			}
		}
		if said.Len() < 1<<16 {
			said.WriteString(line + "\n")
		}
	}
	select {
	case ready <- fmt.Errorf("PostgreSQL ended:\n%s", said.String()):
	default:
	}
}

// Stop ends the server and waits for its end. At once means without a
// checkpoint: as after a crash, the next start recovers.
func (s *Server) Stop(atOnce bool) error {
	if s.cmd == nil {
		return nil
	}
	signal := "INT"
	if atOnce {
		signal = "QUIT"
	}
	_, err := io.WriteString(s.stdin, signal+"\n")
	_ = s.stdin.Close()
	<-s.ended
	s.cmd = nil
	if errors.Is(err, syscall.EPIPE) {
		return nil // it had ended already
	}
	return err
}

// Remove stops the server and deletes its data.
func (s *Server) Remove() error { return errors.Join(s.Stop(true), os.RemoveAll(s.dir)) }

// Address is where the server listens.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// PID returns the number of the group of the server's processes.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// URL returns the address of the database as a client gives it.
func (s *Server) URL() string { return s.URLAt(s.Address()) }

// URLAt returns the address of the database behind another address, such as a
// proxy's.
func (s *Server) URLAt(address string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: address, Path: "/postgres", RawQuery: "sslmode=disable"}
	return u.String()
}

// Schema returns the address of a new, empty schema.
func (s *Server) Schema(ctx context.Context, name string) (string, error) {
	if err := s.Exec(ctx, `CREATE SCHEMA "`+name+`"`); err != nil {
		return "", err
	}
	return s.URL() + "&search_path=" + url.QueryEscape(name), nil
}
