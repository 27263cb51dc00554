package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell/internal/fakecloudflare"
)

// numbers returns the lines of GET /metrics.
func (s *server) numbers() string {
	s.Helper()
	r, err := http.Get(s.url + "/metrics") // it is open to this machine
	if err != nil {
		s.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		s.Fatalf("answer %d %s %v", r.StatusCode, text, err)
	}
	return string(text)
}

// counted waits until the numbers have all these lines.
func (s *server) counted(lines ...string) {
	s.Helper()
	for until := time.Now().Add(time.Minute); ; {
		numbers, missing := s.numbers(), ""
		for _, line := range lines {
			if !strings.Contains(numbers, "\n"+line) {
				missing = line
			}
		}
		switch {
		case missing == "":
			return
		case time.Now().After(until):
			s.Fatalf("%s is missing in\n%s", missing, numbers)
		}
	}
}

// TestNumbers: everything that happens in a server is counted.
func TestNumbers(t *testing.T) {
	cf := fakecloudflare.New(fakecloudflare.Options{})
	cf.Deploy("api-service", fakecloudflare.DeployOptions{})
	s := startAsking(t, cf)
	s.push(contract())
	s.shows("Deployment ID: build-abc123")
	cf.Deploy("api-service", fakecloudflare.DeployOptions{Author: "dev@example.com"})
	s.shows("✅ Deployed")
	if code, _ := s.request("POST", "/notify", "wrong", contract()); code != 401 {
		t.Errorf("answer %d", code)
	}
	s.counted(
		`shipbell_build_info{go_version="go`,
		`shipbell_ingest_requests_total{code="2xx",source="push"} 1`,
		`shipbell_ingest_requests_total{code="4xx",source="push"} 1`,
		`shipbell_ingest_duration_seconds_count{source="push"} 1`,
		`shipbell_events_total{source="push",verdict="opened"} 1`,
		`shipbell_events_total{source="poll",verdict="changed"} 1`,
		`shipbell_joins_total{reason="time"} 1`,
		`shipbell_deployments_total{environment="production",project="api-service",status="success",type="worker"} 2`,
		`shipbell_attempts_total{channel="telegram:-1001234567890",outcome="delivered"} 2`,
		`shipbell_attempt_duration_seconds_count{channel="telegram:-1001234567890"} 2`,
		`shipbell_lane_paused{channel="telegram:-1001234567890"} 0`,
		`shipbell_store_writable 1`,
		`shipbell_store_duration_seconds_count{operation="update"} `,
		`shipbell_source_blind{source="poll"} 0`,
		`shipbell_cloudflare_requests_total `,
		`shipbell_cloudflare_quota_remaining_requests `,
		`process_start_time_seconds `,
		`go_goroutines `,
	)
	numbers := s.numbers()
	for _, secret := range []string{notifyToken, fakecloudflare.DefaultToken, s.fake.Token(), "build-abc123", "dev@example.com"} {
		if strings.Contains(numbers, secret) {
			t.Errorf("%q is in the numbers", secret)
		}
	}
	if code, _ := s.request("GET", "/metrics", "wrong", ""); code != 401 {
		t.Errorf("who has no token is answered %d", code)
	}
	// What is known is counted from zero after a start, so that the first failure is an
	// increase.
	s.stop()
	s.run()
	s.counted(`shipbell_deployments_total{environment="production",project="api-service",status="failure",type="worker"} 0`)
}
