package sqltx

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/shipbell/shipbell"
)

// The policy of this file: many deployments are read with few statements. To an
// engine that is reached over a network each one is a round trip.

// documents reads deployments with their first events, where that is all there is.
// The number is [eventSpan].
const documents = `SELECT d.id, d.revision, d.recorded_ms, d.doc, e.source, e.event_id, e.at_ms, e.received_ms, e.doc
	FROM deployments d LEFT JOIN events e ON d.doc IS NULL AND e.id = d.id * 1048576`

// readAtOnce is how many deployments are read with one statement. There is one
// statement for so many and one for few, so that each is prepared once.
const (
	readAtOnce = 64
	readFew    = 8
)

var (
	readMany = readStatement(readAtOnce)
	readSome = readStatement(readFew)
)

func readStatement(n int) string {
	marks := make([]string, n)
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	return documents + ` WHERE d.id IN (` + strings.Join(marks, ", ") + `)`
}

func (t *Tx) Read(ids []shipbell.DeploymentID, text string) ([]shipbell.Deployment, error) {
	has := sieve(text)
	found := make(map[shipbell.DeploymentID]shipbell.Deployment, len(ids))
	for rest := ids; len(rest) > 0; {
		query, n := readSome, readFew
		if len(rest) > readFew {
			query, n = readMany, readAtOnce
		}
		part := rest[:min(n, len(rest))]
		rest = rest[len(part):]
		args := make([]any, n)
		for i := range args {
			args[i] = int64(part[min(i, len(part)-1)]) // the last one fills up
		}
		err := t.documents(has, func(d shipbell.Deployment) { found[d.ID] = d }, query, args...)
		if err != nil {
			return nil, err
		}
	}
	all := make([]shipbell.Deployment, 0, len(found))
	for _, id := range ids {
		if d, ok := found[id]; ok {
			all = append(all, d)
		}
	}
	return all, nil
}

// documents calls fn with each deployment that a query over [documents] finds and
// whose document passes.
func (t *Tx) documents(has func(doc []byte) bool, fn func(shipbell.Deployment), query string, args ...any) error {
	err := t.conn.Each(func(row Row) error {
		var id shipbell.DeploymentID
		var revision, recorded int64
		var doc, source, event, first []byte
		var at, received *int64
		if err := row.Scan(&id, &revision, &recorded, &doc, &source, &event, &at, &received, &first); err != nil {
			return err
		}
		var d shipbell.Deployment
		var err error
		switch {
		case doc != nil:
			if !has(doc) {
				return nil
			}
			err = json.Unmarshal(doc, &d)
		case at == nil || received == nil:
			err = fmt.Errorf("its first event: %w", shipbell.ErrNotFound)
		default:
			if !has(first) {
				return nil
			}
			var e shipbell.Event
			e, err = eventOf(source, event, *at, *received, first)
			if err == nil {
				d = shipbell.NewDeployment(e)
			}
		}
		if err != nil {
			return fmt.Errorf("deployment %d: %w", id, err)
		}
		fn(whole(d, id, revision, recorded))
		return nil
	}, query, args...)
	if err != nil {
		return fmt.Errorf("read deployments: %w", err)
	}
	return nil
}

// all lets every document pass.
func all([]byte) bool { return true }

// sieve tells documents that can have a text from those that cannot, without
// decoding them: whoever looks for something rare decodes next to none.
func sieve(text string) func(doc []byte) bool {
	text = strings.ToLower(text)
	if text == "" || strings.ContainsFunc(text, escaped) {
		return all
	}
	wanted := []byte(text)
	return func(doc []byte) bool { return bytes.Contains(bytes.ToLower(doc), wanted) }
}

// escaped reports whether a character can stand otherwise in JSON than in the text
// that was encoded.
func escaped(r rune) bool {
	return r < ' ' || strings.ContainsRune("\"\\/<>&\u007f\u2028\u2029\ufffd", r)
}
