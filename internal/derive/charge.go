package derive

import (
	"time"

	"envoyd/internal/answer"
)

// lowPct is a state of charge from which a battery may be found empty at the
// next answer.
const lowPct = 10.0

// charge is the last state of charge above 0, in %, and since when it is 0.
type charge struct {
	pct   float64
	empty time.Time
}

// unheard reports whether a battery only seems to be empty: the gateway has
// just started and not heard from it. No battery falls from lowPct to 0 between
// two answers; 0 that outlasts every restart is true.
func (s *Snapshot) unheard(serial answer.Serial, soc answer.Num, received time.Time) bool {
	pct, known := soc.Get()
	if !known {
		return false
	}
	if s.charge == nil {
		s.charge = map[answer.Serial]charge{}
	}
	last := s.charge[serial]
	switch {
	case pct > 0:
		last = charge{pct: pct}
	case last.empty.IsZero():
		last.empty = received
	}
	s.charge[serial] = last
	return pct == 0 && last.pct > lowPct && received.Sub(last.empty) < darkPatience
}

// checked wraps a slot whose answer is looked through once it is kept.
func checked(plain slot, look func(s *Snapshot, received time.Time)) slot {
	keep := plain.keep
	plain.keep = func(s *Snapshot, body []byte, received time.Time) error {
		if err := keep(s, body, received); err != nil {
			return err
		}
		look(s, received)
		return nil
	}
	return plain
}

// batterySlot keeps the batteries' power; of one that was not heard nothing is known.
func batterySlot() slot {
	plain := slotOf(answer.ParseEnsemblePower, func(s *Snapshot) *kept[[]answer.BatteryPower] { return &s.power })
	return checked(plain, func(s *Snapshot, received time.Time) {
		for i, b := range s.power.is {
			if s.unheard(b.Serial, b.SoCPct, received) {
				s.power.is[i] = answer.BatteryPower{Serial: b.Serial}
			}
		}
	})
}

// ensembleSlot keeps the devices' list without the charge of batteries that were not heard.
func ensembleSlot() slot {
	plain := slotOf(answer.ParseEnsemble, func(s *Snapshot) *kept[answer.Ensemble] { return &s.ensemble })
	return checked(plain, func(s *Snapshot, received time.Time) {
		list := s.ensemble.is[answer.GroupEncharge]
		for i, b := range list {
			if s.unheard(b.Serial, b.SoCPct, received) {
				list[i].SoCPct = answer.Num{}
			}
		}
	})
}

// secctrlSlot keeps the batteries as a whole. Batteries without any capacity
// are ones that were not heard.
func secctrlSlot() slot {
	plain := slotOf(answer.ParseSecCtrl, func(s *Snapshot) *kept[answer.SecCtrl] { return &s.secctrl })
	return checked(plain, func(s *Snapshot, received time.Time) {
		c := &s.secctrl.is
		whole := c.SoCPct
		if whole.Or(0) == 0 && c.EnchargeSoCPct.Known() {
			whole = c.EnchargeSoCPct
		}
		nowhere := c.MaxWh.Known() && c.MaxWh.Or(0) == 0 && c.EnchargeCapacityWh.Or(0) == 0
		if s.unheard("", whole, received) || nowhere {
			*c = answer.SecCtrl{}
		}
	})
}

// productionSlot keeps production.json without AC Batteries that were not heard.
func productionSlot() slot {
	plain := slotOf(answer.ParseProduction, func(s *Snapshot) *kept[answer.Production] { return &s.production })
	return checked(plain, func(s *Snapshot, received time.Time) {
		for i, item := range s.production.is.Storage {
			if item.Type == answer.TypeACB && s.unheard(answer.TypeACB, item.SoCPct, received) {
				item.PowerW, item.StoredWh, item.SoCPct = answer.Num{}, answer.Num{}, answer.Num{}
				s.production.is.Storage[i] = item
			}
		}
	})
}

// inventorySlot keeps the devices' list without the charge of AC Batteries that were not heard.
func inventorySlot() slot {
	plain := slotOf(answer.ParseInventory, func(s *Snapshot) *kept[answer.Inventory] { return &s.inventory })
	return checked(plain, func(s *Snapshot, received time.Time) {
		list := s.inventory.is[answer.GroupACB]
		for i, b := range list {
			if s.unheard(b.Serial, b.SoCPct, received) {
				list[i].SoCPct = answer.Num{}
			}
		}
	})
}
