-- +goose Up

-- Keys that were added lately, in the order in which they came: the ids of builds
-- are random, and each would else change a page of its own in an index that grows
-- with the history. They are moved into keys many at a time, in its order.
CREATE TABLE fresh_keys (
	n          INTEGER PRIMARY KEY,
	type       TEXT NOT NULL,
	id         TEXT NOT NULL,
	deployment INTEGER,
	position   INTEGER,
	seen_ms    INTEGER NOT NULL
) STRICT;
CREATE VIEW all_keys AS SELECT type, id, deployment, position, seen_ms FROM keys
	UNION ALL SELECT type, id, deployment, position, seen_ms FROM fresh_keys;
