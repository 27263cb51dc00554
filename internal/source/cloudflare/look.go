package cloudflare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// The policy of this file: an idle look asks for lists only, and for details of
// what has moved. What cannot be asked is not remembered as seen, so that the
// next look asks again; the rest is reported nevertheless.

const (
	workersPerPage = 100
	// listedDeployments is how many deployments of a Worker the API lists where it
	// does not page.
	listedDeployments = 10
	// baselineDetails is how many Workers the first look asks for their
	// deployments, so that the next one has something before it. The others are
	// asked when they move.
	baselineDetails = 50
	// maxLatestTags is how many Workers one call for their latest builds names,
	// and maxJoinIDs how many versions; what Cloudflare takes is not documented.
	maxLatestTags = 100
	maxJoinIDs    = 50
	minLatestTags = 10
	rotatedTags   = 20 // of maxLatestTags, for Workers that have shown no builds
	buildsPerPage = 25
	// maxVersionCalls is how many versions a look asks for.
	maxVersionCalls = 10
	// maxStale is how often a Worker that moved is asked for a new deployment
	// that does not show.
	maxStale = 3
	// maxFailures is after how many failed requests for details a look gives up.
	maxFailures = 3
	// closeEnough is how far apart the two times of one deployment may be.
	closeEnough = 2 * time.Second
)

// The parts of an account, each with a permission of its own.
const (
	partWorkers = "Workers"
	partBuilds  = "Workers Builds"
	partPages   = "Pages"
)

// look is one cycle through one account.
type look struct {
	client  *Client
	watch   *watch
	account string
	mem     *accountMemory
	started time.Time
	sweep   bool // list all Workers
	spare   bool // and ask for no builds, to keep to the same number of requests

	events, baseline []shipbell.Event
	seen             []pending
	workers          map[string]worker // by tag, of those listed
	first            bool              // of Workers
	newBuilds        map[string]bool   // told in this look
	names            map[shipbell.ProjectType]map[string]site
	whole            map[shipbell.ProjectType]bool // all names are listed
	looked           map[shipbell.ProjectType]bool // the look at these is complete
	failures         int
	versions         int // asked for
	notes            []string
	errs             []error
}

// pending is a deployment that waits for its build.
type pending struct {
	seen
	worker string
	silent bool
	better int // how often more is told of it; 0 when it is told first
}

func (p *Poller) newLook(w *watch) *look {
	l := &look{
		client: p.o.Client, watch: w, account: w.account.ID, mem: p.memory.account(w.account.ID), started: p.now(),
		workers: make(map[string]worker), newBuilds: make(map[string]bool),
		names:  make(map[shipbell.ProjectType]map[string]site),
		whole:  make(map[shipbell.ProjectType]bool),
		looked: make(map[shipbell.ProjectType]bool),
	}
	switch {
	case w.sweepAt.IsZero():
		w.sweepAt = l.started // with the second look: the first one has enough to do
	case w.failures > 0:
		l.sweep = true // what was missed may be anywhere
	case !w.sweepAt.After(l.started):
		l.sweep, l.spare = true, true
		w.sweepAt = l.started.Add(sweepEvery)
	}
	return l
}

// run looks at all parts. A part that the token may not read is left alone for a
// while; if it may read none, the account is blind.
func (l *look) run(ctx context.Context) {
	asked := 0
	for _, part := range []struct {
		name string
		look func(context.Context) error
	}{
		{partWorkers, l.lookAtWorkers},
		{partBuilds, l.lookAtBuilds},
		{partPages, l.lookAtPages},
	} {
		if part.name == partBuilds && l.mem.Workers == nil {
			continue // Builds knows Workers by ids that only the list of Workers tells
		}
		r, off := l.watch.refused[part.name]
		if off && l.started.Before(r.at.Add(refusedFor)) {
			l.note(part.name, r.err)
			continue
		}
		err := part.look(ctx)
		switch {
		case refused(err):
			l.watch.refused[part.name] = refusal{l.started, err}
			l.note(part.name, err)
		case err != nil:
			l.errs = append(l.errs, err)
		default:
			delete(l.watch.refused, part.name)
			if part.name != partBuilds {
				asked++ // of builds there can be nothing to ask
			}
		}
	}
	l.deployed(ctx)
	if asked == 0 && len(l.errs) == 0 {
		for _, part := range []string{partWorkers, partPages} {
			if r, ok := l.watch.refused[part]; ok {
				l.errs = append(l.errs, r.err)
			}
			// A token is often repaired within minutes.
			delete(l.watch.refused, part)
		}
		delete(l.watch.refused, partBuilds)
		l.notes = nil
	}
}

