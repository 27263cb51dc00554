package push

import (
	"encoding/json"
	"strings"
	"time"
)

// timeForms are the accepted forms of a time beside unix milliseconds. One
// without a zone is UTC.
var timeForms = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04Z07:00", time.DateOnly}

// The range of a timestamp. Outside of it somebody's units are wrong.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// earliestCommit is the year of the first git. What is older was converted, or a
// clock was never set.
var earliestCommit = time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC)

// clockSkew is by how much the clock of who committed may be ahead.
const clockSkew = 10 * time.Minute

// acceptedTimes is the hint about a time that is not understood.
const acceptedTimes = "an RFC 3339 time such as 2025-01-15T10:30:45Z"

// readTime returns the time and, for the digest, how it was given; empty where
// it was not.
func readTime(v any, now time.Time) (at time.Time, given string, err error) {
	switch text, isText := v.(string); {
	case v == nil, isText && strings.TrimSpace(text) == "":
		return now.UTC().Truncate(time.Millisecond), "", nil
	}
	if at, ok := parseTime(v); ok {
		return at, at.Format(time.RFC3339Nano), nil
	}
	switch v.(type) {
	case float64:
		return time.Time{}, "", &Error{CodeValue, "deployment.timestamp", acceptedTimes + ", or unix milliseconds"}
	case string:
		return time.Time{}, "", &Error{CodeValue, "deployment.timestamp", acceptedTimes}
	}
	return time.Time{}, "", &Error{CodeType, "deployment.timestamp", acceptedTimes}
}

// readCommitTime returns the time of a commit as events hold it, and, for the
// digest, how it was given. What is not understood was not given. What cannot be
// is told as nothing, but is part of the digest: whether it lies in the future
// depends on when the body comes, and the same body is to be the same event.
func readCommitTime(raw json.RawMessage, now time.Time) (told, given string) {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return "", ""
	}
	at, ok := parseTime(v)
	if !ok {
		return "", ""
	}
	given = at.Format(time.RFC3339Nano)
	if at.Before(earliestCommit) || at.After(now.Add(clockSkew)) {
		return "", given
	}
	return given, given
}

// parseTime reads a time in one of the accepted forms, to the millisecond.
func parseTime(v any) (at time.Time, ok bool) {
	switch v := v.(type) {
	case float64:
		if v >= float64(earliest.UnixMilli()) && v <= float64(latest.UnixMilli()) {
			return time.UnixMilli(int64(v)).UTC(), true
		}
	case string:
		v = strings.TrimSpace(v)
		for _, form := range timeForms {
			at, err := time.Parse(form, v)
			if err != nil {
				continue
			}
			at = at.UTC().Truncate(time.Millisecond)
			return at, !at.Before(earliest) && !at.After(latest)
		}
	}
	return time.Time{}, false
}
