package fakeserver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
)

// echo answers with what it was sent, and breaks the connection at /break.
func echo(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/break" {
		Break(w)
		return
	}
	w.Header().Set("Method", r.Method)
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.Copy(w, r.Body)
}

// TestTransports: what a client sees is the same in process and over the network.
func TestTransports(t *testing.T) {
	url, stop, err := Start(http.HandlerFunc(echo))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("listens on %s", url)
	}
	network := &http.Client{Transport: &http.Transport{}}
	for _, c := range []struct {
		name, url string
		client    *http.Client
	}{
		{"in process", "http://anything.test", Client(http.HandlerFunc(echo))},
		{"network", url, network},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer c.client.CloseIdleConnections()
			for _, sent := range []string{"", "body"} {
				request, err := http.NewRequest(http.MethodPut, c.url+"/echo", nil)
				if err != nil {
					t.Fatal(err)
				}
				if sent != "" {
					request.Body = io.NopCloser(strings.NewReader(sent))
				}
				response, err := c.client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || string(body) != sent || response.Status != "202 Accepted" || response.Header.Get("Method") != "PUT" {
					t.Errorf("answer to %q: %s, %v, %q, %v", sent, response.Status, response.Header, body, err)
				}
			}
			response, err := c.client.Get(c.url + "/break")
			if err == nil {
				response.Body.Close()
				t.Fatalf("HTTP %d instead of a broken connection", response.StatusCode)
			}
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
				t.Errorf("a broken connection: %v", err)
			}
		})
	}
	stop()
	stop()
	if response, err := network.Get(url); err == nil {
		response.Body.Close()
		t.Error("it answers after it was stopped")
	}
}

// TestStopBreaksConnections: whoever waits for an answer learns that there is
// none.
func TestStopBreaksConnections(t *testing.T) {
	arrived := make(chan struct{})
	url, stop, err := Start(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-arrived
		stop()
	}()
	client := &http.Client{Transport: &http.Transport{}}
	if response, err := client.Post(url, "", nil); err == nil {
		response.Body.Close()
		t.Errorf("HTTP %d instead of a broken connection", response.StatusCode)
	}
}

// TestHangUp: a client that does not wait gets its own error, and the handler
// learns that it is gone.
func TestHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := false
		client := Client(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			gone = true
		}))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait()
			cancel()
		}()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://anything.test", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := client.Do(request); !errors.Is(err, context.Canceled) {
			if err == nil {
				response.Body.Close()
			}
			t.Errorf("error %v", err)
		}
		synctest.Wait()
		if !gone {
			t.Error("the handler still waits")
		}
	})
}

// TestLostBody: a body that cannot be read reaches no handler.
func TestLostBody(t *testing.T) {
	client := Client(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") }))
	lost := errors.New("lost")
	response, err := client.Post("http://anything.test", "text/plain", io.MultiReader(strings.NewReader("half"), failing{lost}))
	if !errors.Is(err, lost) {
		if err == nil {
			response.Body.Close()
		}
		t.Errorf("error %v, want %v", err, lost)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
