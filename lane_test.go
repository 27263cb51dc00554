package shipbell_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
)

func TestLanesOf(t *testing.T) {
	stored := []shipbell.Lane{{Channel: "a", Note: "used"}, {Channel: "gone", Backlog: 2}, {Channel: "done"}}
	var got string
	for _, l := range shipbell.LanesOf([]shipbell.ChannelID{"new", "a"}, stored) {
		got += fmt.Sprint(l.Channel, ":", l.Note, ":", l.Backlog, " ")
	}
	if want := "new::0 a:used:0 gone::2 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAllowances: what one channel used is gone for those that share its budget.
func TestAllowances(t *testing.T) {
	now := time.Date(2025, 1, 15, 10, 30, 45, 0, time.UTC)
	limits := []shipbell.Limit{{N: 1, Per: time.Second}, {N: 3, Per: time.Minute}}
	budgets := map[shipbell.ChannelID]shipbell.Budget{
		"a": {Name: "group", Limits: limits}, "a:topic": {Name: "group", Limits: limits}, "b": {Name: "other", Limits: limits}, "free": {Name: "free"},
	}
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	lanes := []shipbell.Lane{
		{Channel: "a", Recent: []time.Time{ago(time.Minute), ago(30 * time.Second), ago(time.Second)}},
		{Channel: "a:topic", Recent: []time.Time{ago(30 * time.Second), ago(time.Second / 2)}}, // one was loaded from the other
		{Channel: "b", Recent: []time.Time{ago(0), ago(0), ago(0), ago(2 * time.Second), ago(3 * time.Second), ago(4 * time.Second)}},
	}
	for c, want := range map[shipbell.ChannelID]string{"a": "0 of 1, 0 of 3, ", "a:topic": "0 of 1, 0 of 3, ", "b": "0 of 1, 0 of 3, ", "free": "", "unknown": ""} {
		var got string
		for _, a := range shipbell.Allowances(c, budgets, lanes, now) {
			got += fmt.Sprintf("%d of %d, ", a.Left, a.N)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", c, got, want)
		}
	}
	if a := shipbell.Allowances("a", budgets, lanes[:1], now); a[0].Left != 1 || a[1].Left != 1 {
		t.Errorf("a alone: %v", a)
	}
}
