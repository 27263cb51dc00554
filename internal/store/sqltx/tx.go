// Package sqltx is the inside of the ledger's transactions in SQL that both
// engines speak: SQLite and PostgreSQL run the same statements on schemas of the
// same shape.
//
// Its one rule: a statement is written once, with $1, $2 … by number, and the
// engine's package only begins, commits and carries it. It opens no connection.
package sqltx

import (
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// Conn carries statements on one connection, between the begin and the end of a
// transaction.
type Conn interface {
	// Exec runs a statement that returns nothing. It may be carried out later,
	// in order, at the latest before the next statement that returns something,
	// which then returns its error, or before the commit.
	Exec(query string, args ...any) error
	// Insert adds a row. It may be carried out as late as Exec, and before or
	// after other Inserts.
	Insert(into *Insert, args ...any) error
	// FindKey returns where a key leads, 0 for one that is only remembered, or
	// [sql.ErrNoRows].
	FindKey(typ, id string) (deployment int64, err error)
	// AddKey adds a key, whose columns are those of [InsertKey], unless it is
	// known, and reports whether it did.
	AddKey(args ...any) (bool, error)
	// Settle is called before statements change a key in the table keys: one that was
	// added lately must lie there, and nothing that is kept in mind of it holds any
	// more.
	Settle(typ, id string) error
	// Count runs a statement and returns how many rows it changed.
	Count(query string, args ...any) (int64, error)
	// Row runs a query for at most one row; without one, scanning it is
	// [sql.ErrNoRows].
	Row(query string, args ...any) Row
	// Each calls fn for every row. Fn must not run statements.
	Each(fn func(Row) error, query string, args ...any) error
}

// Row is one row of an answer.
type Row interface{ Scan(...any) error }

// Cache holds what never changes, for all transactions of a connection. It is
// cleared when a transaction was not committed.
type Cache struct {
	lanes  map[shipbell.ChannelID]int64
	places numbers
	words  numbers
}

// maxNumbers bounds a cache of texts with their numbers. There are as many as
// projects, people and branches, unless somebody makes up names.
const maxNumbers = 10_000

// numbers are texts with the numbers that they have in a table.
type numbers map[string]int64

func (n numbers) get(text string) (int64, bool) {
	number, ok := n[text]
	return number, ok
}

func (n numbers) put(text string, number int64) {
	if len(n) >= maxNumbers {
		clear(n)
	}
	n[text] = number
}

// NewCache makes an empty cache.
func NewCache() *Cache {
	return &Cache{lanes: make(map[shipbell.ChannelID]int64), places: make(numbers), words: make(numbers)}
}

// Clear forgets everything.
func (c *Cache) Clear() {
	clear(c.lanes)
	clear(c.places)
	clear(c.words)
}

// Tx is the inside of one transaction. One goroutine uses it.
type Tx struct {
	conn  Conn
	cache *Cache
	// lastID is the highest deployment number, 0 until it was asked for.
	lastID shipbell.DeploymentID
	// opened is the deployment this transaction opened last: it cannot have an
	// event yet.
	opened shipbell.DeploymentID
	// named is set once it was seen in this transaction that a build step named
	// every deployment. Where nothing but pushes comes in that is always so, and
	// each of them would look for another.
	named bool
	// listedUpTo is the number up to which deployments are in the lists, once it was
	// asked for.
	listedUpTo  shipbell.DeploymentID
	knowsListed bool
	// changed is set when the feed has something new.
	changed bool
	// stale are the channels to wake after the commit.
	stale map[shipbell.ChannelID]bool
}

var _ ledger.Tx = (*Tx)(nil)

// New makes the inside of a transaction that has begun. Of an empty head all is
// asked when it is needed.
func New(conn Conn, cache *Cache, head Head) *Tx {
	return &Tx{conn: conn, cache: cache, lastID: head.lastID, named: head.named}
}

// Head is what nearly every transaction that records pushes asks first. An
// engine that is reached over a network asks it for all who share a commit, in
// one go with the begin of the transaction.
type Head struct {
	lastID shipbell.DeploymentID
	named  bool
}

// The queries of a head.
const (
	// HeadQuery takes the name [HeadFloor] and returns one row for ScanHead.
	HeadQuery = `SELECT coalesce((SELECT max(id) FROM deployments), 0), coalesce((SELECT value FROM meta WHERE name = $1), 0),
		NOT EXISTS (SELECT 1 FROM deployments WHERE unnamed = 1)`
	HeadFloor = metaFloor
)

// ScanHead reads the answer to HeadQuery.
func ScanHead(row Row) (Head, error) {
	var h Head
	var last, floor int64
	err := row.Scan(&last, &floor, &h.named)
	h.lastID = shipbell.DeploymentID(max(last, floor))
	return h, err
}

// wake notes that a channel has something to deliver.
func (t *Tx) wake(c shipbell.ChannelID) {
	if t.stale == nil {
		t.stale = make(map[shipbell.ChannelID]bool)
	}
	t.stale[c] = true
}

// Woken returns the channels that have something to deliver after this
// transaction, in order.
func (t *Tx) Woken() []shipbell.ChannelID { return slices.Sorted(maps.Keys(t.stale)) }

// Changed reports whether the feed of changes has something new after this
// transaction.
func (t *Tx) Changed() bool { return t.changed }

// Fence implements [ledger.Tx] for an engine that one process uses alone.
func (t *Tx) Fence(shipbell.Lease) error { return nil }

// The names of the rows of meta.
const (
	metaCheck    = "check"         // written to prove that writing works
	metaFloor    = "floor"         // deployment numbers up to this one were used
	metaImported = "remembered_ms" // when ids were last imported
	metaListed   = "listed"        // deployments up to this one are in the lists
	metaBulletin = "bulletin"      // the highest number of a bulletin so far
)

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMS(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

func (t *Tx) setMeta(name string, value int64) error {
	return t.conn.Exec(`INSERT INTO meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}

func (t *Tx) meta(name string) (int64, error) {
	var value int64
	err := t.conn.Row(`SELECT value FROM meta WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return value, err
}

// Touch writes a row, so that the commit has something to make durable.
func (t *Tx) Touch() error {
	return t.conn.Exec(`INSERT INTO meta (name, value) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET value = meta.value + 1`, metaCheck)
}
