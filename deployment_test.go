package shipbell_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
)

// shortText is the most that a short deployment keeps of a text, in bytes.
const shortText = 2 << 10

// TestShort: no text of a short deployment is long, but for what sources keep short
// themselves. A new field is either cut or added here, with its source's bound.
func TestShort(t *testing.T) {
	var whole shipbell.Deployment
	text := strings.Repeat("é", 15<<10)
	eachString(reflect.ValueOf(&whole).Elem(), "", func(_ string, v reflect.Value) { v.SetString(text) })
	short := whole.Short()
	var long []string
	eachString(reflect.ValueOf(&short).Elem(), "", func(path string, v reflect.Value) {
		if v.Len() > shortText {
			long = append(long, strings.TrimPrefix(path, "."))
		}
	})
	// Names, ids, lines and words; of addresses a part is none.
	bounded := []string{
		"Observation.Type", "Observation.Project", "Observation.Script", "Observation.Environment", "Observation.Status",
		"Observation.Branch", "Observation.Commit", "Observation.Author", "Observation.Tag", "Observation.VersionID",
		"Observation.URL", "Observation.LogURL", "Observation.DashboardURL", "Observation.RepositoryURL",
		"Observation.Rollout", "Observation.Cause", "Observation.CI", "Observation.CommitTime", "ShownID",
		"Keys.Type", "Keys.Kind", "Keys.ID", "Outcomes.Source", "Outcomes.Status", "Outcomes.Event", "Alarm.Reason",
		"Provenance.Base.Event", "Provenance.Fields.Event",
	}
	if !slices.Equal(long, bounded) {
		t.Errorf("long texts in\n%q, want\n%q", long, bounded)
	}
	if whole.Outcomes[0].Error != text || whole.Outcomes[0].Log != text {
		t.Error("the deployment itself was cut")
	}
	if short.CommitMessage != text[:shortText] || short.Error != text[:shortText] {
		t.Errorf("kept %d bytes of the message and %d of the error", len(short.CommitMessage), len(short.Error))
	}
}

// eachString calls f for every text in v, after it has given each pointer, list and map
// that is empty something to hold.
func eachString(v reflect.Value, path string, f func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.String:
		f(path, v)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		eachString(v.Elem(), path, f)
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			eachString(v.Index(i), path, f)
		}
	case reflect.Map:
		key, held := reflect.ValueOf("field"), reflect.New(v.Type().Elem()).Elem()
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		} else {
			held.Set(v.MapIndex(key))
		}
		eachString(held, path, f)
		v.SetMapIndex(key, held)
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				eachString(v.Field(i), path+"."+field.Name, f)
			}
		}
	}
}
