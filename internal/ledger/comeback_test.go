package ledger_test

import (
	"testing"
	"time"

	"envoyd/internal/reading"
)

// A gateway restarts, shows zeros and is away for hours, as while it is
// updated. What comes back is the old level, not hours of energy since 0.
func TestALevelOnTrialBeforeALongSilenceIsNoBeginning(t *testing.T) {
	for name, shown := range map[string]float64{"zeros": 0, "another level": 5} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.production("ct", 100e3)
			h.reads(0, 200e3)
			h.reads(time.Minute, shown)
			h.reads(time.Minute, shown)
			h.produced(h.reads(3*time.Hour, 200e3), 200e3)
			out, last := h.steadily(40, 200e3, 1)
			h.produced(out, last)
		})
	}
}

// The meters of a gateway that has just started give zeros while the page of
// the inverters counts already: the first level of an export is not 0.
func TestASourceOfOnlyZerosIsNotBegun(t *testing.T) {
	h := newHome(t)
	h.in.Counters = []reading.Counter{{Name: "v1/lifetime", MaxW: 6500}, {Name: "ct/net/delivered"}, {Name: "ct/net/received"}}
	for i, f := range []reading.Flow{reading.Production, reading.Import, reading.Export} {
		h.in.Accounts = append(h.in.Accounts, reading.Account{Flow: f, Terms: []reading.Term{{Counter: h.in.Counters[i].Name, Sign: 1}}})
	}
	out := h.reads(0, 5e6, 0, 0)
	h.produced(out, 5e6)
	if out.Energy.ImportWh.Known() || out.Energy.ExportWh.Known() {
		t.Errorf("zeros are the first level: %+v", out.Energy)
	}
	out = h.reads(2*time.Minute, 5e6, 3e6, 0)
	h.near("import", out.Energy.ImportWh, 3e6)
	h.near("export", out.Energy.ExportWh, 0)
	h.in.Time = h.in.Time.Add(26 * time.Hour)
	h.near("import", h.reads(0, 5e6, 3e6+100, 0).Energy.ImportWh, 3e6+100)
}
