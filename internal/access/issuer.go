package access

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/shipbell/shipbell/internal/outbound"
)

// The policy of this file: what somebody else signed is taken only after their
// keys said so, and while these cannot be had nobody is refused for it: the answer
// is that they should come again. Strangers can make us ask the issuer, and no more
// often than this.
const (
	askEvery = 10 * time.Second // where the last answer was good
	askAgain = 2 * time.Second  // where there was none
)

// signatures are the algorithms that are taken. All are asymmetric: with another
// kind a public key would do to sign.
func signatures() []string { return []string{oidc.RS256, oidc.ES256, oidc.EdDSA} }

// errAsked says that the keys were asked for lately, and are what they are.
var errAsked = errors.New("the issuer was asked for its keys a moment ago")

// issuer checks the tokens that somebody else signed.
type issuer struct {
	name      string   // as the claim iss has it
	audiences []string // one of them must be meant
	keysAt    string   // empty: the issuer's own document says it
	client    *http.Client
	now       func() time.Time

	mu   sync.Mutex
	keys *oidc.RemoteKeySet
}

func newIssuer(name, keysAt string, audiences []string, client *outbound.Client, now func() time.Time) *issuer {
	return &issuer{
		name: name, audiences: audiences, keysAt: keysAt, now: now,
		client: &http.Client{
			Transport:     &asker{client: client, last: make(map[string]asked)},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// signed reports whether a token says of itself that this issuer signed it.
func (i *issuer) signed(token string) bool {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, ok := strings.Cut(rest, ".")
	if !ok {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	var claims struct {
		Issuer string `json:"iss"`
	}
	return err == nil && json.Unmarshal(text, &claims) == nil && claims.Issuer == i.name
}

// verify returns what a token says, after its signature, issuer, audience and time
// were checked. The error is [ErrWrong] with a reason, or an [*Unavailable].
func (i *issuer) verify(ctx context.Context, token string) (*oidc.IDToken, error) {
	keys, err := i.keySet()
	if err != nil {
		return nil, i.unavailable(err)
	}
	checked := &witness{keys: keys}
	verifier := oidc.NewVerifier(i.name, checked, &oidc.Config{
		SupportedSigningAlgs: signatures(), SkipClientIDCheck: true, Now: i.now,
	})
	said, err := verifier.Verify(ctx, token)
	switch {
	case err == nil && !slices.ContainsFunc(i.audiences, func(a string) bool { return slices.Contains(said.Audience, a) }):
		return nil, fmt.Errorf("%w: it is meant for %q, not for %q", ErrWrong, said.Audience, i.audiences)
	case err == nil:
		return said, nil
	case checked.silent():
		return nil, i.unavailable(checked.err)
	}
	return nil, fmt.Errorf("%w: %w", ErrWrong, err)
}

func (i *issuer) unavailable(err error) error {
	return &Unavailable{
		Reason: "the keys of " + i.name + " cannot be read: " + err.Error(),
		Hint:   "the keys of " + i.name + " cannot be read now; try again",
	}
}

// keySet returns the keys, and finds out first where they are.
func (i *issuer) keySet() (*oidc.RemoteKeySet, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.keys != nil {
		return i.keys, nil
	}
	// The client has a time-out; the end of one request is not the end of others.
	ctx := oidc.ClientContext(context.Background(), i.client)
	at := i.keysAt
	if at == "" {
		provider, err := oidc.NewProvider(ctx, i.name)
		if err != nil {
			return nil, err
		}
		var document struct {
			Keys string `json:"jwks_uri"`
		}
		if err := provider.Claims(&document); err != nil {
			return nil, err
		}
		at = document.Keys
	}
	i.keys = oidc.NewRemoteKeySet(ctx, at)
	return i.keys, nil
}

// witness sees why a signature was not taken, which the verifier does not pass on.
type witness struct {
	keys *oidc.RemoteKeySet
	err  error
}

// VerifySignature implements [oidc.KeySet].
func (w *witness) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := w.keys.VerifySignature(ctx, token)
	w.err = err
	return payload, err
}

// silent reports whether the issuer could not be asked, so that nothing is known
// of the signature.
func (w *witness) silent() bool {
	var failed *askError
	return errors.As(w.err, &failed) || errors.Is(w.err, context.Canceled) || errors.Is(w.err, context.DeadlineExceeded)
}

// askError is why an issuer gave no answer that can be used.
type askError struct{ error }

// asker sends requests to an issuer, not too often. It implements
// [http.RoundTripper].
type asker struct {
	client *outbound.Client
	mu     sync.Mutex
	last   map[string]asked // by address; there are two
}

type asked struct {
	at  time.Time
	err error
}

// RoundTrip implements [http.RoundTripper].
func (a *asker) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	address := r.URL.String()
	if last, ok := a.last[address]; ok {
		switch since := time.Since(last.at); {
		case last.err != nil && since < askAgain:
			return nil, last.err
		case last.err == nil && since < askEvery:
			return nil, errAsked
		}
	}
	answer, err := a.ask(r)
	a.last[address] = asked{at: time.Now(), err: err}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: http.StatusText(answer.Status), StatusCode: answer.Status, Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.Header, Body: io.NopCloser(bytes.NewReader(answer.Body)), ContentLength: int64(len(answer.Body)),
	}, nil
}

func (a *asker) ask(r *http.Request) (*outbound.Response, error) {
	answer, err := a.client.Do(r)
	switch {
	case err != nil:
		return nil, &askError{err}
	case answer.Status != http.StatusOK:
		return nil, &askError{fmt.Errorf("%s answers with %d", r.URL.Host, answer.Status)}
	case !json.Valid(answer.Body):
		return nil, &askError{fmt.Errorf("%s does not answer with JSON", r.URL.Host)}
	}
	return answer, nil
}