func (l *look) note(part string, err error) {
	text := part + " cannot be read"
	if e, ok := errors.AsType[*APIError](err); ok && e.Scope != "" {
		text += ": the token lacks the permission " + e.Scope
		if part == partBuilds && e.Status == http.StatusUnauthorized {
			text += ", or belongs to the account instead of a user"
		}
	}
	l.notes = append(l.notes, text)
}

// detail asks for one thing about what moved. It reports whether that worked; an
// error makes the look incomplete, and too many of them end the asking.
func (l *look) detail(err error) bool {
	switch {
	case err == nil:
		l.failures = 0
		return true
	case errors.Is(err, shipbell.ErrNotFound):
		return false // deleted meanwhile
	case refused(err):
		return false
	}
	l.failures++
	l.errs = append(l.errs, err)
	if limited(err) > 0 {
		l.failures = maxFailures
	}
	return false
}

// exhausted reports whether asking for details makes no sense any more.
func (l *look) exhausted(ctx context.Context) bool {
	return ctx.Err() != nil || l.failures >= maxFailures
}

func (l *look) named(t shipbell.ProjectType, s site) {
	if l.names[t] == nil {
		l.names[t] = make(map[string]site)
	}
	for _, name := range []string{s.project, s.script} {
		if name == "" {
			continue
		}
		// The own name of a Worker says more than that it is another's base.
		if old, ok := l.names[t][name]; !ok || old.script != name {
			l.names[t][name] = s
		}
	}
}

// lookAtWorkers lists Workers, the newest deployment first, as far as something
// has moved.
func (l *look) lookAtWorkers(ctx context.Context) error {
	l.first = l.mem.Workers == nil
	known := map[string]workerMemory{}
	if !l.first {
		known = l.mem.Workers.Known
	}
	items, whole, err := l.listWorkers(ctx, known)
	if err != nil {
		return errWhat("list Workers", err)
	}
	if l.first {
		l.mem.Workers = &workersMemory{Since: l.started, Known: known}
	}
	l.whole[shipbell.Worker] = whole
	for _, w := range items {
		l.workers[w.tag()] = w
		l.watch.sites[w.tag()] = l.site(ctx, w)
		l.named(shipbell.Worker, l.watch.sites[w.tag()])
	}
	if whole {
		maps.DeleteFunc(known, func(tag string, _ workerMemory) bool { _, ok := l.workers[tag]; return !ok })
		if l.mem.Builds != nil {
			maps.DeleteFunc(l.mem.Builds.Known, func(tag string, _ buildMemory) bool { _, ok := l.workers[tag]; return !ok })
		}
	}
	complete, details := true, 0
	for _, w := range items {
		m, isKnown := known[w.tag()]
		switch {
		case isKnown && m.On == string(w.DeployedOn):
			continue
		case w.DeployedOn == "", l.first && details == baselineDetails:
			known[w.tag()] = workerMemory{On: string(w.DeployedOn)}
			continue
		case l.exhausted(ctx):
			complete = false
			continue
		}
		details++
		err := l.deployments(ctx, w, m, isKnown)
		if !l.detail(errWhat("list the deployments of "+string(w.Name), err)) && !errors.Is(err, shipbell.ErrNotFound) {
			complete = false
			if l.first {
				known[w.tag()] = workerMemory{On: string(w.DeployedOn)}
			}
		}
	}
	l.tellMore(ctx)
	l.looked[shipbell.Worker] = complete
	return nil
}

