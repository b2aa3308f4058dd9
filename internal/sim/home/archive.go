package home

import "time"

// Grain is the interval whose ends the archive keeps; it divides a quarter
// hour and falls on every local midnight.
const Grain = 5 * time.Minute

// Totals are the lifetime energies of the whole house in Wh, as in Counters.
type Totals struct {
	ProductionWh, StandbyWh float64
	ImportWh, ExportWh      float64
	ChargeWh, DischargeWh   float64
	ConsumptionWh           float64
}

// Mark is what had been counted at the end of an interval. The energy of an
// interval is the difference of the marks at its two ends.
type Mark struct {
	Time time.Time
	Totals
	SoCPct float64 // of all batteries, 0…100; 0 without
}

// archive holds one mark for each Grain from first on, without a gap: 18 kB a
// day.
type archive struct {
	first time.Time
	marks []mark
}

// mark is a Mark whose time is told by its place.
type mark struct {
	Totals
	socPct float64
}

// index is the place of the mark at t or the last before it; negative when t
// is before the archive.
func (a *archive) index(t time.Time) int {
	passed := t.Sub(a.first)
	if passed < 0 {
		return -1
	}
	return int(passed / Grain)
}

// Marks tells what had been counted at each end of an interval from from to
// to, both included. It begins at the commissioning at the earliest and lives
// up to to when that is ahead.
func (h *Home) Marks(from, to time.Time) []Mark {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance(to)
	if from.Before(h.lived.first) {
		h.recallYears()
		if from.Before(h.years.first) {
			from = h.years.first
		}
	}
	if odd := from.Sub(h.lived.first) % Grain; odd > 0 {
		from = from.Add(Grain - odd)
	} else {
		from = from.Add(-odd)
	}
	var list []Mark
	for t := from; !t.After(to); t = t.Add(Grain) {
		m, ok := h.markAt(t)
		if !ok {
			break
		}
		list = append(list, Mark{Time: t, Totals: m.Totals, SoCPct: m.socPct})
	}
	return list
}

// markAt finds the mark at t, whose place it must be.
func (h *Home) markAt(t time.Time) (mark, bool) {
	in := &h.lived
	if t.Before(in.first) {
		in = &h.years
	}
	i := in.index(t)
	if i < 0 || i >= len(in.marks) {
		return mark{}, false
	}
	return in.marks[i], true
}

// Commissioned is the local midnight at which the counters began.
func (h *Home) Commissioned() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recallYears()
	return h.years.first
}

// keep adds the present second to the archive when an interval ends with it.
func (h *Home) keep(before time.Time) {
	grain := int64(Grain / second)
	if before.Unix()/grain != h.now.Unix()/grain {
		h.lived.marks = append(h.lived.marks, h.mark())
	}
}

// mark is what is counted now.
func (h *Home) mark() mark {
	m := mark{Totals: h.count.totals()}
	if c := h.capacityWh(); c > 0 {
		m.socPct = 100 * h.storedWh / c
	}
	return m
}

// totals leaves the phases out.
func (c Counters) totals() Totals {
	return Totals{c.ProductionWh, c.StandbyWh, c.ImportWh, c.ExportWh, c.ChargeWh, c.DischargeWh, c.ConsumptionWh}
}
