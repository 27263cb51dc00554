package memory_test

import (
	"testing"

	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/ledger/ledgertest"
	"github.com/shipbell/shipbell/internal/store/memory"
)

func TestStore(t *testing.T) {
	ledgertest.Run(t, func(*testing.T) ledger.Store { return memory.New() })
}
