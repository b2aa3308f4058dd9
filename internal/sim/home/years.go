package home

import (
	"math"
	"time"
)

// mostDays bounds the made-up past, in days.
const mostDays = 3 * 365

// recallYears makes up the years before the home began to live, once: the same
// sun, clouds and loads in coarse steps, as many days as it takes to produce
// LifetimeWh, and scaled so that the counters arrive where the simulation
// began with them.
func (h *Home) recallYears() {
	if !h.years.first.IsZero() {
		return
	}
	h.years.first = h.commissioning()
	past := &Home{cfg: h.cfg, now: h.years.first}
	past.storedWh = past.capacityWh() / 2
	for past.now.Before(h.lived.first) {
		h.years.marks = append(h.years.marks, past.mark())
		past.coarse()
	}
	fit(h.years.marks, past.count.totals(), startCounters(h.cfg).totals())
}

// commissioning is the midnight from which on the roof produced LifetimeWh.
func (h *Home) commissioning() time.Time {
	midnight := h.lived.first
	var wh float64
	for days := 0; wh < h.cfg.LifetimeWh && days < mostDays; days++ {
		before := midnightBefore(midnight.Add(-time.Hour), h.cfg.Zone)
		for t := before; t.Before(midnight); t = t.Add(Grain) {
			wh += h.roofW(t) * Grain.Hours()
		}
		midnight = before
	}
	return midnight
}

// roofW is what all inverters of the start make together.
func (h *Home) roofW(t time.Time) float64 {
	w := h.cfg.InverterW * h.sunshine(t)
	if w < 1 {
		return 0
	}
	return math.Min(w, h.cfg.InverterW) * float64(max(0, h.cfg.Inverters))
}

// coarse lets one Grain pass, without inverters and phases of their own.
func (h *Home) coarse() {
	made, load := h.roofW(h.now), h.loadW(h.now)
	if made == 0 {
		made = -standbyW * float64(max(0, h.cfg.Inverters))
	}
	battery := math.Max(-h.maxChargeW(), math.Min(h.maxDischargeW(h.cfg.ReservePct), load-made))
	h.flow.BatteryW = battery
	hours := Grain.Hours()
	c := &h.count
	add := func(w float64, plus, minus *float64) {
		*plus += math.Max(0, w) * hours
		*minus += math.Max(0, -w) * hours
	}
	add(made, &c.ProductionWh, &c.StandbyWh)
	add(load-made-battery, &c.ImportWh, &c.ExportWh)
	add(battery, &c.DischargeWh, &c.ChargeWh)
	h.store(Grain)
	h.now = h.now.Add(Grain)
}

// fit scales each counter of the marks from where it ended to where it ought
// to. One that never moved stands still at the latter.
func fit(marks []mark, ended, ought Totals) {
	scale := func(v *float64, ended, ought float64) {
		if ended == 0 {
			*v = ought
			return
		}
		*v *= ought / ended
	}
	for i := range marks {
		m := &marks[i].Totals
		scale(&m.ProductionWh, ended.ProductionWh, ought.ProductionWh)
		scale(&m.StandbyWh, ended.StandbyWh, ought.StandbyWh)
		scale(&m.ImportWh, ended.ImportWh, ought.ImportWh)
		scale(&m.ExportWh, ended.ExportWh, ought.ExportWh)
		scale(&m.ChargeWh, ended.ChargeWh, ought.ChargeWh)
		scale(&m.DischargeWh, ended.DischargeWh, ought.DischargeWh)
		m.ConsumptionWh = m.ProductionWh - m.StandbyWh + m.ImportWh - m.ExportWh + m.DischargeWh - m.ChargeWh
	}
}
