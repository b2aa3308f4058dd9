package derive

import (
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

// doubt holds back the zeros of a gateway that has just started. It answers
// for minutes with status 200 and 0 for everything (fact sheet, section 6), also for
// reports that it gives new times; and nothing in a list of inverters tells
// that from nightfall. The lifetime counters do, but they come from another
// page at another moment. So a list in which all power fell to 0 is kept out
// until a second one says the same and, in between, the gateway counted.
type doubt struct {
	counts  map[string]bool // endpoints whose lifetime counters have been above 0
	dark    bool            // the newest list says 0 W and is kept out
	counted bool            // since then a lifetime counter said that it counts
}

// hear takes in what the lifetime counters of an endpoint add up to.
func (d *doubt) hear(path string, wh float64) {
	switch {
	case wh > 0:
		if d.counts == nil {
			d.counts = map[string]bool{}
		}
		d.counts[path] = true
		d.counted = d.dark
	case d.counts[path]:
		d.started()
	}
}

// started forgets the list of zeros: the gateway does not count yet.
func (d *doubt) started() { d.dark, d.counted = false, false }

// believes reports whether a list of zeros stands. Where nothing counts, a
// second list is all that can be asked for.
func (d *doubt) believes() bool {
	if d.dark && (d.counted || len(d.counts) == 0) {
		d.started()
		return true
	}
	d.dark = true
	return false
}

// inverterSlot keeps the inverter list, but zeros only when they are to be
// believed.
func inverterSlot() slot {
	plain := slotOf(answer.ParseInverters, func(s *Snapshot) *kept[[]answer.InverterReport] { return &s.inverters })
	keep := plain.keep
	plain.keep = func(s *Snapshot, body []byte, received time.Time) error {
		before := s.inverters
		if err := keep(s, body, received); err != nil {
			return err
		}
		switch {
		case !reportsPower(before.is) || reportsPower(s.inverters.is):
			s.doubt.started()
		case !s.doubt.believes():
			s.inverters = before
		}
		return nil
	}
	return plain
}

func reportsPower(list []answer.InverterReport) bool {
	for _, r := range list {
		if r.PowerW.Or(0) > 0 {
			return true
		}
	}
	return false
}

// deviceSlot keeps what the inverters count, but not counters that all fell to
// 0: those belong to devices and outlive the gateway's restart.
func deviceSlot() slot {
	plain := slotOf(answer.ParseDeviceData, func(s *Snapshot) *kept[answer.DeviceData] { return &s.devices })
	keep := plain.keep
	plain.keep = func(s *Snapshot, body []byte, received time.Time) error {
		before := s.devices
		if err := keep(s, body, received); err != nil {
			return err
		}
		if countedWh(before.is, s.devices.is) > 0 && countedWh(s.devices.is, s.devices.is) == 0 {
			s.devices = before
			s.doubt.started()
		}
		return nil
	}
	return plain
}

// countedWh adds up the lifetime counters of the devices of d that are in now
// as well: a house whose inverters were all exchanged begins at 0.
func countedWh(d, now answer.DeviceData) float64 {
	here := map[answer.Serial]bool{}
	for _, device := range now.Devices {
		here[device.Serial] = true
	}
	sum := 0.0
	for _, device := range d.Devices {
		if here[device.Serial] {
			sum += overChannels(device, func(c answer.DeviceChannel) reading.Value { return c.Lifetime.Joules.Wh() }).Or(0)
		}
	}
	return sum
}

// lifetimeAt adds up the lifetime counters of an endpoint's newest answer;
// false for one that has none.
func (s *Snapshot) lifetimeAt(path string) (wh float64, ok bool) {
	switch path {
	case pathReadings:
		for _, m := range s.readings.is {
			wh += m.DeliveredWh.Or(0) + m.ReceivedWh.Or(0)
		}
		return wh, true
	case pathDevices:
		return countedWh(s.devices.is, s.devices.is), true
	case pathV1:
		return s.v1.is.LifetimeWh.Get()
	case pathPDM:
		return s.pdm.is.PCU.LifetimeWh.Get()
	case pathProduction:
		item, _ := s.production.is.Inverters()
		return item.LifetimeWh.Get()
	}
	return 0, false
}
