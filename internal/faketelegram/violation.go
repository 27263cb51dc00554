package faketelegram

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed botapi.json
var botAPI []byte

// description is the part of the Bot API in botapi.json.
type description struct {
	Methods map[string]fields
	Types   map[string]fields
	names   map[string]string // method names by their lower case
}

// fields are the parameters of a method or the fields of a type, by name.
type fields map[string]field

type field struct {
	Name     string
	Types    []string
	Required bool
}

// UnmarshalJSON reads a list of fields.
func (f *fields) UnmarshalJSON(b []byte) error {
	var list []field
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*f = make(fields, len(list))
	for _, one := range list {
		(*f)[one.Name] = one
	}
	return nil
}

var loadDescription = sync.OnceValue(func() *description {
	var d description
	if err := json.Unmarshal(botAPI, &d); err != nil {
		panic("faketelegram: botapi.json: " + err.Error())
	}
	d.names = make(map[string]string, len(d.Methods))
	for name := range d.Methods {
		d.names[lower(name)] = name
	}
	return &d
})

// legacy are parameters that left the documentation and that the server still
// reads; see get_link_preview_options and get_reply_parameters in
// telegram-bot-api/Client.cpp.
var legacy = map[string]map[string]string{
	"sendMessage": {
		"disable_web_page_preview":    "Boolean",
		"reply_to_message_id":         "Integer",
		"allow_sending_without_reply": "Boolean",
	},
	"editMessageText": {"disable_web_page_preview": "Boolean"},
}

// missing are documented parameters that this package does not act on.
var missing = map[string]bool{
	"business_connection_id": true, "direct_messages_topic_id": true, "inline_message_id": true,
	"rich_message": true, "suggested_post_parameters": true,
}

// check records how a request departs from the documentation.
func (s *Server) check(method string, a arguments) {
	documented := s.api.Methods[method]
	var problems []string
	for name, v := range a {
		types := documented[name].Types
		switch {
		case types == nil && legacy[method][name] != "":
			types = []string{legacy[method][name]}
		case types == nil:
			problems = append(problems, fmt.Sprintf("%s: unknown parameter %q", method, name))
			continue
		case missing[name]:
			problems = append(problems, fmt.Sprintf("%s: faketelegram does not act on parameter %q", method, name))
		}
		if problem := s.api.checkArgument(v, types); problem != "" {
			problems = append(problems, fmt.Sprintf("%s: parameter %q: %s", method, name, problem))
		}
	}
	for name, f := range documented {
		if _, ok := a[name]; !ok && f.Required {
			problems = append(problems, fmt.Sprintf("%s: required parameter %q is missing", method, name))
		}
	}
	slices.Sort(problems)
	for _, problem := range problems {
		s.violate("%s", problem)
	}
}

// checkArgument says what is wrong with an argument. A number or a boolean may
// be text where the encoding of the request knows nothing else.
func (d *description) checkArgument(a argument, types []string) string {
	if a.json {
		var v any
		if err := json.Unmarshal([]byte(a.text), &v); err != nil {
			return "not valid JSON"
		}
		return d.checkAny(v, types)
	}
	if slices.Contains(types, "String") {
		return ""
	}
	switch types[0] {
	case "Integer":
		if _, err := strconv.ParseInt(a.text, 10, 64); err != nil || a.quoted {
			return fmt.Sprintf("%.40q is not of type Integer", a.text)
		}
	case "Boolean":
		if a.quoted || !slices.Contains([]string{"true", "false", "1", "0", "yes", "no"}, lower(a.text)) {
			return fmt.Sprintf("%.40q is not of type Boolean", a.text)
		}
	default:
		var v any
		if err := json.Unmarshal([]byte(a.text), &v); err != nil {
			return "not valid JSON"
		}
		return d.checkAny(v, types)
	}
	return ""
}

// checkAny checks a decoded value against the types it may have. Of several it
// fits none of, it tells about the one with which it shares most fields.
func (d *description) checkAny(v any, types []string) string {
	problem, most := "", -1
	for _, t := range types {
		p := d.checkValue(v, t)
		if p == "" {
			return ""
		}
		if n := d.shared(v, t); n > most {
			problem, most = p, n
		}
	}
	return problem
}

// shared is how many fields of an object the type has.
func (d *description) shared(v any, t string) int {
	n := 0
	if object, ok := v.(map[string]any); ok {
		for name := range d.Types[t] {
			if _, ok := object[name]; ok {
				n++
			}
		}
	}
	return n
}

func (d *description) checkValue(v any, t string) string {
	if element, ok := strings.CutPrefix(t, "Array of "); ok {
		list, ok := v.([]any)
		if !ok {
			return "not of type " + t
		}
		for i, e := range list {
			if problem := d.checkValue(e, element); problem != "" {
				return fmt.Sprintf("[%d]: %s", i, problem)
			}
		}
		return ""
	}
	ok := false
	switch t {
	case "Integer":
		n, isNumber := v.(float64)
		ok = isNumber && n == float64(int64(n))
	case "Float":
		_, ok = v.(float64)
	case "String":
		_, ok = v.(string)
	case "Boolean", "True":
		_, ok = v.(bool)
	default:
		object, isObject := v.(map[string]any)
		documented := d.Types[t]
		if isObject && documented != nil {
			return d.checkObject(object, documented)
		}
		ok = isObject
	}
	if !ok {
		return "not of type " + t
	}
	return ""
}

func (d *description) checkObject(object map[string]any, documented fields) string {
	var problems []string
	for name, v := range object {
		if f, ok := documented[name]; !ok {
			problems = append(problems, fmt.Sprintf("unknown field %q", name))
		} else if problem := d.checkAny(v, f.Types); problem != "" {
			problems = append(problems, fmt.Sprintf("field %q: %s", name, problem))
		}
	}
	for name, f := range documented {
		if _, ok := object[name]; !ok && f.Required {
			problems = append(problems, fmt.Sprintf("required field %q is missing", name))
		}
	}
	if len(problems) == 0 {
		return ""
	}
	return slices.Min(problems)
}

// maxViolations bounds what is remembered of a client that is wrong throughout.
const maxViolations = 1000

func (s *Server) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.violated[text] && len(s.violations) < maxViolations {
		s.violated[text] = true
		s.violations = append(s.violations, text)
	}
}

// Violations are the ways in which requests departed from the documentation,
// each once, in the order in which they came up: unknown methods and
// parameters, wrong types, required parameters that are missing. Telegram
// ignores most of them, so a client learns of them only here.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}
