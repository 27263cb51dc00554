package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/shipbell/shipbell"
)

// ReadScopes are the permissions of a token that may read all that Shipbell asks
// for, for hints and help.
const ReadScopes = ScopeWorkers + ", " + ScopeBuilds + ", " + ScopePages

// Account is an account at Cloudflare.
type Account struct{ ID, Name string }

// String returns id and name.
func (a Account) String() string {
	if a.Name == "" {
		return a.ID
	}
	return a.ID + " (" + a.Name + ")"
}

// SetupError is what a person must change before anything can be asked. It holds
// no secret.
type SetupError struct {
	Reason string
	Hint   string
	Err    error // cause; may be nil
}

// Error returns the reason.
func (e *SetupError) Error() string { return e.Reason }

// Unwrap returns the cause.
func (e *SetupError) Unwrap() error { return e.Err }

const (
	accountsPerPage = 50
	maxPages        = 200 // of any list; more is a list that does not end
)

// ListAccounts returns the accounts that the token sees.
func (c *Client) ListAccounts(ctx context.Context) ([]Account, error) {
	var all []Account
	for page := 1; page <= maxPages; page++ {
		var batch list[struct {
			ID   text `json:"id"`
			Name text `json:"name"`
		}]
		info, err := c.get(ctx, "/accounts", pageQuery(page, accountsPerPage), &batch)
		if err != nil {
			return nil, err
		}
		for _, a := range batch {
			all = append(all, Account{string(a.ID), oneLine(string(a.Name))})
		}
		if lastPage(info, page, len(batch), accountsPerPage) {
			break
		}
	}
	return all, nil
}

func pageQuery(page, perPage int) url.Values {
	return url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(perPage)}}
}

// lastPage reports whether a list ends with this page. How many pages there are
// counts more than how full this one is, because a page can be smaller than asked.
func lastPage(info paging, page, got, perPage int) bool {
	if got == 0 {
		return true
	}
	if info.TotalPages > 0 {
		return page >= int(info.TotalPages)
	}
	return got < perPage
}

// Accounts returns the configured accounts; if there are none, the only one that
// the token sees. A [SetupError] says what to configure where that is not one.
func Accounts(ctx context.Context, c *Client, configured []string) ([]Account, error) {
	var accounts []Account
	for _, id := range configured {
		a := Account{ID: strings.TrimSpace(id)}
		if a.ID != "" && !slices.Contains(accounts, a) {
			accounts = append(accounts, a)
		}
	}
	if len(accounts) > 0 {
		return accounts, nil
	}
	accounts, err := c.ListAccounts(ctx)
	switch {
	case refused(err):
		return nil, &SetupError{
			Reason: "the account cannot be found by itself: " + err.Error(),
			Hint:   tokenHint, Err: err,
		}
	case err != nil:
		return nil, fmt.Errorf("find the account: %w", err)
	case len(accounts) == 0:
		return nil, &SetupError{
			Reason: "the token shows no account",
			Hint:   "set CLOUDFLARE_ACCOUNT_ID, or give the token the permission " + ScopeAccounts,
		}
	case len(accounts) > 1:
		var names []string
		for _, a := range accounts {
			names = append(names, a.String())
		}
		return nil, &SetupError{
			Reason: "the token shows several accounts: " + strings.Join(names, ", "),
			Hint:   "set CLOUDFLARE_ACCOUNT_ID to those to watch, separated by commas",
		}
	}
	return accounts, nil
}

const tokenHint = "set CLOUDFLARE_API_TOKEN to a token that is active, with the permissions " + ReadScopes

// explain words an error for people.
func explain(err error) (reason, hint string) {
	if err == nil {
		return "", ""
	}
	if s, ok := errors.AsType[*SetupError](err); ok {
		return s.Reason, s.Hint
	}
	e, ok := errors.AsType[*APIError](err)
	if !ok {
		return reasonOf(err), "Cloudflare cannot be reached; see https://www.cloudflarestatus.com"
	}
	switch {
	case e.Status == http.StatusUnauthorized, e.Code == 6003, e.Code == 9106:
		hint = tokenHint
	case e.Status == http.StatusForbidden:
		hint = "give the token the permission " + e.Scope + " on this account, or correct CLOUDFLARE_ACCOUNT_ID"
	case e.Status == http.StatusTooManyRequests:
		hint = "others use up the rate limit of this user; a longer SHIPBELL_POLL_INTERVAL asks less"
	case e.Status >= http.StatusInternalServerError:
		hint = "Cloudflare has a problem; see https://www.cloudflarestatus.com"
	}
	return reasonOf(err), hint
}