// tellMore finds the deployments that were told with less than the list of Workers
// says by now. The list is at hand; only what has more to it is asked for again.
func (l *look) tellMore(ctx context.Context) {
	for i := range l.mem.Workers.Told {
		told := &l.mem.Workers.Told[i]
		if _, listed := l.workers[told.Worker]; !listed || told.Better >= maxBetter || l.started.Sub(told.ToldAt) > tellMoreFor {
			continue
		}
		s := l.watch.sites[told.Worker]
		if !told.Said.more(s.said()) {
			continue
		}
		if l.exhausted(ctx) {
			return
		}
		var d deployment
		_, err := l.client.get(ctx, inAccount(l.account, "workers", "scripts", s.script, "deployments", told.ID), nil, &d)
		if err != nil && !l.detail(errWhat("ask for a deployment", err)) && !errors.Is(err, shipbell.ErrNotFound) {
			continue // the next look asks again
		}
		if string(d.ID) != told.ID {
			d = deployment{ID: text(told.ID)} // what the list says is enough
		}
		d.CreatedOn = moment{told.At}
		told.Better++
		told.Said = told.Said.with(s.said())
		l.seen = append(l.seen, pending{
			seen:   seen{verdict: verdict{version: told.Version, first: told.First, cause: told.Cause}, site: s, d: d},
			worker: told.Worker, better: told.Better,
		})
	}
}

func (l *look) listWorkers(ctx context.Context, known map[string]workerMemory) (items []worker, whole bool, err error) {
	for page := 1; page <= maxPages; page++ {
		query := pageQuery(page, workersPerPage)
		query.Set("order_by", "deployed_on")
		query.Set("order", "desc")
		var batch list[worker]
		info, err := l.client.get(ctx, inAccount(l.account, "workers", "workers"), query, &batch)
		if err != nil {
			return nil, false, err
		}
		batch = slices.DeleteFunc(batch, func(w worker) bool { return w.tag() == "" || w.Name == "" })
		items = append(items, batch...)
		if lastPage(info, page, len(batch), workersPerPage) {
			return items, true, nil
		}
		if !l.first && !l.sweep && reached(batch, known) {
			return items, false, nil
		}
	}
	return items, true, nil
}

// reached reports whether nothing behind these Workers can have moved: the last
// one that was ever deployed has not. Where those that never were are listed is
// not known.
func reached(batch []worker, known map[string]workerMemory) bool {
	for _, w := range slices.Backward(batch) {
		if w.DeployedOn != "" {
			m, ok := known[w.tag()]
			return ok && m.On == string(w.DeployedOn)
		}
	}
	return false
}

// deployments finds what was deployed of a Worker since m.
func (l *look) deployments(ctx context.Context, w worker, m workerMemory, isKnown bool) error {
	// Of what was made before this nothing is new.
	boundary := l.mem.Workers.Since
	switch {
	case !m.At.IsZero():
		boundary = m.At
	case isKnown && m.On != "":
		boundary = parseTime(m.On).Add(closeEnough)
	case isKnown:
		boundary = time.Time{} // it had none when it was first looked at
	}
	listed, err := l.listDeployments(ctx, w, m.Last, boundary)
	if err != nil {
		return err
	}
	site := l.watch.sites[w.tag()]
	h := recall(m.Versions)
	var before *deployment
	if m.Only != "" {
		before = &deployment{CreatedOn: moment{m.At}, Versions: list[share]{{VersionID: text(m.Only), Percentage: 100}}}
	}
	last := slices.IndexFunc(listed, func(d deployment) bool { return m.Last != "" && string(d.ID) == m.Last })
	var old *pending // the newest of those that were there before
	fresh := 0
	for i, d := range listed {
		isNew := i > last
		if last < 0 {
			isNew = d.CreatedOn.After(boundary)
		}
		s := pending{seen: seen{verdict: h.judge(d, before), site: site, d: d}, worker: w.tag(), silent: !isNew || l.first}
		h, before = h.with(d), &listed[i]
		switch {
		case isNew:
			fresh++
			if !d.change() {
				continue
			}
			if l.first {
				old = &s
			} else {
				l.seen = append(l.seen, s)
			}
		case m.Last == "" && d.change():
			old = &s
		}
	}
	if old != nil {
		old.silent = true
		l.seen = append(l.seen, *old)
	}
	if fresh == 0 && isKnown && m.On != "" {
		// The list may lag behind, or something that is no deployment moved it.
		if l.watch.stale[w.tag()]++; l.watch.stale[w.tag()] < maxStale {
			return nil
		}
	}
	delete(l.watch.stale, w.tag())
	m.On, m.Versions = string(w.DeployedOn), h.remember()
	if n := len(listed); n > 0 {
		newest := listed[n-1]
		m.Last, m.At, m.Only = string(newest.ID), later(newest.CreatedOn.Time, m.At), ""
		if len(newest.Versions) == 1 {
			m.Only = string(newest.Versions[0].VersionID)
		}
	}
	l.mem.Workers.Known[w.tag()] = m
	return nil
}

