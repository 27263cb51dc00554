-- All times are integer unix milliseconds, UTC.

-- +goose Up
CREATE TABLE meta (
	name  TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- doc holds the merged view. It is NULL while the deployment is what its only
-- event says: most are announced, and half of the writing is saved.
CREATE TABLE deployments (
	id          INTEGER PRIMARY KEY,
	revision    INTEGER NOT NULL,
	recorded_ms INTEGER NOT NULL,
	doc         TEXT
) STRICT;

-- An event's id is its deployment's id times 2^20, plus its number within the
-- deployment. Events of one deployment lie together, new ones are appended, and
-- telling a repeat needs no index of random ids that grows with the history.
CREATE TABLE events (
	id          INTEGER PRIMARY KEY,
	source      TEXT NOT NULL,
	event_id    TEXT NOT NULL,
	at_ms       INTEGER NOT NULL,
	received_ms INTEGER NOT NULL,
	doc         TEXT NOT NULL
) STRICT;

-- The identities by which sources know deployments. deployment is NULL for an id
-- that is only remembered. position orders the ids that the state lists;
-- imported ones lie below zero.
CREATE TABLE keys (
	type       TEXT NOT NULL,
	id         TEXT NOT NULL,
	deployment INTEGER,
	position   INTEGER,
	seen_ms    INTEGER NOT NULL,
	PRIMARY KEY (type, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_listed ON keys (type, position) WHERE position IS NOT NULL;
CREATE INDEX keys_remembered ON keys (seen_ms) WHERE deployment IS NULL;

CREATE TABLE lanes (
	id      INTEGER PRIMARY KEY,
	channel TEXT NOT NULL UNIQUE,
	doc     TEXT NOT NULL
) STRICT;

-- Stale is derived, never stored: shown < wanted.
CREATE TABLE announcements (
	deployment INTEGER NOT NULL,
	lane       INTEGER NOT NULL,
	wanted     INTEGER NOT NULL,
	shown      INTEGER NOT NULL,
	ref        TEXT NOT NULL,
	tries      INTEGER NOT NULL,
	due_ms     INTEGER NOT NULL,
	PRIMARY KEY (deployment, lane)
) STRICT, WITHOUT ROWID;
CREATE INDEX announcements_stale ON announcements (lane, deployment) WHERE shown < wanted;
