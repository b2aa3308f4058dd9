package home

import (
	"fmt"
	"time"
)

// inverter is one microinverter with what it has told the gateway so far.
type inverter struct {
	Inverter
	share   float64 // how well it is placed, about 1
	bias    float64 // error of its own meter, about 0
	watts   float64 // of this second
	joules  float64 // lifetime, by its own meter
	told    float64 // lifetime joules at its last report
	toldAt  time.Time
	offset  time.Duration // of its reports within the interval
	late    time.Duration // that a report is under way
	pending *report
}

// report is what an inverter sends at the end of an interval.
type report struct {
	arrives  time.Time
	end      time.Time
	duration time.Duration
	joules   float64
	lifetime float64
}

// Inverter is what the gateway knows of a microinverter: its last report, which
// lingers after sunset because a sleeping inverter sends nothing.
type Inverter struct {
	Serial         string
	Removed        bool          // taken off the roof; the gateway still lists it
	Reported       time.Time     // end of the last reported interval
	Duration       time.Duration // of that interval
	Joules         float64       // produced in it
	LifetimeJoules float64       // by its own meter, about 1 % from the CT's
	PowerW         float64       // mean of the interval
	MaxPowerW      float64       // highest PowerW ever
	TodayWh        float64
	YesterdayWh    float64
	WeekWh         float64
}

func newInverters(cfg Config) []*inverter {
	var list []*inverter
	for i := range max(0, cfg.Inverters) {
		inv := newInverter(cfg, i)
		inv.joules = cfg.LifetimeWh * 3600 / float64(cfg.Inverters) * (1 + inv.bias)
		inv.told, inv.LifetimeJoules = inv.joules, inv.joules
		inv.MaxPowerW = float64(int(cfg.InverterW * 0.98))
		inv.toldAt = midnightBefore(cfg.Start, cfg.Zone)
		inv.Reported, inv.Duration = inv.toldAt.Add(-4*time.Hour-inv.offset), cfg.Report
		inv.PowerW, inv.Joules = 2, 2*cfg.Report.Seconds()
		inv.WeekWh = 1400 * 7
		inv.YesterdayWh = 1400
		list = append(list, inv)
	}
	return list
}

// newInverter makes the i-th device ever; its counters begin at zero.
func newInverter(cfg Config, i int) *inverter {
	h := Home{cfg: cfg}
	n := int64(i)
	return &inverter{
		Inverter: Inverter{Serial: fmt.Sprintf("1223%08d", 44040000+137*i)},
		share:    0.96 + 0.08*h.noise(31, n),
		bias:     0.01 * (h.noise(32, n) - 0.5),
		offset:   time.Duration(h.noise(33, n)*cfg.Report.Seconds()) * second,
		late:     time.Duration(5+40*h.noise(34, n)) * second,
	}
}

// runInverters sets what each makes in the second of t and returns the sum.
func (h *Home) runInverters(t time.Time) float64 {
	light := h.sunshine(t)
	var sum float64
	for i, inv := range h.inverters {
		inv.watts = 0
		if inv.Removed {
			continue
		}
		w := h.cfg.InverterW * light * inv.share * (1 + 0.01*(h.noise(40+uint64(i), t.Unix())-0.5))
		if w >= 1 { // below that it cannot start
			inv.watts = min(w, h.cfg.InverterW)
		}
		sum += inv.watts
	}
	return sum
}

// throttle cuts the output of this second, as a controller does off-grid.
func (h *Home) throttle(share float64) {
	for _, inv := range h.inverters {
		inv.watts *= share
	}
}

// reportInverters counts d from before on, sends the reports that are due at
// its end and takes in those that have arrived.
func (h *Home) reportInverters(before time.Time, d time.Duration) {
	for _, inv := range h.inverters {
		inv.joules += inv.watts * d.Seconds() * (1 + inv.bias)
		if inv.pending != nil && !inv.pending.arrives.After(h.now) {
			inv.take(h.cfg.Zone, h.now)
		}
		if inv.due(before, h.now, h.cfg.Report) {
			inv.send(h.now)
		}
	}
}

// due says whether a report falls between the two times.
func (inv *inverter) due(from, to time.Time, every time.Duration) bool {
	slot := func(t time.Time) int64 { return (t.Unix() - int64(inv.offset/second)) / int64(every/second) }
	return slot(from) != slot(to)
}

// send ends an interval. An inverter that is asleep at the end sends nothing;
// what it still made is in its first report of the morning.
func (inv *inverter) send(now time.Time) {
	if inv.watts > 0 {
		made := inv.joules - inv.told
		inv.pending = &report{
			arrives: now.Add(inv.late), end: now, duration: now.Sub(inv.toldAt), joules: made, lifetime: inv.joules,
		}
		inv.told = inv.joules
	}
	inv.toldAt = now
}

// take makes a report known to the gateway.
func (inv *inverter) take(zone *time.Location, now time.Time) {
	r := inv.pending
	inv.pending = nil
	inv.Reported, inv.Duration, inv.Joules, inv.LifetimeJoules = r.end, r.duration, r.joules, r.lifetime
	inv.PowerW = float64(int(r.joules/r.duration.Seconds() + 0.5))
	inv.MaxPowerW = max(inv.MaxPowerW, inv.PowerW)
	inv.WeekWh += r.joules / 3600
	if sameDay(r.end, now, zone) {
		inv.TodayWh += r.joules / 3600
	}
}

func (inv *inverter) newDay() {
	inv.WeekWh -= min(inv.WeekWh, inv.YesterdayWh)
	inv.YesterdayWh, inv.TodayWh = inv.TodayWh, 0
}
