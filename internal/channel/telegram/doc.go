// Package telegram shows messages in Telegram: one [Channel] for each chat or
// forum topic, over a small client of the Bot API (https://core.telegram.org/bots/api).
//
// Its one rule: every delivery is at most one request, and every failure leaves
// as a [shipbell.DeliveryError] that says what to do about it. Nothing else in
// Shipbell reads Telegram's words.
//
// It does not retry, wait or remember: limits, back-off, migrated chats and
// deleted topics come back to it through the [shipbell.Delivery]. It never asks
// for updates, and the token shows in no error.
package telegram
