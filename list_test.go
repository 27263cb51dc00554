package shipbell_test

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
)

var listNow = time.Date(2026, 11, 25, 10, 30, 0, 0, time.UTC)

func TestParseFilter(t *testing.T) {
	day := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	for query, want := range map[string]shipbell.Filter{
		"":                                  {},
		"after=1.2&limit=3":                 {},
		"type=page&project=a%20b":           {Type: shipbell.Pages, Project: "a b"},
		"status=failed,success":             {Status: []shipbell.Status{shipbell.Failure, shipbell.Success}},
		"status=error&status=failed,,":      {Status: []shipbell.Status{shipbell.Failure}},
		"author=a&branch=b&q=%20Fix+it%20":  {Author: "a", Branch: "b", Text: "Fix it"},
		"environment=staging":               {Environment: "staging"},
		"since=2026-11-25":                  {Since: day},
		"since=7d&until=90m":                {Since: listNow.Add(-7 * 24 * time.Hour), Until: listNow.Add(-90 * time.Minute)},
		"until=2026-11-25T01:00:00%2B01:00": {Until: day},
	} {
		v, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := shipbell.ParseFilter(v, listNow)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", query, got, err, want)
		}
		again, err := shipbell.ParseFilter(got.Values(), listNow)
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("%s: again %+v, %v", query, again, err)
		}
	}
}

func TestParseFilterNamesTheParameter(t *testing.T) {
	for query, param := range map[string]string{
		"type=lambda": "type", "status=done": "status", "since=yesterday": "since", "until=-5h": "until", "since=99999999d": "since",
		"q=" + strings.Repeat("x", 513): "q", "project=" + strings.Repeat("x", 513): "project",
	} {
		v, _ := url.ParseQuery(query)
		_, err := shipbell.ParseFilter(v, listNow)
		var bad *shipbell.ParamError
		if !errors.As(err, &bad) || bad.Param != param || bad.Accepts == "" || !errors.Is(err, shipbell.ErrInvalid) {
			t.Errorf("%.40s: %v", query, err)
		}
	}
}

// FuzzParseFilter: what is read can be written and read again.
func FuzzParseFilter(f *testing.F) {
	f.Add("status=failed&q=x&since=7d")
	f.Add("since=2026-11-25T01:00&type=worker")
	f.Fuzz(func(t *testing.T, query string) {
		v, _ := url.ParseQuery(query)
		got, err := shipbell.ParseFilter(v, listNow)
		if err != nil {
			return
		}
		again, err := shipbell.ParseFilter(got.Values(), listNow)
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("%q: %+v, then %+v, %v", query, got, again, err)
		}
	})
}

func TestPositionsAndCursors(t *testing.T) {
	for _, p := range []shipbell.Position{{}, {StartedAt: listNow, ID: 7}, {StartedAt: time.UnixMilli(-5).UTC(), ID: 1}} {
		got, err := shipbell.ParsePosition(p.String())
		if err != nil || !got.StartedAt.Equal(p.StartedAt) || got.ID != p.ID {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	for _, text := range []string{"1", "1.", ".1", "a.1", "1.a", "1.0", "1.-4", "1.2.3"} {
		if _, err := shipbell.ParsePosition(text); !errors.Is(err, shipbell.ErrInvalid) {
			t.Errorf("position %q: %v", text, err)
		}
	}
	for _, text := range []string{"", "1", "1-", "-1", "a-1", "1--1", "1-2-3"} {
		if _, err := shipbell.ParseCursor(text); !errors.Is(err, shipbell.ErrInvalid) {
			t.Errorf("cursor %q: %v", text, err)
		}
	}
	newer, older := shipbell.Position{StartedAt: listNow, ID: 2}, shipbell.Position{StartedAt: listNow, ID: 1}
	if !newer.Before(older) || older.Before(newer) || newer.Before(newer) {
		t.Error("the order of positions")
	}
}

func TestScopes(t *testing.T) {
	allowed := map[[2]shipbell.Scope]bool{
		{shipbell.ScopeRead, shipbell.ScopeRead}: true, {shipbell.ScopeAdmin, shipbell.ScopeRead}: true,
		{shipbell.ScopeAdmin, shipbell.ScopeAdmin}: true, {shipbell.ScopePush, shipbell.ScopePush}: true,
	}
	scopes := []shipbell.Scope{shipbell.ScopeNone, shipbell.ScopePush, shipbell.ScopeRead, shipbell.ScopeAdmin}
	for _, has := range scopes {
		for _, need := range scopes {
			want := need == shipbell.ScopeNone || allowed[[2]shipbell.Scope{has, need}]
			if has.Allows(need) != want {
				t.Errorf("%q allows %q: %v", has, need, !want)
			}
		}
	}
	for _, word := range []string{"", "root", "Admin"} {
		if _, err := shipbell.ParseScope(word); !errors.Is(err, shipbell.ErrInvalid) {
			t.Errorf("scope %q: %v", word, err)
		}
	}
}
