package collect

import "time"

// Each night shortly after 23:00 of its own time the gateway tidies up and
// answers late or not at all, on every firmware since 5. Nothing but the
// native meter pages is asked then, and their failures are no alarm.
const (
	quietFrom  = 22*time.Hour + 57*time.Minute
	quietUntil = 23*time.Hour + 10*time.Minute
)

// quiet reports whether t lies in the nightly stall, in the gateway's zone.
func quiet(t time.Time, zone *time.Location) bool {
	local := t.In(zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
	return clock >= quietFrom && clock < quietUntil
}

// quietEnd returns when the stall that t lies in is over.
func quietEnd(t time.Time, zone *time.Location) time.Time {
	local := t.In(zone)
	y, m, d := local.Date()
	return time.Date(y, m, d, 23, 10, 0, 0, zone)
}

// stalled returns how much of the time between two moments lay in nightly
// stalls.
func stalled(from, to time.Time, zone *time.Location) (sum time.Duration) {
	const longest = 48 * time.Hour // more days of silence need no such care
	if to.Sub(from) > longest {
		from = to.Add(-longest)
	}
	y, m, d := from.In(zone).Date()
	for ; ; d++ {
		begin := time.Date(y, m, d, 22, 57, 0, 0, zone)
		if begin.After(to) {
			return sum
		}
		end := quietEnd(begin, zone)
		sum += max(0, earlier(end, to).Sub(later(begin, from)))
	}
}
