package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	protocol "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds what a test does with one page. It is never waited for.
const patience = 2 * time.Minute

// The schemes that people can prefer.
const (
	light = "light"
	dark  = "dark"
)

// page is a window with one page, watched from its first byte.
type page struct {
	*testing.T
	*witness
	ctx   context.Context
	close func() // says what went wrong since it was last asked
}

// shifts adds up how much of what was shown has moved by itself.
const shifts = `window.__shift = 0;
new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.__shift += e.value; })
  .observe({ type: "layout-shift", buffered: true });`

// marks lets a page be asked whether a hostile value has run.
const marks = `{ const tell = window.__pwned; window.__pwned = (text) => { window.__pwned.called = true; tell(String(text)); }; }`

// open opens an empty window for pages of a server. What goes wrong in it fails the
// test at its end.
func open(t *testing.T, origin string) *page {
	t.Helper()
	deadline, stop := context.WithTimeout(chromium, patience)
	w := newWitness(origin)
	var ctx context.Context
	ctx, cancel := chromedp.NewContext(deadline,
		chromedp.WithNewBrowserContext(),
		chromedp.WithListener(func(event any) { w.hear(ctx, event) }))
	p := &page{T: t, witness: w, ctx: ctx}
	p.close = sync.OnceFunc(func() {
		p.report()
		cancel()
		stop()
	})
	t.Cleanup(p.close)
	p.do(
		call(audits.Enable, cdp.Empty{}),
		call(runtime.AddBinding, runtime.AddBindingParams{Name: pwned}),
		call(protocol.AddScriptToEvaluateOnNewDocument, protocol.AddScriptToEvaluateOnNewDocumentParams{Source: shifts + marks}),
	)
	p.size(1280)
	p.prefer(light)
	return p
}

// call is an action that sends a command whose answer does not matter.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// report fails the test for what went wrong since it was last asked.
func (p *page) report() {
	p.Helper()
	for _, wrong := range p.take() {
		p.Error(wrong)
	}
}

// where is the address that is shown, without the server.
func (p *page) where() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.witness.where()
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.report()
		p.Fatalf("%s: %v", p.where(), err)
	}
}

func run[T any](p *page, action chromedp.Action[T]) T {
	p.Helper()
	value, err := chromedp.Run(p.ctx, action)
	if err != nil {
		p.report()
		p.Fatalf("%s: %v", p.where(), err)
	}
	return value
}

// awaited has a promise be waited for.
func awaited(p *runtime.EvaluateParams) { p.AwaitPromise = new(true) }

// eval returns the value of an expression in the page, or of its promise.
func eval[T any](p *page, expression string) T {
	p.Helper()
	return run(p, chromedp.Evaluate[T](expression, awaited))
}

// visit goes to a path and waits until it is loaded.
func (p *page) visit(path string) *network.Response {
	p.Helper()
	return run(p, chromedp.NavigateResponse(p.origin+path))
}

// follow does what leads to another page and waits until that is loaded.
func (p *page) follow(action chromedp.Action[chromedp.Void]) *network.Response {
	p.Helper()
	response, err := chromedp.RunResponse(p.ctx, action)
	if err != nil {
		p.report()
		p.Fatalf("%s: %v", p.where(), err)
	}
	return response
}

// every is how often a condition is looked at.
const every = 20 * time.Millisecond

// until waits until an expression is true in the page, whichever page that is then.
func (p *page) until(expression string) {
	p.Helper()
	if err := p.wait(expression, patience/4); err != nil {
		p.report()
		p.Fatalf("%s: waiting for %s: %v", p.where(), expression, err)
	}
}

// soon waits a little for what may not come.
func (p *page) soon(expression string) { _ = p.wait(expression, 3*time.Second) }

func (p *page) wait(expression string, atMost time.Duration) error {
	poll := chromedp.Evaluate[bool](fmt.Sprintf(
		`(async () => { while (!(%s)) await new Promise((again) => setTimeout(again, %d)); return true; })()`,
		expression, every.Milliseconds()), awaited)
	limit, stop := context.WithTimeout(p.ctx, atMost)
	defer stop()
	for {
		// A page that is left may be kept for going back to it. It stands still then and
		// neither answers nor fails, so whichever is shown is asked again. Poll would go
		// on asking the one that it knows.
		ask, enough := context.WithTimeout(limit, time.Second)
		_, err := chromedp.Run(ask, poll)
		enough()
		if err == nil || limit.Err() != nil || !leftPage(err) && ask.Err() == nil {
			return err
		}
	}
}

// leftPage reports whether an expression has no value because its page is gone.
func leftPage(err error) bool {
	var e *cdproto.Error
	return errors.As(err, &e) && (strings.Contains(e.Message, "context") || strings.Contains(e.Message, "navigated"))
}

// size sets the width of the window. The narrow one is a phone.
func (p *page) size(width int64) {
	p.Helper()
	params := emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1}
	switch {
	case width < 600:
		params.Height, params.DeviceScaleFactor, params.Mobile = 844, 2, true
	case width > 2000:
		params.Height = 1440
	}
	p.do(call(emulation.SetDeviceMetricsOverride, params))
}

// prefer sets the scheme that the reader prefers, who also wants little motion:
// what is looked at has come to rest.
func (p *page) prefer(scheme string) {
	p.Helper()
	p.do(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}))
}

// withoutScripts has the window run none.
func (p *page) withoutScripts() {
	p.Helper()
	p.do(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

// text is what people read on the page, or in a part of it.
func (p *page) text(selector string) string {
	p.Helper()
	return run(p, chromedp.Text(chromedp.CSS(selector)))
}

// click clicks on the first element, where a pointer would.
func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}

// typeInto types into a field.
func typeInto(selector, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.CSS(selector), text)
}

// evaluate runs an expression for what it does.
func evaluate(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](expression)
}

// screenshots is where they are kept, beside what else is made and not committed.
const screenshots = "../../.cache/screenshots"

// tallest bounds a screenshot, in pixels of the page.
const tallest = 4000

// shoot keeps a screenshot of the whole page.
func (p *page) shoot(name string) {
	p.Helper()
	size := eval[[]float64](p, `[document.documentElement.clientWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]`)
	yes := true
	shot, err := chromedp.Call(p.ctx, protocol.CaptureScreenshot, protocol.CaptureScreenshotParams{
		CaptureBeyondViewport: &yes, OptimizeForSpeed: &yes,
		Clip: &protocol.Viewport{Width: size[0], Height: min(size[1], tallest), Scale: 1},
	})
	if err == nil {
		err = os.MkdirAll(screenshots, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(screenshots, name+".png"), shot.Data, 0o644)
	}
	if err != nil {
		p.Errorf("screenshot %s: %v", name, err)
	}
}
