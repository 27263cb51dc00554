package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/faketelegram"
)

func TestMain(m *testing.M) {
	testscript.Main(m, programs())
}

// group is the chat of the fake Telegram that every script has.
const group int64 = -1001234567890

// TestScripts runs every command as a process of its own.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script", nil) }

// runScripts runs the scripts of a directory, which can use more commands.
func runScripts(t *testing.T, dir string, more map[string]func(*testscript.TestScript, bool, []string)) {
	commands := map[string]func(*testscript.TestScript, bool, []string){
		"request":  request,
		"push":     push,
		"messages": messages,
		"kick":     kick,
		"deploy":   deploy,
		"edited":   edited,
		"heard":    heard,
		"sqlite":   sqlite,
		"spoil":    spoil,
		"shows":    shows,
		"written":  written,
	}
	maps.Copy(commands, more)
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("SHIPBELL_UPDATE") != "",
		Setup:               setup,
		Cmds:                commands,
	})
}

type fakeKey struct{}
type cloudflareKey struct{}

// setup gives a script a free port, a data directory, a fake Telegram and a fake
// Cloudflare, whose token is in $CLOUDFLARE.
func setup(env *testscript.Env) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	fake := faketelegram.New(faketelegram.Options{})
	fake.AddChat(faketelegram.Chat{ID: group, Type: faketelegram.Supergroup, Title: "Deployments"})
	api, stop, err := fake.Start()
	if err != nil {
		return err
	}
	env.Defer(stop)
	env.Values[fakeKey{}] = fake
	cf := fakecloudflare.New(fakecloudflare.Options{})
	cf.Deploy("api-service", fakecloudflare.DeployOptions{Author: "dev@example.com"})
	cloudflare, stop, err := cf.Start()
	if err != nil {
		return err
	}
	env.Defer(stop)
	env.Values[cloudflareKey{}] = cf
	env.Setenv("CLOUDFLARE_API_BASE_URL", cloudflare)
	env.Setenv("CLOUDFLARE", fakecloudflare.DefaultToken)
	env.Setenv("ADDRESS", address)
	env.Setenv("URL", "http://"+address)
	env.Setenv("SHIPBELL_LISTEN", address)
	env.Setenv("SHIPBELL_DATA", env.WorkDir+"/data")
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("TELEGRAM_API_URL", api)
	env.Setenv("BOT", fake.Token())
	env.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	env.Setenv("GIT_CONFIG_SYSTEM", "/dev/null")
	return nil
}

// request METHOD PATH TOKEN [BODY-FILE] sends a request to the server, waits
// until it listens, and puts "STATUS BODY" on standard output.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: request METHOD PATH TOKEN|@TOKEN-FILE|- [BODY-FILE]")
	}
	token := args[2]
	if file, ok := strings.CutPrefix(token, "@"); ok {
		token = strings.TrimSpace(ts.ReadFile(file))
	}
	body := ""
	if len(args) > 3 {
		body = ts.ReadFile(args[3])
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		r, err := http.NewRequest(args[0], ts.Getenv("URL")+args[1], strings.NewReader(body))
		ts.Check(err)
		if token != "-" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			if time.Now().After(deadline) {
				ts.Fatalf("no answer: %v", err)
			}
			continue
		}
		text, err := io.ReadAll(answer.Body)
		ts.Check(err)
		ts.Check(answer.Body.Close())
		_, err = fmt.Fprintf(ts.Stdout(), "%d %s\n", answer.StatusCode, text)
		ts.Check(err)
		return
	}
}

// push N TOKEN pushes N deployments of api-service, later-1 to later-N.
func push(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[0])
	if neg || len(args) != 2 || err != nil {
		ts.Fatalf("usage: push N TOKEN")
	}
	for i := range n {
		body := fmt.Sprintf(`{"deployment":{"projectName":"api-service","deploymentId":"later-%d"}}`, i+1)
		r, err := http.NewRequest(http.MethodPost, ts.Getenv("URL")+"/notify", strings.NewReader(body))
		ts.Check(err)
		r.Header.Set("Authorization", "Bearer "+args[1])
		answer, err := http.DefaultClient.Do(r)
		ts.Check(err)
		ts.Check(answer.Body.Close())
		if answer.StatusCode != http.StatusOK {
			ts.Fatalf("push %d: status %d", i+1, answer.StatusCode)
		}
	}
}

