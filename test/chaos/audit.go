//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// audit has the database itself write down who took which lease until when, and
// when what came of each request was stored: in the same transactions, by the
// clock by which everything else here is told too, and by the number of the
// process, which is the name of its connections. What a replica logs is only
// what it believed.
const audit = `
CREATE SCHEMA audit;
CREATE TABLE audit.terms (n BIGSERIAL, at TIMESTAMPTZ, life TEXT, name TEXT, fence BIGINT, until_ms BIGINT);
CREATE TABLE audit.marks (n BIGSERIAL, at TIMESTAMPTZ, life TEXT, deployment BIGINT, lane BIGINT, part INTEGER, fault TEXT);
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
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON shipbell.leases FOR EACH ROW EXECUTE FUNCTION audit.term();
CREATE TRIGGER audit AFTER INSERT ON shipbell.attempts FOR EACH ROW EXECUTE FUNCTION audit.mark();
`

// readAudit returns who held what, and what was stored when.
func readAudit(ctx context.Context, url string) (grants []grant, marks []mark, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	rows, err := conn.Query(ctx, `SELECT at, life, name, fence, until_ms FROM audit.terms WHERE name LIKE 'lane:%' AND life <> '' ORDER BY n`)
	if err != nil {
		return nil, nil, err
	}
	type holding struct {
		lease string
		fence int64
	}
	known := make(map[holding]int)
	for rows.Next() {
		var at time.Time
		var life, lease string
		var fence, until int64
		if err := rows.Scan(&at, &life, &lease, &fence, &until); err != nil {
			return nil, nil, err
		}
		number, err := strconv.Atoi(life)
		if err != nil {
			return nil, nil, fmt.Errorf("lease %s was taken by %q", lease, life)
		}
		i, ok := known[holding{lease, fence}]
		if !ok {
			i = len(grants)
			known[holding{lease, fence}] = i
			grants = append(grants, grant{lease: lease, fence: fence, life: number})
		}
		if grants[i].life != number {
			return nil, nil, fmt.Errorf("lease %s has fence %d in two hands: those of processes %d and %d", lease, fence, grants[i].life, number)
		}
		grants[i].terms = append(grants[i].terms, term{at, time.UnixMilli(until)})
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	rows, err = conn.Query(ctx, `SELECT m.at, m.life, m.deployment, l.channel, m.part, m.fault FROM audit.marks m JOIN shipbell.lanes l ON l.id = m.lane ORDER BY m.n`)
	if err != nil {
		return nil, nil, err
	}
	for rows.Next() {
		var m mark
		var life string
		if err := rows.Scan(&m.at, &life, &m.deployment, &m.channel, &m.part, &m.fault); err != nil {
			return nil, nil, err
		}
		if m.life, err = strconv.Atoi(life); err != nil {
			return nil, nil, fmt.Errorf("an attempt was stored by %q", life)
		}
		marks = append(marks, m)
	}
	return grants, marks, rows.Err()
}
