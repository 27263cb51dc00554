package board_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/board"
)

// of names the project of an event.
func of(project string) func(*shipbell.Event) {
	return func(e *shipbell.Event) { e.Project = project }
}

// A pusher can make up projects without end. The board keeps those that were
// deployed to last, whatever time they tell, and one that left is whole when it is
// deployed to again.
func TestMadeUpProjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keep = 40
		w := newWorld(t)
		w.board = board.New(board.Options{Ledger: w.ledger, Keep: keep, Now: w.board.Now})
		w.tell("old", shipbell.Success, 1, of("shop"))
		w.run()
		w.follow()
		for i := range 2 * keep {
			w.tell(fmt.Sprint("made-up-", i), shipbell.Success, 100_000, of(fmt.Sprint("project-", i)))
			if i == 0 {
				w.tell("blog", shipbell.Success, 2, of("blog"))
			}
			if i == keep {
				w.tell("blog again", shipbell.InProgress, 2, of("blog"))
			}
			if i%7 == 0 {
				w.follow()
				synctest.Wait()
			}
		}
		w.follow()
		synctest.Wait()
		cards, _ := w.board.Cards()
		if n := len(cards); n < keep || n > keep+keep/10 {
			t.Errorf("%d cards, want about %d", n, keep)
		}
		all := describe(cards)
		if strings.Contains(all, "shop/") {
			t.Error("the project that was deployed to first is still there")
		}
		if !strings.Contains(all, "blog/production under_way live=blog last=blog again under=blog again") {
			t.Errorf("of the one that was deployed to again: %s", all[strings.Index(all, "blog"):][:80])
		}
		w.tell("new", shipbell.InProgress, 3, of("shop"))
		w.follow()
		w.settled()
		c, err := w.board.Card(board.Spot{Type: shipbell.Worker, Project: "shop", Environment: shipbell.Production})
		if err != nil || c.Live == nil || c.Live.ShownID != "old" {
			t.Errorf("a project that comes back is %+v, %v", c.Live, err)
		}
		// A start reads no more than that.
		again := board.New(board.Options{Ledger: w.ledger, Keep: keep, Now: w.board.Now})
		go func() { _ = again.Run(t.Context()) }()
		<-again.Ready()
		if cards, _ := again.Cards(); len(cards) > keep+keep/10 || cards[0].Project != "shop" {
			t.Errorf("after a start %d cards, the first of %s", len(cards), cards[0].Project)
		}
	})
}

// A card shows a line: what is long is not kept in mind for every project.
func TestLongTextsAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		long := func(e *shipbell.Event) {
			text := strings.Repeat("ö", 100_000)
			e.CommitMessage, e.Log, e.History, e.Error = "Fix it\n"+text, text, text, text
		}
		for i, s := range []shipbell.Status{shipbell.Success, shipbell.Failure, shipbell.InProgress} {
			w.tell(fmt.Sprint("a", i), s, i, long)
		}
		w.run()
		for i, s := range []shipbell.Status{shipbell.Success, shipbell.Failure, shipbell.InProgress} {
			w.tell(fmt.Sprint("b", i), s, 5+i, long, of("web"))
		}
		w.follow()
		synctest.Wait()
		cards, _ := w.board.Cards()
		for _, c := range cards {
			for _, d := range append([]shipbell.Deployment{*c.Live, *c.Failed, c.Last}, c.UnderWay...) {
				if n := len(d.CommitMessage) + len(d.Log) + len(d.History) + len(d.Error); n > 8<<10 {
					t.Errorf("of %s %d bytes are kept", d.ShownID, n)
				}
			}
		}
		if len(cards) != 2 {
			t.Errorf("%d cards", len(cards))
		}
	})
}
