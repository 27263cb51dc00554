package faketelegram

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// EntityType is what a part of a text is set as.
type EntityType string

// The entity types of texts with markup. Telegram adds more by itself, such as
// url and hashtag, which this package does not.
const (
	Bold                 EntityType = "bold"
	Italic               EntityType = "italic"
	Underline            EntityType = "underline"
	Strikethrough        EntityType = "strikethrough"
	Spoiler              EntityType = "spoiler"
	Blockquote           EntityType = "blockquote"
	ExpandableBlockquote EntityType = "expandable_blockquote"
	Code                 EntityType = "code"
	Pre                  EntityType = "pre"
	TextLink             EntityType = "text_link"
	TextMention          EntityType = "text_mention"
	CustomEmoji          EntityType = "custom_emoji"
	DateTime             EntityType = "date_time"
)

// Entity is a part of a text that is set in a certain way. Offset and Length
// count UTF-16 code units.
type Entity struct {
	Type           EntityType `json:"type"`
	Offset         int        `json:"offset"`
	Length         int        `json:"length"`
	URL            string     `json:"url,omitempty"`
	User           *User      `json:"user,omitempty"`
	Language       string     `json:"language,omitempty"`
	CustomEmojiID  string     `json:"custom_emoji_id,omitempty"`
	UnixTime       int64      `json:"unix_time,omitempty"`
	DateTimeFormat string     `json:"date_time_format,omitempty"`
}

func (e Entity) end() int { return e.Offset + e.Length }

func (e Entity) equal(o Entity) bool {
	mine, theirs := User{}, User{}
	if e.User != nil {
		mine = *e.User
	}
	if o.User != nil {
		theirs = *o.User
	}
	e.User, o.User = nil, nil
	return e == o && mine == theirs
}

// rank orders entities of the same text: the outer one first. The numbers are
// those of MessageEntity::get_type_priority.
func (t EntityType) rank() int {
	switch t {
	case Blockquote, ExpandableBlockquote:
		return 0
	case Pre:
		return 10
	case Code:
		return 20
	case DateTime:
		return 30
	case TextLink, TextMention:
		return 49
	case Bold:
		return 90
	case Italic:
		return 91
	case Underline:
		return 92
	case Strikethrough:
		return 93
	case Spoiler:
		return 94
	}
	return 99
}

// style reports whether entities of the type may be cut in pieces.
func (t EntityType) style() bool {
	return t == Bold || t == Italic || t == Underline || t == Strikethrough || t == Spoiler
}

func (t EntityType) quote() bool { return t == Blockquote || t == ExpandableBlockquote }

// verbatim reports whether no style is shown inside entities of the type.
func (t EntityType) verbatim() bool { return t == Code || t == Pre || t == DateTime }

// sortEntities sorts by offset, the longer one first.
func sortEntities(entities []Entity) {
	slices.SortStableFunc(entities, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length), cmp.Compare(a.Type.rank(), b.Type.rank()))
	})
}

// compose makes of a parsed text what Telegram stores: control characters
// replaced, white space around it cut, entities that cannot go together
// resolved. It follows fix_formatted_text in td/telegram/MessageEntity.cpp and
// may change the entities it was given.
func compose(text string, entities []Entity) (string, []Entity, error) {
	if !utf8.ValidString(text) {
		return "", nil, refuse("Strings must be encoded in UTF-8")
	}
	entities, err := checkEntities(text, entities)
	if err != nil {
		return "", nil, err
	}
	entities = resolve(entities)
	text, entities = clean(text, entities)
	text, entities = trim(text, resolve(entities))
	if blank(text) {
		return "", nil, refuse("Text must be non-empty")
	}
	return text, entities, nil
}

// checkEntities refuses entities outside the text or within a character, which
// only a client that sends entities itself can cause, and drops empty ones.
func checkEntities(text string, entities []Entity) ([]Entity, error) {
	const far = 1_000_000 // UTF-16 code units
	for _, e := range entities {
		if e.Offset < 0 || e.Offset > far {
			return nil, refuse("Receive an entity with incorrect offset %d", e.Offset)
		}
		if e.Length < 0 || e.Length > far {
			return nil, refuse("Receive an entity with incorrect length %d", e.Length)
		}
	}
	entities = slices.DeleteFunc(entities, func(e Entity) bool {
		return e.Length == 0 || e.Type == TextLink && e.URL == "" || e.Type == TextMention && e.User == nil
	})
	if len(entities) == 0 {
		return nil, nil
	}
	var within map[int]int // the unit in the middle of a character: its byte offset
	units := 0
	for i, r := range text {
		units++
		if r > 0xffff {
			if within == nil {
				within = map[int]int{}
			}
			within[units] = i + utf8.RuneLen(r)
			units++
		}
	}
	for _, e := range entities {
		if at, ok := within[e.Offset]; ok {
			return nil, refuse("Entity begins in a middle of a UTF-16 symbol at byte offset %d", at)
		}
		if at, ok := within[e.end()]; ok {
			return nil, refuse("Entity beginning at UTF-16 offset %d ends in a middle of a UTF-16 symbol at byte offset %d", e.Offset, at)
		}
		if e.Offset > units {
			return nil, refuse("Entity begins after the end of the text at UTF-16 offset %d", e.Offset)
		}
		if e.end() > units {
			return nil, refuse("Entity beginning at UTF-16 offset %d ends after the end of the text at UTF-16 offset %d", e.Offset, e.end())
		}
	}
	return entities, nil
}

