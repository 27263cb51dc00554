package dashboard

import (
	"sync"
	"time"

	"github.com/shipbell/shipbell/internal/board"
)

// snapshotFor is how long cards that did not change are not sorted again. What is
// under way changes with the time alone.
const snapshotFor = time.Second

// snapshot is the cards as they are, for all who ask: an event makes every page ask
// at once.
type snapshot struct {
	mu      sync.Mutex
	cards   []board.Card
	sum     summary
	version int64
	at      time.Time
}

// snapshot returns the cards, which are not to be changed, and their counts.
func (d *Dashboard) snapshot() ([]board.Card, summary) {
	s := &d.known
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := time.Since(s.at); s.at.IsZero() || age >= snapshotFor || s.version != d.Board.Version() {
		s.cards, s.version = d.Board.Cards()
		s.sum, s.at = summarize(s.cards), time.Now()
	}
	return s.cards, s.sum
}
