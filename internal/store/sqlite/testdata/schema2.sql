-- A file as schema 2 left it, dumped.
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
INSERT INTO "announcements" VALUES(1,1,1,1,'printed',1,0);
INSERT INTO "announcements" VALUES(2,1,2,2,'printed',2,0);
INSERT INTO "announcements" VALUES(3,1,2,2,'printed',2,0);
CREATE TABLE attempts (
	deployment INTEGER NOT NULL,
	lane       INTEGER NOT NULL,
	n          INTEGER NOT NULL,
	revision   INTEGER NOT NULL,
	at_ms      INTEGER NOT NULL,
	edit       INTEGER NOT NULL,
	took_ms    INTEGER NOT NULL,
	fault      TEXT NOT NULL,
	detail     TEXT NOT NULL,
	PRIMARY KEY (deployment, lane, n)
) STRICT, WITHOUT ROWID;
INSERT INTO "attempts" VALUES(1,1,1,1,1795604237676,0,0,'','delivered');
INSERT INTO "attempts" VALUES(2,1,1,1,1795604237685,0,0,'','delivered');
INSERT INTO "attempts" VALUES(2,1,2,2,1795604237693,1,0,'','delivered');
INSERT INTO "attempts" VALUES(3,1,1,1,1795604237702,0,0,'','delivered');
INSERT INTO "attempts" VALUES(3,1,2,2,1795604237710,1,0,'','delivered');
CREATE TABLE deployments (
	id          INTEGER PRIMARY KEY,
	revision    INTEGER NOT NULL,
	recorded_ms INTEGER NOT NULL,
	doc         TEXT
) STRICT;
INSERT INTO "deployments" VALUES(1,1,1795604237675,NULL);
INSERT INTO "deployments" VALUES(2,2,1795604237684,'{"type":"worker","project":"api-service","status":"failure","commit":"abc123def456789","error":"exit status 1","shownId":"bad","keys":[{"type":"worker","kind":"pushed","id":"bad"}],"startedAt":"2025-01-15T10:31:00Z","finishedAt":"2025-01-15T10:32:00Z","recordedAt":"2026-11-25T10:57:17.684Z","provenance":{"base":{"trust":1,"at":1736937060000,"event":"push/47bd8fb7241e561bfca8959df27d0db7"},"fields":{"outcome":{"trust":1,"at":1736937120000,"event":"push/20242ec6f1a346b3b7c61bc02a49a853"}}}}');
INSERT INTO "deployments" VALUES(3,2,1795604237701,'{"type":"worker","project":"api-service","status":"success","commit":"abc123def456789","shownId":"ok","keys":[{"type":"worker","kind":"pushed","id":"ok"}],"startedAt":"2025-01-15T10:33:00Z","finishedAt":"2025-01-15T10:34:00Z","recordedAt":"2026-11-25T10:57:17.701Z","provenance":{"base":{"trust":1,"at":1736937180000,"event":"push/ebb4425741f94859e9e7989923418ef9"},"fields":{"outcome":{"trust":1,"at":1736937240000,"event":"push/2e2bebae054383ca463755acbf4413a6"}}}}');
CREATE TABLE events (
	id          INTEGER PRIMARY KEY,
	source      TEXT NOT NULL,
	event_id    TEXT NOT NULL,
	at_ms       INTEGER NOT NULL,
	received_ms INTEGER NOT NULL,
	doc         TEXT NOT NULL
) STRICT;
INSERT INTO "events" VALUES(1048576,'push','582ed2691d8ca88638341c30c3d7cf4d',1736937000000,1795604237674,'{"keys":[{"type":"worker","kind":"pushed","id":"a"}],"type":"worker","project":"api-service","status":"announced","commit":"abc123def456789"}');
INSERT INTO "events" VALUES(2097152,'push','47bd8fb7241e561bfca8959df27d0db7',1736937060000,1795604237684,'{"keys":[{"type":"worker","kind":"pushed","id":"bad"}],"type":"worker","project":"api-service","status":"announced","commit":"abc123def456789"}');
INSERT INTO "events" VALUES(2097153,'push','20242ec6f1a346b3b7c61bc02a49a853',1736937120000,1795604237692,'{"keys":[{"type":"worker","kind":"pushed","id":"bad"}],"type":"worker","project":"api-service","status":"failure","commit":"abc123def456789","error":"exit status 1"}');
INSERT INTO "events" VALUES(3145728,'push','ebb4425741f94859e9e7989923418ef9',1736937180000,1795604237701,'{"keys":[{"type":"worker","kind":"pushed","id":"ok"}],"type":"worker","project":"api-service","status":"announced","commit":"abc123def456789"}');
INSERT INTO "events" VALUES(3145729,'push','2e2bebae054383ca463755acbf4413a6',1736937240000,1795604237709,'{"keys":[{"type":"worker","kind":"pushed","id":"ok"}],"type":"worker","project":"api-service","status":"success","commit":"abc123def456789"}');
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO "goose_db_version" VALUES(1,0,1,'2026-11-25 10:57:17');
INSERT INTO "goose_db_version" VALUES(2,1,1,'2026-11-25 10:57:17');
INSERT INTO "goose_db_version" VALUES(3,2,1,'2026-11-25 10:57:17');
CREATE TABLE keys (
	type       TEXT NOT NULL,
	id         TEXT NOT NULL,
	deployment INTEGER,
	position   INTEGER,
	seen_ms    INTEGER NOT NULL,
	PRIMARY KEY (type, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "keys" VALUES('worker','a',1,1,1795604237675);
INSERT INTO "keys" VALUES('worker','bad',2,2,1795604237684);
INSERT INTO "keys" VALUES('worker','ok',3,3,1795604237701);
CREATE TABLE lanes (
	id      INTEGER PRIMARY KEY,
	channel TEXT NOT NULL UNIQUE,
	doc     TEXT NOT NULL
) STRICT;
INSERT INTO "lanes" VALUES(1,'console','{"lastSuccessMs":1795604237710}');
CREATE TABLE meta (
	name  TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('check',1);
CREATE INDEX keys_listed ON keys (type, position) WHERE position IS NOT NULL;
CREATE INDEX keys_remembered ON keys (seen_ms) WHERE deployment IS NULL;
CREATE INDEX announcements_stale ON announcements (lane, deployment) WHERE shown < wanted;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('goose_db_version',3);
COMMIT;