// resolve settles which entities can go together. Links, code and quotes never
// overlap their like: the outer one stays. A link or code around or across the
// edge of a quote goes. Styles of one kind that touch become one; all styles are
// cut where another entity starts or ends, and vanish inside code.
func resolve(entities []Entity) []Entity {
	sortEntities(entities)
	if len(entities) < 2 {
		return entities
	}
	if !nested(entities) {
		return entities
	}
	var solid, quotes, styled []Entity
	for _, e := range entities {
		switch {
		case e.Type.style():
			styled = append(styled, e)
		case e.Type.quote():
			if n := len(quotes); n == 0 || e.Offset >= quotes[n-1].end() {
				quotes = append(quotes, e)
			}
		default:
			if n := len(solid); n == 0 || e.Offset >= solid[n-1].end() {
				solid = append(solid, e)
			}
		}
	}
	q := 0
	solid = slices.DeleteFunc(solid, func(e Entity) bool {
		for q < len(quotes) && quotes[q].end() <= e.Offset {
			q++
		}
		return q < len(quotes) && quotes[q].Offset < e.end() && (e.Offset < quotes[q].Offset || quotes[q].end() < e.end())
	})
	var cuts []int
	for _, group := range [][]Entity{solid, quotes} {
		for _, e := range group {
			cuts = append(cuts, e.Offset, e.end())
		}
	}
	runs := join(styled)
	for _, e := range runs {
		cuts = append(cuts, e.Offset)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	result := append(solid[:len(solid):len(solid)], quotes...)
	for _, run := range runs {
		from := run.Offset
		first, _ := slices.BinarySearch(cuts, from+1)
		for i := first; from < run.end(); i++ {
			to := run.end()
			if i < len(cuts) {
				to = min(to, cuts[i])
			}
			if !covered(solid, from) {
				result = append(result, Entity{Type: run.Type, Offset: from, Length: to - from})
			}
			from = to
		}
	}
	sortEntities(result)
	return result
}

// nested reports whether any of the sorted entities touch or overlap; if none
// do there is nothing to resolve.
func nested(entities []Entity) bool {
	for i := 1; i < len(entities); i++ {
		if entities[i].Offset <= entities[i-1].end() {
			return true
		}
	}
	return false
}

// join merges styles of one kind that overlap or touch.
func join(styled []Entity) []Entity {
	var runs []Entity
	last := map[EntityType]int{} // index in runs
	for _, e := range styled {
		i, ok := last[e.Type]
		if ok && e.Offset <= runs[i].end() {
			runs[i].Length = max(runs[i].end(), e.end()) - runs[i].Offset
			continue
		}
		last[e.Type] = len(runs)
		runs = append(runs, e)
	}
	return runs
}

// covered reports whether verbatim text is at the offset. The entities are
// sorted and do not overlap.
func covered(solid []Entity, offset int) bool {
	i, found := slices.BinarySearchFunc(solid, offset, func(e Entity, at int) int { return cmp.Compare(e.Offset, at) })
	if !found {
		i--
	}
	return i >= 0 && offset < solid[i].end() && solid[i].Type.verbatim()
}

// clean replaces control characters by spaces and leaves out the characters
// that Telegram removes, moving the entities accordingly. It follows
// clean_input_string in td/telegram/misc.cpp.
func clean(text string, entities []Entity) (string, []Entity) {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || removed(r) || r == lrm || r == rlm }) {
		return text, entities
	}
	out := make([]byte, 0, len(text))
	var gone []int // where a character was left out, in UTF-16 code units
	units := 0
	mark := -1 // where in out a direction mark stands, if it is the last character
	for _, r := range text {
		at := units
		units++
		if r > 0xffff {
			units++
		}
		if removed(r) {
			gone = append(gone, at)
			continue
		}
		if r < ' ' && r != '\n' {
			r = ' '
		}
		if r != lrm && r != rlm {
			mark = -1
		} else {
			if mark >= 0 { // of several direction marks in a row only the last stays one
				utf8.EncodeRune(out[mark:], zwnj)
			}
			mark = len(out)
		}
		out = utf8.AppendRune(out, r)
	}
	before := func(at int) int {
		n, _ := slices.BinarySearch(gone, at)
		return n
	}
	kept := entities[:0]
	for _, e := range entities {
		from, to := e.Offset-before(e.Offset), e.end()-before(e.end())
		if e.Offset, e.Length = from, to-from; e.Length > 0 {
			kept = append(kept, e)
		}
	}
	return string(out), kept
}

const (
	zwnj = '\u200c'
	lrm  = '\u200e'
	rlm  = '\u200f'
)

