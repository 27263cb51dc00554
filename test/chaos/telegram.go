package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/dispatch"
	"github.com/shipbell/shipbell/internal/faketelegram"
)

// lane is one channel as Telegram sees it.
type lane struct {
	chat   int64
	thread int
}

// String is the lane as TELEGRAM_CHAT_ID has it.
func (l lane) String() string {
	if l.thread == 0 {
		return strconv.FormatInt(l.chat, 10)
	}
	return fmt.Sprintf("%d:%d", l.chat, l.thread)
}

// channel is the lane as the server stores it.
func (l lane) channel() shipbell.ChannelID { return shipbell.ChannelID("telegram:" + l.String()) }

// lease is what a replica holds that delivers in the lane: lanes of one chat
// share it.
func (l lane) lease() string {
	return string(dispatch.LeaseOf("telegram:" + strconv.FormatInt(l.chat, 10)))
}

// arrival is what the fake's own log does not tell about a call.
type arrival struct {
	seq      int       // the fake's number of the call; 0 while it has none
	life     int       // which process made it
	answered time.Time // when the answer, or the reset, was handed to the network
}

// telegram is the fake with its faults. Every life of the server reaches it
// under an address of its own, so that no call is taken for one of another life,
// however long it lay in a buffer.
type telegram struct {
	fake    *faketelegram.Server
	lanes   []lane
	limited bool // it has Telegram's limits
	mix     faketelegram.Mix
	door    *door // nil where servers come straight in
	url     string
	stop    func()

	// turn is held from before a call enters the fake until the fake has
	// numbered it: the way to learn which number it got.
	turn    sync.Mutex
	current *arrival

	mu       sync.Mutex
	arrivals map[int]arrival // by seq
	answers  chan int        // receives the life after an answer, if anyone waits for it
	slow     chan int        // receives the life when a slow answer begins, if anyone waits for it
}

// mix is how Telegram fails. A lane waits up to a second after most faults, so
// that more of them would only make the run longer.
var mix = faketelegram.Mix{
	Status: 0.003, RateLimit: 0.0015, ResetBefore: 0.002, ResetAfter: 0.0015, Garbage: 0.001, Slow: 0.015,
	RetryAfter: time.Second, Delay: 150 * time.Millisecond,
}

// limitedMix is how it fails where its limits hold, and requests are few. It asks
// to wait for longer than it takes another replica to take a lane over.
var limitedMix = faketelegram.Mix{
	Status: 0.02, RateLimit: 0.02, ResetBefore: 0.02, ResetAfter: 0.02, Garbage: 0.02, Slow: 0.2,
	RetryAfter: 14 * time.Second, Delay: 300 * time.Millisecond,
}

// newTelegram makes a Telegram with a group, a forum and a topic in it. With its
// limits the group is a private chat: that may get one message a second, where
// others get 20 a minute.
func newTelegram(seed uint64, limited bool) *telegram {
	const group, private, forum = -1001000000001, 1000000001, -1001000000002
	t := &telegram{
		fake:     faketelegram.New(faketelegram.Options{Unlimited: !limited}),
		limited:  limited,
		mix:      mix,
		arrivals: make(map[int]arrival),
		answers:  make(chan int),
		slow:     make(chan int),
	}
	first := lane{chat: group}
	if limited {
		first.chat, t.mix = private, limitedMix
	}
	t.fake.AddChat(faketelegram.Chat{ID: first.chat, Title: "Team"})
	t.fake.AddChat(faketelegram.Chat{ID: forum, Title: "Company", Forum: true})
	t.lanes = []lane{first, {chat: forum}, {chat: forum, thread: t.fake.AddTopic(forum)}}
	t.decide(faketelegram.RandomFaults(seed, t.mix))
	return t
}

// listen takes connections until stop is called.
func (t *telegram) listen() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t.url = "http://" + l.Addr().String()
	t.serve(l)
	return nil
}

func (t *telegram) serve(l net.Listener) {
	server := &http.Server{Handler: t, ReadHeaderTimeout: time.Minute}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // returns when stopped
	}()
	t.stop = func() {
		_ = server.Close()
		<-ended
	}
}

// settings make a server deliver here.
func (t *telegram) settings(url string) []string {
	var names []string
	for _, l := range t.lanes {
		names = append(names, l.String())
	}
	limits := "TELEGRAM_LIMITS=off"
	if t.limited {
		limits = "TELEGRAM_LIMITS=on"
	}
	return []string{"TELEGRAM_BOT_TOKEN=" + t.fake.Token(), "TELEGRAM_CHAT_ID=" + strings.Join(names, ","), "TELEGRAM_API_URL=" + url, limits}
}

// urlOf is the address for one life of the server.
func (t *telegram) urlOf(life int) string { return t.url + "/" + strconv.Itoa(life) }

// calm ends the faults.
func (t *telegram) calm() {
	t.decide(func(faketelegram.Call) faketelegram.Fault { return faketelegram.Fault{} })
}

// decide sets the faults. The fake asks for one as soon as it has numbered a
// call, in the goroutine that brought it.
func (t *telegram) decide(faults func(faketelegram.Call) faketelegram.Fault) {
	t.fake.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
		t.current.seq = c.Seq
		life := t.current.life
		t.turn.Unlock()
		f := faults(c)
		if f.Kind == faketelegram.FaultRateLimit && !delivers(c) {
			f = faketelegram.Fault{} // a question about a chat does not stop it
		}
		if f.Kind == faketelegram.FaultNone && f.Delay > 0 {
			f.Accepted = c.Seq%2 == 0 // the others take effect after the delay, if the client still waits
			notify(t.slow, life)
		}
		return f
	})
}

// delivers reports whether the call is a post, an edit or a removal.
func delivers(c faketelegram.Call) bool {
	return c.Method == "sendMessage" || c.Method == "editMessageText" || c.Method == "deleteMessage"
}

// ServeHTTP hands a call to the fake and notes where it came from.
func (t *telegram) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	life, err := strconv.Atoi(first)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	// A body that breaks off is a call that never was.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	in := r.Clone(r.Context())
	in.URL.Path, in.Body = "/"+rest, io.NopCloser(bytes.NewReader(body))

	if t.door != nil && t.door.expects(life) {
		w.Header().Set("Connection", "close")
	}
	a := &arrival{life: life}
	t.turn.Lock()
	t.current = a
	t.fake.ServeHTTP(w, in)
	if a.seq == 0 {
		t.turn.Unlock() // refused before a fault was asked for
		return
	}
	a.answered = time.Now()
	t.mu.Lock()
	t.arrivals[a.seq] = *a
	t.mu.Unlock()
	notify(t.answers, a.life)
}

// notify tells who waits just now.
func notify[V any](signal chan<- V, v V) {
	select {
	case signal <- v:
	default:
	}
}
