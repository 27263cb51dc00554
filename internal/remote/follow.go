package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The policy of this file: a stream that breaks is asked for again, from where it
// broke, for as long as the caller wants it. Only what will not mend by itself ends
// it: a token or parameters that are refused, and an address where nothing answered
// even once.

const (
	// silence is after how long without a sign a stream counts as broken: the server
	// says something every fifteen seconds.
	silence = 45 * time.Second
	// The wait before a stream is asked for again doubles from the first to the
	// longest; half of it at most is taken off by chance.
	firstWait, longestWait = time.Second, 30 * time.Second
	// maxLine bounds a line of a stream, in bytes.
	maxLine = 1 << 20
)

// Event is one event of a stream.
type Event struct {
	ID   string
	Name string
	Data []byte
}

// Watch is what a caller wants to know of a stream.
type Watch struct {
	// Tell is told of each event, in order. An error of its ends the stream.
	Tell func(Event) error
	// Lost is told that the stream broke, and that it is asked for again after the
	// wait; nil for nobody.
	Lost func(err error, wait time.Duration)
}

// Follow tells what changes from now on of the deployments that pass the filter of
// the parameters. It returns nil when ctx is done.
func (c *Client) Follow(ctx context.Context, params url.Values, w Watch) error {
	s := stream{client: c, params: params, watch: w}
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := s.read(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case s.ended != nil:
			return s.ended
		case hopeless(err), !s.reached:
			return err
		}
		if s.told {
			wait, s.told = firstWait, false
		}
		pause := wait - rand.N(wait/2)
		if w.Lost != nil {
			w.Lost(err, pause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// hopeless reports whether a refusal will not change by itself.
func hopeless(err error) bool {
	var r *Refused
	return errors.As(err, &r) && r.Status < 500 && r.Status != http.StatusTooManyRequests && r.Status != http.StatusRequestTimeout
}

// Ended says that a stream came to its end: a server that stops ends all, and one
// whose token is not good any more.
type Ended struct{ URL string }

// Error returns the reason.
func (e *Ended) Error() string {
	return fmt.Sprintf("the server at %s went away or ended the stream", e.URL)
}

// stream is what lasts from one connection to the next.
type stream struct {
	client  *Client
	params  url.Values
	watch   Watch
	after   string // the id of the last event
	reached bool   // a server answered once
	told    bool   // this connection was of use
	ended   error  // of the caller
}

// read reads one connection to its end.
func (s *stream) read(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	alarm := time.AfterFunc(silence, cancel)
	defer alarm.Stop()
	answer, err := s.client.ask(ctx, "/api/v1/events", s.params, "text/event-stream", s.after)
	if err != nil {
		s.reached = s.reached || errors.As(err, new(*Refused))
		return err
	}
	defer answer.Body.Close()
	if kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";"); kind != "text/event-stream" {
		return s.client.strange(errors.New("it answers with " + kind))
	}
	s.reached = true
	var e Event
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		alarm.Reset(silence)
		if s.take(&e, lines.Text()); s.ended != nil {
			return s.ended
		}
	}
	switch err = lines.Err(); {
	case err == nil, errors.Is(err, io.ErrUnexpectedEOF):
		return &Ended{URL: s.client.base.Redacted()}
	case ctx.Err() != nil:
		err = fmt.Errorf("not a sign of it for %v", silence)
	}
	return s.client.unreachable(err)
}

// take takes one line of a stream. The blank one ends an event.
func (s *stream) take(e *Event, line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "id":
		e.ID = value
	case "event":
		e.Name = value
	case "data":
		if e.Data != nil {
			value = "\n" + value
		}
		e.Data = append(e.Data, value...)
	}
	if line != "" {
		return
	}
	done := *e
	*e = Event{}
	if done.Data != nil {
		s.told = true
		if s.ended = s.watch.Tell(done); s.ended != nil {
			return
		}
	}
	// It counts once it was told.
	if done.ID != "" {
		s.after = done.ID
	}
}
