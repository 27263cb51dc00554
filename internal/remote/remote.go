// Package remote asks a running server over its API.
//
// Its one rule: whatever fails, the error says what a person can do, and neither it
// nor anything else shows the token. It keeps nothing and prints nothing.
package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/shipbell/shipbell/internal/wire"
)

const (
	// timeout bounds a request that ends.
	timeout = 15 * time.Second
	// maxBody bounds an answer, in bytes: 200 deployments are a tenth of it.
	maxBody = 16 << 20
	// maxProblem bounds what is read of a refusal.
	maxProblem = 64 << 10
)

// Options say which server is asked.
type Options struct {
	// URL is the address of the server, without a path unless a proxy puts it
	// below one.
	URL string
	// Token is what a request bears; empty for a server that is open to this
	// machine.
	Token   string
	Version string
	// Transport makes the connections; nil for TCP and the proxies of the
	// environment.
	Transport http.RoundTripper
}

// Client asks one server. It is safe for concurrent use.
type Client struct {
	options Options
	base    *url.URL
	http    *http.Client
}

// ErrAddress says that an address cannot be that of a server.
var ErrAddress = errors.New("not an http or https address without a user and a password")

// New returns a client. Its error is [ErrAddress].
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.URL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.User != nil {
		return nil, ErrAddress
	}
	base.Path, base.RawQuery, base.Fragment = strings.TrimSuffix(base.Path, "/"), "", ""
	client := &http.Client{
		Transport: o.Transport,
		// The token must not go to whomever a redirect names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Client{options: o, base: base, http: client}, nil
}

// Refused is the answer of a server that does not do what it was asked.
type Refused struct {
	Status int
	wire.Problem
}

// Error returns the sentence.
func (r *Refused) Error() string {
	text := cmp.Or(r.Message, http.StatusText(r.Status))
	if r.Param != "" {
		text += ": " + r.Param
	}
	return fmt.Sprintf("the server refused with status %d: %s", r.Status, text)
}

// Unreachable says that no server answered.
type Unreachable struct {
	URL string
	Err error
}

// Error returns the reason.
func (u *Unreachable) Error() string { return fmt.Sprintf("no answer from %s: %v", u.URL, u.Err) }

// Unwrap returns the cause.
func (u *Unreachable) Unwrap() error { return u.Err }

// Page is a part of the list of deployments, as it came and as it was read.
type Page struct {
	wire.Deployments
	Raw []json.RawMessage
}

// List returns the deployments that pass the filter of the parameters.
func (c *Client) List(ctx context.Context, params url.Values) (Page, error) {
	var p Page
	text, err := c.get(ctx, "/api/v1/deployments", params)
	if err != nil {
		return p, err
	}
	var raw struct {
		Deployments []json.RawMessage `json:"deployments"`
	}
	if err := errors.Join(json.Unmarshal(text, &p.Deployments), json.Unmarshal(text, &raw)); err != nil {
		return p, c.strange(err)
	}
	p.Raw = raw.Deployments
	return p, nil
}

// Deployment returns a deployment by its number, one of its ids, or the start of
// one; and the answer as it came.
func (c *Client) Deployment(ctx context.Context, id string) (wire.Detail, json.RawMessage, error) {
	var d wire.Detail
	text, err := c.get(ctx, "/api/v1/deployments/"+url.PathEscape(id), nil)
	if err == nil {
		if err = json.Unmarshal(text, &d); err != nil {
			err = c.strange(err)
		}
	}
	return d, text, err
}

// ProjectPage is a part of the list of projects, as it came and as it was read.
type ProjectPage struct {
	wire.Projects
	Raw []json.RawMessage
}

// Projects returns how the projects that pass the filter of the parameters are in
// each environment.
func (c *Client) Projects(ctx context.Context, params url.Values) (ProjectPage, error) {
	var p ProjectPage
	text, err := c.get(ctx, "/api/v1/projects", params)
	if err != nil {
		return p, err
	}
	var raw struct {
		Projects []json.RawMessage `json:"projects"`
	}
	if err := errors.Join(json.Unmarshal(text, &p.Projects), json.Unmarshal(text, &raw)); err != nil {
		return p, c.strange(err)
	}
	p.Raw = raw.Projects
	return p, nil
}

// strange is about an answer that is none of this API.
func (c *Client) strange(err error) error {
	return &Unreachable{URL: c.base.Redacted(), Err: fmt.Errorf("what answers there is no Shipbell of this kind: %w", err)}
}

func (c *Client) get(ctx context.Context, path string, params url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := c.ask(ctx, path, params, "application/json", "")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if err != nil {
		return nil, c.unreachable(err)
	}
	return text, nil
}

// ask makes a request; any answer but 200 is a [*Refused].
func (c *Client) ask(ctx context.Context, path string, params url.Values, accept, after string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.String()+path, nil)
	if err != nil {
		return nil, err
	}
	r.URL.RawQuery = params.Encode()
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", "shipbell/"+cmp.Or(c.options.Version, "dev"))
	if c.options.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	defer answer.Body.Close()
	refused := &Refused{Status: answer.StatusCode}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxProblem))
	_ = json.Unmarshal(text, &refused.Problem) // another kind of server says something else
	return nil, refused
}

// unreachable takes the address off an error of the HTTP client, which repeats it
// with all parameters.
func (c *Client) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &Unreachable{URL: c.base.Redacted(), Err: err}
}
