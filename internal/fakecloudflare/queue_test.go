package fakecloudflare

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

type pulled struct {
	Backlog  int `json:"message_backlog_count"`
	Messages []struct {
		ID       string          `json:"id"`
		Lease    string          `json:"lease_id"`
		Body     json.RawMessage `json:"body"`
		Attempts int             `json:"attempts"`
		Sent     int64           `json:"timestamp_ms"`
		Metadata json.RawMessage `json:"metadata"`
	} `json:"messages"`
}

// newQueue is a fake with a queue and functions to pull and acknowledge.
func newQueue(t *testing.T, o QueueOptions) (f *fake, pull func(string) pulled, ack func(string) string) {
	f = newFake(t, Options{})
	id := f.AddQueue("builds", o)
	return f, func(body string) pulled {
			t.Helper()
			return decode[pulled](t, f.do("POST", "queues/"+id+"/messages/pull", body))
		}, func(body string) string {
			t.Helper()
			return string(decode[json.RawMessage](t, f.do("POST", "queues/"+id+"/messages/ack", body)))
		}
}

func TestListQueues(t *testing.T) {
	f := newFake(t, Options{})
	id := f.AddQueue("builds", QueueOptions{})
	f.AddQueue("other", QueueOptions{})
	list := getOK[any](f, "queues")
	if dig(t, list, 0, "queue_id") != id || dig(t, list, 0, "queue_name") != "builds" || dig(t, list, 0, "consumers", 0, "type") != "http_pull" {
		t.Errorf("queues %v", list)
	}
	if got := getOK[[]any](f, "queues?name=other"); len(got) != 1 || dig(t, got, 0, "queue_name") != "other" {
		t.Errorf("by name %v", got)
	}
	f.get("queues/builds").wantRefused(t, 404, 11000) // the id, never the name
}

func TestLeases(t *testing.T) {
	f, pull, ack := newQueue(t, QueueOptions{MaxRetries: 2})
	f.Send("builds", QueueMessage{Body: "a", Encoding: EncodingText})
	first := pull("")
	if len(first.Messages) != 1 || first.Backlog != 1 || first.Messages[0].Attempts != 1 || first.Messages[0].Sent != f.clock.Now().UnixMilli() {
		t.Fatalf("first %+v", first)
	}
	f.clock.Advance(30*time.Second - 1)
	if again := pull(""); len(again.Messages) != 0 || again.Backlog != 1 {
		t.Errorf("leased, and yet %+v", again)
	}
	f.clock.Advance(1)
	second := pull(`{"visibility_timeout_ms":1000}`)
	if second.Messages[0].Attempts != 2 || second.Messages[0].Lease == first.Messages[0].Lease || second.Messages[0].ID != first.Messages[0].ID {
		t.Errorf("second %+v", second)
	}
	if got, want := ack(`{"acks":[{"lease_id":"`+first.Messages[0].Lease+`"}]}`), `{"ackCount":0,"retryCount":0,"warnings":{"`+first.Messages[0].Lease+`":"lease not found"}}`; got != want {
		t.Errorf("a lease that another took: %s", got)
	}
	f.clock.Advance(time.Minute)
	if got, want := ack(`{"acks":[{"lease_id":"`+second.Messages[0].Lease+`"}]}`), `{"ackCount":1,"retryCount":0,"warnings":{}}`; got != want {
		t.Errorf("a late acknowledgement: %s", got)
	}
	if got := f.Acked("builds"); len(got) != 1 || got[0].Body != "a" || len(f.Pending("builds")) != 0 {
		t.Errorf("acknowledged %v", got)
	}
}

func TestRetries(t *testing.T) {
	f, pull, ack := newQueue(t, QueueOptions{MaxRetries: 2})
	f.Send("builds", QueueMessage{Body: "a", Encoding: EncodingText})
	for attempt := 1; attempt <= 3; attempt++ {
		p := pull("")
		if len(p.Messages) != 1 || p.Messages[0].Attempts != attempt {
			t.Fatalf("attempt %d: %+v", attempt, p)
		}
		if got := ack(`{"retries":[{"lease_id":"` + p.Messages[0].Lease + `","delay_seconds":60}]}`); got != `{"ackCount":0,"retryCount":1,"warnings":{}}` {
			t.Errorf("retry: %s", got)
		}
		if p := pull(""); len(p.Messages) != 0 {
			t.Errorf("attempt %d: delivered in spite of the delay", attempt)
		}
		f.clock.Advance(time.Minute)
	}
	if dropped := f.Dropped("builds"); len(dropped) != 1 || dropped[0].Attempts != 3 || len(f.Pending("builds")) != 0 {
		t.Errorf("dropped %+v", dropped)
	}

	// Leases that run out count as well.
	f, pull, _ = newQueue(t, QueueOptions{MaxRetries: -1})
	f.Send("builds", QueueMessage{Body: "a"})
	pull(`{"visibility_timeout_ms":1000}`)
	if got := f.Pending("builds"); len(got) != 1 || !got[0].Leased {
		t.Errorf("pending %+v", got)
	}
	f.clock.Advance(time.Second)
	if p := pull(""); len(p.Messages) != 0 || len(f.Dropped("builds")) != 1 {
		t.Errorf("delivered again: %+v", p)
	}
}

