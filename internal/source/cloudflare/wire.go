package cloudflare

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The policy of this file: an answer is read for what can be understood of it.
// Fields are unknown, null, or of another type than the schema says, and none of
// that may cost the others.

// text is a string; anything else but a number or a truth value is empty.
type text string

// UnmarshalJSON implements [json.Unmarshaler] and never fails.
func (t *text) UnmarshalJSON(data []byte) error {
	*t = ""
	var s string
	switch {
	case len(data) == 0:
	case data[0] == '"':
		if json.Unmarshal(data, &s) == nil {
			// No database keeps NULs.
			*t = text(strings.ReplaceAll(s, "\x00", ""))
		}
	case strings.IndexByte("-0123456789tf", data[0]) >= 0 && len(data) < maxLine:
		*t = text(data)
	}
	return nil
}

// number is a number, also one in quotes.
type number float64

// UnmarshalJSON implements [json.Unmarshaler] and never fails.
func (n *number) UnmarshalJSON(data []byte) error {
	*n = 0
	f, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	if err == nil && f > -1e15 && f < 1e15 {
		*n = number(f)
	}
	return nil
}

// moment is a time; zero where there is none that can be read.
type moment struct{ time.Time }

// The range of a time. Outside of it somebody's units are wrong.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// UnmarshalJSON implements [json.Unmarshaler] and never fails.
func (m *moment) UnmarshalJSON(data []byte) error {
	var t text
	_ = t.UnmarshalJSON(data)
	m.Time = parseTime(string(t))
	return nil
}

// parseTime reads RFC 3339, or unix seconds or milliseconds.
func parseTime(s string) time.Time {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		n, err := strconv.ParseFloat(s, 64)
		switch {
		case err != nil || n < float64(earliest.Unix()):
			return time.Time{}
		case n < float64(earliest.UnixMilli()):
			at = time.Unix(int64(n), 0)
		case n <= float64(latest.UnixMilli()):
			at = time.UnixMilli(int64(n))
		}
	}
	if at.Before(earliest) || at.After(latest) {
		return time.Time{}
	}
	return at.UTC().Truncate(time.Millisecond)
}

// object is an object; zero where there is something else.
type object[T any] struct{ V T }

// UnmarshalJSON implements [json.Unmarshaler] and never fails.
func (o *object[T]) UnmarshalJSON(data []byte) error {
	var v T
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && json.Unmarshal(data, &v) == nil {
		o.V = v
	}
	return nil
}

// list is an array without what in it cannot be read; empty where there is
// something else.
type list[T any] []T

// UnmarshalJSON implements [json.Unmarshaler] and never fails.
func (l *list[T]) UnmarshalJSON(data []byte) error {
	*l = nil
	var raw []json.RawMessage
	if json.Unmarshal(data, &raw) != nil {
		return nil
	}
	for _, r := range raw {
		var v T
		if string(r) != "null" && json.Unmarshal(r, &v) == nil {
			*l = append(*l, v)
		}
	}
	return nil
}

// dict is an object of equal things without what in it cannot be read.
type dict[T any] map[string]T

// UnmarshalJSON implements [json.Unmarshaler] and never fails.
func (d *dict[T]) UnmarshalJSON(data []byte) error {
	*d = nil
	var raw map[string]json.RawMessage
	if json.Unmarshal(data, &raw) != nil {
		return nil
	}
	*d = make(dict[T], len(raw))
	for name, r := range raw {
		var v T
		if string(r) != "null" && json.Unmarshal(r, &v) == nil {
			(*d)[name] = v
		}
	}
	return nil
}

// unify writes the names of all fields as snake_case: events say buildUuid where
// the API says build_uuid.
func unify(data []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil {
		return data
	}
	out, err := json.Marshal(snakeAll(v))
	if err != nil {
		return data
	}
	return out
}

func snakeAll(v any) any {
	switch v := v.(type) {
	case map[string]any:
		renamed := make(map[string]any, len(v))
		for name, field := range v {
			// A field that stands there under both names keeps its own.
			if s := snake(name); field != nil && (s == name || v[s] == nil) {
				renamed[s] = snakeAll(field)
			}
		}
		return renamed
	case []any:
		for i := range v {
			v[i] = snakeAll(v[i])
		}
	}
	return v
}

func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) {
			if i > 0 {
				b.WriteByte('_')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// oneLine puts a text on one line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// cut shortens a text to at most n bytes, on a rune boundary.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// builds are builds by what they were asked for by, or a list of them.
type builds map[string]build

// UnmarshalJSON implements [json.Unmarshaler] and never fails.
func (b *builds) UnmarshalJSON(data []byte) error {
	var byID dict[build]
	_ = byID.UnmarshalJSON(data)
	*b = builds(byID)
	var all list[build]
	_ = all.UnmarshalJSON(data)
	for _, one := range all {
		if id := string(one.Trigger.V.ScriptID); id != "" {
			if *b == nil {
				*b = builds{}
			}
			(*b)[id] = one
		}
	}
	return nil
}
