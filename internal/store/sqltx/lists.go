package sqltx

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// The policy of this file: a list is answered from one index, in its order. Of
// several filters the one that most often leaves least names the index; the others
// are compared row by row. Environment and status have an index together: each can be
// half of all, and both together nothing.

var (
	insertListed = newInsert("listed", "id BIGINT, type INTEGER, project BIGINT, environment BIGINT, status INTEGER, author BIGINT, branch BIGINT, started_ms BIGINT, finished_ms BIGINT, committed_ms BIGINT, frozen INTEGER")
	insertChange = newInsert("changes", "deployment BIGINT")
)

// statusNumbers and typeNumbers are how lists store them. They never change.
var (
	statusNumbers = []shipbell.Status{shipbell.Announced, shipbell.Queued, shipbell.InProgress, shipbell.Success, shipbell.Failure, shipbell.Canceled, shipbell.Skipped}
	typeNumbers   = []shipbell.ProjectType{shipbell.Worker, shipbell.Pages}
)

// maxWord bounds what lists keep of a text, in bytes. The index of PostgreSQL takes
// 2704 and refuses more: one long branch would keep every later deployment out of
// the lists. A filter cannot name more than 512.
const maxWord = 1024

// cutWord returns what lists keep of a text.
func cutWord(text string) string {
	if len(text) <= maxWord {
		return text
	}
	end := maxWord
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.Clone(text[:end])
}

// word returns the number under which lists keep a text, which it gets on first
// use.
func (t *Tx) word(text string) (int64, error) {
	text = cutWord(text)
	n, err := t.findWord(text)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.conn.Row(`INSERT INTO words (word) VALUES ($1) RETURNING id`, text).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("word %.40q: %w", text, err)
	}
	t.cache.words.put(text, n)
	return n, nil
}

// findWord returns the number of a text, or sql.ErrNoRows.
func (t *Tx) findWord(text string) (int64, error) {
	if n, ok := t.cache.words.get(text); ok {
		return n, nil
	}
	var n int64
	if err := t.conn.Row(`SELECT id FROM words WHERE word = $1`, text).Scan(&n); err != nil {
		return 0, err
	}
	t.cache.words.put(text, n)
	return n, nil
}

func (t *Tx) Unlisted() (int, error) {
	var n int
	// Counting would look at each of them.
	err := t.conn.Row(`SELECT coalesce((SELECT max(id) FROM deployments), 0) - coalesce((SELECT value FROM meta WHERE name = $1), 0)`, metaListed).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what is not listed: %w", err)
	}
	return max(n, 0), nil
}

func (t *Tx) Enlist(n int) (int, error) {
	from, err := t.meta(metaListed)
	if err != nil {
		return 0, fmt.Errorf("list deployments: %w", err)
	}
	var next []shipbell.Deployment
	err = t.documents(all, func(d shipbell.Deployment) { next = append(next, d) }, documents+` WHERE d.id > $1 ORDER BY d.id LIMIT $2`, from, n)
	if err != nil || len(next) == 0 {
		return 0, err
	}
	for _, d := range next {
		row, err := t.listed(d)
		if err != nil {
			return 0, err
		}
		if err := t.conn.Insert(insertListed, row...); err != nil {
			return 0, fmt.Errorf("list deployment %d: %w", d.ID, err)
		}
	}
	t.listedUpTo, t.knowsListed = next[len(next)-1].ID, true
	if err := t.setMeta(metaListed, int64(t.listedUpTo)); err != nil {
		return 0, fmt.Errorf("list deployments: %w", err)
	}
	if len(next) < n {
		return 0, nil
	}
	return t.Unlisted()
}

