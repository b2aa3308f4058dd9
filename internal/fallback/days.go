package fallback

import (
	"slices"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/reading"
)

// Day is what the counters stood at when a day ended.
type Day struct {
	Date   string // 2006-01-02, in the gateway's zone
	Energy reading.Energy
}

// Before makes the days before the first one that is known from the counters
// at its beginning and the cloud's daily energies: the counters are followed
// back, day by day. Each is an energy record of the last second of its day,
// and one more of the first second of all, so that the oldest day has its
// difference too. A flow ends where the cloud does not know a day of it, or
// where its counter would fall below zero: what came before is not known.
func Before(first string, begin reading.Energy, days []enlighten.Day, zone *time.Location) []Minute {
	days = slices.Clone(days)
	slices.SortFunc(days, func(a, b enlighten.Day) int { return -compareText(a.Date, b.Date) })
	var all []Minute
	at := begin
	next := first
	for _, d := range days {
		if d.Date >= first {
			continue
		}
		end, err := time.ParseInLocation(time.DateOnly, next, zone)
		if err != nil || !follows(d.Date, next, zone) {
			return all // a day is missing: the counters before it are not known
		}
		all = append(all, dayRecord(end.Add(-time.Second), at))
		at = back(at, d.Energy)
		if fields := at.Fields(); !reading.Any(fields[:]) {
			return all
		}
		next = d.Date
	}
	if len(all) > 0 {
		if begin, err := time.ParseInLocation(time.DateOnly, next, zone); err == nil {
			all = append(all, dayRecord(begin.Add(-time.Second), at))
		}
	}
	return all
}

// follows reports whether day is the one before next.
func follows(day, next string, zone *time.Location) bool {
	d, err := time.ParseInLocation(time.DateOnly, day, zone)
	return err == nil && d.AddDate(0, 0, 1).Format(time.DateOnly) == next
}

// back takes a day's energy off the counters.
func back(at, day reading.Energy) reading.Energy {
	for _, f := range reading.Flows() {
		counter := at.At(f)
		before := reading.Sum(*counter, day.At(f).Scale(-1))
		if before.Or(-1) < 0 {
			before = reading.Value{}
		}
		*counter = before
	}
	return at
}

func dayRecord(at time.Time, energy reading.Energy) Minute {
	return Minute{Time: at, Energy: energy, Source: reading.Enlighten}.estimated()
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
