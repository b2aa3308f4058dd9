package cloud

import "slices"

// Plan is what the application's owner pays for.
type Plan string

// The plans. Partners is for installers.
const (
	Watt     Plan = "Watt"
	Kilowatt Plan = "Kilowatt"
	Megawatt Plan = "Megawatt"
	Partners Plan = "Partner"
)

// limits are the hits a minute and a month of a plan.
func (p Plan) limits() (minute, month int) {
	switch p {
	case Kilowatt:
		return 50, 50_000
	case Megawatt:
		return 100, 300_000
	case Partners:
		return 300, 1_500_000
	}
	return 10, 1000
}

// Plans lists them all.
func Plans() []Plan { return []Plan{Watt, Kilowatt, Megawatt, Partners} }

// control is an access control: a group of calls that a plan contains.
type control int

const (
	details control = iota
	production
	consumption
	charger
	device
	streaming
	configuration
)

// grants says whether the plan contains a group of calls.
func (p Plan) grants(group control) bool {
	switch group {
	case device, streaming:
		return p != Watt
	case configuration:
		return slices.Contains([]Plan{Megawatt, Partners}, p)
	}
	return true
}
