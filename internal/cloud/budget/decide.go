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
		return Decision{At: s.pace(p, zone, now, m, n, float64(free)), Reason: reasonPace}
	}
	return Decision{At: now}
}

// pace is when the next call of a fallback is due. What was promised when the
// last one was made holds, although the outage has grown older since.
func (s *state) pace(p Plan, zone *time.Location, now time.Time, m month, n Need, free float64) time.Time {
	if s.LastFallback.IsZero() {
		return now
	}
	if n.Since.IsZero() {
		n.Since = now
	}
	promised := !s.NextFallback.IsZero()
	if promised && !n.Since.After(s.LastFallback) {
		return s.NextFallback
	}
	next := after(zone, s.LastFallback, p.step(zone, now, m, n.Since, free))
	if promised && s.NextFallback.Before(next) {
		return s.NextFallback
	}
	return next
}

// counted writes a call down.
func (s *state) counted(p Plan, zone *time.Location, now time.Time, n Need) {
	s.add(now, n.Purpose, 1)
	s.Recent = append(s.Recent, now.UTC())
	if n.Purpose != Fallback {
		return
	}
	s.LastFallback, s.NextFallback = now.UTC(), time.Time{}
	s.NextFallback = s.decide(p, zone, now.Add(window), n).At.UTC() // a minute later no call of this one counts
}
