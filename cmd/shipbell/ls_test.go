package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/remote"
	"github.com/shipbell/shipbell/internal/terminal"
	"github.com/shipbell/shipbell/internal/wire"
)

// listed are deployments as a server tells them, with values that nobody wants on a
// terminal.
func listed(now time.Time) []wire.Deployment {
	brief := func(id shipbell.DeploymentID, status shipbell.Status, before time.Duration, change func(*wire.Brief)) wire.Deployment {
		b := wire.Brief{
			ID: id, Revision: 2, ShownID: fmt.Sprintf("build-%d", id), Type: shipbell.Worker, Project: "api-service", Environment: shipbell.Production,
			Status: status, Branch: "main", Commit: "abc123def4567890718293a4b5c6d7e8f9012345", Subject: "Add JWT authentication",
			Author: "dev@example.com", StartedAt: now.Add(-before),
		}
		if change != nil {
			change(&b)
		}
		return wire.Deployment{Brief: b}
	}
	return []wire.Deployment{
		brief(1042, shipbell.InProgress, 12*time.Second, nil),
		brief(1041, shipbell.Announced, 31*time.Minute, func(b *wire.Brief) { b.Frozen = true }),
		brief(1040, shipbell.Failure, 5*time.Hour, func(b *wire.Brief) {
			b.Project, b.Environment, b.Subject = "docs-site-with-a-very-long-name", "staging", "漢字 \x1b[31mred\x07\u202e and\ta tab "+strings.Repeat("long ", 40)
		}),
		brief(1039, shipbell.Success, 75*24*time.Hour, func(b *wire.Brief) { b.Commit, b.Subject, b.Author = "", "", "" }),
	}
}

func TestTables(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 30, 0, 0, time.UTC)
	var all strings.Builder
	for _, columns := range []int{0, 120, 80, 60, 40, 20} {
		var b strings.Builder
		if err := printList(paper{Writer: &b, columns: columns}, listed(now), now); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%d columns\n%s\n", columns, b.String())
		for line := range strings.Lines(b.String()) {
			if w := terminal.Width(strings.TrimSuffix(line, "\n")); columns > 20 && w > columns {
				t.Errorf("%d columns in %d: %q", w, columns, line)
			}
		}
	}
	var b strings.Builder
	if err := printList(paper{Writer: &b, columns: 80, colour: true}, listed(now), now); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&all, "with colours\n%s", strings.ReplaceAll(b.String(), "\x1b", "ESC"))
	channeltest.Golden(t, "ls.golden", all.String())
	if strings.Contains(all.String(), "\x07") || strings.Contains(all.String(), "\u202e") {
		t.Error("what nobody wants on a terminal")
	}
}

func TestDetail(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 30, 0, 0, time.UTC)
	d := wire.Detail{Deployment: listed(now)[2], Log: "✘ [ERROR]\x1b[0m no\n  more"}
	d.FinishedAt, d.TookSeconds, d.Error, d.Tag, d.Silenced = now, 18000, "\x1b]0;title\x07no", "v1.2.3", true
	d.Keys = []wire.Key{{Kind: shipbell.KeyPushed, ID: "build-1040"}, {Kind: shipbell.KeyVersion, ID: "version"}}
	d.Alarm = &wire.Alarm{At: now, Reason: shipbell.AlarmMissing, OverAt: now.Add(time.Minute)}
	d.Lineage.Previous, d.Lineage.Live = &listed(now)[3].Brief, &listed(now)[0].Brief
	d.Events = []wire.Heard{{Source: shipbell.SourcePush, At: now, Status: shipbell.Announced}, {Source: shipbell.SourceExec, At: now, Joined: "by key pushed build-1040"}}
	d.Announcements = []wire.Announcement{
		{Channel: "telegram:-1", Part: wire.PartMessage, State: wire.AnnouncementCurrent, Shown: 2, Wanted: 2, Text: "one\n\x1b[2Jtwo"},
		{Channel: "telegram:-1", Part: wire.PartAlert, State: wire.AnnouncementWaiting, Wanted: 2, Text: "alert"},
	}
	d.Attempts = []wire.Attempt{{Channel: "telegram:-1", Part: wire.PartMessage, What: wire.AttemptPost, Revision: 1, At: now, TookMs: 31, Fault: shipbell.FaultTemporary, Detail: "no route"}}
	var b strings.Builder
	if err := printDetail(paper{Writer: &b}, d); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\x07") {
		t.Errorf("what nobody wants on a terminal: %q", b.String())
	}
	channeltest.Golden(t, "show.golden", b.String())
}

func TestChanges(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		name, data string
		columns    int
		want       string
	}{
		{wire.EventDeployment, `{"id":1,"project":"a","environment":"production","status":"announced","commit":"abc123def","subject":"Add \u001b[2J it","author":"ada"}`, 0, "2026-11-25 10:30:00Z  1      announced    a  production  abc123d Add [2J it  ada"},
		{wire.EventDeployment, `{"id":1042,"project":"a","environment":"production","status":"success","commit":"abc123def","subject":"Add it","finishedAt":"2026-11-24T23:59:00+01:00"}`, 60, "2026-11-24 22:59:00Z  1042   success      a  production  ab…"},
		{wire.EventDeployment, `{"id":1042,"project":"a","environment":"production","status":"failure","subject":"Add it","reason":"no \u001bbinding"}`, 0, "2026-11-25 10:30:00Z  1042   failure      a  production  no binding  Add it"},
		{wire.EventDeployment, `{"id":1234567,"project":"a","environment":"staging","status":"announced","frozen":true}`, 0, "2026-11-25 10:30:00Z  1234567  announced, frozen  a  staging"},
		{wire.EventGone, `{"id":2,"into":1}`, 0, "2026-11-25 10:30:00Z  2      gone         became part of 1"},
		{wire.EventGone, `{"id":2}`, 0, "2026-11-25 10:30:00Z  2      gone         was deleted"},
		{"of-a-later-version", `{}`, 0, ""},
	} {
		got, err := changeLine(paper{columns: c.columns}, remote.Event{Name: c.name, Data: []byte(c.data)}, now)
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v", c.data, got, err)
		}
	}
	if _, err := changeLine(paper{}, remote.Event{Name: wire.EventDeployment, Data: []byte("x")}, now); err == nil {
		t.Error("nonsense is taken")
	}
}

// TestMistakes are told before any server is asked, as those of usage are.
func TestMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"ls -n 0":                      "-n 0: not a number from 1 to 1000",
		"ls -n 1001":                   "-n 1001: not a number from 1 to 1000",
		"ls --status foo":              "--status is not understood: foo",
		"ls --since yesterday":         "--since is not understood: yesterday",
		"ls --server foo":              "not an http or https address",
		"ls --server ftp://foo":        "not an http or https address",
		"tail --status foo":            "--status is not understood: foo",
		"show 1 --server http://":      "not an http or https address",
		"live --type lambda":           "--type is not understood: lambda",
		"live --state live,broken":     "--state broken: not a state",
		"live --server http://u:p@a.b": "not an http or https address",
	} {
		t.Setenv(serverSetting, "http://127.0.0.1:1")
		var out, errs strings.Builder
		code := run(t.Context(), strings.Fields(args), streams{out: &out, err: &errs})
		if code != exitUsage || !strings.Contains(errs.String(), want) || !strings.Contains(errs.String(), "hint: ") {
			t.Errorf("%s: code %d, %s", args, code, errs.String())
		}
	}
}
