package faketelegram

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The parser of parse_mode=HTML. What it accepts and what it says when it does
// not follow parse_html in
// https://github.com/tdlib/td/blob/master/td/telegram/MessageEntity.cpp, byte
// offsets included. It is more forgiving than HTML: "</>" ends any tag,
// "&lt" needs no semicolon, an unknown "&name;" stays as it is, and unknown
// attributes are skipped.

// styles maps the tags that need no attribute to their entities.
var styles = map[string]EntityType{
	"b": Bold, "strong": Bold,
	"i": Italic, "em": Italic,
	"u": Underline, "ins": Underline,
	"s": Strikethrough, "strike": Strikethrough, "del": Strikethrough,
	"tg-spoiler": Spoiler, "span": Spoiler,
}

// supported reports whether Telegram knows the tag.
func supported(tag string) bool {
	switch tag {
	case "a", "pre", "code", "blockquote", "tg-emoji", "tg-time":
		return true
	}
	return styles[tag] != ""
}

// htmlParser reads src from left to right and collects the text and its
// entities. units counts the UTF-16 code units of out, in which Telegram counts
// offsets and lengths.
type htmlParser struct {
	src       string
	pos       int
	out       []byte
	units     int
	open      []openTag
	entities  []Entity
	surrogate bool // a numeric reference named half a surrogate pair
}

// openTag is a tag whose end has not been read yet.
type openTag struct {
	name  string
	value string // the attribute that matters for this tag
	unix  int64  // tg-time only
	unit  int    // where its text starts, in UTF-16 code units
	byte  int    // the same in bytes of out
}

// parseHTML turns HTML as Telegram understands it into text and entities. The
// text is not trimmed yet and the entities are sorted, but may be nested in ways
// that Telegram resolves afterwards; see compose.
func parseHTML(src string) (string, []Entity, error) {
	if !strings.ContainsAny(src, "<&") {
		return src, nil, nil
	}
	p := htmlParser{src: src, out: make([]byte, 0, len(src))}
	for p.pos < len(p.src) {
		var err error
		switch c := p.src[p.pos]; {
		case c == '&':
			p.reference()
		case c != '<':
			p.plain(c)
		case p.at(p.pos+1) == '/':
			err = p.endTag()
		default:
			err = p.startTag()
		}
		if err != nil {
			return "", nil, err
		}
	}
	if n := len(p.open); n > 0 {
		return "", nil, malformed("Can't find end tag corresponding to start tag %q", p.open[n-1].name)
	}
	for i := range p.entities {
		if p.entities[i].Type == Code {
			p.entities[i].Language = ""
		}
	}
	sortEntities(p.entities)
	if p.surrogate && !utf8.Valid(p.out) {
		return "", nil, malformed("Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units")
	}
	return string(p.out), p.entities, nil
}

// malformed says what is wrong with markup.
func malformed(format string, args ...any) error {
	return parseError(fmt.Sprintf(format, args...))
}

// parseError is what is wrong with markup, in Telegram's words.
type parseError string

func (e parseError) Error() string { return string(e) }

// at is the byte at i, or 0 past the end, which ends every loop below: Telegram
// counts 0 among the white space.
func (p *htmlParser) at(i int) byte {
	if i < len(p.src) {
		return p.src[i]
	}
	return 0
}

func (p *htmlParser) plain(c byte) {
	p.units += unitsOf(c)
	p.out = append(p.out, c)
	p.pos++
}

// reference reads a character reference; what is none stays in the text.
func (p *htmlParser) reference() {
	r, next := decodeReference(p.src, p.pos)
	if r == 0 {
		p.plain('&')
		return
	}
	p.units++
	if r > 0xffff {
		p.units++
	}
	if r >= 0xd800 && r <= 0xdfff {
		p.surrogate = true
	}
	p.out = appendRune(p.out, r)
	p.pos = next
}

func (p *htmlParser) startTag() error {
	begin := p.pos
	p.pos++
	for !isSpace(p.at(p.pos)) && p.at(p.pos) != '>' {
		p.pos++
	}
	if p.at(p.pos) == 0 {
		return malformed("Unclosed start tag at byte offset %d", begin)
	}
	tag := openTag{name: lower(p.src[begin+1 : p.pos]), unit: p.units, byte: len(p.out)}
	if !supported(tag.name) {
		return malformed("Unsupported start tag \"%s\" at byte offset %d", tag.name, begin)
	}
	for {
		p.skipSpace()
		if p.at(p.pos) == '>' {
			break
		}
		name, value, hasValue, err := p.attribute(tag.name, begin)
		if err != nil {
			return err
		}
		tag.set(name, value, hasValue)
	}
	p.pos++
	if tag.name == "span" && tag.value != "spoiler" {
		return malformed("Tag \"span\" must have class \"tg-spoiler\" at byte offset %d", begin)
	}
	p.open = append(p.open, tag)
	return nil
}

