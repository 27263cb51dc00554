package client

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// writeProc makes a proc file system with one process.
func writeProc(t *testing.T, root string, pid int, name string, parent, group, ticks int, argv ...string) {
	t.Helper()
	dir := filepath.Join(root, fmt.Sprint(pid))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	stat := fmt.Sprintf("%d (%s) S %d %d %d 34816 1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 %d 1 2 3\n", pid, name, parent, group, group, ticks)
	cmdline := strings.Join(argv, "\x00")
	if cmdline != "" {
		cmdline += "\x00"
	}
	for file, content := range map[string]string{"stat": stat, "cmdline": cmdline} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadProcesses(t *testing.T) {
	if runtime.GOOS != "linux" {
		if got := readProcesses("/proc", os.Getpid()); got != nil {
			t.Errorf("got %v where there is no /proc", got)
		}
		return
	}
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "stat"), []byte("cpu  1 2 3\nbtime 1736900000\nprocesses 5\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	writeProc(t, root, 1, "init", 0, 1, 0)
	writeProc(t, root, 50, "bash", 1, 50, 100, "-bash")
	writeProc(t, root, 100, "node (x) S 7 ", 50, 100, 5000, "node", "/app/node_modules/.bin/wrangler", "deploy", "--env", "")
	writeProc(t, root, 101, "sh", 100, 100, 5100, "sh", "-c", "shipbell notify")
	writeProc(t, root, 102, "shipbell", 101, 100, 5250, "shipbell", "notify")
	if err := os.Symlink("/app", filepath.Join(root, "100", "cwd")); err != nil {
		t.Fatal(err)
	}

	list := readProcesses(root, 102)
	var pids []int
	for _, p := range list {
		pids = append(pids, p.PID)
	}
	if want := []int{102, 101, 100, 50, 1}; !slices.Equal(pids, want) {
		t.Fatalf("processes %v, want %v", pids, want)
	}
	boot := time.Unix(1736900000, 0)
	if p := list[2]; !slices.Equal(p.Args, []string{"node", "/app/node_modules/.bin/wrangler", "deploy", "--env", ""}) ||
		p.Dir != "/app" || p.Group != 100 || !p.Started.Equal(boot.Add(50*time.Second)) {
		t.Errorf("wrangler is %+v", p)
	}
	if got := runStart(list); !got.Equal(boot.Add(50 * time.Second)) {
		t.Errorf("the run started at %v", got)
	}
	if v := findInvocation(list); !v.found || v.dir != "/app" || !v.envGiven {
		t.Errorf("invocation %+v", v)
	}
	if got := readProcesses(root, 999); got != nil {
		t.Errorf("a process that is gone: %v", got)
	}
}

// TestReadProcessesOfBrokenProc: a loop or nonsense must end.
func TestReadProcessesOfBrokenProc(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	root := t.TempDir()
	writeProc(t, root, 7, "a", 8, 7, 1, "a")
	writeProc(t, root, 8, "b", 7, 7, 1, "b")
	if got := len(readProcesses(root, 7)); got != maxAncestors {
		t.Errorf("%d processes in a loop, want %d", got, maxAncestors)
	}
	for i, stat := range []string{"", "9", "9 (x", "9 (x) S", "9 (x) S a b c d e f g h i j k l m n o p q r s t u"} {
		pid := 90 + i
		writeProc(t, root, pid, "x", 1, 1, 1)
		if err := os.WriteFile(filepath.Join(root, fmt.Sprint(pid), "stat"), []byte(stat), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := readProcesses(root, pid); got != nil {
			t.Errorf("stat %q: %+v", stat, got)
		}
	}
}

func TestReadThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	list := Here().Processes()
	if len(list) < 2 || list[0].PID != os.Getpid() || list[1].PID != os.Getppid() {
		t.Fatalf("processes %+v", list)
	}
	if !slices.Equal(list[0].Args, os.Args) {
		t.Errorf("arguments %q, want %q", list[0].Args, os.Args)
	}
	if age := time.Since(list[0].Started); age < -2*time.Second || age > time.Hour {
		t.Errorf("this process started %s ago", age)
	}
}

func TestRunStart(t *testing.T) {
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	for name, tc := range map[string]struct {
		processes []Process
		want      time.Time
	}{
		"not known":     {nil, time.Time{}},
		"alone":         {[]Process{{Group: 9, Started: at(9)}, {Group: 1, Started: at(0)}}, at(9)},
		"group leader":  {[]Process{{Group: 7, Started: at(9)}, {Group: 7, Started: at(8)}, {Group: 7, Started: at(7)}, {Group: 1, Started: at(0)}}, at(7)},
		"group, broken": {[]Process{{Group: 7, Started: at(9)}, {Group: 5, Started: at(8)}, {Group: 7, Started: at(7)}}, at(9)},
	} {
		if got := runStart(tc.processes); !got.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
