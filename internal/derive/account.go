package derive

import (
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

// jouleWrapWh is 2^32 J: by this much an inverter energy falls when 32 bits
// inside the gateway overflow.
const jouleWrapWh = float64(1<<32) / 3600

// energySources is the fact sheet's sections 5.3, 5.4 and 5.6, energy rows. The
// names of the counters they give:
//
//	ct/<kind>/delivered, ct/<kind>/received   /ivp/meters/readings
//	report/<kind>/lifetime                    /ivp/meters/reports
//	page/<kind>/lifetime                      production.json, a CT
//	inverter/<serial>                         /ivp/pdm/device_data
//	page/inverters/lifetime                   production.json, the sum
//	pdm/pcu/lifetime                          /ivp/pdm/energy
//	v1/lifetime                               /api/v1/production
//	html/lifetime                             the HTML page of 3.x
var energySources = []source{
	{of: ProductionEnergy, name: "CT production, delivered", when: hasCT(answer.KindProduction), account: (*view).ctProductionEnergy},
	{of: ProductionEnergy, name: "each inverter's own counter (/ivp/pdm/device_data)",
		when: func(f *facts) bool { return f.devices && !f.fw.before("8.2.4264") }, account: (*view).inverterEnergy},
	{of: ProductionEnergy, name: "/api/v1/production", when: func(f *facts) bool { return f.v1 && !f.v1Empty && !f.quirk(quirkV1Stale) },
		account: (*view).v1Energy},
	{of: ProductionEnergy, name: sourcePDM, when: func(f *facts) bool { return f.pdm && f.fw.before("8.2.4264") }, account: (*view).pdmEnergy},
	{of: ProductionEnergy, name: "production.json of the inverters, wraps added back",
		when: func(f *facts) bool { return f.inverterSum }, account: (*view).inverterSumEnergy},
	{of: ProductionEnergy, name: sourcePDM, when: func(f *facts) bool { return f.pdm }, account: (*view).pdmEnergy},
	{of: ProductionEnergy, name: "/api/v1/production, 0 so far", when: func(f *facts) bool { return f.v1 && !f.quirk(quirkV1Stale) },
		account: (*view).v1Energy},
	{of: ProductionEnergy, name: "HTML /production, whole steps", when: func(f *facts) bool { return f.page }, account: (*view).pageEnergy},

	{of: GridEnergy, name: "CT net-consumption, delivered and received",
		when: func(f *facts) bool { return f.netCT() && f.pairs() }, account: (*view).gridPair},
	{of: GridEnergy, name: "import production.json net-consumption; export integrated",
		when: func(f *facts) bool { return f.quirk(quirkNetImportsOnly) }, account: (*view).gridImportsOnly},
	{of: GridEnergy, name: "integrated from power", when: func(f *facts) bool { return f.netCT() || f.totalCT() },
		account: (*view).gridIntegrated},

	{of: BatteryEnergy, name: "CT storage, delivered and received",
		when: func(f *facts) bool { return f.enabled[answer.KindStorage] && f.pairs() }, account: (*view).batteryPair},
	{of: BatteryEnergy, name: "integrated from power", when: (*facts).hasBattery, account: (*view).batteryIntegrated},

	{of: HouseEnergy, name: "CT total-consumption", when: (*facts).totalCT, account: (*view).houseOfTotalEnergy},
	{of: HouseEnergy, name: "production + grid", when: func(f *facts) bool { return f.netCT() && !f.hasBattery() && !f.batteryOpen },
		account: (*view).houseBalanceEnergy},
	{of: HouseEnergy, name: "production + grid + battery",
		when: func(f *facts) bool { return f.netCT() && f.hasBattery() }, account: (*view).houseBalanceEnergy},
}

func delivered(kind string) string { return "ct/" + kind + "/delivered" }
func received(kind string) string  { return "ct/" + kind + "/received" }

// netted names the one counter of a CT whose two directions come as one.
func (f *facts) netted(kind string) string {
	if f.from == fromReports {
		return "report/" + kind + "/lifetime"
	}
	return "page/" + kind + "/lifetime"
}

// plus and minus make terms.
func plus(counter string) reading.Term  { return reading.Term{Counter: counter, Sign: +1} }
func minus(counter string) reading.Term { return reading.Term{Counter: counter, Sign: -1} }

// pairTerms is what flowed through a CT on balance.
func pairTerms(kind string) []reading.Term {
	return []reading.Term{plus(delivered(kind)), minus(received(kind))}
}

// ctCounters gives both counters of a CT, or the one that its origin has.
func (v *view) ctCounters(kind string, maxW float64) []reading.Counter {
	c, ok := v.cts[kind]
	if !ok {
		return nil
	}
	var counters []reading.Counter
	add := func(name string, wh reading.Value, balance bool) {
		if n, known := wh.Get(); known {
			counters = append(counters, reading.Counter{Name: name, Wh: n, Time: c.at, MaxW: maxW, Balance: balance})
		}
	}
	if v.f.pairs() {
		add(delivered(kind), c.delivered, false)
		add(received(kind), c.received, false)
		return counters
	}
	add(v.f.netted(kind), c.delivered, kind != answer.KindProduction && !v.f.quirk(quirkNetImportsOnly))
	return counters
}

func (v *view) ctProductionEnergy() ledgerPart {
	part := ledgerPart{counters: v.ctCounters(answer.KindProduction, v.limit.production)}
	account := reading.Account{Flow: reading.Production}
	kinds := []string{answer.KindProduction}
	if v.f.enabled[answer.KindPV3P] {
		part.counters = append(part.counters, v.ctCounters(answer.KindPV3P, gridMaxW)...)
		kinds = append(kinds, answer.KindPV3P)
	}
	for _, kind := range kinds {
		name := v.f.netted(kind)
		if v.f.pairs() {
			name = delivered(kind)
		}
		account.Terms = append(account.Terms, plus(name))
	}
	part.accounts = []reading.Account{account}
	return part
}

// inverterEnergy gives each inverter its own counter, so that one that is
// taken down or swapped never makes the sum fall. They do not wrap.
func (v *view) inverterEnergy() ledgerPart {
	part := ledgerPart{accounts: []reading.Account{{Flow: reading.Production}}, asked: v.s.devices.at}
	energy := energyOf(v.s)
	for _, i := range installedInverters(v.s) {
		wh, ok := energy[i.serial].Get()
		if !ok {
			continue
		}
		name := "inverter/" + string(i.serial)
		// Not i.time: the other page may know of a newer report already, and a
		// counter stamped with its time would count that report only one later.
		counted := v.time(i.device.Channels[0].Last.End.Time, v.s.devices.at)
		part.counters = append(part.counters, reading.Counter{
			Name: name, Wh: wh, Time: counted, MaxW: v.limit.perOne[i.serial], BurstWh: v.report(v.limit.perOne[i.serial]),
		})
		part.accounts[0].Terms = append(part.accounts[0].Terms, plus(name))
	}
	return part
}

// productionOf is a production flow of one counter.
func productionOf(c reading.Counter, known bool, asked time.Time) ledgerPart {
	part := ledgerPart{accounts: []reading.Account{{Flow: reading.Production, Terms: []reading.Term{plus(c.Name)}}}, asked: asked}
	if known {
		part.counters = []reading.Counter{c}
	}
	return part
}

// wrap returns the step by which an inverter-only sum may fall; firmware up to
// 5 does not wrap.
func (v *view) wrap() float64 {
	if v.f.fw.before("7") {
		return 0
	}
	return jouleWrapWh
}

// report is what one report of the inverters may add to their energy.
func (v *view) report(maxW float64) float64 { return maxW * v.reportInterval().Hours() }

func (v *view) v1Energy() ledgerPart {
	wh, ok := v.s.v1.is.LifetimeWh.Get()
	return productionOf(reading.Counter{
		Name: "v1/lifetime", Wh: wh, Time: v.s.v1.at, WrapWh: v.wrap(), MaxW: v.limit.production, BurstWh: v.report(v.limit.production),
	}, ok, v.s.v1.at)
}

func (v *view) pdmEnergy() ledgerPart {
	wh, ok := v.s.pdm.is.PCU.LifetimeWh.Get()
	return productionOf(reading.Counter{
		Name: "pdm/pcu/lifetime", Wh: wh, Time: v.s.pdm.at, WrapWh: v.wrap(), MaxW: v.limit.production, BurstWh: v.report(v.limit.production),
	}, ok, v.s.pdm.at)
}

func (v *view) inverterSumEnergy() ledgerPart {
	item, _ := v.s.production.is.Inverters()
	wh, ok := item.LifetimeWh.Get()
	return productionOf(reading.Counter{
		Name: "page/inverters/lifetime", Wh: wh, Time: v.time(item.Time.Time, v.s.production.at),
		WrapWh: v.wrap(), MaxW: v.limit.production, BurstWh: v.report(v.limit.production),
	}, ok, v.s.production.at)
}

func (v *view) pageEnergy() ledgerPart {
	page := v.s.page.is
	wh, ok := page.LifetimeWh.Get()
	part := productionOf(reading.Counter{
		Name: "html/lifetime", Wh: wh, Time: v.s.page.at, StepWh: page.LifetimeStepWh, MaxW: v.limit.production,
	}, ok, v.s.page.at)
	// Power fills in between two steps of a counter of whole MWh.
	part.accounts[0].PowerW = v.got(Production)
	return part
}
