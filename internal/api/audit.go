package api

import (
	"net/url"
	"strconv"

	"github.com/shipbell/shipbell/internal/wire"
)

// listAudit answers what people did, the newest first.
func (a *API) listAudit(q query) (any, error) {
	n, err := limit(q.params)
	if err != nil {
		return nil, err
	}
	var before int64
	if text := q.params.Get(paramBefore); text != "" {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil || before < 1 {
			return nil, badParam(wire.CodeInvalidParameter, paramBefore, "Parameter not understood", "the next of an earlier answer")
		}
	}
	acts, err := a.Ledger.Acts(q.Context(), before, n+1)
	if err != nil {
		return nil, err
	}
	o := wire.Audit{Acts: []wire.Act{}}
	for i, act := range acts {
		if i == n {
			o.Next = acts[n-1].N
			break
		}
		o.Acts = append(o.Acts, wire.Act{N: act.N, At: act.At.UTC(), Who: act.Who, What: act.What, Subject: act.Subject, Detail: act.Detail})
	}
	if o.Next != 0 {
		setNext(q, url.Values{paramBefore: {strconv.FormatInt(o.Next, 10)}, paramLimit: {strconv.Itoa(n)}})
	}
	return o, nil
}

// listTokens answers which named tokens there are. What a token is known by stays
// in the ledger.
func (a *API) listTokens(q query) (any, error) {
	tokens, err := a.Ledger.Tokens(q.Context())
	if err != nil {
		return nil, err
	}
	o := wire.Tokens{Tokens: []wire.Token{}}
	for _, t := range tokens {
		o.Tokens = append(o.Tokens, wire.Token{
			ID: t.ID, Name: t.Name, Scope: t.Scope, Projects: append([]string{}, t.Projects...),
			MadeAt: t.MadeAt.UTC(), MadeBy: t.MadeBy, LastUsed: utc(t.LastUsed), RevokedAt: utc(t.RevokedAt),
		})
	}
	return o, nil
}
