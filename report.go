package shipbell

import "time"

// Report is what a source that asks has heard in one go. It is recorded in one
// transaction with what the source wants to remember, so that nothing is missed
// and nothing is told twice, wherever the process dies.
type Report struct {
	Source Source
	// Events, the oldest first.
	Events []Event
	// Baseline is set for what was there before Shipbell first looked: it is
	// recorded, and nobody is told.
	Baseline bool
	// LateBefore makes one bulletin of the deployments that started before then
	// and are new, but for those that failed; zero tells each by itself.
	LateBefore time.Time
	// Memory is what the source wants remembered from now on. Empty leaves what
	// it had.
	Memory string
}

// Hearing is how well a source that asks can be heard.
type Hearing struct {
	Source Source
	// LastHeard is when it last answered completely; zero if never.
	LastHeard time.Time
	// BlindSince is when it last stopped answering; zero while it answers.
	BlindSince time.Time
	// Reason is why it does not answer, and Hint what people can do; never a
	// secret.
	Reason, Hint string
	// Notes say what works without being complete, such as a missing permission.
	Notes []string
	// Requests counts those of the last cycle, and Remaining what the rate limit
	// leaves; -1 where it does not say.
	Requests, Remaining int
	// Poison are messages that could not be understood, the newest last.
	Poison []Poison
}

// Poison is a message that a source could not understand.
type Poison struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	// Body is the start of the message; never a secret.
	Body string `json:"body"`
}
