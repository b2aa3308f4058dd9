package budget

import "time"

// Status is the budget for people: /metrics, the page, `envoyd check`.
type Status struct {
	Plan         string         // watt, kilowatt, megawatt, partner
	MinuteLimit  int            // calls in a minute
	MinuteUsed   int            // in the last one
	MonthLimit   int            // calls in a month
	MonthUsed    int            // in this one; near its boundary the month that is further spent
	UsedBy       map[string]int // the same by purpose: fallback, backfill, refresh, setup
	Reserve      int            // of what is left only for filling holes
	MonthEnds    time.Time      // the latest moment at which the count may begin anew
	Pace         time.Duration  // between two calls by day if an outage began now; 0 = none can be made
	BlockedUntil time.Time      // zero, or until when Enphase wants no call
}

// Left is how many calls of the month are not made yet.
func (s Status) Left() int { return max(s.MonthLimit-s.MonthUsed, 0) }

// Status returns what was spent and what is left.
func (l *Ledger) Status() (Status, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	s, _, err := l.load(now)
	if err != nil {
		return Status{}, err
	}
	p := l.limits(&s)
	st := Status{Plan: p.Name, MinuteLimit: p.Minute, MonthLimit: p.Month, MinuteUsed: len(s.Recent), UsedBy: map[string]int{}}
	if now.Before(s.Blocked) {
		st.BlockedUntil = s.Blocked
	}
	all := s.months(now)
	m := all[0]
	for _, other := range all[1:] {
		if other.used > m.used {
			m = other
		}
	}
	st.MonthUsed, st.MonthEnds, st.Reserve = m.used, m.end, min(p.reserve(m), max(p.left(m, now), 0))
	for purpose, n := range m.by {
		st.UsedBy[Purpose(purpose).String()] = n
	}
	if free := p.left(m, now) - p.reserve(m); free > 0 && st.BlockedUntil.IsZero() {
		st.Pace = p.step(l.zone, now, m, now, float64(free))
	}
	return st, nil
}
