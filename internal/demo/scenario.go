package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell/internal/client"
	"github.com/shipbell/shipbell/internal/faketelegram"
)

// The pauses for a person to read.
const (
	betweenSteps = 1200 * time.Millisecond
	betweenLines = 300 * time.Millisecond
)

// play is one run of the scenario.
type play struct {
	Options
	server
	screen *screen

	pushes int // acknowledged
}

// What the contract promises, to be compared with.
const (
	contractAnswer  = `{"success":true,"message":"Notification queued"}`
	contractMessage = `⚡ New Worker Deployment

Project: api-service
Environment: 🚀 production
Deployment ID: build-abc123
Author: dev@example.com
Branch: feature/add-auth
Commit: abc123d - Add JWT authentication
Time: Jan 15, 2025, 10:30 AM UTC`
)

// scenario plays step by step. Each step ends when what it claims was checked.
func (p *play) scenario(ctx context.Context) error {
	s := p.screen
	s.gap()
	s.line(indent, s.paint("Shipbell", accent, sgrBold), s.dim("  One deployment, one message, always current."))
	s.gap()
	s.note("No account, no configuration, no network: the server and a Telegram with its true limits run in this process. What you see is what that Telegram holds.")
	steps := []struct {
		title string
		play  func(context.Context) error
	}{
		{"The server is up", p.serverIsUp},
		{"A build step announces a deployment", p.announce},
		{"The build is started again: the same push, twice more", p.repeat},
		{"What was taken is on record", p.state},
		{"The outcome arrives, and the message becomes true", p.outcome},
		{"Telegram goes down while deployments go on", p.outage},
		{"A deployment fails, and its message says so", p.failure},
		{"All of that was real", p.summary},
	}
	for i, step := range steps {
		if i > 0 {
			s.pause(ctx, betweenSteps)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.heading(i+1, step.title)
		if err := step.play(ctx); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		if s.err != nil {
			return s.err
		}
	}
	return nil
}

func (p *play) serverIsUp(ctx context.Context) error {
	answer, err := p.ask(ctx, http.MethodGet, "/health", nil)
	if err != nil {
		return err
	}
	s := p.screen
	s.field("answers at", p.url)
	s.field("keeps data in", p.dir)
	s.field("posts to", fmt.Sprintf("the Telegram group %s, %d", chatTitle, chatID))
	s.field("remembers", fmt.Sprintf("%d deployments imported from an older monitor, so that none is announced again",
		len(imported.Workers)+len(imported.Pages)))
	s.proved("GET /health: %s", answer)
	return nil
}

func (p *play) announce(ctx context.Context) error {
	s := p.screen
	s.note("In %s. The client finds everything by itself: in the environment, git and wrangler.toml.", apiService.ci)
	began := time.Now()
	if err := p.push(ctx, notify{build: apiService}); err != nil {
		return err
	}
	if err := p.until(ctx, "a message in the chat", func() bool { return p.telegram.Count(chatID) > 0 }); err != nil {
		return err
	}
	m := p.messages()[0]
	s.bubble(m, nil)
	if m.Text != contractMessage {
		return fmt.Errorf("the message is not the contract's:\n%s", contractMessage)
	}
	s.proved("in the chat %s after the client was started", took(m.Sent.Sub(began)))
	return nil
}

func (p *play) repeat(ctx context.Context) error {
	s := p.screen
	n := notify{build: apiService}
	s.note("Once with the client, once by hand.")
	if err := p.push(ctx, n); err != nil {
		return err
	}
	s.pause(ctx, betweenLines)
	body, err := n.body(ctx)
	if err != nil {
		return err
	}
	answer, err := p.ask(ctx, http.MethodPost, "/notify", body)
	if err != nil {
		return err
	}
	p.pushes++
	s.command("", "POST /notify")
	s.output("200 " + answer)
	if answer != contractAnswer {
		return fmt.Errorf("the answer is not the contract's, %s", contractAnswer)
	}
	// An empty backlog, seen after the answers, means that nothing will follow.
	if err := p.settled(ctx); err != nil {
		return err
	}
	if got := p.messages(); len(got) != 1 || len(got[0].Earlier) != 0 {
		return fmt.Errorf("there are %d messages in the chat instead of the one, unchanged", len(got))
	}
	s.proved("the same answer, and still 1 message: %d pushes, nothing left to deliver", p.pushes)
	return nil
}

func (p *play) state(ctx context.Context) error {
	answer, err := p.ask(ctx, http.MethodGet, "/state", nil)
	if err != nil {
		return err
	}
	var state struct {
		Workers   []string  `json:"workers"`
		Pages     []string  `json:"pages"`
		LastCheck time.Time `json:"lastCheck"`
	}
	decoder := json.NewDecoder(strings.NewReader(answer))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&state)
	if err != nil || state.LastCheck.IsZero() ||
		!slices.Equal(state.Workers, append(slices.Clone(imported.Workers), "build-abc123")) ||
		!slices.Equal(state.Pages, imported.Pages) {
		return fmt.Errorf("GET /state does not tell the ids that were taken: %s", answer)
	}
	s := p.screen
	s.command("", "GET /state")
	s.output("{")
	s.output(`  "workers": ` + list(state.Workers) + ",")
	s.output(`  "pages": ` + list(state.Pages) + ",")
	s.output(`  "lastCheck": "` + state.LastCheck.Format(time.RFC3339) + `"`)
	s.output("}")
	s.proved("the imported ids and the pushed one: none of them is announced again")
	return nil
}

