package budget

import (
	"math"
	"time"
)

// month is a calendar month as the vendor may count it. In which time zone its
// months begin is not documented, so every zone is taken into account: near a
// boundary there are two months, and a call must fit into both.
type month struct {
	start, end time.Time
	used       int // by all purposes
	by         [purposes]int
}

// Zones of the earth, in whole hours from UTC.
const (
	farthestWest = -12
	farthestEast = 14
)

// months returns the months that it may be at now, with what was spent in them.
func (s *state) months(now time.Time) []month {
	var all []month
	for hours := farthestWest; hours <= farthestEast; hours++ {
		shift := time.Duration(hours) * time.Hour
		y, m, _ := now.UTC().Add(shift).Date()
		start := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC).Add(-shift)
		end := time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC).Add(-shift)
		if n := len(all); n > 0 && end.Sub(all[n-1].end).Abs() < 48*time.Hour {
			all[n-1].start = start // further east: it begins earlier
			continue
		}
		all = append(all, month{start: start, end: end})
	}
	for i := range all {
		s.count(&all[i])
	}
	return all
}

// count sums the calls since the month began. Those that a wrong clock dated
// into the future belong to it too.
func (s *state) count(m *month) {
	for _, h := range s.Hours {
		if (h.Hour+1)*3600 <= m.start.Unix() {
			continue
		}
		for p, n := range h.Calls {
			m.by[p] += n
			m.used += n
		}
	}
}

func days(m month, now time.Time) float64 { return max(m.end.Sub(now).Hours()/24, 0) }

// left is what may be spent until the month ends on anything but refreshing.
func (p Plan) left(m month, now time.Time) int {
	refreshes := int(math.Ceil(days(m, now))) + 2
	return p.Month - p.Month*marginPerMille/1000 - refreshes - m.used
}

// reserve is what only Backfill and Setup may spend.
func (p Plan) reserve(m month) int {
	return max(p.Month*reservePerMille/1000-m.by[Backfill]-m.by[Setup], 0)
}

// base is what the rest of the month needs so that each of its days could be
// covered at the slowest pace.
func (p Plan) base(m month, now time.Time) int {
	return int(float64(p.Month*basePerDayPerMil/1000) * days(m, now))
}

// fillable is what Backfill and Setup may spend: their reserve, and what no
// fallback of this month could need.
func (p Plan) fillable(m month, now time.Time) int {
	left := p.left(m, now)
	return min(max(p.reserve(m), left-p.base(m, now)), left)
}
