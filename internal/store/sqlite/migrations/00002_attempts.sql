-- +goose Up
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
