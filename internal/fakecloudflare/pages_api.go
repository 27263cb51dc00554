package fakecloudflare

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxPagesPerPage is what per_page may be; more is refused with 8000024
// (https://github.com/SignalLayerLabs/Marginal/pull/67).
const maxPagesPerPage = 25

func pagesPaging() answer {
	return refuse(http.StatusBadRequest, codePagesPaging, "Invalid list options provided. Review the `page` or `per_page` parameter.")
}

// pagesPage answers a list of Pages.
func pagesPage(r *request, all []any, defaultPerPage int) answer {
	for _, name := range []string{"page", "per_page"} {
		if v := r.query().Get(name); v != "" {
			if n, err := strconv.Atoi(v); err != nil || n < 1 || name == "per_page" && n > maxPagesPerPage {
				return pagesPaging()
			}
		}
	}
	cut, info := page(r, all, defaultPerPage)
	return &reply{result: cut, info: info}
}

func projectOf(r *request) (*project, answer) {
	if p := r.server.project(r.values["project"]); p != nil {
		return p, nil
	}
	return nil, notFound(codePagesNotFound,
		"Project not found. The specified project name does not match any of your existing projects.")
}

func pagesDeploymentOf(r *request) (*pagesDeployment, answer) {
	p, refusal := projectOf(r)
	if refusal != nil {
		return nil, refusal
	}
	if d := p.deployment(r.values["deployment"]); d != nil {
		return d, nil
	}
	return nil, notFound(codePagesDeployNotFound, "Deployment not found. The specified deployment ID does not match any deployments for this project.")
}

// envVars are variables as Pages shows them: plain texts in full, secrets without
// their value.
func envVars() object {
	return object{
		"API_TOKEN":    object{"type": "plain_text", "value": PagesSecret},
		"NODE_VERSION": object{"type": "plain_text", "value": "22"},
		"PASSWORD":     object{"type": "secret_text", "value": ""},
	}
}

func (p *project) source() any {
	if p.DirectUpload {
		return nil
	}
	return object{"type": p.Provider, "config": object{
		"owner": p.Owner, "owner_id": "1", "repo_name": p.Repo, "repo_id": "2", "production_branch": p.ProductionBranch,
		"pr_comments_enabled": true, "deployments_enabled": true, "production_deployments_enabled": true,
		"preview_deployment_setting": "all", "preview_branch_includes": []string{"*"}, "preview_branch_excludes": []string{},
		"path_includes": []string{"*"}, "path_excludes": []string{},
	}}
}

func buildConfig() object {
	return object{
		"build_command": "npm run build", "destination_dir": "dist", "root_dir": "", "build_caching": true,
		"web_analytics_tag": nil, "web_analytics_token": nil,
	}
}

func (p *project) json() object {
	domains := append([]string{p.Subdomain + ".pages.dev"}, p.Domains...)
	configuration := object{
		"env_vars": envVars(), "compatibility_date": "2026-01-01", "compatibility_flags": []string{}, "fail_open": true,
		"usage_model": "standard", "always_use_latest_compatibility_date": false, "build_image_major_version": 3,
	}
	result := object{
		"id": p.id, "name": p.Name, "subdomain": p.Subdomain + ".pages.dev", "domains": domains,
		"production_branch": p.ProductionBranch, "source": p.source(), "build_config": buildConfig(),
		"deployment_configs": object{"production": configuration, "preview": configuration},
		"created_on":         stamp(p.created), "uses_functions": false, "framework": "", "framework_version": "",
		"production_script_name": "pages-worker--" + p.id[:7] + "-production",
		"preview_script_name":    "pages-worker--" + p.id[:7] + "-preview",
		"latest_deployment":      nil, "canonical_deployment": nil,
	}
	if len(p.deployments) > 0 {
		result["latest_deployment"] = p.deployments[len(p.deployments)-1].json()
	}
	if p.canonical != nil {
		result["canonical_deployment"] = p.canonical.json()
	}
	return result
}

func (d *pagesDeployment) json() object {
	stages := []any{}
	for _, s := range d.stages {
		stages = append(stages, s.json())
	}
	var aliases any
	if all := d.aliases(); len(all) > 0 {
		aliases = all
	}
	return object{
		"id": d.id, "short_id": d.shortID, "project_id": d.project.id, "project_name": d.project.Name,
		"environment": d.environment, "url": d.url(), "aliases": aliases,
		"created_on": stamp(d.created), "modified_on": stamp(d.modified),
		"is_skipped": d.skipped, "skip_reason": orNull(string(d.skipReason)),
		"latest_stage": d.stages[d.latest].json(), "stages": stages,
		"deployment_trigger": object{"type": d.options.Trigger, "metadata": object{
			"branch": d.options.Branch, "commit_hash": d.options.Commit, "commit_message": d.options.Message,
			"commit_dirty": d.options.Dirty,
		}},
		"source": d.project.source(), "env_vars": envVars(), "build_config": buildConfig(), "uses_functions": false,
		"build_image_major_version": 3, "compatibility_date": "2026-01-01", "compatibility_flags": []string{},
	}
}

