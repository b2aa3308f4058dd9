package budget

import (
	"slices"
	"time"
)

// Need is what somebody would like to spend calls on.
type Need struct {
	Purpose Purpose
	Calls   int       // how many belong together; 0 is 1
	Since   time.Time // Fallback: when the gateway fell silent; the longer ago, the slower the pace
}

// Decision says whether a call may be made.
type Decision struct {
	OK     bool
	At     time.Time // when it may be; in the past when it may now
	Reason string    // why not, for people
}

// Reasons to wait.
const (
	reasonBlocked = "Enphase said that the limit is reached"
	reasonMinute  = "as many calls as one minute allows were just made"
	reasonPace    = "the calls that are left must last for the month"
	reasonMonth   = "the calls of this month are spent"
)

// decide judges a need by what was spent; it changes nothing.
func (s *state) decide(p Plan, zone *time.Location, now time.Time, n Need) Decision {
	n.Calls = max(n.Calls, 1)
	if now.Before(s.Blocked) {
		return Decision{At: s.Blocked, Reason: reasonBlocked}
	}
	worst := s.minute(p, now, n)
	for _, m := range s.months(now) {
		if d := s.monthly(p, zone, now, m, n); d.At.After(worst.At) {
			worst = d
		}
	}
	worst.OK = !worst.At.After(now)
	if worst.OK {
		worst.Reason = ""
	}
	return worst
}

// minute judges by the calls of the last minute.
func (s *state) minute(p Plan, now time.Time, n Need) Decision {
	limit := p.Minute
	if n.Purpose == Backfill {
		limit = max(limit-keptForOthers, 1)
	}
	recent := s.recent(now)
	if len(recent) < limit {
		return Decision{At: now}
	}
	slices.SortFunc(recent, time.Time.Compare)
	return Decision{At: recent[len(recent)-limit].Add(window), Reason: reasonMinute}
}

// recent returns the calls of the last minute; those that a clock since set
// back dated into the future count if they lie near.
func (s *state) recent(now time.Time) []time.Time {
	var near []time.Time
	for _, at := range s.Recent {
		if now.Sub(at).Abs() < window {
			near = append(near, at)
		}
	}
	return near
}

// monthly judges by what is left of one month.
func (s *state) monthly(p Plan, zone *time.Location, now time.Time, m month, n Need) Decision {
	spent := Decision{At: m.end, Reason: reasonMonth}
	switch n.Purpose {
	case Refresh:
		if m.used+n.Calls > p.Month {
			return spent
		}
	case Backfill, Setup:
		if p.fillable(m, now) < n.Calls {
			return spent
		}
	default:
		free := p.left(m, now) - p.reserve(m)
		if free < n.Calls {
			return spent
		}
		if s.LastFallback.IsZero() {
			break
		}
		if n.Since.IsZero() {
			n.Since = now
		}
		next := after(zone, s.LastFallback, p.step(zone, now, m, n.Since, float64(free)))
		return Decision{At: next, Reason: reasonPace}
	}
	return Decision{At: now}
}