func TestBatches(t *testing.T) {
	f, pull, _ := newQueue(t, QueueOptions{})
	for i := range 120 {
		f.Send("builds", QueueMessage{Body: fmt.Sprint(i), Encoding: EncodingText})
	}
	f.Send("builds", QueueMessage{Body: "later", Encoding: EncodingText, Delay: time.Minute})
	if got := pull("{}"); len(got.Messages) != 5 || got.Backlog != 121 || string(got.Messages[0].Body) != `"0"` {
		t.Errorf("%d messages, backlog %d", len(got.Messages), got.Backlog)
	}
	if got := pull(`{"batch_size":100,"visibility_timeout_ms":43200000}`); len(got.Messages) != 100 {
		t.Errorf("%d messages", len(got.Messages))
	}
	if got := pull(`{"batch_size":100}`); len(got.Messages) != 15 {
		t.Errorf("%d messages", len(got.Messages))
	}
	id := f.queue("builds").id
	for _, body := range []string{`{"batch_size":101}`, `{"batch_size":0}`, `{"visibility_timeout_ms":43200001}`, `{"visibility_timeout_ms":-1}`} {
		f.do("POST", "queues/"+id+"/messages/pull", body).wantRefused(t, 400, 10207)
	}
	f.do("POST", "queues/"+id+"/messages/pull", "[").wantRefused(t, 400, 10208)
	f.do("POST", "queues/builds/messages/pull", "").wantRefused(t, 404, 10104)
	f.clock.Advance(time.Minute)
	if got := pull(`{"batch_size":100}`); len(got.Messages) != 21 {
		t.Errorf("%d messages after the delay", len(got.Messages))
	}
}

func TestEncodings(t *testing.T) {
	const text = `{"a":"<&>"}`
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	for encoding, want := range map[Encoding][2]string{
		EncodingBase64JSON: {`"` + encoded + `"`, "json"},
		EncodingJSON:       {`"{\"a\":\"<&>\"}"`, "json"},
		EncodingObject:     {text, "json"},
		EncodingText:       {`"{\"a\":\"<&>\"}"`, "text"},
		EncodingBytes:      {`"` + encoded + `"`, "bytes"},
	} {
		for _, body := range []any{text, []byte(text), map[string]string{"a": "<&>"}} {
			f, pull, _ := newQueue(t, QueueOptions{})
			f.Send("builds", QueueMessage{Body: body, Encoding: encoding})
			m := pull("").Messages[0]
			if string(m.Body) != want[0] {
				t.Errorf("%q: body %s, want %s", encoding, m.Body, want[0])
			}
			var metadata map[string]string
			if err := json.Unmarshal(m.Metadata, &metadata); err != nil || metadata["CF-Content-Type"] != want[1] {
				t.Errorf("%q: metadata %s", encoding, m.Metadata)
			}
		}
	}
	for form, want := range map[MetadataForm]string{MetadataNull: "null", MetadataString: `"{\"CF-Content-Type\":\"json\",\"CF-sourceMessageSource\":\"dash\"}"`} {
		f, pull, _ := newQueue(t, QueueOptions{})
		f.Send("builds", QueueMessage{Body: text, Metadata: form})
		if got := string(pull("").Messages[0].Metadata); got != want {
			t.Errorf("%q: %s", form, got)
		}
	}
}

func TestPush(t *testing.T) {
	f, pull, _ := newQueue(t, QueueOptions{})
	id := f.queue("builds").id
	f.do("POST", "queues/"+id+"/messages", `{"body":{"a":1}}`)
	f.do("POST", "queues/"+id+"/messages", `{"body":"plain","content_type":"text"}`)
	got := pull("").Messages
	if string(got[0].Body) != `"`+base64.StdEncoding.EncodeToString([]byte(`{"a":1}`))+`"` || string(got[1].Body) != `"plain"` {
		t.Errorf("pushed %s and %s", got[0].Body, got[1].Body)
	}
}

