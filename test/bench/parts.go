package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/source/push"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

// The bot and the chat of the fake Telegram.
const (
	botToken       = "1234567890:bench"
	group    int64 = -1001234567890
)

// telegram starts a fake with a group.
func telegram(o faketelegram.Options) (*faketelegram.Server, string, func(), error) {
	o.Token, o.MaxCalls, o.MaxRevisions = botToken, -1, -1
	fake := faketelegram.New(o)
	fake.AddChat(faketelegram.Chat{ID: group, Type: faketelegram.Supergroup})
	url, stop, err := fake.Start()
	return fake, url, stop, err
}

func median[T cmp.Ordered](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

const mb = 1_000_000

// size prints how large the binary is, and how much memory an idle server takes.
func (b *bench) size() error {
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	_, api, stop, err := telegram(faketelegram.Options{})
	if err != nil {
		return err
	}
	defer stop()
	p, err := b.startShipbell(filepath.Join(b.dir, "idle"), api)
	if err != nil {
		return err
	}
	memory := p.resident()
	b.add("static binary", fmt.Sprintf("%.1f MB", float64(info.Size())/mb), "", "", "< 20 MB")
	b.add("memory of an idle server", fmt.Sprintf("%.1f MB", float64(memory)/mb), "", "", "< 40 MB")
	return p.stop()
}

// client times shipbell notify as a whole process against the start of Node,
// in which the script before Shipbell was written.
func (b *bench) client() error {
	node, err := exec.LookPath("node")
	if err != nil {
		progress("Node.js is not installed; left out")
		return nil
	}
	p, err := b.startBare()
	if err != nil {
		return err
	}
	repository := filepath.Join(b.dir, "repository")
	if err := makeRepository(repository); err != nil {
		return err
	}
	var ours, theirs []time.Duration
	for range 4 * b.turns {
		notify := exec.CommandContext(b.ctx, b.binary, "notify", "--strict")
		notify.Dir = repository
		notify.Env = append(os.Environ(), "DEPLOY_NOTIFY_URL="+p.url, "DEPLOY_NOTIFY_TOKEN="+token, "WRANGLER_COMMAND=deploy")
		took, err := timed(notify)
		if err != nil {
			return err
		}
		ours = append(ours, took)
		if took, err = timed(exec.CommandContext(b.ctx, node, "-e", "0")); err != nil {
			return err
		}
		theirs = append(theirs, took)
	}
	b.add("shipbell notify, whole process with git and push", ms(median(ours)), "node -e 0: "+ms(median(theirs)),
		fmt.Sprintf("%.2f", float64(median(ours))/float64(median(theirs))), "< 1")
	return p.stop()
}

func makeRepository(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "wrangler.toml"), []byte("name = \"api-service\"\n"), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."},
		{"-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-q", "-m", "Add JWT authentication"},
	} {
		c := exec.Command("git", args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
	}
	return nil
}

func timed(c *exec.Cmd) (time.Duration, error) {
	start := time.Now()
	out, err := c.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", c, err, out)
	}
	return time.Since(start), nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// latency measures from the start of a push to the arrival of Telegram's
// request, on a server that does nothing else.
func (b *bench) latency() error {
	fake, api, stop, err := telegram(faketelegram.Options{Unlimited: true})
	if err != nil {
		return err
	}
	defer stop()
	p, err := b.startShipbell(filepath.Join(b.dir, "latency"), api, "TELEGRAM_LIMITS=off")
	if err != nil {
		return err
	}
	arrived := make(chan time.Time, 1)
	fake.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
		if c.Method == "sendMessage" {
			arrived <- time.Now()
		}
		return faketelegram.Fault{}
	})
	var took []time.Duration
	for n := range int64(b.samples) {
		start := time.Now()
		l := load{url: p.url + "/notify", token: token, connections: 1, body: contractBody, first: n}
		if _, err := l.runN(1); err != nil {
			return err
		}
		select {
		case at := <-arrived:
			took = append(took, at.Sub(start))
		case <-time.After(10 * time.Second):
			return errors.New("no message within 10 s")
		}
		// Idle again: the mark of this one is on disk.
		if err := fake.Wait(b.ctx, func(f *faketelegram.Server) bool { return f.Count(group) == int(n)+1 }); err != nil {
			return err
		}
	}
	slices.Sort(took)
	all := result{latencies: took}
	b.add("push to Telegram's request, idle server", fmt.Sprintf("p50 %s, p99 %s", ms(all.quantile(0.5)), ms(all.quantile(0.99))),
		"contract: 1000 ms", fmt.Sprintf("%.3f", all.quantile(0.99).Seconds()), "< 0.02")
	return p.stop()
}

