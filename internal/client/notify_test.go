package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// secrets is an environment of which nothing may be seen.
func secrets(address string) map[string]string {
	env := map[string]string{
		envURL:   strings.Replace(address, "://", "://user:hidden-1@", 1) + "/?key=hidden-2",
		envToken: "hidden-3",
	}
	for i, name := range []string{
		"CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID", "AWS_SECRET_ACCESS_KEY", "HOME", "CI_JOB_TOKEN",
		"WORKERS_CI", "WORKERS_CI_BUILD_UUID", "WORKERS_CI_BRANCH", "WORKERS_CI_COMMIT_SHA",
		"CLOUDFLARE_ENV", "WRANGLER_CI_OVERRIDE_NAME", "WRANGLER_COMMAND", "ENVIRONMENT",
	} {
		env[name] = fmt.Sprintf("hidden-env-%d", i)
	}
	return env
}

func notifyAt(p *place, o Options) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	err = Notify(context.Background(), p.surroundings(), o, &out, &errs)
	return out.String(), errs.String(), err
}

func TestNotify(t *testing.T) {
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = r.URL.Path + " " + r.Header.Get("Authorization") + " " + string(b)
		io.WriteString(w, `{"success":true,"message":"Notification queued"}`)
	}))
	defer server.Close()
	p := newPlace(t, secrets(server.URL+"/base/notify"))
	for _, strict := range []bool{false, true} {
		stdout, stderr, err := notifyAt(p, Options{Strict: strict})
		if err != nil || stdout != "✅ Deployment notification sent successfully\n" || stderr != "" {
			t.Errorf("got %q, %q, %v", stdout, stderr, err)
		}
	}
	if !strings.HasPrefix(body, "/base/notify Bearer hidden-3 {") {
		t.Errorf("sent %s", body)
	}
	for _, secret := range []string{"hidden-1", "hidden-2", "hidden-env-0", "hidden-env-1", "hidden-env-2", "hidden-env-3"} {
		if strings.Contains(body, secret+"\"") {
			t.Errorf("%s was sent: %s", secret, body)
		}
	}

	p.write(t, "wrangler.toml", "name = ")
	stdout, stderr, err := notifyAt(p, Options{})
	if want := "shipbell: warning: wrangler.toml is not valid, so its name for the project is not known\n"; err != nil || stderr != want || stdout == "" {
		t.Errorf("with a warning: %q, %q, %v", stdout, stderr, err)
	}
	if stdout, stderr, err := notifyAt(p, Options{Quiet: true}); err != nil || stdout+stderr != "" {
		t.Errorf("quiet: %q, %q, %v", stdout, stderr, err)
	}
}

