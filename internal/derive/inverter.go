package derive

import (
	"slices"
	"strings"
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

const (
	// retired is how much longer than the newest report an inverter may be
	// silent before it counts as taken down, where nothing else says so.
	retired = 90 * 24 * time.Hour
	// longestInterval is the report interval where it cannot be measured.
	longestInterval = 15 * time.Minute
	// mostInverterW is more than any microinverter can do, one for four panels
	// included; 65535 is a field that was never filled.
	mostInverterW = 2500.0
)

// installed is a microinverter with what both endpoints say of it, on the
// gateway's clock.
type installed struct {
	serial answer.Serial
	time   time.Time
	powerW reading.Value
	maxW   reading.Value
	device *answer.Device // nil where device_data does not list it
	odd    bool           // it reported, and nobody knows when
}

// installedInverters joins the two endpoints and leaves out AC Batteries and
// removed devices.
func installedInverters(s *Snapshot) []installed {
	if s.fleet == nil {
		s.fleet = joinInverters(s)
	}
	return s.fleet
}

func joinInverters(s *Snapshot) []installed {
	bySerial := reported(s)
	for _, d := range s.devices.is.Devices {
		if !isRemoved(d) && len(d.Channels) > 0 {
			join(s, bySerial, d)
		}
	}
	removed := removedDevices(s)
	all := make([]installed, 0, len(bySerial))
	newest := newestReport(bySerial)
	for serial, i := range bySerial {
		silent := i.device == nil && !i.odd && newest.Sub(i.time) > retired
		if !removed[serial] && !silent {
			all = append(all, *i)
		}
	}
	slices.SortFunc(all, func(a, b installed) int { return compareText(string(a.serial), string(b.serial)) })
	return all
}

// reported lists the microinverters of /api/v1/production/inverters; of one that
// is listed twice it takes the newer report.
func reported(s *Snapshot) map[answer.Serial]*installed {
	bySerial := map[answer.Serial]*installed{}
	for _, r := range s.inverters.is {
		if r.DevType == answer.DevTypeACB {
			continue
		}
		i := installed{serial: r.Serial, time: r.Time.Time, powerW: ofOne(r.PowerW.Value), maxW: ofOne(r.MaxPower.Value)}
		if s.horizon.before(i.time) {
			i.time, i.powerW, i.odd = time.Time{}, reading.Value{}, true
		}
		if other := bySerial[r.Serial]; other != nil {
			i.maxW = larger(i.maxW, other.maxW)
			if !i.time.After(other.time) {
				i.time, i.powerW, i.odd = other.time, other.powerW, other.odd
			}
		}
		bySerial[r.Serial] = &i
	}
	return bySerial
}

func isRemoved(d answer.Device) bool { return d.Name != answer.DevicePCU || d.Active.No() }

// removedDevices tells what was taken down. What was put up again later is
// listed twice, as removed and as installed.
func removedDevices(s *Snapshot) map[answer.Serial]bool {
	removed := map[answer.Serial]bool{}
	for _, d := range s.devices.is.Devices {
		before, listed := removed[d.Serial]
		removed[d.Serial] = isRemoved(d) && (before || !listed)
	}
	for _, d := range s.inventory.is[answer.GroupPCU] {
		removed[d.Serial] = removed[d.Serial] || d.AdminState.Or(0) == answer.AdminDeleted
	}
	return removed
}

// ofOne drops what no single microinverter can do.
func ofOne(w reading.Value) reading.Value {
	if w.Or(0) > mostInverterW {
		return reading.Value{}
	}
	return w
}

// join adds what device_data says; power and time are those of the newer report.
func join(s *Snapshot, bySerial map[answer.Serial]*installed, d answer.Device) {
	i := bySerial[d.Serial]
	if i == nil {
		i = &installed{serial: d.Serial}
		bySerial[d.Serial] = i
	}
	i.device = &d
	if end := d.Channels[0].Last.End.Time; end.After(i.time) && !s.horizon.before(end) {
		i.time, i.powerW = end, overChannels(d, func(c answer.DeviceChannel) reading.Value { return ofOne(c.Watts.Now.Value) })
	}
	i.maxW = larger(i.maxW, overChannels(d, func(c answer.DeviceChannel) reading.Value { return ofOne(c.Watts.Max.Value) }))
}

// overChannels adds up a quantity: a microinverter for two or four panels has
// a channel for each.
func overChannels(d answer.Device, of func(answer.DeviceChannel) reading.Value) reading.Value {
	var sum reading.Value
	for _, c := range d.Channels {
		if value := of(c); value.Known() {
			sum = reading.Of(sum.Or(0) + value.Or(0))
		}
	}
	return sum
}

// lifetime is what the microinverter has produced, in Wh.
func (i installed) lifetime() reading.Value {
	if i.device == nil {
		return reading.Value{}
	}
	return lifetimeOf(*i.device)
}

func newestReport(all map[answer.Serial]*installed) time.Time {
	var newest time.Time
	for _, i := range all {
		if i.time.After(newest) {
			newest = i.time
		}
	}
	return newest
}

func larger(a, b reading.Value) reading.Value {
	if b.Known() && b.Or(0) > a.Or(0) || !a.Known() {
		return b
	}
	return a
}

// inverters lists the microinverters; each carries the time of its own report.
func (v *view) inverters() []reading.Inverter {
	var all []reading.Inverter
	for _, i := range installedInverters(v.s) {
		one := reading.Inverter{
			Serial: string(i.serial), Time: v.time(i.time, v.s.inverters.at),
			PowerW: i.powerW, MaxPowerW: i.maxW,
		}
		if one.Time.IsZero() {
			one.Time = v.s.devices.at
		}
		if i.device != nil {
			one.EnergyWh = i.lifetime()
			detail(&one, *i.device)
		}
		all = append(all, one)
	}
	return all
}

// detail adds the values of device_data, the electrical ones of the first
// channel. While the inverter produces, a 0 among them is a field that its
// model does not fill.
func detail(one *reading.Inverter, d answer.Device) {
	one.TodayWh = overChannels(d, func(c answer.DeviceChannel) reading.Value { return c.WattHours.Today.Value })
	c := d.Channels[0]
	one.TemperatureC = c.Last.TemperatureC.Value
	electrical := map[*reading.Value]answer.Num{
		&one.DCVoltageV: c.Last.DCVoltageMV, &one.DCCurrentA: c.Last.DCCurrentMA,
		&one.ACVoltageV: c.Last.ACVoltageMV, &one.ACCurrentA: c.Last.ACCurrentMA,
		&one.FrequencyHz: c.Last.ACFreqMHz,
	}
	for to, from := range electrical {
		*to = from.Scale(1e-3)
		if one.PowerW.Or(0) > 0 {
			*to = nonZero(*to)
		}
	}
}

// energyOf returns the lifetime energy of each inverter that counts its own.
func energyOf(s *Snapshot) map[answer.Serial]reading.Value {
	energy := map[answer.Serial]reading.Value{}
	for _, i := range installedInverters(s) {
		if wh := i.lifetime(); wh.Known() {
			energy[i.serial] = wh
		}
	}
	return energy
}

func compareText(a, b string) int { return strings.Compare(a, b) }