// contest loads two servers in turns and adds a row with the ratio of a to b.
func (b *bench) contest(what, goal string, a, limit *process, limitName string) error {
	var first int64 = 1 << 40 // beyond every id of a stored history
	type score struct {
		result // of all turns
		rates  []float64
		cpu    time.Duration
	}
	scores := map[*process]*score{a: {}, limit: {}}
	var ratios []float64
	for turn := range b.turns {
		for _, p := range []*process{limit, a} {
			before := p.cpu()
			r, err := load{url: p.url + "/notify", token: token, connections: 64, body: contractBody, first: first}.run(b.turn)
			if err != nil {
				return err
			}
			first += r.requests + 64
			s := scores[p]
			s.rates = append(s.rates, r.perSecond())
			s.latencies = append(s.latencies, r.latencies...)
			s.cpu += p.cpu() - before
			s.requests += r.requests
		}
		ratios = append(ratios, scores[a].rates[turn]/scores[limit].rates[turn])
		progress("turn %d: %.0f/s against %.0f/s of the %s, ratio %.2f", turn+1, scores[a].rates[turn], scores[limit].rates[turn], limitName, ratios[turn])
	}
	describe := func(s *score) string {
		slices.Sort(s.latencies)
		return fmt.Sprintf("%.0f/s, p50 %s, p99 %s, %.0f µs CPU", median(s.rates), ms(s.quantile(0.5)), ms(s.quantile(0.99)), float64(s.cpu.Microseconds())/float64(s.requests))
	}
	b.add(what, describe(scores[a]), limitName+": "+describe(scores[limit]), fmt.Sprintf("%.2f", median(ratios)), goal)
	return nil
}

// ingest measures durable acknowledgements against a handler that checks,
// decodes and stores nothing.
func (b *bench) ingest() error {
	_, api, stop, err := telegram(faketelegram.Options{})
	if err != nil {
		return err
	}
	defer stop()
	bare, err := b.startBare()
	if err != nil {
		return err
	}
	server, err := b.startShipbell(filepath.Join(b.dir, "ingest"), api)
	if err != nil {
		return err
	}
	err = b.contest("durable acknowledgements, 64 connections", "≥ 0.4", server, bare, "bare handler")
	return errors.Join(err, bare.stop(), server.stop())
}

// history measures ingest with a large history against an empty one.
func (b *bench) history() error {
	_, api, stop, err := telegram(faketelegram.Options{})
	if err != nil {
		return err
	}
	defer stop()
	full := filepath.Join(b.dir, "full")
	if err := b.fill(full); err != nil {
		return err
	}
	start := time.Now()
	large, err := b.startShipbell(full, api)
	if err != nil {
		return err
	}
	ready := time.Since(start)
	empty, err := b.startShipbell(filepath.Join(b.dir, "empty"), api)
	if err != nil {
		return err
	}
	err = b.contest(fmt.Sprintf("the same with %d deployments stored", b.stored), "≥ 0.9", large, empty, "empty store")
	b.add("memory and start with that history", fmt.Sprintf("%.1f MB, ready after %s", float64(large.resident())/mb, ms(ready)), "", "", "")
	return errors.Join(err, large.stop(), empty.stop())
}

// fill stores a history of deployments that were announced and delivered.
func (b *bench) fill(dir string) error {
	store, err := sqlite.Open(b.ctx, filepath.Join(dir, "shipbell.db"))
	if err != nil {
		return err
	}
	start := time.Now()
	for done := 0; done < b.stored; {
		n := min(1000, b.stored-done)
		err := store.Update(b.ctx, func(tx ledger.Tx) error {
			for i := range n {
				if err := delivered(tx, int64(done+i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return errors.Join(err, store.Close())
		}
		done += n
		if done%250_000 == 0 {
			progress("stored %d deployments after %s", done, time.Since(start).Round(time.Second))
		}
	}
	return store.Close()
}

// delivered stores one deployment whose message is posted.
func delivered(tx ledger.Tx, n int64) error {
	e, err := push.Decode(contractBody(n, nil), time.Now())
	if err != nil {
		return err
	}
	id, err := tx.Open(shipbell.NewDeployment(e))
	if err != nil {
		return err
	}
	channel := shipbell.ChannelID(fmt.Sprintf("telegram:%d", group))
	shown := shipbell.Announcement{Deployment: id, Channel: channel, Wanted: 1, Shown: 1, Ref: "posted", Tries: 1}
	return errors.Join(
		tx.AddEvent(id, e),
		tx.PutAnnouncement(shown),
		tx.KeepAttempt(shipbell.Attempt{Deployment: id, Channel: channel, Revision: 1, At: e.At, Detail: "delivered"}),
	)
}