// listed returns a deployment's row in the lists.
func (t *Tx) listed(d shipbell.Deployment) ([]any, error) {
	b := d.Brief()
	numbers := make([]any, 0, 4)
	for _, text := range []string{b.Project, b.Environment, d.Author, d.Branch} {
		n, err := t.word(text)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return []any{
		int64(b.ID), int64(slices.Index(typeNumbers, b.Type)), numbers[0], numbers[1], int64(slices.Index(statusNumbers, b.Status)), numbers[2], numbers[3],
		ms(b.StartedAt), ms(b.FinishedAt), ms(b.CommittedAt), boolInt(b.Frozen),
	}, nil
}

// relist brings the row of a deployment that is in the lists up to date.
func (t *Tx) relist(d shipbell.Deployment) error {
	if !t.knowsListed {
		upTo, err := t.meta(metaListed)
		if err != nil {
			return fmt.Errorf("list deployment %d: %w", d.ID, err)
		}
		t.listedUpTo, t.knowsListed = shipbell.DeploymentID(upTo), true
	}
	if d.ID > t.listedUpTo {
		return nil
	}
	row, err := t.listed(d)
	if err != nil {
		return err
	}
	err = t.conn.Exec(`UPDATE listed SET type = $2, project = $3, environment = $4, status = $5, author = $6, branch = $7,
		started_ms = $8, finished_ms = $9, committed_ms = $10, frozen = $11 WHERE id = $1`, row...)
	if err != nil {
		return fmt.Errorf("list deployment %d: %w", d.ID, err)
	}
	return nil
}

const briefColumns = `l.id, l.type, p.word, e.word, l.status, l.started_ms, l.finished_ms, l.committed_ms, l.frozen`

func scanBrief(row Row) (shipbell.Brief, error) {
	var b shipbell.Brief
	var typ, status, started, finished, committed, frozen int64
	err := row.Scan(&b.ID, &typ, &b.Project, &b.Environment, &status, &started, &finished, &committed, &frozen)
	if err != nil {
		return b, err
	}
	b.Type, b.Status = typeNumbers[typ], statusNumbers[status]
	b.StartedAt, b.FinishedAt, b.CommittedAt, b.Frozen = fromMS(started), fromMS(finished), fromMS(committed), frozen != 0
	return b, nil
}

// The columns that have an index together.
const (
	columnEnvironment = "environment"
	columnStatus      = "status"
)

// condition is a part of a WHERE clause; %s stands for its argument.
type condition struct {
	column string
	test   string
	arg    int64
}

func (t *Tx) Briefs(f shipbell.Filter, after shipbell.Position, n int) ([]shipbell.Brief, error) {
	var where []condition
	// In this order, the first names the index.
	for _, w := range []struct{ column, text string }{
		{"author", f.Author}, {"branch", f.Branch}, {"project", f.Project}, {columnEnvironment, f.Environment},
	} {
		if w.text == "" {
			continue
		}
		number, err := t.findWord(w.text)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil // nothing has that
		}
		if err != nil {
			return nil, fmt.Errorf("list deployments: %w", err)
		}
		where = append(where, condition{w.column, "=", number})
	}
	var typ []condition
	if f.Type != "" {
		typ = []condition{{"type", "=", int64(slices.Index(typeNumbers, f.Type))}}
	}
	if len(f.Status) == 0 {
		return t.briefs(slices.Concat(where, typ), f, after, n)
	}
	// Each status has a list of its own in the index.
	var all []shipbell.Brief
	for _, s := range f.Status {
		status := []condition{{columnStatus, "=", int64(slices.Index(statusNumbers, s))}}
		briefs, err := t.briefs(slices.Concat(where, status, typ), f, after, n)
		if err != nil {
			return nil, err
		}
		all = append(all, briefs...)
	}
	slices.SortFunc(all, func(a, b shipbell.Brief) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(b.ID, a.ID))
	})
	return all[:min(n, len(all))], nil
}

