//go:build unix

package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// envRole makes the test binary another program: the wrapper, or a command that
// it wraps.
const envRole = "SHIPBELL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "":
		os.Exit(m.Run())
	case "exec":
		// The commands below it are programs of their own.
		os.Unsetenv(envRole)
		timeout, _ := time.ParseDuration(os.Getenv("SHIPBELL_TEST_TIMEOUT"))
		os.Exit(Exec(Here(), ExecOptions{Timeout: timeout, Quiet: os.Getenv("SHIPBELL_TEST_QUIET") != ""}, os.Args[1:], Streams{os.Stdin, os.Stdout, os.Stderr}))
	case "notify":
		os.Unsetenv(envRole)
		_ = Notify(context.Background(), Here(), Options{}, os.Stdout, os.Stderr)
	case "bytes":
		// Every byte value, in writes of odd sizes, and no line end at the end.
		n, _ := strconv.Atoi(os.Args[1])
		random := rand.New(rand.NewPCG(1, 2))
		buffer := make([]byte, 70_001)
		for i := range buffer {
			buffer[i] = byte(random.Uint32())
		}
		for n > 0 {
			size := min(n, 1+random.IntN(len(buffer)))
			if _, err := os.Stdout.Write(buffer[:size]); err != nil {
				os.Exit(9)
			}
			n -= size
		}
	}
}

// bell is a server that takes down what it is told.
type bell struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []map[string]any
	arrive chan struct{} // one for every body
}

