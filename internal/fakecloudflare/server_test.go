package fakecloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// furnish puts one of everything into the account and returns the values of the
// placeholders in the routes.
func furnish(f *fake) map[string]string {
	d := f.Deploy("shop", DeployOptions{Message: "first", Tag: "v1"})
	b := f.StartBuild("shop", BuildOptions{Message: "fix"})
	f.FinishBuild(b.UUID, BuildResult{Deploys: true, Log: []string{"one", "two"}})
	project := f.AddPagesProject(PagesProject{Name: "web", Subdomain: "web-9k2", Domains: []string{"web.example.com"}})
	p := f.StartPages("web", PagesOptions{Message: "hello"})
	p.Finish()
	q := f.AddQueue("builds", QueueOptions{})
	f.Subscribe(Subscription{Queue: "builds"})
	f.PutSecret("shop", "KEY")
	return map[string]string{
		"account": f.Account(), "worker": "shop", "script": "shop", "environment": "production",
		"version": d.Versions[0].Version, "deployment": d.ID, "tag": b.Tag, "build": b.UUID, "project": "web", "project_id": project,
		"pages_deployment": p.ID, "queue": q, "subscription": f.subscriptions[0].id, "secret": "KEY",
	}
}

// fill puts values into the placeholders of a route.
func fill(r *route, values map[string]string) string {
	path := r.path
	for name, value := range values {
		if name == "deployment" && strings.HasPrefix(r.path, inPages) {
			value = values["pages_deployment"]
		}
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	return path
}

// required are parameters without which a list is refused.
var required = map[string]string{
	inBuilds + "/builds":        "?version_ids=x",
	inBuilds + "/builds/latest": "?external_script_ids=x",
}

// TestEveryAnswerHasTheEnvelope asks for every route: well, without a token, with a
// wrong one, and for something that is not there.
func TestEveryAnswerHasTheEnvelope(t *testing.T) {
	f := newFake(t, Options{})
	values := furnish(f)
	check := func(name string, a answered) {
		t.Helper()
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(a.Body), &fields); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var list []any
		for _, field := range []string{"errors", "messages"} {
			if err := json.Unmarshal(fields[field], &list); err != nil || list == nil {
				t.Errorf("%s: %s is %s, want a list", name, field, fields[field])
			}
		}
		if _, ok := fields["result"]; !ok {
			t.Errorf("%s: no result", name)
		}
		for field := range fields {
			if !slices.Contains([]string{"success", "errors", "messages", "result", "result_info"}, field) {
				t.Errorf("%s: unknown field %q", name, field)
			}
		}
		if a.Success != (a.Status < 300) || a.Success != (len(a.Errors) == 0) {
			t.Errorf("%s: success is %t with status %d and errors %v", name, a.Success, a.Status, a.Errors)
		}
		if !a.Success && string(fields["result"]) != "null" {
			t.Errorf("%s: refused with the result %s", name, fields["result"])
		}
		if got := a.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: Content-Type %q", name, got)
		}
		if a.Header.Get("Ratelimit") == "" || a.Header.Get("Ratelimit-Policy") == "" {
			t.Errorf("%s: no rate limit headers", name)
		}
	}
	for _, r := range routes {
		path := fill(r, values)
		name := r.method + " " + path
		if strings.Contains(path, "{") {
			t.Errorf("%s: nothing to put in", name)
		}
		if r.method == "GET" {
			f.token = DefaultToken
			a := f.get(path + required[r.path])
			check(name, a)
			if accountVerify := r.path == inAccount+"/tokens/verify"; !a.Success && !accountVerify {
				t.Errorf("%s: %s", name, a.Body)
			}
		}
		for _, token := range []string{"", "wrong", "not well formed!"} {
			f.token = token
			a := f.do(r.method, path, "")
			check(name, a)
			if a.Success {
				t.Errorf("%s: taken with the token %q", name, token)
			}
		}
	}
	f.token = DefaultToken
	for _, r := range routes {
		missing := map[string]string{"account": f.Account()}
		for name := range values {
			if name != "account" {
				missing[name] = "missing"
			}
		}
		if path := fill(r, missing); strings.Contains(path, "missing") && r.method == "GET" {
			if a := f.get(path); a.Success {
				if !strings.HasSuffix(r.path, "/triggers") {
					t.Errorf("%s: %s", path, a.Body)
				}
			} else {
				check(path, a)
				if a.Status != http.StatusNotFound {
					t.Errorf("%s: %d %s", path, a.Status, a.Body)
				}
			}
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	f := newFake(t, Options{})
	f.get("workers/no-such-thing").wantRefused(t, 404, 7003)
	f.do("PATCH", "queues", "{}").wantRefused(t, 404, 7003)
	f.get("/accounts/short/queues").wantRefused(t, 404, 7003)
	f.get("/accounts/"+strings.Repeat("a", 32)+"/queues").wantRefused(t, 403, 10000)
	f.get("workers/workers/none").wantRefused(t, 404, 10007)
	f.get("workers/scripts/none/deployments").wantRefused(t, 404, 10007)
	f.get("workers/services/none").wantRefused(t, 404, 10090)
	f.get("pages/projects/none").wantRefused(t, 404, 8000007)
	f.get("pages/projects/none/deployments").wantRefused(t, 404, 8000007)
	f.get("builds/builds").wantRefused(t, 400, codeMalformed)
}

func TestTokens(t *testing.T) {
	f := newFake(t, Options{Tokens: []Token{
		{Secret: "all", Name: "all", Scopes: AllScopes()},
		{Secret: "read", Name: "read", Scopes: ReadScopes()},
		{Secret: "workers", Name: "workers", Scopes: []Scope{ScopeWorkers}},
		{Secret: "pages", Name: "pages", Scopes: []Scope{ScopePages}},
		{Secret: "builds", Name: "builds", Scopes: []Scope{ScopeBuilds}},
		{Secret: "queues", Name: "queues", Scopes: []Scope{ScopeQueues}},
		{Secret: "pull", Name: "pull", Scopes: []Scope{ScopeQueuesWrite}},
		{Secret: "scripts", Name: "scripts", Scopes: []Scope{ScopeWorkersWrite}},
		{Secret: "none", Name: "none"},
		{Secret: "account", Name: "account", Scopes: AllScopes(), AccountOwned: true},
		{Secret: "old", Name: "old", Scopes: AllScopes(), Status: TokenExpired},
	}})
	values := furnish(f)
	queue := "queues/" + values["queue"] + "/messages/pull"
	for _, c := range []struct {
		method, path string
		allowed      string
	}{
		{"GET", "workers/workers", "all read workers scripts account"},
		{"GET", "workers/scripts/shop/deployments", "all read workers scripts account"},
		{"GET", "workers/subdomain", "all read workers scripts account"},
		{"POST", "workers/scripts/shop/subdomain", "all scripts account"},
		{"GET", "pages/projects", "all read pages account"},
		{"GET", "builds/builds?version_ids=_", "all read builds"}, // account-owned tokens are rejected
		{"GET", "queues", "all read queues pull scripts account"},
		{"POST", queue, "all pull scripts account"},
		{"GET", "/accounts", "all read workers pages builds queues pull scripts none account"},
	} {
		for _, token := range f.tokens {
			f.token = token.Secret
			a := f.do(c.method, c.path, "")
			switch allowed := slices.Contains(strings.Fields(c.allowed), token.Name); {
			case allowed && !a.Success:
				t.Errorf("%s %s with %s: %s", c.method, c.path, token.Name, a.Body)
			case !allowed && token.Name == "old":
				if a.Status != 401 {
					t.Errorf("%s %s with %s: %d", c.method, c.path, token.Name, a.Status)
				}
			case !allowed && strings.HasPrefix(c.path, "builds") && token.AccountOwned:
				a.wantRefused(t, 401, 10000)
			case !allowed:
				a.wantRefused(t, 403, 10000)
			}
		}
	}

	f.token = "unknown"
	f.get("workers/workers").wantRefused(t, 401, 10000)
	f.get("/accounts").wantRefused(t, 401, 9109)
	f.get("/user/tokens/verify").wantRefused(t, 401, 1000)
	f.token = ""
	f.get("workers/workers").wantRefused(t, 400, 9106)
	f.token = "two words"
	f.get("workers/workers").wantRefused(t, 400, 6003)

	for token, path := range map[string]string{
		"read": "/user/tokens/verify", "none": "/user/tokens/verify", "old": "/user/tokens/verify",
		"account": "/accounts/" + f.Account() + "/tokens/verify",
	} {
		f.token = token
		want := "active"
		if token == "old" {
			want = "expired"
		}
		if got := dig(t, getOK[any](f, path), "status"); got != want {
			t.Errorf("%s is %v, want %s", token, got, want)
		}
	}
	f.token = "account"
	f.get("/user/tokens/verify").wantRefused(t, 401, 1000)
	f.token = "none"
	if got := getOK[[]any](f, "/accounts"); len(got) != 0 {
		t.Errorf("a token without scopes sees the accounts %v", got)
	}
	f.RemoveToken("read")
	f.token = "read"
	f.get("workers/workers").wantRefused(t, 401, 10000)
}

func TestLimit(t *testing.T) {
	f := newFake(t, Options{Limit: 3, Tokens: []Token{
		{Secret: "one", Name: "one", Scopes: AllScopes()},
		{Secret: "two", Name: "two", Scopes: AllScopes()}, // of the same user
		{Secret: "bob", Name: "bob", Scopes: AllScopes(), User: "bob@example.com"},
		{Secret: "acc", Name: "acc", Scopes: AllScopes(), AccountOwned: true},
	}})
	q := f.AddQueue("builds", QueueOptions{})
	get := func(token string) answered {
		f.token = token
		return f.get("workers/workers")
	}
	header := func(a answered, want string) {
		t.Helper()
		if got := a.Header.Get("Ratelimit"); got != want {
			t.Errorf("Ratelimit %q, want %q", got, want)
		}
	}
	a := get("one")
	header(a, `"default";r=2;t=300`)
	if got, want := a.Header.Get("Ratelimit-Policy"), `"burst";q=3;w=300`; got != want {
		t.Errorf("Ratelimit-Policy %q, want %q", got, want)
	}
	f.clock.Advance(time.Minute)
	header(get("two"), `"default";r=1;t=240`)
	header(get("one"), `"default";r=0;t=240`)
	for _, token := range []string{"one", "two"} {
		a = get(token)
		a.wantRefused(t, 429, 971)
		if got := a.Header.Get("Retry-After"); got != "240" {
			t.Errorf("Retry-After %q", got)
		}
		header(a, `"default";r=0;t=240`)
	}
	if got := f.IgnoredRetryAfter(); got != 1 {
		t.Errorf("%d requests ignored Retry-After, want 1", got)
	}
	for _, token := range []string{"bob", "acc"} {
		if a := get(token); !a.Success {
			t.Errorf("the limit of others stops %s: %s", token, a.Body)
		}
	}
	f.token = "one"
	for range 10 {
		if a := f.do("POST", "queues/"+q+"/messages/pull", "{}"); !a.Success || a.Header.Get("Retry-After") != "" {
			t.Fatalf("a pull is limited: %s", a.Body)
		}
		if a := f.do("POST", "queues/"+q+"/messages/ack", "{}"); !a.Success {
			t.Fatalf("an acknowledgement is limited: %s", a.Body)
		}
	}
	f.clock.Advance(240*time.Second - 1)
	get("one").wantRefused(t, 429, 971)
	f.clock.Advance(1)
	header(get("one"), `"default";r=2;t=300`)
}

func TestDefaultLimit(t *testing.T) {
	f := newFake(t, Options{})
	for i := range DefaultLimit {
		if a := f.get("workers/workers"); !a.Success {
			t.Fatalf("request %d: %s", i, a.Body)
		}
	}
	f.get("workers/workers").wantRefused(t, 429, 971)

	f = newFake(t, Options{Unlimited: true, Limit: 1})
	for range 3 {
		if a := f.get("workers/workers"); !a.Success {
			t.Fatal(a.Body)
		}
	}
}

func TestFaults(t *testing.T) {
	f := newFake(t, Options{})
	q := f.AddQueue("builds", QueueOptions{})
	f.Send("builds", QueueMessage{Body: "x"})
	attempts := func() int { return f.Pending("builds")[0].Attempts }
	pull := func(fault Fault) (*http.Response, string, error) {
		f.SetFaults(func(c Call) Fault {
			if c.Route == "/accounts/{account}/queues/{queue}/messages/pull" {
				return fault
			}
			return Fault{}
		})
		r, err := http.NewRequest("POST", "http://x"+BasePath+"/accounts/"+f.Account()+"/queues/"+q+"/messages/pull", strings.NewReader(`{"visibility_timeout_ms":0}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+DefaultToken)
		response, err := f.Client().Do(r)
		if err != nil {
			return nil, "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return response, string(body), err
	}
	for _, c := range []struct {
		fault       Fault
		status      int // 0 for a broken connection
		delivered   int
		body        string
		processed   bool
		contentType string
	}{
		{Fault{}, 200, 1, `"success":true`, true, "application/json"},
		{Fault{Kind: FaultStatus}, 502, 0, "<h1>502 Bad Gateway</h1>", false, "text/html; charset=UTF-8"},
		{Fault{Kind: FaultStatus, Status: 503, Accepted: true}, 503, 1, "<h1>503", true, "text/html; charset=UTF-8"},
		{Fault{Kind: FaultRefuse, Code: 10001, Message: "no"}, 400, 0, `"errors":[{"code":10001,"message":"no"}]`, false, "application/json"},
		{Fault{Kind: FaultRefuse, Status: 500, Code: 10013, Accepted: true}, 500, 0, `"code":10013`, false, "application/json"},
		{Fault{Kind: FaultReset}, 0, 0, "", false, ""},
		{Fault{Kind: FaultReset, Accepted: true}, 0, 1, "", true, ""},
		{Fault{Kind: FaultGarbage}, 200, 0, `"result":[{"id":`, false, "application/json"},
		{Fault{Kind: FaultGarbage, Accepted: true}, 200, 1, `"result":[{"id":`, true, "application/json"},
		{Fault{Kind: FaultRateLimit, RetryAfter: 90 * time.Second}, 429, 0, `"code":971`, false, "application/json"},
	} {
		f.Server = New(Options{Now: f.clock.Now})
		q = f.AddQueue("builds", QueueOptions{MaxRetries: 100})
		f.Send("builds", QueueMessage{Body: "x"})
		response, body, err := pull(c.fault)
		if c.status == 0 {
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%+v: error %v", c.fault, err)
			}
		} else if err != nil || response.StatusCode != c.status || !strings.Contains(body, c.body) || response.Header.Get("Content-Type") != c.contentType {
			t.Errorf("%+v: %v, %v, %s", c.fault, response, err, body)
		} else if want := c.fault.RetryAfter; want != 0 && response.Header.Get("Retry-After") != "90" {
			t.Errorf("%+v: Retry-After %q", c.fault, response.Header.Get("Retry-After"))
		}
		if got := attempts(); got != c.delivered {
			t.Errorf("%+v: delivered %d times, want %d", c.fault, got, c.delivered)
		}
		call := f.Calls()[0]
		if !call.Done || call.Status != c.status || call.Processed != c.processed || call.Fault.Kind != c.fault.Kind {
			t.Errorf("%+v: logged as %+v", c.fault, call)
		}
	}
}

// TestInjectedLimitBlocks has one 429 block the user as the real one does.
func TestInjectedLimitBlocks(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	f.SetFaults(func(c Call) Fault {
		if c.Seq == 1 {
			return Fault{Kind: FaultRateLimit, RetryAfter: 1500 * time.Millisecond}
		}
		return Fault{}
	})
	if got := f.get("workers/workers").Header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %q, want 2", got)
	}
	f.clock.Advance(time.Second)
	f.get("workers/workers").wantRefused(t, 429, 971)
	f.clock.Advance(time.Second)
	if a := f.get("workers/workers"); !a.Success {
		t.Error(a.Body)
	}
	if got := f.IgnoredRetryAfter(); got != 1 {
		t.Errorf("%d ignored, want 1", got)
	}
}

// TestDelay runs in a bubble, where only the in-process client works.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		s.SetFaults(func(Call) Fault { return Fault{Delay: time.Minute} })
		begin := time.Now()
		f := &fake{Server: s, t: t, token: DefaultToken}
		if a := f.get("workers/workers"); !a.Success {
			t.Error(a.Body)
		}
		if got := time.Since(begin); got != time.Minute {
			t.Errorf("answered after %s", got)
		}

		open := make(chan struct{})
		s.SetFaults(func(Call) Fault { return Fault{Hold: open} })
		go func() {
			time.Sleep(time.Hour)
			close(open)
		}()
		f.get("workers/workers")
		if got := time.Since(begin); got != time.Hour+time.Minute {
			t.Errorf("answered after %s", got)
		}

		s.SetFaults(func(Call) Fault { return Fault{Hold: make(chan struct{})} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", "http://x"+BasePath+"/accounts", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Client().Do(r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		synctest.Wait()
		if last := s.Calls()[2]; !last.Done || last.Processed || last.Status != 0 {
			t.Errorf("logged as %+v", last)
		}
	})
}

func TestCalls(t *testing.T) {
	f := newFake(t, Options{Tokens: []Token{{Secret: "s", Name: "monitor", Scopes: AllScopes()}}, MaxCalls: 2})
	f.token = "s"
	f.get("workers/workers?page=2&per_page=5")
	f.token = "wrong"
	f.do("POST", "queues/x/messages/pull", `{"batch_size":7}`)
	calls := f.Calls()
	first := calls[0]
	if first.Seq != 1 || first.Method != "GET" || first.Path != "/accounts/"+f.Account()+"/workers/workers" ||
		first.Route != "/accounts/{account}/workers/workers" || first.Param("page") != "2" || first.Token != "monitor" ||
		first.Status != 200 || first.Code != 0 || !first.Done || !first.Processed || !first.Received.Equal(f.clock.Now()) {
		t.Errorf("first call %+v", first)
	}
	if second := calls[1]; second.Token != "" || second.Status != 401 || second.Code != 10000 || second.Body != `{"batch_size":7}` {
		t.Errorf("second call %+v", second)
	}
	f.get("queues")
	calls = f.Calls()
	if len(calls) != 2 || calls[0].Seq != 2 || calls[1].Seq != 3 || f.CallCount() != 3 {
		t.Errorf("remembered %+v of %d", calls, f.CallCount())
	}
	if got := f.Count(func(c Call) bool { return c.Method == "GET" }); got != 1 {
		t.Errorf("counted %d", got)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		go func() {
			time.Sleep(time.Second)
			s.Deploy("shop", DeployOptions{})
		}()
		if err := s.Wait(t.Context(), func(s *Server) bool { return len(s.Workers()) == 1 }); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Wait(ctx, func(*Server) bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

func TestStart(t *testing.T) {
	s := New(Options{})
	url, stop, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if !strings.HasPrefix(url, "http://127.0.0.1:") || !strings.HasSuffix(url, BasePath) {
		t.Errorf("url %s", url)
	}
	r, err := http.NewRequest("GET", url+"/user/tokens/verify", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+DefaultToken)
	response, err := http.DefaultClient.Do(r)
	if err != nil || response.StatusCode != 200 {
		t.Fatal(response, err)
	}
	response.Body.Close()
	s.SetFaults(func(Call) Fault { return Fault{Kind: FaultReset} })
	if response, err := http.DefaultClient.Do(r); err == nil {
		response.Body.Close()
		t.Error("the connection did not break")
	}
	stop()
	stop()
}

// TestRandomFaults: what is drawn arrives whole.
func TestRandomFaults(t *testing.T) {
	faults, got := RandomFaults(1, Mix{Status: 0.3, RateLimit: 0.3, Slow: 0.3, RetryAfter: time.Minute, Delay: time.Hour}), map[Fault]bool{}
	for seq := range 200 {
		got[faults(Call{Seq: seq})] = true
	}
	for _, want := range []Fault{{}, {Kind: FaultStatus, Status: 502}, {Kind: FaultRateLimit, RetryAfter: time.Minute}, {Accepted: true, Delay: time.Hour}} {
		if !got[want] {
			t.Errorf("no %+v among %v", want, got)
		}
	}
}

// TestTogether is for the race detector.
func TestTogether(t *testing.T) {
	f := newFake(t, Options{Unlimited: true})
	values := furnish(f)
	f.SetFaults(RandomFaults(1, Mix{Status: .1, Garbage: .1, ResetAfter: .1, ResetBefore: .1}))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 20 {
				f.Deploy("shop", DeployOptions{})
				b := f.StartBuild("shop", BuildOptions{})
				f.FinishBuild(b.UUID, BuildResult{Uploads: true})
				f.StartPages("web", PagesOptions{}).Finish()
				f.Send("builds", QueueMessage{Body: "x"})
				f.AddToken(Token{Secret: string(rune('a' + i))})
				f.Calls()
				f.Pending("builds")
			}
		})
		wg.Go(func() {
			for _, r := range routes {
				request, err := http.NewRequest(r.method, "http://x"+BasePath+fill(r, values)+required[r.path], strings.NewReader("{}"))
				if err != nil {
					t.Error(err)
					continue
				}
				if r.method == "DELETE" {
					continue
				}
				request.Header.Set("Authorization", "Bearer "+DefaultToken)
				if response, err := f.Client().Do(request); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
			}
		})
	}
	wg.Wait()
}

// TestSameIDs keeps goldens of clients stable.
func TestSameIDs(t *testing.T) {
	ids := func() map[string]string { return furnish(newFake(t, Options{})) }
	first, second := ids(), ids()
	for name, id := range first {
		if second[name] != id {
			t.Errorf("%s is %s and %s", name, id, second[name])
		}
	}
}
