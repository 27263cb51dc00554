package cloudflare

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

const (
	// pagesPerPage is the largest page that Pages does not refuse.
	pagesPerPage = 25
	// defaultProjectsPerPage is the least that has been seen where none is named.
	defaultProjectsPerPage = 10
)

// lookAtPages lists the Pages projects, which come with their latest deployment
// and the one that production shows.
func (l *look) lookAtPages(ctx context.Context) error {
	first := l.mem.Pages == nil
	mem := l.mem.Pages
	if first {
		mem = &pagesMemory{Since: l.started, Known: map[string]projectMemory{}}
	}
	if mem.Known == nil {
		mem.Known = map[string]projectMemory{}
	}
	projects, whole, err := l.listProjects(ctx, mem)
	if err != nil {
		return errWhat("list Pages projects", err)
	}
	l.mem.Pages = mem
	l.whole[shipbell.Pages] = whole
	listed, complete := map[string]bool{}, whole
	for _, p := range projects {
		listed[p.id()] = true
		l.named(shipbell.Pages, p.site(l.account))
		if !l.project(ctx, p, first) {
			complete = false
		}
	}
	if whole {
		maps.DeleteFunc(mem.Known, func(id string, _ projectMemory) bool { return !listed[id] })
	}
	l.looked[shipbell.Pages] = complete
	return nil
}

// listProjects lists all projects. Some accounts refuse any per_page with code
// 8000024, and then perhaps any page; that is remembered.
func (l *look) listProjects(ctx context.Context, mem *pagesMemory) (all []pagesProject, whole bool, err error) {
	path := inAccount(l.account, "pages", "projects")
	seen := map[string]bool{}
	for page := 1; page <= maxPages; page++ {
		query := pageQuery(page, pagesPerPage)
		switch {
		case mem.Bare && page == 1:
			query = nil
		case mem.Bare:
			query = url.Values{"page": query["page"]}
		}
		var batch list[pagesProject]
		info, err := l.client.get(ctx, path, query, &batch)
		if e, ok := errors.AsType[*APIError](err); ok && e.Code == codePaging {
			if !mem.Bare {
				mem.Bare, all, page = true, nil, 0
				clear(seen)
				continue
			}
			if page > 1 {
				l.notes = append(l.notes, "Pages lists only its first projects; Cloudflare refuses to list the others")
				return all, false, nil
			}
		}
		if err != nil {
			return nil, false, err
		}
		fresh := 0
		for _, p := range batch {
			if p.Name != "" && !seen[p.id()] {
				seen[p.id()] = true
				all = append(all, p)
				fresh++
			}
		}
		perPage := pagesPerPage
		if mem.Bare {
			perPage = defaultProjectsPerPage
		}
		if fresh == 0 || lastPage(info, page, len(batch), perPage) {
			break
		}
	}
	return all, true, nil
}

// project takes what the list says of a project, and asks for its deployments if
// there is a new one. It reports whether everything was heard.
func (l *look) project(ctx context.Context, p pagesProject, first bool) bool {
	mem := l.mem.Pages
	m, isKnown := mem.Known[p.id()]
	m.Active = maps.Clone(m.Active)
	s := p.site(l.account)
	known := map[string]pagesDeployment{}
	for _, d := range []pagesDeployment{p.Latest.V, p.Canonical.V} {
		if d.ID != "" {
			known[string(d.ID)] = d
		}
	}
	newest := p.Latest.V
	moved := newest.ID != "" && !slices.Contains(m.Recent, short(string(newest.ID)))
	baseline := first || !isKnown && newest.CreatedOn.Before(mem.Since)
	var fresh []pagesDeployment
	complete := true
	switch {
	case moved && baseline:
		fresh = slices.Collect(maps.Values(known))
	case moved:
		if l.exhausted(ctx) {
			return false
		}
		all, err := l.listPages(ctx, p, m)
		if !l.detail(errWhat("list the deployments of "+string(p.Name), err)) {
			return errors.Is(err, shipbell.ErrNotFound)
		}
		since := mem.Since
		switch {
		case !m.At.IsZero():
			since = later(m.At.Add(-overlap), mem.Since)
		case isKnown:
			since = time.Time{} // it had none when it was first looked at
		}
		for _, d := range append(all, newest) {
			if _, ok := known[string(d.ID)]; !ok || d.ID != newest.ID {
				known[string(d.ID)] = d
			}
			// Where the latest one was deleted, an old one is the latest again.
			isNew := !slices.Contains(m.Recent, short(string(d.ID))) && d.CreatedOn.After(since)
			if isNew && !slices.ContainsFunc(fresh, func(o pagesDeployment) bool { return o.ID == d.ID }) {
				fresh = append(fresh, d)
			}
		}
	}
	slices.SortFunc(fresh, func(a, b pagesDeployment) int { return a.CreatedOn.Compare(b.CreatedOn.Time) })
	others := slices.Collect(maps.Values(known))
	take := func(d pagesDeployment, told shipbell.Status) {
		l.pages(&m, p, pagesSeen{site: s, d: d, told: told, newer: superseding(d, others), at: l.started}, baseline)
	}
	for _, id := range slices.Sorted(maps.Keys(m.Active)) {
		d, ok := known[id]
		if !ok {
			if l.exhausted(ctx) {
				complete = false
				break
			}
			_, err := l.client.get(ctx, inAccount(l.account, "pages", "projects", string(p.Name), "deployments", id), nil, &d)
			if errors.Is(err, shipbell.ErrNotFound) {
				delete(m.Active, id)
				continue
			}
			if !l.detail(errWhat("ask for a deployment of "+string(p.Name), err)) || string(d.ID) != id {
				complete = false
				continue
			}
		}
		take(d, m.Active[id])
	}
	for _, d := range fresh {
		m.Recent = append(m.Recent, short(string(d.ID)))
		m.At = later(m.At, d.CreatedOn.Time)
		take(d, "")
	}
	if moved && !slices.Contains(m.Recent, short(string(newest.ID))) {
		m.Recent = append(m.Recent, short(string(newest.ID)))
	}
	m.Recent = m.Recent[max(0, len(m.Recent)-maxRecent):]
	l.live(&m, p.Canonical.V, s, fresh)
	if len(m.Active) == 0 {
		m.Active = nil
	}
	mem.Known[p.id()] = m
	return complete
}

