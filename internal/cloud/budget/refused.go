package budget

import (
	"context"
	"time"
)

// Refusal is what a 429 said; each field may be missing.
type Refusal struct {
	Period     string // "minute" or "month"
	Start, End time.Time
	Limit      int
}

const (
	minuteWait   = 62 * time.Second // when the end of the minute is unknown
	monthSlack   = time.Hour        // after the first of the month in UTC, when its end is unknown
	namelessPair = 10 * time.Minute // a second refusal without a period within this means the month
	ahead        = 2 * time.Second  // after the end that they named
)

// Refused takes the vendor's word that the limit is reached and returns until
// when no call is made. It is kept on disk.
func (l *Ledger) Refused(ctx context.Context, r Refusal) (until time.Time, err error) {
	err = l.change(ctx, func(s *state, now time.Time) error {
		until = s.refused(now, r)
		s.Blocked = until.UTC()
		return nil
	})
	if until.IsZero() { // it could not be written: at least wait a minute
		until = time.Now().Add(minuteWait)
	}
	return until, err
}

func (s *state) refused(now time.Time, r Refusal) time.Time {
	switch r.Period {
	case "minute":
		if r.Limit > 0 {
			s.MinuteLimit = r.Limit
		}
		if wait := r.End.Add(ahead).Sub(now); wait > 0 && wait <= minuteWait {
			return now.Add(wait)
		}
		return now.Add(minuteWait)
	case "month":
		if r.Limit > 0 {
			s.Limit = r.Limit
		}
		return monthEnd(now, r.End)
	}
	again := !s.Nameless.IsZero() && now.Sub(s.Nameless).Abs() < namelessPair
	s.Nameless = now.UTC()
	if again {
		return monthEnd(now, time.Time{})
	}
	return now.Add(minuteWait)
}

// monthEnd believes the end that was named if it can be one. An end in the
// past means that our clock or theirs is wrong: ask again in a while.
func monthEnd(now, named time.Time) time.Time {
	switch {
	case named.IsZero() || named.After(now.Add(kept)):
		y, m, _ := now.UTC().Date()
		return time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC).Add(monthSlack)
	case named.Before(now):
		return now.Add(monthSlack)
	default:
		return named.Add(ahead)
	}
}
