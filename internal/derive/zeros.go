package derive

import (
	"math"
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

// darkPatience is how long zeros are doubted; those of a restart last minutes.
// sunW is production at a CT that no night has.
const (
	darkPatience = time.Hour
	sunW         = 20.0
)

// doubt holds back the zeros of a gateway that has just started. It answers
// for minutes with status 200 and 0 for everything (fact sheet, section 6), also for
// reports that it gives new times; and nothing in a list of inverters tells
// that from nightfall. The lifetime counters do, but they come from another
// page at another moment. So a list in which all power fell to 0 is kept out
// until a second one says the same and, in between, the gateway counted; or
// until it has lasted longer than any restart, for the counters may be silent.
type doubt struct {
	counts  map[string]bool      // endpoints whose lifetime counters have been above 0
	zeros   map[string]time.Time // endpoints that say 0 now, and since when
	dark    time.Time            // when a list of 0 W came that is kept out; zero for none
	counted bool                 // since then a lifetime counter said that it counts
}

// hear takes in what the lifetime counters of an endpoint add up to. It
// reports whether they began to count: the gateway has started in between.
func (d *doubt) hear(path string, wh float64, received time.Time) (began bool) {
	if d.counts == nil {
		d.counts, d.zeros = map[string]bool{}, map[string]time.Time{}
	}
	if wh > 0 {
		_, began = d.zeros[path]
		delete(d.zeros, path)
		d.counts[path] = true
		d.counted = !d.dark.IsZero()
		return began
	}
	if _, still := d.zeros[path]; !still {
		d.zeros[path] = received
	}
	switch {
	case !d.counts[path]:
	case received.Sub(d.zeros[path]) >= darkPatience:
		delete(d.counts, path) // it will not count any more
	default:
		d.started()
	}
	return false
}

// started forgets the list of zeros: the gateway does not count yet.
func (d *doubt) started() { d.dark, d.counted = time.Time{}, false }

// believes reports whether a list of zeros stands. Where nothing counts, a
// second list is all that can be asked for. By daylight only patience counts.
func (d *doubt) believes(received time.Time, sunlit bool) bool {
	if d.dark.IsZero() {
		d.dark = received
		return false
	}
	if !sunlit && (d.counted || len(d.counts) == 0) || received.Sub(d.dark) >= darkPatience {
		d.started()
		return true
	}
	return false
}

// sunlit reports whether a production CT, or where there is none another page's
// sum, contradicts a list of zeros: other parts of the gateway may be up earlier.
func (s *Snapshot) sunlit() bool {
	if noProductionCT(s) {
		sum, _ := s.production.is.Inverters()
		return s.v1.is.PowerW.Or(0) > sunW || sum.PowerW.Or(0) > sunW
	}
	for _, m := range s.meters.is {
		if m.Kind != answer.KindProduction || m.State != answer.StateEnabled {
			continue
		}
		for _, r := range s.readings.is {
			if r.EID == m.EID && r.PowerW.Or(0) > sunW {
				return true
			}
		}
		for _, r := range s.reports.is {
			if r.Kind == answer.KindProduction && r.Cumulative.PowerW.Or(0) > sunW {
				return true
			}
		}
	}
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
		shone := reportsPower(before.is) || s.past.shone
		switch {
		case !shone || reportsPower(s.inverters.is):
			s.doubt.started()
			s.past.shone = false
		case !s.doubt.believes(received, s.sunlit()):
			if s.inverters = dimmed(s.inverters); before.have {
				s.inverters = before
			}
			s.past.shone = true
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

// deviceSlot keeps what the inverters count, but not counters that fell to 0:
// those belong to devices and outlive the gateway's restart.
func deviceSlot() slot {
	plain := slotOf(answer.ParseDeviceData, func(s *Snapshot) *kept[answer.DeviceData] { return &s.devices })
	keep := plain.keep
	plain.keep = func(s *Snapshot, body []byte, received time.Time) error {
		last := s.devices
		before := last.is
		if !last.have {
			before = s.past.devices
		}
		if err := keep(s, body, received); err != nil {
			return err
		}
		if countedWh(before, s.devices.is) > 0 && countedWh(s.devices.is, s.devices.is) == 0 {
			s.doubt.started()
			if last.have {
				s.devices = last
				return nil
			}
		}
		for i, d := range s.devices.is.Devices {
			for _, old := range before.Devices {
				if old.Serial == d.Serial && !d.Active.No() && lifetimeOf(d) == reading.Of(0) && lifetimeOf(old).Or(0) > 0 {
					s.devices.is.Devices[i] = old
				}
			}
		}
		return nil
	}
	return plain
}

// lifetimeOf is what a device has counted, in Wh.
func lifetimeOf(d answer.Device) reading.Value {
	return overChannels(d, func(c answer.DeviceChannel) reading.Value { return c.Lifetime.Joules.Wh() })
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
			sum += lifetimeOf(device).Or(0)
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
			wh += math.Abs(m.DeliveredWh.Or(0)) + math.Abs(m.ReceivedWh.Or(0))
		}
		return wh, true
	case pathReports:
		for _, r := range s.reports.is {
			wh += math.Abs(r.Cumulative.DeliveredWh.Or(0))
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
