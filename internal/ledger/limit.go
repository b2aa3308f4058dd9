package ledger

import "math"

// The bounds of belief. Times are in ms, as everywhere inside this package.
const (
	second  = int64(1000)
	minute  = 60 * second
	quarter = 15 * minute
	hour    = 60 * minute

	// earliest is 2020-01-01: an earlier time comes from a clock that was not
	// set yet, and nothing is counted by it.
	earliest = int64(1577836800000)
	// latest is 2200-01-01.
	latest = int64(7258118400000)

	// absurdWh is beyond any home: 1 TWh.
	absurdWh = 1e12
	// unknownMaxW bounds hardware whose power nobody knows, and power that is
	// integrated: what the contract says of a grid connection.
	unknownMaxW = 100_000
	// roundingWh is the slack for counters of whole Wh and times of whole
	// seconds. It is a credit that fills up again, not a gift per sample.
	roundingWh = 5

	// lateness is how long a counter may stand still and then give all it
	// counted at once: api/v1 behind a CT follows in buckets of 15 minutes and
	// is up to 28 minutes old.
	lateness = 30 * minute
	// fallTime bounds the falls that are taken for jitter and followed.
	fallTime = 15 * minute

	// confirmations and confirmTime must both be reached before a level that
	// was not believed becomes the new baseline.
	confirmations = 5
	confirmTime   = 30 * second
	// zeroPatience is how long zeros are held back although nothing moves;
	// zeros after a restart last minutes.
	zeroPatience = hour
	// pastTime is how long the level before an epoch is remembered.
	pastTime = 6 * hour

	// sampleGap is the longest time between two samples of power that is
	// integrated over: a gateway that restarts is away for up to ten minutes
	// (fact sheet 6), and a battery hardly changes its mind in a quarter hour.
	sampleGap = 15 * minute
	// together is how far apart the terms of a balance may be measured.
	together = 5 * minute
	// shareGap is the longest gap that is shared between the days.
	shareGap = 12 * hour
	// littleWh is shared over any gap, and without calling it an estimate.
	littleWh = 100
	// fineWh is the coarsest counter that a day can be told from.
	fineWh = 1000
	// clockSlack is how far time may step back without meaning a clock that
	// was set; setBack is the time granted to hardware when it was.
	clockSlack = 2 * minute
	setBack    = 5 * minute

	// maxMarks covers the longest day (25 h) and a change of zone.
	maxMarks = 27 * 4
	// maxCounters bounds the state against a gateway that invents counters.
	maxCounters = 1000
)

// energy is what w watts give in ms milliseconds, in Wh.
func energy(w float64, ms int64) float64 { return w * float64(ms) / float64(hour) }

// sane reports whether wh can be the state of a counter at all.
func sane(wh float64) bool { return math.Abs(wh) <= absurdWh } // false for NaN