// attribute reads one attribute of a start tag that begins at begin.
func (p *htmlParser) attribute(tag string, begin int) (name, value string, hasValue bool, err error) {
	from := p.pos
	for c := p.at(p.pos); !isSpace(c) && !strings.ContainsRune("=>/\"'", rune(c)); c = p.at(p.pos) {
		p.pos++
	}
	name = p.src[from:p.pos]
	if name == "" {
		return "", "", false, malformed("Empty attribute name in the tag \"%s\" at byte offset %d", tag, begin)
	}
	p.skipSpace()
	if p.at(p.pos) == '=' {
		hasValue = true
		p.pos++
		p.skipSpace()
	}
	if p.at(p.pos) == 0 {
		return "", "", false, malformed("Unclosed start tag \"%s\" at byte offset %d", tag, begin)
	}
	if !hasValue {
		return name, "", false, nil
	}
	if quote := p.at(p.pos); quote == '"' || quote == '\'' {
		value = p.quoted(quote)
	} else {
		from = p.pos
		for c := p.at(p.pos); isAlnum(c) || c == '.' || c == '-'; c = p.at(p.pos) {
			p.pos++
		}
		value = lower(p.src[from:p.pos])
		if c := p.at(p.pos); !isSpace(c) && c != '>' {
			return "", "", false, malformed("Unexpected end of name token at byte offset %d", from)
		}
	}
	if p.at(p.pos) == 0 {
		return "", "", false, malformed("Unclosed start tag at byte offset %d", begin)
	}
	return name, value, true, nil
}

// quoted reads a quoted attribute value and the quote after it.
func (p *htmlParser) quoted(quote byte) string {
	var value []byte
	p.pos++
	for c := p.at(p.pos); c != quote && c != 0; c = p.at(p.pos) {
		if c == '&' {
			if r, next := decodeReference(p.src, p.pos); r != 0 {
				value = appendRune(value, r)
				p.pos = next
				continue
			}
		}
		value = append(value, c)
		p.pos++
	}
	if p.at(p.pos) == quote {
		p.pos++
	}
	return string(value)
}

// set keeps the attribute if it means something for the tag. Attribute names
// are case sensitive, tag names are not.
func (t *openTag) set(name, value string, hasValue bool) {
	switch t.name + " " + name {
	case "blockquote expandable":
		t.value = "1"
	case "a href", "tg-emoji emoji-id", "tg-time format":
		if hasValue {
			t.value = value
		}
	case "code class":
		if language, ok := strings.CutPrefix(value, "language-"); ok {
			t.value = language
		}
	case "span class":
		if class, ok := strings.CutPrefix(value, "tg-"); ok {
			t.value = class
		}
	case "tg-time unix":
		t.unix = int64(int32(leadingInt(value)))
	}
}

func (p *htmlParser) endTag() error {
	begin := p.pos
	if len(p.open) == 0 {
		return malformed("Unexpected end tag at byte offset %d", begin)
	}
	p.pos++
	for !isSpace(p.at(p.pos)) && p.at(p.pos) != '>' {
		p.pos++
	}
	name := lower(p.src[begin+2 : p.pos])
	p.skipSpace()
	if p.at(p.pos) != '>' {
		return malformed("Unclosed end tag at byte offset %d", begin)
	}
	p.pos++
	tag := p.open[len(p.open)-1]
	if name != "" && name != tag.name {
		return malformed("Unmatched end tag at byte offset %d, expected \"</%s>\", found \"</%s>\"", begin, tag.name, name)
	}
	p.open = p.open[:len(p.open)-1]
	if p.units == tag.unit {
		return nil // an entity of no text is none
	}
	return p.add(tag)
}

