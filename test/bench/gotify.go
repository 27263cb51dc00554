package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
)

var gotify = module{
	name: "gotify", path: "github.com/gotify/server/v2", version: "v2.9.1", program: ".", cgo: true,
	pages: []string{"ui/build/index.html", "ui/build/manifest.json"},
}

// startGotify starts it with its defaults and makes the application that sends.
func startGotify(b *bench, binary, dir string) (*process, target, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, target{}, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, target{}, err
	}
	p, err := b.start(address, []string{
		"GOTIFY_SERVER_LISTENADDR=" + host, "GOTIFY_SERVER_PORT=" + port,
		"GOTIFY_DATABASE_CONNECTION=" + filepath.Join(dir, "gotify.db"),
		"GOTIFY_UPLOADEDIMAGESDIR=" + filepath.Join(dir, "images"), "GOTIFY_PLUGINSDIR=" + filepath.Join(dir, "plugins"),
	}, binary)
	if err != nil {
		return nil, target{}, err
	}
	request, err := http.NewRequestWithContext(b.ctx, http.MethodPost, p.url+"/application", bytes.NewReader([]byte(`{"name":"bench"}`)))
	if err != nil {
		return nil, target{}, err
	}
	request.Header = jsonHeader.Clone()
	request.SetBasicAuth("admin", "admin")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, target{}, err
	}
	var application struct{ Token string }
	if err := errors.Join(json.NewDecoder(answer.Body).Decode(&application), answer.Body.Close()); err != nil {
		return nil, target{}, fmt.Errorf("make an application in Gotify: %w", err)
	}
	header := jsonHeader.Clone()
	header.Set("X-Gotify-Key", application.Token)
	return p, target{urls: []string{p.url + "/message"}, header: header, body: func(b []byte, n int64) []byte {
		b = append(b, `{"title":"New Worker Deployment","message":`...)
		return append(says(b, n), '}')
	}}, nil
}
