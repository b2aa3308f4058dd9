package capture

import (
	"fmt"
	"time"
)

// commonZones are zones in which many millions live. A gateway's own zone may
// be a single county's, but which day a reading belongs to depends only on the
// rules of its clock, and those it shares with one of these.
var commonZones = []string{
	"Europe/London", "Europe/Berlin", "Europe/Athens", "Europe/Istanbul",
	"America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles",
	"America/Anchorage", "Pacific/Honolulu", "America/Halifax", "America/St_Johns", "America/Puerto_Rico",
	"America/Mexico_City", "America/Bogota", "America/Sao_Paulo", "America/Santiago",
	"Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "Asia/Jerusalem", "Asia/Dubai", "Asia/Karachi",
	"Asia/Kolkata", "Asia/Dhaka", "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo",
	"Australia/Perth", "Australia/Darwin", "Australia/Adelaide", "Australia/Brisbane", "Australia/Sydney",
	"Pacific/Auckland",
}

// commonZone returns a zone whose clocks show the same as those of the named one
// all through the year around now: a common one, else one without daylight
// saving at the nearest whole hour. ok is false for what is no zone.
func commonZone(name string, now time.Time) (common string, ok bool) {
	zone, err := time.LoadLocation(name) // which looks nowhere but among the zones
	if err != nil || zone == time.Local {
		return "", false
	}
	for _, candidate := range commonZones {
		other, err := time.LoadLocation(candidate)
		if err == nil && sameClock(zone, other, now) {
			return candidate, true
		}
	}
	_, offset := now.In(zone).Zone()
	hours := int(time.Duration(offset) * time.Second / time.Hour)
	if hours == 0 {
		return "UTC", true
	}
	return fmt.Sprintf("Etc/GMT%+d", -hours), true // POSIX signs: west is positive
}

// sameClock compares two zones each hour from half a year before now to half a
// year after.
func sameClock(a, b *time.Location, now time.Time) bool {
	for h := range 366 * 24 {
		t := now.Add(time.Duration(h-183*24) * time.Hour)
		_, first := t.In(a).Zone()
		_, second := t.In(b).Zone()
		if first != second {
			return false
		}
	}
	return true
}
