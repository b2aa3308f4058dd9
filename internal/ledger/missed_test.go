package ledger_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// storage is a house that has the sun, no grid, and a battery without
// counters. It charges what is left of the sun.
func storage(t *testing.T) (h *home, after func(at time.Time, made, charge float64) ledger.Outcome) {
	h = newHome(t)
	h.in.Counters = []reading.Counter{{Name: "sun", MaxW: 1e5}}
	return h, func(at time.Time, made, charge float64) ledger.Outcome {
		h.in.Accounts = []reading.Account{
			{Flow: reading.Production, Terms: []reading.Term{{Counter: "sun", Sign: 1}}},
			{Flow: reading.Consumption, Terms: []reading.Term{{Counter: "sun", Sign: 1},
				{Counter: reading.Integral(reading.Discharge), Sign: 1}, {Counter: reading.Integral(reading.Charge), Sign: -1}}},
			{Flow: reading.Charge, PowerW: reading.Of(charge)},
			{Flow: reading.Discharge, PowerW: reading.Of(-charge)},
		}
		return h.readsAt(at, made)
	}
}

// even is a gap in which all flowed evenly.
func even(before, after ledger.Outcome, from, to time.Time, missed reading.Energy) ledger.Missed {
	return ledger.Missed{
		From: from, To: to, Before: before.Energy, After: after.Energy, Energy: missed,
		Share: func(_ reading.Flow, at time.Time) float64 { return at.Sub(from).Seconds() / to.Sub(from).Seconds() },
	}
}

func (h *home) misses(m ledger.Missed) ledger.Credit {
	h.t.Helper()
	c, err := h.l.Missed(h.in.Gateway, m)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func TestMissedEnergyIsCountedOnce(t *testing.T) {
	h, after := storage(t)
	from, to := h.local(22, 1, 0), h.local(22, 11, 0)
	after(h.local(22, 0, 0), 9000, 0)
	before := after(from, 9000, 0)
	first := after(to, 10000, 600)
	after(to.Add(time.Minute), 10010, 600)
	m := even(before, first, from, to, reading.Energy{
		ProductionWh: reading.Of(1e4), ChargeWh: reading.Of(300), DischargeWh: reading.Of(800), ImportWh: reading.Of(50)})
	c := h.misses(m)
	h.near("credit of consumption", c.Energy.ConsumptionWh, 500)
	h.near("charge with it", c.Now.ChargeWh, 310)
	for range 2 {
		h.open() // killed: what was answered is on disk
		h.misses(m)
	}
	out := after(to.Add(2*time.Minute), 10020, 600)
	h.near("production", out.Energy.ProductionWh, 10020)
	h.near("charge", out.Energy.ChargeWh, 320)
	h.near("discharge", out.Energy.DischargeWh, 800)
	h.near("consumption", out.Energy.ConsumptionWh, 10020+800-320)
	h.near("charge today", out.Today.ChargeWh, 320)
	h.near("consumption today", out.Today.ConsumptionWh, 1020+800-320)
	for _, path := range []string{"energy.charge_wh", "energy.consumption_wh", "energy.discharge_wh"} {
		if !slices.Contains(out.Estimated, path) {
			t.Errorf("%s is not estimated: %v", path, out.Estimated)
		}
	}
	if out.Energy.ImportWh.Known() {
		t.Errorf("a flow that nobody has is %v", out.Energy.ImportWh)
	}
}

func TestMissedEnergyBeforeMidnightIsNotOfToday(t *testing.T) {
	for name, hours := range map[string]int{"over a night": 8, "over most of a day": 16, "over days": 80} {
		t.Run(name, func(t *testing.T) {
			h, after := storage(t)
			to := h.local(25, 4, 0)
			from := to.Add(-time.Duration(hours) * time.Hour)
			before := after(from, 9000, 0)
			first := after(to, 9000+1000*float64(hours), 0)
			h.misses(even(before, first, from, to, reading.Energy{
				ChargeWh: reading.Of(200 * float64(hours)), DischargeWh: reading.Of(300 * float64(hours))}))
			out := after(to.Add(time.Minute), 9000+1000*float64(hours), 0)
			h.near("charge", out.Energy.ChargeWh, 200*float64(hours))
			h.near("production today", out.Today.ProductionWh, 4000)
			h.near("charge today", out.Today.ChargeWh, 800)
			h.near("discharge today", out.Today.DischargeWh, 1200)
			h.near("consumption today", out.Today.ConsumptionWh, 4400)
			if !slices.Contains(out.Estimated, "today.charge_wh") {
				t.Errorf("estimated %v", out.Estimated)
			}
		})
	}
}

func TestMissedEnergyAfterMidnightIsOfToday(t *testing.T) {
	h, after := storage(t)
	from, to := h.local(22, 7, 0), h.local(22, 10, 0)
	after(h.local(22, 0, 0), 9000, 0)
	before := after(from, 9500, 0)
	first := after(to, 12000, 0)
	m := even(before, first, from, to, reading.Energy{ChargeWh: reading.Of(900)})
	h.misses(m)
	out := after(to.Add(time.Minute), 12000, 0)
	h.near("charge today", out.Today.ChargeWh, 900)
	out = after(h.local(23, 0, 0), 12500, 0)
	h.near("charge of the next day", out.Today.ChargeWh, 0)
}

// What was taken for the house's use was the battery's: what was published
// stays, and goes on when the balance has reached it.
func TestMissedChargeLetsNoBalanceFall(t *testing.T) {
	h, after := storage(t)
	from, to := h.local(22, 7, 0), h.local(22, 10, 0)
	before := after(from, 9000, 0)
	first := after(to, 12000, 0)
	h.near("credit", h.misses(even(before, first, from, to, reading.Energy{ChargeWh: reading.Of(900)})).Energy.ConsumptionWh, -900)
	h.near("consumption", after(to.Add(time.Hour), 12500, 0).Energy.ConsumptionWh, 12000)
	h.near("consumption", after(to.Add(2*time.Hour), 13000, 0).Energy.ConsumptionWh, 12100)
}

func TestWhatWasBridgedIsNotMissed(t *testing.T) {
	h, after := storage(t)
	from, to := h.local(22, 7, 0), h.local(22, 7, 15)
	before := after(from, 9000, 600)
	first := after(to, 9000, 600)
	h.misses(even(before, first, from, to, reading.Energy{ChargeWh: reading.Of(160)}))
	h.near("charge", after(to, 9000, 600).Energy.ChargeWh, 160)
	h.misses(even(before, first, from.Add(time.Second), to, reading.Energy{ChargeWh: reading.Of(1e9)}))
	h.near("charge", after(to, 9000, 600).Energy.ChargeWh, 160)
}

func TestMissedEnergyWaitsForTheFirstReading(t *testing.T) {
	h, after := storage(t)
	m := ledger.Missed{From: noon.Add(-time.Hour), To: noon, Energy: reading.Energy{ChargeWh: reading.Of(5)},
		Share: func(reading.Flow, time.Time) float64 { return 0.5 }}
	if _, err := h.l.Missed(h.in.Gateway, m); !errors.Is(err, ledger.ErrUnheard) {
		t.Fatal(err)
	}
	h.l.Resume(h.in.Gateway, reading.Energy{ChargeWh: reading.Of(70)}, m.From)
	if _, err := h.l.Missed(h.in.Gateway, m); !errors.Is(err, ledger.ErrUnheard) {
		t.Fatal(err)
	}
	m.Before = reading.Energy{ChargeWh: reading.Of(70)}
	after(noon, 9000, 0)
	h.near("charge", h.misses(m).Now.ChargeWh, 75)
}
