package client

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/excerpt"
)

const (
	// startPart is how much of the budget after the command's end the telling of
	// its start may still take: half.
	startPart = 2
	// maxAtOnce bounds the pushes that are on their way together.
	maxAtOnce = 4
)

// teller tells the server of a wrapped command. Nothing that goes wrong in it
// reaches the command: every step recovers from panics, and what may take time
// is done beside the command or within the budget.
type teller struct {
	surroundings Surroundings
	options      ExecOptions
	budget       time.Duration
	seen         visible
	collector    *collector

	// silent is set where nothing is to be told, problem where nothing can be.
	silent  bool
	problem *Problem

	directory string   // for the files of this run
	environ   []string // of the command; nil: ours
	output    outputPlace
	handed    wrapper

	giveUp    context.CancelFunc // of telling the start
	collected chan struct{}      // closed when target, base and problem are known
	told      chan struct{}      // closed when the start is told or given up
	target    Target
	base      Push
	warnings  []string
	startTold bool
}

func newTeller(s Surroundings, o ExecOptions, argv []string) *teller {
	t := &teller{surroundings: s, options: o, budget: o.Timeout, collected: make(chan struct{}), told: make(chan struct{}), giveUp: func() {}}
	if t.budget <= 0 {
		t.budget = DefaultTimeout
	}
	t.guard(func() {
		t.seen = s.readCommand(argv)
		t.collector = newExecCollector(s, o.Overrides, t.seen)
		t.silent = t.seen.idle != "" || t.collector.skip() != ""
		if t.silent {
			return
		}
		if o.Timeout < 0 {
			t.problem = &Problem{Sentence: "the time limit is below zero", Hint: "use --timeout 5s or the like"}
			return
		}
		// The token's file is read later: a file may hang.
		token := first(s.Getenv(envToken), s.Getenv(envToken+"_FILE"))
		if _, err := s.targetWith(token); err != nil {
			t.problem = failed(nil, err).problem
		}
	})
	return t
}

// guard keeps a panic from ending the process and with it the command.
func (t *teller) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			t.problem = &Problem{Sentence: "shipbell failed", Hint: reportHint}
		}
	}()
	f()
}

// mute reports whether nothing will be told, so that nothing need be known.
func (t *teller) mute() bool { return t.silent || t.problem != nil }

// prepare makes the files of this run and the environment that names them. It
// goes without them where it cannot.
func (t *teller) prepare() {
	if t.mute() {
		return
	}
	t.guard(func() {
		s := t.surroundings
		environ := os.Environ()
		path, directory := s.Getenv(envOutputPath), s.Getenv(envOutputDirectory)

		var err error
		if t.directory, err = os.MkdirTemp("", "shipbell-exec-"); err == nil {
			t.handed = wrapper{Overrides: t.collector.flags, Started: t.collector.Now()}
			t.collector.wrapper.Started = t.handed.Started // the same at the end
			if v := t.seen.deploys; v.found {
				t.handed.Wrangler = call{Args: v.args, Dir: v.dir}
			}
			if t.handed.write(t.handedPath()) == nil {
				environ = append(environ, envWrapper+"="+t.handedPath())
			}
			if path == "" && directory == "" {
				path = filepath.Join(t.directory, "wrangler.ndjson")
				environ = append(environ, envOutputPath+"="+path)
			}
		}
		if path != "" || directory != "" {
			t.output = newOutputPlace(path, directory, s.Dir)
		}
		t.environ = environ
	})
}

func (t *teller) handedPath() string { return filepath.Join(t.directory, "run.json") }

// close removes the files of this run.
func (t *teller) close() {
	if t.directory != "" {
		_ = os.RemoveAll(t.directory) // what is left is the system's temporary directory's to clean
	}
}

// begin collects what is being deployed and tells of the start, beside the
// command.
func (t *teller) begin(at time.Time, announce bool) {
	if t.mute() {
		close(t.collected)
		close(t.told)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.budget)
	t.giveUp = cancel
	go func() {
		defer close(t.told)
		defer cancel()
		t.guard(func() { t.collect(ctx, at) })
		close(t.collected)
		if t.problem != nil || !announce {
			return
		}
		defer func() { _ = recover() }() // the end says it all again
		p := t.base
		p.Status = shipbell.InProgress
		if !t.collector.certain {
			p.Environment = "" // wrangler may say it at the end, and the first word counts
		}
		t.startTold = Send(ctx, t.target, p) == nil
	}()
}

