package demo

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/faketelegram"
)

// transcript is an output that can be waited for.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{} // closed and replaced at every write
}

func newTranscript() *transcript { return &transcript{news: make(chan struct{})} }

// Write implements io.Writer.
func (o *transcript) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.news)
	o.news = make(chan struct{})
	return o.text.Write(b)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// find waits until the output matches and returns the groups.
func (o *transcript) find(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(30 * time.Second)
	for {
		o.mu.Lock()
		news := o.news
		found := re.FindStringSubmatch(o.text.String())
		o.mu.Unlock()
		if found != nil {
			return found
		}
		select {
		case <-news:
		case <-deadline:
			t.Fatalf("no %q in\n%s", pattern, o)
		}
	}
}

// wantNothingLeft checks that the demo's directory is gone.
func wantNothingLeft(t *testing.T, o *transcript) {
	t.Helper()
	dir := o.find(t, `keeps data in (\S+)`)[1]
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

// volatile is what differs from run to run. How often a delivery fails during
// the outage depends on how fast the machine is.
var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`\S*shipbell-demo-\d+`), "DIR"},
	{regexp.MustCompile(`(Shipbell: message .*)\d\d:\d\d:\d\d`), "${1}CLOCK"},
	{regexp.MustCompile(` *\d+\.\d (ms|s)`), " TOOK"},
	{regexp.MustCompile(`(    x TOOK  sendMessage: 502 Bad Gateway\n)+`), "    x TOOK  sendMessage: 502 Bad Gateway\n"},
}

func TestRun(t *testing.T) {
	t.Parallel()
	out := newTranscript()
	if err := Run(t.Context(), Options{Out: out, Version: "test", Command: "shipbell"}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantNothingLeft(t, out)
	got := out.String()
	for _, v := range volatile {
		got = v.pattern.ReplaceAllString(got, v.with)
	}
	wantGolden(t, "plain.txt", got)
}

// wantGolden compares with a file in testdata. SHIPBELL_UPDATE=1 rewrites it.
func wantGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("SHIPBELL_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not as in %s:\n%s", path, got)
	}
}

// runHasty runs a demo in which Telegram has no limits.
func runHasty(ctx context.Context, o Options) error {
	p := &play{Options: o, screen: newScreen(o.Out)}
	p.hasty = true
	return p.run(ctx)
}

// A demo that is kept shows what is pushed to it, and ends when told to.
func TestKeep(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := newTranscript()
	ended := make(chan error, 1)
	go func() { ended <- runHasty(ctx, Options{Out: out, Keep: true, Command: "shipbell"}) }()

	given := out.find(t, `DEPLOY_NOTIFY_URL=(\S+)(?s:.*)DEPLOY_NOTIFY_TOKEN=(\S+)(?s:.*)to stay`)
	push := func(body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, given[1]+"/notify", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+given[2])
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
	push(`{"deployment":{"projectName":"my-app","deploymentId":"1"}}`)
	out.find(t, `message 11, [\d:]+\n(?s:.*)\n      \| Project: my-app`)
	push(`{"deployment":{"projectName":"my-app","deploymentId":"1","status":"canceled"}}`)
	out.find(t, `message 11, edited [\d:]+\n(?s:.*)\n    \+ \| 🚫 Canceled`)

	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the demo does not end")
	}
	wantNothingLeft(t, out)
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{
		"between steps":     ` 3  `,
		"during the outage": `Telegram answers 502`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := newTranscript()
			ended := make(chan error, 1)
			go func() { ended <- runHasty(ctx, Options{Out: out}) }()
			out.find(t, at)
			cancel()
			select {
			case err := <-ended:
				if !errors.Is(err, ErrInterrupted) {
					t.Errorf("got %v, want %v", err, ErrInterrupted)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("the demo does not end")
			}
			wantNothingLeft(t, out)
		})
	}
}

// brokenPipe is an output whose reader has hung up.
type brokenPipe struct{}

var errHungUp = errors.New("hung up")

// Write implements io.Writer.
func (brokenPipe) Write([]byte) (int, error) { return 0, errHungUp }

func TestReaderHangsUp(t *testing.T) {
	t.Parallel()
	if err := Run(t.Context(), Options{Out: brokenPipe{}}); !errors.Is(err, errHungUp) {
		t.Errorf("got %v, want %v", err, errHungUp)
	}
}

