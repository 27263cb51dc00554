package excerpt

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
)

const (
	// minTail is the smallest bound of a Tail, in bytes.
	minTail = 8 << 10
	// maxLine is how much of one line is remembered, in bytes; a sixteenth of the
	// bound if that is less.
	maxLine = 4 << 10
	// maxRegions is how many places with errors are remembered beside the end.
	maxRegions = 4
	// contextBefore and contextAfter are how many lines around an error are
	// remembered. A Python traceback and a Node error stand before their names.
	contextBefore = 16
	contextAfter  = lookAhead
	// overhead is what a line costs beside its text, in bytes.
	overhead = 64
)

// Tail remembers of the output of a command what [Find] needs: the first and
// best places with errors, and the end, within a fixed bound however long the
// output is. It is an [io.Writer] for standard output and standard error
// together and is safe for concurrent use; what two writers write to one line
// is in one line. What it remembers is not masked.
type Tail struct {
	mu     sync.Mutex
	bound  int
	widest int // of a line

	partial  []byte // the line that is being written, as it came
	dropping bool   // the line is full, and the rest of it is left out
	returned bool   // the last byte left out was a carriage return

	seen    int     // lines so far
	recent  []entry // the end of the output
	first   int     // where recent begins; what is before is gone
	size    int     // of recent, with overhead
	regions []*region
	open    *region // gets the lines that follow
	left    int     // how many
}

type entry struct {
	number int
	line   string
	region *region
}

// region is a place with an error. Its lines are in recent until they have to
// leave it.
type region struct {
	rank  rank
	lines []entry
	size  int
	gone  bool
}

// NewTail returns a Tail that remembers at most maxBytes bytes, and at least
// 8 KiB.
func NewTail(maxBytes int) *Tail {
	bound := max(maxBytes, minTail)
	return &Tail{bound: bound, widest: min(maxLine, bound/16)}
}

// Write remembers p. It never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	size := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			t.take(p)
			return size, nil
		}
		if len(t.partial) == 0 && !t.dropping && i < t.widest {
			t.end(p[:i], false)
		} else {
			t.take(p[:i])
			t.end(t.partial, t.dropping)
			t.partial, t.dropping, t.returned = t.partial[:0], false, false
		}
		p = p[i+1:]
	}
}

// rewrites are the bytes with which programs begin to write a line anew.
var rewrites = [][]byte{[]byte("\r"), []byte("\x1b[2K"), []byte("\x1b[1G"), []byte("\x1b[G")}

// take adds to the line that is being written. When it is full, what was
// written over is left out, and if nothing was, the rest.
func (t *Tail) take(p []byte) {
	for len(p) > 0 {
		if t.dropping {
			// A carriage return begins the line anew, unless the line ends there.
			if t.returned && p[0] != '\r' {
				t.partial, t.dropping, t.returned = t.partial[:0], false, false
				continue
			}
			i := bytes.IndexByte(p, '\r')
			if i < 0 {
				return
			}
			t.returned = true
			p = p[i+1:]
			continue
		}
		n := min(t.widest-len(t.partial), len(p))
		t.partial = append(t.partial, p[:n]...)
		p = p[n:]
		if len(t.partial) < t.widest {
			return
		}
		from := 0
		for _, mark := range rewrites {
			from = max(from, bytes.LastIndex(t.partial, mark))
		}
		if from == 0 || from == len(t.partial)-1 {
			t.dropping, t.returned = true, from > 0
			continue
		}
		t.partial = t.partial[:copy(t.partial, t.partial[from:])]
	}
}

// end remembers a whole line.
func (t *Tail) end(raw []byte, cutOff bool) {
	line := plain(raw, cutOff)
	t.seen++
	t.recent = append(t.recent, entry{number: t.seen, line: line})
	t.size += len(line) + overhead
	t.mark()
	for limit := t.bound/2 - t.widest - overhead; t.size > limit; {
		t.leave()
	}
	if t.first > 1024 && t.first > len(t.recent)/2 {
		t.recent = t.recent[:copy(t.recent, t.recent[t.first:])]
		clear(t.recent[len(t.recent):cap(t.recent)])
		t.first = 0
	}
}

