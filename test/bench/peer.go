package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// peerBinaries is where built peers stay; a binary that is there already is used.
const peerBinaries = ".cache/peers"

// module is a peer's program in its released source. Built from its own go.mod,
// it has the dependencies that it was released with.
type module struct {
	name    string
	path    string // of the module
	version string
	program string // the package, relative to the module
	tags    string
	cgo     bool
	// pages are files which the program embeds and its front end's build makes;
	// they are empty here.
	pages []string
}

// binary returns the path of the program, which it builds when it is not there.
func (b *bench) binaryOf(m module) (string, error) {
	path, err := filepath.Abs(filepath.Join(peerBinaries, m.name+"-"+m.version))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	progress("building %s %s, once", m.name, m.version)
	out, err := exec.CommandContext(b.ctx, "go", "mod", "download", "-json", m.path+"@"+m.version).Output()
	var download struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &download); jsonErr != nil {
		return "", errors.Join(err, jsonErr)
	}
	if download.Error != "" {
		progress("%s", download.Error)
		return "", fmt.Errorf("%s %s cannot be fetched", m.path, m.version)
	}
	// The module cache is for reading only, and the pages are missing in it.
	source := b.scratch(m.name)
	if err := os.CopyFS(source, os.DirFS(download.Dir)); err != nil {
		return "", err
	}
	for _, page := range m.pages {
		page = filepath.Join(source, filepath.FromSlash(page))
		if err := errors.Join(os.MkdirAll(filepath.Dir(page), 0o755), os.WriteFile(page, nil, 0o644)); err != nil {
			return "", err
		}
	}
	c := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-tags", m.tags, "-ldflags", "-s -w", "-o", path, m.program)
	c.Dir = source
	c.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if m.cgo {
		c.Env = append(c.Env, "CGO_ENABLED=1")
	}
	if out, err := c.CombinedOutput(); err != nil {
		progress("%s", bytes.TrimSpace(out))
		return "", fmt.Errorf("%s %s cannot be built", m.path, m.version)
	}
	return path, os.RemoveAll(source)
}
