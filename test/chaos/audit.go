//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/shipbell/shipbell"
)

// audit has the database itself write down who took which lease until when, when
// what came of each request was stored, and who wrote to a lane: in the same
// transactions, by the
// clock by which everything else here is told too, and by the number of the
// process, which is the name of its connections. What a replica logs is only
// what it believed.
const audit = `
CREATE SCHEMA audit;
CREATE TABLE audit.terms (n BIGSERIAL, at TIMESTAMPTZ, life TEXT, name TEXT, fence BIGINT, until_ms BIGINT);
CREATE TABLE audit.marks (n BIGSERIAL, at TIMESTAMPTZ, life TEXT, deployment BIGINT, lane BIGINT, part INTEGER, fault TEXT);
CREATE TABLE audit.lanes (n BIGSERIAL, at TIMESTAMPTZ, life TEXT, channel TEXT);
CREATE FUNCTION audit.term() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO audit.terms (at, life, name, fence, until_ms)
	VALUES (clock_timestamp(), current_setting('application_name'), NEW.name, NEW.fence, NEW.until_ms);
	RETURN NULL;
END $$;
CREATE FUNCTION audit.mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO audit.marks (at, life, deployment, lane, part, fault)
	VALUES (clock_timestamp(), current_setting('application_name'), NEW.deployment, NEW.lane, NEW.part, NEW.fault);
	RETURN NULL;
END $$;
CREATE FUNCTION audit.lane() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO audit.lanes (at, life, channel) VALUES (clock_timestamp(), current_setting('application_name'), NEW.channel);
	RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER UPDATE ON shipbell.lanes FOR EACH ROW EXECUTE FUNCTION audit.lane();
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON shipbell.leases FOR EACH ROW EXECUTE FUNCTION audit.term();
CREATE TRIGGER audit AFTER INSERT ON shipbell.attempts FOR EACH ROW EXECUTE FUNCTION audit.mark();
`

// books are what the database wrote down.
type books struct {
	grants []grant
	marks  []mark
	writes []write
}

// readAudit reads them.
func readAudit(ctx context.Context, url string) (b books, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return books{}, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	// each calls fn for every row, which begins with a time and a process.
	each := func(query string, fn func(at time.Time, life int, rest []any) error) error {
		rows, err := conn.Query(ctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			row, err := rows.Values()
			if err != nil {
				return err
			}
			life, err := strconv.Atoi(row[1].(string))
			if err != nil {
				return fmt.Errorf("something was written by %q", row[1])
			}
			if err := fn(row[0].(time.Time), life, row[2:]); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	type holding struct {
		lease string
		fence int64
	}
	known := make(map[holding]int)
	// The end of all leases before the storm was written by nobody.
	err = each(`SELECT at, life, name, fence, until_ms FROM audit.terms WHERE name LIKE 'lane:%' AND life <> '' ORDER BY n`,
		func(at time.Time, life int, row []any) error {
			h := holding{row[0].(string), row[1].(int64)}
			i, ok := known[h]
			if !ok {
				i = len(b.grants)
				known[h] = i
				b.grants = append(b.grants, grant{lease: h.lease, fence: h.fence, life: life})
			}
			if b.grants[i].life != life {
				return fmt.Errorf("lease %s has fence %d in two hands: those of processes %d and %d", h.lease, h.fence, b.grants[i].life, life)
			}
			b.grants[i].terms = append(b.grants[i].terms, term{at, time.UnixMilli(row[2].(int64))})
			return nil
		})
	if err != nil {
		return books{}, err
	}
	err = each(`SELECT m.at, m.life, m.deployment, l.channel, m.part::bigint, m.fault FROM audit.marks m JOIN shipbell.lanes l ON l.id = m.lane ORDER BY m.n`,
		func(at time.Time, life int, row []any) error {
			b.marks = append(b.marks, mark{
				at: at, life: life, deployment: shipbell.DeploymentID(row[0].(int64)), channel: shipbell.ChannelID(row[1].(string)),
				part: shipbell.Part(row[2].(int64)), fault: shipbell.Fault(row[3].(string)),
			})
			return nil
		})
	if err != nil {
		return books{}, err
	}
	err = each(`SELECT at, life, channel FROM audit.lanes ORDER BY n`, func(at time.Time, life int, row []any) error {
		b.writes = append(b.writes, write{at, life, shipbell.ChannelID(row[0].(string))})
		return nil
	})
	return b, err
}
