package sqltx

import (
	"context"
	"fmt"
	"strings"
)

// chunk is how many rows are copied in one go.
const chunk = 2000

// tables are all that the ledger consists of, in both engines, with the columns
// that order their rows. What replicas tell one another is not of it.
var tables = []struct {
	*Insert
	key string
}{
	{newInsert("meta", "name TEXT, value BIGINT"), "name"},
	{newInsert("places", "id BIGINT, name TEXT"), "id"},
	{newInsert("lanes", "id BIGINT, channel TEXT, doc TEXT"), "id"},
	{newInsert("deployments", "id BIGINT, revision BIGINT, recorded_ms BIGINT, doc TEXT, place BIGINT, unnamed INTEGER"), "id"},
	{insertEvent, "id"},
	{InsertKey, "type, id"},
	{insertAnnouncement, "deployment, lane, part"},
	{newInsert("attempts", "deployment BIGINT, lane BIGINT, n BIGINT, part INTEGER, revision BIGINT, at_ms BIGINT, edit INTEGER, took_ms BIGINT, fault TEXT, detail TEXT"), "deployment, lane, n"},
	{newInsert("merged", "id BIGINT, into_id BIGINT"), "id"},
	{newInsert("watches", "deployment BIGINT, due_ms BIGINT"), "deployment"},
	{newInsert("bulletins", "id BIGINT, key TEXT, revision BIGINT, at_ms BIGINT, doc TEXT"), "id"},
	{newInsert("memories", "source TEXT, doc TEXT"), "source"},
	{newInsert("words", "id BIGINT, word TEXT"), "id"},
	{insertListed, "id"},
	{newInsert("changes", "n BIGINT, deployment BIGINT"), "n"},
	{insertToken, "id"},
	{newInsert("acts", "n BIGINT, at_ms BIGINT, who TEXT, what TEXT, subject TEXT, detail TEXT"), "n"},
}

// Copied is one table that was copied.
type Copied struct {
	Table string
	Rows  int64
}

// Empty reports whether a store holds nothing, but for what a check of it leaves.
func Empty(conn Conn) (bool, error) {
	for _, t := range tables {
		if t.Table == "meta" {
			continue
		}
		var some bool
		if err := conn.Row(`SELECT EXISTS (SELECT 1 FROM ` + t.Table + `)`).Scan(&some); err != nil || some {
			return false, err
		}
	}
	return true, nil
}

// Copy copies a ledger from one transaction into another, table by table, and
// compares the counts at the end. Progress is called from time to time with the
// rows of a table that are done, of those that it has.
func Copy(ctx context.Context, from, to Conn, progress func(table string, done, of int64)) ([]Copied, error) {
	var all []Copied
	if err := to.Exec(`DELETE FROM meta`); err != nil {
		return nil, err
	}
	for _, t := range tables {
		var of, there int64
		if err := from.Row(`SELECT count(*) FROM ` + t.Table).Scan(&of); err != nil {
			return nil, fmt.Errorf("count %s: %w", t.Table, err)
		}
		done, err := copyTable(ctx, from, to, t.Insert, t.key, func(done int64) { progress(t.Table, done, of) })
		if err != nil {
			return nil, fmt.Errorf("copy %s: %w", t.Table, err)
		}
		if err := to.Row(`SELECT count(*) FROM ` + t.Table).Scan(&there); err != nil {
			return nil, fmt.Errorf("count %s: %w", t.Table, err)
		}
		if done != of || there != of {
			return nil, fmt.Errorf("copy %s: there are %d rows, %d were read, and %d arrived", t.Table, of, done, there)
		}
		all = append(all, Copied{Table: t.Table, Rows: of})
	}
	return all, nil
}

func copyTable(ctx context.Context, from, to Conn, into *Insert, key string, progress func(int64)) (done int64, err error) {
	keys := strings.Split(key, ", ")
	places := make([]int, len(keys))
	marks := make([]string, len(keys))
	for i, k := range keys {
		marks[i] = fmt.Sprintf("$%d", i+1)
		for n, c := range into.Columns {
			if c == k {
				places[i] = n
			}
		}
	}
	first := "SELECT " + strings.Join(into.Columns, ", ") + " FROM " + into.Table
	order := fmt.Sprintf(" ORDER BY %s LIMIT %d", key, chunk)
	next := fmt.Sprintf("%s WHERE (%s) > (%s)", first, key, strings.Join(marks, ", "))
	var last []any
	for {
		query := first
		if last != nil {
			query = next
		}
		var rows [][]any
		err := from.Each(func(row Row) error {
			values := make([]any, len(into.Columns))
			pointers := make([]any, len(values))
			for i := range values {
				pointers[i] = &values[i]
			}
			err := row.Scan(pointers...)
			rows = append(rows, values)
			return err
		}, query+order, last...)
		if err != nil {
			return done, err
		}
		for _, values := range rows {
			for i, v := range values {
				values[i] = plain(v)
			}
			if err := to.Insert(into, values...); err != nil {
				return done, err
			}
		}
		done += int64(len(rows))
		progress(done)
		if len(rows) < chunk {
			return done, nil
		}
		if err := ctx.Err(); err != nil {
			return done, err
		}
		last = make([]any, len(keys))
		for i, p := range places {
			last[i] = rows[len(rows)-1][p]
		}
	}
}

// plain makes one kind of number and one of text of what an engine returns.
func plain(v any) any {
	switch v := v.(type) {
	case int32:
		return int64(v)
	case []byte:
		return string(v)
	}
	return v
}
