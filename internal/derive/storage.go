package derive

import (
	"cmp"
	"slices"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

// storageModes maps what the tariff page writes to the owner's words.
var storageModes = map[answer.Text]string{
	"self-consumption": reading.ModeSelfConsumption,
	"economy":          reading.ModeSavings,
	"savings-mode":     reading.ModeSavings, // builds before 7.6
	"savings":          reading.ModeSavings,
	"backup":           reading.ModeBackup,
}

// storage is the batteries as a whole. Without a battery the gateway answers
// with zeros, and there is nothing to say.
func (v *view) storage() reading.Storage {
	if !v.f.encharge && !v.f.acb {
		return reading.Storage{}
	}
	var s answer.SecCtrl
	if v.s.secctrl.current(v.now) {
		s = v.s.secctrl.is
	}
	storage := reading.Storage{
		ReservePct: percent(s.ReservePct.Else(v.s.tariff.is.ReservePct.Value)),
		Mode:       storageModes[v.s.tariff.is.Mode],
	}
	switch {
	case v.f.encharge && v.f.acb:
		storage.SoCPct = percent(s.SoCPct.Value)
		storage.AvailableWh = reading.Sum(s.EnchargeWh.Value, s.ACBWh.Value)
		storage.CapacityWh = s.MaxWh.Value
	case v.f.encharge:
		storage.SoCPct = percent(s.EnchargeSoCPct.Else(v.meanSoC()))
		storage.AvailableWh = s.EnchargeWh.Value
		storage.CapacityWh = s.EnchargeCapacityWh.Else(v.sumCapacity())
	default:
		v.acbStorage(&storage, s)
	}
	if storage.CapacityWh.Or(0) < storage.AvailableWh.Or(0) {
		storage.CapacityWh = reading.Value{} // 412 Wh for two AC Batteries holding 446
	}
	return storage
}

// acbStorage: production.json knows the AC Batteries where secctrl does not.
func (v *view) acbStorage(storage *reading.Storage, s answer.SecCtrl) {
	item, _ := v.s.production.is.ACB()
	if !v.s.production.current(v.now) {
		item = answer.Item{}
	}
	storage.SoCPct = percent(s.ACBSoCPct.Else(item.SoCPct.Value))
	storage.AvailableWh = s.ACBWh.Else(item.StoredWh.Value)
}

// meanSoC is the batteries' state of charge, weighted by capacity.
func (v *view) meanSoC() reading.Value {
	stored, capacity := 0.0, 0.0
	for _, d := range v.s.ensemble.is[answer.GroupEncharge] {
		if pct, known := v.chargeOf(d).Get(); known {
			stored += pct * d.CapacityWh.Or(0)
			capacity += d.CapacityWh.Or(0)
		}
	}
	if capacity <= 0 {
		return reading.Value{}
	}
	return reading.Of(stored / capacity)
}

// chargeOf is a battery's state of charge: that of /ivp/ensemble/power, which
// is renewed each few seconds, unless the battery has reported to the inventory
// after it was last asked.
func (v *view) chargeOf(d answer.EnsembleDevice) reading.Value {
	var pct reading.Value
	if v.s.ensemble.current(v.now) {
		pct = percent(d.SoCPct.Value)
	}
	reported := earlier(v.clock.Ours(d.Reported.Time), v.s.ensemble.at)
	if !v.s.power.current(v.now) || pct.Known() && !d.Reported.IsZero() && reported.After(v.s.power.at) {
		return pct
	}
	for _, p := range v.s.power.is {
		if p.Serial == d.Serial {
			pct = percent(p.SoCPct.Value).Else(pct)
		}
	}
	return pct
}

func (v *view) sumCapacity() reading.Value {
	sum := reading.Value{}
	for _, d := range v.s.ensemble.is[answer.GroupEncharge] {
		if d.CapacityWh.Known() {
			sum = reading.Of(sum.Or(0) + d.CapacityWh.Or(0))
		}
	}
	return sum
}

// controllerKinds are the groups of /ivp/ensemble/inventory that are
// controllers, and how their temperature reads.
var controllerKinds = []struct {
	group, kind string
	celsius     func(t reading.Value) reading.Value
}{
	{answer.GroupEnpower, reading.KindEnpower, fromFahrenheit},
	{answer.GroupCollar, reading.KindCollar, asItIs},
	{answer.GroupCombiner, reading.KindCombiner, asItIs},
}

func fromFahrenheit(t reading.Value) reading.Value {
	if f, ok := t.Get(); ok {
		return reading.Of((f - 32) * 5 / 9)
	}
	return t
}

func asItIs(t reading.Value) reading.Value { return t }

func (v *view) controllers() []reading.Controller {
	var all []reading.Controller
	for _, k := range controllerKinds {
		for _, d := range v.s.ensemble.is[k.group] {
			all = append(all, reading.Controller{
				Serial: string(d.Serial), Kind: k.kind,
				TemperatureC: k.celsius(d.Temperature.Value), Communicating: d.Communicating.On,
			})
		}
	}
	slices.SortStableFunc(all, func(a, b reading.Controller) int { return cmp.Compare(a.Serial, b.Serial) })
	return all
}

// gridWords are the states that a System Controller's relay or a collar shows.
var gridWords = map[answer.Text]string{
	"closed": reading.OnGrid, "close": reading.OnGrid, "on_grid": reading.OnGrid,
	"open": reading.OffGrid, "opened": reading.OffGrid, "off_grid": reading.OffGrid,
}

// gridState is off-grid as soon as one relay is open; "" when nothing says, or
// has said lately.
func (v *view) gridState() string {
	if !v.s.ensemble.current(v.now) {
		return ""
	}
	return v.lastGridState()
}

func (v *view) lastGridState() string {
	state := ""
	for _, d := range v.s.ensemble.is[answer.GroupEnpower] {
		state = worse(state, gridWords[d.MainsOper])
	}
	for _, d := range v.s.ensemble.is[answer.GroupCollar] {
		state = worse(worse(state, gridWords[d.MIDState]), gridWords[d.GridState])
	}
	return state
}

func worse(a, b string) string {
	if a == reading.OffGrid || b == "" {
		return a
	}
	return b
}
