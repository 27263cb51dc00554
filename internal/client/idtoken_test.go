package client

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// signer is GitHub as a workflow sees it: it signs a token for an audience.
type signer struct {
	*httptest.Server
	status int
	body   string
	asked  int
}

func newSigner(t *testing.T) *signer {
	s := &signer{status: http.StatusOK, body: `{"count":100,"value":"hidden-signed"}`}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked++
		if r.Header.Get("Authorization") != "Bearer hidden-request" || r.URL.Query().Get("audience") != "ship bell" || r.URL.Query().Get("api-version") != "2.0" {
			t.Errorf("asked %s with %s", r.URL, r.Header.Get("Authorization"))
		}
		if s.status == http.StatusInternalServerError && s.asked > 1 {
			s.status = http.StatusOK
		}
		w.WriteHeader(s.status)
		io.WriteString(w, s.body)
	}))
	t.Cleanup(s.Close)
	return s
}

// workflow is the environment of a build without a token.
func (s *signer) workflow(server string) map[string]string {
	env := secrets(server)
	env[envToken] = ""
	env[envAudience] = "ship bell"
	env[envOfferAddress] = s.URL + "/sign?api-version=2.0"
	env[envOfferSecret] = "hidden-request"
	return env
}

// TestNotifyWithASignedToken: without a token of its own a workflow shows the one
// that GitHub signs for it.
func TestNotifyWithASignedToken(t *testing.T) {
	var shown string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = r.Header.Get("Authorization")
		io.WriteString(w, `{"success":true,"message":"Notification queued"}`)
	}))
	defer server.Close()
	for _, status := range []int{http.StatusOK, http.StatusInternalServerError} { // which is tried again
		s := newSigner(t)
		s.status = status
		if status != http.StatusOK {
			s.body = `{"value":"hidden-signed"}`
		}
		stdout, stderr, err := notifyAt(newPlace(t, s.workflow(server.URL)), Options{Strict: true})
		if err != nil || stdout != Success+"\n" || stderr != "" || shown != "Bearer hidden-signed" {
			t.Errorf("GitHub says %d: %q, %q, %v, shown %q", status, stdout, stderr, err, shown)
		}
	}

	// The token of the build goes first, and nobody is asked for another.
	s := newSigner(t)
	env := s.workflow(server.URL)
	env[envToken] = "hidden-own"
	if _, stderr, err := notifyAt(newPlace(t, env), Options{Strict: true}); err != nil || shown != "Bearer hidden-own" || s.asked != 0 {
		t.Errorf("%q, %v, shown %q, asked %d times", stderr, err, shown, s.asked)
	}
	// A dry run asks nobody.
	if stdout, _, err := notifyAt(newPlace(t, s.workflow(server.URL)), Options{DryRun: true}); err != nil || s.asked != 0 || !strings.Contains(stdout, "Bearer ********") {
		t.Errorf("%v, asked %d times: %s", err, s.asked, stdout)
	}
}

// TestNotifyWithoutASignedToken says why, and never a secret.
func TestNotifyWithoutASignedToken(t *testing.T) {
	answer := func(status int, v any) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(v)
		}))
		t.Cleanup(s.Close)
		return s
	}
	taking := answer(200, map[string]any{"success": true})
	for name, tc := range map[string]struct {
		server     *httptest.Server
		change     func(env map[string]string, s *signer)
		says, hint string
	}{
		"no permission":         {taking, func(env map[string]string, _ *signer) { delete(env, envOfferAddress); delete(env, envOfferSecret) }, "offers no id token", "id-token: write"},
		"refused by GitHub":     {taking, func(_ map[string]string, s *signer) { s.status = 403 }, "gives no id token (403)", "id-token: write"},
		"an odd answer":         {taking, func(_ map[string]string, s *signer) { s.body = `{"value":"hidden\nX-Injected: 1"}` }, "gives no id token (200)", "id-token"},
		"GitHub is away":        {taking, func(env map[string]string, s *signer) { s.Close() }, "could not be asked", "again"},
		"no address":            {taking, func(env map[string]string, _ *signer) { env[envURL] = "" }, envURL + " is not set", "address"},
		"refused by the server": {answer(401, "Unauthorized"), func(map[string]string, *signer) {}, "does not take GitHub's id token (401)", "GITHUB_OIDC_REPOSITORIES"},
		"another repository": {answer(403, map[string]string{"error": "Forbidden", "code": "forbidden_repository", "hint": "the repository acme/api has the id 7"}),
			func(map[string]string, *signer) {}, "does not let this build push (403): Forbidden", "has the id 7"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSigner(t)
			env := s.workflow(tc.server.URL)
			tc.change(env, s)
			stdout, stderr, err := notifyAt(newPlace(t, env), Options{Strict: true, Timeout: minAttempt})
			if err == nil || stdout != "" || !strings.Contains(stderr, tc.says) || !strings.Contains(stderr, tc.hint) {
				t.Errorf("%v\n%s", err, stderr)
			}
			if strings.Contains(stderr, "hidden") {
				t.Errorf("a secret shows: %s", stderr)
			}
		})
	}
}
