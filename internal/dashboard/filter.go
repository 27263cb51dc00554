package dashboard

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/board"
)

// The names of the parameters that are not a filter's own.
const (
	paramState  = "state"
	paramStatus = "status"
	paramPage   = "page"
	paramAfter  = "after"
	paramTrail  = "trail"
	paramNotice = "notice"
	paramNext   = "next"
	paramToken  = "token"
	paramBefore = "before"
)

// option is one choice of a field.
type option struct {
	Value, Text string
	Chosen      bool
}

// chip is one part of a filter that is set, and the address without it.
type chip struct{ Name, Value, Without string }

// form is what a filter looks like.
type form struct {
	Path string
	shipbell.Filter
	Types, Statuses, States, Environments, Times []option
	// Since and Until are as they were given.
	SinceText, UntilText string
	Chips                []chip
	// More counts the fields in use that are folded away.
	More int
	// Clear is the address without a filter.
	Clear string
}

// Set says whether anything is filtered.
func (f form) Set() bool { return len(f.Chips) > 0 }

// names are what people call the parameters.
var names = map[string]string{
	"type": "Type", "project": "Project", "environment": "Environment", "status": "Status", "author": "Author",
	"branch": "Branch", "since": "Since", "until": "Until", "q": "Text", paramState: "State",
}

// newForm makes the form of a request's filter. Cards say what there is to choose
// from.
func newForm(path string, r *http.Request, f shipbell.Filter, cards []board.Card) form {
	v := r.URL.Query()
	o := form{
		Path: path, Filter: f, Clear: path, SinceText: v.Get("since"), UntilText: v.Get("until"),
		Types:    choose([]option{{Value: "worker", Text: "Workers"}, {Value: "pages", Text: "Pages"}}, string(f.Type)),
		Statuses: choose(statuses(), join(f.Status)),
	}
	o.Environments = choose(environments(cards), f.Environment)
	o.Times = choose([]option{{Value: "1h", Text: "Last hour"}, {Value: "24h", Text: "Last 24 hours"}, {Value: "7d", Text: "Last 7 days"}, {Value: "30d", Text: "Last 30 days"}}, o.SinceText)
	set := pure(v)
	for _, name := range append(shipbell.FilterParams(), paramState) {
		for _, value := range set[name] {
			o.Chips = append(o.Chips, chip{names[name], chipText(name, value), address(path, without(set, name, value))})
			if name != "q" && name != paramState {
				o.More++
			}
		}
	}
	return o
}

func chipText(name, value string) string {
	switch name {
	case "status":
		if s, err := shipbell.ParseStatus(value); err == nil {
			return faceOf(shipbell.Deployment{Observation: shipbell.Observation{Status: s}}).Word
		}
	case paramState:
		return faceOfState(board.State(value)).Word
	}
	return value
}

// without returns the parameters that filter without one value.
func without(v url.Values, name, value string) url.Values {
	rest := pure(v)
	rest[name] = slices.DeleteFunc(slices.Clone(rest[name]), func(s string) bool { return s == value })
	return rest
}

// pure returns the parameters that filter. Each stands in every address of the page
// again: what takes no part, or is said twice, would let a visitor's address grow to
// a page of megabytes.
func pure(v url.Values) url.Values {
	rest := make(url.Values)
	for _, name := range shipbell.FilterParams() {
		for _, value := range v[name] {
			if strings.TrimSpace(value) == "" || slices.Contains(rest[name], value) {
				continue
			}
			rest.Add(name, value)
			if name != paramStatus {
				break // of the others the first counts
			}
		}
	}
	for _, s := range statesOf(v) {
		rest.Add(paramState, string(s))
	}
	return rest
}

// with returns the address with one parameter set.
func with(path string, v url.Values, name, value string) string {
	v = maps.Clone(v)
	v.Set(name, value)
	return address(path, v)
}

func address(path string, v url.Values) string {
	if text := v.Encode(); text != "" {
		return path + "?" + text
	}
	return path
}

// choose marks the option with that value; one that is not among them is added.
func choose(all []option, value string) []option {
	found := value == ""
	for i := range all {
		all[i].Chosen = all[i].Value == value
		found = found || all[i].Chosen
	}
	if !found {
		all = append(all, option{value, value, true})
	}
	return all
}

// maxEnvironments bounds those to choose from: some make one for each branch.
const maxEnvironments = 50

func environments(cards []board.Card) []option {
	counts := make(map[string]int)
	for i := range cards {
		counts[cards[i].Environment]++
	}
	all := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	var options []option
	for _, name := range all[:min(len(all), maxEnvironments)] {
		options = append(options, option{Value: name, Text: line(name)})
	}
	return options
}

func join(all []shipbell.Status) string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = string(s)
	}
	return strings.Join(words, ",")
}

// filterOf reads the filter of a request; where it cannot be read a page says so and
// ok is false.
func (d *Dashboard) filterOf(w http.ResponseWriter, r *http.Request, now time.Time) (f shipbell.Filter, ok bool) {
	f, err := shipbell.ParseFilter(r.URL.Query(), now)
	if err != nil {
		d.failParam(w, r, err)
		return f, false
	}
	return f, true
}
