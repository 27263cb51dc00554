package fakecloudflare

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The pages of the list of Workers.
const (
	defaultWorkersPerPage = 10
	maxWorkersPerPage     = 100
)

// listedDeployments is how many deployments the list has, whatever was asked.
const listedDeployments = 10

// url is where a Worker can be reached on workers.dev, less the scheme.
func (s *Server) url(w *worker) string { return w.Name + "." + s.options.Subdomain + ".workers.dev" }

func (s *Server) workerJSON(w *worker) object {
	domains := []any{}
	for _, d := range w.Domains {
		domains = append(domains, object{
			"id": idOf("domain", d), "hostname": d, "zone_id": idOf("zone", d), "zone_name": d, "certificate_id": idOf("certificate", d),
		})
	}
	return object{
		"id": w.Tag, "name": w.Name, "created_on": stamp(w.created), "updated_on": stamp(w.updated),
		"deployed_on": stampOrNull(w.deployed), "tags": list(w.Tags),
		"subdomain": object{
			"enabled": !w.NoSubdomain, "previews_enabled": w.previews,
			"url": "https://" + s.url(w), "preview_url_suffix": "-" + s.url(w),
		},
		"references": object{
			"domains": domains, "queues": []any{}, "workers": []any{}, "durable_objects": []any{},
			"dispatch_namespace_outbounds": []any{},
		},
		"logpush": w.settings["logpush"], "observability": observability(w), "tail_consumers": []any{},
	}
}

func observability(w *worker) any {
	if o := w.settings["observability"]; o != nil {
		return o
	}
	return object{"enabled": false}
}

// list is never null.
func list(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return texts
}

func listWorkers(r *request) answer {
	all := slices.Clone(r.server.workers)
	key := map[string]func(*worker) time.Time{
		"deployed_on": func(w *worker) time.Time { return w.deployed },
		"updated_on":  func(w *worker) time.Time { return w.updated },
		"created_on":  func(w *worker) time.Time { return w.created },
	}
	by := cmp.Or(r.query().Get("order_by"), "deployed_on")
	switch {
	case by == "name":
		slices.SortStableFunc(all, func(a, b *worker) int { return cmp.Compare(a.Name, b.Name) })
	case key[by] != nil:
		slices.SortStableFunc(all, func(a, b *worker) int { return key[by](a).Compare(key[by](b)) })
	default:
		return refuse(http.StatusBadRequest, codeMalformed, "order_by must be deployed_on, updated_on, created_on or name")
	}
	switch cmp.Or(r.query().Get("order"), "desc") {
	case "desc":
		slices.Reverse(all)
	case "asc":
	default:
		return refuse(http.StatusBadRequest, codeMalformed, "order must be asc or desc")
	}
	items := []any{}
	for _, w := range all {
		items = append(items, r.server.workerJSON(w))
	}
	return paged(r, items, defaultWorkersPerPage, maxWorkersPerPage, nil)
}

// workerOf is the Worker that {worker}, a tag or a name, stands for.
func workerOf(r *request) (*worker, answer) {
	id := r.values["worker"]
	if w := r.server.workerByTag(id); w != nil {
		return w, nil
	}
	if w := r.server.worker(id); w != nil {
		return w, nil
	}
	return nil, workerNotFound()
}

// scriptOf is the Worker that {script}, a name, stands for.
func scriptOf(r *request) (*worker, answer) {
	if w := r.server.worker(r.values["script"]); w != nil {
		return w, nil
	}
	return nil, workerNotFound()
}

func workerNotFound() answer {
	return notFound(codeWorkerNotFound, "This Worker does not exist on your account.")
}

func getWorker(r *request) answer {
	w, refusal := workerOf(r)
	if refusal != nil {
		return refusal
	}
	return &reply{result: r.server.workerJSON(w)}
}

// scriptJSON is an item of the older list.
func scriptJSON(w *worker) object {
	return object{
		"id": w.Name, "tag": w.Tag, "etag": idOf("etag", w.Tag, strconv.Itoa(len(w.versions))),
		"created_on": stamp(w.created), "modified_on": stamp(w.updated), "last_deployed_from": orNull(w.lastDeployedFrom),
		"tags": list(w.Tags), "handlers": []string{"fetch"}, "has_assets": w.hasAssets, "has_modules": true,
		"usage_model": "standard", "compatibility_date": w.compatibilityDate, "logpush": w.settings["logpush"],
		"routes": nil, "placement_mode": nil, "observability": observability(w),
	}
}

func listScripts(r *request) answer {
	items := []any{}
	for _, w := range r.server.workers {
		items = append(items, scriptJSON(w))
	}
	return &reply{result: items}
}

