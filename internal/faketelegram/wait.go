package faketelegram

import (
	"context"
	"fmt"
)

// Wait returns as soon as done is true, which it asks at once and after every
// change: a call that was received or has its outcome, a chat that changed. It
// does not poll, and so works under testing/synctest too. Done may use all
// methods of the server.
func (s *Server) Wait(ctx context.Context, done func(*Server) bool) error {
	if err := s.news.Wait(ctx, func() bool { return done(s) }); err != nil {
		return fmt.Errorf("wait for the fake Telegram after %d calls: %w", s.CallCount(), err)
	}
	return nil
}
