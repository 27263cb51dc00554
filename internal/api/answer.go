package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

const contentJSON = "application/json"

// private is how most answers may be kept: only by the reader, who asks each time
// whether they still hold.
const private = "private, no-cache"

// encode returns a value as JSON. All that is encoded here is ours, and can be.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func write(w http.ResponseWriter, status int, content string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", content)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// reply answers with a body, or says that the reader has it already.
func reply(w http.ResponseWriter, r *http.Request, status int, content, caching string, body []byte) {
	digest := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(digest[:12]) + `"`
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", caching)
	if status == http.StatusOK && matches(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	write(w, status, content, body)
}

// matches reports whether one of the tags that a reader has is this one.
func matches(given []string, tag string) bool {
	for _, list := range given {
		for t := range strings.SplitSeq(list, ",") {
			if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == tag || t == "*" {
				return true
			}
		}
	}
	return false
}