func (t *teller) collect(ctx context.Context, at time.Time) {
	found, err := t.collector.collect(ctx)
	t.warnings = found.Warnings
	if err == nil {
		t.target, err = t.surroundings.target()
	}
	if err != nil {
		t.problem = failed(nil, err).problem
		return
	}
	t.base = found.Push
	t.base.Time, t.base.Source = at.UTC().Truncate(time.Millisecond), shipbell.SourceExec

	t.handed.Changes = &t.collector.changes
	t.handed.Identity = &identity{Type: t.base.Type, Project: t.base.Project, ID: t.base.ID}
	if t.collector.certain {
		t.handed.Identity.Environment = t.base.Environment
	}
	if t.directory != "" {
		_ = t.handed.write(t.handedPath()) // without it a notify below finds the same in almost all cases
	}
}

// finish tells of the end and returns within the budget.
func (t *teller) finish(e ending, signals *relay, stderr io.Writer) {
	if t.silent {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.budget)
	defer cancel()
	signals.setHurry(cancel)

	done := later(func() (p *Problem) {
		defer func() {
			if v := recover(); v != nil {
				p = &Problem{Sentence: "shipbell failed", Hint: reportHint}
			}
		}()
		return t.end(ctx, e)
	})
	// What no deadline reaches, such as a hanging disk, is left behind.
	var problem *Problem
	select {
	case problem = <-done:
	case <-ctx.Done():
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case problem = <-done:
		case <-timer.C:
			problem = timeOver()
		}
	}
	if t.options.Quiet {
		return
	}
	select {
	case <-t.collected:
		for _, warning := range t.warnings {
			fmt.Fprintln(stderr, "shipbell: warning: "+oneLine(warning))
		}
	default:
	}
	if problem != nil {
		fmt.Fprint(stderr, problem.oneLine())
	}
}

func timeOver() *Problem {
	return &Problem{
		Sentence: "the time was over before all was read",
		Hint:     "raise --timeout, or look for what makes git or the disk slow",
	}
}

func (t *teller) end(ctx context.Context, e ending) *Problem {
	select {
	case <-t.collected:
	case <-ctx.Done():
		return timeOver()
	}
	if t.problem != nil {
		return t.problem
	}
	e.at = e.at.UTC().Truncate(time.Millisecond)
	e.secrets = excerpt.SecretsOf(os.Environ())
	if t.target.token != "" {
		e.secrets = append(e.secrets, t.target.token)
	}
	if t.output.path != "" || t.output.directory != "" {
		e.sessions = readOutput(t.output.read())
	}
	pushes := t.collector.outcome(t.base, t.seen, e)

	// The start is told first, as long as that leaves time for the end.
	timer := time.NewTimer(t.budget / startPart)
	defer timer.Stop()
	select {
	case <-t.told:
	case <-timer.C:
	case <-ctx.Done():
	}
	t.giveUp()
	select {
	case <-t.told:
	case <-ctx.Done():
		return timeOver()
	}
	if pushes[0].Status == shipbell.Canceled && e.code == 0 && !t.startTold {
		pushes = slices.Delete(pushes, 0, 1) // nobody knows of it, and nothing was deployed
	}
	return t.sendAll(ctx, pushes)
}

// sendAll sends pushes and returns the first problem.
func (t *teller) sendAll(ctx context.Context, pushes []Push) *Problem {
	problems := make([]*Problem, len(pushes))
	slots := make(chan struct{}, maxAtOnce)
	var group sync.WaitGroup
	for i, p := range pushes {
		slots <- struct{}{}
		group.Go(func() {
			defer func() {
				if recover() != nil {
					problems[i] = &Problem{Sentence: "shipbell failed", Hint: reportHint}
				}
				<-slots
			}()
			if err := Send(ctx, t.target, p); err != nil {
				problems[i] = failed(nil, err).problem
			}
		})
	}
	group.Wait()
	i := slices.IndexFunc(problems, func(p *Problem) bool { return p != nil })
	if i < 0 {
		return nil
	}
	return problems[i]
}
