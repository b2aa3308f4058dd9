package derive

import (
	"math"
	"slices"
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

// ctValues is what one CT says at this moment, whichever endpoint it was read from.
type ctValues struct {
	at        time.Time
	stamped   bool // at is the CT's own time
	powerW    reading.Value
	delivered reading.Value // Wh, lifetime
	received  reading.Value // Wh, lifetime; unknown but from the readings
	apparent  reading.Value
	reactive  reading.Value
	current   reading.Value
	frequency reading.Value
	voltage   reading.Value // mean of the phases that carry voltage
	reversed  bool          // a total-consumption CT mounted the other way round
	bad       bool          // the sample contradicts itself; only the ledger may look at its counters
	phases    []ctValues
}

// ctReaders reads one CT of the plan from each origin.
var ctReaders = map[origin]func(v *view, c ct) (ctValues, bool){
	fromReadings: (*view).readReadings,
	fromReports:  (*view).readReport,
	fromPage:     (*view).readItem,
}

// readCTs reads every CT of the plan. One that /ivp/meters calls disabled by
// now is left out although the plan counts on it: its numbers only look alive.
func (v *view) readCTs() map[string]ctValues {
	cts := map[string]ctValues{}
	read, ok := ctReaders[v.f.from]
	if !ok {
		return cts
	}
	for _, c := range v.f.cts {
		values, found := read(v, c)
		if !found || v.disabledNow(c) {
			continue
		}
		if c.kind == answer.KindTotal {
			values.reversed = values.countsBackwards()
		}
		if v.f.from == fromReadings {
			v.checkApparent(c.kind, &values)
		}
		cts[c.kind] = values
	}
	if v.f.from == fromReadings && v.unpowered() {
		for _, c := range v.f.cts {
			if values, ok := cts[c.kind]; ok {
				v.refuse(c.kind+" power_w", "0 V and 0 Hz while the gateway runs", values.powerW.Or(0))
				values.powerW, values.bad = reading.Value{}, true
				cts[c.kind] = values
			}
		}
	}
	return cts
}

// unpowered reports whether every CT of the plan sees 0 V and 0 Hz. Volts are
// measured where the gateway itself is supplied, so that the meters measure
// nothing then, and their 0 W is none.
func (v *view) unpowered() bool {
	some := false
	for _, m := range v.s.readings.is {
		if !slices.ContainsFunc(v.f.cts, func(c ct) bool { return c.eid == m.EID }) {
			continue
		}
		if m.VoltageV.Or(1) != 0 || m.FrequencyHz.Or(1) != 0 {
			return false
		}
		some = true
	}
	return some
}

func (v *view) disabledNow(c ct) bool {
	for _, m := range v.s.meters.is {
		if m.EID == c.eid && m.State == answer.StateDisabled {
			return true
		}
	}
	return false
}

// countsBackwards: load makes one counter grow and leaves the other near 0.
// Before either has counted, the power's sign must do.
func (c ctValues) countsBackwards() bool {
	delivered, received := c.delivered.Or(0), c.received.Or(0)
	if delivered == received {
		return c.powerW.Or(0) < 0
	}
	return received > delivered
}

func (v *view) readReadings(c ct) (ctValues, bool) {
	for _, m := range v.s.readings.is {
		if m.EID == c.eid {
			return v.ofReading(m, c), true
		}
	}
	return ctValues{}, false
}

// ofReading takes the aggregate and the valid channels: what lies beyond the
// phase count is noise with drifting counters.
func (v *view) ofReading(m answer.MeterReading, c ct) ctValues {
	values := v.plainReading(m)
	channels := m.Channels[:min(len(m.Channels), c.phases)]
	var volts []reading.Value
	for _, channel := range channels {
		phase := v.plainReading(channel)
		if c.kind == answer.KindStorage && v.f.quirk(quirkStoragePhases) {
			phase.voltage, phase.current = reading.Value{}, reading.Value{}
			phase.apparent, phase.reactive = reading.Value{}, reading.Value{}
		}
		phase.at = values.at
		values.phases = append(values.phases, phase)
		volts = append(volts, channel.VoltageV.Value)
	}
	values.voltage = meanVoltage(volts)
	return values
}

func (v *view) plainReading(m answer.MeterReading) ctValues {
	return ctValues{
		at: v.time(m.Time.Time, v.s.readings.at), stamped: !m.Time.IsZero(),
		powerW: m.PowerW.Value, delivered: m.DeliveredWh.Value, received: m.ReceivedWh.Value,
		apparent: m.ApparentVA.Value, reactive: m.ReactiveVar.Value,
		current: m.CurrentA.Value, frequency: m.FrequencyHz.Value, voltage: m.VoltageV.Value,
	}
}

// readReport: the reports' energies of net and total are netted already, so
// only delivered is taken and the accounts treat it as such.
func (v *view) readReport(c ct) (ctValues, bool) {
	for _, r := range v.s.reports.is {
		if string(r.Kind) != c.kind {
			continue
		}
		at := v.time(r.Created.Time, v.s.reports.at)
		values := ofReport(r.Cumulative, at)
		values.stamped = !r.Created.IsZero()
		var volts []reading.Value
		for _, line := range r.Lines[:min(len(r.Lines), c.phases)] {
			values.phases = append(values.phases, ofReport(line, at))
			volts = append(volts, line.VoltageV.Value)
		}
		values.voltage = meanVoltage(volts)
		return values, true
	}
	return ctValues{}, false
}

func ofReport(r answer.ReportValues, at time.Time) ctValues {
	return ctValues{
		at: at, powerW: r.PowerW.Value, delivered: r.DeliveredWh.Value,
		apparent: r.ApparentVA.Value, reactive: r.ReactiveVar.Value,
		current: r.CurrentA.Value, frequency: r.FrequencyHz.Value, voltage: r.VoltageV.Value,
	}
}

// readItem takes the item of production.json while it is active. One that is
// not says nothing at present; its place in the plan it keeps.
func (v *view) readItem(c ct) (ctValues, bool) {
	item, ok := v.s.production.is.CT(c.kind)
	if !ok || c.kind == answer.KindTotal && v.f.quirk(quirkTotalIsNet) {
		return ctValues{}, false
	}
	at := v.time(item.Time.Time, v.s.production.at)
	values := ofItem(item, at)
	values.stamped = !item.Time.IsZero()
	var volts []reading.Value
	for _, line := range item.Lines {
		if line.VoltageV.Or(0) > deadVoltage {
			values.phases = append(values.phases, ofItem(line, at))
			volts = append(volts, line.VoltageV.Value)
		}
	}
	values.voltage = meanVoltage(volts)
	return values, true
}

func ofItem(i answer.Item, at time.Time) ctValues {
	return ctValues{
		at: at, powerW: i.PowerW.Value, delivered: i.LifetimeWh.Value,
		apparent: magnitude(i.ApparentVA.Value), reactive: i.ReactiveVar.Value,
		current: i.CurrentA.Value, voltage: i.VoltageV.Value,
	}
}

// magnitude drops the sign that production.json gives to apparent power while
// exporting.
func magnitude(s reading.Value) reading.Value {
	if n, ok := s.Get(); ok {
		return reading.Of(math.Abs(n))
	}
	return s
}

// deadVoltage is what an unconnected phase may show.
const deadVoltage = 20.0

// meanVoltage is the mean of the phases that carry voltage: the gateway's own
// aggregate is their sum on some systems and a single phase on others.
func meanVoltage(volts []reading.Value) reading.Value {
	sum, n := 0.0, 0.0
	for _, u := range volts {
		if u.Or(0) > deadVoltage {
			sum, n = sum+u.Or(0), n+1
		}
	}
	if n == 0 {
		return reading.Value{}
	}
	return reading.Of(sum / n)
}

// powerFactor is active over apparent power; the firmware's own figure is a
// sum over the phases on some builds.
func powerFactor(p, s reading.Value) reading.Value {
	active, known := p.Get()
	apparent, ok := s.Get()
	if !known || !ok || apparent < 1 || math.Abs(active) > 1.02*apparent {
		return reading.Value{}
	}
	return reading.Of(active / apparent)
}
