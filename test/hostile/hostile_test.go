package hostile_test

import (
	"strings"
	"testing"

	"github.com/shipbell/shipbell/test/hostile"
)

func TestValues(t *testing.T) {
	names, texts := map[string]bool{}, map[string]bool{}
	for _, v := range hostile.Values() {
		if names[v.Name] || texts[v.Text] {
			t.Errorf("%s is there twice", v.Name)
		}
		names[v.Name], texts[v.Text] = true, true
		if v.Text == "" || strings.TrimSpace(v.Text) == "" {
			t.Errorf("%s is blank: it would not be seen where it is gone", v.Name)
		}
		if (v.Runs || v.Breaks) && !strings.Contains(v.Text, hostile.Function) {
			t.Errorf("%s runs and calls nothing", v.Name)
		}
	}
	if n := len(texts); n < 100 {
		t.Errorf("%d values, want 100", n)
	}
}
