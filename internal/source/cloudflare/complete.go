package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/excerpt"
	"github.com/shipbell/shipbell/internal/outbound"
)

// The policy of this file: why something failed is asked after it was recorded
// that it did, and told as one more observation of it. No log is worth losing or
// delaying a failure.

const (
	// maxLog bounds what is kept of a log, in bytes; its end is kept.
	maxLog = 200 << 10
	// maxLogPages bounds the requests for one log.
	maxLogPages = 40
	// logsPerLook bounds how many logs one look reads.
	logsPerLook = 5
	// wholeLog is the size that wrangler asks for, see
	// https://github.com/cloudflare/workers-sdk.
	wholeLog = "10000000"
)

// logTail is the end of a log.
type logTail struct {
	lines []string
	size  int
}

func (t *logTail) add(line string) {
	line = cut(line, maxLog/4)
	t.lines = append(t.lines, line)
	t.size += len(line) + 1
	for t.size > maxLog {
		t.size -= len(t.lines[0]) + 1
		t.lines = t.lines[1:]
	}
}

// logLine is a line of the log of a build: a time and a text, or only a text.
type logLine string

// UnmarshalJSON implements [json.Unmarshaler] and never fails.
func (l *logLine) UnmarshalJSON(data []byte) error {
	*l = ""
	var pair []json.RawMessage
	if json.Unmarshal(data, &pair) == nil && len(pair) > 0 {
		data = pair[len(pair)-1]
	}
	var t text
	_ = t.UnmarshalJSON(data)
	*l = logLine(t)
	return nil
}

// buildLog reads the end of the log of a build.
func (c *Client) buildLog(ctx context.Context, account, uuid string) ([]string, error) {
	var tail logTail
	query := url.Values{}
	for range maxLogPages {
		var page struct {
			Cursor    text          `json:"cursor"`
			Truncated text          `json:"truncated"`
			Lines     list[logLine] `json:"lines"`
		}
		if _, err := c.get(ctx, inAccount(account, "builds", "builds", uuid, "logs"), query, &page); err != nil {
			return nil, err
		}
		for _, line := range page.Lines {
			tail.add(string(line))
		}
		if page.Truncated != "true" || page.Cursor == "" || query.Get("cursor") == string(page.Cursor) {
			break
		}
		query.Set("cursor", string(page.Cursor))
	}
	return tail.lines, nil
}

// pagesLog reads the end of the log of a Pages deployment.
func (c *Client) pagesLog(ctx context.Context, account, project, id string) ([]string, error) {
	var page struct {
		Data list[struct {
			Line text `json:"line"`
		}] `json:"data"`
	}
	path := inAccount(account, "pages", "projects", project, "deployments", id, "history", "logs")
	if _, err := c.get(ctx, path, url.Values{"size": {wholeLog}}, &page); err != nil {
		return nil, err
	}
	var tail logTail
	for _, l := range page.Data {
		tail.add(string(l.Line))
	}
	return tail.lines, nil
}

// why adds to a failure what its log tells of the reason, without secrets. It
// reports whether the log tells anything.
func (c *Client) why(e *shipbell.Event, lines []string) bool {
	secrets := []string{}
	if !c.token.Empty() {
		secrets = append(secrets, c.token.Reveal())
	}
	e.Log = outbound.Redact(excerpt.Find(lines, excerpt.Options{Secrets: secrets}), c.token)
	if first := excerpt.First(lines, secrets...); first != "" {
		e.Error = outbound.Redact(first, c.token)
	}
	return e.Log != ""
}

// complete reads the logs of failures that were recorded. It reports whether
// there is something to record.
func (p *Poller) complete(ctx context.Context, l *look) bool {
	if len(l.mem.Logs) == 0 || l.exhausted(ctx) {
		return false
	}
	var left []wantedLog
	for i, w := range l.mem.Logs {
		if i >= logsPerLook || l.exhausted(ctx) {
			left = append(left, w)
			continue
		}
		e, ok, err := l.failure(ctx, w)
		switch {
		case ok:
			l.events = append(l.events, e)
		case err == nil, errors.Is(err, shipbell.ErrNotFound), refused(err):
			// A log that is empty may be on its way; one that may not be read is
			// not worth asking for again.
			if w.Tries++; err == nil && w.Tries < maxLogTries {
				left = append(left, w)
			}
		default:
			if fails(err) {
				l.failures++
			}
			if w.Tries++; w.Tries < maxLogTries {
				left = append(left, w)
			}
		}
	}
	l.mem.Logs = left
	return true
}

// failure asks for a failure once more, with its log.
func (l *look) failure(ctx context.Context, w wantedLog) (e shipbell.Event, ok bool, err error) {
	var lines []string
	if w.Type == shipbell.Worker {
		var b build
		if _, err := l.client.get(ctx, inAccount(l.account, "builds", "builds", w.ID), nil, &b); err != nil {
			return e, false, err
		}
		s, known := l.siteOf(w.Project)
		if !known || b.state() != shipbell.Failure {
			return e, false, nil
		}
		e = observed{site: s, build: b, at: l.started}.final(shipbell.SourceBuilds)
		lines, err = l.client.buildLog(ctx, l.account, w.ID)
	} else {
		var d pagesDeployment
		path := inAccount(l.account, "pages", "projects", w.Project, "deployments", w.ID)
		if _, err := l.client.get(ctx, path, nil, &d); err != nil {
			return e, false, err
		}
		s, known := l.names[shipbell.Pages][w.Project]
		if state, _ := d.state(); !known || state != shipbell.Failure {
			return e, false, nil
		}
		e = pagesSeen{site: s, d: d, at: l.started}.final(shipbell.SourcePoll)
		lines, err = l.client.pagesLog(ctx, l.account, w.Project, w.ID)
	}
	if err != nil {
		return e, false, err
	}
	return e, l.client.why(&e, lines), nil
}
