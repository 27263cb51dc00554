package browser

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

//go:embed check/*.js
var scripts embed.FS

// finding is something that a check has found.
type finding struct {
	Rule  string `json:"rule"`
	Where string `json:"where"`
	What  string `json:"what"`
}

func (f finding) String() string { return fmt.Sprintf("%s: %s: %s", f.Rule, f.Where, f.What) }

// script returns a check as an expression.
func (p *page) script(name string) string {
	p.Helper()
	var text strings.Builder
	text.WriteString("(async () => {\n")
	for _, file := range []string{"common", name} {
		part, err := scripts.ReadFile("check/" + file + ".js")
		if err != nil {
			p.Fatal(err)
		}
		text.Write(part)
	}
	text.WriteString("})()")
	return text.String()
}

// check is a look at the page that is shown.
type check func(*page) []finding

func byScript(name string) check {
	return func(p *page) []finding {
		p.Helper()
		return eval[[]finding](p, p.script(name))
	}
}

// The checks. Which rules each knows is in its script.
var (
	contrast  = byScript("contrast")
	structure = byScript("structure")
	layout    = byScript("layout")
	motion    = byScript("motion")
)

// named are the roles that must have a name.
var named = []string{
	"link", "button", "textbox", "searchbox", "combobox", "listbox", "checkbox", "radio", "switch", "slider", "spinbutton",
	"menuitem", "tab", "option", "image", "img", "dialog", "alertdialog", "DisclosureTriangle", "progressbar", "meter", "heading", "Date", "DateTime", "InputTime",
}

// names looks for what has no name in the tree that a screen reader reads.
func names(p *page) []finding {
	p.Helper()
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		p.Fatal(err)
	}
	var found []finding
	for _, n := range tree.Nodes {
		if n.Ignored || n.Role == nil || !slices.Contains(named, word(n.Role)) || strings.TrimSpace(word(n.Name)) != "" {
			continue
		}
		html, err := chromedp.Call(p.ctx, dom.GetOuterHTML, dom.GetOuterHTMLParams{BackendNodeID: n.BackendDOMNodeID})
		where := html.OuterHTML
		if err != nil {
			where = err.Error()
		}
		found = append(found, finding{"name", fmt.Sprintf("%.120s", where), "a " + word(n.Role) + " has no name"})
	}
	return found
}

// word is the text of a value in that tree.
func word(v *accessibility.Value) (text string) {
	if v == nil || json.Unmarshal(v.Value, &text) != nil {
		return ""
	}
	return text
}

// step is where the keyboard has come to.
type step struct {
	Index int // among the controls; negative for what is none
	Again bool
	Left  int // controls that had no focus yet
}

// noControl says that the focus is nowhere.
const noControl = -1

// tab presses the key.
var tab = call(input.DispatchKeyEvent, input.DispatchKeyEventParams{
	Type: input.DispatchKeyEventTypeRawKeyDown, Key: "Tab", Code: "Tab", WindowsVirtualKeyCode: 9, NativeVirtualKeyCode: 9,
})

// keyboard goes through the page by Tab alone.
func keyboard(p *page) []finding {
	p.Helper()
	var found []finding
	first := eval[step](p, p.script("focus"))
	for range 2*first.Left + 10 {
		p.do(tab)
		s := eval[step](p, `window.__way.step()`)
		if s.Again && s.Left > 0 {
			found = append(found, finding{"trap", "", "Tab leads back before all was reached"})
		}
		if s.Again || s.Index == noControl {
			break
		}
	}
	return append(found, eval[[]finding](p, `window.__way.end()`)...)
}

// weight bounds what the first look at a page may cost, in bytes on the wire.
const weight = 100_000

// shiftLimit is how much may move while a page loads; more is called poor, see
// https://web.dev/articles/cls.
const shiftLimit = 0.1

// performance looks at what the first look at a page cost. The page must have been
// the first that its window showed.
func performance(p *page) []finding {
	p.Helper()
	var found []finding
	if n := p.bytes(); n > weight {
		found = append(found, finding{"weight", p.where(), fmt.Sprintf("%d bytes came over the wire, at most %d may", n, weight)})
	} else if n == 0 {
		found = append(found, finding{"weight", p.where(), "nothing came over the wire"})
	}
	// Two frames later what was shown at first has been looked at.
	p.do(chromedp.Evaluate[chromedp.Void](`window.__frames = 0; requestAnimationFrame(() => requestAnimationFrame(() => { window.__frames = 2; }))`))
	p.until(`window.__frames === 2`)
	if shift := eval[float64](p, `window.__shift`); shift >= shiftLimit {
		found = append(found, finding{"shift", p.where(), fmt.Sprintf("what was shown moved by %.3f while it loaded", shift)})
	}
	return found
}

// passes fails the test for everything that the checks find.
func (p *page) passes(what string, checks ...check) {
	p.Helper()
	for _, c := range checks {
		for _, f := range c(p) {
			p.Errorf("%s%s: %s", p.where(), what, f)
		}
	}
}
