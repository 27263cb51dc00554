package client

import (
	"errors"
	"strings"
)

// The policy of this file: a shell script is read only as far as it is certain
// what the shell would do. Whatever else stands in it, such as a loop, a
// substitution or a pattern, ends the reading: a guess at what is deployed would
// be told to people as if it were known.

// simpleCommand is one command of a script.
type simpleCommand struct {
	words []string
	// assigned are the variables that are set for this command alone.
	assigned map[string]string
	// next is the operator behind it: && || ; | & or nothing.
	next string
}

var errUncertain = errors.New("not certain what the shell would do")

// maxScript bounds a script that is read, in bytes.
const maxScript = 16 << 10

// keywords begin what is more than a list of commands.
var keywords = map[string]bool{
	"if": true, "then": true, "else": true, "elif": true, "fi": true, "for": true, "while": true, "until": true, "do": true, "done": true,
	"case": true, "esac": true, "function": true, "select": true, "!": true, "{": true, "}": true, "[[": true, "eval": true, ".": true, "source": true,
}

// readScript splits a script for a POSIX shell into its commands.
func readScript(script string, getenv func(string) string) ([]simpleCommand, error) {
	if len(script) > maxScript {
		return nil, errUncertain
	}
	r := scriptReader{text: script, getenv: getenv, set: map[string]string{}}
	if err := r.read(); err != nil {
		return nil, err
	}
	return r.commands, nil
}

type scriptReader struct {
	text     string
	at       int
	getenv   func(string) string
	set      map[string]string // variables that the script has set so far
	commands []simpleCommand
	current  simpleCommand
	// redirect is set after < or >: the next word names a file.
	redirect bool
}

func (r *scriptReader) read() error {
	for r.at < len(r.text) {
		c := r.text[r.at]
		switch {
		case c == ' ' || c == '\t' || c == '\r':
			r.at++
		case c == '\\' && strings.HasPrefix(r.text[r.at:], "\\\n"):
			r.at += 2
		case c == '#':
			if end := strings.IndexByte(r.text[r.at:], '\n'); end >= 0 {
				r.at += end
			} else {
				r.at = len(r.text)
			}
		case c == '\n' || c == ';' || c == '&' || c == '|':
			if err := r.operator(); err != nil {
				return err
			}
		case c == '>' || c == '<':
			if err := r.redirection(); err != nil {
				return err
			}
		case c == '(' || c == ')':
			return errUncertain
		default:
			if err := r.word(); err != nil {
				return err
			}
		}
	}
	if err := r.end(""); err != nil {
		return err
	}
	if n := len(r.commands); n > 0 {
		switch r.commands[n-1].next {
		case "&&", "||", "|":
			return errUncertain // more was to follow
		}
	}
	return nil
}

func (r *scriptReader) operator() error {
	for _, op := range []string{"&&", "||", ";;", "&>", ";", "|", "&", "\n"} {
		if !strings.HasPrefix(r.text[r.at:], op) {
			continue
		}
		r.at += len(op)
		switch op {
		case ";;":
			return errUncertain
		case "&>":
			r.redirect = true
			return nil
		case "\n":
			op = ";"
		}
		return r.end(op)
	}
	return errUncertain
}

// end closes the current command.
func (r *scriptReader) end(op string) error {
	if r.redirect {
		return errUncertain
	}
	c := r.current
	r.current = simpleCommand{}
	c.next = op
	if len(c.words) == 0 {
		for name, value := range c.assigned { // without a command they are for all that follow
			r.set[name] = value
		}
		return nil
	}
	if keywords[c.words[0]] {
		return errUncertain
	}
	if c.words[0] == "export" {
		for _, word := range c.words[1:] {
			if name, value, ok := assignment(word); ok {
				r.set[name] = value
			}
		}
		return nil
	}
	for name, value := range r.set {
		if _, ok := c.assigned[name]; !ok {
			if c.assigned == nil {
				c.assigned = map[string]string{}
			}
			c.assigned[name] = value
		}
	}
	r.commands = append(r.commands, c)
	return nil
}

