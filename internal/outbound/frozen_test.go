//go:build unix

package outbound_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shipbell/shipbell/internal/outbound"
)

// frozenURL is set in the process that is to be frozen.
const frozenURL = "SHIPBELL_TEST_FROZEN_URL"

// TestAnswerToAFrozenProcess: a process that stood still until its time was over
// takes the answer that came in meanwhile, and does not say that there was none.
func TestAnswerToAFrozenProcess(t *testing.T) {
	const timeout = 500 * time.Millisecond
	if url := os.Getenv(frozenURL); url != "" {
		_, err := outbound.New(outbound.Options{Timeout: timeout}).Do(get(t, t.Context(), url))
		if err != nil {
			t.Error(err)
		}
		return
	}
	var all sync.WaitGroup
	for range 8 { // who comes first is a matter of chance
		all.Go(func() { freeze(t, 2*timeout) })
	}
	all.Wait()
}

// freeze runs this test in a process of its own, which is frozen while it waits
// for the answer, and for so long.
func freeze(t *testing.T, lasts time.Duration) {
	pid, answered := make(chan int, 1), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(answered)
		if err := syscall.Kill(<-pid, syscall.SIGSTOP); err != nil {
			t.Error(err)
		}
	})
	process := exec.Command(os.Args[0], "-test.run=^TestAnswerToAFrozenProcess$")
	process.Env = append(os.Environ(), frozenURL+"="+s.URL)
	var out bytes.Buffer
	process.Stdout, process.Stderr = &out, &out
	if err := process.Start(); err != nil {
		t.Error(err)
		return
	}
	pid <- process.Process.Pid
	select {
	case <-answered:
	case <-time.After(10 * time.Second):
		t.Error("there was no request")
	}
	time.Sleep(lasts)
	if err := process.Process.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	if err := process.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}
