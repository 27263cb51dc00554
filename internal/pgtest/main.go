//go:build unix

package pgtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// shared is the one server of a test binary.
var shared struct {
	sync.Mutex
	server *Server
}

// Main runs the tests of a package that uses [Shared], and removes its server
// afterwards.
func Main(m *testing.M) {
	code := m.Run()
	shared.Lock()
	if shared.server != nil {
		if err := shared.server.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, "remove PostgreSQL:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// Shared returns the server that all tests of a binary share. The first who asks
// starts it.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		s, err := Start("", false)
		if err != nil {
			t.Fatal(err)
		}
		shared.server = s
	}
	return shared.server
}

var schemas atomic.Int64

// URL returns the address of an empty schema, which goes with the test.
func URL(t testing.TB) string {
	t.Helper()
	s := Shared(t)
	name := fmt.Sprintf("test_%d", schemas.Add(1))
	url, err := s.Schema(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Exec(context.Background(), `DROP SCHEMA "`+name+`" CASCADE`); err != nil {
			t.Error(err)
		}
	})
	return url
}
