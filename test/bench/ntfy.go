package main

import (
	"path/filepath"
)

var ntfy = module{
	name: "ntfy", path: "heckel.io/ntfy/v2", version: "v2.13.0", program: ".", cgo: true,
	tags:  "sqlite_omit_load_extension,osusergo,netgo",
	pages: []string{"server/site/app.html", "server/docs/index.html"},
}

// ntfySettings are what its documentation says its own site runs with; without
// them a message is stored at once, with SQLite's rollback journal.
var ntfySettings = map[string]any{
	"cache-startup-queries": "pragma journal_mode = WAL; pragma synchronous = normal; pragma temp_store = memory; pragma busy_timeout = 15000; vacuum;",
	"cache-batch-size":      25,
	"cache-batch-timeout":   "1s",
}

// startNtfy starts it with a file for its messages, some of the settings above,
// and no limits for visitors.
func startNtfy(settings ...string) func(b *bench, binary, dir string) (*process, target, error) {
	return func(b *bench, binary, dir string) (*process, target, error) {
		address, err := freeAddress()
		if err != nil {
			return nil, target{}, err
		}
		config := map[string]any{
			"listen-http": address, "base-url": "http://" + address, "log-level": "error",
			"visitor-request-limit-exempt-hosts": "127.0.0.1/32",
			"cache-file":                         filepath.Join(dir, "cache.db"),
		}
		for _, s := range settings {
			config[s] = ntfySettings[s]
		}
		file := filepath.Join(dir, "server.yml")
		if err := writeJSON(file, config); err != nil {
			return nil, target{}, err
		}
		p, err := b.start(address, nil, binary, "serve", "--config", file)
		if err != nil {
			return nil, target{}, err
		}
		return p, target{urls: []string{p.url + "/"}, header: jsonHeader, body: func(b []byte, n int64) []byte {
			b = append(b, `{"topic":"deployments","title":"New Worker Deployment","message":`...)
			return append(says(b, n), '}')
		}}, nil
	}
}