func (r *scriptReader) redirection() error {
	// A digit before it is the word just read: 2>&1.
	for r.at < len(r.text) && strings.IndexByte("<>&|-", r.text[r.at]) >= 0 {
		if strings.HasPrefix(r.text[r.at:], "<<") {
			return errUncertain
		}
		r.at++
	}
	r.redirect = true
	return nil
}

func (r *scriptReader) word() error {
	var b strings.Builder
	quoted, empty := false, true
	for r.at < len(r.text) {
		c := r.text[r.at]
		switch {
		case strings.IndexByte(" \t\r\n;&|()", c) >= 0:
			return r.add(b.String(), quoted || !empty)
		case c == '<' || c == '>':
			if n := b.String(); !quoted && n != "" && strings.Trim(n, "0123456789") == "" {
				return nil // a file descriptor
			}
			return r.add(b.String(), quoted || !empty)
		case c == '\'':
			end := strings.IndexByte(r.text[r.at+1:], '\'')
			if end < 0 {
				return errUncertain
			}
			b.WriteString(r.text[r.at+1 : r.at+1+end])
			r.at += end + 2
			quoted = true
		case c == '"':
			quoted = true
			if err := r.doubleQuoted(&b); err != nil {
				return err
			}
		case c == '\\':
			if r.at+1 >= len(r.text) {
				return errUncertain
			}
			if r.text[r.at+1] != '\n' {
				b.WriteByte(r.text[r.at+1])
				quoted = true
			}
			r.at += 2
		case c == '$':
			value, err := r.variable()
			if err != nil {
				return err
			}
			if strings.ContainsAny(value, " \t\n*?[") { // it would be split, or be a pattern
				return errUncertain
			}
			b.WriteString(value)
			empty = empty && value == ""
		case strings.IndexByte("`*?[{}", c) >= 0 || c == '~' && b.Len() == 0:
			return errUncertain
		default:
			b.WriteByte(c)
			r.at++
			empty = false
		}
	}
	return r.add(b.String(), quoted || !empty)
}

func (r *scriptReader) doubleQuoted(b *strings.Builder) error {
	for r.at++; r.at < len(r.text); {
		switch c := r.text[r.at]; c {
		case '"':
			r.at++
			return nil
		case '`':
			return errUncertain
		case '$':
			value, err := r.variable()
			if err != nil {
				return err
			}
			b.WriteString(value)
		case '\\':
			if r.at+1 >= len(r.text) {
				return errUncertain
			}
			if next := r.text[r.at+1]; next != '\n' {
				if strings.IndexByte("$`\"\\", next) < 0 {
					b.WriteByte('\\')
				}
				b.WriteByte(next)
			}
			r.at += 2
		default:
			b.WriteByte(c)
			r.at++
		}
	}
	return errUncertain
}

// variable reads $NAME or ${NAME}.
func (r *scriptReader) variable() (string, error) {
	rest := r.text[r.at+1:]
	braced := strings.HasPrefix(rest, "{")
	if braced {
		rest = rest[1:]
	}
	n := 0
	for n < len(rest) && isNameByte(rest[n], n) {
		n++
	}
	if n == 0 {
		return "", errUncertain
	}
	name := rest[:n]
	r.at += 1 + n
	if braced {
		if !strings.HasPrefix(rest[n:], "}") {
			return "", errUncertain
		}
		r.at += 2
	}
	if value, ok := r.set[name]; ok {
		return value, nil
	}
	return r.getenv(name), nil
}

func isNameByte(c byte, i int) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9'
}

// add takes a finished word; one that came to nothing is no word.
func (r *scriptReader) add(word string, present bool) error {
	switch {
	case !present:
		return nil
	case r.redirect:
		r.redirect = false
		return nil
	case len(r.current.words) == 0:
		if name, value, ok := assignment(word); ok {
			if r.current.assigned == nil {
				r.current.assigned = map[string]string{}
			}
			r.current.assigned[name] = value
			return nil
		}
	}
	r.current.words = append(r.current.words, word)
	return nil
}

// assignment splits NAME=value.
func assignment(word string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(word, "=")
	if !ok || name == "" {
		return "", "", false
	}
	for i := range len(name) {
		if !isNameByte(name[i], i) {
			return "", "", false
		}
	}
	return name, value, true
}
