package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Readers of the stream of events are a process of their own, so that what they cost
// does not wait behind what the pushes cost. They are told on the standard input how
// many events there were, and then tell on the standard output what they have got.

// timedEvery is of how many events a reader looks at the time of one.
const timedEvery = 50

// heard is what readers have got, all together.
type heard struct {
	Events   int64           `json:"events"`
	Lost     int64           `json:"lost"`     // passed over, without a word
	Repeated int64           `json:"repeated"` // told again
	Resets   int64           `json:"resets"`   // times that a reader was told that it lost some
	Cut      int64           `json:"cut"`      // streams that ended
	Took     []time.Duration `json:"took"`     // from the start of a push to its event, of some
}

// reader goes through one stream.
type reader struct {
	events, lost, repeated, resets int64
	took                           []time.Duration
	opened, changed                int64 // the cursor of the last event
	here                           bool  // the stream has said where it begins
	count                          *atomic.Int64
}

// frame takes one event as it was sent, without the empty line behind it.
func (r *reader) frame(frame []byte, now func() time.Time) error {
	id, rest, ok := bytes.Cut(frame, []byte("\n"))
	if !bytes.HasPrefix(id, []byte("id: ")) {
		return nil // a comment, or how soon to come back
	}
	opened, changed, err := cursor(id[len("id: "):])
	if err != nil || !ok {
		return err
	}
	switch {
	case bytes.HasPrefix(rest, []byte("event: deployment\n")):
		if opened > r.opened+1 {
			r.lost += opened - r.opened - 1
		}
		if opened <= r.opened && changed <= r.changed {
			r.repeated++
		}
		r.events++
		if r.events%timedEvery == 0 {
			if at, ok := sentAt(rest); ok {
				r.took = append(r.took, now().Sub(at))
			}
		}
		r.count.Add(1)
	case bytes.HasPrefix(rest, []byte("event: reset\n")):
		r.resets++
	case bytes.HasPrefix(rest, []byte("event: here\n")):
		r.here = true
	}
	r.opened, r.changed = opened, changed
	return nil
}

// cursor reads the id of an event.
func cursor(id []byte) (opened, changed int64, err error) {
	a, b, ok := bytes.Cut(id, []byte("-"))
	opened, err = strconv.ParseInt(string(a), 10, 64)
	if err == nil {
		changed, err = strconv.ParseInt(string(b), 10, 64)
	}
	if err != nil || !ok {
		return 0, 0, fmt.Errorf("event id %q is none", id)
	}
	return opened, changed, nil
}

// sentAt reads out of an event when its push was made, see [timedBody].
func sentAt(event []byte) (time.Time, bool) {
	_, rest, ok := bytes.Cut(event, []byte(`"shownId":"`))
	id, _, ok2 := bytes.Cut(rest, []byte(`"`))
	_, nanos, ok3 := bytes.Cut(id, []byte("."))
	n, err := strconv.ParseInt(string(nanos), 10, 64)
	return time.Unix(0, n), ok && ok2 && ok3 && err == nil
}

// pass reads a stream until it ends, and returns why it did.
func (r *reader) pass(stream io.Reader, here func()) error {
	buffer := make([]byte, 64<<10)
	filled := 0
	for {
		if filled == len(buffer) {
			buffer = append(buffer, make([]byte, len(buffer))...)
		}
		n, err := stream.Read(buffer[filled:])
		filled += n
		rest := buffer[:filled]
		for {
			frame, behind, ok := bytes.Cut(rest, []byte("\n\n"))
			if !ok {
				break
			}
			was := r.here
			if err := r.frame(frame, time.Now); err != nil {
				return err
			}
			if r.here && !was {
				here()
			}
			rest = behind
		}
		filled = copy(buffer, rest)
		if err != nil {
			return err
		}
	}
}

// openStream asks for the stream of events over a connection of its own.
func openStream(address string, room int) (net.Conn, io.Reader, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	if room > 0 {
		err = conn.(*net.TCPConn).SetReadBuffer(room)
	}
	if err == nil {
		_, err = fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", address, readToken)
	}
	var answer *http.Response
	if err == nil {
		answer, err = http.ReadResponse(bufio.NewReaderSize(conn, 32<<10), nil)
	}
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("ask for events: %s", answer.Status)
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, answer.Body, nil
}

// readersBound is how long readers may take for what was sent already.
const readersBound = 15 * time.Second

// serveReaders reads n streams, and has one more opened that nobody reads.
func serveReaders(url string, n int) error {
	address := strings.TrimPrefix(url, "http://")
	slow, _, err := openStream(address, 4096)
	if err != nil {
		return err
	}
	defer slow.Close()
	readers := make([]reader, n)
	conns := make([]net.Conn, n)
	var ready, group sync.WaitGroup
	var cut, got atomic.Int64
	for i := range readers {
		conn, stream, err := openStream(address, 0)
		if err != nil {
			return err
		}
		conns[i], readers[i].count = conn, &got
		ready.Add(1)
		group.Go(func() {
			here := sync.OnceFunc(ready.Done)
			_ = readers[i].pass(stream, here) // whatever ended it
			cut.Add(1)
			here()
		})
	}
	ready.Wait()
	fmt.Println("ready")
	var want int64
	if _, err := fmt.Fscan(os.Stdin, &want); err != nil {
		return err
	}
	// Whoever lost some is not waited for longer than the bound.
	for until := time.Now().Add(readersBound); got.Load() < want*int64(n) && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
	o := heard{Cut: cut.Load()}
	for _, c := range conns {
		_ = c.Close()
	}
	group.Wait()
	for i := range readers {
		r := &readers[i]
		o.Events, o.Lost, o.Repeated, o.Resets = o.Events+r.events, o.Lost+r.lost, o.Repeated+r.repeated, o.Resets+r.resets
		o.Took = append(o.Took, r.took...)
	}
	return json.NewEncoder(os.Stdout).Encode(o)
}