func newBell(t *testing.T) *bell {
	b := &bell{arrive: make(chan struct{}, 1000)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Deployment map[string]any `json:"deployment"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("body: %v", err)
		}
		b.mu.Lock()
		b.bodies = append(b.bodies, body.Deployment)
		b.mu.Unlock()
		b.arrive <- struct{}{}
		io.WriteString(w, `{"success":true}`)
	}))
	t.Cleanup(b.Close)
	return b
}

// heard returns the values of some fields of every body, in the order of
// arrival.
func (b *bell) heard(fields ...string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, body := range b.bodies {
		var values []string
		for _, f := range fields {
			values = append(values, fmt.Sprint(body[f]))
		}
		all = append(all, strings.Join(values, " "))
	}
	return all
}

// workshop is a directory with a checkout, a wrangler and an npx that are shell
// scripts, and an environment in which nothing of this machine is left.
type workshop struct {
	t   *testing.T
	dir string
	env []string
}

func newWorkshop(t *testing.T, address string) *workshop {
	t.Helper()
	c := newCheckout(t)
	w := &workshop{t: t, dir: c.dir}
	c.write("wrangler.toml", "name = \"shop\"\n[env.staging]\n")
	c.git("add", ".")
	c.git("commit", "-q", "-m", "Second")
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.script(bin, "npx", `exec "$@"`)
	w.script(bin, "notify", envRole+`=notify exec "`+self+`"`)
	// As wrangler does: a session, then what the test wants to happen.
	w.script(bin, "wrangler", `
args=
for a in "$@"; do args="$args${args:+,}\"$a\""; done
say() { echo "$1" >> "$WRANGLER_OUTPUT_FILE_PATH"; }
say '{"type":"wrangler-session","version":1,"wrangler_version":"4.164.0","command_line_args":['"$args"']}'
. "$WRANGLER_DOES"`)
	w.env = []string{
		"GORACE=atexit_sleep_ms=0", // a second for each process otherwise
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + w.dir, "TMPDIR=" + t.TempDir(),
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		envURL + "=" + address, envToken + "=hidden-token-1234", "CLOUDFLARE_API_TOKEN=hidden-cloudflare-5678",
	}
	return w
}

func (w *workshop) script(dir, name, content string) string {
	w.t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+content+"\n"), 0o755); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// wrangler says what wrangler does after it began.
func (w *workshop) wrangler(does string) {
	w.env = append(w.env, "WRANGLER_DOES="+w.script(w.t.TempDir(), "does", does))
}

// command wraps a command, as a process of its own.
func (w *workshop) command(argv ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], argv...)
	cmd.Dir, cmd.Env = w.dir, append(slices.Clone(w.env), envRole+"=exec")
	return cmd
}

// run wraps a command and waits for its end.
func (w *workshop) run(argv ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	cmd := w.command(argv...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		w.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (w *workshop) sh(script string) (stdout, stderr string, code int) {
	w.t.Helper()
	return w.run("sh", "-c", script)
}

func sameList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestExec: a start, an end, and the output and exit code of the command.
func TestExec(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	w.wrangler(`echo "Uploaded shop"; echo "a warning" >&2; say '` + deployed("shop", versionA, "", "https://shop.acct.workers.dev") + `'`)
	stdout, stderr, code := w.run("npx", "wrangler", "deploy")
	if stdout != "Uploaded shop\n" || stderr != "a warning\n" || code != 0 {
		t.Errorf("%q, %q, %d", stdout, stderr, code)
	}
	sameList(t, "pushes", b.heard("type", "projectName", "environment", "status", "source", "versionId", "url"),
		"worker shop production in_progress exec <nil> <nil>",
		"worker shop production success exec "+versionA+" https://shop.acct.workers.dev")
	ids := b.heard("deploymentId")
	times := b.heard("timestamp")
	start, err1 := time.Parse(time.RFC3339, times[0])
	end, err2 := time.Parse(time.RFC3339, times[1])
	if ids[0] != ids[1] || err1 != nil || err2 != nil || end.Before(start) || time.Since(start) > time.Minute {
		t.Errorf("ids %v, times %v", ids, times)
	}
	if history := b.heard("history"); !strings.Contains(history[1], "Second") || !strings.Contains(history[1], "Add <a> & more") {
		t.Errorf("history %v", history)
	}
	sameList(t, "commit times", b.heard("commitTime"), "2025-01-15T09:00:00Z", "2025-01-15T09:00:00Z")
	for i, v := range w.env {
		if dir, ok := strings.CutPrefix(v, "TMPDIR="); ok {
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%d: left behind: %v, %v", i, left, err)
			}
		}
	}
}

func TestExecFailure(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	w.wrangler(`echo "✘ [ERROR] It broke with hidden-cloudflare-5678 and hidden-token-1234" >&2; say '{"type":"command-failed","version":1,"message":"It broke with hidden-cloudflare-5678"}'; exit 3`)
	_, stderr, code := w.run("npx", "wrangler", "deploy", "--env", "staging")
	if !strings.Contains(stderr, "hidden-token-1234") || code != 3 {
		t.Errorf("%q, %d", stderr, code)
	}
	sameList(t, "pushes", b.heard("projectName", "environment", "status", "error", "log"),
		"shop-staging staging in_progress <nil> <nil>",
		"shop-staging staging failure It broke with *** ✘ [ERROR] It broke with *** and ***")
}

// TestExecSeveral: a script that deploys two Workers, each with a notify of its
// own, into an output file that has another run's entries.
func TestExecSeveral(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	file := filepath.Join(w.dir, "out", "wrangler.json")
	if err := os.Mkdir(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	stale := sessionLine("deploy") + "\n" + deployed("stale", versionB, "") + "\n"
	if err := os.WriteFile(file, []byte(stale), 0o644); err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, envOutputPath+"="+file)
	w.wrangler(`say '{"type":"deploy","version":1,"worker_name":"'"$3"'","version_id":"` + versionA + `"}'`)
	if _, stderr, code := w.sh("wrangler deploy --name cart && wrangler deploy --name shop"); stderr != "" || code != 0 {
		t.Fatalf("%q, %d", stderr, code)
	}
	heard := b.heard("projectName", "status", "versionId")
	slices.Sort(heard)
	sameList(t, "pushes", heard, "cart success "+versionA, "shop in_progress <nil>", "shop success "+versionA)
	if data, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(data, []byte(stale)) {
		t.Errorf("the file is not what wrangler made it: %v", err)
	}
}

// TestExecTellsNothing of what deploys nothing, and canceled of a dry run that
// could not be seen.
func TestExecTellsNothing(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	w.wrangler(`[ -n "$WRANGLER_OUTPUT_FILE_PATH" ] || exit 1; say '` + dryDeployed + `'`)
	for _, command := range []string{"wrangler deploy --dry-run", "npx wrangler types", "npx wrangler dev", "sh -c wrangler\tbuild"} {
		w.env = append(w.env, "WRANGLER_OUTPUT_FILE_PATH="+filepath.Join(w.dir, "out"))
		argv := strings.Fields(strings.ReplaceAll(command, "\t", "_"))
		for i := range argv {
			argv[i] = strings.ReplaceAll(argv[i], "_", " ")
		}
		if stdout, stderr, code := w.run(argv...); stdout+stderr != "" || code != 0 {
			t.Errorf("%s: %q, %q, %d", command, stdout, stderr, code)
		}
	}
	sameList(t, "pushes", b.heard("status"))
	hidden := w.script(t.TempDir(), "deploy", "wrangler deploy --dry-run")
	if _, _, code := w.run(hidden); code != 0 {
		t.Error(code)
	}
	sameList(t, "pushes", b.heard("status", "error"), "in_progress <nil>", "canceled a dry run of wrangler deploys nothing")
}

// TestExecJoinsNotify: whatever is seen from where, a notify below speaks of the
// same deployment; and so does one beside it in the same run.
func TestExecJoinsNotify(t *testing.T) {
	for name, tc := range map[string]struct {
		env     []string
		command string // for sh
		does    string
		want    string
	}{
		"plain":                 {command: "exec npx wrangler deploy", want: "worker shop production"},
		"environment":           {command: "exec npx wrangler deploy --env staging", want: "worker shop-staging staging"},
		"name":                  {command: "exec npx wrangler deploy --name other", want: "worker other production"},
		"config":                {command: "exec npx wrangler deploy -c conf/w.toml", want: "worker meant production"},
		"elsewhere":             {command: "cd conf && npx wrangler deploy -c w.toml", want: "worker meant production"},
		"upload":                {command: "exec npx wrangler versions upload", does: "WRANGLER_COMMAND='versions upload' ", want: "worker shop preview"},
		"in CI":                 {env: []string{"GITHUB_ACTIONS=true", "GITHUB_RUN_ID=9"}, command: "exec npx wrangler deploy --env staging", want: "worker shop-staging staging"},
		"in a Workers build":    {env: []string{"WORKERS_CI=1", "WORKERS_CI_BUILD_UUID=6a1b8c2e-7d3f-4a5b-9c0d-1e2f3a4b5c6d"}, command: "exec npx wrangler deploy", want: "worker shop production"},
		"hidden in a script":    {command: "for i in 1; do wrangler deploy; done", want: "worker shop production"},
		"files that change":     {command: "exec npx wrangler deploy", does: "until grep -q identity \"$" + envWrapper + "\"; do :; done; echo changed > a.txt; ", want: "worker shop production"},
		"an environment loaded": {command: "exec npx wrangler deploy", does: "until grep -q identity \"$" + envWrapper + "\"; do :; done; CLOUDFLARE_ENV=staging ", want: "worker shop production"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBell(t)
			w := newWorkshop(t, b.URL)
			if err := os.Mkdir(filepath.Join(w.dir, "conf"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(w.dir, "conf", "w.toml"), []byte(`name = "meant"`), 0o644); err != nil {
				t.Fatal(err)
			}
			w.env = append(w.env, tc.env...)
			w.wrangler(tc.does + "notify")
			stdout, stderr, code := w.sh(tc.command)
			if stdout != Success+"\n" || code != 0 {
				t.Fatalf("%q, %q, %d", stdout, stderr, code)
			}
			ids := b.heard("deploymentId")
			if len(ids) != 3 || ids[0] != ids[1] || ids[1] != ids[2] {
				t.Errorf("ids %q", ids)
			}
			for _, got := range b.heard("type", "projectName", "environment", "status") {
				status := got[strings.LastIndex(got, " ")+1:]
				want := tc.want
				// What is not certain at the start is not said there.
				if name == "hidden in a script" && status == "in_progress" {
					want = "worker shop "
				}
				if got != want+" "+status && got != want+" <nil>" {
					t.Errorf("pushed %q, want %q", got, want)
				}
			}
		})
	}
	t.Run("beside it", func(t *testing.T) {
		b := newBell(t)
		w := newWorkshop(t, b.URL)
		w.wrangler("true")
		cmd := exec.Command("sh", "-c", `notify >/dev/null; `+envRole+`=exec "$0" npx wrangler deploy; notify >/dev/null`, os.Args[0])
		cmd.Dir, cmd.Env = w.dir, w.env
		cmd.SysProcAttr = newGroup()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		// Each run of the wrapper has an id of its own; the server puts it to what was
		// announced beside it.
		if ids := b.heard("deploymentId"); len(ids) != 4 || ids[0] != ids[3] || ids[1] != ids[2] || ids[0] == ids[1] {
			t.Errorf("ids %q", ids)
		}
	})
}

// TestExecIsARun: another try after a failure is another deployment, also within
// the time in which a push would be the same.
func TestExecIsARun(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	w.run("false")
	w.run("true")
	if ids := slices.Compact(b.heard("deploymentId")); len(ids) != 2 {
		t.Errorf("ids %q", ids)
	}
}

// TestExecFailsOpen: whatever keeps the server from being told, the command
// runs, its exit code is ours, and one line says why.
func TestExecFailsOpen(t *testing.T) {
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer hanging.Close()
	defer close(release)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer refusing.Close()
	const (
		budget = time.Second
		short  = "SHIPBELL_TEST_TIMEOUT=1s"
	)

	for name, tc := range map[string]struct {
		env  []string
		says string
	}{
		"nothing set":            {[]string{envURL + "=", envToken + "="}, "are not set"},
		"no token":               {[]string{envToken + "="}, envToken + " is not set"},
		"token's file":           {[]string{envToken + "=", envToken + "_FILE=/does/not/exist"}, "cannot be read"},
		"no address":             {[]string{envURL + "=nonsense"}, "not the address"},
		"nothing listens":        {[]string{envURL + "=http://127.0.0.1:1", short}, "nothing listens"},
		"hanging":                {[]string{envURL + "=" + hanging.URL, short}, "did not answer in time"},
		"refused":                {[]string{envURL + "=" + refusing.URL}, "refuses the token"},
		"negative time":          {[]string{"SHIPBELL_TEST_TIMEOUT=-1s"}, "below zero"},
		"no temporary directory": {[]string{"TMPDIR=/does/not/exist", envURL + "=" + refusing.URL}, "refuses the token"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t, hanging.URL)
			w.env = append(w.env, tc.env...)
			begin := time.Now()
			stdout, stderr, code := w.sh("echo out; exit 5")
			if took := time.Since(begin); slices.Contains(tc.env, short) && took > budget+DefaultTimeout/2 {
				t.Errorf("took %s", took)
			}
			if stdout != "out\n" || code != 5 {
				t.Errorf("stdout %q, exit code %d", stdout, code)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "shipbell: deployment not announced: ") || !strings.Contains(stderr, tc.says) || !strings.Contains(stderr, "; hint: ") {
				t.Errorf("stderr:\n%s", stderr)
			}
			if strings.Contains(stderr, "hidden") {
				t.Errorf("a secret shows: %s", stderr)
			}
			w.env = append(w.env, "SHIPBELL_TEST_QUIET=1")
			if _, stderr, code := w.sh("exit 5"); stderr != "" || code != 5 {
				t.Errorf("quiet: %q, %d", stderr, code)
			}
		})
	}
}

// TestExecPanics: a defect in the telling is a line, and the command does not
// notice.
func TestExecPanics(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for name, spoil := range map[string]func(s *Surroundings){
		"before the start": func(s *Surroundings) { s.Processes = func() []Process { panic("hidden") } },
		"beside the command": func(s *Surroundings) {
			getenv := s.Getenv
			s.Getenv = func(name string) string {
				if name == "ENVIRONMENT" { // asked for by collecting alone
					panic("hidden")
				}
				return getenv(name)
			}
		},
	} {
		s := newPlace(t, map[string]string{envURL: "https://x.example", envToken: "x"}).surroundings()
		spoil(&s)
		if code := Exec(s, ExecOptions{}, []string{"sh", "-c", "echo ran; exit 4"}, Streams{nil, out, out}); code != 4 {
			t.Errorf("%s: exit code %d", name, code)
		}
	}
	data, _ := os.ReadFile(out.Name())
	if strings.Count(string(data), "ran\n") != 2 || strings.Count(string(data), "shipbell failed") != 2 || strings.Contains(string(data), "hidden") {
		t.Errorf("output:\n%s", data)
	}
}

func TestExecCannotStart(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	plain := filepath.Join(w.dir, "plain")
	if err := os.WriteFile(plain, []byte("echo from a script without an interpreter \"$1\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		command, says string
		code          int
	}{
		{"no-such-command", "shipbell: no-such-command: command not found\n", 127},
		{"./none", "shipbell: ./none: no such file or directory\n", 127},
		{"./plain", "shipbell: ./plain: permission denied\n", 126},
		{w.dir, "shipbell: " + w.dir + ": permission denied\n", 126}, // a directory
	} {
		_, stderr, code := w.run(tc.command)
		if code != tc.code || stderr != tc.says {
			t.Errorf("%s: %d, %q", tc.command, code, stderr)
		}
	}
	heard := b.heard("status", "error")
	if len(heard) != 4 || heard[0] != "failure no-such-command: command not found" {
		t.Errorf("pushes %q", heard)
	}
	if err := os.Chmod(plain, 0o755); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, code := w.run("./plain", "x"); code != 0 || stdout != "from a script without an interpreter x\n" {
		t.Errorf("%q, %q, %d", stdout, stderr, code)
	}
}

// TestExecPassesThrough: every byte arrives, on both outputs, with standard
// input, and in order where both go to one place.
func TestExecPassesThrough(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	const size = 20 << 20
	sum := func(cmd *exec.Cmd) string {
		h := sha256.New()
		cmd.Stdout = h
		cmd.Dir = w.dir
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	direct := exec.Command(os.Args[0], strconv.Itoa(size))
	direct.Env = append(slices.Clone(w.env), envRole+"=bytes")
	wrapped := w.command("env", envRole+"=bytes", os.Args[0], strconv.Itoa(size))
	if got, want := sum(wrapped), sum(direct); got != want {
		t.Errorf("the output has the sum %s, want %s", got, want)
	}

	in := w.command("cat")
	in.Stdin = strings.NewReader("a\x00b\xff\r\nno line end")
	if out, err := in.Output(); err != nil || string(out) != "a\x00b\xff\r\nno line end" {
		t.Errorf("standard input: %q, %v", out, err)
	}

	const lines = 2000
	both := w.command("sh", "-c", `i=0; while [ $i -lt `+strconv.Itoa(lines)+` ]; do echo o$i; echo e$i >&2; i=$((i+1)); done`)
	out, err := both.CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := range lines {
		fmt.Fprintf(&want, "o%d\ne%d\n", i, i)
	}
	if string(out) != want.String() {
		t.Errorf("the order is another one: %d bytes, want %d", len(out), want.Len())
	}
}

// TestExecClosedPipe: a command whose output nobody reads ends as it would
// without us.
func TestExecClosedPipe(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	cmd := exec.Command("sh", "-c", `exec 3>&1; { "$0" yes; echo "code $?" >&3; } | head -n 1`, os.Args[0])
	cmd.Dir, cmd.Env = w.dir, append(slices.Clone(w.env), envRole+"=exec")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "y\n") || !strings.Contains(string(out), "code "+strconv.Itoa(128+int(syscall.SIGPIPE))) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestExecLeavesDaemons: a process that stays behind with the output open does
// not keep us.
func TestExecLeavesDaemons(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	// The process left behind reads a pipe that only this test closes.
	cmd := w.command("sh", "-c", `cat "`+fifo(t, w.dir)+`" & echo done`)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil || out.String() != "done\n" {
		t.Errorf("%q, %v", &out, err)
	}
}

// TestExecSignals: what we are sent the command gets, and we end as it does.
func TestExecSignals(t *testing.T) {
	for _, tc := range []struct {
		signal syscall.Signal
		script string // says "ready" when it can take signals
		code   int
		status string
	}{
		{syscall.SIGTERM, `echo ready; exec cat fifo`, 143, "canceled interrupted by SIGTERM"},
		{syscall.SIGINT, `echo ready; exec cat fifo`, 130, "canceled interrupted by SIGINT"},
		{syscall.SIGHUP, `echo ready; exec cat fifo`, 129, "canceled interrupted by SIGHUP"},
		{syscall.SIGQUIT, `ulimit -c 0; echo ready; exec cat fifo`, 131, "canceled interrupted by SIGQUIT"},
		{syscall.SIGTERM, `trap 'echo cleaned up; exit 7' TERM; echo ready; while :; do :; done`, 7, "canceled interrupted by SIGTERM"},
		{syscall.SIGINT, `trap 'exit 0' INT; echo ready; while :; do :; done`, 0, "success <nil>"},
		{syscall.SIGUSR1, `trap 'exit 9' USR1; echo ready; while :; do :; done`, 9, "failure ready"},
		{syscall.SIGKILL, `echo ready; exec cat fifo`, 137, ""},
	} {
		t.Run(fmt.Sprint(tc.signal, tc.code), func(t *testing.T) {
			// Under nohup and the like a signal is ignored, and so it would be by every
			// process below; one that is waited for is not handed down so.
			waited := make(chan os.Signal, 1)
			signal.Notify(waited, tc.signal)
			defer signal.Stop(waited)
			b := newBell(t)
			w := newWorkshop(t, b.URL)
			end := fifo(t, w.dir)
			cmd := w.command("sh", "-c", "echo $$; "+strings.ReplaceAll(tc.script, "fifo", end))
			cmd.SysProcAttr = newGroup()
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			pid := 0
			for lines.Scan() && lines.Text() != "ready" {
				pid, _ = strconv.Atoi(lines.Text())
			}
			<-b.arrive // the start
			target := cmd.Process.Pid
			if tc.signal == syscall.SIGKILL {
				target = pid // it reaches the command alone
			}
			if err := syscall.Kill(target, tc.signal); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() {
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			heard := b.heard("status", "error")
			want := tc.status
			if want == "" {
				want = "failure ready"
			}
			if len(heard) != 2 || heard[1] != want {
				t.Errorf("pushes %q, want %q", heard, want)
			}
		})
	}
}

// TestExecInterruptedWhileTelling: who wants to go need not wait for the server.
func TestExecInterruptedWhileTelling(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	hanging := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte("in_progress")) {
			return
		}
		arrived <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer hanging.Close()
	defer close(release)
	w := newWorkshop(t, hanging.URL)
	w.env = append(w.env, "SHIPBELL_TEST_TIMEOUT=10m")
	cmd := w.command("sh", "-c", "exit 6")
	cmd.SysProcAttr = newGroup()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-arrived
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 6 || !strings.Contains(stderr.String(), "interrupted before") {
		t.Errorf("exit code %d, %s", cmd.ProcessState.ExitCode(), &stderr)
	}
}

// TestExecKeepsSignalsIgnored: nohup stays nohup.
func TestExecKeepsSignalsIgnored(t *testing.T) {
	b := newBell(t)
	w := newWorkshop(t, b.URL)
	cmd := exec.Command("sh", "-c", `trap '' HUP INT; exec "$0" sh -c 'kill -HUP $$; kill -INT $$; echo alive'`, os.Args[0])
	cmd.Dir, cmd.Env = w.dir, append(slices.Clone(w.env), envRole+"=exec")
	if out, err := cmd.Output(); err != nil || string(out) != "alive\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestLineWriter: lines of two outputs stay whole, and of a flood the beginning
// and the end are remembered.
func TestLineWriter(t *testing.T) {
	var memory bytes.Buffer
	a, b := &lineWriter{to: &memory}, &lineWriter{to: &memory}
	for _, part := range []struct {
		w    *lineWriter
		text string
	}{{a, "one "}, {b, "x\ny"}, {a, "two\nthree"}, {b, "z\n"}, {a, ""}} {
		if n, err := part.w.Write([]byte(part.text)); n != len(part.text) || err != nil {
			t.Error(n, err)
		}
	}
	a.flush()
	b.flush()
	if got, want := memory.String(), "x\none two\nyz\nthree\n"; got != want {
		t.Errorf("remembered %q, want %q", got, want)
	}
	memory.Reset()
	a = &lineWriter{to: &memory}
	line := strings.Repeat("x", 99) + "\n"
	fmt.Fprintln(a, "first")
	for range 20 << 20 / len(line) {
		io.WriteString(a, line)
	}
	a.Write(bytes.Repeat([]byte{'y'}, 1<<20))
	io.WriteString(a, "\nlast")
	a.flush()
	if got := memory.String(); !strings.HasPrefix(got, "first\n") || !strings.HasSuffix(got, "y\nlast\n") || len(got) > maxJudged+3*maxEnd || len(got) < maxJudged {
		t.Errorf("remembered %d bytes", len(got))
	}
	broken := &lineWriter{}
	for range 2 {
		if n, err := broken.Write([]byte("a\n")); n != 2 || err != nil {
			t.Error(n, err)
		}
	}
	broken.flush()
}

func fifo(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	// Open on both sides: who reads waits until the test is over.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return path
}

func newGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// BenchmarkExec compares 50 MB of output with the command alone.
func BenchmarkExec(b *testing.B) {
	const size = 50 << 20
	run := func(b *testing.B, argv []string, env ...string) {
		b.SetBytes(size)
		for b.Loop() {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Env = append(os.Environ(), env...)
			out, err := cmd.StdoutPipe()
			if err != nil {
				b.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				b.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, out); err != nil || n != size {
				b.Fatal(n, err)
			}
			if err := cmd.Wait(); err != nil {
				b.Fatal(err)
			}
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"success":true}`) }))
	defer server.Close()
	for kind, script := range map[string]string{"binary": "", "lines": "yes 'src/index.ts: bundling the modules of the shop' | head -c " + strconv.Itoa(size)} {
		direct := []string{"env", envRole + "=bytes", os.Args[0], strconv.Itoa(size)}
		if script != "" {
			direct = []string{"sh", "-c", script}
		}
		b.Run(kind+"/direct", func(b *testing.B) { run(b, direct) })
		b.Run(kind+"/wrapped", func(b *testing.B) {
			run(b, append([]string{os.Args[0]}, direct...), envRole+"=exec", envURL+"="+server.URL, envToken+"=x")
		})
	}
}
