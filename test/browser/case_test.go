package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// sound is a page on which no check finds anything. A case puts something at the end
// of its head and of its main part.
const sound = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>A page</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 sans-serif; margin: 16px; }
a { color: light-dark(#0645ad, #9db7ff); }
a, button, summary { display: inline-block; min-height: 24px; }
p a { display: inline; }
::placeholder { color: light-dark(#555, #bbb); }
input, select { border: 1px solid light-dark(#666, #aaa); }
:focus-visible { outline: 3px solid light-dark(#0645ad, #9db7ff); }
.skip:not(:focus) { position: absolute; left: -999px; }
.heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%%); }
</style>
%s
</head>
<body>
<a class="skip" href="#main">To the main part</a>
<nav><a href="/">Now</a> <a href="/other">Later</a></nav>
<main id="main" tabindex="-1">
<h1>A page</h1>
<p>Words with <a href="/a">a link</a> among them.</p>
<form action="/search"><label>Search <input name="q" placeholder="anything"></label> <button>Go</button></form>
<p><time datetime="2026-11-25T10:30:00Z">just now</time></p>
<table><thead><tr><th scope="col">Name</th><th scope="col">State</th></tr></thead><tbody><tr><td>one</td><td>live</td></tr></tbody></table>
<details><summary>More</summary><p>There is more.</p></details>
<div style="overflow:hidden;white-space:nowrap;text-overflow:ellipsis;width:5em">what is too long ends in dots</div>
<p class="heard">Only heard.</p>
%s
</main>
</body>
</html>`

// flawed are pages with one flaw each: the rules that must find it, and no others.
var flawed = []struct {
	name string
	look check
	head string
	main string
	want string // rules, separated by spaces
}{
	{"grey on white", contrast, "", `<p style="color:#999;background:#fff">pale</p>`, "contrast"},
	{"black on black in dark", contrast, "", `<p style="color:light-dark(#fff,#111)">gone</p>`, "contrast"},
	{"large may be paler", contrast, "", `<p style="color:#888;background:#fff;font-size:24px">pale</p>`, ""},
	{"bold and large may be paler", contrast, "", `<p style="color:#888;background:#fff;font-size:19px;font-weight:700">pale</p>`, ""},
	{"an ancestor's opacity", contrast, "", `<div style="opacity:.4"><p style="color:#000;background:#fff">pale</p></div>`, "contrast"},
	{"half-transparent text", contrast, "", `<p style="color:rgb(0 0 0/.4);background:#fff">pale</p>`, "contrast"},
	{"half-transparent ground", contrast, "", `<div style="background:#fff"><p style="color:#fff;background:rgb(0 0 0/.3)">pale</p></div>`, "contrast"},
	{"modern notation", contrast, "", `<p style="color:oklch(0.7 0.1 200);background:color-mix(in srgb, white 90%, blue)">pale</p>`, "contrast"},
	{"one end of a gradient", contrast, "", `<p style="color:#fff;background:linear-gradient(#000,#ddd)">pale</p>`, "contrast"},
	{"placeholder", contrast, `<style>::placeholder{color:#bbb}input{background:#fff}</style>`, "", "contrast"},
	{"what is typed", contrast, "", `<label>x <input value="typed" style="color:#999;background:#fff"></label>`, "contrast"},
	{"generated text", contrast, `<style>.new::after{content:"new";color:#ccc;background:#fff}</style>`, `<p class="new">x</p>`, "contrast"},
	{"text in a picture", contrast, "", `<div style="background:#fff"><svg width="90" height="20"><text y="15" fill="#ccc">pale</text></svg></div>`, "contrast"},
	{"no text is judged that nobody sees", contrast, "", `<p class="heard" style="color:#fff;background:#fff">heard</p><p hidden style="color:#fff;background:#fff">x</p>`, ""},
	{"separators are decoration", contrast, "", `<p style="background:#fff;color:#000">a <span style="color:#ccc">·</span> b</p>`, ""},
	{"a field without an edge", contrast, "", `<div style="background:#fff"><label>x <input style="border-color:#ddd;background:#fff"></label></div>`, "edge"},
	{"a pale icon on a button", contrast, "", `<div style="background:#fff"><button style="background:#fff" aria-label="Close"><svg width="16" height="16" stroke="#ccc" fill="none"><path d="M0 0 16 16"/></svg></button></div>`, "picture"},
	{"a link told by its colour", contrast, `<style>p a.bare{color:#00e;text-decoration:none}</style>`, `<p style="color:#000;background:#fff">words <a class="bare" href="/b">link</a></p>`, "link"},

	{"no language", structure, `<script>document.documentElement.lang = ""</script>`, "", "lang"},
	{"no title", structure, `<script>document.title = " "</script>`, "", "title"},
	{"no zoom", structure, `<script>document.querySelector("[name=viewport]").content += ",maximum-scale=1"</script>`, "", "zoom"},
	{"no viewport", structure, `<script>document.querySelector("[name=viewport]").remove()</script>`, "", "viewport"},
	{"two h1", structure, "", `<h1>Another</h1>`, "h1"},
	{"a level left out", structure, "", `<h3>Deep</h3>`, "heading"},
	{"an empty heading", structure, "", `<h2></h2>`, "heading"},
	{"two main parts", structure, "", `<div role="main">x</div>`, "main"},
	{"two navigations without names", structure, "", `<nav><a href="/x">x</a></nav>`, "nav nav"},
	{"links without a navigation", structure, `<script>onload = () => document.querySelector("nav").outerHTML = '<header><a href="/">One</a> <a href="/">Two</a> <a href="/">Three</a></header>'</script>`, "", "nav"},
	{"no skip link", structure, `<style>.skip{display:none}</style>`, "", "skip"},
	{"one id twice", structure, "", `<i id="x"></i><i id="x"></i>`, "id"},
	{"refers to nothing", structure, "", `<p aria-describedby="nowhere">x</p>`, "refers"},
	{"leads to nothing", structure, "", `<a href="#nowhere">x</a>`, "refers"},
	{"a state that is none", structure, "", `<button aria-expanded="yes">x</button>`, "aria"},
	{"hidden from listeners", structure, "", `<p aria-hidden="true"><a href="/x">x</a></p>`, "aria"},
	{"a field without a label", structure, "", `<input placeholder="name">`, "label"},
	{"a picture without alt", structure, "", `<img src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==">`, "alt"},
	{"a drawing without a name", structure, "", `<svg role="img" width="9" height="9"></svg>`, "alt"},
	{"a table without headers", structure, "", `<table><tr><td>x</td></tr></table>`, "table"},
	{"a header of nothing", structure, "", `<table><tr><th>x</th></tr></table>`, "table"},
	{"an item without a list", structure, "", `<div><li>x</li></div>`, "list"},
	{"a list with a stranger", structure, "", `<ul><div>x</div></ul>`, "list"},
	{"an order of its own", structure, "", `<button tabindex="3">x</button>`, "tabindex"},
	{"a control within another", structure, "", `<a href="/x">x <span><button>y</button></span></a>`, "nested"},
	{"a link that is none", structure, "", `<a>x</a>`, "anchor"},
	{"a script in an attribute", structure, "", `<p onclick="1">x</p>`, "inline"},
	{"a page that reloads", structure, `<meta http-equiv="refresh" content="600">`, "", "refresh"},
	{"a time that is none", structure, "", `<time datetime="yesterday">x</time>`, "time"},
	{"small and close", structure, `<style>.s{display:inline-block;width:10px;min-height:10px;height:10px;font-size:8px;padding:0;border:0}</style>`, `<div><button class="s">x</button><button class="s">y</button></div>`, "target target"},
	{"small and far", structure, `<style>.s{display:inline-block;min-height:10px;width:10px;height:10px;font-size:8px;margin:30px;padding:0;border:0}</style>`, `<div><button class="s">x</button><button class="s">y</button></div>`, ""},

	{"a button without a name", names, "", `<button><svg aria-hidden="true" width="9" height="9"></svg></button>`, "name"},
	{"a link without a name", names, "", `<a href="/x"></a>`, "name"},
	{"a field without a name", names, "", `<input><select></select>`, "name name"},
	{"a drawing without any", names, "", `<svg role="img" width="9" height="9"><path d="M0 0"/></svg>`, "name"},
	{"a progress of what", names, "", `<progress value="1" max="2"></progress>`, "name"},

	{"wider than the window", layout, "", `<div style="width:3000px">x</div>`, "sideways"},
	{"a word without a break", layout, "", `<p>` + strings.Repeat("word", 900) + `</p>`, "out sideways"},
	{"cut off without a sign", layout, "", `<div style="overflow:hidden;white-space:nowrap;width:5em">what is too long is not to be seen</div>`, "cut"},
	{"cut off below", layout, "", `<div style="overflow:hidden;height:1em;width:9em">what is too long is not to be seen by anybody at all</div>`, "cut"},
	{"clamped", layout, "", `<div style="overflow:hidden;display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:1;width:9em">what is too long ends in dots, and may</div>`, ""},
	{"what scrolls", layout, "", `<div tabindex="0" style="overflow:auto;white-space:nowrap;width:5em">what is too long can be scrolled to</div>`, ""},
	{"out of its box", layout, "", `<div style="width:3em;white-space:nowrap">what is too long runs over</div>`, "out"},
	{"text over text", layout, "", `<div><p style="margin:0">below, it is long</p><p style="margin:-24px 0 0">above</p></div>`, "over"},
	{"a control under another", layout, "", `<div style="position:relative"><button style="width:90px">x</button><button style="position:absolute;left:0;width:90px">y</button></div>`, "covered over"},
	{"a control under a veil", layout, "", `<div style="position:relative"><button>x</button><div style="position:absolute;inset:0"></div></div>`, "covered"},

	{"it turns", motion, `<style>@keyframes turn{to{rotate:1turn}}.t{animation:turn 1s infinite}</style>`, `<p class="t">x</p>`, "motion"},
	{"it slides", motion, "", `<p style="transition:transform 1s">x</p>`, "motion"},
	{"it stands still when asked", motion, `<style>@media(prefers-reduced-motion:no-preference){p{transition:all 1s}}</style>`, "", ""},

	{"no mark of the focus", keyboard, `<style>:focus-visible{outline:none}.skip:focus{left:0;position:static}summary,a,button,input{outline:none}</style>`, "", "unseen unseen unseen unseen unseen unseen"},
	{"a pale mark of the focus", keyboard, `<style>.p:focus-visible{outline:2px solid light-dark(#ddd,#333)}</style>`, `<button class="p">x</button>`, "outline"},
	{"a mark of the focus that is cut off", keyboard, "", `<div style="overflow:hidden;width:max-content"><button>x</button></div>`, "clipped"},
	{"a mark of the focus on the edge of what scrolls", keyboard, `<style>.s{display:flex;width:90px;overflow-x:auto}.s button{flex:none;width:120px}</style>`, `<div class="s"><button>x</button><button>y</button></div>`, "clipped clipped"},
	{"a mark of the focus outside of the window", keyboard, "", `<button style="position:absolute;left:0">x</button>`, "clipped"},
	{"a mark of the focus with room", keyboard, "", `<div style="overflow:hidden;width:max-content;padding:5px"><button>x</button></div>`, ""},
	{"a mark of the focus within", keyboard, `<style>.w:focus-visible{outline-offset:-3px;outline-color:light-dark(#000,#fff)}</style>`, `<div style="overflow:hidden;width:max-content"><button class="w">x</button></div>`, ""},
	{"a mark of the focus around more", keyboard, `<style>.a{position:relative;padding:9px;overflow:hidden}.b{overflow:hidden}.c:focus-visible{outline:0}.c::after{content:"";position:absolute;inset:0}.c:focus-visible::after{outline:2px solid;outline-offset:-3px}</style>`, `<div class="a"><div class="b"><a class="c" href="/c">x</a></div></div>`, ""},
	{"a mark of the focus around more that is cut off", keyboard, `<style>.a{position:relative;overflow:hidden}.c:focus-visible{outline:0}.c::after{content:"";position:absolute;inset:0}.c:focus-visible::after{outline:2px solid}</style>`, `<div class="a"><a class="c" href="/c">x</a></div>`, "clipped"},
	{"a mark of the focus on lines that are left out", keyboard, `<style>.l{overflow:clip;display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:1;width:9em;padding:3px 5px}</style>`, `<p class="l"><a href="/c">what is too long ends in dots, and may</a></p>`, ""},
	{"a trap", keyboard, "", `<div onkeydown="if (event.key === 'Tab') event.preventDefault()"><button>x</button></div><button>y</button>`, "trap unreached"},
	{"what a mouse alone can use", keyboard, "", `<button id="u">x</button><script>u.onfocus = () => u.blur()</script>`, "unreached"},
	{"what comes too early", keyboard, "", `<button onkeydown="next(event, c)">a</button> <button onkeydown="if (!b.was) next(event, last)" id="b">b</button> <button id="c" onkeydown="next(event, b); b.was = true">c</button><script>const next = (e, to) => { if (e.key === "Tab") { e.preventDefault(); to.focus(); } }</script>`, "order"},
	{"under a bar", keyboard, `<style>.bar{position:fixed;inset:0;background:#fff;color:#000}</style>`, `<div class="bar">bar</div>`, "hidden hidden hidden hidden hidden hidden hidden"},

	{"too heavy", performance, `<style>` + strings.Repeat("/* heavy */\n", 9000) + `</style>`, "", "weight"},
	{"it jumps", performance, "", `<script>onload = () => requestAnimationFrame(() => requestAnimationFrame(() => { document.querySelector("h1").style.marginTop = "400px"; }))</script><p id="late"></p>`, "shift"},
}

// TestChecks: each check finds its flaws, and nothing on a page without any.
func TestChecks(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head, main := "", ""
		var n int
		if _, err := fmt.Sscanf(r.URL.Path, "/case/%d", &n); err == nil {
			head, main = flawed[n].head, flawed[n].main
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, sound, head, main)
	}))
	t.Cleanup(server.Close)

	t.Run("none", func(t *testing.T) {
		t.Parallel()
		p := open(t, server.URL)
		p.visit("/")
		p.passes("", performance)
		for _, scheme := range []string{light, dark} {
			p.prefer(scheme)
			p.passes(" "+scheme, contrast, names, structure, layout, motion, keyboard)
		}
	})
	for _, part := range []int{0, 1} {
		t.Run(fmt.Sprintf("flaws %d", part), func(t *testing.T) {
			t.Parallel()
			p := open(t, server.URL)
			for n, f := range flawed {
				if n%2 != part {
					continue
				}
				q := p
				if strings.HasPrefix(f.want, "weight") || strings.HasPrefix(f.want, "shift") {
					q = open(t, server.URL) // the first page of its window
				}
				q.visit(fmt.Sprintf("/case/%d", n))
				q.prefer(light)
				found := f.look(q)
				if len(found) == 0 {
					q.prefer(dark)
					found = f.look(q)
				}
				if got := rules(found); got != f.want {
					t.Errorf("%s: found %q, want %q\n%s", f.name, got, f.want, lines(found))
				}
				q.take()
			}
		})
	}
}

func rules(found []finding) string {
	var words []string
	for _, f := range found {
		words = append(words, f.Rule)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func lines(found []finding) string {
	var text strings.Builder
	for _, f := range found {
		fmt.Fprintln(&text, f)
	}
	return text.String()
}
