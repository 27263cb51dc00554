package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// programs are what scripts can run.
func programs() map[string]func() {
	return map[string]func(){"shipbell": main, "unprivileged": unprivileged}
}

// TestLinuxScripts runs the scripts that need limits and users as Linux has them.
func TestLinuxScripts(t *testing.T) {
	runScripts(t, "testdata/script/linux", map[string]func(*testscript.TestScript, bool, []string){"limit": limit})
}

// unprivileged is shipbell with the rights of a user that owns nothing, for whom
// a file that is read-only is just that, also when root runs the tests. Only what
// is below the working directory can be seen then, by relative names.
func unprivileged() {
	const nobody = 65534
	if os.Getuid() == 0 {
		for _, step := range []func() error{
			func() error { return syscall.Chroot(".") },
			func() error { return os.Chdir("/") },
			func() error { return syscall.Setgroups(nil) },
			func() error { return syscall.Setgid(nobody) },
			func() error { return syscall.Setuid(nobody) },
		} {
			if err := step(); err != nil {
				fmt.Fprintln(os.Stderr, "dropping the rights of root:", err)
				os.Exit(exitFailure)
			}
		}
	}
	main()
}

// limit N keeps the program in the background from writing beyond the first N
// bytes of a file, as on a full disk; !limit ends that.
func limit(ts *testscript.TestScript, neg bool, args []string) {
	running := ts.BackgroundCmds()
	if len(running) != 1 {
		ts.Fatalf("%d programs in the background, want one", len(running))
	}
	pid := running[0].Process.Pid
	var l unix.Rlimit
	ts.Check(unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &l))
	l.Cur = l.Max
	if !neg {
		if len(args) != 1 {
			ts.Fatalf("usage: limit N")
		}
		n, err := strconv.ParseUint(args[0], 10, 64)
		ts.Check(err)
		l.Cur = n
	}
	ts.Check(unix.Prlimit(pid, unix.RLIMIT_FSIZE, &l, nil))
}
