package fakecloudflare

import (
	"net/http"
	"net/url"
	"strings"
)

// route is a path of the API and what it needs.
type route struct {
	method  string
	path    string // below BasePath; {name} stands for one segment
	need    Scope  // empty for none
	exempt  bool   // takes nothing from the limit of requests
	noToken bool   // authenticates in its own way
	serve   func(*request) answer
}

const (
	inAccount = "/accounts/{account}"
	inScript  = inAccount + "/workers/scripts/{script}"
	inWorker  = inAccount + "/workers/workers/{worker}"
	inBuilds  = inAccount + "/builds"
	inPages   = inAccount + "/pages/projects"
	inProject = inPages + "/{project}"
	inQueue   = inAccount + "/queues/{queue}"
	inEvents  = inAccount + "/event_subscriptions/subscriptions"
)

// routes are all paths this package has. It is filled by init, because the
// functions refer back to it.
var routes []*route

func init() {
	for _, r := range []route{
		{method: "GET", path: "/user", serve: getUser},
		{method: "GET", path: "/user/tokens/verify", serve: verifyToken},
		{method: "GET", path: inAccount + "/tokens/verify", serve: verifyToken},
		{method: "GET", path: "/accounts", serve: listAccounts},
		{method: "GET", path: "/memberships", serve: listMemberships},

		{method: "GET", path: inAccount + "/workers/subdomain", need: ScopeWorkers, serve: getAccountSubdomain},
		{method: "GET", path: inAccount + "/workers/workers", need: ScopeWorkers, serve: listWorkers},
		{method: "GET", path: inWorker, need: ScopeWorkers, serve: getWorker},
		{method: "GET", path: inWorker + "/versions", need: ScopeWorkers, serve: listWorkerVersions},
		{method: "GET", path: inWorker + "/versions/{version}", need: ScopeWorkers, serve: getWorkerVersion},
		{method: "GET", path: inAccount + "/workers/scripts", need: ScopeWorkers, serve: listScripts},
		{method: "GET", path: inAccount + "/workers/services/{script}", need: ScopeWorkers, serve: getService},
		{method: "GET", path: inAccount + "/workers/services/{script}/environments/{environment}", need: ScopeWorkers, serve: getServiceEnvironment},
		{method: "DELETE", path: inAccount + "/workers/services/{script}", need: ScopeWorkersWrite, serve: deleteScript},
		{method: "GET", path: inAccount + "/workers/durable_objects/namespaces", need: ScopeWorkers, serve: emptyList},
		{method: "GET", path: inAccount + "/storage/kv/namespaces", serve: emptyList},
		{method: "GET", path: inAccount + "/workers/domains/records", need: ScopeWorkers, serve: emptyList},
		{method: "PUT", path: inScript, need: ScopeWorkersWrite, serve: putScript},
		{method: "DELETE", path: inScript, need: ScopeWorkersWrite, serve: deleteScript},
		{method: "POST", path: inScript + "/assets-upload-session", need: ScopeWorkersWrite, serve: postAssetsSession},
		{method: "POST", path: inAccount + "/workers/assets/upload", noToken: true, exempt: true, serve: uploadWorkerAssets},
		{method: "GET", path: inScript + "/settings", need: ScopeWorkers, serve: getSettings},
		{method: "PATCH", path: inScript + "/settings", need: ScopeWorkersWrite, serve: patchSettings},
		{method: "GET", path: inScript + "/script-settings", need: ScopeWorkers, serve: getScriptSettings},
		{method: "PATCH", path: inScript + "/script-settings", need: ScopeWorkersWrite, serve: patchScriptSettings},
		{method: "GET", path: inScript + "/subdomain", need: ScopeWorkers, serve: getScriptSubdomain},
		{method: "POST", path: inScript + "/subdomain", need: ScopeWorkersWrite, serve: postScriptSubdomain},
		{method: "GET", path: inScript + "/schedules", need: ScopeWorkers, serve: getSchedules},
		{method: "PUT", path: inScript + "/schedules", need: ScopeWorkersWrite, serve: getSchedules},
		{method: "GET", path: inScript + "/secrets", need: ScopeWorkers, serve: listSecrets},
		{method: "PUT", path: inScript + "/secrets", need: ScopeWorkersWrite, serve: putSecret},
		{method: "DELETE", path: inScript + "/secrets/{secret}", need: ScopeWorkersWrite, serve: deleteSecret},
		{method: "GET", path: inScript + "/versions", need: ScopeWorkers, serve: listVersions},
		{method: "POST", path: inScript + "/versions", need: ScopeWorkersWrite, serve: postVersion},
		{method: "GET", path: inScript + "/versions/{version}", need: ScopeWorkers, serve: getVersion},
		{method: "GET", path: inScript + "/deployments", need: ScopeWorkers, serve: listDeployments},
		{method: "POST", path: inScript + "/deployments", need: ScopeWorkersWrite, serve: postDeployment},
		{method: "GET", path: inScript + "/deployments/{deployment}", need: ScopeWorkers, serve: getDeployment},

		{method: "GET", path: inBuilds + "/workers/{tag}/builds", need: ScopeBuilds, serve: listBuilds},
		{method: "GET", path: inBuilds + "/workers/{tag}/triggers", need: ScopeBuilds, serve: listTriggers},
		{method: "GET", path: inBuilds + "/builds", need: ScopeBuilds, serve: buildsOfVersions},
		{method: "GET", path: inBuilds + "/builds/latest", need: ScopeBuilds, serve: latestBuilds},
		{method: "GET", path: inBuilds + "/builds/{build}", need: ScopeBuilds, serve: getBuild},
		{method: "GET", path: inBuilds + "/builds/{build}/logs", need: ScopeBuilds, serve: getBuildLogs},
		{method: "PUT", path: inBuilds + "/builds/{build}/cancel", need: ScopeBuildsWrite, serve: cancelBuild},
		{method: "GET", path: inBuilds + "/account/limits", need: ScopeBuilds, serve: getBuildLimits},

		{method: "GET", path: inPages, need: ScopePages, serve: listProjects},
		{method: "POST", path: inPages, need: ScopePagesWrite, serve: postProject},
		{method: "GET", path: inProject, need: ScopePages, serve: getProject},
		{method: "GET", path: inProject + "/upload-token", need: ScopePagesWrite, serve: getUploadToken},
		{method: "GET", path: inProject + "/deployments", need: ScopePages, serve: listPagesDeployments},
		{method: "POST", path: inProject + "/deployments", need: ScopePagesWrite, serve: postPagesDeployment},
		{method: "GET", path: inProject + "/deployments/{deployment}", need: ScopePages, serve: getPagesDeployment},
		{method: "GET", path: inProject + "/deployments/{deployment}/history/logs", need: ScopePages, serve: getPagesLogs},
		{method: "POST", path: inProject + "/deployments/{deployment}/rollback", need: ScopePagesWrite, serve: postPagesRollback},
		{method: "POST", path: "/pages/assets/check-missing", noToken: true, exempt: true, serve: checkMissing},
		{method: "POST", path: "/pages/assets/upload", noToken: true, exempt: true, serve: uploadAssets},
		{method: "POST", path: "/pages/assets/upsert-hashes", noToken: true, exempt: true, serve: upsertHashes},

		{method: "GET", path: inAccount + "/queues", need: ScopeQueues, serve: listQueues},
		{method: "POST", path: inAccount + "/queues", need: ScopeQueuesWrite, serve: postQueue},
		{method: "GET", path: inQueue + "/consumers", need: ScopeQueues, serve: listConsumers},
		{method: "POST", path: inQueue + "/consumers", need: ScopeQueuesWrite, serve: postConsumer},
		{method: "GET", path: inEvents, need: ScopeQueues, serve: listSubscriptions},
		{method: "POST", path: inEvents, need: ScopeQueuesWrite, serve: postSubscription},
		{method: "GET", path: inEvents + "/{subscription}", need: ScopeQueues, serve: getSubscription},
		{method: "DELETE", path: inEvents + "/{subscription}", need: ScopeQueuesWrite, serve: deleteSubscription},
		{method: "GET", path: inQueue, need: ScopeQueues, serve: getQueue},
		{method: "POST", path: inQueue + "/messages", need: ScopeQueuesWrite, serve: pushMessage},
		{method: "POST", path: inQueue + "/messages/pull", need: ScopeQueuesWrite, exempt: true, serve: pullMessages},
		{method: "POST", path: inQueue + "/messages/ack", need: ScopeQueuesWrite, exempt: true, serve: ackMessages},
	} {
		routes = append(routes, &r)
	}
}

