package main

import (
	"os"
	"os/exec"
	"testing"
)

// TestCPU: the time of a child counts while it lives, and after.
func TestCPU(t *testing.T) {
	if stat(os.Getpid()) == nil {
		t.Log("this system does not tell the processor time of a process")
		return
	}
	c := exec.Command("sh", "-c", `i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo; sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo; read x'; read x`)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 1)
	if _, err := out.Read(said); err != nil {
		t.Fatal(err)
	}
	alone := cpuOf(c.Process.Pid)
	if _, err := out.Read(said); err != nil {
		t.Fatal(err)
	}
	both := cpuOf(c.Process.Pid)
	if alone == 0 || both <= alone {
		t.Errorf("%s by the process, %s with its child", alone, both)
	}
	_ = in.Close()
	_ = c.Wait()
}
