package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/client"
	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
)

// The steps of the scenario in which Cloudflare is asked. Each moves the clock,
// does something at Cloudflare or in a build step, and has the server look: what
// it does by itself within a minute happens at once.

// The times of the scenario, in its own clock.
var (
	yesterday = time.Date(2025, 1, 14, 16, 20, 0, 0, time.UTC)
	morning   = time.Date(2025, 1, 15, 10, 30, 0, 0, time.UTC)
)

func at(hour, minute, second int) time.Time {
	return time.Date(2025, 1, 15, hour, minute, second, 0, time.UTC)
}

// past is what Cloudflare shows before Shipbell looks for the first time.
func (s *server) past() {
	for _, o := range []fakecloudflare.BuildOptions{
		{Repo: webShop.project, Message: "Sort the basket by date", Author: "sam@example.com", Commit: "0c4f9d2b7e61a3858fd01947bc3eaa260d7e5f18"},
		{Repo: apiService.project, Message: "Fix the login", Author: "dev@example.com", Commit: "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"},
	} {
		b := s.cloudflare.StartBuild(o.Repo, o)
		s.clock.set(s.clock.Now().Add(40 * time.Second))
		s.cloudflare.FinishBuild(b.UUID, fakecloudflare.BuildResult{Deploys: true})
	}
	s.cloudflare.AddQueue(queueName, fakecloudflare.QueueOptions{})
	s.cloudflare.Subscribe(fakecloudflare.Subscription{Queue: queueName})
	s.clock.set(morning)
}

// startBuild starts the build of the contract at Cloudflare.
func (p *play) startBuild() {
	p.clock.set(apiService.began.Add(-5 * time.Second))
	b := p.cloudflare.StartBuild(apiService.project, fakecloudflare.BuildOptions{
		Branch: apiService.env["WORKERS_CI_BRANCH"], Commit: apiService.commit.hash,
		Message: apiService.commit.message, Author: apiService.commit.author,
	})
	p.build = b.UUID
	p.cloudflare.AdvanceBuild(p.build)
}

// eventually waits for what cannot be waited for otherwise.
func (s *server) eventually(ctx context.Context, what string, done func() bool) error {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-patient.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("not so within %s: %s", patience, what)
		}
	}
	return nil
}

// polled waits until Cloudflare told a status of the deployment with that id, a
// success by the API, and of a failure its log, and returns all that is known of
// it.
func (s *server) polled(ctx context.Context, id string, status shipbell.Status) (ledger.Story, error) {
	var story ledger.Story
	var err error
	waited := s.eventually(ctx, fmt.Sprintf("Cloudflare says %s of %s", status, id), func() bool {
		story, err = s.monitor.ledger.Story(ctx, shipbell.Key{Type: shipbell.Worker, ID: id})
		return err != nil && !errors.Is(err, shipbell.ErrNotFound) || slices.ContainsFunc(story.Events, func(e shipbell.Event) bool {
			heard := e.Source == shipbell.SourcePoll || e.Source == shipbell.SourceBuilds && status != shipbell.Success
			return heard && e.Status == status && (status != shipbell.Failure || e.Log != "")
		})
	})
	return story, errors.Join(waited, err)
}

// shows waits for a message of the chat, of those after a number, that contains a
// text.
func (p *play) shows(ctx context.Context, after int, text string) (faketelegram.Message, error) {
	var found faketelegram.Message
	err := p.until(ctx, fmt.Sprintf("a message says %q", text), func() bool {
		for _, m := range p.messages() {
			if m.ID > after && strings.Contains(m.Text, text) {
				found = m
				return true
			}
		}
		return false
	})
	return found, err
}

// latest waits until all is delivered, and returns a message as it is then.
func (p *play) latest(ctx context.Context, id int) (faketelegram.Message, error) {
	if err := p.settled(ctx); err != nil {
		return faketelegram.Message{}, err
	}
	m, ok := p.telegram.Message(chatID, id)
	if !ok || m.Deleted {
		return m, fmt.Errorf("message %d is gone", id)
	}
	return m, nil
}

