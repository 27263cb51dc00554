// Package faketelegram is an HTTP server that answers like Telegram's Bot API,
// by Telegram's true rules: rate limits with retry_after, the HTML entity
// parser with its error texts, migration to a supergroup, deleted topics, blocked
// bots, edits that change nothing. Tests, the demo, the chaos run and the
// benchmarks of Shipbell deliver to it.
//
// Its one rule: it never invents an answer. Status codes and descriptions are
// those of the open source server, https://github.com/tdlib/telegram-bot-api over
// https://github.com/tdlib/td; where the answer comes from Telegram's closed
// servers (limits, blocked bots, edits in a migrated group), it is what has been
// reported in public, and a comment says so.
//
// It is stricter in two ways. A request that departs from the documented
// parameters, which Telegram lets pass, is answered as Telegram would and
// recorded as a violation, see [Server.Violations]. And the length of a text is
// counted in UTF-16 code units unless [Options] say otherwise.
//
// It does not detect links, mentions or hashtags in a text, knows no parse mode
// but HTML, sends no updates, and has only the methods that Shipbell calls.
package faketelegram