// match finds the route of a request; nil if there is none. A route without
// placeholders in a place wins over one with.
func match(method, path string) (*route, map[string]string) {
	rest, ok := strings.CutPrefix(path, BasePath+"/")
	if !ok {
		return nil, nil
	}
	segments := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	for i, s := range segments {
		if plain, err := url.PathUnescape(s); err == nil {
			segments[i] = plain
		}
	}
	var best *route
	var bestValues map[string]string
	for _, r := range routes {
		if r.method != method {
			continue
		}
		values, ok := r.match(segments)
		if ok && (best == nil || len(values) < len(bestValues)) {
			best, bestValues = r, values
		}
	}
	return best, bestValues
}

func (r *route) match(segments []string) (map[string]string, bool) {
	pattern := strings.Split(r.path[1:], "/")
	if len(pattern) != len(segments) {
		return nil, false
	}
	values := map[string]string{}
	for i, p := range pattern {
		switch name, isName := strings.CutPrefix(p, "{"); {
		case segments[i] == "":
			return nil, false
		case isName:
			values[strings.TrimSuffix(name, "}")] = segments[i]
		case p != segments[i]:
			return nil, false
		}
	}
	return values, true
}

func emptyList(*request) answer { return &reply{result: []any{}} }

func notFound(code int, format string, args ...any) answer {
	return refuse(http.StatusNotFound, code, format, args...)
}