// pages tells what is new of a deployment and keeps what is to come.
func (l *look) pages(m *projectMemory, p pagesProject, seen pagesSeen, silent bool) {
	id := string(seen.d.ID)
	events := seen.events(shipbell.SourcePoll)
	if silent {
		l.baseline = append(l.baseline, events...)
	} else {
		l.events = append(l.events, events...)
	}
	state, _ := seen.d.state()
	if state.Final() || l.started.Sub(seen.d.CreatedOn.Time) > maxActive {
		delete(m.Active, id)
	} else {
		if m.Active == nil {
			m.Active = map[string]shipbell.Status{}
		}
		m.Active[id] = state
	}
	if state == shipbell.Failure && !silent {
		l.mem.want(wantedLog{Type: shipbell.Pages, Project: string(p.Name), ID: id})
	}
}

// live follows what production shows. Where an older deployment comes back, that
// is told; there is no deployment of it to be seen. Only what has succeeded
// counts: what is called canonical while it is being built may go away again.
func (l *look) live(m *projectMemory, d pagesDeployment, s site, fresh []pagesDeployment) {
	state, _ := d.state()
	if d.ID == "" || state != shipbell.Success || string(d.ID) == m.Live {
		return
	}
	back := m.Live != "" && d.CreatedOn.Before(m.LiveAt)
	// What was made before the last time that an older one came back, and comes
	// after it, comes back too.
	again := !m.BackAt.IsZero() && d.CreatedOn.Before(m.BackAt) && d.CreatedOn.After(m.LiveAt)
	isNew := slices.ContainsFunc(fresh, func(o pagesDeployment) bool { return o.ID == d.ID })
	if (back || again) && !isNew {
		l.events = append(l.events, pagesSeen{site: s, d: d, at: l.started}.rollback(shipbell.SourcePoll, m.Live))
		m.BackAt = l.started
	}
	m.Live, m.LiveAt = string(d.ID), d.CreatedOn.Time
}

// listPages lists the deployments of a project back to those that are known.
func (l *look) listPages(ctx context.Context, p pagesProject, m projectMemory) ([]pagesDeployment, error) {
	boundary := m.At.Add(-overlap)
	if m.At.IsZero() {
		boundary = l.mem.Pages.Since
	}
	path := inAccount(l.account, "pages", "projects", string(p.Name), "deployments")
	var all []pagesDeployment
	bare := false
	for page := 1; page <= maxPages; page++ {
		query := pageQuery(page, pagesPerPage)
		if bare {
			query = nil
		}
		var batch list[pagesDeployment]
		info, err := l.client.get(ctx, path, query, &batch)
		if e, ok := errors.AsType[*APIError](err); ok && e.Code == codePaging && e.Status == http.StatusBadRequest && !bare && page == 1 {
			bare, page = true, 0
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, batch...)
		if bare || lastPage(info, page, len(batch), pagesPerPage) || slices.ContainsFunc(batch, func(d pagesDeployment) bool {
			return slices.Contains(m.Recent, short(string(d.ID))) && d.CreatedOn.Before(boundary) || before(d.CreatedOn.Time, boundary)
		}) {
			break
		}
	}
	return slices.DeleteFunc(all, func(d pagesDeployment) bool { return d.ID == "" || d.CreatedOn.IsZero() }), nil
}

// before reports whether a time that is known is before another.
func before(at, boundary time.Time) bool { return !at.IsZero() && at.Before(boundary) }
