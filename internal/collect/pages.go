package collect

import (
	"strings"
	"time"

	"envoyd/internal/status"
)

// pageLost is how long a page that is polled may fail, while others answer,
// before that is said: what it gives is absent or grows old.
const pageLost = 3 * time.Minute

// tellPages says which pages have long not answered, though the gateway is
// there. Those that decide on the meters are named at once: without them there
// is no reading.
func (s *session) tellPages(now time.Time) {
	var lost []string
	since := now
	for _, l := range s.schedule.slots {
		if l.fails < troubledAfter || now.Sub(l.failing) < pageLost && s.planned || quiet(now, s.c.Zone()) {
			continue
		}
		lost = append(lost, l.path)
		since = earlier(since, l.failing)
	}
	if len(lost) == 0 {
		s.c.cfg.Board.Forget(s.c.pagesName())
		return
	}
	s.c.cfg.Board.Set(s.c.pagesName(), status.Yellow,
		"the gateway answers, but not its pages "+strings.Join(lost, ", ")+", since "+since.In(s.c.Zone()).Format("2 Jan 15:04:05"),
		"Wait some minutes. If this stays, restart the gateway by its breaker.")
}

func (c *Collector) pagesName() string { return "pages/" + c.cfg.Serial }
