package collect_test

import (
	"fmt"
	"testing"
	"time"

	"envoyd/internal/reading"
)

// Between two reports of the inverters the counters go on under the same time
// of power; no two states of energy are of one moment.
func TestEnergyCarriesTheTimeItWasCounted(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		home := underARoof(r)
		counted := 5e6
		r.fake.firmware = "7.6.175"
		r.fake.page = func(p string) (string, time.Duration, error) {
			if p == "/api/v1/production" {
				counted += 5
				return fmt.Sprintf(`{"wattHoursLifetime":%.0f,"wattsNow":400,"wattHoursToday":1,"wattHoursSevenDays":1}`, counted), 0, nil
			}
			return home.page(p)
		}
		r.run()
		r.pass(30 * time.Minute)
		at := map[int64]reading.Energy{}
		for _, one := range r.all() {
			if before, ok := at[one.Counted.UnixMilli()]; ok && before != one.Energy {
				t.Errorf("at %s it was %v and %v Wh", one.Counted, before.ProductionWh, one.Energy.ProductionWh)
			}
			at[one.Counted.UnixMilli()] = one.Energy
			if one.Counted.Before(one.Time) {
				t.Errorf("counted at %s, before the power of %s", one.Counted, one.Time)
			}
		}
		if len(at) < 25 {
			t.Errorf("%d states of energy in half an hour", len(at))
		}
	})
}

// A new day begins at its midnight, whenever power was measured last.
func TestTodayIsNotOfTheDayBefore(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		home := underARoof(r)
		home.watts.Store(2)
		r.run()
		r.pass(6 * time.Hour)
		home.sleeps()
		r.pass(8 * time.Hour) // over midnight in Berlin, which is at 22:00 UTC
		midnight, seen := time.Date(2026, 6, 21, 22, 0, 0, 0, time.UTC), false
		for _, one := range r.all() {
			if one.Today.ProductionWh.Known() {
				seen = true
				if one.Counted.Before(midnight) {
					t.Errorf("today is %v Wh at %s", one.Today.ProductionWh, one.Counted)
				}
			}
		}
		if !seen {
			t.Error("today was never known")
		}
	})
}