// list writes ids as JSON does, with room between them.
func list(ids []string) string { return `["` + strings.Join(ids, `", "`) + `"]` }

func (p *play) outcome(ctx context.Context) error {
	began := time.Now()
	before := p.messages()[0]
	if err := p.push(ctx, notify{build: apiService, after: 34 * time.Second, flags: client.Overrides{
		Status: "success", URL: "https://api.example.com",
	}}); err != nil {
		return err
	}
	m, err := p.becomes(ctx, before, "✅ Deployed in 34 s", "View Deployment: api.example.com")
	if err != nil {
		return err
	}
	p.screen.proved("the same message, edited %s after the client was started, within Telegram's limits", took(m.Edited.Sub(began)))
	return nil
}

// becomes waits until a message was edited, shows it, and checks that it has
// the lines and that none was posted beside it.
func (p *play) becomes(ctx context.Context, before faketelegram.Message, lines ...string) (faketelegram.Message, error) {
	var m faketelegram.Message
	count := p.telegram.Count(chatID)
	err := p.until(ctx, fmt.Sprintf("message %d was edited", before.ID), func() bool {
		m, _ = p.telegram.Message(chatID, before.ID)
		return len(m.Earlier) > len(before.Earlier)
	})
	if err != nil {
		return m, err
	}
	p.screen.bubble(m, linesAt(m, len(before.Earlier)+1))
	if err := p.settled(ctx); err != nil {
		return m, err
	}
	if n := p.telegram.Count(chatID); n != count {
		return m, fmt.Errorf("there are %d messages in the chat instead of %d", n, count)
	}
	return m, says(m, lines...)
}

// says checks that a message has lines.
func says(m faketelegram.Message, lines ...string) error {
	text := strings.Split(m.Text, "\n")
	for _, l := range lines {
		if !slices.Contains(text, l) {
			return fmt.Errorf("message %d does not say %q", m.ID, l)
		}
	}
	return nil
}

// outageTries is how many deliveries fail before Telegram comes back. The lane
// tries again after a second, then two, then four.
const outageTries = 2

func (p *play) outage(ctx context.Context) error {
	s := p.screen
	before := p.telegram.Count(chatID)
	began := time.Now()
	p.telegram.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
		return faketelegram.Fault{Kind: faketelegram.FaultStatus, Status: http.StatusBadGateway}
	})
	s.note("%s is built by %s, %s by %s.", docsSite.project, docsSite.ci, billingAPI.project, billingAPI.ci)
	s.text(s.mark("✗", "x"), "from now on Telegram answers 502 Bad Gateway", bad)
	s.gap()
	for i, n := range []notify{
		{build: docsSite},
		{build: billingAPI, flags: client.Overrides{Environment: "staging"}},
		{build: docsSite, after: 71 * time.Second, flags: client.Overrides{Status: "success"}},
	} {
		if i > 0 {
			s.pause(ctx, betweenLines)
		}
		if err := p.push(ctx, n); err != nil {
			return err
		}
	}
	s.gap()
	if err := p.until(ctx, fmt.Sprintf("%d deliveries failed", outageTries), func() bool {
		return len(p.failed()) >= outageTries
	}); err != nil {
		return err
	}
	for _, c := range p.failed() {
		s.event(false, c.Received.Sub(began), fmt.Sprintf("%s: %d %s", c.Method, c.Status, http.StatusText(c.Status)))
	}
	lane, err := p.lane(ctx, "the lane waits with 2 deployments", func(l lane) bool { return l.Status == "parked" && l.Backlog == 2 })
	if err != nil {
		return err
	}
	if n := p.telegram.Count(chatID); n != before {
		return fmt.Errorf("%d messages came through the outage", n-before)
	}
	s.gap()
	s.command("", "GET /health?verbose")
	s.output(fmt.Sprintf(`"status": %q, "backlog": %d,`, lane.Status, lane.Backlog))
	s.text("", fmt.Sprintf(`"parkedFor": %q`, lane.ParkedFor))

	p.telegram.SetFaults(nil)
	s.gap()
	s.text(s.mark("✓", "+"), "Telegram is back", good)
	if err := p.until(ctx, "the chat has 2 more messages", func() bool { return p.telegram.Count(chatID) >= before+2 }); err != nil {
		return err
	}
	if err := p.settled(ctx); err != nil {
		return err
	}
	caughtUp := p.messages()[before:]
	for i, m := range caughtUp {
		s.event(true, m.Sent.Sub(began), "sendMessage: "+[]string{docsSite.project, billingAPI.project}[min(i, 1)])
	}
	for _, m := range caughtUp {
		s.bubble(m, nil)
	}
	return p.checkCaughtUp(caughtUp)
}

