package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

const token = "bench-token-0123456789"

// The bot and the chat of the fake Telegram.
const (
	botToken       = "1234567890:bench"
	group    int64 = -1001234567890
)

// build builds the binary as it is released.
func (b *bench) build() error {
	b.binary = filepath.Join(b.dir, "shipbell")
	c := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.binary, "./cmd/shipbell")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	return c.Run()
}

// fakeTelegram is a Telegram whose only group is [group], unless chats are given.
type fakeTelegram struct {
	*faketelegram.Server
	url   string
	chats []string
}

func (b *bench) startTelegram(o faketelegram.Options, chats ...int64) (fakeTelegram, error) {
	// A history of hundreds of thousands of messages would be this process's
	// memory, and its collection the server's time.
	o.Token, o.MaxCalls, o.MaxRevisions = botToken, -1, -1
	fake := fakeTelegram{Server: faketelegram.New(o)}
	if len(chats) == 0 {
		chats = []int64{group}
	}
	for _, id := range chats {
		fake.AddChat(faketelegram.Chat{ID: id, Type: faketelegram.Supergroup})
		fake.chats = append(fake.chats, strconv.FormatInt(id, 10))
	}
	url, stop, err := fake.Start()
	if err != nil {
		return fakeTelegram{}, err
	}
	fake.url = url
	b.atEnd(func() error { stop(); return nil })
	return fake, nil
}

// startShipbell starts the server on a database, with a Telegram. Its data
// directory is the one that the database is in, or a new one.
func (b *bench) startShipbell(d database, t fakeTelegram, env ...string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	data := d.data
	if data == "" {
		data = b.scratch("data")
	}
	env = append([]string{
		"SHIPBELL_LISTEN=" + address, "SHIPBELL_DATA=" + data, "SHIPBELL_LOG_LEVEL=error", "DEPLOY_NOTIFY_TOKEN=" + token,
		"TELEGRAM_BOT_TOKEN=" + botToken, "TELEGRAM_CHAT_ID=" + strings.Join(t.chats, ","), "TELEGRAM_API_URL=" + t.url,
		"DATABASE_URL=" + d.url,
	}, env...)
	return b.start(address, env, b.binary, "serve")
}

// startEntrant starts a number of servers on one database as one entrant. Its
// processor time counts the database's processes.
func (b *bench) startEntrant(name string, d database, t fakeTelegram, replicas int) (entrant, []*process, error) {
	var servers []*process
	for range replicas {
		p, err := b.startShipbell(d, t)
		if err != nil {
			return entrant{}, nil, err
		}
		servers = append(servers, p)
	}
	return entrant{name: name, target: pushTarget(servers...), cpu: cpuSum(d, servers), stored: "yes, fsync"}, servers, nil
}
