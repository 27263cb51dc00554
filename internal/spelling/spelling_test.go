package spelling_test

import (
	"testing"

	"github.com/shipbell/shipbell/internal/spelling"
)

func TestDistance(t *testing.T) {
	for words, want := range map[[2]string]int{
		{"", ""}: 0, {"", "abc"}: 3, {"abc", ""}: 3, {"status", "status"}: 0, {"statsu", "status"}: 2, {"projct", "project"}: 1, {"kitten", "sitting"}: 3,
	} {
		if got := spelling.Distance(words[0], words[1]); got != want {
			t.Errorf("%q: %d, want %d", words, got, want)
		}
	}
}
