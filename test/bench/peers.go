package main

import (
	"encoding/json"
	"net/http"
	"os"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

// peer is what somebody might run instead, in one configuration.
type peer struct {
	name   string
	module module
	// first says that a message is stored before it is acknowledged; stored says
	// it in full, from the peer's source.
	first  bool
	stored string
	start  func(b *bench, binary, dir string) (*process, target, error)
}

// peers are all of them. docs/performance.md says where in their sources it is
// written how each of them stores.
var peers = []peer{
	{
		name: "ntfy", module: ntfy, first: true,
		stored: "yes, fsync each",
		start:  startNtfy(),
	},
	{
		name: "ntfy with WAL", module: ntfy, first: true,
		stored: "yes, but no fsync",
		start:  startNtfy("cache-startup-queries"),
	},
	{
		name: "ntfy with batches", module: ntfy,
		stored: "no, up to 1 s later",
		start:  startNtfy("cache-startup-queries", "cache-batch-size", "cache-batch-timeout"),
	},
	{
		name: "Gotify", module: gotify, first: true,
		stored: "yes, fsync each",
		start:  startGotify,
	},
	{
		name: "Alertmanager", module: alertmanager,
		stored: "no, in memory only",
		start:  startAlertmanager,
	},
}

// compare measures acknowledgements of peers against Shipbell's, each with the
// persistence that it has.
func (b *bench) compare() error {
	telegram, err := b.startTelegram(faketelegram.Options{})
	if err != nil {
		return err
	}
	ours, _, err := b.startEntrant("Shipbell (SQLite)", b.sqlite(), telegram, 1)
	if err != nil {
		return err
	}
	entrants := []entrant{ours}
	first := map[string]bool{}
	var missing []row
	for _, p := range peers {
		name := p.name + " " + p.module.version
		e, err := b.startPeer(p)
		if err != nil {
			if b.ctx.Err() != nil {
				return err
			}
			missing = append(missing, row{what: name, missing: err.Error()})
			continue
		}
		e.name = name
		entrants = append(entrants, e)
		first[name] = p.first
	}
	for _, connections := range connectionCounts {
		scores, err := b.contest(connections, entrants...)
		if err != nil {
			return err
		}
		for _, s := range scores[1:] {
			r := s.row(connections, &scores[0])
			if first[s.name] && connections == goalConnections {
				r.goal = below(1, s.ratio(), "")
			}
			b.add(r)
		}
	}
	b.rows = append(b.rows, missing...)
	return nil
}

func (b *bench) startPeer(p peer) (entrant, error) {
	binary, err := b.binaryOf(p.module)
	if err != nil {
		return entrant{}, err
	}
	dir := b.scratch(p.module.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return entrant{}, err
	}
	server, t, err := p.start(b, binary, dir)
	if err != nil {
		return entrant{}, err
	}
	t.lenient = true
	return entrant{target: t, cpu: server.cpu, stored: p.stored}, nil
}

// says appends what a person reads of the n-th deployment, as a JSON string.
func says(b []byte, n int64) []byte {
	b = append(b, `"Project: api-service\nEnvironment: production\nDeployment ID: `...)
	b = appendUUID(b, uint64(n))
	return append(b, `\nAuthor: dev@example.com\nBranch: feature/add-auth\nCommit: abc123d - Add JWT authentication\nTime: Jan 15, 2025, 10:30 AM UTC"`...)
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

// writeJSON writes a peer's configuration: JSON is YAML as well.
func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