// TestConsumer makes the calls of wrangler queues create, consumer http add and
// subscription create.
func TestConsumer(t *testing.T) {
	f := newFake(t, Options{})
	id := decode[struct {
		ID string `json:"queue_id"`
	}](t, f.do("POST", "queues", `{"queue_name":"builds"}`)).ID
	f.do("POST", "queues", `{"queue_name":"builds"}`).wantRefused(t, 409, 11009)
	f.do("POST", "queues/"+id+"/messages/pull", "").wantRefused(t, 405, codeMalformed)
	if a := f.do("POST", "queues/"+id+"/consumers", `{"type":"http_pull","settings":{}}`); !a.Success {
		t.Fatal(a.Body)
	}
	f.do("POST", "queues/"+id+"/consumers", `{"type":"http_pull"}`).wantRefused(t, 400, 11004)
	sub := decode[struct{ ID string }](t, f.do("POST", "event_subscriptions/subscriptions", `{"name":"x","enabled":true,
		"source":{"type":"workersBuilds.worker","worker_name":"shop"},"destination":{"type":"queues.queue","queue_id":"`+id+`"},"events":["build.failed"]}`))
	if got := dig(t, getOK[any](f, "event_subscriptions/subscriptions?queue_id="+id), 0, "events", 0); got != "build.failed" {
		t.Errorf("events %v", got)
	}
	f.FinishBuild(f.StartBuild("shop", BuildOptions{}).UUID, BuildResult{})
	f.FinishBuild(f.StartBuild("other", BuildOptions{}).UUID, BuildResult{Outcome: BuildFailed})
	f.FinishBuild(f.StartBuild("shop", BuildOptions{}).UUID, BuildResult{Outcome: BuildFailed})
	if got := f.Pending("builds"); len(got) != 1 || !strings.Contains(got[0].Body, "build.failed") {
		t.Errorf("events %v", got)
	}
	f.do("DELETE", "event_subscriptions/subscriptions/"+sub.ID, "")
	if got := getOK[[]any](f, "event_subscriptions/subscriptions"); len(got) != 0 {
		t.Errorf("subscriptions %v", got)
	}
}

func TestBuildEvents(t *testing.T) {
	for words, want := range map[EventWords][]string{
		WordsOfDocs: {
			"build.started running <nil>", "build.succeeded success success", "build.started running <nil>", "build.failed failed failure",
			"build.canceled canceled canceled", "build.failed failed failure",
		},
		WordsOfTemplate: {
			"build.started running <nil>", "build.succeeded stopped success", "build.started running <nil>", "build.failed stopped failure",
			"build.failed stopped cancelled", "build.failed stopped failure",
		},
	} {
		f := newFake(t, Options{})
		f.AddQueue("builds", QueueOptions{})
		f.Subscribe(Subscription{Queue: "builds", Words: words})
		f.FinishBuild(f.StartBuild("shop", BuildOptions{Message: "fix", Author: "bob"}).UUID, BuildResult{})
		running := f.StartBuild("shop", BuildOptions{})
		f.AdvanceBuild(running.UUID)
		f.AdvanceBuild(running.UUID)
		f.FinishBuild(running.UUID, BuildResult{Outcome: BuildFailed})
		for _, outcome := range []BuildOutcome{BuildCancelled, BuildTerminated, BuildSkipped} {
			f.FinishBuild(f.StartBuild("shop", BuildOptions{}).UUID, BuildResult{Outcome: outcome})
		}
		var got []string
		for _, m := range f.Pending("builds") {
			var v any
			if err := json.Unmarshal([]byte(m.Body), &v); err != nil {
				t.Fatal(err)
			}
			name := strings.TrimPrefix(dig(t, v, "type").(string), "cf.workersBuilds.worker.")
			got = append(got, fmt.Sprint(name, " ", dig(t, v, "payload", "status"), " ", dig(t, v, "payload", "buildOutcome")))
			if dig(t, v, "source", "workerName") != "shop" || dig(t, v, "metadata", "accountId") != f.Account() ||
				dig(t, v, "payload", "buildTriggerMetadata", "branch") != "main" {
				t.Errorf("event %s", m.Body)
			}
			if strings.Contains(m.Body, BuildSecret) {
				t.Errorf("an event shows variables: %s", m.Body)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q\n  got  %q\n  want %q", words, got, want)
		}
		f.EmitBuild("builds", running.UUID, BuildEventStarted, words, EncodingObject)
		pending := f.Pending("builds")
		if last := pending[len(pending)-1].Body; last != string(f.BuildEventBody(running.UUID, BuildEventStarted, words)) || !strings.Contains(last, `"stoppedAt":null`) {
			t.Errorf("late event %s", last)
		}
	}
}

func TestDeploymentEvents(t *testing.T) {
	f := newFake(t, Options{})
	f.AddQueue("events", QueueOptions{})
	f.Subscribe(Subscription{Queue: "events", Source: SourceOfDeployments, Encoding: EncodingJSON})
	d := f.Deploy("shop", DeployOptions{})
	f.PutSecret("shop", "KEY")
	f.EmitDeployment("events", "shop", EncodingText)
	pending := f.Pending("events")
	var v any
	if err := json.Unmarshal([]byte(pending[0].Body), &v); err != nil || len(pending) != 3 || pending[1].Body != pending[2].Body {
		t.Fatal(err, pending)
	}
	if dig(t, v, "type") != "cf.workers.script.deployment.created" || dig(t, v, "payload", "id") != d.ID ||
		dig(t, v, "payload", "versions", 0, "versionId") != d.Versions[0].Version || dig(t, v, "payload", "workerName") != "shop" ||
		dig(t, v, "payload", "annotations", "workers/triggered_by") != "upload" {
		t.Errorf("event %s", pending[0].Body)
	}
}
