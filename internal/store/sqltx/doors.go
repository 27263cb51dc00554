package sqltx

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/shipbell/shipbell"
)

var (
	insertToken  = newInsert("tokens", "id TEXT, made_ms BIGINT, doc TEXT")
	insertAct    = newInsert("acts", "at_ms BIGINT, who TEXT, what TEXT, subject TEXT, detail TEXT")
	insertSecret = newInsert("secrets", "name TEXT, value TEXT")
)

// tokenDoc is the stored form of a token.
type tokenDoc struct {
	Name      string   `json:"name"`
	Scope     string   `json:"scope"`
	Projects  []string `json:"projects,omitempty"`
	Hash      string   `json:"hash"`
	MadeBy    string   `json:"madeBy,omitempty"`
	LastUsed  int64    `json:"lastUsedMs,omitempty"`
	RevokedAt int64    `json:"revokedMs,omitempty"`
}

func (t *Tx) Tokens() ([]shipbell.Token, error) {
	var tokens []shipbell.Token
	err := t.conn.Each(func(row Row) error {
		var token shipbell.Token
		var made int64
		var doc []byte
		if err := row.Scan(&token.ID, &made, &doc); err != nil {
			return err
		}
		var d tokenDoc
		if err := json.Unmarshal(doc, &d); err != nil {
			return err
		}
		hash, err := hex.DecodeString(d.Hash)
		if err != nil || len(hash) != len(token.Hash) {
			return errors.Join(fmt.Errorf("token %s has no hash", token.ID), err)
		}
		copy(token.Hash[:], hash)
		token.Name, token.Scope, token.Projects, token.MadeBy = d.Name, shipbell.Scope(d.Scope), d.Projects, d.MadeBy
		token.MadeAt, token.LastUsed, token.RevokedAt = fromMS(made), fromMS(d.LastUsed), fromMS(d.RevokedAt)
		tokens = append(tokens, token)
		return nil
	}, `SELECT id, made_ms, doc FROM tokens ORDER BY made_ms, id`)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return tokens, nil
}

func (t *Tx) PutToken(token shipbell.Token) error {
	doc, err := json.Marshal(tokenDoc{
		Name: token.Name, Scope: string(token.Scope), Projects: token.Projects, Hash: hex.EncodeToString(token.Hash[:]),
		MadeBy: token.MadeBy, LastUsed: ms(token.LastUsed), RevokedAt: ms(token.RevokedAt),
	})
	if err == nil {
		err = t.conn.Exec(insertToken.One+` ON CONFLICT (id) DO UPDATE SET made_ms = excluded.made_ms, doc = excluded.doc`,
			string(token.ID), ms(token.MadeAt), string(doc))
	}
	if err != nil {
		return fmt.Errorf("store token %s: %w", token.ID, err)
	}
	return nil
}

func (t *Tx) KeepAct(a shipbell.Act) error {
	if err := t.conn.Exec(insertAct.One, ms(a.At), a.Who, string(a.What), a.Subject, a.Detail); err != nil {
		return fmt.Errorf("keep %s in the audit log: %w", a.What, err)
	}
	return nil
}

func (t *Tx) Acts(before int64, n int) ([]shipbell.Act, error) {
	var acts []shipbell.Act
	err := t.conn.Each(func(row Row) error {
		var a shipbell.Act
		var at int64
		err := row.Scan(&a.N, &at, &a.Who, &a.What, &a.Subject, &a.Detail)
		a.At = fromMS(at)
		acts = append(acts, a)
		return err
	}, `SELECT n, at_ms, who, what, subject, detail FROM acts WHERE n < $1 OR $1 = 0 ORDER BY n DESC LIMIT $2`, before, n)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return acts, nil
}

func (t *Tx) Secret(name, offered string) (string, error) {
	err := t.conn.Exec(insertSecret.One+` ON CONFLICT (name) DO NOTHING`, name, offered)
	if err != nil {
		return "", fmt.Errorf("keep secret %s: %w", name, err)
	}
	var value string
	if err := t.conn.Row(`SELECT value FROM secrets WHERE name = $1`, name).Scan(&value); err != nil {
		return "", fmt.Errorf("read secret %s: %w", name, err)
	}
	return value, nil
}
