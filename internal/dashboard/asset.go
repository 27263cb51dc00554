package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed assets templates
var files embed.FS

// pathAssets is where the assets are.
const pathAssets = "/assets/"

// immutable lets a browser keep an asset for good: its name changes with its
// content.
const immutable = "public, max-age=31536000, immutable"

// assets are the files that the pages lead to.
type assets struct {
	named  map[string]asset  // by the name in the address
	hashed map[string]string // the address by the name of the file
}

type asset struct {
	kind string
	body []byte
}

// hashLength is how much of a content's hash stands in a name, in hexadecimal.
const hashLength = 12

func loadAssets() assets {
	a := assets{named: make(map[string]asset), hashed: make(map[string]string)}
	entries, err := files.ReadDir("assets")
	if err != nil {
		panic(err) // they are in the binary
	}
	for _, e := range entries {
		body, err := files.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:])[:hashLength] + ext
		a.named[name] = asset{mime.TypeByExtension(ext), body}
		a.hashed[e.Name()] = pathAssets + name
	}
	return a
}

// address returns where an asset is.
func (a assets) address(name string) string { return a.hashed[name] }

func (d *Dashboard) asset(w http.ResponseWriter, r *http.Request) {
	found, ok := d.assets.named[r.PathValue("name")]
	if !ok {
		d.Fail(w, r, http.StatusNotFound, "No such file", "The page that led here is of another version: load it anew.")
		return
	}
	setSecurity(w.Header())
	w.Header().Set("Content-Type", found.kind)
	w.Header().Set("Cache-Control", immutable)
	write(w, http.StatusOK, found.body)
}
