package dashboard

import (
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const (
	// zipFrom is from how many bytes on a body is worth compressing.
	zipFrom = 1024
	// zipLevel costs a few milliseconds for the largest page.
	zipLevel = 4
)

// zipper compresses bodies for those who take them so.
type zipper struct{ writers sync.Pool }

func (z *zipper) write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if len(body) < zipFrom || !takesGzip(r) || r.Method == http.MethodHead {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(body)
		}
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	g, _ := z.writers.Get().(*gzip.Writer)
	if g == nil {
		g, _ = gzip.NewWriterLevel(w, zipLevel) // the level is a good one
	}
	g.Reset(w)
	_, _ = g.Write(body)
	_ = g.Close()
	z.writers.Put(g)
}

func takesGzip(r *http.Request) bool {
	for word := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(word, ";")
		if strings.TrimSpace(name) == "gzip" {
			q = strings.ReplaceAll(q, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.0")
		}
	}
	return false
}
