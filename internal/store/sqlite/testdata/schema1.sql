-- A file as schema 1 left it, dumped.
BEGIN TRANSACTION;
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
INSERT INTO "announcements" VALUES(1,1,1,0,'',0,0);
CREATE TABLE deployments (
	id          INTEGER PRIMARY KEY,
	revision    INTEGER NOT NULL,
	recorded_ms INTEGER NOT NULL,
	doc         TEXT
) STRICT;
INSERT INTO "deployments" VALUES(1,1,1795381716016,NULL);
CREATE TABLE events (
	id          INTEGER PRIMARY KEY,
	source      TEXT NOT NULL,
	event_id    TEXT NOT NULL,
	at_ms       INTEGER NOT NULL,
	received_ms INTEGER NOT NULL,
	doc         TEXT NOT NULL
) STRICT;
INSERT INTO "events" VALUES(1048576,'push','push-build-abc123',1736937045000,1736937045000,'{"keys":[{"type":"worker","kind":"pushed","id":"build-abc123"}],"type":"worker","project":"api-service","environment":"production","status":"announced","branch":"feature/add-auth","commit":"abc123def456789","commitMessage":"Add JWT authentication\n\nImplemented:\n- \u003cb\u003e\u0001 🚀","author":"dev@example.com"}');
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO "goose_db_version" VALUES(1,0,1,'2026-11-22 21:08:36');
INSERT INTO "goose_db_version" VALUES(2,1,1,'2026-11-22 21:08:36');
CREATE TABLE keys (
	type       TEXT NOT NULL,
	id         TEXT NOT NULL,
	deployment INTEGER,
	position   INTEGER,
	seen_ms    INTEGER NOT NULL,
	PRIMARY KEY (type, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "keys" VALUES('worker','build-abc123',1,1,1795381716016);
INSERT INTO "keys" VALUES('worker','deploy-001',NULL,-1,1795381716016);
CREATE TABLE lanes (
	id      INTEGER PRIMARY KEY,
	channel TEXT NOT NULL UNIQUE,
	doc     TEXT NOT NULL
) STRICT;
INSERT INTO "lanes" VALUES(1,'telegram:-1','{}');
CREATE TABLE meta (
	name  TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('remembered_ms',1795381716016);
CREATE INDEX keys_listed ON keys (type, position) WHERE position IS NOT NULL;
CREATE INDEX keys_remembered ON keys (seen_ms) WHERE deployment IS NULL;
CREATE INDEX announcements_stale ON announcements (lane, deployment) WHERE shown < wanted;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('goose_db_version',3);
COMMIT;