// checkCaughtUp checks that both deployments have one message, in the order in
// which they were announced, and that it shows the last state.
func (p *play) checkCaughtUp(caughtUp []faketelegram.Message) error {
	if len(caughtUp) != 2 {
		return fmt.Errorf("there are %d messages instead of 2", len(caughtUp))
	}
	docs, billing := caughtUp[0], caughtUp[1]
	if err := says(docs, "Project: docs-site", "✅ Deployed in 1 min 11 s"); err != nil {
		return err
	}
	if err := says(billing, "Project: billing-api", "Environment: 🔧 staging"); err != nil {
		return err
	}
	if len(docs.Earlier)+len(billing.Earlier) > 0 {
		return fmt.Errorf("a message was posted and edited, although its last state was known")
	}
	p.screen.proved("3 pushes acknowledged meanwhile, 2 deployments, 2 messages, in order; what happened while nobody could see it is in the first post already")
	return nil
}

// failed returns the deliveries that Telegram did not take.
func (p *play) failed() []faketelegram.Call {
	return slices.DeleteFunc(p.telegram.Calls(), func(c faketelegram.Call) bool {
		return !c.Done || c.Accepted || c.Method != "sendMessage" && c.Method != "editMessageText"
	})
}

func (p *play) failure(ctx context.Context) error {
	const reason = `migration 42: column "currency" does not exist`
	messages := p.messages()
	before := messages[len(messages)-1]
	if err := p.push(ctx, notify{build: billingAPI, after: 108 * time.Second, flags: client.Overrides{
		Environment: "staging", Status: "failure", Error: reason,
	}}); err != nil {
		return err
	}
	if _, err := p.becomes(ctx, before, "❌ Failed after 1 min 48 s", reason); err != nil {
		return err
	}
	p.screen.proved("the same message again: who saw the announcement sees what became of it")
	return nil
}

// deployments is how many deployments the scenario has.
const deployments = 3

func (p *play) summary(context.Context) error {
	messages := p.messages()
	edits := 0
	for _, m := range messages {
		edits += len(m.Earlier)
	}
	if len(messages) != deployments {
		return fmt.Errorf("%d deployments have %d messages", deployments, len(messages))
	}
	if broken := p.telegram.Violations(); len(broken) > 0 || p.telegram.IgnoredRetryAfter() > 0 {
		return fmt.Errorf("the rules of Telegram were broken: %q, and %d requests too early", broken, p.telegram.IgnoredRetryAfter())
	}
	s := p.screen
	s.field("pushes", fmt.Sprintf("%d, all acknowledged", p.pushes))
	s.field("deployments", fmt.Sprint(deployments))
	s.field("messages", fmt.Sprintf("%d, one for each deployment; %d edits made them true", len(messages), edits))
	s.field("outage", fmt.Sprintf("%d deliveries failed, nothing lost, nothing twice", len(p.failed())))
	s.field("limits", "none of Telegram's rules broken")
	if !p.Keep {
		p.tryNext()
	}
	return nil
}

// tryNext says where to go from here.
func (p *play) tryNext() {
	s := p.screen
	s.gap()
	s.line(indent, s.paint("Try next", sgrBold))
	for _, try := range []struct{ command, does string }{
		{"demo --keep", "the same, and it stays for you to push to"},
		{"serve", "a server of your own; messages appear in its terminal, or in Telegram with TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID"},
		{"notify --dry-run", "what a build step here would push"},
	} {
		s.line(indent, s.paint(p.Command+" "+try.command, accent))
		for _, l := range wrap(glyphs(try.does), s.width-len(indent)-2) {
			s.line(indent, "  ", s.dim(plain(l)))
		}
	}
	s.gap()
	s.field("documentation", "https://github.com/shipbell/shipbell#readme")
	s.gap()
}

// push runs the client and shows it.
func (p *play) push(ctx context.Context, n notify) error {
	p.screen.command(n.project, n.command()...)
	printed, err := p.notify(ctx, n)
	if err != nil {
		return err
	}
	p.pushes++
	p.screen.output(printed)
	return nil
}

// settled waits until nothing is left to deliver.
func (p *play) settled(ctx context.Context) error {
	_, err := p.lane(ctx, "nothing is left to deliver", func(l lane) bool { return l.Status == "ok" && l.Backlog == 0 })
	return err
}

func (p *play) messages() []faketelegram.Message { return p.telegram.Messages(chatID) }

// took words a short time.
func took(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
