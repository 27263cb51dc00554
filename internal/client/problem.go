package client

import (
	"fmt"
	"io"
)

// Problem is why nobody was told of a deployment: a sentence that says what went
// wrong, and one that says what to do. Neither holds a secret.
type Problem struct {
	Sentence string
	Hint     string
	Err      error // cause; may be nil. It may hold more than may be shown.
}

// Error returns the sentence.
func (p *Problem) Error() string { return p.Sentence }

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Print writes the two lines that a person sees.
func (p *Problem) Print(w io.Writer) {
	fmt.Fprintf(w, "shipbell: deployment not announced: %s\nhint: %s\n", p.Sentence, p.Hint)
}
