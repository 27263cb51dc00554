package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/postgres"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

// The files of a data directory.
const (
	databaseFile = "shipbell.db"
	lockFile     = "lock"

	// TokenFile holds the token that was made on first start.
	TokenFile = "token"
)

// HasStore reports whether there is a store, be it one that cannot be opened. One
// in a database is there, or its opening says why not.
func HasStore(where config.Store) bool {
	if where.Database != "" {
		return true
	}
	_, err := os.Stat(filepath.Join(where.Data, databaseFile))
	return !errors.Is(err, fs.ErrNotExist)
}

// Store is the ledger's store, in either engine.
type Store interface {
	ledger.Store
	// Now is the time by which the store goes.
	Now() time.Time
	// Leases returns those that are held; none where one process holds all.
	Leases(ctx context.Context) ([]shipbell.Lease, error)
}

// OpenStore opens the ledger's store, beside running servers if there are some.
// Log may be nil.
func OpenStore(ctx context.Context, where config.Store, log *slog.Logger) (Store, error) {
	return openStore(ctx, where, log, sqlite.Open)
}

// OpenStoreToRead opens the same to look at it, also where it cannot be written.
func OpenStoreToRead(ctx context.Context, where config.Store, log *slog.Logger) (Store, error) {
	return openStore(ctx, where, log, sqlite.OpenRead)
}

func openStore(ctx context.Context, where config.Store, log *slog.Logger, open func(context.Context, string) (*sqlite.Store, error)) (Store, error) {
	if where.Database != "" {
		return openShared(ctx, where, log)
	}
	s, err := open(ctx, filepath.Join(where.Data, databaseFile))
	if err != nil {
		return nil, err
	}
	return alone{s}, nil
}

// openShared opens a store that several replicas use.
func openShared(ctx context.Context, where config.Store, log *slog.Logger) (*postgres.Store, error) {
	return postgres.Open(ctx, postgres.Options{URL: where.Database, Connections: where.Connections, Timeout: where.Timeout, Log: log})
}

// alone is a store that the processes of one machine use.
type alone struct{ *sqlite.Store }

// Now implements [Store].
func (alone) Now() time.Time { return time.Now() }

// Leases implements [Store]: the lock on the data directory is the only one.
func (alone) Leases(context.Context) ([]shipbell.Lease, error) { return nil, nil }

// Backup copies the ledger of a data directory into a new file, beside a running
// server if there is one. Progress is told in bytes.
func Backup(ctx context.Context, dir, to string, progress func(done, total int64)) (sqlite.Copied, error) {
	return sqlite.Backup(ctx, filepath.Join(dir, databaseFile), to, progress)
}

// ErrInUse says that another server runs on a data directory.
var ErrInUse = errors.New("another shipbell server uses this data directory")

// lock makes sure that one server at a time delivers from a data directory: two
// would announce everything twice. The lock goes with the process, however it
// ends.
func lock(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	l := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	return l, nil
}

// secretToken is the name under which replicas keep the token.
const secretToken = "notify_token"

// sharedToken returns the token that replicas keep in their database; the first
// of them makes it.
func sharedToken(ctx context.Context, s *postgres.Store) (token string, made bool, err error) {
	offered := access.NewToken()
	token, err = ledger.New(ledger.Options{Store: s}).Secret(ctx, secretToken, offered)
	return token, token == offered, err
}

// ownToken returns the token kept in the data directory, and makes it where
// there is none. made tells which.
func ownToken(dir string) (token string, made bool, err error) {
	path := filepath.Join(dir, TokenFile)
	text, err := os.ReadFile(path)
	if err == nil {
		if token = strings.TrimSpace(string(text)); token == "" {
			return "", false, fmt.Errorf("the token file %s is empty; delete it to get a new token, or set DEPLOY_NOTIFY_TOKEN", path)
		}
		return token, false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", false, fmt.Errorf("token: %w", err)
	}
	token = access.NewToken()
	if err := writeNew(path, token+"\n"); err != nil {
		return "", false, fmt.Errorf("token: %w", err)
	}
	return token, true, nil
}

// writeNew makes a file that only its owner can read, whole or not at all: a
// crash must not leave an empty token behind.
func writeNew(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".token-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
