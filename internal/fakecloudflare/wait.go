package fakecloudflare

import (
	"context"
	"fmt"
)

// Wait returns as soon as done is true, which it asks at once and after every
// change: a call that was received or has its outcome, a deployment, a build, a
// message. It does not poll, and so works under testing/synctest too. Done may
// use all methods of the server.
func (s *Server) Wait(ctx context.Context, done func(*Server) bool) error {
	for {
		s.mu.Lock()
		if s.news == nil {
			s.news = make(chan struct{})
		}
		news := s.news
		s.mu.Unlock()
		if done(s) {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("wait for the fake Cloudflare after %d calls: %w", s.CallCount(), context.Cause(ctx))
		}
	}
}

// changed wakes those who wait. It is called with Server.mu held, and costs
// nothing when nobody waits.
func (s *Server) changed() {
	if s.news != nil {
		close(s.news)
		s.news = nil
	}
}
