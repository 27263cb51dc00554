package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Options are the flags of shipbell notify.
type Options struct {
	Overrides
	// Timeout is the budget for everything; 0 is [DefaultTimeout].
	Timeout time.Duration
	// DryRun prints the request instead of sending it.
	DryRun bool
	// Strict makes failures count.
	Strict bool
	// Quiet leaves out everything but failures.
	Quiet bool
}

// Success is what is printed when the server has the push.
const Success = "✅ Deployment notification sent successfully"

// grace is how long past the budget a precise failure is waited for.
const grace = 100 * time.Millisecond

// Notify is shipbell notify without the reading of flags: it collects, sends,
// and prints what came of it. It ends within the budget whatever hangs.
//
// The error is nil unless [Options.Strict] is set; then it is a [*Problem], which
// is printed already. A command that could not read its flags should
// [Problem.Print] that and end the same way.
func Notify(ctx context.Context, s Surroundings, o Options, stdout, stderr io.Writer) error {
	budget := o.Timeout
	if budget == 0 {
		budget = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()

	// A file system can hang where no deadline reaches, so the work has no hold on
	// the outputs and is left behind when its time is over.
	done := later(func() report { return work(ctx, s, o) })
	var r report
	select {
	case r = <-done:
	case <-ctx.Done():
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case r = <-done:
		case <-timer.C:
			r.problem = &Problem{
				Sentence: "the time was over before all was read",
				Hint:     "raise --timeout, or look for what makes git or the disk slow",
			}
		}
	}

	if !o.Quiet {
		for _, warning := range r.warnings {
			fmt.Fprintln(stderr, "shipbell: warning: "+oneLine(warning))
		}
		fmt.Fprint(stdout, r.output)
	}
	if r.problem == nil {
		return nil
	}
	r.problem.Print(stderr)
	if o.Strict {
		return r.problem
	}
	return nil
}

// report is what is to be printed.
type report struct {
	output   string
	warnings []string
	problem  *Problem
}

func work(ctx context.Context, s Surroundings, o Options) (r report) {
	// A panic would end the process with an error and with it the deployment.
	defer func() {
		if v := recover(); v != nil {
			r.problem = &Problem{Sentence: "shipbell failed", Hint: reportHint}
		}
	}()

	c := newCollector(s, o.Overrides)
	switch skip := c.skip(); {
	case skip == SkipDryRun || skip != "" && o.DryRun:
		return report{output: string(skip) + ": nothing to announce\n"}
	case skip != "":
		return report{}
	}
	if o.Timeout < 0 {
		return failed(nil, &Problem{Sentence: "the time limit is below zero", Hint: "use --timeout 5s or the like"})
	}
	target, err := s.target()
	if err != nil && !o.DryRun {
		return failed(nil, err)
	}
	found, collectErr := c.collect(ctx)
	switch {
	case collectErr != nil:
		return failed(found.Warnings, collectErr)
	case o.DryRun:
		output, err := request(target, err, found.Push)
		if err != nil {
			return failed(found.Warnings, err)
		}
		return report{output: output, warnings: found.Warnings}
	}
	if err := Send(ctx, target, found.Push); err != nil {
		return failed(found.Warnings, err)
	}
	return report{output: Success + "\n", warnings: found.Warnings}
}

// target reads where to push to. The token can be in a file, as on the server.
func (s Surroundings) target() (Target, error) {
	token := s.Getenv(envToken)
	if path := s.Getenv(envToken + "_FILE"); token == "" && path != "" {
		text, err := s.ReadFile(path)
		if err != nil {
			return Target{}, &Problem{
				Sentence: "the file that " + envToken + "_FILE names cannot be read",
				Hint:     "check that it exists and that this user may read it",
				Err:      err,
			}
		}
		token = strings.TrimSpace(string(text))
	}
	return s.targetWith(token)
}

// targetWith is the target with a token, or with the one that GitHub offers.
func (s Surroundings) targetWith(token string) (Target, error) {
	audience := strings.TrimSpace(s.Getenv(envAudience))
	if strings.TrimSpace(token) != "" || audience == "" {
		return ParseTarget(s.Getenv(envURL), token)
	}
	offered, err := parseOffer(s.Getenv(envOfferAddress), s.Getenv(envOfferSecret), audience)
	if err != nil {
		return Target{}, err
	}
	t, err := ParseTarget(s.Getenv(envURL), envAudience) // stands for the token
	t.token, t.offer = "", offered
	return t, err
}

// request prints what would be sent; unset says why there is no target.
func request(t Target, unset error, p Push) (string, error) {
	payload, err := p.Body()
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if unset != nil {
		fmt.Fprintf(&out, "# %s\nPOST %s\nAuthorization: Bearer\n", unset, notifyPath)
	} else {
		fmt.Fprintf(&out, "POST %s\nAuthorization: Bearer ********\n", t.endpoint)
	}
	fmt.Fprintf(&out, "Content-Type: application/json\n\n%s\n", t.redact(string(payload)))
	return out.String(), nil
}

func failed(warnings []string, err error) report {
	var p *Problem
	if !errors.As(err, &p) {
		p = &Problem{Sentence: "shipbell failed", Hint: reportHint, Err: err}
	}
	return report{warnings: warnings, problem: p}
}
