// Package shipbell is the vocabulary of Shipbell, a deployment monitor, and
// the pure rules over it. It does no I/O and imports only the standard library.
//
// A [Source] observes something about a deployment and tells it as an [Event].
// The ledger joins events that share a [Key] to one [Deployment] and folds them
// in with [Apply], whose result does not depend on the order of arrival. When
// something visible changes, the deployment's [Revision] grows. For every
// [ChannelID] that wants the deployment there is one [Announcement]; it is stale
// while it shows an older revision than the deployment has. The dispatcher makes
// stale announcements current, lane by lane: it renders the deployment as it is
// now into a [Message], and the channel posts that, or edits the message behind
// the stored [MessageRef].
//
// Three promises hold at every line of this module:
//
//  1. Acknowledged means stored.
//  2. One deployment, one message per channel.
//  3. A message never claims more than the ledger knows, and ends up showing the
//     last state.
//
// # Glossary
//
//   - Source: where events come from (push, poll, builds, alert, exec, and watch,
//     the ledger's own conclusions).
//   - Event: one immutable observation by one source; source and id are unique.
//   - Key: an identity of a deployment as some source knows it.
//   - Deployment: the merged view of all events that share keys.
//   - Project, Environment, Branch, Commit: what, where, from what.
//   - Status: announced, queued, in_progress, success, failure, canceled, skipped.
//   - Revision: grows when something visible of a deployment changes.
//   - Channel: one configured place where messages appear.
//   - Route: a rule that says which deployments a channel shows.
//   - Announcement: one deployment in one channel. Part: one of its messages there;
//     the main one, an alert that answers it, one that says that an alarm is over.
//   - Alarm: production did not move with a deployment.
//   - Lineage: what the history of a project says of one of its deployments.
//   - Bulletin: what Shipbell says that is not about one deployment.
//   - Report: what a source that asks has heard in one go.
//   - Brief: what lists need of a deployment. Position: a place in a list.
//   - Feed: what changes, in order. Cursor: a place in it. News: one change in it.
//   - Card: what is live in one environment of a project. Board: all cards.
//   - Token, Scope: what lets somebody in, and what it lets them do. Visitor: who makes
//     a request. Act: what a person did, as the audit log keeps it.
//   - MessageRef: the opaque, stored handle by which a message is edited.
//   - Attempt: one try to post or edit, with what came back.
//   - Lane: a channel's delivery line: its order, its rate limit, its pause.
//   - Ledger: the write side. Dispatcher: the delivery side.
package shipbell
