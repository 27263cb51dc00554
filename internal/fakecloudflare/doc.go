// Package fakecloudflare is an HTTP server that answers like Cloudflare's API v4
// where deployments are concerned: Workers, Workers Builds, Pages, Queues with
// HTTP pull consumers, and the bodies of notification webhooks. Tests, the demo
// and end-to-end runs with the real wrangler talk to it.
//
// Its one rule: it never passes a guess off as a fact. Paths, fields, limits and
// error codes are those of the documentation, of Cloudflare's SDKs and of what
// wrangler sends and reads. Where the sources disagree, [Options] and the options
// of each object choose between the shapes that have been reported; where there is
// no source, a comment says so. Nothing here was checked against a live account.
//
// People act through methods: [Server.Deploy], [Server.StartBuild],
// [Server.StartPages], [Server.Send]. Programs act through HTTP, wrangler
// included. Both change the same state. It starts no goroutines of its own, and
// its clock can be injected, so it works under testing/synctest.
//
// It serves no Worker and no page, keeps no uploaded file, checks no script, and
// knows no zones, routes, bindings or bills.
//
// # What wrangler calls
//
// wrangler 4.164.0 works with this server when CLOUDFLARE_API_BASE_URL is the url
// of [Server.Start], CLOUDFLARE_API_TOKEN a token with [AllScopes], and
// CLOUDFLARE_ACCOUNT_ID the id of [Server.Account]. Below /accounts/{account} it
// calls, with w for /workers and s for /workers/scripts/{name}:
//
//	deploy, new Worker    GET w/services/{name} (404, code 10090), w/subdomain,
//	                      s/deployments (404, code 10007), s/settings; PUT s;
//	                      PATCH s/script-settings with the tags cf:service and
//	                      cf:environment, if the configuration has environments;
//	                      GET w/workers/{name}; POST s/subdomain
//	deploy, known Worker  GET w/services/{name}, s/deployments, s/settings;
//	                      POST s/versions; POST s/deployments; then as above
//	with static assets    POST s/assets-upload-session; POST w/assets/upload,
//	                      with the token of the session, if files are missing
//	versions upload       GET w/services/{name}, s/settings; POST s/versions
//	versions deploy       GET s/deployments, each s/versions/{id};
//	                      POST s/deployments with one or two versions
//	rollback              the same: only its message tells it from a deployment
//	deployments list      GET s/deployments, each s/versions/{id}
//	secret put            PUT s/secrets; for an unknown Worker (code 10007) first
//	                      PUT s with an empty script
//	delete                DELETE w/services/{name}
//	pages project create  POST /pages/projects
//	pages project list    GET /pages/projects with per_page 10 and page
//	pages deploy          GET the project, its upload-token; outside of the account
//	                      POST /pages/assets/check-missing, upload and
//	                      upsert-hashes; POST the project's deployments; GET the
//	                      deployment until it is over
//	pages deployment list GET the project's deployments
//	queues create         POST /queues
//	queues consumer http  GET /queues with name; POST /queues/{id}/consumers
//	queues subscription   GET /queues with name; POST, GET and DELETE
//	                      /event_subscriptions/subscriptions
//	whoami                GET, outside of the account, /user/tokens/verify, /user,
//	                      /accounts and /memberships
package fakecloudflare
