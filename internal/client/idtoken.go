package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// The variables by which a workflow of GitHub Actions gets a token that GitHub
// signs for it, in place of a secret. The first is ours, the others are there when
// the job has the permission id-token: write. See
// https://docs.github.com/en/actions/reference/security/oidc.
const (
	envAudience     = "DEPLOY_NOTIFY_AUDIENCE"
	envOfferAddress = "ACTIONS_ID_TOKEN_REQUEST_URL"
	envOfferSecret  = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// permissionHint says what a job lacks to which GitHub gives no token.
const permissionHint = "give the job the permission id-token: write; a build that is no workflow of GitHub's needs " + envToken

// offer is GitHub's to sign a token. The token is good for some minutes, so that
// it is asked for anew with every push.
type offer struct {
	address string // with the audience
	secret  string
}

// parseOffer reads where GitHub signs tokens, and for whom one is wanted. The error
// is a [*Problem] that repeats nothing of it.
func parseOffer(address, secret, audience string) (*offer, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" || secret == "" {
		return nil, &Problem{
			Sentence: envAudience + " is set, and GitHub offers no id token here",
			Hint:     permissionHint,
		}
	}
	query := u.Query()
	query.Set("audience", audience)
	u.RawQuery = query.Encode()
	return &offer{address: u.String(), secret: secret}, nil
}

// take asks GitHub for a token.
func (o *offer) take(ctx context.Context, transport http.RoundTripper) (string, *failure) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.address, nil)
	if err != nil {
		return "", &failure{problem: &Problem{Sentence: "GitHub's address for id tokens is none", Hint: reportHint, Err: err}}
	}
	req.Header.Set("Authorization", "Bearer "+o.secret)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "shipbell")
	res, err := transport.RoundTrip(req)
	if err != nil {
		return "", &failure{temporary: true, problem: &Problem{
			Sentence: "GitHub could not be asked for an id token: no answer from " + req.URL.Host,
			Hint:     "run the job again, or raise --timeout",
			Err:      err,
		}}
	}
	defer res.Body.Close()
	var signed struct {
		Value string `json:"value"`
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil && res.StatusCode == http.StatusOK {
		err = json.Unmarshal(text, &signed)
	}
	if err != nil || signed.Value == "" || strings.ContainsAny(signed.Value, " \r\n") {
		return "", &failure{
			temporary: res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusTooManyRequests,
			problem:   &Problem{Sentence: fmt.Sprintf("GitHub gives no id token (%d)", res.StatusCode), Hint: permissionHint},
		}
	}
	return signed.Value, nil
}
