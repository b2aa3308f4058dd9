package derive

import (
	"strings"
	"time"

	"envoyd/internal/reading"
)

// Refusal is a value that cannot be true and was left out.
type Refusal struct {
	Quantity string // "consumption_w", "production_w", …
	Reason   string
	Value    float64
}

// Result is what one derivation gives.
type Result struct {
	// Reading is complete but for Energy, Today and Estimated, which are the
	// ledger's, and Gateway and Name, which are the configuration's. Its Time
	// is zero when no power was measured.
	Reading  reading.Reading
	Counters []reading.Counter
	Accounts []reading.Account
	Refused  []Refusal
	// Counted is the moment up to which the counters tell: that of the CTs'
	// sample, and where microinverters count, when they were asked last. At
	// night no report is newer, and still a new day begins.
	Counted time.Time
	// Hold says that the gateway has just started and counts nothing yet:
	// nothing of this may be published, power included.
	Hold bool
	// ClockDoubt says that a measurement lies further in our future than a
	// gateway's clock may be off: the gateway's clock has moved and /info should be asked again.
	ClockDoubt bool
}

// doubtful is how far in our future a measurement may lie: what is tolerated
// of the gateway's clock, and a little for a second that is just ending.
const doubtful = tolerated + 5*time.Second

// Derive makes a reading of the newest answers by the plan. now is on our
// clock; it decides only what is too old to count.
func (p Plan) Derive(s *Snapshot, c Clock, now time.Time) Result {
	if p.facts == nil {
		return Result{Reading: reading.Reading{Serial: p.id.Serial, Source: reading.Local, Quality: reading.Stale}}
	}
	v := &view{s: s, p: &p, f: p.facts, clock: c, now: now, power: map[Quantity]measured{}}
	s.lookAhead(c.Theirs(now).Add(doubtful))
	v.cts = v.readCTs()
	v.seeProduction()
	v.limit = hardwareLimits(s, v.cts)
	v.derivePower()
	result := v.ledger()
	result.Reading = v.reading()
	result.Counted = v.countedAt(result.Reading.Time, result.Counted)
	if result.Hold = nothingCounted(result); result.Hold {
		v.refuse("lifetime energy", "every counter is 0, as after a restart", 0)
	}
	result.Refused = v.refused
	result.ClockDoubt = result.Reading.Time.Sub(now) > doubtful
	return result
}

// derivePower walks the chosen power sources in the order of the quantities,
// so that each sees what the ones before gave.
func (v *view) derivePower() {
	most := map[Quantity]float64{Production: v.limit.spike}
	for _, of := range []Quantity{Production, Battery, Generator, Grid, House} {
		src, ok := v.p.chosen[of]
		if !ok {
			continue
		}
		limit, limited := most[of]
		if !limited {
			limit = max(gridMaxW, v.limit.production)
		}
		v.power[of] = v.plausible(wireNames[of], src.read(v), limit)
	}
}

// wireNames are the quantities as the reading calls them.
var wireNames = map[Quantity]string{
	Production: "production_w", Battery: "battery_w", Generator: "generator_w",
	Grid: "grid_w", House: "consumption_w",
}

// ledger collects counters and accounts of the chosen energy sources.
func (v *view) ledger() Result {
	var r Result
	for _, of := range []Quantity{ProductionEnergy, GridEnergy, BatteryEnergy, HouseEnergy} {
		if src, ok := v.p.chosen[of]; ok {
			part := src.account(v)
			r.Counters = append(r.Counters, part.counters...)
			r.Accounts = append(r.Accounts, part.accounts...)
			if part.asked.After(r.Counted) {
				r.Counted = part.asked
			}
		}
	}
	return r
}

// nothingCounted: a gateway that has just started answers with zeros. One
// that truly counted nothing yet has nothing to say either.
func nothingCounted(r Result) bool {
	for _, c := range r.Counters {
		if c.Wh != 0 {
			return false
		}
	}
	return len(r.Counters) > 0
}

func (v *view) reading() reading.Reading {
	r := reading.Reading{
		Serial: v.p.id.Serial, Source: reading.Local, Quality: reading.Stale,
		Firmware: strings.TrimLeft(v.p.id.Firmware, "ABCDEFGHIJKLMNOPQRSTUVWXYZ "),
		Power: reading.Power{
			ProductionW: v.got(Production), ConsumptionW: v.got(House), GridW: v.got(Grid),
			BatteryW: v.got(Battery), GeneratorW: v.got(Generator),
		},
		Meters: v.meters(), Inverters: v.inverters(), Batteries: v.batteries(),
		Storage: v.storage(), Controllers: v.controllers(), GridState: v.gridState(),
	}
	r.Time = v.measuredAt()
	if !r.Time.IsZero() && v.now.Sub(r.Time) <= v.p.FreshFor() {
		r.Quality = reading.Good
	}
	return r
}

// measuredAt is the time of the power that leads: that of a CT, which measures
// each second, before that of inverter reports.
func (v *view) measuredAt() time.Time {
	order := []Quantity{Production, Grid, Battery}
	if v.f.standard() {
		order = []Quantity{Grid, Production, Battery}
	}
	for _, of := range order {
		if m := v.power[of]; m.w.Known() && !m.at.IsZero() {
			return m.at
		}
	}
	return time.Time{}
}