// add appends the entity of a tag that has just ended.
func (p *htmlParser) add(tag openTag) error {
	e := Entity{Type: styles[tag.name], Offset: tag.unit, Length: p.units - tag.unit}
	var last *Entity // the entity of the same text, if the tag holds nothing but another tag
	if n := len(p.entities); n > 0 && p.entities[n-1].Offset == e.Offset && p.entities[n-1].Length == e.Length {
		last = &p.entities[n-1]
	}
	switch tag.name {
	case "a":
		url := tag.value
		if url == "" {
			url = string(p.out[tag.byte:])
		}
		if id := linkUser(url); id != 0 {
			e.Type, e.User = TextMention, &User{ID: id}
		} else if e.Type, e.URL = TextLink, checkedLink(url); e.URL == "" {
			return nil // Telegram drops a link that leads nowhere and keeps its text
		}
	case "pre":
		if last != nil && last.Type == Code && last.Language != "" {
			last.Type = Pre
			return nil
		}
		e.Type = Pre
	case "code":
		if last != nil && last.Type == Pre && last.Language == "" && tag.value != "" {
			last.Language = tag.value
			return nil
		}
		e.Type, e.Language = Code, tag.value
	case "blockquote":
		e.Type = Blockquote
		if tag.value != "" {
			e.Type = ExpandableBlockquote
		}
	case "tg-emoji":
		id, err := strconv.ParseInt(tag.value, 10, 64)
		if err != nil || id == 0 || strconv.FormatInt(id, 10) != tag.value {
			return malformed("Invalid custom emoji identifier specified")
		}
		e.Type, e.CustomEmojiID = CustomEmoji, tag.value
	case "tg-time":
		if tag.value != "r" && tag.value != "R" && strings.Trim(tag.value, "tTdDwW") != "" {
			return malformed("Invalid date format used")
		}
		if tag.unix <= 0 {
			return nil
		}
		e.Type, e.UnixTime, e.DateTimeFormat = DateTime, tag.unix, tag.value
	}
	p.entities = append(p.entities, e)
	return nil
}

func (p *htmlParser) skipSpace() {
	for p.pos < len(p.src) && p.src[p.pos] != 0 && isSpace(p.src[p.pos]) {
		p.pos++
	}
}

// decodeReference reads the character reference at pos, where an ampersand
// stands, and returns the character and the offset after it; 0 for what is no
// reference. Telegram knows numbers and four names.
func decodeReference(s string, pos int) (r rune, next int) {
	at := func(i int) byte {
		if i < len(s) {
			return s[i]
		}
		return 0
	}
	end := pos + 1
	if at(end) == '#' {
		end++
		base := rune(10)
		if at(end) == 'x' {
			end++
			base = 16
		}
		for ; ; end++ {
			d := digit(at(end))
			if d >= base {
				break
			}
			if r <= utf8.MaxRune { // more is refused anyway and would overflow
				r = r*base + d
			}
		}
		const longest = 10 // bytes of "&#" and the digits; longer ones are refused
		if r == 0 || r >= 0x10ffff || end-pos >= longest {
			return 0, pos
		}
	} else {
		for isAlpha(at(end)) {
			end++
		}
		switch s[pos+1 : end] {
		case "lt":
			r = '<'
		case "gt":
			r = '>'
		case "amp":
			r = '&'
		case "quot":
			r = '"'
		default:
			return 0, pos
		}
	}
	if at(end) == ';' {
		end++
	}
	return r, end
}

// appendRune is utf8.AppendRune, but keeps half a surrogate pair as the invalid
// bytes it is, so that the whole text is refused in the end.
func appendRune(b []byte, r rune) []byte {
	if r >= 0xd800 && r <= 0xdfff {
		return append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
	}
	return utf8.AppendRune(b, r)
}

// unitsOf is how many UTF-16 code units the character has whose UTF-8 encoding
// starts with c; 0 for a byte in the middle of one.
func unitsOf(c byte) int {
	switch {
	case c&0xc0 == 0x80:
		return 0
	case c >= 0xf0:
		return 2
	}
	return 1
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0 || c == '\v'
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isAlnum(c byte) bool { return isAlpha(c) || '0' <= c && c <= '9' }

// digit is the value of a hexadecimal digit, or more than any base.
func digit(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return 99
}

// lower is strings.ToLower for ASCII alone, as Telegram does it.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

// leadingInt reads the number a text starts with, as Telegram reads numbers:
// what is none is 0 and what follows is ignored.
func leadingInt(s string) int64 {
	end := 0
	if end < len(s) && s[end] == '-' {
		end++
	}
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 64)
	return n
}
