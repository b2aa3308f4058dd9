package budget

import "time"

// The pace is kept in weighed time: an hour of the day counts as an hour, one
// of the night as nightWeight of it. The calls that are left, divided by the
// weighed time that they must last, give an even step of weighed time, which
// comes out longer by night all by itself.

// weigh returns the weighed time from a to b.
func weigh(zone *time.Location, a, b time.Time) time.Duration {
	var sum time.Duration
	for a.Before(b) {
		edge, weight := segment(zone, a)
		if edge.After(b) {
			edge = b
		}
		sum += time.Duration(float64(edge.Sub(a)) * weight)
		a = edge
	}
	return sum
}

// after returns the time that lies step of weighed time after a.
func after(zone *time.Location, a time.Time, step time.Duration) time.Time {
	for {
		edge, weight := segment(zone, a)
		whole := time.Duration(float64(edge.Sub(a)) * weight)
		if step <= whole {
			return a.Add(time.Duration(float64(step) / weight))
		}
		step -= whole
		a = edge
	}
}

// segment returns the end of the day or night that t lies in, and its weight.
func segment(zone *time.Location, t time.Time) (end time.Time, weight float64) {
	local := t.In(zone)
	y, m, d := local.Date()
	at := func(day, hour int) time.Time { return time.Date(y, m, day, hour, 0, 0, 0, zone) }
	switch morning, evening := at(d, dayBegins), at(d, dayEnds); {
	case local.Before(morning):
		return morning, nightWeight
	case local.Before(evening):
		return evening, 1
	default:
		return at(d+1, dayBegins), nightWeight
	}
}

// step is the weighed time between two calls of a fallback.
//
// Two thoughts: dividing what is left evenly over the whole rest of the month
// never runs dry, but makes the first hours of an ordinary outage needlessly
// coarse. So an outage is expected to last as long again as it has twice over,
// and may spend on that what no later day of the month needs as its base.
func (p Plan) step(zone *time.Location, now time.Time, m month, since time.Time, free float64) time.Duration {
	even := time.Duration(float64(weigh(zone, now, m.end)) / free)
	base := float64(p.base(m, now))
	if free > base {
		horizon := now.Add(max(shortest, 2*now.Sub(since)))
		if horizon.After(m.end) {
			horizon = m.end
		}
		even = min(even, time.Duration(float64(weigh(zone, now, horizon))/(free-base)))
	}
	return max(quickest, even)
}
