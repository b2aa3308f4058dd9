package budget

import "time"

// Plan is what one application may ask of the API.
type Plan struct {
	Name   string // as in cloud.enlighten.plan
	Minute int    // calls in a minute
	Month  int    // calls in a calendar month; for metered plans the point where it becomes dear
}

// plans is Enphase's price list of mid-2026. The free one is a hard cap.
var plans = map[string]Plan{
	"watt":     {"watt", 10, 1_000},
	"kilowatt": {"kilowatt", 50, 50_000},
	"megawatt": {"megawatt", 100, 300_000},
	"partner":  {"partner", 300, 1_500_000},
}

// PlanNamed returns a plan by its name in the configuration.
func PlanNamed(name string) (Plan, bool) {
	p, ok := plans[name]
	return p, ok
}

// Purpose is what a call is for.
type Purpose uint8

// The purposes.
const (
	Fallback Purpose = iota // the present power while the gateway is silent; paced
	Backfill                // the past that was missed; has a reserve
	Refresh                 // keeping the grant alive; comes before everything
	Setup                   // what a person asked for: connect, check; shares Backfill's reserve
	purposes
)

// String names the purpose for logs and metrics.
func (p Purpose) String() string {
	return [...]string{"fallback", "backfill", "refresh", "setup"}[p]
}

const (
	quickest = 15 * time.Minute // between two calls for the present power: the data is renewed no faster
	shortest = 6 * time.Hour    // an outage is expected to last at least this long
	window   = 65 * time.Second // a minute on their clock: calls do not arrive as evenly as they leave

	marginPerMille   = 10  // of the month, never spent but on refreshing: our count may differ from theirs
	reservePerMille  = 150 // of the month, kept for Backfill
	basePerDayPerMil = 8   // of the month, per day that is left: each day of the longest outage is covered
	keptForOthers    = 2   // calls of each minute that Backfill leaves to the others
)

// dayBegins and dayEnds bound the hours, local time, in which the sun may
// shine; the night is worth nightWeight of the day.
const (
	dayBegins   = 6
	dayEnds     = 20
	nightWeight = 0.375 // 15 minutes by day are 40 by night, still inside the 45 in which a cloud value counts as fresh
)
