package ledger

import (
	"cmp"
	"errors"
	"slices"

	"github.com/shipbell/shipbell"
)

// The policy of this file: which messages a deployment has in a channel. One
// tells of it. An alert answers that one when the deployment failed or
// production did not move, and another message when that is over. What turned
// out to be told twice must go.

// announce brings the announcements of a deployment up to its revision, adds
// those that its state asks for, and returns the channels that became stale.
// Without replies none is added: nobody is to be rung up.
func announce(tx Tx, d shipbell.Deployment, channels []shipbell.ChannelID, replies bool) ([]shipbell.ChannelID, error) {
	rows, err := tx.Announcements(d.ID)
	if err != nil {
		return nil, err
	}
	if quiet(d) {
		channels = nil
	}
	if d.Silenced {
		channels, replies = nil, false
	}
	all := slices.Clone(channels)
	for _, a := range rows {
		if !slices.Contains(all, a.Channel) {
			all = append(all, a.Channel)
		}
	}
	for _, c := range all {
		for _, a := range wanted(d, c, rows, replies) {
			if err := tx.PutAnnouncement(a); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// wanted returns the announcements of one channel as they must be now, of those
// that change.
func wanted(d shipbell.Deployment, c shipbell.ChannelID, rows []shipbell.Announcement, replies bool) []shipbell.Announcement {
	row := func(p shipbell.Part) (shipbell.Announcement, bool) {
		i := slices.IndexFunc(rows, func(a shipbell.Announcement) bool { return a.Channel == c && a.Part == p })
		if i < 0 {
			return shipbell.Announcement{Deployment: d.ID, Channel: c, Part: p}, false
		}
		return rows[i], true
	}
	main, known := row(shipbell.PartMain)
	main.Wanted, main.Urgency = d.Revision, shipbell.UrgencyNormal
	if main.Ref != "" && !d.Status.Final() {
		main.Urgency = shipbell.UrgencyLow
	}
	if main.Ref == "" && main.Shown == 0 && (d.Status == shipbell.Failure || d.Alarm != nil) {
		main.Urgency = shipbell.UrgencyHigh // it rings in place of an alert
	}
	changed := []shipbell.Announcement{main}
	// reply brings one up to date or adds it, and reports whether it is there.
	reply := func(p shipbell.Part, needed, anew bool) bool {
		a, exists := row(p)
		switch {
		case exists && a.Told() && !anew, !exists && !(needed && replies):
			return exists
		case !exists && !known:
			// The first post rings by itself, and shows what the reply would.
			return false
		case exists && a.Told(), !exists:
			a = shipbell.Announcement{Deployment: d.ID, Channel: c, Part: p, Urgency: shipbell.UrgencyHigh}
		}
		// What was asked for may be under way, and must become true once it is there.
		if (main.Ref != "" || a.Ref != "") && (needed || a.Wanted > 0) {
			a.Wanted = d.Revision
		}
		changed = append(changed, a)
		return true
	}
	_, before := row(shipbell.PartAlert)
	alerted := reply(shipbell.PartAlert, rings(d), false)
	// The end of an alarm is told once for each alarm that was.
	reply(shipbell.PartOver, alerted && d.Alarm != nil && !d.Alarm.OverAt.IsZero(), alerted && !before)
	return changed
}

// rings reports whether people must hear of the deployment: it failed, production
// did not move, or the people's own command failed although something is live.
func rings(d shipbell.Deployment) bool {
	return d.Status == shipbell.Failure || d.Alarm != nil || d.Status == shipbell.Success && d.OwnFailure()
}

// mark stores what an attempt at an announcement came to.
func mark(tx Tx, a shipbell.Announcement, attempt shipbell.Attempt, told []shipbell.Part) error {
	rows, err := tx.Announcements(a.Deployment, a.Channel)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rows, func(row shipbell.Announcement) bool { return row.Channel == a.Channel && row.Part == a.Part })
	if i < 0 {
		return orphan(tx, a, attempt)
	}
	row := rows[i]
	if !attempt.Edit && a.Ref != "" && row.Ref != "" && row.Ref != a.Ref {
		// While this was posted the announcement took over another message.
		if err := tx.KeepAttempt(attempt); err != nil {
			return err
		}
		return adopt(tx, a.Deployment, []shipbell.Announcement{a})
	}
	if !attempt.Edit && a.Ref == "" && row.Ref != "" {
		return tx.KeepAttempt(attempt) // it took over a message meanwhile
	}
	row.Shown, row.Ref, row.Tries, row.DueAt = a.Shown, a.Ref, a.Tries, a.DueAt
	if a.Part != shipbell.PartMain && row.Told() && (a.Part.Obsolete() || rows[i].Ref == "") {
		// It was removed, or there was nothing to tell any more. Should there be
		// again, it is a new one. A reply that a person deleted stays told.
		err = tx.DropAnnouncement(row)
	} else {
		err = tx.PutAnnouncement(row)
	}
	if err != nil {
		return err
	}
	for _, p := range told {
		if rows, err = needless(tx, row, rows, p); err != nil {
			return err
		}
	}
	if a.Part == shipbell.PartMain && a.Ref != "" {
		if err := release(tx, row, rows); err != nil {
			return err
		}
	}
	return tx.KeepAttempt(attempt)
}

// doubt makes a message stale that was edited by a lost lease, or may have been:
// whoever holds it now may have edited it as well, and nobody knows which request
// was the last to arrive.
func doubt(tx Tx, a shipbell.Announcement) error {
	rows, err := tx.Announcements(a.Deployment, a.Channel)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rows, func(row shipbell.Announcement) bool { return row.Part == a.Part && row.Ref == a.Ref })
	if i < 0 || rows[i].Shown <= a.Shown {
		return nil
	}
	rows[i].Shown = a.Shown
	return tx.PutAnnouncement(rows[i])
}

// needless notes that another message told what this part would have, also where the
// part was not asked for yet. One that was posted stays as it is.
func needless(tx Tx, by shipbell.Announcement, rows []shipbell.Announcement, p shipbell.Part) ([]shipbell.Announcement, error) {
	i := slices.IndexFunc(rows, func(row shipbell.Announcement) bool { return row.Channel == by.Channel && row.Part == p })
	if i < 0 {
		i = len(rows)
		rows = append(rows, shipbell.Announcement{Deployment: by.Deployment, Channel: by.Channel, Part: p, Urgency: shipbell.UrgencyHigh})
	}
	if rows[i].Ref != "" {
		return rows, nil
	}
	rows[i].Wanted = max(rows[i].Wanted, by.Wanted)
	rows[i].Shown = rows[i].Wanted
	return rows, tx.PutAnnouncement(rows[i])
}

// release lets the replies go that waited for the main message.
func release(tx Tx, main shipbell.Announcement, rows []shipbell.Announcement) error {
	for _, a := range rows {
		if a.Channel != main.Channel || !a.Held() {
			continue
		}
		a.Wanted = main.Wanted
		if err := tx.PutAnnouncement(a); err != nil {
			return err
		}
	}
	return nil
}

// orphan keeps the outcome of an attempt whose announcement is gone. When its
// deployment was put together with another while the request was under way, and
// the message is there, that one must take it or have it removed.
func orphan(tx Tx, a shipbell.Announcement, attempt shipbell.Attempt) error {
	into, err := tx.Merged(a.Deployment)
	if errors.Is(err, shipbell.ErrNotFound) {
		return restore(tx, a, attempt)
	}
	if err != nil {
		return err
	}
	attempt.Deployment = into
	if err := tx.KeepAttempt(attempt); err != nil {
		return err
	}
	if a.Ref == "" {
		return nil
	}
	kept, err := tx.Announcements(into, a.Channel)
	if err != nil {
		return err
	}
	// An edit under way was of a message that was taken care of with the merge.
	if slices.ContainsFunc(kept, func(k shipbell.Announcement) bool { return k.Channel == a.Channel && k.Ref == a.Ref }) {
		return nil
	}
	return adopt(tx, into, []shipbell.Announcement{a})
}

// restore keeps a message that was posted although another replica, which had
// taken over meanwhile, had found nothing to tell any more: it is there, and has to
// say what is true.
func restore(tx Tx, a shipbell.Announcement, attempt shipbell.Attempt) error {
	if attempt.Edit || a.Ref == "" {
		return nil
	}
	d, err := tx.Deployment(a.Deployment)
	if errors.Is(err, shipbell.ErrNotFound) {
		return nil // it was swept, or is a bulletin's
	}
	if err != nil {
		return err
	}
	a.Wanted = d.Revision
	if err := tx.PutAnnouncement(a); err != nil {
		return err
	}
	return tx.KeepAttempt(attempt)
}

// adopt gives the messages of a deployment that is gone to the one that took
// its place: a message that the other lacks is taken over, any other must go.
func adopt(tx Tx, id shipbell.DeploymentID, theirs []shipbell.Announcement) error {
	var channels []shipbell.ChannelID
	for _, a := range theirs {
		if !slices.Contains(channels, a.Channel) {
			channels = append(channels, a.Channel)
		}
	}
	if len(channels) == 0 {
		return nil
	}
	rows, err := tx.Announcements(id, channels...)
	if err != nil {
		return err
	}
	for _, a := range theirs {
		i := slices.IndexFunc(rows, func(row shipbell.Announcement) bool { return row.Channel == a.Channel && row.Part == a.Part })
		switch {
		case i < 0 && !a.Part.Obsolete():
			a.Deployment = id
		case a.Ref == "":
			continue
		case !a.Part.Obsolete() && rows[i].Ref == "" && !rows[i].Told():
			// Shown nothing of this deployment yet, but it has a message now.
			rows[i].Ref, rows[i].Shown = a.Ref, 0
			a = rows[i]
		default:
			a = shipbell.Announcement{
				Deployment: id, Channel: a.Channel, Part: nextObsolete(rows, a.Channel),
				Urgency: shipbell.UrgencyNormal, Wanted: 1, Ref: a.Ref,
			}
		}
		if err := tx.PutAnnouncement(a); err != nil {
			return err
		}
		if i >= 0 && rows[i].Part == a.Part {
			rows[i] = a
		} else {
			rows = append(rows, a)
		}
	}
	return nil
}

func nextObsolete(rows []shipbell.Announcement, c shipbell.ChannelID) shipbell.Part {
	next := shipbell.PartObsolete
	for _, a := range rows {
		if a.Channel == c {
			next = max(next, a.Part+1)
		}
	}
	return next
}

// subject reads what an announcement is about.
func subject(tx Tx, a shipbell.Announcement) (shipbell.Subject, error) {
	if a.Deployment < 0 {
		return bulletinSubject(tx, shipbell.BulletinID(-a.Deployment))
	}
	d, err := tx.Deployment(a.Deployment)
	if err != nil {
		return shipbell.Subject{}, err
	}
	s := shipbell.Subject{Deployment: d}
	// Of what is only announced the history tells nothing that is shown.
	if d.Status != shipbell.Announced || d.Alarm != nil {
		s.Lineage, err = lineage(tx, d)
	}
	return s, err
}

func bulletinSubject(tx Tx, id shipbell.BulletinID) (shipbell.Subject, error) {
	b, err := tx.Bulletin(id)
	if err != nil {
		return shipbell.Subject{}, err
	}
	s := shipbell.Subject{Bulletin: &b}
	for _, id := range b.Missed {
		id, err := partOf(tx, id)
		if err != nil {
			return shipbell.Subject{}, err
		}
		d, err := tx.Deployment(id)
		if errors.Is(err, shipbell.ErrNotFound) {
			continue // it was swept
		}
		if err != nil {
			return shipbell.Subject{}, err
		}
		s.Missed = append(s.Missed, d)
	}
	slices.SortFunc(s.Missed, func(a, b shipbell.Deployment) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
	return s, nil
}
