package outage_test

import (
	"math"
	"testing"
	"time"

	"envoyd/internal/sim/fault"
)

// A day: the daemon sees midnight, is off until eleven, and then the gateway
// is away for two hours and for ten minutes.
func TestAfterOutagesTheCurveHasNoHoleAndTheDayIsRight(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Date(2026, 6, 21, 0, 0, 0, 0, zone)
	inBubble(t, midnight.Add(-5*time.Minute), func(b *bubble) {
		b.start()
		time.Sleep(time.Until(midnight.Add(time.Minute)))
		was := b.sim.Truth(time.Now())
		time.Sleep(4 * time.Minute)
		b.halt()
		time.Sleep(time.Until(midnight.Add(11 * time.Hour)))
		b.start()
		time.Sleep(10 * time.Minute)
		b.sim.Fault(fault.Refuse, fault.Options{})
		time.Sleep(2 * time.Hour)
		b.sim.Gateway.Faults().Clear()
		time.Sleep(10 * time.Minute)
		b.sim.Fault(fault.Refuse, fault.Options{})
		time.Sleep(10 * time.Minute)
		b.sim.Gateway.Faults().Clear()
		time.Sleep(time.Hour)
		b.halt()

		end := time.Now().Truncate(time.Minute)
		h := b.history(midnight.Add(-4*time.Minute), end)
		for _, row := range h.Rows {
			if !row.Values[0].Known() || !row.Values[5].Known() {
				t.Errorf("nothing at %s: %v", row.Time, row.Values)
			}
		}
		day := h.Rows[4:] // from midnight on; a row has the last of its minute
		is := b.sim.Truth(end)
		for i, want := range []float64{
			is.ProductionWh - was.ProductionWh, is.ConsumptionWh - was.ConsumptionWh, is.ImportWh - was.ImportWh,
			is.ExportWh - was.ExportWh, is.ChargeWh - was.ChargeWh, is.DischargeWh - was.DischargeWh,
		} {
			got := day[len(day)-1].Values[5+i].Or(0) - day[0].Values[5+i].Or(0)
			if b.t.Logf("%s: %.0f Wh since midnight, really %.0f", h.Columns[6+i], got, want); math.Abs(got-want) > 0.01*want+5 {
				t.Errorf("%s: %.0f Wh since midnight, really %.0f", h.Columns[6+i], got, want)
			}
		}
		for i := 1; i < len(day); i++ {
			for f := 5; f < 11; f++ {
				if day[i].Values[f].Or(math.Inf(1)) < day[i-1].Values[f].Or(0) {
					t.Errorf("%s fell at %s", h.Columns[1+f], day[i].Time)
				}
			}
		}
		t.Logf("%d points from the cloud, %d from the gateway; %d calls", b.powers("enlighten"), b.powers("local"), b.sim.Cloud.Count(""))
		if n := b.powers("enlighten"); n < 12*60 || len(b.twice) > 0 {
			t.Errorf("the database has %d points from the cloud; changed: %v", n, b.twice)
		}
	})
}
