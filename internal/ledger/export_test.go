package ledger

import "time"

// DayLength is how long the local day lasts that noon lies in.
func DayLength(noon time.Time) time.Duration {
	d := day{}.hold(noon, noon.Location())
	return time.Duration(d.end-d.start) * time.Millisecond
}
