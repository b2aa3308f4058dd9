package ledger

import "time"

// day is one local day, kept so that it is not computed for every input.
type day struct {
	zone       *time.Location
	start, end int64 // ms
}

// hold returns the day that the moment lies in.
func (d day) hold(moment time.Time, zone *time.Location) day {
	ms := moment.UnixMilli()
	if d.zone == zone && ms >= d.start && ms < d.end {
		return d
	}
	start := startOfDay(moment.In(zone))
	noonTomorrow := time.Date(start.Year(), start.Month(), start.Day()+1, 12, 0, 0, 0, zone)
	return day{zone, start.UnixMilli(), startOfDay(noonTomorrow).UnixMilli()}
}

// startOfDay is the first moment of t's date in its own zone. Midnight itself
// may not exist (clocks go forward at 00:00) or come twice (back to 00:00).
func startOfDay(t time.Time) time.Time {
	y, m, d := t.Date()
	start := time.Date(y, m, d, 0, 0, 0, 0, t.Location())
	if sd := start.Day(); sd != d {
		_, end := start.ZoneBounds()
		return end
	}
	if begin, _ := start.ZoneBounds(); !begin.IsZero() && begin.Before(start) {
		if earlier := begin.Add(-time.Nanosecond); start.Sub(begin) <= time.Hour && earlier.Day() == d {
			return firstMidnight(earlier, start)
		}
	}
	if earlier := start.Add(-time.Hour); earlier.Day() == d {
		return earlier
	}
	return start
}

// firstMidnight is the earlier of the two midnights of a day whose clocks were
// set back over it.
func firstMidnight(before, fallback time.Time) time.Time {
	first := before.Add(-time.Duration(before.Hour())*time.Hour - time.Duration(before.Minute())*time.Minute -
		time.Duration(before.Second())*time.Second - time.Duration(before.Nanosecond()))
	if first.Day() == fallback.Day() && first.Before(fallback) {
		return first
	}
	return fallback
}