// listDeployments returns the deployments of a Worker back to the one that is
// known, the oldest first. The API lists the newest ten and may or may not page.
func (l *look) listDeployments(ctx context.Context, w worker, last string, boundary time.Time) ([]deployment, error) {
	path := inAccount(l.account, "workers", "scripts", string(w.Name), "deployments")
	var all []deployment
	var query url.Values
	for page := 1; page <= maxPages; page++ {
		var result struct {
			Deployments list[deployment] `json:"deployments"`
		}
		info, err := l.client.get(ctx, path, query, &result)
		if err != nil {
			return nil, err
		}
		batch := slices.DeleteFunc(result.Deployments, func(d deployment) bool { return d.ID == "" || d.CreatedOn.IsZero() })
		if len(batch) > 0 && slices.ContainsFunc(all, func(d deployment) bool { return d.ID == batch[0].ID }) {
			l.watch.lasting = append(l.watch.lasting, lasting{l.started, fmt.Sprintf(
				"of %s only the last %d deployments were listed at %s; older ones since the look before are missed",
				w.Name, len(all), l.started.Format(time.RFC3339))})
			l.watch.lasting = l.watch.lasting[max(0, len(l.watch.lasting)-maxLasting):]
			break
		}
		all = append(all, batch...)
		if len(all) == 0 || len(batch) == 0 || page == 1 && len(batch) < listedDeployments || info.TotalPages > 0 && page >= int(info.TotalPages) {
			break
		}
		if slices.ContainsFunc(batch, func(d deployment) bool {
			return last != "" && string(d.ID) == last || !d.CreatedOn.After(boundary)
		}) {
			break
		}
		query = pageQuery(page+1, max(len(all)/page, listedDeployments))
	}
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b deployment) int { return a.CreatedOn.Compare(b.CreatedOn.Time) })
	return all, nil
}

// site says where a Worker is, with its address on workers.dev.
func (l *look) site(ctx context.Context, w worker) site {
	s := w.site(l.account)
	if s.url != "" || w.Subdomain.V.Enabled != "true" {
		return s
	}
	if l.watch.address == "" {
		var account struct {
			Subdomain text `json:"subdomain"`
		}
		if _, err := l.client.get(ctx, inAccount(l.account, "workers", "subdomain"), nil, &account); err != nil || account.Subdomain == "" {
			return s
		}
		l.watch.address = string(account.Subdomain)
	}
	s.url = webURL(s.script + "." + l.watch.address + ".workers.dev")
	return s
}

// siteOf says where a Worker is that this look need not have listed.
func (l *look) siteOf(tag string) (site, bool) {
	s, ok := l.watch.sites[tag]
	return s, ok
}

// lookAtBuilds asks for the latest build of many Workers at once, and for those
// under way.
func (l *look) lookAtBuilds(ctx context.Context) error {
	first := l.mem.Builds == nil
	if l.spare && !first {
		return nil
	}
	mem := l.mem.Builds
	if first {
		mem = &buildsMemory{Since: l.started}
	}
	if mem.Known == nil {
		mem.Known = map[string]buildMemory{}
	}
	if mem.Active == nil {
		mem.Active = map[string]activeBuild{}
	}
	got := map[string]build{}
	for _, tags := range l.tags(mem, first) {
		batch, err := l.buildsBy(ctx, "latest", "external_script_ids", tags)
		if err != nil {
			if e, ok := errors.AsType[*APIError](err); ok && e.Status >= 400 && e.Status < 500 && !refused(err) && limited(err) == 0 && len(tags) > minLatestTags {
				l.watch.maxTags = max(len(tags)/2, minLatestTags)
			}
			return errWhat("ask for the latest builds", err)
		}
		maps.Copy(got, batch)
	}
	l.mem.Builds = mem
	asked := map[string]bool{}
	for _, tag := range slices.Sorted(maps.Keys(got)) {
		b := got[tag]
		if b.UUID == "" {
			continue
		}
		if err := l.latestBuild(ctx, tag, b, first, asked); err != nil && !l.detail(err) && l.exhausted(ctx) {
			break
		}
	}
	for _, uuid := range slices.Sorted(maps.Keys(mem.Active)) {
		a := mem.Active[uuid]
		if asked[uuid] {
			continue
		}
		if l.started.Sub(a.At) > maxActive {
			delete(mem.Active, uuid)
			continue
		}
		if l.exhausted(ctx) {
			break
		}
		var b build
		_, err := l.client.get(ctx, inAccount(l.account, "builds", "builds", uuid), nil, &b)
		if errors.Is(err, shipbell.ErrNotFound) {
			delete(mem.Active, uuid)
		} else if l.detail(errWhat("ask for a build", err)) && string(b.UUID) == uuid {
			l.build(a.Worker, b, nil, false)
		}
	}
	return nil
}

