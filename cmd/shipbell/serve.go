package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/term"

	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/config"
)

type serveCmd struct {
	config.Table
}

// Help shows the settings that have no flag, and an example.
func (serveCmd) Help() string {
	text := "With nothing set it runs: SQLite in the user's data directory, a token made on first start, messages printed here.\n\n"
	text += "Secrets are read from the environment or from a file, never from a flag:\n"
	for _, o := range config.Options() {
		if o.Secret {
			text += fmt.Sprintf("  $%s or $%s_FILE: %s\n", o.Setting, o.Setting, o.Help)
		}
	}
	return text + `
A .env file in the working directory is read too. Example:

  TELEGRAM_BOT_TOKEN_FILE=/run/secrets/bot TELEGRAM_CHAT_ID=-1001234567890 \
    shipbell serve --listen :8787 --data /var/lib/shipbell`
}

// Run serves until it is told to stop.
func (c serveCmd) Run(ctx context.Context, s streams) error {
	settings, err := config.Load(c.Table, config.OS(app.Checks))
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(settings.LogLevel)); err != nil {
		return err
	}
	log := app.NewLog(s.err, isTerminal(s.err), level)
	a, err := app.Open(ctx, app.Options{Settings: settings, Version: versionText(), Out: s.out, Log: log})
	if err != nil && ctx.Err() != nil {
		return nil // told to stop before it was ready
	}
	if err != nil {
		return hintOpen(err, settings)
	}
	welcome(s.out, a, settings)
	return errors.Join(a.Run(ctx), a.Close())
}

// hintOpen says what to do about a server that could not start.
func hintOpen(err error, settings config.Settings) error {
	switch {
	case errors.Is(err, app.ErrInUse):
		return hinted{err, "stop the other server, or give this one a directory of its own: --data DIR"}
	case errors.Is(err, syscall.EROFS):
		return hinted{err, "mount the disk of " + settings.Store.Data + " for writing, or choose another directory: --data DIR"}
	case errors.Is(err, syscall.ENOSPC):
		return hinted{err, "make room on the disk of " + settings.Store.Data + ", or choose another directory: --data DIR"}
	case errors.Is(err, os.ErrPermission):
		return hinted{err, "make " + settings.Store.Data + " writable for this user, or choose another: --data DIR"}
	case app.IsListenError(err):
		return hinted{err, "choose another address: --listen 127.0.0.1:8788"}
	}
	return hinted{err, hintStore(settings.Store)}
}

// welcome prints what a person needs to push for the first time. The token is
// shown once, when it is made, and never logged.
func welcome(w io.Writer, a *app.App, settings config.Settings) {
	token, made := a.Token()
	if made {
		kept := filepath.Join(settings.Store.Data, app.TokenFile)
		if settings.Store.Database != "" {
			kept = "the database, for all replicas"
		}
		fmt.Fprintf(w, `
  Shipbell is running. It made a token for pushes:

      %[1]s

  It is kept in %[2]s. Push a first deployment:

      curl -X POST %[3]s/notify \
        -H "Authorization: Bearer %[1]s" \
        -H "Content-Type: application/json" \
        -d '{"deployment":{"projectName":"api-service","deploymentId":"first","commitMessage":"Hello"}}'

  or, in a build step:

      DEPLOY_NOTIFY_URL=%[3]s DEPLOY_NOTIFY_TOKEN=%[1]s shipbell notify

`, token, kept, a.URL())
	}
	if a.Console() {
		fmt.Fprintf(w, "  Messages are printed here. For Telegram set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID.\n\n")
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
