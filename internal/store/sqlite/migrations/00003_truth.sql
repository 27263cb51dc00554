-- +goose Up

-- A place is a project type and a name, under which other words about a
-- deployment are looked for. unnamed is 1 where no build step named it.
CREATE TABLE places (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
) STRICT;
ALTER TABLE deployments ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN unnamed INTEGER NOT NULL DEFAULT 0;
CREATE TABLE named AS SELECT d.id, json_extract(coalesce(d.doc, e.doc), '$.type') || '/' || json_extract(coalesce(d.doc, e.doc), '$.project') AS name
	FROM deployments d JOIN events e ON e.id = d.id * 1048576;
INSERT INTO places (name) SELECT DISTINCT name FROM named;
UPDATE deployments SET place = p.id FROM named n JOIN places p ON p.name = n.name WHERE n.id = deployments.id;
DROP TABLE named;
CREATE INDEX deployments_place ON deployments (place, id);
CREATE INDEX deployments_unnamed ON deployments (place, id) WHERE unnamed = 1;

-- A deployment can have several messages in a channel: part 0 is the main one.
-- The announcements of a bulletin stand under its number, made negative.
CREATE TABLE announcements_new (
	deployment INTEGER NOT NULL,
	lane       INTEGER NOT NULL,
	part       INTEGER NOT NULL,
	urgency    INTEGER NOT NULL,
	wanted     INTEGER NOT NULL,
	shown      INTEGER NOT NULL,
	ref        TEXT NOT NULL,
	tries      INTEGER NOT NULL,
	due_ms     INTEGER NOT NULL,
	PRIMARY KEY (deployment, lane, part)
) STRICT, WITHOUT ROWID;
INSERT INTO announcements_new SELECT deployment, lane, 0, 1, wanted, shown, ref, tries, due_ms FROM announcements;
DROP TABLE announcements;
ALTER TABLE announcements_new RENAME TO announcements;
-- An old failure must not ring when something more is heard of it: its alert
-- counts as told.
INSERT INTO announcements SELECT a.deployment, a.lane, 1, 2, a.shown, a.shown, '', 0, 0 FROM announcements a
	JOIN deployments d ON d.id = a.deployment JOIN events e ON e.id = d.id * 1048576
	WHERE a.shown > 0 AND json_extract(coalesce(d.doc, e.doc), '$.status') = 'failure';
CREATE INDEX announcements_stale ON announcements (lane, urgency DESC, deployment, part) WHERE shown < wanted;

ALTER TABLE attempts ADD COLUMN part INTEGER NOT NULL DEFAULT 0;

-- Where deployments went that turned out to be part of an older one.
CREATE TABLE merged (
	id      INTEGER PRIMARY KEY,
	into_id INTEGER NOT NULL
) STRICT;

CREATE TABLE watches (
	deployment INTEGER PRIMARY KEY,
	due_ms     INTEGER NOT NULL
) STRICT;
CREATE INDEX watches_due ON watches (due_ms);

CREATE TABLE bulletins (
	id       INTEGER PRIMARY KEY,
	key      TEXT NOT NULL UNIQUE,
	revision INTEGER NOT NULL,
	at_ms    INTEGER NOT NULL,
	doc      TEXT NOT NULL
) STRICT;

CREATE TABLE memories (
	source TEXT PRIMARY KEY,
	doc    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
