package outage_test

import (
	"math"
	"testing"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/home"
	"envoyd/internal/store"
)

// Two gateways of one owner, each with a system of its own, on the free plan:
// each gap is filled from its own system, and both share one budget.
func TestTwoGatewaysAreFilledFromTheirOwnSystems(t *testing.T) {
	begin := time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC)
	two := place{begin: begin, serials: []string{sim.DefaultSerial, "122333444777"}, plan: "watt", preset: sim.MeteredStorage}
	inPlace(t, two, func(b *bubble) {
		b.start()
		time.Sleep(15 * time.Minute)
		b.halt()
		off := time.Now()
		time.Sleep(90 * time.Minute)
		middle := b.truths()
		time.Sleep(90 * time.Minute)
		b.start()
		time.Sleep(45 * time.Minute)
		for i, s := range b.sims {
			if n, want := b.api.of(s.Cloud.System(), "/latest_telemetry"), 0; n != want {
				t.Errorf("the cloud stood in for gateway %d %d times", i, n)
			}
			if n, want := b.api.of(s.Cloud.System(), "/energy_import_telemetry"), 1; n != want {
				t.Errorf("the import of gateway %d was asked for %d times, want %d", i, n, want)
			}
		}
		second := b.sims[1].Cloud.System()
		b.sims[1].Fault(fault.Refuse, fault.Options{})
		time.Sleep(time.Hour)
		b.sims[1].Gateway.Faults().Clear()
		if n := b.api.of(b.sim.Cloud.System(), "/latest_telemetry"); n != 0 || b.api.of(second, "/latest_telemetry") < 3 {
			t.Errorf("the cloud stood in %d times for the one that answers, %d for the other", n, b.api.of(second, "/latest_telemetry"))
		}
		time.Sleep(time.Hour)
		b.halt()
		b.each(off, middle)
		b.oneBudget()
	})
}

func (b *bubble) truths() (all []home.Truth) {
	for _, s := range b.sims {
		all = append(all, s.Truth(time.Now()))
	}
	return all
}

// each checks that no gateway's curve has a hole, and that in the middle of
// the gap, 90 minutes after it began, its counters and power are its own.
func (b *bubble) each(off time.Time, middle []home.Truth) {
	b.t.Helper()
	for i, s := range b.sims {
		serial, end := s.Identity().Serial, time.Now().Truncate(time.Minute)
		h := b.stored(store.Query{Gateway: serial, From: off.Truncate(time.Minute), To: end, Step: time.Minute})
		for _, row := range h.Rows {
			if !row.Values[0].Known() || !row.Values[5].Known() {
				b.t.Fatalf("%s: nothing at %s: %v", serial, row.Time, row.Values)
			}
		}
		if want := int(end.Sub(off.Truncate(time.Minute)) / time.Minute); len(h.Rows) != want {
			b.t.Errorf("%s: %d minutes, want %d", serial, len(h.Rows), want)
		}
		for f, want := range []float64{middle[i].ProductionWh, middle[i].ConsumptionWh, middle[i].ImportWh, middle[i].ExportWh} {
			before, got := h.Rows[0].Values[5+f].Or(0), h.Rows[90].Values[5+f].Or(0)
			if b.t.Logf("%s: %s is %.0f Wh, really %.0f, before %.0f", serial, h.Columns[6+f], got, want, before); math.Abs(got-want) > 120 {
				b.t.Errorf("%s: %s is %.0f Wh, really %.0f", serial, h.Columns[6+f], got, want)
			}
		}
		is, last := s.Truth(end), h.Rows[len(h.Rows)-1].Values[5].Or(0)
		if math.Abs(last-is.ProductionWh) > 50 {
			b.t.Errorf("%s: production stands at %.0f Wh, really %.0f", serial, last, is.ProductionWh)
		}
	}
}

// oneBudget checks that both were counted in one place, and kept to the plan.
func (b *bubble) oneBudget() {
	b.t.Helper()
	plan, _ := budget.PlanNamed(b.plan)
	s, err := budget.Open(budget.Config{Dir: b.state(), Plan: plan}).Status()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("%d calls, %d in the busiest minute, counted %+v", b.api.total(), b.api.busiest(), s.UsedBy)
	if s.MonthUsed != b.api.total() || b.api.busiest() > plan.Minute {
		b.t.Errorf("%d calls are counted of %d, %d in one minute", s.MonthUsed, b.api.total(), b.api.busiest())
	}
}
