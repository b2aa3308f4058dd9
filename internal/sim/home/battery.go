package home

import (
	"math"
	"time"
)

// Figures of an IQ Battery 5P and of an AC Battery.
const (
	batteryUnitW = 3840
	acbUnitW     = 270
	acbUnitWh    = 1200
	efficiency   = 0.95 // one way
)

// capacityWh is what all batteries hold together.
func (h *Home) capacityWh() float64 {
	return float64(h.cfg.Batteries)*h.cfg.BatteryWh + float64(h.cfg.ACBatteries)*acbUnitWh
}

// maxW is what all batteries can give together.
func (h *Home) maxW() float64 {
	return float64(h.cfg.Batteries)*batteryUnitW + float64(h.cfg.ACBatteries)*acbUnitW
}

// maxChargeW tapers off over the last five per cent.
func (h *Home) maxChargeW() float64 {
	capacity := h.capacityWh()
	if capacity == 0 {
		return 0
	}
	room := (1 - h.storedWh/capacity) / 0.05
	return h.maxW() * math.Max(0, math.Min(1, room))
}

// maxDischargeW tapers off over the last two per cent above the reserve.
func (h *Home) maxDischargeW(reservePct float64) float64 {
	capacity := h.capacityWh()
	if capacity == 0 {
		return 0
	}
	left := (h.storedWh/capacity - reservePct/100) / 0.02
	return h.maxW() * math.Max(0, math.Min(1, left))
}

// batteryW follows the surplus of the house, one second late and never quite,
// as a control loop does; so the grid always sees a little of each change.
func (h *Home) batteryW(surplus float64) float64 {
	if h.capacityWh() == 0 {
		return 0
	}
	aim := math.Max(-h.maxChargeW(), math.Min(h.maxDischargeW(h.cfg.ReservePct), -surplus))
	w := h.flow.BatteryW + 0.6*(aim-h.flow.BatteryW)
	w = math.Max(-h.maxChargeW(), math.Min(h.maxDischargeW(h.cfg.ReservePct), w))
	if math.Abs(w) < 8 {
		return 0
	}
	return w
}

// store moves the charge. It follows the compressed time of sun and loads, so
// that the battery fills on a fast day as on a slow one; the counters do not.
func (h *Home) store(d time.Duration) {
	hours := d.Hours()
	if !h.now.Before(h.cfg.Start) {
		hours *= h.cfg.Speed
	}
	if h.flow.BatteryW < 0 {
		h.storedWh -= h.flow.BatteryW * hours * efficiency
	} else {
		h.storedWh -= h.flow.BatteryW * hours / efficiency
	}
	h.storedWh = math.Max(0, math.Min(h.capacityWh(), h.storedWh))
}
