// Package compress sends what is long and text with gzip to those who take it.
//
// Its one rule: what a reader unpacks is what the handler wrote, to the byte, and
// carries an entity tag of its own. Streams, pictures and what is short already
// pass as they are; nothing is held back longer than it takes to see whether it is
// short.
package compress

import (
	"compress/gzip"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// least is from how many bytes on it is worth it: less fits into one packet.
const least = 1024

// suffix ends the entity tag of what was compressed: it has other bytes than what
// was not.
const suffix = `-gzip"`

// Pool keeps writers for reuse: each holds a window of some hundred kB. The zero
// Pool is ready.
type Pool struct{ writers sync.Pool }

func (p *Pool) get() *gzip.Writer {
	if w, ok := p.writers.Get().(*gzip.Writer); ok {
		return w
	}
	// Half the effort of the default, for a few percent.
	w, _ := gzip.NewWriterLevel(nil, 4)
	return w
}

// Handler returns one that compresses what next answers.
func (p *Pool) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !accepts(r.Header.Values("Accept-Encoding")) || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		c := &writer{ResponseWriter: w, pool: p}
		if had := r.Header.Values("If-None-Match"); len(had) > 0 {
			r = r.Clone(r.Context())
			r.Header.Set("If-None-Match", strings.ReplaceAll(strings.Join(had, ", "), suffix, `"`))
			c.had = strings.Contains(strings.Join(had, ","), suffix)
		}
		defer c.close()
		next.ServeHTTP(c, r)
	})
}

// accepts reports whether gzip is among what a reader takes, as RFC 9110 has it.
func accepts(headers []string) bool {
	named, any := -1.0, -1.0
	for item := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		coding, params, _ := strings.Cut(item, ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(params), " ", ""), "q="); ok {
			var err error
			if weight, err = strconv.ParseFloat(q, 64); err != nil {
				weight = 0
			}
		}
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			named = weight
		case "*":
			any = weight
		}
	}
	return named > 0 || named < 0 && any > 0
}

// writer holds the start of an answer until it is known whether it is long.
type writer struct {
	http.ResponseWriter
	pool    *Pool
	had     bool // the reader has a compressed form
	status  int
	held    []byte
	decided bool
	gzip    *gzip.Writer
}

// Unwrap lets an [http.ResponseController] reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader keeps the status until it is decided.
func (w *writer) WriteHeader(status int) {
	if status >= 100 && status < 200 {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if w.status != 0 {
		return
	}
	w.status = status
	h := w.Header()
	if status == http.StatusNotModified && w.had {
		h.Set("ETag", tagged(h.Get("ETag")))
	}
	if !fit(status, h) {
		w.plain()
	} else if n, err := strconv.Atoi(h.Get("Content-Length")); err == nil && n < least {
		w.plain()
	}
}

// fit reports whether an answer may be compressed.
func fit(status int, h http.Header) bool {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	text := strings.HasPrefix(kind, "text/") && kind != "text/event-stream" ||
		slices.Contains([]string{"application/json", "application/javascript", "application/atom+xml", "image/svg+xml", "application/schema+json"}, kind)
	return text && status != http.StatusNoContent && status != http.StatusNotModified && status != http.StatusPartialContent && h.Get("Content-Encoding") == ""
}

// plain passes the answer on as it is.
func (w *writer) plain() {
	if w.decided {
		return
	}
	w.decided = true
	w.ResponseWriter.WriteHeader(w.status)
	if len(w.held) > 0 {
		_, _ = w.ResponseWriter.Write(w.held)
	}
	w.held = nil
}

func (w *writer) packed() error {
	w.decided = true
	h := w.Header()
	h.Del("Content-Length")
	h.Del("Accept-Ranges")
	h.Set("Content-Encoding", "gzip")
	if tag := h.Get("ETag"); tag != "" {
		h.Set("ETag", tagged(tag))
	}
	w.ResponseWriter.WriteHeader(w.status)
	w.gzip = w.pool.get()
	w.gzip.Reset(w.ResponseWriter)
	_, err := w.gzip.Write(w.held)
	w.held = nil
	return err
}

// tagged returns the entity tag of the compressed form.
func tagged(tag string) string {
	if !strings.HasSuffix(tag, `"`) || strings.HasSuffix(tag, suffix) {
		return tag
	}
	return strings.TrimSuffix(tag, `"`) + suffix
}

// Write takes a part of the body.
func (w *writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", http.DetectContentType(b))
		}
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.gzip != nil:
		return w.gzip.Write(b)
	case w.decided:
		return w.ResponseWriter.Write(b)
	}
	w.held = append(w.held, b...)
	if len(w.held) >= least {
		return len(b), w.packed()
	}
	return len(b), nil
}

// FlushError sends what was written so far: an answer that comes in parts is not
// held back.
func (w *writer) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.gzip == nil {
		w.plain()
	} else if err := w.gzip.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush is FlushError for those who do not ask.
func (w *writer) Flush() { _ = w.FlushError() }

func (w *writer) close() {
	switch {
	case w.gzip != nil:
		_ = w.gzip.Close()
		w.gzip.Reset(nil)
		w.pool.writers.Put(w.gzip)
	case w.status != 0:
		w.plain()
	}
}