// happens shows what happens at a time of the scenario.
func (p *play) happens(text string) {
	s := p.screen
	s.line(indent, s.paint(p.clock.Now().Format(time.TimeOnly), accent), "  ", text)
}

// uuid is an id that is too long for people.
var uuid = regexp.MustCompile(`\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f-]{22,}\b`)

// sourceNames are the sources in the words of the scenario.
var sourceNames = map[shipbell.Source]string{
	shipbell.SourcePush: "the build step", shipbell.SourceBuilds: "Workers Builds", shipbell.SourcePoll: "the API",
}

// told shows who said what of a deployment, and how it was known to be about it.
func (p *play) told(story ledger.Story) {
	var lines []string
	for _, e := range story.Events {
		how := uuid.ReplaceAllString(strings.Replace(e.Joined, "by key", "the same", 1), "$1")
		line := fmt.Sprintf("%-14s  %-11s  %s", sourceNames[e.Source], e.Status, how)
		if how == "" {
			lines = slices.Insert(lines, 0, line+"the first to speak of it")
		} else if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	for _, l := range lines {
		p.screen.line(indent, p.screen.dim(l))
	}
}

func (p *play) truth(ctx context.Context) error {
	s := p.screen
	before := p.messages()[0]
	s.note("The build step ended with its push. What becomes of it is told by build events in a queue, and by the API.")
	p.clock.set(apiService.began.Add(2 * time.Second))
	p.cloudflare.AdvanceBuild(p.build)
	p.happens("the build runs")
	p.monitor.consumer.Wake()
	if _, err := p.shows(ctx, 0, "🔄 In progress"); err != nil {
		return err
	}
	p.status(before.ID, "🔄 In progress")
	if _, err := p.polled(ctx, p.build, shipbell.InProgress); err != nil {
		return err
	}
	s.pause(ctx, betweenLines)

	p.clock.set(apiService.began.Add(29 * time.Second))
	p.cloudflare.FinishBuild(p.build, fakecloudflare.BuildResult{Deploys: true})
	p.happens("the build ends, and its version is live")
	p.monitor.consumer.Wake()
	version := p.cloudflare.Build(p.build).Version
	story, err := p.polled(ctx, version, shipbell.Success)
	if err != nil {
		return err
	}
	if _, err := p.shows(ctx, 0, "✅ Deployed in 34 s"); err != nil {
		return err
	}
	m, err := p.latest(ctx, before.ID)
	if err != nil {
		return err
	}
	s.bubble(m, strings.Split(before.Text, "\n"))
	s.note("Who said what, and how it is known to be about this deployment:")
	p.told(story)
	if err := says(m, "✅ Deployed in 34 s", "Deployment ID: build-abc123"); err != nil {
		return err
	}
	if n := p.telegram.Count(chatID); n != 1 {
		return fmt.Errorf("there are %d messages in the chat instead of 1", n)
	}
	for _, source := range []shipbell.Source{shipbell.SourcePush, shipbell.SourceBuilds, shipbell.SourcePoll} {
		if !slices.ContainsFunc(story.Events, func(e shipbell.Event) bool { return e.Source == source }) {
			return fmt.Errorf("%s said nothing of the deployment", source)
		}
	}
	s.proved("three sources, one deployment, one message; nothing was said twice")
	return nil
}

// failureLog is what Workers Builds shows of a build that fails, in the words of
// wrangler and esbuild.
var failureLog = []string{
	"Initializing build environment...",
	"Success: Finished cloning repository files",
	"Installing project dependencies: npm clean-install --progress=false",
	"added 214 packages, and audited 215 packages in 6s",
	"Executing user deploy command: npx wrangler deploy",
	"",
	" ⛅️ wrangler 4.164.0",
	"────────────────────",
	"",
	"✘ [ERROR] Build failed with 1 error:",
	"",
	"  ✘ [ERROR] Could not resolve \"./rate-limit\"",
	"  ",
	"      src/index.ts:4:26:",
	"        4 │ import { rateLimit } from \"./rate-limit\";",
	"          ╵                           ~~~~~~~~~~~~~~",
	"",
	"",
	"🪵  Logs were written to \"/opt/buildhome/.config/.wrangler/logs/wrangler-2025-01-15_10-35-12_184.log\"",
	"Failed: error occurred while running deploy command",
}

func (p *play) failure(ctx context.Context) error {
	s := p.screen
	count := p.telegram.Count(chatID)
	s.note("Nobody pushes here: the queue and the API tell it all.")
	p.clock.set(at(10, 34, 30))
	b := p.cloudflare.StartBuild(apiService.project, fakecloudflare.BuildOptions{
		Message: "Add rate limit", Author: "dev@example.com", Commit: "def456a90b1c2d3e4f5061728394a5b6c7d8e9f0",
	})
	p.cloudflare.AdvanceBuild(b.UUID)
	p.cloudflare.AdvanceBuild(b.UUID)
	p.happens(apiService.project + " is built again")
	p.monitor.consumer.Wake()
	first, err := p.shows(ctx, count, "🔄 In progress")
	if err != nil {
		return err
	}
	if _, err := p.polled(ctx, b.UUID, shipbell.InProgress); err != nil {
		return err
	}

	p.status(first.ID, "🔄 In progress")
	s.pause(ctx, betweenLines)

	p.clock.set(at(10, 35, 12))
	p.cloudflare.FinishBuild(b.UUID, fakecloudflare.BuildResult{Outcome: fakecloudflare.BuildFailed, Log: failureLog})
	p.happens("the build fails")
	p.monitor.consumer.Wake()
	const reason = `Could not resolve "./rate-limit"`
	alert, err := p.shows(ctx, first.ID, reason)
	if err != nil {
		return err
	}
	s.bubble(alert, nil)
	if err := rings(alert, first); err != nil {
		return err
	}
	if err := contains(alert, "src/index.ts:4:26", "Still live: abc123d - Add JWT authentication"); err != nil {
		return err
	}
	if _, err := p.polled(ctx, b.UUID, shipbell.Failure); err != nil {
		return err
	}
	main, err := p.latest(ctx, first.ID)
	if err != nil {
		return err
	}
	s.change(main, strings.Split(first.Text, "\n"))
	if err := contains(main, "❌ Failed after 42 s", reason); err != nil {
		return err
	}
	s.proved("the message is edited, which rings nowhere; the alert that answers it rings, with the lines of the log that say why")

	s.pause(ctx, betweenSteps)
	s.gap()
	p.clock.set(at(10, 40, 30))
	fix := p.cloudflare.StartBuild(apiService.project, fakecloudflare.BuildOptions{
		Message: "Add the missing file", Author: "dev@example.com", Commit: "77ab31c0d2e4f60819a3b5c7d9e1f2034658709a",
	})
	p.clock.set(at(10, 41, 6))
	p.cloudflare.FinishBuild(fix.UUID, fakecloudflare.BuildResult{Deploys: true})
	p.happens("the fix goes live")
	p.monitor.consumer.Wake()
	if _, err := p.polled(ctx, p.cloudflare.Build(fix.UUID).Version, shipbell.Success); err != nil {
		return err
	}
	fixed, err := p.shows(ctx, alert.ID, "🔧 Fixed after")
	if err != nil {
		return err
	}
	if fixed, err = p.latest(ctx, fixed.ID); err != nil {
		return err
	}
	s.bubble(fixed, nil)
	return contains(fixed, "✅ Deployed in 36 s", "🔧 Fixed after 6 min 36 s and 1 failure")
}

func (p *play) freeze(ctx context.Context) error {
	s := p.screen
	count := p.telegram.Count(chatID)
	s.note("%s is deployed by a script in %s. The script says success; Cloudflare shows nothing.", webShop.project, webShop.ci)
	success := client.Overrides{Status: "success"}
	p.clock.set(webShop.began)
	if err := p.push(ctx, notify{build: webShop, flags: success}); err != nil {
		return err
	}
	first, err := p.shows(ctx, count, webShop.commit.message)
	if err != nil {
		return err
	}
	if err := says(first, "✅ Deployed"); err != nil {
		return err
	}
	p.status(first.ID, "✅ Deployed")
	s.pause(ctx, betweenLines)

	p.clock.set(webShop.began.Add(3 * time.Minute))
	p.happens("three minutes later Cloudflare still shows the old version")
	if err := p.look(ctx, webShop.project); err != nil {
		return err
	}
	alert, err := p.shows(ctx, first.ID, "🧊")
	if err != nil {
		return err
	}
	s.bubble(alert, nil)
	if err := rings(alert, first); err != nil {
		return err
	}
	if err := contains(alert, "has not moved", "Still live: 0c4f9d2 - Sort the basket by date"); err != nil {
		return err
	}
	main, err := p.latest(ctx, first.ID)
	if err != nil {
		return err
	}
	s.change(main, strings.Split(first.Text, "\n"))
	if err := says(main, "❌ Not live"); err != nil {
		return err
	}
	s.proved("the first message claimed what the script claimed; now it says what is true, and the alarm rings")

	s.pause(ctx, betweenSteps)
	s.gap()
	p.clock.set(webShopAgain.began)
	if err := p.push(ctx, notify{build: webShopAgain, flags: client.Overrides{}}); err != nil {
		return err
	}
	next, err := p.shows(ctx, alert.ID, webShopAgain.commit.message)
	if err != nil {
		return err
	}
	p.clock.set(webShopAgain.began.Add(30 * time.Second))
	p.cloudflare.Deploy(webShop.project, fakecloudflare.DeployOptions{Author: "sam@example.com"})
	p.happens("this time it goes live")
	if err := p.look(ctx, webShop.project); err != nil {
		return err
	}
	over, err := p.shows(ctx, next.ID, "The alarm lasted")
	if err != nil {
		return err
	}
	s.bubble(over, nil)
	if err := rings(over, first); err != nil {
		return err
	}
	if next, err = p.latest(ctx, next.ID); err != nil {
		return err
	}
	if err := says(next, "✅ Deployed in 30 s"); err != nil {
		return err
	}
	s.proved("the end of the alarm is said as loudly as its beginning")
	return nil
}

// look has the server look at Cloudflare and then for what does not end, as it
// does by itself every minute.
func (p *play) look(ctx context.Context, project string) error {
	now := p.clock.Now()
	looked := func() bool { return !p.monitor.poller.Looked(shipbell.Worker, []string{project}).Before(now) }
	if !looked() {
		p.monitor.poller.Wake()
	}
	if err := p.eventually(ctx, "Cloudflare was looked at", looked); err != nil {
		return err
	}
	p.monitor.check()
	return nil
}

// onlyRead checks that Cloudflare refused nothing, and that nothing but its queue
// was changed there.
func (p *play) onlyRead() error {
	for _, c := range p.cloudflare.Calls() {
		switch {
		case c.Done && c.Status >= http.StatusBadRequest:
			return fmt.Errorf("%s %s was refused by Cloudflare with %d", c.Method, c.Path, c.Status)
		case c.Method != http.MethodGet && !strings.HasSuffix(c.Path, "/messages/pull") && !strings.HasSuffix(c.Path, "/messages/ack"):
			return fmt.Errorf("%s %s changes something at Cloudflare", c.Method, c.Path)
		}
	}
	return nil
}

// status tells the status that a message shows in between.
func (p *play) status(id int, text string) {
	p.screen.text(p.screen.mark("✓", "+"), fmt.Sprintf("message %d says: %s", id, text), good)
}

// rings checks that a message answers another, and is heard.
func rings(m, answered faketelegram.Message) error {
	if m.ReplyTo != answered.ID {
		return fmt.Errorf("message %d answers %d instead of %d", m.ID, m.ReplyTo, answered.ID)
	}
	if m.Silent {
		return fmt.Errorf("message %d does not ring", m.ID)
	}
	return nil
}

// contains checks that a message has texts.
func contains(m faketelegram.Message, texts ...string) error {
	for _, text := range texts {
		if !strings.Contains(m.Text, text) {
			return fmt.Errorf("message %d does not say %q:\n%s", m.ID, text, m.Text)
		}
	}
	return nil
}
