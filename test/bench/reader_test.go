package main

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

// TestReaderCounts what it got and what it did not, however the stream is cut.
func TestReaderCounts(t *testing.T) {
	event := func(id string) string { return "id: " + id + "\nevent: deployment\ndata: {}\n\n" }
	for name, test := range map[string]struct {
		stream string
		want   reader
	}{
		"all":        {event("6-0") + event("7-0") + event("7-1"), reader{events: 3, opened: 7, changed: 1}},
		"lost two":   {event("6-0") + event("9-0"), reader{events: 2, lost: 2, opened: 9}},
		"told again": {event("6-0") + event("6-0"), reader{events: 2, repeated: 1, opened: 6}},
		"reset":      {event("6-0") + "id: 90-4\nevent: reset\ndata: {}\n\n" + event("91-4"), reader{events: 2, resets: 1, opened: 91, changed: 4}},
		"still here": {": still here\n\n" + event("6-0") + ": still here\nid: 6-0\n\n", reader{events: 1, opened: 6}},
	} {
		var r reader
		var got atomic.Int64
		r.count = &got
		begun := 0
		err := r.pass(iotest.OneByteReader(strings.NewReader("retry: 2000\n\nid: 5-0\nevent: here\ndata: {}\n\n"+test.stream)), func() { begun++ })
		if !errors.Is(err, io.EOF) || begun != 1 || !r.here {
			t.Errorf("%s: %v, begun %d times", name, err, begun)
		}
		if r.events != test.want.events || r.lost != test.want.lost || r.repeated != test.want.repeated || r.resets != test.want.resets || r.opened != test.want.opened || r.changed != test.want.changed || got.Load() != r.events {
			t.Errorf("%s: %+v, want %+v", name, r, test.want)
		}
	}
}

// TestReaderTimes: an event tells when its push was made.
func TestReaderTimes(t *testing.T) {
	before := time.Now()
	_, id, _ := strings.Cut(string(timedBody(nil, 7)), `"deploymentId":"`)
	id, _, _ = strings.Cut(id, `"`)
	at, ok := sentAt([]byte(`data: {"id":1,"shownId":"` + id + `","type":"worker"}`))
	if !ok || at.Before(before) || at.After(time.Now()) {
		t.Errorf("%s of %s", at, id)
	}
	if _, ok := sentAt([]byte(`data: {"id":1,"shownId":"build-1"}`)); ok {
		t.Error("an id without a time has one")
	}
}
