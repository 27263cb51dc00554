package demo

import (
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"", 5, ""},
		{"one", 5, "one"},
		{"one two three", 7, "one two|three"},
		{"one two three", 8, "one two|three"},
		{"one two three", 5, "one|two|three"},
		{"enormous", 3, "eno|rmo|us"},
		{"an enormous one", 4, "an|enor|mous|one"},
		{"漢字漢字", 5, "漢字|漢字"},
		{"漢字", 1, "漢|字"}, // never nothing on a line
		{" a", 1, " |a"},
	} {
		var got []string
		for _, l := range wrap(glyphs(c.text), c.n) {
			got = append(got, plain(l))
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%q at %d: %q, want %q", c.text, c.n, s, c.want)
		}
	}
}

// FuzzWrap checks that lines are no wider than allowed and that nothing but
// spaces gets lost.
func FuzzWrap(f *testing.F) {
	f.Add("⚡ New Worker Deployment 👩‍💻 漢字", 7)
	f.Add("\u0301 a\u200d", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		n = 1 + int(uint(n)%200)
		text = strings.ToValidUTF8(text, "?")
		var all strings.Builder
		for _, l := range wrap(glyphs(text), n) {
			if w := glyphsWidth(l); w > n && len(l) > 1 {
				t.Errorf("%d columns instead of %d: %q", w, n, plain(l))
			}
			all.WriteString(plain(l))
		}
		without := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if got := without(all.String()); got != without(text) {
			t.Errorf("got %q of %q", got, text)
		}
	})
}
