package faketelegram

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHTMLEntities(t *testing.T) {
	for _, c := range []struct{ name, src, text, entities string }{
		{"plain", "just text", "just text", `null`},
		{"bold", "<b>a</b> <strong>b</strong>", "a b", `[{"type":"bold","offset":0,"length":1},{"type":"bold","offset":2,"length":1}]`},
		{"styles", "<i>1</i>-<em>2</em>-<u>3</u>-<ins>4</ins>-<s>5</s>-<strike>6</strike>-<del>7</del>", "1-2-3-4-5-6-7",
			`[{"type":"italic","offset":0,"length":1},{"type":"italic","offset":2,"length":1},{"type":"underline","offset":4,"length":1},{"type":"underline","offset":6,"length":1},{"type":"strikethrough","offset":8,"length":1},{"type":"strikethrough","offset":10,"length":1},{"type":"strikethrough","offset":12,"length":1}]`},
		{"spoilers", `<span class="tg-spoiler">a</span> <tg-spoiler>b</tg-spoiler>`, "a b", `[{"type":"spoiler","offset":0,"length":1},{"type":"spoiler","offset":2,"length":1}]`},
		{"link", `<a href="https://example.com/a?b=1&amp;c=2">x</a>`, "x", `[{"type":"text_link","offset":0,"length":1,"url":"https://example.com/a?b=1\u0026c=2"}]`},
		{"link gets a path", `<a href='HTTPS://Example.com'>x</a>`, "x", `[{"type":"text_link","offset":0,"length":1,"url":"https://example.com/"}]`},
		{"link without scheme", `<a href="example.com/A">x</a>`, "x", `[{"type":"text_link","offset":0,"length":1,"url":"http://example.com/A"}]`},
		{"link by its text", `<a>example.com</a>`, "example.com", `[{"type":"text_link","offset":0,"length":11,"url":"http://example.com/"}]`},
		{"dropped links", `<a href="localhost">x</a><a href="ftp://example.com">y</a><a href="javascript:alert(1)">z</a>`, "xyz", `null`},
		{"app link", `<a href="tg://resolve?domain=a">x</a>`, "x", `[{"type":"text_link","offset":0,"length":1,"url":"tg://resolve?domain=a"}]`},
		{"mention", `<a href="tg://user?id=5">x</a>`, "x", `[{"type":"text_mention","offset":0,"length":1,"user":{"id":5,"is_bot":false}}]`},
		{"code", "<code>a&lt;b</code>", "a<b", `[{"type":"code","offset":0,"length":3}]`},
		{"code with class alone", `<code class="language-go">a</code>`, "a", `[{"type":"code","offset":0,"length":1}]`},
		{"pre", "<pre>a</pre>", "a", `[{"type":"pre","offset":0,"length":1}]`},
		{"pre with language", `<pre><code class="language-go">a := 1</code></pre>`, "a := 1", `[{"type":"pre","offset":0,"length":6,"language":"go"}]`},
		{"code outside of pre", `<code class="language-go"><pre>a</pre></code>`, "a", `[{"type":"pre","offset":0,"length":1,"language":"go"}]`},
		{"quotes", "<blockquote>a</blockquote>\n<blockquote expandable>b</blockquote>", "a\nb", `[{"type":"blockquote","offset":0,"length":1},{"type":"expandable_blockquote","offset":2,"length":1}]`},
		{"emoji", `<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>`, "👍", `[{"type":"custom_emoji","offset":0,"length":2,"custom_emoji_id":"5368324170671202286"}]`},
		{"time", `<tg-time unix="1647531900" format="wDT">then</tg-time>`, "then", `[{"type":"date_time","offset":0,"length":4,"unix_time":1647531900,"date_time_format":"wDT"}]`},
		{"references", "&lt;&gt;&amp;&quot;&#65;&#x42;&#128077;", `<>&"AB👍`, `null`},
		{"no references", "&nbsp; &apos; & &; &#; &#x; &#0; &#99999999999;", "&nbsp; &apos; & &; &#; &#x; &#0; &#99999999999;", `null`},
		{"no semicolon", "&lt &gt&amp", "< >&", `null`},
		{"UTF-16 offsets", "ñ👍<b>é👨‍👩‍👧</b>!", "ñ👍é👨‍👩‍👧!", `[{"type":"bold","offset":3,"length":9}]`},
		{"nested", "<b>a<i>b</i></b>", "ab", `[{"type":"bold","offset":0,"length":1},{"type":"bold","offset":1,"length":1},{"type":"italic","offset":1,"length":1}]`},
		{"style around a link", `<b>a<a href="example.com">b</a>c</b>`, "abc", `[{"type":"bold","offset":0,"length":1},{"type":"text_link","offset":1,"length":1,"url":"http://example.com/"},{"type":"bold","offset":1,"length":1},{"type":"bold","offset":2,"length":1}]`},
		{"style in a link", `<a href="example.com">a<b>b</b></a>`, "ab", `[{"type":"text_link","offset":0,"length":2,"url":"http://example.com/"},{"type":"bold","offset":1,"length":1}]`},
		{"touching styles join", "<b>a</b><b>b</b>", "ab", `[{"type":"bold","offset":0,"length":2}]`},
		{"style in code", "<code>a<b>b</b></code>", "ab", `[{"type":"code","offset":0,"length":2}]`},
		{"style around code", "<b>a<code>b</code></b>", "ab", `[{"type":"bold","offset":0,"length":1},{"type":"code","offset":1,"length":1}]`},
		{"link in a link", `<a href="a.com">a<a href="b.com">b</a></a>`, "ab", `[{"type":"text_link","offset":0,"length":2,"url":"http://a.com/"}]`},
		{"quote in a quote", "<blockquote>a<blockquote>b</blockquote></blockquote>", "ab", `[{"type":"blockquote","offset":0,"length":2}]`},
		{"link around a quote", `<a href="a.com">a<blockquote>b</blockquote></a>`, "ab", `[{"type":"blockquote","offset":1,"length":1}]`},
		{"code in a quote", "<blockquote>a <code>b</code></blockquote>", "a b", `[{"type":"blockquote","offset":0,"length":3},{"type":"code","offset":2,"length":1}]`},
		{"empty tags", "a<b></b><i></i>", "a", `null`},
		{"capital tags", "<B>a</B>", "a", `[{"type":"bold","offset":0,"length":1}]`},
		{"any end", "<b>a</>", "a", `[{"type":"bold","offset":0,"length":1}]`},
		{"space in tags", "<a\n href = 'a.com' \t>a</a >", "a", `[{"type":"text_link","offset":0,"length":1,"url":"http://a.com/"}]`},
		{"tab in a tag", "<b\tx\v>a</b\r>", "a", `[{"type":"bold","offset":0,"length":1}]`},
		{"unknown attributes", `<b class="x" id=7>a</b>`, "a", `[{"type":"bold","offset":0,"length":1}]`},
		{"trimmed", " \n a <b>b</b> \n\n", "a b", `[{"type":"bold","offset":2,"length":1}]`},
		{"entity trimmed at the end only", "<b> a </b> ", " a", `[{"type":"bold","offset":0,"length":2}]`},
		{"control characters", "a\tb\r\nc\x01\u2028d <b>\re</b>", "a b\nc d e", `[{"type":"bold","offset":8,"length":1}]`},
		{"direction marks", "a\u200f\u200e\u200eb", "a\u200c\u200c\u200eb", `null`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, entities, err := parseHTML(c.src)
			if err == nil {
				text, entities, err = compose(text, entities)
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(entities)
			if err != nil {
				t.Fatal(err)
			}
			if text != c.text || string(got) != c.entities {
				t.Errorf("got  %q %s\nwant %q %s", text, got, c.text, c.entities)
			}
		})
	}
}