// removed reports whether Telegram leaves the character out of every text:
// carriage returns, separators and direction embeddings, and combining lines.
func removed(r rune) bool {
	return r == '\r' || '\u2028' <= r && r <= '\u202e' || r == '\u0333' || r == '\u033f' || r == '\u030a'
}

// trim cuts spaces and line feeds around the text; at the start only up to the
// first entity.
func trim(text string, entities []Entity) (string, []Entity) {
	text = strings.TrimRight(text, " \n")
	end := length16(text)
	kept := entities[:0]
	for _, e := range entities {
		if e.Length = min(e.end(), end) - e.Offset; e.Length > 0 {
			kept = append(kept, e)
		}
	}
	sortEntities(kept)
	room := len(text)
	if len(kept) > 0 {
		room = kept[0].Offset
	}
	n := 0
	for n < room && n < len(text) && (text[n] == ' ' || text[n] == '\n') {
		n++
	}
	for i := range kept {
		kept[i].Offset -= n
	}
	if len(kept) == 0 {
		kept = nil
	}
	return text[n:], kept
}

// blank reports whether nothing of the text is visible. It follows
// is_empty_string in td/telegram/misc.cpp.
func blank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		switch r {
		case ' ', '\n', '\u00a0', '\u1680', '\u180e', '\u202e', '\u202f', '\u205f', '\u2800', '\u3000', '\ufffc', '\ufeff':
			return false
		}
		return !('\u2000' <= r && r <= '\u200f' || 0xe0000 <= r && r <= 0xe007f)
	})
}

// length16 is the length of the text in UTF-16 code units.
func length16(text string) int {
	n := 0
	for i := range len(text) {
		n += unitsOf(text[i])
	}
	return n
}

// linkUser is the user a link of the form tg://user?id=… mentions, or 0.
func linkUser(link string) int64 {
	rest, ok := strings.CutPrefix(lower(link), "tg:")
	if !ok {
		return 0
	}
	rest = strings.TrimPrefix(rest, "//")
	if rest, ok = strings.CutPrefix(rest, "user"); !ok {
		return 0
	}
	if rest, ok = strings.CutPrefix(strings.TrimPrefix(rest, "/"), "?"); !ok {
		return 0
	}
	rest, _, _ = strings.Cut(rest, "#")
	for _, parameter := range strings.Split(rest, "&") {
		if id, ok := strings.CutPrefix(parameter, "id="); ok {
			n, _ := strconv.ParseInt(id, 10, 64)
			return n
		}
	}
	return 0
}

// checkedLink is the address as Telegram stores it: scheme and host in lower
// case, "http" where no scheme is given, and a slash where no path is given. It
// is empty for what Telegram takes for no address, such as a host without a dot
// or another scheme than http, https, tg, ton and tonsite. It follows
// LinkManager::get_checked_link and parse_url.
func checkedLink(link string) string {
	scheme, rest := "http", link
	for _, own := range []string{"tg", "ton", "tonsite"} {
		if len(link) > len(own) && link[len(own)] == ':' && lower(link[:len(own)]) == own {
			scheme, rest = own, strings.TrimPrefix(link[len(own)+1:], "//")
		}
	}
	if before, after, ok := strings.Cut(rest, "://"); ok && !strings.ContainsAny(before, ":/?#@[]") {
		before = lower(before)
		if scheme != "http" || before != "http" && before != "https" {
			return ""
		}
		scheme, rest = before, after
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	user, host := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, host = authority[:i+1], authority[i+1:]
	}
	port := ""
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		n, err := strconv.Atoi(host[i+1:])
		if err != nil || n < 1 || n > 65535 {
			return ""
		}
		host, port = host[:i], ":"+strconv.Itoa(n)
	}
	host = lower(host)
	switch {
	case scheme != "http" && scheme != "https":
		if host == "" || user != "" || port != "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || scheme != "tonsite" && strings.Contains(host, ".") {
			return ""
		}
	case strings.HasPrefix(host, "["):
		if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil || !a.Is6() {
			return ""
		}
	case !strings.Contains(host, ".") || host == "." || !hostAllowed(host) || !hostAllowed(strings.ReplaceAll(strings.TrimSuffix(user, "@"), ":", "")):
		return ""
	}
	tail = strings.TrimRight(tail, " \t\r\n\x00\v")
	if !strings.HasPrefix(tail, "/") {
		tail = "/" + tail
	}
	if scheme != "http" && scheme != "https" && strings.HasPrefix(tail, "/?") {
		tail = tail[1:]
	}
	var b strings.Builder
	b.WriteString(scheme + "://" + user + host + port)
	for i := range len(tail) {
		if c := tail[i]; c <= ' ' {
			b.WriteString("%" + strings.ToUpper(strconv.FormatInt(int64(c)+0x100, 16)[1:]))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// hostAllowed reports whether the text has only characters that Telegram lets
// stand in a host name, percent encoding included.
func hostAllowed(s string) bool {
	if _, err := url.PathUnescape(s); err != nil {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < 0x80 && !isAlnum(c) && strings.IndexByte(".-_!$,~*'();&+=%", c) < 0 {
			return false
		}
	}
	return true
}
