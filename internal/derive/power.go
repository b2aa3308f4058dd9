package derive

import (
	"math"
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

// Names of sources that other tables refer to.
const (
	sourceCT  = "CT production"
	sourcePDM = "/ivp/pdm/energy of the inverters"
)

const (
	// ctAge is how much older than the newest CT's the power of another may be
	// and still be called of the same moment: they measure each second, and a
	// gateway that is asked less often gives all of them at once.
	ctAge = 30 * time.Second
	// batteryAge is the oldest battery power that may be called current.
	batteryAge = 60 * time.Second
	// standbyNoise is how far below 0 the balance may come out by meters that
	// are not read at the same instant.
	standbyNoise = -50.0
	// deadGridW is the most a CT reads on a grid connection that is open; more
	// shows that it sees the generator.
	deadGridW = 50.0
)

// powerSources is the fact sheet's section 5.2, 5.3 and 7, power rows, in the
// order of derivation: later rows use what earlier ones gave.
var powerSources = []source{
	{of: Production, name: sourceCT, when: hasCT(answer.KindProduction), read: (*view).ctProduction},
	{of: Production, name: "production.json of the inverters, else their reports, else api/v1",
		when: func(f *facts) bool { return f.inverterSum || f.answered[pathInverters] || f.v1 },
		read: (*view).inverterProduction},
	{of: Production, name: "HTML /production", when: func(f *facts) bool { return f.page }, read: (*view).pageProduction},

	{of: Battery, name: "CT storage", when: hasCT(answer.KindStorage), read: ctPower(answer.KindStorage, batteryAge)},
	{of: Battery, name: "not known yet", when: func(f *facts) bool { return f.batteryOpen && f.metered() }, read: unknown},
	{of: Battery, name: "IQ Batteries + AC Batteries", when: func(f *facts) bool { return f.encharge && f.acb }, read: (*view).bothBatteries},
	{of: Battery, name: "IQ Batteries (/ivp/ensemble/power)", when: func(f *facts) bool { return f.encharge }, read: (*view).enchargePower},
	{of: Battery, name: "AC Batteries (production.json)", when: func(f *facts) bool { return f.acb }, read: (*view).acbPower},

	{of: Generator, name: "/ivp/livedata/status", when: func(f *facts) bool { return f.generator && f.answered[pathLive] },
		read: (*view).generatorPower},

	{of: Grid, name: "CT net-consumption", when: hasCT(answer.KindNet), read: ctPower(answer.KindNet, ctAge)},
	{of: Grid, name: "CT total-consumption - production - battery", when: (*facts).totalCT, read: (*view).gridOfTotal},

	{of: House, name: "production + grid", when: func(f *facts) bool { return f.netCT() && !f.hasBattery() && !f.generator && !f.batteryOpen },
		read: (*view).houseBalance},
	{of: House, name: "production + grid + battery", when: func(f *facts) bool { return f.netCT() && !f.generator }, read: (*view).houseBalance},
	{of: House, name: "production + grid + battery + generator", when: (*facts).netCT, read: (*view).houseBalance},
	{of: House, name: "CT total-consumption", when: (*facts).totalCT, read: (*view).houseOfTotal},
}

func hasCT(kind string) func(f *facts) bool {
	return func(f *facts) bool { return f.enabled[kind] }
}

func unknown(*view) measured { return measured{} }

func ctPower(kind string, most time.Duration) func(v *view) measured {
	return func(v *view) measured {
		c := v.cts[kind]
		if v.newestCT().Sub(c.at) > most {
			return measured{}
		}
		return measured{c.powerW, c.at}
	}
}

// newestCT is when the newest sample of a CT was taken. One that carries no
// time does not tell, nor does one from the future beside others.
func (v *view) newestCT() time.Time {
	var newest, odd time.Time
	for _, c := range v.cts {
		switch {
		case !c.stamped:
		case c.at.Sub(v.now) > doubtful:
			odd = later(odd, c.at)
		default:
			newest = later(newest, c.at)
		}
	}
	if newest.IsZero() {
		return odd
	}
	return newest
}

// ctProduction adds third-party PV where it has a CT of its own.
func (v *view) ctProduction() measured {
	m := ctPower(answer.KindProduction, ctAge)(v)
	if v.f.enabled[answer.KindPV3P] {
		m.w = reading.Sum(m.w, ctPower(answer.KindPV3P, ctAge)(v).w)
	}
	return m
}

// houseOfTotal reads the load from a total-consumption CT, mounted either way
// round: its larger counter tells which.
func (v *view) houseOfTotal() measured {
	m := ctPower(answer.KindTotal, ctAge)(v)
	if v.cts[answer.KindTotal].reversed {
		m.w = m.w.Scale(-1)
	}
	if v.chosen(Battery) && !v.got(Battery).Known() {
		return measured{}
	}
	return measured{v.houseLoad(m.w), m.at}
}

// gridOfTotal is what the house needs and neither the roof nor the battery gives.
func (v *view) gridOfTotal() measured {
	if v.generatorHidden() {
		return measured{}
	}
	house := v.houseOfTotal()
	rest := []reading.Value{house.w, v.got(Production).Scale(-1), v.sourcesBeside().Scale(-1)}
	return measured{reading.Sum(rest...), house.at}
}

// houseBalance is the identity of the reading's signs. The gateway's own total
// is never used: it forgets the battery.
func (v *view) houseBalance() measured {
	sum := reading.Sum(v.got(Production), v.got(Grid), v.sourcesBeside())
	if v.generatorHidden() {
		sum = reading.Value{}
	}
	return measured{v.houseLoad(sum), v.power[Grid].at}
}

// sourcesBeside is battery and generator; what the system does not have counts
// 0, what it has and nobody measured makes the sum unknown.
func (v *view) sourcesBeside() reading.Value {
	sum := reading.Of(0)
	if v.chosen(Battery) {
		sum = reading.Sum(sum, v.got(Battery))
	}
	if v.got(Generator).Known() {
		sum = reading.Sum(sum, v.got(Generator))
	}
	return sum
}

// houseLoad makes of a small negative 0 and refuses a large one.
func (v *view) houseLoad(w reading.Value) reading.Value {
	n, ok := w.Get()
	switch {
	case !ok || n >= 0:
		return w
	case n >= standbyNoise:
		return reading.Of(0)
	}
	v.refuse("consumption_w", "a house cannot use less than nothing", n)
	return reading.Value{}
}

// generatorHidden: a generator carries the house and nothing measures it. The
// net CT of an open grid connection reads nothing unless it sits behind the
// generator's; then it has measured it.
func (v *view) generatorHidden() bool {
	if !v.generatorRuns() || v.got(Generator).Known() {
		return false
	}
	return v.gridState() != reading.OffGrid || math.Abs(v.got(Grid).Or(0)) <= deadGridW
}

// generatorRuns reports whether a generator may be feeding the house: it runs,
// and the grid is not known to be connected.
func (v *view) generatorRuns() bool {
	return v.f.generator && v.s.generator.is.Running() && v.gridState() != reading.OnGrid
}

// generatorPower is known only from the live data. Where the net CT has
// measured the generator already it must not count twice.
func (v *view) generatorPower() measured {
	live, at, ok := v.liveData()
	grid := v.cts[answer.KindNet].powerW.Or(0)
	if !ok || v.gridState() == reading.OffGrid && math.Abs(grid) > deadGridW {
		return measured{}
	}
	return measured{live.Generator.PowerMW.Scale(1e-3), at}
}
