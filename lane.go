package shipbell

import (
	"slices"
	"time"
)

// LanesOf returns the lanes of the channels in their order, also of one that was
// never used, and behind them the stored ones of other channels that still have
// something to deliver.
func LanesOf(channels []ChannelID, stored []Lane) []Lane {
	var all []Lane
	for _, c := range channels {
		l := Lane{Channel: c}
		if i := slices.IndexFunc(stored, func(l Lane) bool { return l.Channel == c }); i >= 0 {
			l = stored[i]
		}
		all = append(all, l)
	}
	for _, l := range stored {
		if !slices.Contains(channels, l.Channel) && l.Backlog > 0 {
			all = append(all, l)
		}
	}
	return all
}

// Allowance is what is left of a limit.
type Allowance struct {
	Limit
	Left int
}

// Allowances says what is left of the limits of a channel: those who share its
// budget have used of it as well. It goes by what the lanes stored with their last
// request.
func Allowances(c ChannelID, budgets map[ChannelID]Budget, lanes []Lane, now time.Time) []Allowance {
	own, known := budgets[c]
	if !known {
		return nil
	}
	var used []time.Time
	for _, l := range lanes {
		if b, known := budgets[l.Channel]; known && b.Name == own.Name {
			used = append(used, l.Recent...)
		}
	}
	slices.SortFunc(used, time.Time.Compare)
	used = slices.CompactFunc(used, time.Time.Equal)
	var all []Allowance
	for _, l := range own.Limits {
		n := 0
		for _, at := range used {
			if at.Add(l.Per).After(now) {
				n++
			}
		}
		all = append(all, Allowance{Limit: l, Left: max(l.N-n, 0)})
	}
	return all
}