func plain(raw []byte, cutOff bool) string {
	if needsCleaning(raw) {
		raw = clean(make([]byte, 0, len(raw)), raw)
	}
	if cutOff {
		return string(raw) + "…"
	}
	return string(raw)
}

// mark decides whether the newest line begins or continues a region.
func (t *Tail) mark() {
	last := &t.recent[len(t.recent)-1]
	matters, successes := telltales()
	if t.full() {
		matters = successes
	}
	if matters.any(last.line) {
		rank, role, _ := judge(strip(last.line))
		if role == success {
			t.survived()
		}
		if rank > none && (t.open == nil || rank > t.open.rank) {
			t.begin(rank)
		}
	}
	if t.open == nil {
		return
	}
	last.region = t.open
	if t.left--; t.left <= 0 {
		t.open = nil
	}
}

// full reports whether no error can find a place any more until a step
// succeeds, so that no line has to be judged for its rank.
func (t *Tail) full() bool {
	return len(t.regions) == maxRegions && !slices.ContainsFunc(t.regions, func(r *region) bool { return r.rank < cause })
}

// begin opens a region at the newest line, if there is room for one more or one
// of a lower rank.
func (t *Tail) begin(rank rank) {
	if len(t.regions) == maxRegions {
		weakest := len(t.regions) - 1
		for i, r := range slices.Backward(t.regions) {
			if r.rank < t.regions[weakest].rank {
				weakest = i
			}
		}
		if t.regions[weakest].rank >= rank {
			return
		}
		t.regions[weakest].gone = true
		t.regions = slices.Delete(t.regions, weakest, weakest+1)
	}
	t.open, t.left = &region{rank: rank}, contextAfter
	t.regions = append(t.regions, t.open)
	for i := len(t.recent) - 2; i >= t.first && i >= len(t.recent)-1-contextBefore; i-- {
		if e := &t.recent[i]; e.region == nil || e.region.gone {
			e.region = t.open
		}
	}
}

// survived notes that a step succeeded: the errors before it were not fatal,
// and give way to any that follow.
func (t *Tail) survived() {
	for _, r := range t.regions {
		r.rank = min(r.rank, wrapper-1)
	}
	t.open = nil
}

// leave takes the oldest of the recent lines out, to its region if it has one.
func (t *Tail) leave() {
	e := t.recent[t.first]
	t.recent[t.first] = entry{}
	t.first++
	t.size -= len(e.line) + overhead
	if r := e.region; r != nil && !r.gone {
		if cost := len(e.line) + overhead; r.size+cost <= t.bound/(2*maxRegions) {
			r.lines = append(r.lines, e)
			r.size += cost
		}
	}
}

// Lines returns what is remembered, in order and without line feeds, escape
// sequences and control characters; a last line without a line feed is in it.
// Where lines are missing, one line says how many.
func (t *Tail) Lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []entry
	for _, r := range t.regions {
		all = append(all, r.lines...)
	}
	slices.SortFunc(all, func(a, b entry) int { return a.number - b.number })
	all = append(all, t.recent[t.first:]...)
	if len(t.partial) > 0 || t.dropping {
		all = append(all, entry{number: t.seen + 1, line: plain(t.partial, t.dropping)})
	}
	lines := make([]string, 0, len(all)+maxRegions)
	before := 0
	for _, e := range all {
		if missing := e.number - before - 1; missing > 0 {
			lines = append(lines, leftOut(missing))
		}
		before = e.number
		lines = append(lines, e.line)
	}
	return lines
}

// leftOut is the line that stands for n lines. The table of rules knows it: no
// excerpt goes beyond it.
func leftOut(n int) string { return fmt.Sprintf("… %d lines left out …", n) }