func TestHTMLErrors(t *testing.T) {
	const parse = "can't parse entities: "
	f := newFake(t, Options{Unlimited: true})
	for _, c := range []struct{ src, want string }{
		{"a <x>b</x>", parse + `Unsupported start tag "x" at byte offset 2`},
		{"é<IMG src=1>", parse + `Unsupported start tag "img" at byte offset 2`},
		{"a < b", parse + `Unsupported start tag "" at byte offset 2`},
		{"a<b", parse + "Unclosed start tag at byte offset 1"},
		{"a<b ", parse + `Empty attribute name in the tag "b" at byte offset 1`},
		{"a<b x", parse + `Unclosed start tag "b" at byte offset 1`},
		{"a<b x=", parse + `Unclosed start tag "b" at byte offset 1`},
		{`<a href="x`, parse + "Unclosed start tag at byte offset 0"},
		{`<a href="x"`, parse + "Unclosed start tag at byte offset 0"},
		{"<b/>a</b>", parse + `Unsupported start tag "b/" at byte offset 0`},
		{"<b />a</b>", parse + `Empty attribute name in the tag "b" at byte offset 0`},
		{"<a href=a/b>x</a>", parse + "Unexpected end of name token at byte offset 8"},
		{"<span>a</span>", parse + `Tag "span" must have class "tg-spoiler" at byte offset 0`},
		{`a<span class="spoiler">b</span>`, parse + `Tag "span" must have class "tg-spoiler" at byte offset 1`},
		{"a</b>", parse + "Unexpected end tag at byte offset 1"},
		{"<b>a</b", parse + "Unclosed end tag at byte offset 4"},
		{"<b>a</i>", parse + `Unmatched end tag at byte offset 4, expected "</b>", found "</i>"`},
		{"<b>é👍<i>a</b></i>", parse + `Unmatched end tag at byte offset 13, expected "</i>", found "</b>"`},
		{"<b><i>a</i>", parse + `Can't find end tag corresponding to start tag "b"`},
		{`<tg-emoji emoji-id="x">a</tg-emoji>`, parse + "Invalid custom emoji identifier specified"},
		{`<tg-time unix="5" format="x">a</tg-time>`, parse + "Invalid date format used"},
		{"a&#xd83d;", parse + "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units"},
		{"", "message text is empty"},
		{" \n\t", "text must be non-empty"},
		{"<b> </b>", "text must be non-empty"},
		{"<b></b>", "text must be non-empty"},
		{"\u200b\u00a0", "text must be non-empty"},
		{strings.Repeat("a", 32769), "text is too long"},
		{strings.Repeat("a", 4097), "message is too long"},
		{strings.Repeat("a", 4095) + "👍", "message is too long"},
	} {
		a := f.call("sendMessage", params{"chat_id": person, "text": c.src, "parse_mode": "HTML"})
		a.wantRefused(t, bad(c.want))
	}
	if n := f.Count(0); n != 0 {
		t.Errorf("%d messages came of refused ones", n)
	}
}