// reasonOf puts an error on one line; several of them stand beside each other.
func reasonOf(err error) string {
	return oneLine(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// Checkup is what a token can do.
type Checkup struct {
	// TokenStatus is active, disabled or expired; empty where it could not be
	// verified.
	TokenStatus string
	Accounts    []Account
	Parts       []Part
}

// Part is one thing that is asked for in an account.
type Part struct {
	Account Account
	Name    string // Workers, Workers Builds, Pages or Queue
	Works   bool
	// Scope is the permission that the part needs, and Reason why it does not
	// work.
	Scope, Reason string
}

// Check verifies the token and tries each read, for the start and for people. Its
// queue is the name or id of the queue of build events; empty for none. An error
// is a token that does not work, an account that is not known, or Cloudflare not
// answering; a missing permission is in the [Checkup].
func Check(ctx context.Context, c *Client, configured []string, queue string) (Checkup, error) {
	accounts, err := Accounts(ctx, c, configured)
	if err != nil {
		return Checkup{}, err
	}
	k := Checkup{Accounts: accounts}
	if k.TokenStatus, err = c.verify(ctx, accounts); err != nil {
		return k, err
	}
	for _, a := range accounts {
		for _, p := range []struct {
			name, scope string
			ask         func() error
		}{
			{"Workers", ScopeWorkers, func() error {
				_, err := c.get(ctx, inAccount(a.ID, "workers", "workers"), pageQuery(1, 1), nil)
				return err
			}},
			{"Workers Builds", ScopeBuilds, func() error {
				// There is no such version; that it is not found is an answer.
				_, err := c.get(ctx, inAccount(a.ID, "builds", "builds"), url.Values{"version_ids": {nobody}}, nil)
				return err
			}},
			{"Pages", ScopePages, func() error {
				_, err := c.get(ctx, inAccount(a.ID, "pages", "projects"), nil, nil)
				return err
			}},
			{"Queue", ScopeQueues, func() error {
				if queue == "" {
					return nil
				}
				_, err := c.findQueue(ctx, a.ID, queue)
				return err
			}},
		} {
			if p.name == "Queue" && queue == "" {
				continue
			}
			part := Part{Account: a, Name: p.name, Works: true, Scope: p.scope}
			err := p.ask()
			if e, ok := errors.AsType[*APIError](err); ok && p.name != "Queue" && !refused(err) &&
				(e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound) {
				err = nil // it may ask; it only asked for nothing
			}
			if err != nil {
				if fails(err) && !errors.Is(err, shipbell.ErrNotFound) {
					return k, fmt.Errorf("check %s of account %s: %w", p.name, a.ID, err)
				}
				part.Works = false
				part.Reason, _ = explain(err)
			}
			k.Parts = append(k.Parts, part)
		}
	}
	return k, nil
}

// nobody is the id of nothing.
const nobody = "00000000-0000-4000-8000-000000000000"

// verify returns the status of the token. Tokens of users and tokens of accounts
// are verified in different places.
func (c *Client) verify(ctx context.Context, accounts []Account) (string, error) {
	paths := []string{"/user/tokens/verify"}
	for _, a := range accounts {
		paths = append(paths, inAccount(a.ID, "tokens", "verify"))
	}
	var first error
	for _, path := range paths {
		var token struct {
			Status text `json:"status"`
		}
		_, err := c.get(ctx, path, nil, &token)
		switch {
		case err == nil && token.Status != "" && token.Status != "active":
			return string(token.Status), &SetupError{Reason: "the API token is " + cut(oneLine(string(token.Status)), maxLine), Hint: tokenHint}
		case err == nil:
			return string(token.Status), nil
		case fails(err):
			return "", fmt.Errorf("verify the API token: %w", err)
		}
		if first == nil {
			first = err
		}
	}
	return "", &SetupError{Reason: "the API token does not work: " + first.Error(), Hint: tokenHint, Err: first}
}
