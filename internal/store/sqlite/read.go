package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
)

// OpenRead opens the file at path to look at it: as Open does where that works,
// and otherwise, as on a disk that is read-only or full, without writing a byte.
// Then an Update fails, and a file of an older version is refused.
func OpenRead(ctx context.Context, path string) (*Store, error) {
	if s, err := Open(ctx, path); err == nil {
		return s, nil
	}
	s, err := openToRead(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open store %s to read: %w", path, classify(err))
	}
	return s, nil
}

func openToRead(ctx context.Context, path string) (*Store, error) {
	if err := examine(ctx, path); err != nil {
		return nil, err
	}
	return connect(ctx, readDSN(path), func(ctx context.Context, db *sql.DB) error {
		_, newest, err := schema(db)
		if err != nil {
			return err
		}
		version, err := versionOf(ctx, db)
		if err == nil && version < newest {
			return refuse("start the server, or this command, where the file can be written",
				"the file has schema %d, and bringing it up to schema %d needs to write", version, newest)
		}
		return err
	})
}

// readDSN opens a file so that nothing is written to it. A WAL can be read only
// with its index, which SQLite makes beside the file where it is missing. Where
// nothing is in a WAL the file is taken as one that does not change: SQLite needs
// nothing beside it then, and nobody moves anything into it meanwhile but a
// server that starts just now and takes 2,000 pushes.
func readDSN(path string) string {
	q := url.Values{"mode": {"ro"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())}}
	if sizeOf(path+"-wal") == 0 {
		q.Set("immutable", "1")
	}
	return fileURI(path, q)
}
