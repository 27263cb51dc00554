package fakeserver

import (
	"fmt"
	"testing"
)

func TestLog(t *testing.T) {
	for limit, want := range map[int]string{0: "[1 2 3 4 5]", 2: "[4 5]", 7: "[1 2 3 4 5]", -1: "[]"} {
		l := Log[int]{Max: limit}
		for range 5 {
			call := 0
			call = l.Add(&call) // a call may change after it was added
		}
		calls := l.Calls()
		if got := fmt.Sprint(calls); got != want || l.Count() != 5 {
			t.Errorf("at most %d: %s of %d, want %s of 5", limit, got, l.Count(), want)
		}
		if len(calls) > 0 {
			calls[0] = 99
			if l.Calls()[0] == 99 {
				t.Errorf("at most %d: what it returns is no copy", limit)
			}
		}
	}
}
