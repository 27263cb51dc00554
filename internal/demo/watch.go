package demo

import (
	"context"
	"strings"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

// watch shows every message as it is posted or edited, until ctx is done. Of a
// message that changes faster than it can be shown, the last state is.
func (p *play) watch(ctx context.Context) error {
	shown := map[int]int{} // states of a message, by its id
	for _, m := range p.telegram.Messages(chatID) {
		shown[m.ID] = len(m.Earlier) + 1
	}
	for p.screen.err == nil {
		var news []faketelegram.Message
		err := p.telegram.Wait(ctx, func(t *faketelegram.Server) bool {
			news = news[:0]
			for _, m := range t.Messages(chatID) {
				if shown[m.ID] <= len(m.Earlier) {
					news = append(news, m)
				}
			}
			return len(news) > 0
		})
		if err != nil {
			return context.Cause(ctx)
		}
		for _, m := range news {
			p.screen.bubble(m, linesAt(m, shown[m.ID]))
			shown[m.ID] = len(m.Earlier) + 1
		}
	}
	return p.screen.err
}

// linesAt returns the lines of a message in its nth state, from 1; nil for
// before it was there.
func linesAt(m faketelegram.Message, n int) []string {
	if n == 0 {
		return nil
	}
	return strings.Split(m.History()[n-1].Text, "\n")
}
