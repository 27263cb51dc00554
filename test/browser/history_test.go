package browser

import (
	"crypto/sha1"
	"fmt"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// deploys is a project of the history, with how often it does.
type deploys struct {
	kind, name, environment, author string
	every, took                     time.Duration
}

var company = []deploys{
	{"worker", "api-service", "production", "anna@acme.example", 9 * time.Hour, 74 * time.Second},
	{"worker", "api-service", "staging", "anna@acme.example", 7 * time.Hour, 61 * time.Second},
	{"worker", "checkout", "production", "ben@acme.example", 14 * time.Hour, 48 * time.Second},
	{"worker", "edge-auth", "production", "chiara@acme.example", 31 * time.Hour, 35 * time.Second},
	{"worker", "image-resizer", "production", "dmitri@acme.example", 40 * time.Hour, 29 * time.Second},
	{"pages", "docs-site", "production", "faye@acme.example", 11 * time.Hour, 95 * time.Second},
	{"pages", "docs-site", "preview", "faye@acme.example", 8 * time.Hour, 88 * time.Second},
	{"pages", "marketing", "production", "gus@acme.example", 26 * time.Hour, 132 * time.Second},
	{"pages", "admin-console", "production", "chiara@acme.example", 16 * time.Hour, 181 * time.Second},
}

var subjects = []string{
	"Add JWT authentication", "Cache the price list at the edge", "Fix rounding of refunds", "Upgrade the framework to 5.2",
	"Say why a card was declined", "Speed up the first paint", "Rotate the signing keys", "Drop the old checkout",
	"Retry webhooks that time out", "Show prices with tax", "Move sessions to Durable Objects", "Translate the mails",
}

const buildLog = "✘ [ERROR] Could not resolve \"./auth\"\n\n    src/index.ts:3:22:\n      3 │ import { verify } from \"./auth\";\n        ╵                        ~~~~~~~~\n\n  Build failed with 1 error"

// at is a time as a push gives it.
func at(ago time.Duration) string { return time.Now().Add(-ago).UTC().Format(time.RFC3339Nano) }

// about is what every push of a deployment says.
func (d deploys) about(n int) fields {
	commit := fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "%s %d", d.name, n)))
	return fields{
		"type": d.kind, "projectName": d.name, "environment": d.environment, "author": d.author, "branch": "main", "isCI": true,
		"deploymentId": fmt.Sprintf("build-%04x", 0xa000+n*31), "commitHash": commit, "commitMessage": subjects[n%len(subjects)],
		"repositoryUrl": "https://github.com/acme/" + d.name,
	}
}

// with returns the fields with some changed.
func (f fields) with(more fields) fields {
	all := make(fields, len(f)+len(more))
	for _, part := range []fields{f, more} {
		for k, v := range part {
			all[k] = v
		}
	}
	return all
}

// fill tells four days of a company: much that went well, a failure, one with which
// production did not move, and some that are under way.
func (s *server) fill() {
	s.Helper()
	var pushes sync.WaitGroup
	n := 0
	for i, d := range company {
		for ago := 4*24*time.Hour - time.Duration(i)*37*time.Minute; ago > time.Hour; ago -= d.every {
			n++
			story := []fields{d.about(n).with(fields{"timestamp": at(ago), "commitTime": at(ago + time.Duration(n%7)*time.Hour)})}
			end := d.about(n).with(fields{
				"timestamp": at(ago - d.took), "status": "success", "source": "exec", "url": "https://" + d.name + ".acme.example/",
				"history": []string{"abc1234567 " + subjects[n%len(subjects)], "def1234567 Fix a typo"},
			})
			if n%9 == 0 && ago > 20*time.Hour {
				end = end.with(fields{"status": "failure", "error": `Could not resolve "./auth"`, "log": buildLog})
			}
			story = append(story, end)
			pushes.Go(func() {
				for _, f := range story {
					s.push(f)
				}
			})
		}
	}
	pushes.Wait()
	s.push(company[2].about(900).with(fields{"timestamp": at(26 * time.Minute), "source": "exec", "status": "in_progress"}))
	s.push(company[2].about(900).with(fields{
		"timestamp": at(25 * time.Minute), "source": "exec", "status": "failure", "error": `✘ [ERROR] Could not resolve "./auth"`,
		"log": buildLog, "logUrl": "https://github.com/acme/checkout/actions/runs/7",
	}))
	for i, d := range []deploys{company[0], company[5], company[8]} {
		s.push(d.about(910 + i).with(fields{"timestamp": at([]time.Duration{31 * time.Second, 40 * time.Second, 6 * time.Minute}[i]), "source": "exec", "status": "in_progress"}))
	}
	s.push(company[7].about(920).with(fields{"timestamp": at(3 * time.Hour), "status": "canceled"}))
	frozen := company[3].about(930).with(fields{"timestamp": at(58 * time.Minute), "status": "skipped"})
	s.push(frozen)
	// The board hears of what this server records, and reads the rest at the start.
	s.stop()
	s.freeze(frozen)
	s.run()
}

// freeze says that production did not move with a deployment. Nobody but the watch
// can know that, so it is written as the watch does.
func (s *server) freeze(f fields) {
	s.Helper()
	key := shipbell.Key{Type: shipbell.ProjectType(f["type"].(string)), Kind: shipbell.KeyPushed, ID: f["deploymentId"].(string)}
	s.beside(func(l *ledger.Ledger, store ledger.Store) error {
		story, err := l.Story(s.Context(), key)
		if err != nil {
			return err
		}
		return store.Update(s.Context(), func(tx ledger.Tx) error {
			d, err := tx.Deployment(story.Deployment.ID)
			if err != nil {
				return err
			}
			d.Alarm = &shipbell.Alarm{At: d.StartedAt.Add(10 * time.Minute), Reason: shipbell.AlarmSkipped}
			d.Revision++
			return tx.Save(d)
		})
	})
}
