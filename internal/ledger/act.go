package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shipbell/shipbell"
)

// The policy of this file: what a person does is kept with its effect, in one
// transaction. An act without an entry in the audit log does not happen.

// Replay posts the message of a deployment anew in the given channels, or in all
// that its routes name and all where it is. The message that is there is removed.
// A silence ends. An unknown deployment is [shipbell.ErrNotFound].
func (l *Ledger) Replay(ctx context.Context, id shipbell.DeploymentID, by string, channels ...shipbell.ChannelID) error {
	var told []shipbell.ChannelID
	err := l.act(ctx, id, shipbell.Act{Who: by, What: shipbell.ActReplay, Detail: join(channels)}, func(tx Tx, d shipbell.Deployment) (err error) {
		d.Silenced = false
		if err := tx.Save(d); err != nil {
			return err
		}
		told, err = l.replay(tx, d, channels)
		return err
	})
	for _, c := range told {
		l.wake(c)
	}
	return err
}

func (l *Ledger) replay(tx Tx, d shipbell.Deployment, channels []shipbell.ChannelID) ([]shipbell.ChannelID, error) {
	rows, err := tx.Announcements(d.ID)
	if err != nil {
		return nil, err
	}
	if len(channels) == 0 {
		channels = slices.Clone(l.router.Channels(d))
		for _, a := range rows {
			if !slices.Contains(channels, a.Channel) {
				channels = append(channels, a.Channel)
			}
		}
	}
	for _, c := range channels {
		main := shipbell.Announcement{Deployment: d.ID, Channel: c}
		i := slices.IndexFunc(rows, func(a shipbell.Announcement) bool { return a.Channel == c && a.Part == shipbell.PartMain })
		if i >= 0 && rows[i].Ref != "" {
			err := tx.PutAnnouncement(shipbell.Announcement{
				Deployment: d.ID, Channel: c, Part: nextObsolete(rows, c),
				Urgency: shipbell.UrgencyNormal, Wanted: 1, Ref: rows[i].Ref,
			})
			if err != nil {
				return nil, err
			}
		}
		main.Urgency, main.Wanted = shipbell.UrgencyNormal, d.Revision
		if err := tx.PutAnnouncement(main); err != nil {
			return nil, err
		}
	}
	return channels, nil
}

// Silence keeps any message of a deployment from being added from now on. One that
// is there is kept true. An unknown deployment is [shipbell.ErrNotFound].
func (l *Ledger) Silence(ctx context.Context, id shipbell.DeploymentID, by string) error {
	return l.act(ctx, id, shipbell.Act{Who: by, What: shipbell.ActSilence}, func(tx Tx, d shipbell.Deployment) error {
		d.Silenced = true
		if err := tx.Save(d); err != nil {
			return err
		}
		rows, err := tx.Announcements(d.ID)
		if err != nil {
			return err
		}
		for _, a := range rows {
			if a.Ref == "" && !a.Told() {
				if err := tx.DropAnnouncement(a); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Unsilence ends a silence: what would have been told is told now. An unknown
// deployment is [shipbell.ErrNotFound].
func (l *Ledger) Unsilence(ctx context.Context, id shipbell.DeploymentID, by string) error {
	var told []shipbell.ChannelID
	err := l.act(ctx, id, shipbell.Act{Who: by, What: shipbell.ActUnsilence}, func(tx Tx, d shipbell.Deployment) (err error) {
		d.Silenced = false
		if err := tx.Save(d); err != nil {
			return err
		}
		told, err = announce(tx, d, l.router.Channels(d), true)
		return err
	})
	for _, c := range told {
		l.wake(c)
	}
	return err
}

// act does something to a deployment and keeps that it was done.
func (l *Ledger) act(ctx context.Context, id shipbell.DeploymentID, a shipbell.Act, do func(Tx, shipbell.Deployment) error) error {
	err := l.settle(ctx, func(tx Tx) error {
		target, err := partOf(tx, id)
		if err != nil {
			return err
		}
		d, err := tx.Deployment(target)
		if err != nil {
			return err
		}
		a.Subject = strconv.FormatInt(int64(d.ID), 10)
		a.Detail = strings.TrimSpace(d.Project + " " + d.ShownID + " " + a.Detail)
		return errors.Join(do(tx, d), tx.Change(d.ID), l.keep(tx, a))
	})
	if err != nil {
		return fmt.Errorf("%s deployment %d: %w", a.What, id, err)
	}
	return nil
}

// Resume lets a paused or parked lane go on at once. A channel that has no lane
// is [shipbell.ErrNotFound].
func (l *Ledger) Resume(ctx context.Context, c shipbell.ChannelID, by string) error {
	err := l.settle(ctx, func(tx Tx) error {
		return errors.Join(resume(tx, c), l.keep(tx, shipbell.Act{Who: by, What: shipbell.ActResume, Subject: string(c)}))
	})
	if err == nil {
		l.wake(c)
	}
	return err
}

// Test posts a test message in a channel, in its order and within its limits.
func (l *Ledger) Test(ctx context.Context, c shipbell.ChannelID, by string) error {
	err := l.settle(ctx, func(tx Tx) error {
		now := l.stamp()
		b := shipbell.Bulletin{
			Key: fmt.Sprintf("test/%s/%d", c, now.UnixMilli()), Kind: shipbell.BulletinTest, At: now, Reason: by,
		}
		return errors.Join(
			tell(tx, b, []shipbell.ChannelID{c}),
			l.keep(tx, shipbell.Act{Who: by, What: shipbell.ActTest, Subject: string(c)}),
		)
	})
	if err != nil {
		return fmt.Errorf("test %s: %w", c, err)
	}
	l.wake(c)
	return nil
}

// keep adds an entry to the audit log, dated now.
func (l *Ledger) keep(tx Tx, a shipbell.Act) error {
	a.At = l.stamp()
	return tx.KeepAct(a)
}

// KeepAct adds an entry to the audit log that has no other effect on the ledger.
func (l *Ledger) KeepAct(ctx context.Context, a shipbell.Act) error {
	return l.settle(ctx, func(tx Tx) error { return l.keep(tx, a) })
}

// Acts returns at most n entries of the audit log with a number below the one
// given, 0 for all, the newest first.
func (l *Ledger) Acts(ctx context.Context, before int64, n int) ([]shipbell.Act, error) {
	var acts []shipbell.Act
	err := l.store.View(ctx, func(tx Tx) (err error) {
		acts, err = tx.Acts(before, n)
		return err
	})
	return acts, err
}

// Secret returns a secret that the ledger keeps for itself, and keeps the one
// offered where it has none of that name.
func (l *Ledger) Secret(ctx context.Context, name, offered string) (string, error) {
	var secret string
	err := l.settle(ctx, func(tx Tx) (err error) {
		secret, err = tx.Secret(name, offered)
		return err
	})
	return secret, err
}

func join(channels []shipbell.ChannelID) string {
	words := make([]string, len(channels))
	for i, c := range channels {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}
