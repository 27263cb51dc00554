package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/shipbell/shipbell/internal/outbound"
)

// bot calls methods of the Bot API.
type bot struct {
	api   string // address without a slash at the end
	token outbound.Secret
	http  *outbound.Client
}

// errAddress says that the configured API address cannot be used. The address
// itself stays out of it: with the token in it, it is not fit to be shown.
var errAddress = errors.New("the address of the Telegram API is not an http or https URL")

// apiError is a refusal. Code is Telegram's, or 0 where the answer was not one
// of the Bot API's, such as the page of a proxy.
type apiError struct {
	Method      string
	Status      int // of HTTP
	Code        int
	Description string        // without secrets
	RetryAfter  time.Duration // 0: not said
	MigrateTo   int64         // 0: not said
}

// Error returns method and description on one line.
func (e *apiError) Error() string { return e.Method + ": " + e.Description }

// envelope is what every answer of the Bot API is.
type envelope struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	ErrorCode   int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter      *int64 `json:"retry_after"` // seconds
		MigrateToChatID int64  `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

// call sends params to a method and returns the result. The error is an
// [*apiError] where something answered, an [*outbound.Error] where nothing did,
// or errAddress.
func (b *bot) call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(params); err != nil {
		return nil, fmt.Errorf("encode %s: %w", method, err)
	}
	address, err := url.Parse(b.api)
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" {
		return nil, errAddress
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.api+"/bot"+url.PathEscape(b.token.Reveal())+"/"+method, &body)
	if err != nil {
		return nil, errAddress
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.http.Do(req, b.token)
	if err != nil {
		return nil, err
	}

	var answer envelope
	if err := json.Unmarshal(resp.Body, &answer); err != nil || !answer.OK && answer.ErrorCode == 0 {
		return nil, &apiError{
			Method:      method,
			Status:      resp.Status,
			Description: fmt.Sprintf("HTTP status %d with an answer that is not the Bot API's", resp.Status),
			RetryAfter:  retryAfterHeader(resp.Header),
		}
	}
	if answer.OK {
		return answer.Result, nil
	}
	retryAfter := retryAfterHeader(resp.Header)
	if n := answer.Parameters.RetryAfter; n != nil {
		retryAfter = wait(*n)
	}
	return nil, &apiError{
		Method:      method,
		Status:      resp.Status,
		Code:        answer.ErrorCode,
		Description: b.quote(answer.Description),
		RetryAfter:  retryAfter,
		MigrateTo:   answer.Parameters.MigrateToChatID,
	}
}

// maxDescription bounds what is quoted of an answer, in bytes. Telegram's
// longest known description has 160.
const maxDescription = 400

// quote makes a text from outside fit to be shown and stored.
func (b *bot) quote(description string) string {
	text := outbound.Redact(description, b.token)
	if len(text) > maxDescription {
		text = text[:maxDescription] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// retryAfterHeader is the wait that the header asks for, or 0.
func retryAfterHeader(h http.Header) time.Duration {
	n, err := strconv.ParseInt(strings.TrimSpace(h.Get("Retry-After")), 10, 64)
	if err != nil {
		return 0
	}
	return wait(n)
}

// wait is that many seconds, within sane bounds.
func wait(seconds int64) time.Duration {
	return time.Duration(min(max(seconds, int64(minRetryAfter/time.Second)), int64(maxRetryAfter/time.Second))) * time.Second
}
