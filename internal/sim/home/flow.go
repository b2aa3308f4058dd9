package home

import (
	"math"
	"time"
)

// standbyW is what one inverter draws at night.
const standbyW = 0.12

// Flow is the power of one second in W. Production is positive while
// generating (slightly negative at night), grid while importing, battery while
// discharging; consumption = production + grid + battery.
type Flow struct {
	ProductionW, ConsumptionW, GridW, BatteryW float64
	Phases                                     [3]PhaseFlow // they sum up to the above; unused phases are zero
}

// PhaseFlow is one phase's part of a Flow in W.
type PhaseFlow struct{ ProductionW, GridW, BatteryW float64 }

// flowAt works out who gives and who takes in the second of t.
func (h *Home) flowAt(t time.Time) Flow {
	made := h.runInverters(t)
	load := h.loadW(t)
	if h.offGrid {
		return h.island(t, made, load)
	}
	production := made - h.standby(made)
	battery := h.batteryW(production - load)
	f := Flow{ProductionW: production, ConsumptionW: load, BatteryW: battery}
	f.GridW = f.ConsumptionW - f.ProductionW - f.BatteryW
	return h.onPhases(t, f)
}

// island balances the house without a grid: a full battery makes the
// controller throttle the inverters, an empty one sheds load.
func (h *Home) island(t time.Time, made, load float64) Flow {
	battery := math.Max(-h.maxChargeW(), math.Min(h.maxDischargeW(0), load-made))
	if excess := made + battery - load; excess > 0 && made > 0 {
		h.throttle((made - excess) / made)
		made -= excess
	}
	production := made - h.standby(made)
	if production+battery < 0 { // dark, and nothing that could feed even the inverters
		production, battery = 0, 0
	}
	return h.onPhases(t, Flow{ProductionW: production, ConsumptionW: production + battery, BatteryW: battery})
}

// standby is the draw of the inverters at night in W.
func (h *Home) standby(made float64) float64 {
	if made > 0 {
		return 0
	}
	return standbyW * float64(len(h.inverters))
}

// onPhases spreads a flow over the phases such that each phase balances too.
func (h *Home) onPhases(t time.Time, f Flow) Flow {
	shares := h.loadShares(t)
	n := h.cfg.Phases
	for i := range n {
		p := &f.Phases[i]
		p.ProductionW = f.ProductionW / float64(n)
		p.BatteryW = f.BatteryW / float64(n)
		p.GridW = f.ConsumptionW*shares[i] - p.ProductionW - p.BatteryW
		if h.offGrid {
			p.GridW = 0
		}
	}
	return f
}