// getService is not documented. wrangler asks it whether a Worker exists, for its
// tag and its tags.
func getService(r *request) answer {
	w := r.server.worker(r.values["script"])
	if w == nil {
		return notFound(codeServiceNotFound, "workers.api.error.service_not_found")
	}
	environment := serviceEnvironment(w)
	return &reply{result: object{
		"id": w.Name, "created_on": stamp(w.created), "modified_on": stamp(w.updated), "usage_model": "standard",
		"default_environment": environment, "environments": []any{environment},
	}}
}

func serviceEnvironment(w *worker) object {
	return object{
		"environment": "production", "created_on": stamp(w.created), "modified_on": stamp(w.updated),
		"script": scriptJSON(w), "script_tag": w.Tag,
	}
}

func getServiceEnvironment(r *request) answer {
	w := r.server.worker(r.values["script"])
	if w == nil {
		return notFound(codeServiceNotFound, "workers.api.error.service_not_found")
	}
	return &reply{result: serviceEnvironment(w)}
}

func getAccountSubdomain(r *request) answer {
	return &reply{result: object{"subdomain": r.server.options.Subdomain}}
}

func subdomainJSON(w *worker) object {
	return object{"enabled": !w.NoSubdomain, "previews_enabled": w.previews}
}

func getScriptSubdomain(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	return &reply{result: subdomainJSON(w)}
}

