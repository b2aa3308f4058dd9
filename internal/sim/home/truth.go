package home

import (
	"slices"
	"time"
)

// remembered is how many past seconds Truth can still tell.
const remembered = 2 * 3600

// Truth is what really was at Time.
type Truth struct {
	Time time.Time
	Flow
	Counters
	StoredWh float64 // in all batteries
	SoCPct   float64 // of all batteries, 0…100; 0 without
	OffGrid  bool
}

// Truth tells what really was at t, to the nanosecond: the power of that
// second and the energies up to that very moment. It knows the last two hours
// (an older t gives the oldest it knows) and lives up to t when t is ahead.
func (h *Home) Truth(t time.Time) Truth {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance(t)
	at := h.recall(t)
	if part := t.Sub(at.Time); part > 0 && part < second {
		at.add(at.Flow, part.Seconds())
		at.Time = t
	}
	return at
}

// recall finds the whole second of t among the remembered ones.
func (h *Home) recall(t time.Time) Truth {
	oldest, newest := 0, len(h.past)-1
	if len(h.past) == remembered {
		oldest, newest = h.next, (h.next+remembered-1)%remembered
	}
	back := int(h.past[newest].Time.Sub(t.Truncate(second)) / second)
	switch {
	case back <= 0:
		return h.past[newest]
	case back >= len(h.past):
		return h.past[oldest]
	}
	return h.past[(newest-back+len(h.past))%len(h.past)]
}

// remember keeps the present second.
func (h *Home) remember() {
	at := h.present()
	if len(h.past) < remembered {
		h.past = append(h.past, at)
		return
	}
	h.past[h.next] = at
	h.next = (h.next + 1) % remembered
}

func (h *Home) present() Truth {
	at := Truth{Time: h.now, Flow: h.flow, Counters: h.count, StoredWh: h.storedWh, OffGrid: h.offGrid}
	if c := h.capacityWh(); c > 0 {
		at.SoCPct = 100 * h.storedWh / c
	}
	return at
}

// State is everything the gateway of this home knows at a whole second.
type State struct {
	Truth
	Midnight  Counters // at the last local midnight
	WeekAgo   Counters // at the midnight seven days ago, or the oldest known
	Inverters []Inverter
	Config    Config
}

// State tells what the gateway knows at t.
func (h *Home) State(t time.Time) State {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance(t)
	s := State{Truth: h.present(), Midnight: h.midnight, WeekAgo: h.midnight, Config: h.cfg}
	if len(h.days) > 0 {
		s.WeekAgo = h.days[0]
	}
	for _, inv := range h.inverters {
		s.Inverters = append(s.Inverters, inv.Inverter)
	}
	return s
}

// OffGrid opens or closes the main relay from now on.
func (h *Home) OffGrid(open bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance(time.Now())
	h.offGrid = open
}

// RemoveInverter takes the inverter off the roof and reports whether there is
// one with that serial ("" = the first that is still there). The gateway goes
// on listing it with its last report.
func (h *Home) RemoveInverter(serial string) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance(time.Now())
	i := slices.IndexFunc(h.inverters, func(inv *inverter) bool {
		return !inv.Removed && (serial == "" || inv.Serial == serial)
	})
	if i < 0 {
		return "", false
	}
	h.inverters[i].Removed = true
	return h.inverters[i].Serial, true
}

// AddInverter puts a new one on the roof, whose counter begins at zero, and
// returns its serial.
func (h *Home) AddInverter() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance(time.Now())
	inv := newInverter(h.cfg, len(h.inverters))
	inv.toldAt, inv.Reported, inv.Duration = h.now, h.now, second
	h.inverters = append(h.inverters, inv)
	return inv.Serial
}