// TestNotifyNeverFails goes down every path on which nobody is told: the error
// is nil, or with --strict the problem; two lines say what and what to do; and
// nothing of the environment shows.
func TestNotifyNeverFails(t *testing.T) {
	status := func(code int) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "60") // one try
			if code == 302 {
				w.Header().Set("Location", "https://login.example.com/?"+r.Header.Get("Authorization"))
			}
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"error":"no: %s"}`, r.Header.Get("Authorization"))
		}))
	}
	closed := status(200)
	closed.Close()
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // the server watches the connection only after that
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer hanging.Close()
	defer close(release)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = discardLog()
	secure.StartTLS()
	defer secure.Close()

	const short = 50 * time.Millisecond
	for _, tc := range []struct {
		name    string
		server  *httptest.Server
		change  func(p *place, o *Options)
		says    string
		advises string
	}{
		{name: "400", server: status(400), says: "did not take the push (400): no: Bearer [token]", advises: "--dry-run"},
		{name: "401", server: status(401), says: "refuses the token", advises: envToken},
		{name: "404", server: status(404), says: "knows no /notify", advises: envURL},
		{name: "413", server: status(413), says: "too large", advises: "--message"},
		{name: "429", server: status(429), says: "too many requests", advises: "--timeout"},
		{name: "500", server: status(500), says: "(500)", advises: "--timeout"},
		{name: "redirect", server: status(302), says: "redirect to login.example.com", advises: envURL},
		{name: "TLS", server: secure, says: "authority", advises: "SSL_CERT_FILE"},
		{name: "connection refused", server: closed, change: func(_ *place, o *Options) { o.Timeout = short }, says: "nothing listens", advises: "start"},
		{name: "hanging server", server: hanging, change: func(_ *place, o *Options) { o.Timeout = short }, says: "did not answer in time", advises: "--timeout"},
		{name: "no time at all", server: hanging, change: func(_ *place, o *Options) { o.Timeout = 1 }, says: "did not answer in time", advises: "--timeout"},
		{name: "negative time", server: hanging, change: func(_ *place, o *Options) { o.Timeout = -1 }, says: "below zero", advises: "--timeout"},
		{name: "bad type", server: hanging, change: func(_ *place, o *Options) { o.Type = "x" }, says: `"x" is no type`, advises: "--type worker"},
		{name: "bad status", server: hanging, change: func(_ *place, o *Options) { o.Status = "x" }, says: `"x" is no status`, advises: "in_progress"},
		{name: "no address", server: hanging, change: func(p *place, _ *Options) { p.env[envURL] = "" }, says: envURL + " is not set", advises: "set it"},
		{name: "no token", server: hanging, change: func(p *place, _ *Options) { p.env[envToken] = "" }, says: envToken + " is not set", advises: "set it"},
		{name: "nothing set", server: hanging, change: func(p *place, _ *Options) { p.env[envURL], p.env[envToken] = "", "" }, says: "are not set", advises: "set both"},
		{name: "address and token mixed up", server: hanging, change: func(p *place, _ *Options) { p.env[envURL], p.env[envToken] = p.env[envToken], p.env[envURL] }, says: "not the address", advises: "https://"},
		{name: "a defect", server: hanging, change: func(p *place, _ *Options) { p.env = nil; p.dir = "" }, says: "shipbell failed", advises: "report"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.server != hanging {
				defer tc.server.Close()
			}
			for _, strict := range []bool{false, true} {
				for _, quiet := range []bool{false, true} {
					p := newPlace(t, secrets(tc.server.URL))
					o := Options{Strict: strict, Quiet: quiet}
					if tc.change != nil {
						tc.change(p, &o)
					}
					s := p.surroundings()
					if p.env == nil {
						s.Getenv = func(string) string { panic("hidden-panic") }
					}
					var stdout, stderr bytes.Buffer
					err := Notify(t.Context(), s, o, &stdout, &stderr)
					var problem *Problem
					if strict != errors.As(err, &problem) {
						t.Errorf("strict %v: error %v", strict, err)
					}
					out := stderr.String()
					lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
					if len(lines) != 2 || !strings.HasPrefix(lines[0], "shipbell: deployment not announced: ") || !strings.HasPrefix(lines[1], "hint: ") ||
						!strings.Contains(lines[0], tc.says) || !strings.Contains(lines[1], tc.advises) {
						t.Errorf("stderr:\n%s", out)
					}
					if stdout.Len() > 0 {
						t.Errorf("stdout: %s", &stdout)
					}
					if strings.Contains(out+stdout.String(), "hidden") {
						t.Errorf("something of the environment shows:\n%s%s", out, &stdout)
					}
				}
			}
		})
	}
}

// TestNotifyOnAHangingDisk: what no deadline reaches is left behind.
func TestNotifyOnAHangingDisk(t *testing.T) {
	p := newPlace(t, secrets("https://shipbell.example.com"))
	synctest.Test(t, func(t *testing.T) {
		s := p.surroundings()
		wake := make(chan struct{})
		s.ReadFile = func(string) ([]byte, error) { <-wake; return nil, os.ErrNotExist }
		s.Git = func(context.Context, string, io.Writer, ...string) error { return errors.New("none") }
		begin := time.Now()
		var stdout, stderr bytes.Buffer
		if err := Notify(t.Context(), s, Options{Overrides: Overrides{Type: "x"}}, &stdout, &stderr); err != nil {
			t.Error(err)
		}
		if !strings.Contains(stderr.String(), "no type") {
			t.Errorf("a bad flag is known before anything is read: %s", &stderr)
		}
		stderr.Reset()
		if err := Notify(t.Context(), s, Options{}, &stdout, &stderr); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != DefaultTimeout+grace {
			t.Errorf("took %s", took)
		}
		if !strings.Contains(stderr.String(), "the time was over") || strings.Contains(stderr.String(), "hidden") || stdout.Len() > 0 {
			t.Errorf("stderr %s, stdout %s", &stderr, &stdout)
		}
		// What was left behind ends at once here, because its time is over.
		close(wake)
	})
}

func TestNotifySkips(t *testing.T) {
	for command, want := range map[string]string{"dev": "", "types": ""} {
		p := newPlace(t, map[string]string{"WRANGLER_COMMAND": command})
		stdout, stderr, err := notifyAt(p, Options{Strict: true})
		if stdout != want || stderr != "" || err != nil {
			t.Errorf("%s: %q, %q, %v", command, stdout, stderr, err)
		}
		stdout, _, _ = notifyAt(p, Options{DryRun: true})
		if want := "wrangler " + command + " deploys nothing: nothing to announce\n"; stdout != want {
			t.Errorf("%s --dry-run: %q, want %q", command, stdout, want)
		}
	}
	p := newPlace(t, map[string]string{"WRANGLER_COMMAND": "deploy"})
	p.processes = wranglerAbove("deploy", "--dry-run")
	stdout, stderr, err := notifyAt(p, Options{Strict: true})
	if want := "a dry run of wrangler deploys nothing: nothing to announce\n"; stdout != want || stderr != "" || err != nil {
		t.Errorf("wrangler's dry run: %q, %q, %v", stdout, stderr, err)
	}
	if stdout, _, _ := notifyAt(p, Options{Quiet: true}); stdout != "" {
		t.Errorf("quiet: %q", stdout)
	}
}

func TestNotifyDryRun(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	p := newPlace(t, map[string]string{
		envURL: "https://user:hidden@shipbell.example.com/base/?hidden", envToken: "hidden",
		"WORKERS_CI_BUILD_UUID": "build-abc123", "WORKERS_CI_BRANCH": "main", "WORKERS_CI_COMMIT_SHA": sha,
	})
	p.commits["HEAD"] = commit{hash: sha, author: "dev@example.com", message: "Rotate the hidden token"}
	stdout, stderr, err := notifyAt(p, Options{Overrides: Overrides{Project: "api"}, DryRun: true})
	if err != nil || stderr != "" {
		t.Errorf("%q, %v", stderr, err)
	}
	golden(t, "dry-run.txt", []byte(stdout))
	if strings.Contains(stdout, "hidden") {
		t.Error("a secret shows")
	}

	p.env[envURL], p.env[envToken] = server.URL, ""
	stdout, stderr, err = notifyAt(p, Options{Overrides: Overrides{Project: "api"}, DryRun: true})
	if err != nil || stderr != "" {
		t.Errorf("%q, %v", stderr, err)
	}
	golden(t, "dry-run-without-token.txt", []byte(stdout))
	if reached {
		t.Error("a dry run was sent")
	}

	stdout, stderr, err = notifyAt(p, Options{Overrides: Overrides{Status: "x"}, DryRun: true})
	if err != nil || stdout != "" || !strings.Contains(stderr, "no status") {
		t.Errorf("a bad flag: %q, %q, %v", stdout, stderr, err)
	}
}
