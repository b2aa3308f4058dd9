package derive

import (
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

// gridPair: the pair of the net CT is the only local source of import and
// export apart. Off-grid it may see the generator, which is neither.
func (v *view) gridPair() ledgerPart {
	return ledgerPart{
		counters: v.ctCounters(answer.KindNet, gridMaxW),
		accounts: []reading.Account{
			{Flow: reading.Import, Terms: []reading.Term{plus(delivered(answer.KindNet))}, Held: v.offGrid()},
			{Flow: reading.Export, Terms: []reading.Term{plus(received(answer.KindNet))}, Held: v.offGrid()},
		},
	}
}

func (v *view) gridImportsOnly() ledgerPart {
	return ledgerPart{
		counters: v.ctCounters(answer.KindNet, gridMaxW),
		accounts: []reading.Account{
			{Flow: reading.Import, Terms: []reading.Term{plus(v.f.netted(answer.KindNet))}, Held: v.offGrid()},
			{Flow: reading.Export, PowerW: v.got(Grid).Scale(-1), Held: v.offGrid()},
		},
	}
}

func (v *view) gridIntegrated() ledgerPart {
	part := ledgerPart{accounts: []reading.Account{
		{Flow: reading.Import, PowerW: v.got(Grid), Held: v.offGrid()},
		{Flow: reading.Export, PowerW: v.got(Grid).Scale(-1), Held: v.offGrid()},
	}}
	if v.f.netCT() { // its balance counts in the house's energy
		part.counters = v.ctCounters(answer.KindNet, gridMaxW)
	}
	return part
}

// offGrid lasts until a relay says otherwise, however old that is.
func (v *view) offGrid() bool { return v.lastGridState() == reading.OffGrid }

func (v *view) batteryPair() ledgerPart {
	return ledgerPart{
		counters: v.ctCounters(answer.KindStorage, gridMaxW),
		accounts: []reading.Account{
			{Flow: reading.Charge, Terms: []reading.Term{plus(received(answer.KindStorage))}},
			{Flow: reading.Discharge, Terms: []reading.Term{plus(delivered(answer.KindStorage))}},
		},
	}
}

// batteryIntegrated: batteries without a CT count nothing locally.
func (v *view) batteryIntegrated() ledgerPart {
	w := v.batteryHeld()
	return ledgerPart{accounts: []reading.Account{
		{Flow: reading.Charge, PowerW: w.Scale(-1)},
		{Flow: reading.Discharge, PowerW: w},
	}}
}

// acbHolds is how long an AC Battery's power is integrated on: it is renewed
// each 10 to 15 minutes (fact sheet 2.5), and the slow page that has it is
// asked once a minute.
const acbHolds = 17 * time.Minute

// batteryHeld is the batteries' power to integrate. That of AC Batteries is too
// old to be shown most of the time; without it hardly anything would count, nor
// would the house's balance that waits for it.
func (v *view) batteryHeld() reading.Value {
	shown := v.got(Battery)
	item, ok := v.s.production.is.ACB()
	if shown.Known() || !v.f.acb || !ok || v.now.Sub(v.time(item.Time.Time, v.s.production.at)) > acbHolds {
		return shown
	}
	if !v.f.encharge {
		return item.PowerW.Value
	}
	return reading.Sum(item.PowerW.Value, v.enchargePower().w)
}

// houseOfTotalEnergy takes the total CT's larger counter as the one that load
// makes grow.
func (v *view) houseOfTotalEnergy() ledgerPart {
	kind := answer.KindTotal
	terms := []reading.Term{plus(v.f.netted(kind))}
	if v.f.pairs() {
		terms = pairTerms(kind)
		if v.cts[kind].reversed {
			terms = []reading.Term{plus(received(kind)), minus(delivered(kind))}
		}
	}
	return ledgerPart{
		counters: v.ctCounters(kind, gridMaxW),
		accounts: []reading.Account{{Flow: reading.Consumption, Terms: terms}},
	}
}

// houseBalanceEnergy is the balance of all that flowed in and out. A part
// without counters takes part by what the ledger integrates for it.
//
// Without any production that is counted there is none: a lifetime that begins
// with the grid alone would never get the rest.
func (v *view) houseBalanceEnergy() ledgerPart {
	terms := v.productionTerms()
	if len(terms) == 0 {
		return ledgerPart{}
	}
	switch {
	case v.f.pairs():
		terms = append(terms, pairTerms(answer.KindNet)...)
	case v.f.quirk(quirkNetImportsOnly):
		terms = append(terms, plus(v.f.netted(answer.KindNet)), minus(reading.Integral(reading.Export)))
	default:
		terms = append(terms, plus(v.f.netted(answer.KindNet)))
	}
	switch {
	case v.f.enabled[answer.KindStorage] && v.f.pairs():
		terms = append(terms, pairTerms(answer.KindStorage)...)
	case v.f.hasBattery():
		terms = append(terms, plus(reading.Integral(reading.Discharge)), minus(reading.Integral(reading.Charge)))
	}
	return ledgerPart{accounts: []reading.Account{{Flow: reading.Consumption, Terms: terms}}}
}

// productionTerms is production net of the standby draw, where that is counted.
func (v *view) productionTerms() []reading.Term {
	if !v.f.enabled[answer.KindProduction] {
		return v.productionAccountTerms()
	}
	if !v.f.pairs() {
		return []reading.Term{plus(v.f.netted(answer.KindProduction))}
	}
	terms := pairTerms(answer.KindProduction)
	if v.f.enabled[answer.KindPV3P] {
		terms = append(terms, pairTerms(answer.KindPV3P)...)
	}
	return terms
}

// productionAccountTerms is what the production's own source counts.
func (v *view) productionAccountTerms() []reading.Term {
	src, ok := v.p.chosen[ProductionEnergy]
	if !ok {
		return nil
	}
	var terms []reading.Term
	for _, a := range src.account(v).accounts {
		terms = append(terms, a.Terms...)
	}
	return terms
}