func postScriptSubdomain(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	var body struct {
		Enabled  *bool `json:"enabled"`
		Previews *bool `json:"previews_enabled"`
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	if body.Enabled != nil {
		w.NoSubdomain = !*body.Enabled
	}
	if body.Previews != nil {
		w.previews = *body.Previews
	}
	w.updated = r.now
	return &reply{result: subdomainJSON(w)}
}

func getSchedules(r *request) answer {
	if _, refusal := scriptOf(r); refusal != nil {
		return refusal
	}
	return &reply{result: object{"schedules": []any{}}}
}

func secretJSON(name string) object { return object{"name": name, "type": "secret_text"} }

func secretsJSON(w *worker) []any {
	secrets := []any{}
	for _, name := range slices.Sorted(maps.Keys(w.secrets)) {
		secrets = append(secrets, secretJSON(name))
	}
	return secrets
}

func getSettings(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	settings := object{
		"bindings": secretsJSON(w), "compatibility_date": w.compatibilityDate, "compatibility_flags": []any{},
		"usage_model": "standard", "placement": object{}, "tags": list(w.Tags),
	}
	maps.Copy(settings, w.settings)
	return &reply{result: settings}
}

// patchSettings takes a multipart form with a part called settings.
func patchSettings(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	form, refusal := r.form()
	if refusal != nil {
		return refusal
	}
	if refusal := w.patch(form["settings"]); refusal != nil {
		return refusal
	}
	w.updated = r.now
	return getSettings(r)
}

func getScriptSettings(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	settings := object{"tags": list(w.Tags)}
	maps.Copy(settings, w.settings)
	return &reply{result: settings}
}

func patchScriptSettings(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	if refusal := w.patch(r.body); refusal != nil {
		return refusal
	}
	w.updated = r.now
	return getScriptSettings(r)
}

// patch changes those settings that a body names.
func (w *worker) patch(body []byte) answer {
	var changes struct {
		Tags *[]string `json:"tags"`
	}
	var all map[string]any
	for _, v := range []any{&changes, &all} {
		if err := json.Unmarshal(body, v); err != nil {
			return refuse(http.StatusBadRequest, codeMalformed, "Malformed settings: %s", err)
		}
	}
	if changes.Tags != nil {
		w.Tags = *changes.Tags
	}
	for name := range w.settings {
		if v, ok := all[name]; ok {
			w.settings[name] = v
		}
	}
	return nil
}

func listSecrets(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	return &reply{result: secretsJSON(w)}
}

func putSecret(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	var body struct{ Name, Text, Type string }
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	if body.Name == "" {
		return refuse(http.StatusBadRequest, codeMalformed, "A secret needs a name")
	}
	r.server.setSecret(w, body.Name, r.source(), r.token.User)
	return &reply{result: secretJSON(body.Name)}
}

func deleteSecret(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	name := r.values["secret"]
	if !w.secrets[name] {
		return notFound(codeSecretNotFound, "Binding name %q not found.", name)
	}
	delete(w.secrets, name)
	r.server.deployBy(w, DeployOptions{TriggeredBy: TriggeredBySecret, Source: r.source(), Author: r.token.User})
	return &reply{}
}

func deleteScript(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	r.server.workers = slices.DeleteFunc(r.server.workers, func(o *worker) bool { return o == w })
	return &reply{}
}

// source is what a version or deployment made by this request says.
func (r *request) source() string {
	if strings.Contains(r.UserAgent(), "wrangler/") {
		return SourceWrangler
	}
	return SourceAPI
}

// versionJSON is a version as the older API has it.
func (s *Server) versionJSON(w *worker, v *version, whole bool) object {
	annotations := object{"workers/triggered_by": v.TriggeredBy}
	for name, value := range map[string]string{"workers/message": v.Message, "workers/tag": v.Tag, "workers/alias": v.alias} {
		if value != "" {
			annotations[name] = value
		}
	}
	result := object{
		"id": v.ID, "number": v.Number, "annotations": annotations,
		"metadata": object{
			"author_email": v.Author, "author_id": idOf("user", v.Author), "created_on": stamp(v.CreatedOn),
			"modified_on": stamp(v.CreatedOn), "source": v.Source, "hasPreview": w.previews,
		},
	}
	if whole {
		result["resources"] = object{
			"script": object{
				"etag": idOf("etag", w.Tag, strconv.Itoa(v.Number)), "handlers": []string{"fetch"}, "last_deployed_from": v.Source,
			},
			"bindings":       secretsJSON(w),
			"script_runtime": object{"compatibility_date": w.compatibilityDate, "usage_model": "standard", "limits": object{}},
		}
		result["startup_time_ms"] = 5
	}
	return result
}

// newVersionJSON is a version as the newer API has it.
func (s *Server) newVersionJSON(w *worker, v *version) object {
	older := s.versionJSON(w, v, false)
	urls := []string{}
	if w.previews {
		urls = append(urls, "https://"+v.ID[:8]+"-"+s.url(w))
		if v.alias != "" {
			urls = append(urls, "https://"+v.alias+"-"+s.url(w))
		}
	}
	return object{
		"id": v.ID, "number": v.Number, "annotations": older["annotations"], "author_email": v.Author,
		"author_id": idOf("user", v.Author), "created_on": stamp(v.CreatedOn), "source": v.Source, "urls": urls,
		"startup_time_ms": 5, "compatibility_date": w.compatibilityDate, "bindings": secretsJSON(w),
	}
}

func newestFirst(w *worker) []*version {
	all := slices.Clone(w.versions)
	slices.Reverse(all)
	return all
}

func listVersions(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	items := []any{}
	for _, v := range newestFirst(w) {
		items = append(items, r.server.versionJSON(w, v, false))
	}
	wrap := func(cut []any) any { return object{"items": cut} }
	if r.query().Get("deployable") == "true" {
		return &reply{result: wrap(items)}
	}
	return paged(r, items, defaultWorkersPerPage, maxWorkersPerPage, wrap)
}

func listWorkerVersions(r *request) answer {
	w, refusal := workerOf(r)
	if refusal != nil {
		return refusal
	}
	items := []any{}
	for _, v := range newestFirst(w) {
		items = append(items, r.server.newVersionJSON(w, v))
	}
	return paged(r, items, defaultWorkersPerPage, maxWorkersPerPage, nil)
}

func getVersion(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	if v := w.version(r.values["version"]); v != nil {
		return &reply{result: r.server.versionJSON(w, v, true)}
	}
	return versionNotFound()
}

func getWorkerVersion(r *request) answer {
	w, refusal := workerOf(r)
	if refusal != nil {
		return refusal
	}
	if v := w.version(r.values["version"]); v != nil {
		return &reply{result: r.server.newVersionJSON(w, v)}
	}
	return versionNotFound()
}

func versionNotFound() answer { return notFound(codeVersionNotFound, "Worker version not found.") }

func deploymentJSON(d *deployment) object {
	versions := []any{}
	for _, share := range d.Versions {
		versions = append(versions, object{"version_id": share.Version, "percentage": share.Percentage})
	}
	annotations := object{"workers/triggered_by": d.TriggeredBy}
	if d.Message != "" {
		annotations["workers/message"] = d.Message
	}
	return object{
		"id": d.ID, "created_on": stamp(d.CreatedOn), "source": d.Source, "strategy": "percentage",
		"versions": versions, "annotations": annotations, "author_email": d.Author,
	}
}

// listDeployments answers as [Options].DeploymentsPaged says.
func listDeployments(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	items := []any{}
	for _, d := range slices.Backward(w.deployments) {
		items = append(items, deploymentJSON(d))
	}
	wrap := func(cut []any) any { return object{"deployments": cut} }
	if !r.server.options.DeploymentsPaged {
		return &reply{result: wrap(items[:min(len(items), listedDeployments)]), nullInfo: true}
	}
	kept := []any{}
	for i, d := range slices.Backward(w.deployments) {
		inside := true
		for name, sign := range map[string]int{"since": -1, "until": 1} {
			if t, err := time.Parse(time.RFC3339, r.query().Get(name)); err == nil && d.CreatedOn.Compare(t) == sign {
				inside = false
			}
		}
		if inside {
			kept = append(kept, items[len(items)-1-i])
		}
	}
	return paged(r, kept, defaultWorkersPerPage, maxWorkersPerPage, wrap)
}

func getDeployment(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	for _, d := range w.deployments {
		if d.ID == r.values["deployment"] {
			return &reply{result: deploymentJSON(d)}
		}
	}
	return notFound(codeDeploymentNotFound, "Worker deployment not found.")
}
