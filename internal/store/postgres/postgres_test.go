//go:build unix

package postgres_test

import (
	"testing"

	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/ledger/ledgertest"
	"github.com/shipbell/shipbell/internal/pgtest"
	"github.com/shipbell/shipbell/internal/store/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t testing.TB, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledger.Store { return open(t, pgtest.URL(t)) })
}
