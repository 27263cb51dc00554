// Package console is the channel of a server that has none configured: it prints
// messages, so that the first push shows something at once.
//
// Its one rule: a printed message cannot be changed, so an edit prints the
// message again and says so, and so does a removal.
package console

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/shipbell/shipbell"
)

// ID is the channel's only id.
const ID shipbell.ChannelID = "console"

// Channel prints messages. It is safe for concurrent use.
type Channel struct {
	mu  sync.Mutex
	out io.Writer
}

// New makes a channel that prints to out.
func New(out io.Writer) *Channel { return &Channel{out: out} }

// ID returns [ID].
func (c *Channel) ID() shipbell.ChannelID { return ID }

// Budget has no limits.
func (c *Channel) Budget() shipbell.Budget { return shipbell.Budget{Name: string(ID)} }

// Deliver prints the message with a bar on its left. An error of the writer is
// temporary: a full disk or a closed pipe behind standard output may recover.
func (c *Channel) Deliver(_ context.Context, d shipbell.Delivery) (shipbell.MessageRef, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	b.WriteString("\n")
	switch {
	case d.Remove:
		b.WriteString("  ┌ removed\n")
	case d.ReplyTo != "":
		b.WriteString("  ┌ reply\n")
	case d.Ref != "":
		b.WriteString("  ┌ updated\n")
	}
	for line := range strings.SplitSeq(d.Message.Plain(), "\n") {
		b.WriteString(strings.TrimRight("  │ "+line, " ") + "\n")
	}
	if _, err := io.WriteString(c.out, b.String()+"\n"); err != nil {
		return "", &shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: fmt.Sprintf("standard output: %v", err), Err: err}
	}
	return "printed", nil
}
