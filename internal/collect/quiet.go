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
