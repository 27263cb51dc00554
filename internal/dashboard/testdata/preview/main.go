// Command preview shows the dashboard with a history that never was:
//
//	go run ./internal/dashboard/testdata/preview -listen 127.0.0.1:8090
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/dashboard"
	"github.com/shipbell/shipbell/internal/dashboard/dashboardtest"
	"github.com/shipbell/shipbell/internal/feed"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8090", "address")
	empty := flag.Bool("empty", false, "without a history")
	scope := flag.String("scope", "admin", "what a visitor may")
	many := flag.Int("many", 0, "how many more projects")
	busy := flag.Bool("busy", false, "go on deploying")
	flag.Parse()
	if err := run(*listen, *empty, shipbell.Scope(*scope), *many, *busy); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen string, empty bool, scope shipbell.Scope, many int, busy bool) error {
	ctx := context.Background()
	var f *feed.Feed
	w := dashboardtest.New(dashboardtest.Options{Now: time.Now, Committed: func() {
		if f != nil {
			f.Wake()
		}
	}})
	if !empty {
		if err := w.Fill(ctx); err != nil {
			return err
		}
	}
	for i := range many {
		if err := w.Project(ctx, i); err != nil {
			return err
		}
	}
	w.Doors.IsOpen, w.Doors.Tokens = scope == shipbell.ScopeAdmin, true
	f = feed.New(feed.Options{Ledger: w.Ledger, First: w.Board.Apply})
	go func() { _ = f.Run(ctx) }()
	go func() { _ = w.Board.Run(ctx) }()
	if busy {
		go func() {
			for i := 0; ; i++ {
				if err := w.Step(ctx, i); err != nil {
					log.Print(err)
				}
				time.Sleep(2 * time.Second)
			}
		}()
	}
	d := dashboard.New(w.Options())
	mux := http.NewServeMux()
	for _, route := range d.Routes() {
		mux.HandleFunc(route.Method+" "+route.Path, func(rw http.ResponseWriter, r *http.Request) {
			v := shipbell.Visitor{Name: "anna", Scope: scope}
			if scope == "none" {
				v = shipbell.Visitor{}
			}
			route.Handler.ServeHTTP(rw, r.WithContext(access.With(r.Context(), v)))
		})
	}
	mux.HandleFunc("GET /api/v1/events", func(rw http.ResponseWriter, r *http.Request) { stream(f, rw, r) })
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		d.Fail(rw, r, http.StatusNotFound, "No such page", "Choose one above.")
	})
	log.Printf("http://%s", listen)
	return http.ListenAndServe(listen, mux)
}

func stream(f *feed.Feed, w http.ResponseWriter, r *http.Request) {
	reader, err := f.Follow(r.Context())
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		b, err := reader.Next(r.Context())
		if err != nil {
			return
		}
		if b.Lost {
			fmt.Fprint(w, "event: reset\ndata: {}\n\n")
		}
		for _, e := range b.Events {
			data, _ := json.Marshal(map[string]any{"id": e.Deployment.ID, "project": e.Deployment.Project})
			fmt.Fprintf(w, "event: deployment\nid: %s\ndata: %s\n\n", e.At, data)
		}
		fmt.Fprint(w, ": here\n\n")
		w.(http.Flusher).Flush()
	}
}
