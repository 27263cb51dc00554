package ledger

import (
	"sync"

	"github.com/shipbell/shipbell"
)

// keptFresh is how many of the deployments that this process opened last are kept in
// mind, for the feed, more than are opened while it collects: some 3 MB, 12 where all
// have long messages and errors, and 48 where all their addresses are as long as may be.
const keptFresh = 2048

// fresh keeps deployments as they were opened, so that the feed need not read them
// again: decoding them cost an eighth of recording them. What became of them since is
// a change of its own.
type fresh struct {
	mu   sync.Mutex
	last [keptFresh]*shipbell.Deployment // by number
}

// put keeps a deployment that was opened, after the commit.
func (f *fresh) put(d shipbell.Deployment) {
	d = d.Short()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last[d.ID%keptFresh] = &d
}

// take moves those among ids that are kept into found, and returns the others.
func (f *fresh) take(ids []shipbell.DeploymentID, found map[shipbell.DeploymentID]shipbell.Deployment) (missing []shipbell.DeploymentID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		if d := f.last[id%keptFresh]; d != nil && d.ID == id {
			found[id] = *d
		} else {
			missing = append(missing, id)
		}
	}
	return missing
}
