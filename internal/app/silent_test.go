package app

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestSilentConnsDoNotDelayShutdown: http.Server waits five seconds for a
// connection that has sent nothing; less than that is given here.
func TestSilentConnsDoNotDelayShutdown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{}
	silent := watchSilent(server)
	accepted := make(chan struct{})
	watch := server.ConnState
	server.ConnState = func(c net.Conn, s http.ConnState) {
		watch(c, s)
		if s == http.StateNew {
			close(accepted)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-accepted
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	silent.close()
	if err := server.Shutdown(ctx); err != nil {
		t.Errorf("shut-down waited for a connection that has sent nothing: %v", err)
	}
	<-ended
}
