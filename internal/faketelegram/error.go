package faketelegram

import (
	"fmt"
	"net/http"
	"strings"
)

// apiError is a refusal as the Bot API words it.
type apiError struct {
	Code        int
	Description string
	Parameters  parameters
}

// parameters are the machine-readable part of a refusal.
type parameters struct {
	MigrateToChatID int64 `json:"migrate_to_chat_id,omitempty"`
	RetryAfter      int   `json:"retry_after,omitempty"` // seconds
}

func (e *apiError) Error() string { return e.Description }

// refuse is a 400 with the words of Telegram's library, which start with a
// capital letter; on the wire they do not, unless they are a code such as
// MESSAGE_TOO_LONG. See fail_query_with_error in telegram-bot-api/Client.cpp.
func refuse(format string, args ...any) error {
	words := fmt.Sprintf(format, args...)
	if len(words) < 2 || words[1] != '_' && (words[1] < 'A' || 'Z' < words[1]) {
		words = strings.ToLower(words[:1]) + words[1:]
	}
	return &apiError{Code: http.StatusBadRequest, Description: "Bad Request: " + words}
}

func forbid(words string) error {
	return &apiError{Code: http.StatusForbidden, Description: "Forbidden: " + words}
}

func tooMany(seconds int) error {
	return &apiError{
		Code:        http.StatusTooManyRequests,
		Description: fmt.Sprintf("Too Many Requests: retry after %d", seconds),
		Parameters:  parameters{RetryAfter: seconds},
	}
}
