package home

// Counters are lifetime energies in Wh, each in one direction only; they never
// fall. Consumption = production − standby + import − export + discharge −
// charge, to the rounding of a float64.
type Counters struct {
	ProductionWh, StandbyWh float64 // the production CT's two directions
	ImportWh, ExportWh      float64
	ChargeWh, DischargeWh   float64
	ConsumptionWh           float64
	Phases                  [3]PhaseCounters
}

// PhaseCounters are one phase's lifetime energies in Wh; the house's are their
// sums.
type PhaseCounters struct {
	ProductionWh, StandbyWh float64
	ImportWh, ExportWh      float64
	ChargeWh, DischargeWh   float64
}

// startCounters is a plausible past for a system that has produced LifetimeWh.
func startCounters(cfg Config) Counters {
	made := cfg.LifetimeWh
	c := Counters{ProductionWh: made, StandbyWh: made / 80000, ImportWh: 0.436 * made, ExportWh: 0.311 * made}
	if cfg.Batteries+cfg.ACBatteries > 0 {
		c.ChargeWh, c.DischargeWh = 0.082*made, 0.074*made
	}
	c.ConsumptionWh = c.ProductionWh - c.StandbyWh + c.ImportWh - c.ExportWh + c.DischargeWh - c.ChargeWh
	n := float64(cfg.Phases)
	for i := range cfg.Phases {
		c.Phases[i] = PhaseCounters{
			c.ProductionWh / n, c.StandbyWh / n, c.ImportWh / n, c.ExportWh / n, c.ChargeWh / n, c.DischargeWh / n,
		}
	}
	return c
}

// add counts a flow over some seconds, phase by phase: that is how the gateway
// counts, so a house that exports on one leg while it imports on the other
// counts both.
func (c *Counters) add(f Flow, seconds float64) {
	hours := seconds / 3600
	c.ConsumptionWh += f.ConsumptionW * hours
	for i := range c.Phases {
		p, w := &c.Phases[i], f.Phases[i]
		split(w.ProductionW*hours, &p.ProductionWh, &c.ProductionWh, &p.StandbyWh, &c.StandbyWh)
		split(w.GridW*hours, &p.ImportWh, &c.ImportWh, &p.ExportWh, &c.ExportWh)
		split(w.BatteryW*hours, &p.DischargeWh, &c.DischargeWh, &p.ChargeWh, &c.ChargeWh)
	}
}

// split adds a signed energy to the phase's and the house's counter of its
// direction.
func split(wh float64, phasePlus, plus, phaseMinus, minus *float64) {
	if wh > 0 {
		*phasePlus += wh
		*plus += wh
		return
	}
	*phaseMinus -= wh
	*minus -= wh
}