func (s stage) json() object {
	return object{"name": s.name, "started_on": stampOrNull(s.began), "ended_on": stampOrNull(s.ended), "status": s.status}
}

// aliases are further URLs of a deployment that is done: the branch's for a
// preview, the project's own domains for what production shows.
func (d *pagesDeployment) aliases() []string {
	all := slices.Clone(d.options.Aliases)
	if latest := d.stages[d.latest]; latest.name != StageDeploy || latest.status != StageSuccess {
		return all
	}
	if d.environment == "preview" {
		return append(all, "https://"+branchLabel(d.options.Branch)+"."+d.project.Subdomain+".pages.dev")
	}
	if d.project.canonical == d {
		all = append(all, "https://"+d.project.Subdomain+".pages.dev")
		for _, domain := range d.project.Domains {
			all = append(all, "https://"+domain)
		}
	}
	return all
}

// maxBranchLabel is how much of a branch's name its URL shows, in characters.
const maxBranchLabel = 28

// branchLabel is a branch's name as a part of a host name.
func branchLabel(branch string) string {
	label := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(branch))
	return strings.Trim(label[:min(len(label), maxBranchLabel)], "-")
}

func listProjects(r *request) answer {
	if r.server.options.PagesProjectsRefusePerPage && r.query().Has("per_page") {
		return pagesPaging()
	}
	items := []any{}
	for _, p := range r.server.projects {
		items = append(items, p.json())
	}
	return pagesPage(r, items, r.server.options.PagesProjectsPerPage)
}

// postProject is what wrangler pages project create sends.
func postProject(r *request) answer {
	var body struct {
		Name             string `json:"name"`
		ProductionBranch string `json:"production_branch"`
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	if body.Name == "" {
		return refuse(http.StatusBadRequest, codePagesInvalid, "A project needs a name")
	}
	if r.server.project(body.Name) != nil {
		return refuse(http.StatusConflict, codePagesExists, "A project with this name already exists. Choose a different project name.")
	}
	p := r.server.addProject(PagesProject{Name: body.Name, ProductionBranch: body.ProductionBranch, DirectUpload: true})
	return &reply{result: p.json()}
}

func getProject(r *request) answer {
	p, refusal := projectOf(r)
	if refusal != nil {
		return refusal
	}
	return &reply{result: p.json()}
}

func listPagesDeployments(r *request) answer {
	p, refusal := projectOf(r)
	if refusal != nil {
		return refusal
	}
	// https://github.com/rocketclimb/rocketicons/pull/172
	if r.query().Has("page") && !r.query().Has("per_page") {
		return pagesPaging()
	}
	environment := r.query().Get("env")
	if environment != "" && environment != "production" && environment != "preview" {
		return refuse(http.StatusBadRequest, codePagesPaging, "Invalid list options provided. Review the `env` parameter.")
	}
	items := []any{}
	for _, d := range slices.Backward(p.deployments) {
		if environment == "" || d.environment == environment {
			items = append(items, d.json())
		}
	}
	return pagesPage(r, items, maxPagesPerPage)
}

func getPagesDeployment(r *request) answer {
	d, refusal := pagesDeploymentOf(r)
	if refusal != nil {
		return refusal
	}
	return &reply{result: d.json()}
}

func getPagesLogs(r *request) answer {
	d, refusal := pagesDeploymentOf(r)
	if refusal != nil {
		return refusal
	}
	data := []any{}
	for _, l := range d.log {
		data = append(data, object{"ts": stamp(l.at), "line": l.text})
	}
	return &reply{result: object{"total": len(data), "includes_container_logs": true, "data": data}}
}

func postPagesRollback(r *request) answer {
	d, refusal := pagesDeploymentOf(r)
	if refusal != nil {
		return refusal
	}
	if latest := d.stages[d.latest]; d.environment != "production" || latest.name != StageDeploy || latest.status != StageSuccess {
		return refuse(http.StatusBadRequest, codePagesRollback, "Only successful production deployments can be rolled back to.")
	}
	d.project.canonical = d
	return &reply{result: d.json()}
}

func postPagesDeployment(r *request) answer {
	p, refusal := projectOf(r)
	if refusal != nil {
		return refusal
	}
	form, refusal := r.form()
	if refusal != nil {
		return refusal
	}
	d := r.server.startPages(p, PagesOptions{
		Branch: string(form["branch"]), Commit: string(form["commit_hash"]), Message: string(form["commit_message"]),
		Dirty: string(form["commit_dirty"]) == "true", Trigger: PagesAdHoc,
	})
	return &reply{result: d.json()}
}
