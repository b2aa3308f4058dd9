package ledger_test

import (
	"testing"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// batteryHouse plays a house of 1000 W behind 3000 W of sun and a battery that
// takes 2000 W, which only its power tells.
func batteryHouse(t *testing.T) (h *home, after func(d time.Duration, charge reading.Value) ledger.Outcome) {
	h = newHome(t)
	h.in.Counters = []reading.Counter{{Name: "prod", MaxW: 1e5, Wh: 9000}, {Name: "imp", MaxW: 1e5, Wh: 4000}, {Name: "exp", MaxW: 1e5, Wh: 3000}}
	return h, func(d time.Duration, charge reading.Value) ledger.Outcome {
		h.in.Accounts = []reading.Account{
			{Flow: reading.Consumption, Terms: []reading.Term{{Counter: "prod", Sign: 1}, {Counter: "imp", Sign: 1}, {Counter: "exp", Sign: -1},
				{Counter: reading.Integral(reading.Discharge), Sign: 1}, {Counter: reading.Integral(reading.Charge), Sign: -1}}},
			{Flow: reading.Charge, PowerW: charge}, {Flow: reading.Discharge, PowerW: charge.Scale(-1)},
		}
		return h.reads(d, h.in.Counters[0].Wh+3000*d.Hours(), 4000, 3000)
	}
}

func TestConsumptionWaitsForTheBattery(t *testing.T) {
	known, unknown := reading.Of(2000), reading.Value{}
	for _, c := range []struct {
		name         string
		silent       time.Duration // how long the battery is
		whole        bool          // and everything else too
		waits, after float64       // consumption while it is silent, and when it is heard again
	}{
		{"and counts it all where the integral bridges the time", 14 * time.Minute, false, 10010, 10010 + 1000.0*15/60},
		{"and leaves out the time that the integral leaves out", 40 * time.Minute, false, 10010, 10010},
		{"but not after an outage of everything", 40 * time.Minute, true, 10010, 10010 + 3000.0*41/60},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, after := batteryHouse(t)
			h.near("consumption", after(0, known).Energy.ConsumptionWh, 10000)
			h.near("consumption", after(36*time.Second, known).Energy.ConsumptionWh, 10010)
			if c.whole {
				h.in.Time, h.in.Counters[0].Wh = h.in.Time.Add(c.silent), h.in.Counters[0].Wh+3000*c.silent.Hours()
				h.near("consumption", after(time.Second, unknown).Energy.ConsumptionWh, c.waits)
				h.near("consumption", after(59*time.Second, known).Energy.ConsumptionWh, c.after-3000.0*59/3600)
				return
			}
			after(0, unknown) // the meters are asked each second
			for range int(c.silent / time.Minute) {
				h.near("consumption", after(time.Minute, unknown).Energy.ConsumptionWh, c.waits)
			}
			h.restart()
			out := after(time.Minute, known)
			h.near("consumption", out.Energy.ConsumptionWh, c.after)
			h.near("consumption", after(36*time.Second, known).Energy.ConsumptionWh, c.after+10)
			if len(out.Estimated) == 0 || out.Estimated[0] != "energy.consumption_wh" {
				t.Fatalf("estimated %v", out.Estimated)
			}
		})
	}
}

// A microinverter that joins while the balance waits begins there like any other.
func TestTermThatJoinsWhileTheBalanceWaits(t *testing.T) {
	h, after := batteryHouse(t)
	after(0, reading.Of(2000))
	join := func(d time.Duration, charge reading.Value) ledger.Outcome {
		h.in.Counters[0].Name, h.in.Counters[0].Wh = "prod2", 50000
		h.in.Accounts[0].Terms[0].Counter = "prod2"
		h.in.Accounts[1].PowerW, h.in.Accounts[2].PowerW = charge, charge.Scale(-1)
		return h.reads(d)
	}
	after(time.Second, reading.Value{})
	join(20*time.Minute, reading.Value{})
	h.near("consumption", join(20*time.Minute, reading.Of(2000)).Energy.ConsumptionWh, 10000)
	h.in.Counters[0].Wh = 50050
	h.near("consumption", h.reads(time.Minute, 50050).Energy.ConsumptionWh, 10000+50-2000.0/60)
}
