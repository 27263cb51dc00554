package main

import (
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// checkOrder looks whether the first posts in each chat came in the order of the
// deployments. A lane takes the most urgent first, and of those the oldest: only
// a post that shows a failure may overtake one that was not known to have failed.
// Numbers are given in the order of commits, so that a lane that sees a
// deployment has seen all older ones.
func (v *verdict) checkOrder(all []request) {
	type first struct {
		request
		// looked is a time after which the lane chose it.
		looked time.Time
		failed bool // it shows a failure
	}
	posts := make(map[lane][]first)
	seen := make(map[place]bool)
	before := make(map[lane]time.Time) // the answer to the request before
	for _, q := range all {
		if q.post() && q.part == shipbell.PartMain && !seen[q.place] {
			seen[q.place] = true
			posts[q.lane] = append(posts[q.lane], first{q, before[q.lane], showsFailure(q.Text)})
		}
		before[q.lane] = q.answered
	}
	for l, sequence := range posts {
		var oldest *first    // of those that were posted later
		var failures []first // among those
		for i, f := range slices.Backward(sequence) {
			mine := v.numbers[f.key].id
			if f.failed {
				for _, o := range failures {
					if n := v.numbers[o.key]; n.id < mine && n.failed.Before(f.looked) {
						v.overtook(l, f.request, o.request)
						break
					}
				}
			} else if oldest != nil && v.numbers[oldest.key].id < mine {
				v.overtook(l, f.request, oldest.request)
			}
			if oldest == nil || mine < v.numbers[oldest.key].id {
				oldest = &sequence[i]
			}
			if !v.numbers[f.key].failed.IsZero() {
				failures = append(failures, f)
			}
		}
	}
}

func (v *verdict) overtook(l lane, early, late request) {
	v.disorder++
	v.fail("in %s deployment %d (%s) was posted before deployment %d (%s): calls %d and %d",
		l, v.numbers[early.key].id, early.key, v.numbers[late.key].id, late.key, early.Call.Seq, late.Call.Seq)
}

// showsFailure reads the status of a deployment off its message.
func showsFailure(text string) bool {
	_, rest, _ := strings.Cut(tags.ReplaceAllString(text, ""), "\n")
	return strings.HasPrefix(rest, "❌")
}
