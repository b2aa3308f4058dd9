package derive

import (
	"math"
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

const (
	gridMaxW       = 100e3 // the contract's bound for a home's grid connection
	headroom       = 1.3   // over what the inverters ever reported
	leastInverterW = 250.0 // a new inverter has not shown yet what it can
	spikeFactor    = 2.0   // instant power over the highest 5- to 15-minute means
	leastSpikeW    = 8e3   // below this no power is called impossible
	apparentFactor = 1.5   // active over apparent power; the aggregate's parts are not of one instant
	apparentSlackW = 500.0
)

// limits is what the installed hardware can do, in W; 0 where unknown.
type limits struct {
	production float64 // through the production source's counters
	perOne     map[answer.Serial]float64
	spike      float64 // production power above it is a bad value
}

// hardwareLimits adds up the inverters. A list that is shorter than the number
// of active inverters is scaled up. Third-party PV behind the production CT
// shows in what flowed through it lately, or in a counter that runs ahead of
// the inverters' own; then only the grid's bound holds.
func hardwareLimits(s *Snapshot, cts map[string]ctValues) limits {
	l := limits{perOne: map[answer.Serial]float64{}, spike: gridMaxW}
	sum, all := 0.0, installedInverters(s)
	for _, i := range all {
		most := max(i.maxW.Or(0), leastInverterW)
		l.perOne[i.serial] = most * headroom
		sum += most
	}
	if len(all) == 0 {
		return l
	}
	if item, ok := s.production.is.Inverters(); ok && int(item.ActiveCount) > len(all) {
		sum *= float64(item.ActiveCount) / float64(len(all))
	}
	sum = max(sum, s.evidence.shownW, s.evidence.exported(cts[answer.KindNet]))
	l.production = sum * headroom
	l.spike = min(max(spikeFactor*sum, leastSpikeW), gridMaxW)
	if hasOtherPV(s, cts) {
		l.production = max(l.production, gridMaxW)
		l.spike = max(l.spike, gridMaxW)
	}
	return l
}

// hasOtherPV compares the production CT's counter with the inverters' own.
func hasOtherPV(s *Snapshot, cts map[string]ctValues) bool {
	sum := 0.0
	for _, wh := range energyOf(s) {
		sum += wh.Or(0)
	}
	return sum > 0 && cts[answer.KindProduction].delivered.Or(0) > 1.25*sum
}

// checkApparent refuses a sample whose active power is far above its apparent
// power, which no physics allows. production.json and the reports give
// apparent power as a signed sum, so only the readings are held to it; and not
// the storage CT where its values are known to be copies. Where it lasts it is
// how this meter measures and no bad sample: then the apparent power is wrong.
func (v *view) checkApparent(kind string, c *ctValues) {
	p, known := c.powerW.Get()
	s := math.Abs(c.apparent.Or(0))
	if kind == answer.KindStorage && v.f.quirk(quirkStoragePhases) {
		return
	}
	if !known || s == 0 || math.Abs(p) <= apparentFactor*s+apparentSlackW {
		v.s.meets(kind)
		return
	}
	if v.s.twisted(kind) {
		c.apparent = reading.Value{}
		return
	}
	v.refuse(kind+" power_w", "active power beyond the apparent power", p)
	c.powerW, c.bad = reading.Value{}, true
}

// twistedFor is how long a CT must contradict itself before it always does.
const twistedFor = 10 * time.Minute

// twisted reports whether a CT has contradicted itself for long enough.
func (s *Snapshot) twisted(kind string) bool {
	since, ok := s.odd[kind]
	switch {
	case !ok && s.odd == nil:
		s.odd = map[string]time.Time{kind: s.readings.at}
	case !ok:
		s.odd[kind] = s.readings.at
	case since.IsZero() || s.readings.at.Sub(since) >= twistedFor:
		s.odd[kind] = time.Time{}
		return true
	}
	return false
}

// meets ends a contradiction that did not last. One that did comes again with
// every sun, and small power never shows it.
func (s *Snapshot) meets(kind string) {
	if !s.odd[kind].IsZero() {
		delete(s.odd, kind)
	}
}

// plausible refuses a power that the hardware cannot have.
func (v *view) plausible(name string, m measured, most float64) measured {
	if n, ok := m.w.Get(); ok && math.Abs(n) > most {
		v.refuse(name, "more than the installed hardware can do", n)
		m.w = reading.Value{}
	}
	return m
}