// tags returns which Workers to ask for their latest build: those with builds and
// those deployed last first, the others in turn. The first look asks for all.
func (l *look) tags(mem *buildsMemory, first bool) [][]string {
	known := l.mem.Workers.Known
	all := slices.Collect(maps.Keys(known))
	building := map[string]bool{}
	for _, a := range mem.Active {
		building[a.Worker] = true
	}
	slices.SortFunc(all, func(a, b string) int {
		rank := func(tag string) int {
			if building[tag] {
				return 2
			}
			if _, ok := mem.Known[tag]; ok {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(known[b].On, known[a].On), cmp.Compare(a, b))
	})
	size := l.watch.maxTags
	switch {
	case len(all) == 0:
		return nil
	case len(all) <= size:
		return [][]string{all}
	case first:
		return slices.Collect(slices.Chunk(all, size))
	}
	fixed := size - size*rotatedTags/maxLatestTags
	tags, rest := slices.Clone(all[:fixed]), all[fixed:]
	// In an order that does not change, so that each has its turn.
	slices.Sort(rest)
	for i := range min(size-fixed, len(rest)) {
		tags = append(tags, rest[(l.watch.rotation+i)%len(rest)])
	}
	l.watch.rotation = (l.watch.rotation + size - fixed) % len(rest)
	return [][]string{tags}
}

// buildsBy asks for many builds in one call: a map by what was asked for, which is
// only known from clients; a list is taken too.
func (l *look) buildsBy(ctx context.Context, path, parameter string, ids []string) (map[string]build, error) {
	where := inAccount(l.account, "builds", "builds")
	if path != "" {
		where += "/" + path
	}
	var result struct {
		Builds builds `json:"builds"`
	}
	_, err := l.client.get(ctx, where, url.Values{parameter: {strings.Join(ids, ",")}}, &result)
	return result.Builds, err
}

// latestBuild takes the newest build of a Worker, and asks for those between it
// and the last one that is known.
func (l *look) latestBuild(ctx context.Context, tag string, b build, first bool, asked map[string]bool) error {
	mem := l.mem.Builds
	m, isKnown := mem.Known[tag]
	if _, ok := l.siteOf(tag); !ok {
		return nil // not listed since the start; it will be
	}
	asked[string(b.UUID)] = true
	if string(b.UUID) == m.Last {
		l.build(tag, b, nil, false)
		return nil
	}
	old := !isKnown && b.CreatedOn.Before(mem.Since)
	if first || old {
		l.build(tag, b, nil, true)
		mem.Known[tag] = buildMemory{string(b.UUID), b.CreatedOn.Time}
		return nil
	}
	if l.exhausted(ctx) {
		return nil
	}
	all, err := l.listBuilds(ctx, tag, m, asked)
	if err != nil && !errors.Is(err, shipbell.ErrNotFound) {
		return errWhat("list builds", err)
	}
	if !slices.ContainsFunc(all, func(o build) bool { return o.UUID == b.UUID }) {
		all = append(all, b)
	}
	since := later(m.At, mem.Since)
	if isKnown {
		since = m.At
	}
	newest := m
	for _, o := range all {
		_, active := mem.Active[string(o.UUID)]
		if active || string(o.UUID) != m.Last && (o.CreatedOn.After(since) || o.UUID == b.UUID) {
			asked[string(o.UUID)] = true
			l.build(tag, o, all, false)
		}
		if !o.CreatedOn.Before(newest.At) {
			newest = buildMemory{string(o.UUID), o.CreatedOn.Time}
		}
	}
	if newest.Last == m.Last {
		newest = buildMemory{string(b.UUID), later(b.CreatedOn.Time, m.At)}
	}
	mem.Known[tag] = newest
	return nil
}

// listBuilds lists the builds of a Worker back to the one that is known, the
// oldest first.
func (l *look) listBuilds(ctx context.Context, tag string, m buildMemory, asked map[string]bool) ([]build, error) {
	var all []build
	boundary := later(m.At, time.Time{})
	if boundary.IsZero() {
		boundary = l.mem.Builds.Since
	}
	for page := 1; page <= maxPages; page++ {
		var batch list[build]
		info, err := l.client.get(ctx, inAccount(l.account, "builds", "workers", tag, "builds"), pageQuery(page, buildsPerPage), &batch)
		if err != nil {
			return nil, err
		}
		if len(batch) > 0 && slices.ContainsFunc(all, func(b build) bool { return b.UUID == batch[0].UUID }) {
			break // it does not page
		}
		all = append(all, batch...)
		if lastPage(info, page, len(batch), buildsPerPage) || slices.ContainsFunc(batch, func(b build) bool {
			return m.Last != "" && string(b.UUID) == m.Last || !b.CreatedOn.After(boundary)
		}) {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b build) int { return a.CreatedOn.Compare(b.CreatedOn.Time) })
	return all, nil
}

// build tells what is new of a build and keeps what is to come.
func (l *look) build(tag string, b build, others []build, silent bool) {
	mem := l.mem.Builds
	uuid := string(b.UUID)
	active, isActive := mem.Active[uuid]
	if m := mem.Known[tag]; m.Last == uuid && !isActive || l.newBuilds[uuid] {
		return // its end was told
	}
	s, ok := l.siteOf(tag)
	if !ok {
		return
	}
	l.newBuilds[uuid] = true
	state := b.state()
	o := observed{site: s, build: b, told: active.Status, newer: supersedes(b, others), at: l.started}
	// That a build ended well is its word, not the sight of a deployment.
	events := o.events(shipbell.SourceBuilds)
	if silent {
		l.baseline = append(l.baseline, events...)
	} else {
		l.events = append(l.events, events...)
	}
	if !state.Final() {
		mem.Active[uuid] = activeBuild{Worker: tag, Status: state, At: firstTime(active.At, b.CreatedOn.Time, l.started)}
		return
	}
	delete(mem.Active, uuid)
	if state == shipbell.Failure && !silent {
		l.mem.want(wantedLog{Type: shipbell.Worker, Project: tag, ID: uuid})
	}
}

// deployed tells the deployments that were found, with their builds where those
// can be asked for.
func (l *look) deployed(ctx context.Context) {
	found := l.join(ctx)
	for _, s := range l.seen {
		if b, ok := found[s.version]; ok {
			s.build = &b
		}
		if s.silent {
			l.baseline = append(l.baseline, s.event(shipbell.SourcePoll))
			continue
		}
		l.ofVersion(ctx, &s)
		if s.better == 0 {
			l.mem.Workers.told(toldDeployment{
				Worker: s.worker, ID: string(s.d.ID), At: s.d.CreatedOn.Time, ToldAt: l.started,
				Version: s.version, First: s.first, Cause: s.cause, Said: s.site.said(),
			})
		}
		l.events = append(l.events, better(s.event(shipbell.SourcePoll), s.better))
		if b := s.build; s.better > 0 && b != nil && s.first && b.environment() == "" && !b.CreatedOn.IsZero() {
			// The start of the build was told with less too, and is the earlier word.
			o := observed{site: s.site, build: *b, versions: []string{s.version}, at: l.started}
			l.events = append(l.events, better(o.event(shipbell.SourcePoll, shipbell.InProgress, b.CreatedOn.Time), s.better))
		}
	}
}

// ofVersion asks for the version of a deployment where its build does not tell all:
// for what people told wrangler of it, and for whether it is older than what it
// replaces. Its number tells that better than the history, in which versions stand
// as they went live, and not all of them.
func (l *look) ofVersion(ctx context.Context, s *pending) {
	uploads := s.build != nil && s.build.environment() == shipbell.Preview
	if s.first && s.build != nil && !uploads || !s.first && s.cause == "" || s.better > 0 && s.cause == shipbell.CauseRollback {
		return
	}
	s.of = l.version(ctx, s.site.script, s.version)
	if s.of != nil && s.build == nil && s.first && s.of.built() {
		l.awaitBuild(*s)
	}
	if s.better > 0 || len(s.d.Versions) != 1 {
		return
	}
	var created time.Time
	if s.of != nil {
		created = s.of.created()
	}
	if s.first && s.cause == "" && (uploads || !created.IsZero() && s.d.CreatedOn.Sub(created) > uploadedBefore) {
		s.cause = shipbell.CauseRollout
	}
	// What was uploaded after the version before went live is newer.
	if s.of == nil || s.cause == "" || s.replaced == "" || s.replaced == s.version || created.After(s.replacedAt) {
		return
	}
	if before := l.version(ctx, s.site.script, s.replaced); before != nil {
		switch order := s.of.compare(*before); {
		case order < 0 && s.first && !change(before.Annotations):
			// It was waiting while a secret made a version of what was live.
		case order < 0:
			s.cause = shipbell.CauseRollback
		case order > 0:
			s.cause = shipbell.CauseRollout
		}
	}
}

// awaitBuild has the next looks ask for the build of a version that Workers Builds
// made: how soon it is known is not documented.
func (l *look) awaitBuild(s pending) {
	mem := l.mem.Builds
	if _, off := l.watch.refused[partBuilds]; off || mem == nil {
		return
	}
	if mem.Join == nil {
		mem.Join = map[string]wantedJoin{}
	}
	mem.Join[s.version] = wantedJoin{Worker: s.worker, At: l.started, Built: true}
}

// join asks which builds made the versions that were deployed, in one call.
func (l *look) join(ctx context.Context) map[string]build {
	mem := l.mem.Builds
	if _, off := l.watch.refused[partBuilds]; off || mem == nil {
		return nil
	}
	var ids []string
	want := map[string]wantedJoin{}
	building := map[string]bool{}
	for _, a := range mem.Active {
		building[a.Worker] = true
	}
	for v, j := range mem.Join {
		if l.started.Sub(j.At) < maxJoin {
			want[v] = j
			ids = append(ids, v)
		}
	}
	slices.Sort(ids)
	for _, s := range l.seen {
		if s.version != "" && !slices.Contains(ids, s.version) {
			ids = append(ids, s.version)
			if !s.silent && s.seen.first {
				want[s.version] = wantedJoin{Worker: s.worker, At: l.started}
			}
		}
	}
	found := map[string]build{}
	complete := true
	for chunk := range slices.Chunk(ids, maxJoinIDs) {
		batch, err := l.buildsBy(ctx, "", "version_ids", chunk)
		if e, ok := errors.AsType[*APIError](err); ok && e.Status == http.StatusNotFound {
			err = nil // none of them
		}
		if err != nil {
			complete = false
			if refused(err) {
				l.watch.refused[partBuilds] = refusal{l.started, err}
				l.note(partBuilds, err)
				want = nil
			} else {
				l.detail(errWhat("ask for the builds of versions", err))
			}
			break
		}
		maps.Copy(found, batch)
	}
	for v, j := range want {
		b, ok := found[v]
		if _, waited := mem.Join[v]; waited && ok {
			// The deployment was told; this ties its build to it.
			if s, known := l.siteOf(j.Worker); known {
				o := observed{site: s, build: b, versions: []string{v}, at: l.started}
				l.events = append(l.events, o.event(shipbell.SourcePoll, shipbell.InProgress, firstTime(b.CreatedOn.Time, l.started)))
			}
		}
		// The build may not know its version before it ends.
		if ok || complete && !building[j.Worker] && !j.Built {
			delete(want, v)
		}
	}
	mem.Join = want
	if len(want) == 0 {
		mem.Join = nil
	}
	return found
}

// version asks for a version; nil where that cannot be had, or this look has asked
// for enough of them. It costs nothing but what the version would tell.
func (l *look) version(ctx context.Context, script, id string) *version {
	if id == "" || l.versions == maxVersionCalls || l.exhausted(ctx) {
		return nil
	}
	l.versions++
	var v version
	_, err := l.client.get(ctx, inAccount(l.account, "workers", "scripts", script, "versions", id), nil, &v)
	if err != nil {
		if fails(err) {
			l.failures++
		}
		return nil
	}
	return &v
}
