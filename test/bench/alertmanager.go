package main

import (
	"path/filepath"
)

var alertmanager = module{
	name: "alertmanager", path: "github.com/prometheus/alertmanager", version: "v0.35.0", program: "./cmd/alertmanager",
	pages: []string{"ui/app/dist/index.html"},
}

// startAlertmanager starts it alone, with a receiver that tells nobody.
func startAlertmanager(b *bench, binary, dir string) (*process, target, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, target{}, err
	}
	file := filepath.Join(dir, "alertmanager.yml")
	if err := writeJSON(file, map[string]any{
		"route":     map[string]any{"receiver": "nobody", "group_by": []string{"project"}},
		"receivers": []any{map[string]any{"name": "nobody"}},
	}); err != nil {
		return nil, target{}, err
	}
	p, err := b.start(address, nil, binary, "--config.file="+file, "--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--cluster.listen-address=", "--log.level=error")
	if err != nil {
		return nil, target{}, err
	}
	return p, target{urls: []string{p.url + "/api/v2/alerts"}, header: jsonHeader, body: func(b []byte, n int64) []byte {
		b = append(b, `[{"labels":{"alertname":"Deployment","project":"api-service","environment":"production","deployment":"`...)
		b = appendUUID(b, uint64(n))
		b = append(b, `"},"annotations":{"description":`...)
		return append(says(b, n), `}}]`...)
	}}, nil
}
