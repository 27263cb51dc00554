package client

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
)

// TestHandedDown: flags of a wrapper stand in for those that are not given, but
// for what is said of an outcome.
func TestHandedDown(t *testing.T) {
	var all, none Overrides
	v := reflect.ValueOf(&all).Elem()
	for i := range v.NumField() {
		v.Field(i).SetString("handed")
	}
	want := all
	want.Status, want.URL, want.VersionID, want.Error = "", "", "", ""
	if got := none.or(all); got != want {
		t.Errorf("got %+v", got)
	}
	for i := range v.NumField() {
		v.Field(i).SetString("own")
	}
	if got := all.or(want); got != all {
		t.Errorf("got %+v", got)
	}
}

// TestWrapped: what a notify says below a wrapper.
func TestWrapped(t *testing.T) {
	changes := "seen before"
	full := wrapper{
		Overrides: Overrides{Author: "boss@example.com"},
		Wrangler:  call{Args: []string{"deploy", "--env", "staging"}, Dir: "/"},
		Started:   noon.Add(-25 * time.Minute),
		Changes:   &changes,
		Identity:  &identity{Type: shipbell.Worker, Project: "shop", ID: "run-1", Environment: "staging"},
	}
	unsure := full
	unsure.Identity = &identity{Type: shipbell.Worker, Project: "mono", ID: "run-1"}
	for name, tc := range map[string]struct {
		wrapper wrapper
		flags   Overrides
		content string // instead of the wrapper's
		want    Push   // type, project, environment, id and script; an id of "own" is any other
	}{
		"adopts":               {wrapper: full, want: Push{Project: "shop", Environment: "staging", ID: "run-1", Script: "found"}},
		"says the environment": {wrapper: unsure, want: Push{Project: "mono", Environment: "staging", ID: "run-1", Script: "found"}},
		"agrees":               {wrapper: full, flags: Overrides{Project: "shop", Environment: "staging", Type: "worker"}, want: Push{Project: "shop", Environment: "staging", ID: "run-1"}},
		"another project":      {wrapper: full, flags: Overrides{Project: "other"}, want: Push{Project: "other", Environment: "staging", ID: "own"}},
		"another environment":  {wrapper: full, flags: Overrides{Environment: "qa"}, want: Push{Project: "found", Environment: "qa", ID: "own"}},
		"another id":           {wrapper: full, flags: Overrides{ID: "mine"}, want: Push{Project: "found", Environment: "staging", ID: "mine"}},
		"another type":         {wrapper: full, flags: Overrides{Type: "pages"}, want: Push{Type: shipbell.Pages, Project: "found", Environment: "staging", ID: "own"}},
		"not known yet":        {wrapper: wrapper{Wrangler: full.Wrangler, Started: full.Started}, want: Push{Project: "found", Environment: "staging", ID: "own"}},
		"broken":               {content: "{", want: Push{Project: "found", Environment: "production", ID: "own"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, nil)
			p.write(t, "package.json", `{"name": "found"}`)
			path := filepath.Join(p.dir, "run.json")
			tc.wrapper.Wrangler.Dir = p.dir
			if err := tc.wrapper.write(path); err != nil {
				t.Fatal(err)
			}
			if tc.content != "" {
				p.write(t, "run.json", tc.content)
			}
			p.env = map[string]string{envWrapper: path}
			got := p.collect(t, tc.flags)
			if tc.want.Type == "" {
				tc.want.Type = shipbell.Worker
			}
			if tc.want.ID == "own" && got.ID != "run-1" && got.ID != "" {
				tc.want.ID = got.ID
			}
			if got.Type != tc.want.Type || got.Project != tc.want.Project || got.Environment != tc.want.Environment || got.ID != tc.want.ID || got.Script != tc.want.Script {
				t.Errorf("got %s %q in %q, id %s, script %q; want %+v", got.Type, got.Project, got.Environment, got.ID, got.Script, tc.want)
			}
			if tc.wrapper.Overrides.Author != "" && got.Author != "boss@example.com" {
				t.Errorf("author %q", got.Author)
			}
		})
	}
	p := newPlace(t, map[string]string{envWrapper: filepath.Join(t.TempDir(), "gone")})
	if w := p.surroundings().readWrapper(); !reflect.DeepEqual(w, wrapper{}) {
		t.Errorf("one that is gone: %+v", w)
	}
	if _, err := os.Stat("run.json"); err == nil {
		t.Error("a file was left in the working directory")
	}
}

// TestWrappedDryRun: below a wrapper a dry run is known on every system.
func TestWrappedDryRun(t *testing.T) {
	p := newPlace(t, map[string]string{"WRANGLER_COMMAND": "deploy"})
	path := filepath.Join(p.dir, "run.json")
	if err := (wrapper{Wrangler: call{Args: []string{"deploy", "--dry-run"}, Dir: p.dir}}).write(path); err != nil {
		t.Fatal(err)
	}
	p.env[envWrapper] = path
	found, err := Collect(t.Context(), p.surroundings(), Overrides{})
	if err != nil || found.Skip != SkipDryRun {
		t.Errorf("%+v, %v", found, err)
	}
}
