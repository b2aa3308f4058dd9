package derive

import (
	"slices"
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

// liveAge is how old live data may be: the gateway stops refreshing it without
// a word when the stream lapses.
const liveAge = 30 * time.Second

// liveData returns the live data while it streams.
func (v *view) liveData() (live answer.LiveData, at time.Time, ok bool) {
	l := v.s.live
	at = v.time(l.is.Updated.Time, l.at)
	ok = l.have && l.is.Streaming && v.now.Sub(at) <= liveAge
	return l.is, at, ok
}

// enchargePower is the live data's figure while it streams, else the sum of
// what each battery says; one silent battery makes the sum unknown.
func (v *view) enchargePower() measured {
	if live, at, ok := v.liveData(); ok && !v.f.acb && live.Storage.PowerMW.Known() {
		return v.current(measured{live.Storage.PowerMW.Scale(1e-3), at})
	}
	sum, listed := reading.Of(0), map[answer.Serial]bool{}
	for _, b := range v.s.power.is {
		if listed[b.Serial] {
			continue // one that is listed twice is one battery
		}
		sum = reading.Sum(sum, b.PowerMW.Scale(1e-3))
		listed[b.Serial] = true
	}
	for _, b := range v.s.ensemble.is[answer.GroupEncharge] {
		if !listed[b.Serial] {
			sum = reading.Value{}
		}
	}
	if len(listed) == 0 {
		sum = reading.Value{}
	}
	return v.current(measured{sum, v.s.power.at})
}

// acbPower is renewed each 10 to 15 minutes, so it is unknown most of the time.
func (v *view) acbPower() measured {
	item, ok := v.s.production.is.ACB()
	if !ok {
		return measured{}
	}
	return v.current(measured{item.PowerW.Value, v.time(item.Time.Time, v.s.production.at)})
}

// bothBatteries takes the live data, which covers both, or adds the two.
func (v *view) bothBatteries() measured {
	if live, at, ok := v.liveData(); ok && live.Storage.PowerMW.Known() {
		return v.current(measured{live.Storage.PowerMW.Scale(1e-3), at})
	}
	encharge, acb := v.enchargePower(), v.acbPower()
	return measured{reading.Sum(encharge.w, acb.w), earlier(encharge.at, acb.at)}
}

// current drops a battery power that is too old to stand beside the others.
func (v *view) current(m measured) measured {
	if m.at.IsZero() || v.now.Sub(m.at) > batteryAge {
		return measured{}
	}
	return m
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// acbSerials lists the AC Batteries that are installed.
func acbSerials(s *Snapshot) []answer.Serial {
	var serials []answer.Serial
	for _, d := range s.inventory.is[answer.GroupACB] {
		if state := d.AdminState.Or(1); state != 0 && state != answer.AdminDeleted {
			serials = append(serials, d.Serial)
		}
	}
	if s.inventory.have {
		return serials
	}
	for _, i := range s.inverters.is {
		if i.DevType == answer.DevTypeACB {
			serials = append(serials, i.Serial)
		}
	}
	slices.Sort(serials)
	return slices.Compact(serials)
}

// batteries lists each battery with what is known of it.
func (v *view) batteries() []reading.Battery {
	var all []reading.Battery
	for _, d := range v.s.ensemble.is[answer.GroupEncharge] {
		all = append(all, v.encharge(d))
	}
	if !v.s.ensemble.have {
		for _, p := range v.s.power.is {
			all = append(all, v.encharge(answer.EnsembleDevice{Serial: p.Serial}))
		}
	}
	for _, serial := range acbSerials(v.s) {
		all = append(all, v.acBattery(serial))
	}
	slices.SortStableFunc(all, func(a, b reading.Battery) int { return compareText(a.Serial, b.Serial) })
	return slices.CompactFunc(all, func(a, b reading.Battery) bool { return a.Serial == b.Serial })
}

// encharge joins the slow inventory with the fresher power answer.
func (v *view) encharge(d answer.EnsembleDevice) reading.Battery {
	b := reading.Battery{
		Serial: string(d.Serial), Kind: reading.KindEncharge,
		Time:          v.time(d.Reported.Time, v.s.ensemble.at),
		SoCPct:        percent(d.SoCPct.Value),
		TemperatureC:  d.Temperature.Value,
		CapacityWh:    d.CapacityWh.Value,
		Communicating: d.Communicating.On,
	}
	for _, p := range v.s.power.is {
		if p.Serial == d.Serial {
			b.PowerW = p.PowerMW.Scale(1e-3)
			b.SoCPct = percent(p.SoCPct.Value).Else(b.SoCPct)
			b.Time = v.s.power.at
		}
	}
	return b
}

func (v *view) acBattery(serial answer.Serial) reading.Battery {
	b := reading.Battery{Serial: string(serial), Kind: reading.KindACB}
	for _, i := range v.s.inverters.is {
		if i.Serial == serial {
			b.Time = later(b.Time, v.time(i.Time.Time, v.s.inverters.at))
		}
	}
	for _, d := range v.s.inventory.is[answer.GroupACB] {
		if d.Serial == serial {
			b.Time = v.time(d.Reported.Time, v.s.inventory.at)
			b.SoCPct = percent(d.SoCPct.Value)
			b.TemperatureC = d.MaxCellTemp.Value
			b.Communicating = d.Communicating.On
		}
	}
	return b
}

// percent drops what cannot be a percentage.
func percent(p reading.Value) reading.Value {
	if n, ok := p.Get(); !ok || n < 0 || n > 100 {
		return reading.Value{}
	}
	return p
}
