// Package cloudflare asks Cloudflare what was deployed: a poller over the API, a
// consumer of a queue of build events, and the reading of notification webhooks.
// It maps payloads to events; the ledger joins them to deployments.
//
// Its one rule: what was heard and what is remembered of it are handed to the
// ledger together, so that nothing is missed and nothing is told twice. It never
// writes to an account, but for acknowledging messages of a queue, and forwards
// neither variables of builds and projects nor addresses of deploy hooks.
//
// It keeps no state but what the ledger remembers for it, announces nothing, and
// does not decide what belongs to one deployment.
package cloudflare
