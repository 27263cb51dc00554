package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
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

	pushes int    // acknowledged
	build  string // the contract's, at Cloudflare
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
	s.note("No account, no configuration, no network: the server, a Cloudflare and a Telegram with its true limits run in this process. What you see is what that Telegram holds; only the minutes pass faster.")
	steps := []struct {
		title string
		play  func(context.Context) error
	}{
		{"The server is up", p.serverIsUp},
		{"A build step announces a deployment", p.announce},
		{"The build is started again: the same push, twice more", p.repeat},
		{"Cloudflare tells the rest, and the message becomes true", p.truth},
		{"A deployment fails, and an alert says why", p.failure},
		{"A deployment freezes: a green step, and nothing goes live", p.freeze},
		{"Telegram goes down while deployments go on", p.outage},
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
	s.field("posts to", fmt.Sprintf("the Telegram chat %d", chatID))
	s.field("asks", "Cloudflare's API, and a queue of build events there")
	s.field("remembers", fmt.Sprintf("%d deployments imported from an older monitor, so that none is announced again",
		len(imported.Workers)+len(imported.Pages)))
	// What is live already is nothing new. The second look lists all Workers and asks
	// for no builds; it comes before there is one.
	for _, now := range []time.Time{morning, morning.Add(10 * time.Second)} {
		p.clock.set(now)
		if err := p.look(ctx, apiService.project); err != nil {
			return err
		}
	}
	s.proved("GET /health: %s", answer)
	return nil
}

func (p *play) announce(ctx context.Context) error {
	s := p.screen
	s.note("In %s. The client finds everything by itself: in the environment, git and wrangler.toml.", apiService.ci)
	p.startBuild()
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
	state, err := p.ask(ctx, http.MethodGet, "/state", nil)
	if err != nil {
		return err
	}
	if err := checkState(state); err != nil {
		return err
	}
	s.proved("the same answer, and still 1 message: %d pushes, nothing left to deliver; GET /state has the id once, beside the imported ones", p.pushes)
	return nil
}

// checkState checks that the ids that were taken are on record: the imported
// ones, those of what was live already, and the pushed one, once.
func checkState(answer string) error {
	var state struct {
		Workers   []string  `json:"workers"`
		Pages     []string  `json:"pages"`
		LastCheck time.Time `json:"lastCheck"`
	}
	decoder := json.NewDecoder(strings.NewReader(answer))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&state)
	if err != nil || state.LastCheck.IsZero() ||
		len(state.Workers) < len(imported.Workers) || !slices.Equal(state.Workers[:len(imported.Workers)], imported.Workers) ||
		slices.Index(state.Workers, "build-abc123") != len(state.Workers)-1 || !slices.Equal(state.Pages, imported.Pages) {
		return fmt.Errorf("GET /state does not tell the ids that were taken: %s", answer)
	}
	return nil
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
const outageTries = 1

func (p *play) outage(ctx context.Context) error {
	s := p.screen
	if err := p.settled(ctx); err != nil {
		return err
	}
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

// The scenario has so many deployments, and so many answers: an alert of the one
// that failed, an alarm and its end of the one that froze.
const (
	deployments = 7
	answers     = 3
)

func (p *play) summary(context.Context) error {
	replies := 0
	messages := p.messages()
	for _, m := range messages {
		if m.ReplyTo != 0 {
			replies++
		}
	}
	if len(messages)-replies != deployments || replies != answers {
		return fmt.Errorf("%d deployments have %d messages and %d answers", deployments, len(messages)-replies, replies)
	}
	if broken := p.telegram.Violations(); len(broken) > 0 || p.telegram.IgnoredRetryAfter() > 0 {
		return fmt.Errorf("the rules of Telegram were broken: %q, and %d requests too early", broken, p.telegram.IgnoredRetryAfter())
	}
	if err := p.onlyRead(); err != nil {
		return err
	}
	s := p.screen
	s.field("pushes", fmt.Sprintf("%d, all acknowledged", p.pushes))
	s.field("deployments", fmt.Sprint(deployments))
	s.field("messages", fmt.Sprintf("%d, one for each deployment, edited until it was true", len(messages)-replies))
	s.field("answers", fmt.Sprintf("%d: an alert, an alarm, and its end", replies))
	s.field("outage", "nothing lost, nothing twice")
	s.field("limits", "none of Telegram's rules broken; at Cloudflare nothing but read")
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

// settled waits until nothing is left to deliver. It asks the ledger: GET /health
// remembers its last answer for a moment.
func (p *play) settled(ctx context.Context) error {
	var lanes []shipbell.Lane
	var err error
	waited := p.eventually(ctx, "nothing is left to deliver", func() bool {
		lanes, err = p.monitor.ledger.Lanes(ctx)
		return err != nil || !slices.ContainsFunc(lanes, func(l shipbell.Lane) bool { return l.Backlog > 0 })
	})
	return errors.Join(waited, err)
}

func (p *play) messages() []faketelegram.Message { return p.telegram.Messages(chatID) }

// took words a short time.
func took(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