// The demo must not believe itself: what it claims of the messages after the
// outage is checked against them.
func TestCaughtUpIsChecked(t *testing.T) {
	docs := faketelegram.Message{ID: 2, Text: "📄 New Pages Deployment\n✅ Deployed in 1 min 11 s\n\nProject: docs-site"}
	billing := faketelegram.Message{ID: 3, Text: "⚡ New Worker Deployment\n\nProject: billing-api\nEnvironment: 🔧 staging"}
	announced := docs
	announced.Text = strings.Replace(docs.Text, "✅ Deployed in 1 min 11 s\n", "", 1)
	edited := docs
	edited.Earlier = []faketelegram.Revision{{Text: announced.Text}}
	for name, c := range map[string]struct {
		messages []faketelegram.Message
		ok       bool
	}{
		"as claimed":     {[]faketelegram.Message{docs, billing}, true},
		"lost":           {[]faketelegram.Message{docs}, false},
		"twice":          {[]faketelegram.Message{docs, docs, billing}, false},
		"out of order":   {[]faketelegram.Message{billing, docs}, false},
		"not the latest": {[]faketelegram.Message{announced, billing}, false},
		"edited":         {[]faketelegram.Message{edited, billing}, false},
	} {
		p := &play{screen: newScreen(&bytes.Buffer{})}
		if err := p.checkCaughtUp(c.messages); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the demo claims of answers and of the record is checked, too.
func TestClaimsAreChecked(t *testing.T) {
	main := faketelegram.Message{ID: 2, Text: "⚡ New Worker Deployment\n❌ Failed"}
	for name, c := range map[string]struct {
		err error
		ok  bool
	}{
		"it answers":        {rings(faketelegram.Message{ID: 3, ReplyTo: 2}, main), true},
		"it answers nobody": {rings(faketelegram.Message{ID: 3}, main), false},
		"it is silent":      {rings(faketelegram.Message{ID: 3, ReplyTo: 2, Silent: true}, main), false},
		"it says so":        {contains(main, "Failed", "Worker"), true},
		"it does not":       {contains(main, "Failed", "Deployed"), false},
		"recorded once":     {checkState(`{"workers":["deploy-001","deploy-002","x","build-abc123"],"pages":["page-001","page-002"],"lastCheck":"2025-01-15T10:30:40Z"}`), true},
		"recorded twice":    {checkState(`{"workers":["deploy-001","deploy-002","build-abc123","build-abc123"],"pages":["page-001","page-002"],"lastCheck":"2025-01-15T10:30:40Z"}`), false},
		"imported lost":     {checkState(`{"workers":["deploy-001","build-abc123"],"pages":["page-001","page-002"],"lastCheck":"2025-01-15T10:30:40Z"}`), false},
		"another shape":     {checkState(`{"workers":["deploy-001","deploy-002","build-abc123"],"pages":["page-001","page-002"],"lastCheck":"2025-01-15T10:30:40Z","x":1}`), false},
	} {
		if (c.err == nil) != c.ok {
			t.Errorf("%s: %v", name, c.err)
		}
	}
}

// That Cloudflare is only read is checked against what it was asked.
func TestOnlyReadIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		method, path string
		ok           bool
	}{
		"reading":  {http.MethodGet, "/workers/workers", true},
		"refused":  {http.MethodGet, "/workers/scripts/nobody/deployments", false},
		"changing": {http.MethodPost, "/pages/projects", false},
	} {
		p := &play{server: server{cloudflare: fakecloudflare.New(fakecloudflare.Options{})}}
		req, err := http.NewRequestWithContext(t.Context(), c.method,
			"http://cloudflare"+fakecloudflare.BasePath+"/accounts/"+p.cloudflare.Account()+c.path, strings.NewReader(`{"name":"docs"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+fakecloudflare.DefaultToken)
		resp, err := p.cloudflare.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if err := p.onlyRead(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClock(t *testing.T) {
	c := &clock{now: morning}
	c.set(yesterday)
	if !c.Now().Equal(morning) {
		t.Errorf("the clock went back to %s", c.Now())
	}
	later := morning.Add(time.Hour)
	if c.set(later); !c.Now().Equal(later) {
		t.Errorf("the clock is at %s, want %s", c.Now(), later)
	}
}

// The first push is the contract's, to the byte but for white space.
func TestContractPush(t *testing.T) {
	const want = `{"deployment":{"type":"worker","projectName":"api-service","deploymentId":"build-abc123",` +
		`"branch":"feature/add-auth","commitHash":"abc123def456789...",` +
		`"commitMessage":"Add JWT authentication\n\nImplemented:\n- Token generation\n- Token validation\n- Refresh tokens",` +
		`"author":"dev@example.com","timestamp":"2025-01-15T10:30:45Z","environment":"production","isCI":true}}`
	body, err := notify{build: apiService}.body(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(body), "\n")
	for i, l := range lines {
		lines[i] = strings.Replace(strings.TrimSpace(l), `": `, `":`, 1)
	}
	if got := strings.Join(lines, ""); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Nothing of the machine that the demo runs on gets into its pushes.
func TestBuildsAreSealed(t *testing.T) {
	for _, name := range []string{"CF_PAGES", "GITHUB_ACTIONS", "WORKERS_CI", "ENVIRONMENT", "CLOUDFLARE_ENV"} {
		t.Setenv(name, "stranger")
	}
	for _, b := range []build{apiService, docsSite, billingAPI, webShop, webShopAgain} {
		body, err := notify{build: b}.body(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), "stranger") || !strings.Contains(string(body), `"projectName": "`+b.project+`"`) {
			t.Errorf("%s pushes\n%s", b.project, body)
		}
	}
}

func TestCommandName(t *testing.T) {
	if got := CommandName(); !slices.Contains([]string{"go run ./cmd/shipbell", os.Args[0]}, got) {
		t.Errorf("got %q", got)
	}
}
