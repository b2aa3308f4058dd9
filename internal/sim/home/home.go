// Package home is the physics of a simulated home: a sun that rises and sets,
// clouds that drift, a house that cooks and washes, a battery that keeps the
// meter near zero, and counters that are the integrals of all that.
//
// Everything is a function of a seed and of time.Now, in steps of one second
// in which every power is constant. So an energy is the exact sum of powers,
// the balance consumption = production + grid + battery holds in every second,
// and Truth can tell a test what any reader of this home ought to have seen.
// Nothing runs in the background: the home catches up when it is asked.
//
// It knows nothing of the gateway's documents (package page) and makes no
// claim to be a good model of any real roof.
package home

import (
	"sync"
	"time"
)

// second is the step of the simulation and the gateway's own resolution.
const second = time.Second

// Config describes a home. The zero value is a house with 20 microinverters,
// split phase, without a battery, in UTC, beginning now.
type Config struct {
	Start       time.Time      // when the simulation begins; zero = now
	Zone        *time.Location // of the house: midnights, meals and the sun; nil = UTC
	Latitude    float64        // degrees, north positive; 0 = 40
	Longitude   float64        // degrees, east positive; 0 = the middle of Zone
	Noon        bool           // put the house where it is noon at Start, for tests that need the sun
	Phases      int            // 1, 2 (split) or 3; 0 = 2
	Inverters   int            // microinverters; 0 = 20, negative = none
	InverterW   float64        // largest output of one of them in W; 0 = 366
	Batteries   int            // IQ Batteries
	ACBatteries int            // AC Batteries (1.2 kWh each); they share the work when there are no IQ Batteries
	BatteryWh   float64        // of one IQ Battery; 0 = 5000
	ReservePct  float64        // kept for a power cut; 0 = 20
	SoCPct      float64        // at the start; 0 = 55
	LifetimeWh  float64        // counted by the production CT before the start; 0 = 13 431 336
	Report      time.Duration  // between two reports of an inverter; 0 = 5 min
	Speed       float64        // how much faster sun and loads go than the clock; 0 = 1
	Seed        uint64         // another seed, other clouds
}

// Home is one simulated home. All methods may be called at once.
type Home struct {
	mu        sync.Mutex
	cfg       Config
	now       time.Time // the whole second that flow belongs to
	flow      Flow
	count     Counters
	midnight  Counters   // counters at the last local midnight
	days      []Counters // counters at the midnights before, newest last, at most seven
	inverters []*inverter
	storedWh  float64
	offGrid   bool
	past      []Truth // the last whole seconds, a ring once it is full
	next      int     // where in past the next one goes
	lived     archive // from the midnight before the start on
	years     archive // made up, up to that midnight; empty until somebody asks
}

// New builds a home that has already lived through today's hours up to
// Config.Start.
func New(cfg Config) *Home {
	cfg = cfg.withDefaults()
	h := &Home{cfg: cfg, inverters: newInverters(cfg)}
	h.storedWh = h.capacityWh() * cfg.SoCPct / 100
	h.count = startCounters(cfg)
	h.now = midnightBefore(cfg.Start, cfg.Zone)
	h.midnight = h.count
	h.lived = archive{first: h.now.Truncate(Grain), marks: []mark{h.mark()}}
	h.flow = h.flowAt(h.now)
	for h.now.Add(time.Minute + 2*cfg.Report).Before(cfg.Start) { // coarse, but for the reports that can still be seen
		h.step(time.Minute)
	}
	for h.now.Before(cfg.Start) {
		h.step(second)
	}
	h.remember()
	return h
}

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	if c.Start.IsZero() {
		c.Start = time.Now()
	}
	c.Start = c.Start.Truncate(second)
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Longitude == 0 {
		_, east := c.Start.In(c.Zone).Zone()
		c.Longitude = float64(east) / 240
	}
	if c.Noon {
		c.Longitude = 180 - c.Start.Sub(c.Start.Truncate(24*time.Hour)).Hours()*15
	}
	orFloat(&c.Latitude, 40)
	orFloat(&c.InverterW, 366)
	orFloat(&c.BatteryWh, 5000)
	orFloat(&c.ReservePct, 20)
	orFloat(&c.SoCPct, 55)
	orFloat(&c.LifetimeWh, 13431336.968)
	orFloat(&c.Speed, 1)
	if c.Phases == 0 {
		c.Phases = 2
	}
	if c.Inverters == 0 {
		c.Inverters = 20
	}
	if c.Report == 0 {
		c.Report = 5 * time.Minute
	}
	return c
}

func orFloat(v *float64, otherwise float64) {
	if *v == 0 {
		*v = otherwise
	}
}

// Config returns how the home was built, defaults filled in.
func (h *Home) Config() Config { return h.cfg }

// advance lets the home live up to the whole second of t. A clock that was put
// back changes nothing until it has caught up again.
func (h *Home) advance(t time.Time) {
	for target := t.Truncate(second); h.now.Before(target); {
		h.step(second)
		h.remember()
	}
}

// step lets d pass at the present flow and works out the next one.
func (h *Home) step(d time.Duration) {
	h.count.add(h.flow, d.Seconds())
	h.store(d)
	before := h.now
	h.now = h.now.Add(d)
	h.reportInverters(before, d)
	if !sameDay(before, h.now, h.cfg.Zone) {
		h.newDay()
	}
	h.keep(before)
	h.flow = h.flowAt(h.now)
}

// newDay remembers the counters of a midnight, and of the six before.
func (h *Home) newDay() {
	h.days = append(h.days, h.midnight)
	if len(h.days) > 6 {
		h.days = h.days[1:]
	}
	h.midnight = h.count
	for _, inv := range h.inverters {
		inv.newDay()
	}
}

// dayTime is the time of day that sun and loads follow: the clock, compressed
// by Speed from the start on.
func (h *Home) dayTime(t time.Time) time.Time {
	passed := t.Sub(h.cfg.Start)
	if passed <= 0 {
		return t.In(h.cfg.Zone)
	}
	return h.cfg.Start.Add(time.Duration(float64(passed) * h.cfg.Speed)).In(h.cfg.Zone)
}

func midnightBefore(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

func sameDay(a, b time.Time, zone *time.Location) bool {
	ay, am, ad := a.In(zone).Date()
	by, bm, bd := b.In(zone).Date()
	return ad == bd && am == bm && ay == by
}