func (t *Tx) briefs(where []condition, f shipbell.Filter, after shipbell.Position, n int) ([]shipbell.Brief, error) {
	var q strings.Builder
	q.WriteString(`SELECT ` + briefColumns + ` FROM listed l JOIN words p ON p.id = l.project JOIN words e ON e.id = l.environment`)
	var args []any
	word := " WHERE "
	and := func(format string, values ...any) {
		q.WriteString(word)
		word = " AND "
		marks := make([]any, len(values))
		for i, v := range values {
			args = append(args, v)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		fmt.Fprintf(&q, format, marks...)
	}
	for i, w := range where {
		plus := "+" // keeps an engine from taking another index than the first
		if i == 0 || i == 1 && where[0].column == columnEnvironment && w.column == columnStatus {
			plus = ""
		}
		and(plus+"l."+w.column+" "+w.test+" %s", w.arg)
	}
	if !f.Since.IsZero() {
		and("l.started_ms >= %s", ms(f.Since))
	}
	if !f.Until.IsZero() {
		and("l.started_ms < %s", ms(f.Until))
	}
	if !after.IsZero() {
		and("(l.started_ms, l.id) < (%s, %s)", ms(after.StartedAt), int64(after.ID))
	}
	args = append(args, n)
	fmt.Fprintf(&q, " ORDER BY l.started_ms DESC, l.id DESC LIMIT $%d", len(args))
	var briefs []shipbell.Brief
	err := t.conn.Each(func(row Row) error {
		b, err := scanBrief(row)
		briefs = append(briefs, b)
		return err
	}, q.String(), args...)
	if err != nil {
		return nil, fmt.Errorf("list deployments: %w", err)
	}
	return briefs, nil
}

func (t *Tx) Places(n int) ([]shipbell.Place, error) {
	var places []shipbell.Place
	err := t.conn.Each(func(row Row) error {
		var name string
		if err := row.Scan(&name); err != nil {
			return err
		}
		typ, name, _ := strings.Cut(name, "/")
		places = append(places, shipbell.Place{Type: shipbell.ProjectType(typ), Name: name})
		return nil
	}, `SELECT name FROM (SELECT p.name AS name, (SELECT max(d.id) FROM deployments d WHERE d.place = p.id) AS newest FROM places p) AS known
		WHERE newest IS NOT NULL ORDER BY newest DESC LIMIT $1`, n)
	if err != nil {
		return nil, fmt.Errorf("read places: %w", err)
	}
	return places, nil
}

func (t *Tx) Change(id shipbell.DeploymentID) error {
	t.changed = true
	if err := t.conn.Insert(insertChange, int64(id)); err != nil {
		return fmt.Errorf("note a change of deployment %d: %w", id, err)
	}
	return nil
}

func (t *Tx) Latest() (shipbell.Cursor, error) {
	var c shipbell.Cursor
	err := t.conn.Row(`SELECT coalesce((SELECT max(id) FROM deployments), 0), coalesce((SELECT max(n) FROM changes), 0)`).Scan(&c.Opened, &c.Changed)
	if err != nil {
		return c, fmt.Errorf("read the feed: %w", err)
	}
	floor, err := t.meta(metaFloor)
	c.Opened = max(c.Opened, shipbell.DeploymentID(floor))
	return c, err
}

func (t *Tx) Changes(since shipbell.Cursor, n int) ([]shipbell.Change, error) {
	latest, err := t.Latest()
	if err != nil {
		return nil, err
	}
	if since == latest {
		return nil, nil
	}
	if since.Opened > latest.Opened || since.Changed > latest.Changed {
		return nil, shipbell.ErrNotFound
	}
	var first int64
	if err := t.conn.Row(`SELECT coalesce(min(n), 0) FROM changes`).Scan(&first); err != nil {
		return nil, fmt.Errorf("read the feed: %w", err)
	}
	if since.Changed+1 < first && since.Changed < latest.Changed {
		return nil, shipbell.ErrNotFound
	}
	var changes []shipbell.Change
	at := since
	err = t.conn.Each(func(row Row) error {
		err := row.Scan(&at.Opened)
		changes = append(changes, shipbell.Change{At: at, Deployment: at.Opened})
		return err
	}, `SELECT id FROM deployments WHERE id > $1 ORDER BY id LIMIT $2`, int64(since.Opened), n)
	if err != nil {
		return nil, fmt.Errorf("read the feed: %w", err)
	}
	if len(changes) == n {
		return changes, nil
	}
	err = t.conn.Each(func(row Row) error {
		c := shipbell.Change{At: at}
		err := row.Scan(&c.At.Changed, &c.Deployment)
		changes = append(changes, c)
		return err
	}, `SELECT n, deployment FROM changes WHERE n > $1 ORDER BY n LIMIT $2`, since.Changed, n-len(changes))
	if err != nil {
		return nil, fmt.Errorf("read the feed: %w", err)
	}
	return changes, nil
}

// sweepChanges forgets the oldest changes, beyond those that a feed must hold.
func (t *Tx) sweepChanges() error {
	return t.conn.Exec(`DELETE FROM changes WHERE n <= (SELECT max(n) FROM changes) - $1`, int64(ledger.KeptChanges))
}
