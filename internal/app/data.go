package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/shipbell/shipbell/internal/store/sqlite"
)

// The files of a data directory.
const (
	databaseFile = "shipbell.db"
	lockFile     = "lock"

	// TokenFile holds the token that was made on first start.
	TokenFile = "token"
)

// HasStore reports whether a data directory has a store, be it one that cannot
// be opened.
func HasStore(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, databaseFile))
	return !errors.Is(err, fs.ErrNotExist)
}

// OpenStore opens the ledger's store in a data directory, beside a running
// server if there is one.
func OpenStore(ctx context.Context, dir string) (*sqlite.Store, error) {
	return sqlite.Open(ctx, filepath.Join(dir, databaseFile))
}

// OpenStoreToRead opens the same to look at it, also where it cannot be written.
func OpenStoreToRead(ctx context.Context, dir string) (*sqlite.Store, error) {
	return sqlite.OpenRead(ctx, filepath.Join(dir, databaseFile))
}

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

// tokenBytes is the entropy of a token made here.
const tokenBytes = 32

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
	random := make([]byte, tokenBytes)
	_, _ = rand.Read(random) // never fails
	token = "sb_" + base64.RawURLEncoding.EncodeToString(random)
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
