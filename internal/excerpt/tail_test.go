package excerpt

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func linesOf(t *Tail) int {
	size := 0
	for _, l := range t.Lines() {
		size += len(l) + 1
	}
	return size
}

func TestTailKeepsAShortOutputWhole(t *testing.T) {
	tail := NewTail(64 << 10)
	fmt.Fprint(tail, "one\r\ntwo\n\nthree")
	fmt.Fprint(tail, " and more")
	want := []string{"one", "two", "", "three and more"}
	if got := tail.Lines(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTailCleans(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[31m✘ \x1b[41;31m[\x1b[41;97mERROR\x1b[41;31m]\x1b[0m \x1b[1mgone\x1b[0m": "✘ [ERROR] gone",
		"10%\r50%\r100%":   "100%",
		"10%\r50%\r100%\r": "100%",
		"⠋ working\x1b[2K\x1b[1G⠙ still\x1b[2K\x1b[1Gdone": "done",
		"\x1b]8;;https://example.com\x07link\x1b]8;;\x07":  "link",
		"\x1b]0;title\x1b\\text":                           "text",
		"nul\x00 bell\a\x7f tab\t.":                        "nul bell tab\t.",
		"bad \xff\xfe utf":                                 "bad \uFFFD\uFFFD utf",
		"abc\b\bX":                                         "aX",
		"right\u202eleft\u200b":                            "rightleft",
		"unfinished \x1b[3":                                "unfinished ",
		"unfinished \x1b]0;title":                          "unfinished ",
	} {
		tail := NewTail(0)
		io.WriteString(tail, in+"\n")
		if got := tail.Lines()[0]; got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestTailKeepsTheFirstErrors has each kind of flood stand around one error.
func TestTailKeepsTheFirstErrors(t *testing.T) {
	const failure = "src/total.ts(2,49): error TS2551: Property 'prise' does not exist"
	for name, flood := range map[string]func(int) string{
		"nothing":    func(i int) string { return fmt.Sprintf("copied dist/assets/%d.js", i) },
		"suspicious": func(i int) string { return fmt.Sprintf("src/error-%d.ts 0 errors, 0 failed", i) },
		"warnings":   func(i int) string { return fmt.Sprintf("npm warn deprecated a%d@1: cannot be used", i) },
		"vague":      func(i int) string { return fmt.Sprintf("could not read cache entry %d, failed to restore", i) },
		"named":      func(i int) string { return fmt.Sprintf("Error: retry %d", i) },
		"progress":   func(i int) string { return fmt.Sprintf("%d%%\r%d%%\rdone", i, i+1) },
		"long":       func(i int) string { return strings.Repeat("x", 5000) },
		"blank":      func(int) string { return "" },
		"survived":   func(i int) string { return fmt.Sprintf("a.ts(1,%d): error TS1: x\nSuccess: step %d completed", i, i) },
	} {
		tail := NewTail(64 << 10)
		for i := range 3000 {
			if name != "survived" || i < 1500 {
				io.WriteString(tail, flood(i)+"\n")
			}
			if i == 1500 {
				io.WriteString(tail, "> tsc -p .\n"+failure+"\n  more about it\n")
			}
		}
		if size := linesOf(tail); size > 64<<10 {
			t.Errorf("%s: %d bytes", name, size)
		}
		lines := tail.Lines()
		at := slices.Index(lines, failure)
		if at < 0 || lines[at+1] != "  more about it" {
			t.Errorf("%s: the error is gone", name)
			continue
		}
		if First(lines) != failure {
			t.Errorf("%s: %q", name, First(lines))
		}
	}
}

// TestTailDoesNotCareHowItIsWritten compares writing at once with writing in
// pieces.
func TestTailDoesNotCareHowItIsWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"\n", "\r", "\r\n", "\x1b[2K", "\x1b[31m", "é", "\xff", "x", "error: ", strings.Repeat("y", 300), "\x00", "\x1b]0;", "\a"}
	for range 60 {
		var b bytes.Buffer
		for range random.IntN(400) {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		whole, pieces := NewTail(0), NewTail(0)
		whole.Write(b.Bytes())
		for p := b.Bytes(); len(p) > 0; {
			n := min(1+random.IntN(50), len(p))
			pieces.Write(p[:n])
			p = p[n:]
		}
		if w, p := whole.Lines(), pieces.Lines(); !slices.Equal(w, p) {
			t.Fatalf("at once   %.2000q\nin pieces %.2000q", w, p)
		}
	}
}

func TestTailIsBounded(t *testing.T) {
	const bound = 64 << 10
	for name, chunk := range map[string]string{
		"lines":       strings.Repeat("src/x.ts(1,2): error TS1: a line that looks like an error\n", 1000),
		"one line":    strings.Repeat("no line feed at all ", 3000),
		"progress":    strings.Repeat("progress 17% of it\r", 3000),
		"line feeds":  strings.Repeat("\n", 60000),
		"escapes":     strings.Repeat("\x1b[31m", 10000),
		"binary":      strings.Repeat("\x00\xff\xfe\x80", 15000),
		"short lines": strings.Repeat("a\n", 30000),
	} {
		tail := NewTail(bound)
		io.WriteString(tail, chunk)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 30 { // some 2 MB
			io.WriteString(tail, chunk)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4*bound {
			t.Errorf("%s: the heap grew by %d bytes", name, grown)
		}
		if size := linesOf(tail); size > bound {
			t.Errorf("%s: %d bytes", name, size)
		}
		runtime.KeepAlive(tail)
	}
}

func TestTailConcurrently(t *testing.T) {
	tail := NewTail(64 << 10)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 500 {
				fmt.Fprintf(tail, "writer %d line %d\n", i, j)
				if j%100 == 0 {
					tail.Lines()
				}
			}
		})
	}
	wg.Wait()
	for _, l := range tail.Lines() {
		var i, j int
		if _, err := fmt.Sscanf(l, "writer %d line %d", &i, &j); err != nil && !strings.Contains(l, "left out") {
			t.Errorf("a torn line: %q", l)
		}
	}
}

func FuzzTail(f *testing.F) {
	f.Add([]byte("a\r\nerror: b\x1b[2Kc\n"), uint(3))
	f.Fuzz(func(t *testing.T, data []byte, step uint) {
		tail := NewTail(0)
		n := int(step%1000) + 1
		for range 20 {
			for p := data; len(p) > 0; p = p[min(n, len(p)):] {
				tail.Write(p[:min(n, len(p))])
			}
		}
		if size := linesOf(tail); size > minTail {
			t.Errorf("%d bytes", size)
		}
		Find(tail.Lines(), Options{})
	})
}

func BenchmarkTail(b *testing.B) {
	for name, line := range map[string]string{
		"plain":   "dist/assets/index-yCelQKq6.js  0.79 kB, gzip: 0.44 kB, and some more text of a build\n",
		"colours": "\x1b[2mdist/\x1b[22m\x1b[36massets/index.js  \x1b[39m\x1b[1m0.79 kB\x1b[22m │ gzip: 0.44 kB\n",
		"errors":  "src/file1.ts(1,14): error TS2322: Type 'string' is not assignable to type 'number'.\n",
		"noise":   "npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.\n",
	} {
		b.Run(name, func(b *testing.B) {
			chunk := []byte(strings.Repeat(line, 32<<10/len(line)))
			tail := NewTail(256 << 10)
			b.SetBytes(int64(len(chunk)))
			b.ReportAllocs()
			for b.Loop() {
				tail.Write(chunk)
			}
		})
	}
}
