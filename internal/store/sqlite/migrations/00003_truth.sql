-- +goose Up

-- place is the project type and the name under which other words about the
-- deployment are looked for; unnamed is 1 where no build step named it.
ALTER TABLE deployments ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE deployments ADD COLUMN unnamed INTEGER NOT NULL DEFAULT 0;
UPDATE deployments SET place = coalesce(
	json_extract(doc, '$.type') || '/' || json_extract(doc, '$.project'),
	(SELECT json_extract(e.doc, '$.type') || '/' || json_extract(e.doc, '$.project') FROM events e WHERE e.id = deployments.id * 1048576),
	'');
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
