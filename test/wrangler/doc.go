// Package wrangler tests Shipbell end to end with the real wrangler: it deploys
// to a fake Cloudflare, with shipbell notify in the build command, wrapped by
// shipbell exec, or both, while a server asks the same Cloudflare and posts to a
// fake Telegram.
//
// Its one rule: every case says what people see in the chat. Nothing in it looks
// into the parts between.
//
// Wrangler and a Node for it are in .cache/wrangler; make deps installs them from
// the lock beside this file. Without them the tests fail. They need no network.
package wrangler
