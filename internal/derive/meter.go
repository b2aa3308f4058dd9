package derive

import (
	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

// meters lists the enabled CTs, each followed by its phases when it has more
// than one.
func (v *view) meters() []reading.Meter {
	var all []reading.Meter
	for _, c := range v.f.cts {
		values, ok := v.cts[c.kind]
		if !ok || values.bad {
			continue
		}
		status, flags := v.meterState(c)
		all = append(all, meterOf(c.kind, "", values, status, flags))
		if len(values.phases) < 2 {
			continue
		}
		for i, phase := range values.phases[:min(len(values.phases), len(phaseNames))] {
			all = append(all, meterOf(c.kind, phaseNames[i], phase, status, flags))
		}
	}
	return v.withoutNetted(all)
}

var phaseNames = []string{"L1", "L2", "L3"}

func meterOf(kind, phase string, c ctValues, status string, flags []string) reading.Meter {
	return reading.Meter{
		Kind: kind, Phase: phase, Time: c.at, Status: status, Flags: flags,
		PowerW: c.powerW, VoltageV: c.voltage, CurrentA: c.current,
		FrequencyHz: nonZero(c.frequency),
		PowerFactor: powerFactor(c.powerW, c.apparent),
		ApparentVA:  c.apparent, ReactiveVar: c.reactive,
		DeliveredWh: c.delivered, ReceivedWh: c.received,
	}
}

// withoutNetted drops the energy of CTs whose two directions come netted into
// one number (all but the readings): it is not what was delivered.
func (v *view) withoutNetted(all []reading.Meter) []reading.Meter {
	if v.f.pairs() {
		return all
	}
	for i := range all {
		if all[i].Kind != answer.KindProduction {
			all[i].DeliveredWh = reading.Value{}
		}
	}
	return all
}

func (v *view) meterState(c ct) (status string, flags []string) {
	flags = []string{}
	for _, m := range v.s.meters.is {
		if m.EID != c.eid || c.eid == 0 {
			continue
		}
		status = string(m.Status)
		for _, flag := range m.Flags {
			if flag != "" {
				flags = append(flags, string(flag))
			}
		}
	}
	return status, flags
}

func nonZero(v reading.Value) reading.Value {
	if v.Or(0) == 0 {
		return reading.Value{}
	}
	return v
}
