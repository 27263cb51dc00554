-- +goose Up

-- Texts that lists compare: names of projects and environments, authors, branches.
CREATE TABLE words (
	id   INTEGER PRIMARY KEY,
	word TEXT NOT NULL UNIQUE
) STRICT;

-- What lists need of a deployment. Those up to the number in meta, listed, are
-- here; later ones are taken in when somebody looks, or in a quiet moment. type and
-- status are numbers in the order of their lists in package sqltx.
CREATE TABLE listed (
	id           INTEGER PRIMARY KEY,
	type         INTEGER NOT NULL,
	project      INTEGER NOT NULL,
	environment  INTEGER NOT NULL,
	status       INTEGER NOT NULL,
	author       INTEGER NOT NULL,
	branch       INTEGER NOT NULL,
	started_ms   INTEGER NOT NULL,
	finished_ms  INTEGER NOT NULL,
	committed_ms INTEGER NOT NULL,
	frozen       INTEGER NOT NULL
) STRICT;
CREATE INDEX listed_started ON listed (started_ms, id);
CREATE INDEX listed_type ON listed (type, started_ms, id);
CREATE INDEX listed_project ON listed (project, started_ms, id);
CREATE INDEX listed_environment ON listed (environment, started_ms, id);
CREATE INDEX listed_outcome ON listed (environment, status, started_ms, id);
CREATE INDEX listed_status ON listed (status, started_ms, id);
CREATE INDEX listed_author ON listed (author, started_ms, id);
CREATE INDEX listed_branch ON listed (branch, started_ms, id);

-- The feed of what changed. That a deployment was opened is told by its number.
CREATE TABLE changes (
	n          INTEGER PRIMARY KEY AUTOINCREMENT,
	deployment INTEGER NOT NULL
) STRICT;

-- Named tokens; of each only the hash.
CREATE TABLE tokens (
	id      TEXT PRIMARY KEY,
	made_ms INTEGER NOT NULL,
	doc     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The audit log.
CREATE TABLE acts (
	n       INTEGER PRIMARY KEY AUTOINCREMENT,
	at_ms   INTEGER NOT NULL,
	who     TEXT NOT NULL,
	what    TEXT NOT NULL,
	subject TEXT NOT NULL,
	detail  TEXT NOT NULL
) STRICT;

-- What the server needs and no person gave, such as the key that signs sessions.
CREATE TABLE secrets (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
