package collect

import (
	"math/rand/v2"
	"slices"
	"time"

	"envoyd/internal/derive"
)

// A gateway is a small computer: the pace follows what it can bear.
const (
	// loadNative and loadSlow bound the share of time the gateway spends on
	// one endpoint: it rests that many times as long as the answer took. The
	// slow pages come from one single worker that other programs need too.
	loadNative = 2
	loadSlow   = 10
	// firstRetry is how soon an endpoint that failed is asked again; each
	// further failure doubles that, up to the following.
	firstRetry  = 5 * time.Second
	longestWait = 15 * time.Minute // a slow page
	nativeWait  = 2 * time.Minute  // a native page
	metersWait  = 30 * time.Second // the pages that power comes from
	// slowLeast is the least time between two requests for a slow page,
	// whatever happened to the first.
	slowLeast = time.Minute
	// beats are those paces whose beat is kept although an answer came late;
	// slower ones count from when they were asked.
	beats = 5 * time.Second
)

// slot is an endpoint's place in the schedule.
type slot struct {
	path   string
	tier   derive.Tier
	slow   bool
	html   bool          // a page for people, read for want of anything better
	target time.Duration // the pace asked for
	least  time.Duration // between two requests, whatever happens
	pace   time.Duration // the pace that the gateway bears, never below target
	wait   time.Duration // the present one: pace, or longer during and after failures
	due    time.Time
	began  time.Time // when it was last asked
	asked  bool      // at least once
	heard  bool      // it has answered
	fails  int       // in a row
	// failing is when the first of them was asked.
	failing time.Time
}

// schedule says which endpoint is asked next. There is one request at a time
// and no queue: a poll that could not be made in time is made once, late, and
// the next one counts from then.
type schedule struct {
	slots []*slot
}

// add puts a slot into the schedule; of those due at the same moment the one
// added first is asked first. A slot of the same path only takes over the pace.
func (s *schedule) add(l slot) {
	if have := s.at(l.path); have != nil {
		have.target, have.tier = l.target, l.tier
		if have.fails == 0 && have.asked {
			have.hurry(l.due.Add(l.target))
		}
		return
	}
	l.wait, l.pace = l.target, l.target
	s.slots = append(s.slots, &l)
}

func (s *schedule) at(path string) *slot {
	for _, l := range s.slots {
		if l.path == path {
			return l
		}
	}
	return nil
}

// keep takes out all but the endpoints wanted.
func (s *schedule) keep(wanted func(path string) bool) {
	s.slots = slices.DeleteFunc(s.slots, func(l *slot) bool { return !wanted(l.path) })
}

// next returns the slot that is due first, nil when there is none. Of several
// that are overdue a native one goes before a slow one, so that the power of
// this second never waits behind a page that takes five.
func (s *schedule) next(now time.Time) *slot {
	var best *slot
	for _, c := range s.slots {
		if best == nil || before(c, best, now) {
			best = c
		}
	}
	return best
}

func before(a, b *slot, now time.Time) bool {
	aDue, bDue := !a.due.After(now), !b.due.After(now)
	switch {
	case aDue != bDue:
		return aDue
	case aDue && a.slow != b.slow && (a.asked || !a.slow):
		return !a.slow
	default:
		return a.due.Before(b.due)
	}
}

// hurry makes the slot due by then at the latest.
func (l *slot) hurry(by time.Time) {
	if l.due.After(by) {
		l.due = by
	}
}

// answered sets when the slot is due again after an answer that took latency.
func (l *slot) answered(now time.Time, latency time.Duration) {
	load := time.Duration(loadNative)
	if l.slow {
		load = loadSlow
	}
	l.asked, l.heard, l.fails = true, true, 0
	l.pace = max(l.target, latency*load)
	// Back to the pace in halves, not at once: a gateway that has just
	// recovered is not hit with the full load.
	l.wait = max(l.pace, min(l.wait/2, longestWait))
	l.plan(now)
}

// failed sets when the slot is due again after a failure; floor is what the
// gateway asked for.
func (l *slot) failed(now time.Time, floor time.Duration) {
	longest := longestWait
	switch {
	case l.slow:
	case l.tier == derive.Meters || l.deciding():
		longest = metersWait
	default:
		longest = nativeWait
	}
	l.wait = longest
	if l.fails < 10 {
		l.wait = min(firstRetry<<l.fails, longest)
	}
	if l.fails == 0 {
		l.failing = l.began
	}
	l.asked, l.fails = true, l.fails+1
	l.wait = max(l.wait, min(floor, longestWait))
	l.due = now.Add(l.wait + jitter(l.wait))
	if !l.deciding() {
		l.due = l.notBefore(l.due)
	}
}

// deciding reports whether there is no plan without this page, and it has yet
// to be heard: it is asked for more often than it ever will be afterwards.
func (l *slot) deciding() bool { return decisive[l.path] > 0 && !l.heard }

// plan keeps the beat: the next time counts from when this one was due, so
// that a poll each second stays one each second; but never from further back
// than one wait, so that late polls are not made up for.
func (l *slot) plan(now time.Time) {
	next := l.due.Add(l.wait)
	if next.Before(now) {
		next = now
	}
	if earliest := now.Add(l.wait / 2); next.Before(earliest) {
		next = earliest
	}
	l.due = l.notBefore(next.Add(jitter(l.wait)))
}

// notBefore moves t to where the least distance to the last request is kept.
func (l *slot) notBefore(t time.Time) time.Time {
	if earliest := l.began.Add(l.least); l.least >= beats && t.Before(earliest) {
		return earliest
	}
	return t
}

// jitter moves a poll by up to a twentieth of its pace, so that many programs
// that were started together drift apart.
func jitter(wait time.Duration) time.Duration {
	if wait < 20*time.Second {
		return 0 // a poll each second has to meet each of the gateway's seconds
	}
	return rand.N(wait/10+1) - wait/20
}
