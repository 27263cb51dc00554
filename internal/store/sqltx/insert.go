package sqltx

import (
	"fmt"
	"strings"
)

// Insert adds rows to a table: those that every push adds, of which an engine may
// add many at once.
type Insert struct {
	Table   string
	Columns []string
	// Types are the columns' types, as PostgreSQL names them.
	Types []string
	// One is the statement for one row.
	One string
	// Many is the statement for many, with a list for each column, as PostgreSQL
	// takes it.
	Many string
}

// newInsert reads columns such as "id BIGINT, name TEXT".
func newInsert(table, columns string) *Insert {
	i := &Insert{Table: table}
	var one, many []string
	for n, column := range strings.Split(columns, ", ") {
		name, typ, _ := strings.Cut(column, " ")
		i.Columns, i.Types = append(i.Columns, name), append(i.Types, typ)
		one = append(one, fmt.Sprintf("$%d", n+1))
		many = append(many, fmt.Sprintf("$%d::%s[]", n+1, typ))
	}
	into := fmt.Sprintf("INSERT INTO %s (%s) ", table, strings.Join(i.Columns, ", "))
	i.One = into + "VALUES (" + strings.Join(one, ", ") + ")"
	i.Many = into + "SELECT * FROM unnest(" + strings.Join(many, ", ") + ")"
	return i
}

// What a push adds.
var (
	InsertKey          = newInsert("keys", "type TEXT, id TEXT, deployment BIGINT, position BIGINT, seen_ms BIGINT")
	insertDeployment   = newInsert("deployments", "id BIGINT, revision BIGINT, recorded_ms BIGINT, place BIGINT, unnamed INTEGER")
	insertEvent        = newInsert("events", "id BIGINT, source TEXT, event_id TEXT, at_ms BIGINT, received_ms BIGINT, doc TEXT")
	insertAnnouncement = newInsert("announcements", "deployment BIGINT, lane BIGINT, part INTEGER, urgency INTEGER, wanted BIGINT, shown BIGINT, ref TEXT, tries BIGINT, due_ms BIGINT")
)