// messages N waits until the chat has N messages and puts them on standard
// output.
func messages(ts *testscript.TestScript, neg bool, args []string) {
	var n int
	if neg || len(args) != 1 {
		ts.Fatalf("usage: messages N")
	}
	_, err := fmt.Sscan(args[0], &n)
	ts.Check(err)
	fake := ts.Value(fakeKey{}).(*faketelegram.Server)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := fake.Wait(ctx, func(f *faketelegram.Server) bool { return f.Count(group) >= n }); err != nil {
		ts.Fatalf("%d messages, want %d", fake.Count(group), n)
	}
	for _, m := range fake.Messages(group) {
		_, err := fmt.Fprintf(ts.Stdout(), "%s\n\n", m.Text)
		ts.Check(err)
	}
}

// kick takes the bot out of the chat; !kick takes it back.
func kick(ts *testscript.TestScript, neg bool, _ []string) {
	fake := ts.Value(fakeKey{}).(*faketelegram.Server)
	if neg {
		fake.Unblock(group)
	} else {
		fake.Kick(group)
	}
}

// deploy WORKER deploys a new version at the fake Cloudflare.
func deploy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: deploy WORKER")
	}
	ts.Value(cloudflareKey{}).(*fakecloudflare.Server).Deploy(args[0], fakecloudflare.DeployOptions{Author: "dev@example.com"})
}

// edited TEXT waits until a message of the chat holds the text.
func edited(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: edited TEXT")
	}
	fake := ts.Value(fakeKey{}).(*faketelegram.Server)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := fake.Wait(ctx, func(f *faketelegram.Server) bool {
		for _, m := range f.Messages(group) {
			if strings.Contains(m.Text, args[0]) {
				return true
			}
		}
		return false
	})
	if err != nil {
		ts.Fatalf("no message holds %q", args[0])
	}
}

// heard waits until the server has asked the fake Cloudflare once.
func heard(ts *testscript.TestScript, neg bool, _ []string) {
	if neg {
		ts.Fatalf("usage: heard")
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		answer, err := http.Get(ts.Getenv("URL") + "/health?verbose")
		ts.Check(err)
		text, err := io.ReadAll(answer.Body)
		ts.Check(errors.Join(err, answer.Body.Close()))
		if strings.Contains(string(text), "lastHeard") {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("Cloudflare was not asked: %s", text)
		}
	}
}

// shows PATH TEXT waits until what the server answers there holds the text.
func shows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shows PATH TEXT")
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		answer, err := http.Get(ts.Getenv("URL") + args[0])
		ts.Check(err)
		text, err := io.ReadAll(answer.Body)
		ts.Check(errors.Join(err, answer.Body.Close()))
		if strings.Contains(string(text), args[1]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s does not show %q: %s", args[0], args[1], text)
		}
	}
}

// sqlite FILE STATEMENT runs a statement on a database, past the ledger.
func sqlite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sqlite FILE STATEMENT")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(errors.Join(err, db.Close()))
}

// spoil FILE TEXT overwrites the page of a database that holds the text.
func spoil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: spoil FILE TEXT")
	}
	const pageSize = 4096
	content := []byte(ts.ReadFile(args[0]))
	at := bytes.Index(content, []byte(args[1]))
	if at < 0 {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	start := at / pageSize * pageSize
	copy(content[start:start+pageSize], bytes.Repeat([]byte{0xff}, pageSize))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o600))
}

// written FILE TEXT waits until a file holds the text.
func written(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: written FILE TEXT")
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s does not hold %q: %s, %v", args[0], args[1], text, err)
		}
	}
}
