package route_test

import (
	"errors"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/route"
)

func patterns(t *testing.T, list string) route.Patterns {
	t.Helper()
	p, err := route.ParsePatterns(list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		list, name string
		want       bool
	}{
		{"", "anything", true},
		{" , ", "anything", true},
		{"api, web", "web", true},
		{"api, web", "api-service", false},
		{"api-*", "api-service", true},
		{"api-*", "api", false},
		{"*", "a/b", true},
		{"api-?", "api-1", true},
		{"api-[a-c]", "api-d", false},
		{"API", "api", false},
	} {
		if got := patterns(t, test.list).Match(test.name); got != test.want {
			t.Errorf("%q matches %q: %v, want %v", test.list, test.name, got, test.want)
		}
	}
	if _, err := route.ParsePatterns("api-[a"); !errors.Is(err, shipbell.ErrInvalid) {
		t.Errorf("a malformed glob: %v, want not valid", err)
	}
}

// TestTypesHaveTheirOwnFilter: a list of Workers says nothing of Pages projects.
func TestTypesHaveTheirOwnFilter(t *testing.T) {
	table := route.Table{Projects: route.Projects{Workers: patterns(t, "api-*")}, All: []shipbell.ChannelID{"a", "b"}}
	for _, test := range []struct {
		typ  shipbell.ProjectType
		name string
		want int
	}{{shipbell.Worker, "api-1", 2}, {shipbell.Worker, "web", 0}, {shipbell.Pages, "web", 2}} {
		d := shipbell.Deployment{Observation: shipbell.Observation{Type: test.typ, Project: test.name}}
		if got := len(table.Channels(d)); got != test.want {
			t.Errorf("%s %s goes to %d channels, want %d", test.typ, test.name, got, test.want)
		}
	}
}
