package dashboard

import (
	"errors"
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
	paramType   = "type"
	paramText   = "q"
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

// field is one part of a filter as it can be filled in.
type field struct {
	Name, Label string
	Value       string // as it was given
	Hint        string
	// Closed is set where one chooses among the options.
	Closed  bool
	Options []option
	// Accepts is the accepted form where the value has another; empty where it has not.
	Accepts string
}

// form is what a filter looks like.
type form struct {
	Path   string
	Search field
	Fields []field // those that are folded away
	States []board.State
	Chips  []chip
	// More counts the fields in use that are folded away.
	More int
	// Wrong is set where a value is not of the accepted form.
	Wrong bool
	// Clear is the address without a filter, Fresh that without what is folded away.
	Clear, Fresh string
}

// Set says whether anything is filtered.
func (f form) Set() bool { return len(f.Chips) > 0 }

// names are what people call the parameters.
var names = map[string]string{
	"type": "Type", "project": "Project", "environment": "Environment", "status": "Status", "author": "Author",
	"branch": "Branch", "since": "Started since", "until": "Started until", paramText: "Text", paramState: "State",
}

// newForm makes the form of a request's filter; wrong says of every parameter that
// cannot be read which form is accepted. Cards say what there is to choose from.
func newForm(path string, v url.Values, f shipbell.Filter, wrong map[string]string, cards []board.Card) form {
	set := pure(v)
	for name := range wrong {
		set.Del(name)
	}
	o := form{Path: path, States: statesOf(v), Wrong: wrong != nil, Clear: path}
	fresh := make(url.Values)
	for _, name := range append(shipbell.FilterParams(), paramState) {
		folded := name != paramText && name != paramState
		if !folded && set[name] != nil {
			fresh[name] = set[name]
		}
		for _, value := range set[name] {
			o.Chips = append(o.Chips, chip{names[name], chipText(name, value), address(path, without(set, name, value))})
			if folded {
				o.More++
			}
		}
	}
	o.Fresh = address(path, fresh)

	known := f.Values()
	fill := func(name, hint string) field {
		g := field{Name: name, Label: names[name], Value: v.Get(name), Hint: hint, Accepts: wrong[name]}
		if name == paramType || name == paramStatus { // these have more than one spelling
			if g.Value = known.Get(name); g.Accepts != "" {
				g.Value = strings.Join(v[name], ",")
			}
		}
		return g
	}
	among := func(name, hint string, options []option) field {
		g := fill(name, hint)
		g.Closed, g.Options = true, choose(options, g.Value)
		return g
	}
	o.Search = fill(paramText, "Project, commit, author, branch, id")
	o.Fields = []field{
		among(paramType, "Any", types()), among("environment", "Any", environments(cards)),
		among(paramStatus, "Any", statuses()), fill("project", "whole name"),
		among("since", "Any time", moments()), fill("until", "2026-11-25 or 7d"),
		fill("author", "whole name"), fill("branch", "whole name"),
	}
	return o
}

func types() []option {
	return []option{{Value: "worker", Text: "Workers"}, {Value: "pages", Text: "Pages"}}
}

// moments are those since when a list can reach.
func moments() []option {
	return []option{{Value: "1h", Text: "1 hour ago"}, {Value: "24h", Text: "24 hours ago"}, {Value: "7d", Text: "7 days ago"}, {Value: "30d", Text: "30 days ago"}}
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
		all = append(all, option{value, line(value), true})
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

// readFilter reads a filter, and says of every parameter that cannot be read which
// form is accepted.
func readFilter(v url.Values, now time.Time) (f shipbell.Filter, wrong map[string]string) {
	rest := maps.Clone(v)
	for range shipbell.FilterParams() {
		var err error
		var p *shipbell.ParamError
		if f, err = shipbell.ParseFilter(rest, now); !errors.As(err, &p) {
			break
		}
		if wrong == nil {
			wrong = make(map[string]string)
		}
		wrong[p.Param] = p.Accepts
		delete(rest, p.Param)
	}
	return f, wrong
}

// misreadPage is a list whose filter cannot be read: all that was filled in, and
// nothing that it could be taken to list.
type misreadPage struct {
	Title, Said string
	Form        form
}

// misread shows a filter that cannot be read to whom can mend it.
func (d *Dashboard) misread(w http.ResponseWriter, r *http.Request, path, title string, f shipbell.Filter, wrong map[string]string) {
	var all []string
	for _, name := range shipbell.FilterParams() {
		if wrong[name] != "" {
			all = append(all, "“"+names[name]+"”")
		}
	}
	cards, _ := d.snapshot()
	d.show(w, r, http.StatusBadRequest, "misread", frame{Title: title, Nav: path, Body: misreadPage{
		Title: title, Said: strings.Join(all, " and ") + " cannot be understood: nothing is listed.",
		Form: newForm(path, r.URL.Query(), f, wrong, cards),
	}})
}
