package compress_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/compress"
)

// answer asks a handler behind a pool.
func answer(t *testing.T, h http.HandlerFunc, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	new(compress.Pool).Handler(h).ServeHTTP(w, r)
	return w.Result()
}

// body returns what a reader makes of an answer.
func body(t *testing.T, a *http.Response) string {
	t.Helper()
	var from io.Reader = a.Body
	if a.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		from = z
	}
	text, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func text(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("ETag", `"abc"`)
		_, _ = io.WriteString(w, body)
	}
}

func TestWhatIsCompressed(t *testing.T) {
	long, short := strings.Repeat("deployment ", 1000), "short"
	for _, test := range []struct {
		name, kind, body, accept string
		packed                   bool
	}{
		{"a long answer", "application/json", long, "gzip, br", true},
		{"text with a charset", "text/html; charset=utf-8", long, "gzip;q=0.5", true},
		{"whatever", "image/svg+xml", long, "br;q=1, *;q=0.1", true},
		{"a short answer", "application/json", short, "gzip", false},
		{"an empty one", "application/json", "", "gzip", false},
		{"a picture", "image/png", long, "gzip", false},
		{"a stream", "text/event-stream", long, "gzip", false},
		{"who does not take it", "application/json", long, "", false},
		{"who takes another", "application/json", long, "br", false},
		{"who wants none of it", "application/json", long, "gzip;q=0, *", false},
		{"who wants nonsense", "application/json", long, "gzip;q=x", false},
	} {
		a := answer(t, text(test.kind, test.body), "Accept-Encoding", test.accept)
		packed := a.Header.Get("Content-Encoding") == "gzip"
		tag := map[bool]string{true: `"abc-gzip"`, false: `"abc"`}[packed]
		if got := body(t, a); got != test.body || packed != test.packed || a.Header.Get("ETag") != tag || a.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %d bytes, %v", test.name, len(got), a.Header)
		}
	}
}

// TestTagOfTheCompressed comes back to the handler as it gave it.
func TestTagOfTheCompressed(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"abc"`)
		if r.Header.Get("If-None-Match") == `"abc"` {
			w.WriteHeader(http.StatusNotModified)
		}
	}
	for given, want := range map[string]string{`"abc-gzip"`: `"abc-gzip"`, `"abc"`: `"abc"`} {
		a := answer(t, h, "Accept-Encoding", "gzip", "If-None-Match", given)
		if a.StatusCode != http.StatusNotModified || a.Header.Get("ETag") != want || a.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", given, a.StatusCode, a.Header)
		}
	}
}

// TestParts pass when they are flushed, and not at the end.
func TestParts(t *testing.T) {
	sent := &recorder{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	new(compress.Pool).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, strings.Repeat("x", 2000))
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(sent.Body.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := io.Copy(io.Discard, z); n != 2000 {
			t.Errorf("%d bytes were sent", n)
		}
	})).ServeHTTP(sent, r)
	if sent.flushes != 1 {
		t.Errorf("%d flushes", sent.flushes)
	}
}

type recorder struct {
	*httptest.ResponseRecorder
	flushes int
}

func (r *recorder) Flush() { r.flushes++ }

// TestStatusStays, and what has no body gets none.
func TestStatusStays(t *testing.T) {
	for _, status := range []int{http.StatusNoContent, http.StatusNotFound, http.StatusCreated} {
		a := answer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }, "Accept-Encoding", "gzip")
		if a.StatusCode != status || body(t, a) != "" || a.Header.Get("Content-Encoding") != "" {
			t.Errorf("%d: %d %v", status, a.StatusCode, a.Header)
		}
	}
	a := answer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, strings.Repeat("not here ", 500))
	}, "Accept-Encoding", "gzip")
	if a.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", a.StatusCode)
	}
}

// FuzzAccepts: nobody who names gzip with weight zero gets it.
func FuzzAccepts(f *testing.F) {
	f.Add("br, *;q=0.1")
	f.Fuzz(func(t *testing.T, others string) {
		a := answer(t, text("text/plain", strings.Repeat("x", 5000)), "Accept-Encoding", others+", gzip;q=0")
		if a.Header.Get("Content-Encoding") != "" {
			t.Errorf("%q", others)
		}
	})
}