func TestLengthIsCountedAfterParsing(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	for _, text := range []string{
		strings.Repeat("&lt;", 4096),
		strings.Repeat("<b>a</b>", 4000),
		strings.Repeat("👍", 2048),
		" " + strings.Repeat("ы", 4096) + "\n",
	} {
		if a := f.call("sendMessage", params{"chat_id": person, "text": text, "parse_mode": "html"}); !a.OK {
			t.Errorf("%.20q…: %s", text, a.Body)
		}
	}
	byCharacter := newFake(t, Options{Unlimited: true, CountCharacters: true})
	byCharacter.send(person, strings.Repeat("👍", 4096))
}

func TestCheckedLink(t *testing.T) {
	for link, want := range map[string]string{
		"https://user:pass@Example.com:0443/P?q#f": "https://user:pass@example.com:443/P?q#f",
		"http://[::1]/":                    "http://[::1]/",
		"http://[nonsense]/":               "",
		"example.com?q=a b":                "http://example.com/?q=a%20b",
		"http://a.b:99999":                 "",
		"http://a.b:x":                     "",
		"http://.":                         "",
		"http://a b.com":                   "",
		"http://bücher.example":            "http://bücher.example/",
		"tg://settings":                    "tg://settings/",
		"TG:resolve?domain=a":              "tg://resolve?domain=a",
		"ton://transfer/abc":               "ton://transfer/abc",
		"tonsite://a.ton":                  "tonsite://a.ton/",
		"tg://https://a.com":               "",
		"mailto:a@example.com":             "http://mailto:a@example.com/", // not a scheme to Telegram
		"http://100%25.com/":               "http://100%25.com/",
		"http://100%.com/":                 "",
		"https://ci.example.com/run/1?x=%": "https://ci.example.com/run/1?x=%",
		"":                                 "",
	} {
		if got := checkedLink(link); got != want {
			t.Errorf("checkedLink(%q) = %q, want %q", link, got, want)
		}
	}
}

// FuzzHTML: the parser never panics, and whatever it accepts has entities inside
// the text, on whole characters, sorted, and never partly overlapping.
func FuzzHTML(f *testing.F) {
	for _, seed := range []string{
		"", "plain", "<b>a</b>", "<b>a<i>b</b></i>", "&lt;&#x1f44d;&#55357;&amp", "<a href='tg://user?id=1'>👍</a>",
		"<pre><code class=language-go>x</code></pre>", "<blockquote expandable>a\n<b>b\r</b> </blockquote>\n",
		"<s>\u2028a<tg-spoiler>b\u200f\u200e</tg-spoiler></s>", "<code><b>a</b></code><u>b</u><u>c</u>", "<a/x='\"", "</", "<", "&", "&#",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if !utf8.ValidString(src) {
			return // refused before it is parsed
		}
		text, entities, err := parseHTML(src)
		if err != nil {
			return
		}
		checkShape(t, text, entities, false)
		text, entities, err = compose(text, entities)
		if err != nil {
			return
		}
		checkShape(t, text, entities, true)
		again, same, err := compose(text, append([]Entity(nil), entities...))
		if err != nil || again != text || len(same) != len(entities) {
			t.Fatalf("composing %q %v again gave %q %v, %v", text, entities, again, same, err)
		}
	})
}

func checkShape(t *testing.T, text string, entities []Entity, composed bool) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Fatalf("text %q is not UTF-8", text)
	}
	whole := map[int]bool{0: true}
	units := 0
	for _, r := range text {
		units++
		if r > 0xffff {
			units++
		}
		whole[units] = true
	}
	if units != length16(text) {
		t.Fatalf("length16(%q) = %d, want %d", text, length16(text), units)
	}
	var around []Entity
	for i, e := range entities {
		if e.Length < 1 || !whole[e.Offset] || !whole[e.end()] || e.Type == "" {
			t.Fatalf("entity %+v of %q (%d units)", e, text, units)
		}
		if i > 0 && e.Offset < entities[i-1].Offset {
			t.Fatalf("entities %v are not sorted", entities)
		}
		for len(around) > 0 && around[len(around)-1].end() <= e.Offset {
			around = around[:len(around)-1]
		}
		if n := len(around); n > 0 {
			if e.end() > around[n-1].end() {
				t.Fatalf("%+v overlaps %+v in %q", e, around[n-1], text)
			}
			if composed && around[n-1].Type.verbatim() {
				t.Fatalf("%+v is inside %+v in %q", e, around[n-1], text)
			}
		}
		around = append(around, e)
	}
}
