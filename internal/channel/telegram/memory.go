package telegram

import (
	"encoding/json"

	"github.com/shipbell/shipbell"
)

// memory is what a channel asks to be remembered, see [shipbell.Delivery].
type memory struct {
	Chat    int64 `json:"chat,omitempty"`    // the id the chat moved to
	General bool  `json:"general,omitempty"` // the topic is gone: use the general one
}

// readMemory reads what String wrote. What cannot be read counts as nothing:
// Telegram then says again where the chat went.
func readMemory(s string) memory {
	var m memory
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		return memory{}
	}
	return m
}

// String is the form that is stored.
func (m memory) String() string { return encode(m) }

// ref is what stands in a [shipbell.MessageRef]: the id that the chat had when
// the message was posted, and the message's.
type ref struct {
	Chat    int64 `json:"chat"`
	Message int64 `json:"message"`
}

// readRef reports false for what no version of this package wrote.
func readRef(s shipbell.MessageRef) (ref, bool) {
	var r ref
	err := json.Unmarshal([]byte(s), &r)
	return r, err == nil && r.Message > 0
}

// String is the form that is stored.
func (r ref) String() string { return encode(r) }

// encode writes a struct of numbers and booleans, which cannot fail.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
