package memory

import (
	"cmp"
	"maps"
	"slices"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// The lists are made when they are read.
func (t *tx) Enlist(int) (int, error) { return 0, nil }
func (t *tx) Unlisted() (int, error)  { return 0, nil }

func (t *tx) Briefs(f shipbell.Filter, after shipbell.Position, n int) ([]shipbell.Brief, error) {
	f.Text = ""
	var briefs []shipbell.Brief
	for _, d := range t.deployments {
		if b := d.Brief(); f.Match(d) && (after.IsZero() || after.Before(b.Position())) {
			briefs = append(briefs, b)
		}
	}
	slices.SortFunc(briefs, func(a, b shipbell.Brief) int {
		if a.Position().Before(b.Position()) {
			return -1
		}
		return 1
	})
	return briefs[:min(n, len(briefs))], nil
}

func (t *tx) Read(ids []shipbell.DeploymentID, _ string) ([]shipbell.Deployment, error) {
	var found []shipbell.Deployment
	for _, id := range ids {
		if d, ok := t.deployments[id]; ok {
			found = append(found, d)
		}
	}
	return found, nil
}

func (t *tx) Places(n int) ([]shipbell.Place, error) {
	newest := make(map[shipbell.Place]shipbell.DeploymentID)
	for id, d := range t.deployments {
		p := shipbell.Place{Type: d.Type, Name: d.Names()[0]}
		newest[p] = max(newest[p], id)
	}
	places := slices.SortedFunc(maps.Keys(newest), func(a, b shipbell.Place) int { return cmp.Compare(newest[b], newest[a]) })
	return places[:min(n, len(places))], nil
}

func (t *tx) Change(id shipbell.DeploymentID) error {
	set(t, &t.changes, append(slices.Clip(t.changes), id))
	return nil
}

func (t *tx) Changes(since shipbell.Cursor, n int) ([]shipbell.Change, error) {
	if since.Opened > t.lastID || since.Changed > int64(len(t.changes)) {
		return nil, shipbell.ErrNotFound
	}
	var changes []shipbell.Change
	for id := since.Opened + 1; id <= t.lastID && len(changes) < n; id++ {
		since.Opened = id
		if _, ok := t.deployments[id]; ok {
			changes = append(changes, shipbell.Change{At: since, Deployment: id})
		}
	}
	for since.Changed < int64(len(t.changes)) && len(changes) < n {
		id := t.changes[since.Changed]
		since.Changed++
		changes = append(changes, shipbell.Change{At: since, Deployment: id})
	}
	return changes, nil
}

func (t *tx) Latest() (shipbell.Cursor, error) {
	return shipbell.Cursor{Opened: t.lastID, Changed: int64(len(t.changes))}, nil
}

func (t *tx) Tokens() ([]shipbell.Token, error) {
	return slices.SortedFunc(maps.Values(t.tokens), func(a, b shipbell.Token) int {
		return cmp.Or(a.MadeAt.Compare(b.MadeAt), cmp.Compare(a.ID, b.ID))
	}), nil
}

func (t *tx) PutToken(token shipbell.Token) error {
	token.Projects = slices.Clone(token.Projects)
	put(t, t.tokens, token.ID, token)
	return nil
}

func (t *tx) KeepAct(a shipbell.Act) error {
	a.N = int64(len(t.acts)) + 1
	set(t, &t.acts, append(slices.Clip(t.acts), a))
	return nil
}

func (t *tx) Acts(before int64, n int) ([]shipbell.Act, error) {
	var acts []shipbell.Act
	for _, a := range slices.Backward(t.acts) {
		if len(acts) < n && (before == 0 || a.N < before) {
			acts = append(acts, a)
		}
	}
	return acts, nil
}

func (t *tx) Secret(name, offered string) (string, error) {
	if s, ok := t.secrets[name]; ok {
		return s, nil
	}
	put(t, t.secrets, name, offered)
	return offered, nil
}

var _ ledger.Tx = (*tx)(nil)
