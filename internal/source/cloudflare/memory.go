package cloudflare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// The policy of this file: memory is what the poller must know to tell new from
// old, and nothing that Cloudflare can be asked again. It holds no names.

// memory is what the poller remembers, by account. Discovery of the account has
// the empty one.
type memory struct {
	Accounts map[string]*accountMemory `json:"accounts"`
}

type accountMemory struct {
	// A part that is nil was never looked at: the first look at it is silent.
	Workers *workersMemory `json:"workers,omitempty"`
	Builds  *buildsMemory  `json:"builds,omitempty"`
	Pages   *pagesMemory   `json:"pages,omitempty"`
	// Logs are those of failures that are still to be read.
	Logs []wantedLog `json:"logs,omitempty"`
	sight
}

type workersMemory struct {
	// Since is the first look: what is older was there before.
	Since time.Time               `json:"since"`
	Known map[string]workerMemory `json:"known"`
	// Told are the deployments that were told last, the oldest first. Those that
	// are too old stay until the next one is told, so that a look that finds
	// nothing writes nothing.
	Told []toldDeployment `json:"told,omitempty"`
}

// toldDeployment is a deployment that was told: what a later look at the list of
// Workers says more of it is told too.
type toldDeployment struct {
	Worker  string         `json:"worker"`
	ID      string         `json:"id"`
	At      time.Time      `json:"at"`     // when it was made
	ToldAt  time.Time      `json:"toldAt"` // when it was told first
	Version string         `json:"version,omitempty"`
	First   bool           `json:"first,omitempty"`
	Cause   shipbell.Cause `json:"cause,omitempty"`
	Said    said           `json:"said"`
	Better  int            `json:"better,omitempty"` // how often more was told
}

// told remembers a deployment that is told now.
func (m *workersMemory) told(d toldDeployment) {
	m.Told = slices.DeleteFunc(m.Told, func(o toldDeployment) bool { return d.ToldAt.Sub(o.ToldAt) > tellMoreFor })
	m.Told = append(m.Told, d)
	m.Told = m.Told[max(0, len(m.Told)-maxTold):]
}

type workerMemory struct {
	On       string    `json:"on,omitempty"`       // deployed_on as it was written
	Last     string    `json:"last,omitempty"`     // id of the last deployment; empty if never asked
	At       time.Time `json:"at,omitzero"`        // when that was made
	Only     string    `json:"only,omitempty"`     // the version that had all traffic with it
	Versions []string  `json:"versions,omitempty"` // see remember
}

// remember writes a history: the first characters of each version, and its share
// where it was not all. A version of less than all is what a rollout is about.
func (h history) remember() []string {
	var words []string
	for _, p := range h {
		word := p.version
		if p.share < full {
			word += partly
		}
		words = append(words, word)
	}
	return words
}

// partly marks a version that never had all traffic.
const partly = "~"

func recall(words []string) history {
	var h history
	for _, w := range words {
		p := past{version: w, share: 100}
		if name, ok := strings.CutSuffix(w, partly); ok {
			p = past{version: name}
		}
		h = append(h, p)
	}
	return h
}

type buildsMemory struct {
	Since  time.Time              `json:"since"`
	Known  map[string]buildMemory `json:"known,omitempty"`  // by Worker
	Active map[string]activeBuild `json:"active,omitempty"` // by build
	// Join are versions whose build was not known yet, by version.
	Join map[string]wantedJoin `json:"join,omitempty"`
}

// buildMemory is the newest build of a Worker.
type buildMemory struct {
	Last string    `json:"last"`
	At   time.Time `json:"at"`
}

type activeBuild struct {
	Worker string          `json:"worker"`
	Status shipbell.Status `json:"status"`
	At     time.Time       `json:"at"`
}

type wantedJoin struct {
	Worker string    `json:"worker"`
	At     time.Time `json:"at"`
	Built  bool      `json:"built,omitempty"` // there is a build
}

type pagesMemory struct {
	Since time.Time `json:"since"`
	// Bare is set where the list of projects was refused with per_page.
	Bare  bool                     `json:"bare,omitempty"`
	Known map[string]projectMemory `json:"known"`
}

type projectMemory struct {
	Recent []string                   `json:"recent,omitempty"` // the first characters of the last ids, the newest last
	At     time.Time                  `json:"at,omitzero"`      // when the newest was made
	Active map[string]shipbell.Status `json:"active,omitempty"`
	Live   string                     `json:"live,omitempty"` // what production showed last
	LiveAt time.Time                  `json:"liveAt,omitzero"`
	BackAt time.Time                  `json:"backAt,omitzero"` // when an older one was last put back
}

// wantedLog is a failure whose log is still to be read.
type wantedLog struct {
	Type    shipbell.ProjectType `json:"type"`
	Project string               `json:"project"` // id of the Worker or of the project
	ID      string               `json:"id"`      // of the build or of the deployment
	Tries   int                  `json:"tries,omitempty"`
}

const (
	// maxWantedLogs bounds what waits; the oldest are given up. maxLogTries is
	// how often each is asked for.
	maxWantedLogs = 50
	maxLogTries   = 5
	// maxRecent is how many ids of a Pages project are remembered, and overlap
	// how long a deployment may need to show up in a list.
	maxRecent = 25
	overlap   = 10 * time.Minute
	// maxActive is how long a deployment or build that does not end is followed.
	maxActive = 24 * time.Hour
	// maxJoin is how long the build of a version is asked for.
	maxJoin = 15 * time.Minute
	// tellMoreFor is how long after a deployment was told more is told of it:
	// wrangler names tags and address of a new Worker after it has deployed it, and
	// custom domains after those. maxTold bounds how many deployments, and
	// maxBetter how often: an address may go back and forth.
	tellMoreFor = 10 * time.Minute
	maxTold     = 50
	maxBetter   = 5
)

func (m *accountMemory) want(w wantedLog) {
	for _, have := range m.Logs {
		if have.ID == w.ID {
			return
		}
	}
	m.Logs = append(m.Logs, w)
	m.Logs = m.Logs[max(0, len(m.Logs)-maxWantedLogs):]
}

// readMemory reads what was stored. Memory that cannot be read would make every
// old deployment new, so it is an error and not an empty memory.
func readMemory(stored string) (*memory, error) {
	m := &memory{}
	if stored != "" {
		if err := json.Unmarshal([]byte(stored), m); err != nil {
			return nil, fmt.Errorf("read the memory of the poller: %w", err)
		}
	}
	if m.Accounts == nil {
		m.Accounts = make(map[string]*accountMemory)
	}
	return m, nil
}

func (m *memory) account(id string) *accountMemory {
	if m.Accounts[id] == nil {
		m.Accounts[id] = &accountMemory{}
	}
	return m.Accounts[id]
}

// only returns the account that is remembered, if it is the only one.
func (m *memory) only() (id string, ok bool) {
	n := 0
	for known := range m.Accounts {
		if known != "" {
			id, n = known, n+1
		}
	}
	return id, n == 1
}

func (m *memory) write() string {
	data, err := json.Marshal(m)
	if err != nil {
		panic("cloudflare: memory that cannot be encoded: " + err.Error()) // texts and times only
	}
	return string(data)
}
