package browser

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	protocol "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/shipbell/shipbell/test/hostile"
)

// pwned is the function that hostile values call. A page in which it is called has
// run what a stranger wrote.
const pwned = hostile.Function

// witness sees all that happens to a page, and keeps what must not.
type witness struct {
	origin string // of the server that the page is from

	mu      sync.Mutex
	wrongs  []string
	excused []string
	kinds   map[network.RequestID]network.ResourceType
	urls    map[network.RequestID]string
	wire    map[network.RequestID]float64
	visited []string // what the main frame showed, in order
}

func newWitness(origin string) *witness {
	return &witness{
		origin: origin, kinds: make(map[network.RequestID]network.ResourceType),
		urls: make(map[network.RequestID]string), wire: make(map[network.RequestID]float64),
	}
}

// hear is called for every event, in order; it must not wait for the browser.
func (w *witness) hear(ctx context.Context, event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wrong := func(format string, args ...any) {
		w.wrongs = append(w.wrongs, fmt.Sprintf("%.200s: ", w.where())+fmt.Sprintf(format, args...))
	}
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, a := range e.Args {
			words = append(words, strings.Trim(string(a.Value), `"`)+a.Description)
		}
		wrong("console.%s: %s", e.Type, strings.Join(words, " "))
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		wrong("exception: %s", text)
	case *runtime.EventBindingCalled:
		if e.Name == pwned {
			wrong("a hostile value ran: %s", e.Payload)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelVerbose {
			return // advice
		}
		wrong("log: %s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
	case *audits.EventIssueAdded:
		if csp := e.Issue.Details.ContentSecurityPolicyIssueDetails; csp != nil {
			wrong("policy: %s stopped %s", csp.ViolatedDirective, csp.BlockedURL)
		} else if quirks := e.Issue.Details.QuirksModeIssueDetails; quirks != nil {
			wrong("issue: %s", e.Issue.Code)
		}
	case *protocol.EventJavascriptDialogOpening:
		wrong("dialog: %s %q", e.Type, e.Message)
		go func() {
			_, _ = chromedp.Call(ctx, protocol.HandleJavaScriptDialog, protocol.HandleJavaScriptDialogParams{})
		}()
	case *protocol.EventWindowOpen:
		wrong("a window was opened: %s", e.URL)
	case *protocol.EventFrameNavigated:
		if e.Frame.ParentID == "" {
			w.visited = append(w.visited, e.Frame.URL)
		} else {
			wrong("a frame was loaded: %s", e.Frame.URL)
		}
	case *network.EventRequestWillBeSent:
		w.kinds[e.RequestID], w.urls[e.RequestID] = e.Type, e.Request.URL
		if url := e.Request.URL; !strings.HasPrefix(url, w.origin+"/") && !(strings.HasPrefix(url, "data:image/") && e.Type == network.ResourceTypeImage) {
			wrong("another server is asked: %.200s", url)
		}
	case *network.EventLoadingFinished:
		w.wire[e.RequestID] += e.EncodedDataLength
	case *network.EventLoadingFailed:
		// What a page stops itself, or is stopped by leaving it, did not fail.
		if !e.Canceled || e.BlockedReason != "" {
			wrong("failed to load: %s %s %s", w.urls[e.RequestID], e.ErrorText, e.BlockedReason)
		}
	}
}

// excuse lets pass what contains the text: what a test means to happen.
func (w *witness) excuse(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.excused = append(w.excused, text)
}

// take returns what went wrong since the last call.
func (w *witness) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	wrongs := slices.DeleteFunc(w.wrongs, func(wrong string) bool {
		return slices.ContainsFunc(w.excused, func(e string) bool { return strings.Contains(wrong, e) })
	})
	w.wrongs = nil
	return wrongs
}

// bytes returns how much came over the wire, pictures aside.
func (w *witness) bytes() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, length := range w.wire {
		if w.kinds[id] != network.ResourceTypeImage {
			n += int(length)
		}
	}
	return n
}

// where is the address that is shown, without the server.
func (w *witness) where() string {
	if len(w.visited) == 0 {
		return "no page"
	}
	return strings.TrimPrefix(w.visited[len(w.visited)-1], w.origin)
}

// pages returns what the main frame showed, in order.
func (w *witness) pages() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.visited)
}
