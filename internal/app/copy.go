package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/postgres"
	"github.com/shipbell/shipbell/internal/store/sqltx"
)

// whole is a store that can be read and filled as a whole.
type whole interface {
	Store
	ReadWhole(ctx context.Context, fn func(sqltx.Conn) error) error
	WriteWhole(ctx context.Context, fn func(sqltx.Conn) error) error
}

// Errors of Copy about where from and where to.
var (
	ErrServed   = errors.New("a server is running on it")
	ErrNotEmpty = errors.New("there is a ledger already")
	ErrNoLedger = errors.New("there is no ledger")
)

// Copied is one table that was copied.
type Copied = sqltx.Copied

// Copy copies a whole ledger into an empty place, with the token for pushes that
// was made for it. All arrives or nothing. No server may run on either.
func Copy(ctx context.Context, from, to config.Store, progress func(table string, done, of int64)) (copied []Copied, err error) {
	if !HasStore(from) {
		return nil, fmt.Errorf("%s: %w", from.Place(), ErrNoLedger)
	}
	source, free, err := claim(ctx, from)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, free()) }()
	target, free2, err := claim(ctx, to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, free2()) }()
	err = source.ReadWhole(ctx, func(reads sqltx.Conn) error {
		return target.WriteWhole(ctx, func(writes sqltx.Conn) error {
			empty, err := sqltx.Empty(writes)
			if err != nil {
				return err
			}
			if !empty {
				return fmt.Errorf("%s: %w", to.Place(), ErrNotEmpty)
			}
			copied, err = sqltx.Copy(ctx, reads, writes, progress)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return copied, moveToken(ctx, source, target, from, to)
}

// claim opens a store on which no server runs, and keeps one from starting on its
// directory.
func claim(ctx context.Context, where config.Store) (whole, func() error, error) {
	if where.Database == "" {
		l, err := lock(where.Data)
		if errors.Is(err, ErrInUse) {
			return nil, nil, fmt.Errorf("%s: %w", where.Data, ErrServed)
		}
		if err != nil {
			return nil, nil, err
		}
		s, err := OpenStore(ctx, where, nil)
		if err != nil {
			return nil, nil, errors.Join(err, l.Close())
		}
		return s.(whole), func() error { return errors.Join(s.Close(), l.Close()) }, nil
	}
	s, err := openShared(ctx, where, nil)
	if err != nil {
		return nil, nil, err
	}
	leases, err := s.Leases(ctx)
	if err == nil && len(leases) > 0 {
		err = fmt.Errorf("%s: %w: replica %s", s.Place(), ErrServed, leases[0].Holder)
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, s.Close, nil
}

// moveToken gives the target the token that was made for the source, unless it has
// one: whoever pushes must not notice the move.
func moveToken(ctx context.Context, from, to whole, source, target config.Store) error {
	var token string
	var err error
	if shared, ok := from.(*postgres.Store); ok {
		token, err = shared.KeptSecret(ctx, secretToken)
		if errors.Is(err, shipbell.ErrNotFound) {
			return nil
		}
	} else {
		var text []byte
		text, err = os.ReadFile(filepath.Join(source.Data, TokenFile))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		token = strings.TrimSpace(string(text))
	}
	if err != nil {
		return fmt.Errorf("copy the token: %w", err)
	}
	if shared, ok := to.(*postgres.Store); ok {
		_, err = ledger.New(ledger.Options{Store: shared}).Secret(ctx, secretToken, token)
		return err
	}
	path := filepath.Join(target.Data, TokenFile)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := writeNew(path, token+"\n"); err != nil {
		return fmt.Errorf("copy the token: %w", err)
	}
	return nil
}
