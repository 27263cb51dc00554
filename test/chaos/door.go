package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// telegramURL is what replicas take for Telegram: a name that only the door
// knows, so that they go through it.
const telegramURL = "http://telegram.test"

// door is the way from the replicas to Telegram: a SOCKS 5 proxy
// (https://www.rfc-editor.org/rfc/rfc1928) that everybody enters under the number
// of their process. It can keep a process waiting at the last moment before a
// request leaves, when a connection is being made for it: the moment to freeze
// it. It is the listener of the Telegram behind it.
type door struct {
	net.Listener
	entered chan net.Conn
	closed  chan struct{}
	once    sync.Once

	mu   sync.Mutex
	held map[int]*hold // by life
}

// hold keeps one process waiting.
type hold struct {
	came chan struct{} // closed when it waits
	open chan struct{} // closed to let it in
	once sync.Once
}

// handshakeBound is how long the words before a connection may take, a freeze
// included.
const handshakeBound = time.Minute

func newDoor() (*door, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &door{Listener: l, entered: make(chan net.Conn), closed: make(chan struct{}), held: make(map[int]*hold)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.enter(c)
		}
	}()
	return d, nil
}

// settings make a process come through here.
func (d *door) settings(life int) []string {
	return []string{fmt.Sprintf("HTTP_PROXY=socks5://%d:x@%s", life, d.Addr())}
}

// Accept implements [net.Listener].
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.entered:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (d *door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Listener.Close()
}

// expect keeps a process waiting the next time that it comes, until the hold is
// opened.
func (d *door) expect(life int) *hold {
	h := &hold{came: make(chan struct{}), open: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held[life] = h
	return h
}

// expects reports whether the process is to come anew.
func (d *door) expects(life int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held[life] != nil
}

// open lets a process in, and those that come after it.
func (d *door) open(life int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.held[life]; h != nil {
		close(h.open)
		delete(d.held, life)
	}
}

// enter leads a connection through the door.
func (d *door) enter(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(handshakeBound))
	if err := d.welcome(c); err != nil {
		_ = c.Close() // who is killed at the door breaks off
		return
	}
	_ = c.SetDeadline(time.Time{})
	select {
	case d.entered <- c:
	case <-d.closed:
		_ = c.Close()
	}
}

// welcome is the proxy's half of the handshake.
func (d *door) welcome(c net.Conn) error {
	const version, withPassword = 5, 2
	methods, err := readCounted(c, 1)
	if err != nil || !bytes.Contains(methods, []byte{withPassword}) {
		return errors.Join(err, errors.New("no name"))
	}
	if _, err := c.Write([]byte{version, withPassword}); err != nil {
		return err
	}
	name, err := readCounted(c, 1)
	if err != nil {
		return err
	}
	life, err := strconv.Atoi(string(name))
	if err != nil {
		return err
	}
	if _, err := readCounted(c, 0); err != nil { // the password
		return err
	}
	if _, err := c.Write([]byte{1, 0}); err != nil { // welcome
		return err
	}
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil { // connect to a name
		return err
	}
	if _, err := readCounted(c, 0); err != nil { // the name
		return err
	}
	if _, err := io.ReadFull(c, make([]byte, 2)); err != nil { // the port
		return err
	}
	d.mu.Lock()
	h := d.held[life]
	d.mu.Unlock()
	if h != nil {
		h.once.Do(func() { close(h.came) })
		select {
		case <-h.open:
		case <-d.closed:
			return net.ErrClosed
		}
	}
	_, err = c.Write([]byte{version, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return err
}

// readCounted skips some bytes, and reads as many as the next one says.
func readCounted(r io.Reader, skip int) ([]byte, error) {
	head := make([]byte, skip+1)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	text := make([]byte, head[skip])
	_, err := io.ReadFull(r, text)
	return text, err
}
