package shipbell

import (
	"fmt"
	"strings"
)

// Status says how far a deployment has come. The words are those of GitHub's
// deployment statuses, plus announced.
type Status string

// The statuses, in the order in which a deployment passes through them; the
// last four are final and equal in rank.
const (
	Announced  Status = "announced"   // a build step said what it is about to deploy; the outcome is unknown
	Queued     Status = "queued"      // waiting for a build machine
	InProgress Status = "in_progress" // being built or uploaded
	Success    Status = "success"     // deployed
	Failure    Status = "failure"     // did not deploy
	Canceled   Status = "canceled"    // stopped by a person or by a newer deployment
	Skipped    Status = "skipped"     // never started, on purpose
)

// statusWords are the accepted spellings. Other systems' words end here.
var statusWords = map[string]Status{
	"announced":   Announced,
	"queued":      Queued,
	"pending":     Queued,
	"in_progress": InProgress,
	"in-progress": InProgress,
	"started":     InProgress,
	"running":     InProgress,
	"success":     Success,
	"succeeded":   Success,
	"failure":     Failure,
	"failed":      Failure,
	"fail":        Failure,
	"error":       Failure,
	"canceled":    Canceled,
	"cancelled":   Canceled,
	"skipped":     Skipped,
}

// AcceptedStatuses lists the documented statuses for hints and help.
const AcceptedStatuses = "announced, queued, in_progress, success, failure, canceled, skipped"

// ParseStatus reads a status in any spelling that is in use, in any case. The
// empty string is [Announced]: a push that says nothing of an outcome announces.
// An unknown word is [ErrInvalid].
func ParseStatus(word string) (Status, error) {
	word = strings.ToLower(strings.TrimSpace(word))
	if word == "" {
		return Announced, nil
	}
	if s, ok := statusWords[word]; ok {
		return s, nil
	}
	return "", fmt.Errorf("status %q: %w: one of %s", word, ErrInvalid, AcceptedStatuses)
}

// Final reports whether the deployment is over.
func (s Status) Final() bool {
	switch s {
	case Success, Failure, Canceled, Skipped:
		return true
	}
	return false
}

// rank orders statuses: a deployment only moves to a higher rank. Final
// statuses share one rank; [Apply] decides among them.
func (s Status) rank() int {
	switch s {
	case "":
		return 0
	case Announced:
		return 1
	case Queued:
		return 2
	case InProgress:
		return 3
	}
	return 4
}
