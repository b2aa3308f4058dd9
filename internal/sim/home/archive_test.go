package home_test

import (
	"testing"
	"time"

	"envoyd/internal/sim/home"
)

// differences lists how much each counter went on between two marks.
func differences(a, b home.Totals) map[string]float64 {
	return map[string]float64{
		"production": b.ProductionWh - a.ProductionWh, "standby": b.StandbyWh - a.StandbyWh, "import": b.ImportWh - a.ImportWh,
		"export": b.ExportWh - a.ExportWh, "charge": b.ChargeWh - a.ChargeWh, "discharge": b.DischargeWh - a.DischargeWh,
		"consumption": b.ConsumptionWh - a.ConsumptionWh,
	}
}

func TestMarksAreTheCountersAtTheEndsOfIntervals(t *testing.T) {
	h := home.New(home.Config{Start: summer().Add(7 * time.Hour), Batteries: 2})
	from := h.Config().Start.Add(10 * time.Minute)
	var want []home.Truth
	for i := range 12 {
		want = append(want, h.Truth(from.Add(time.Duration(i)*home.Grain)))
	}
	got := h.Marks(from.Add(-time.Second), from.Add(56*time.Minute))
	if len(got) != len(want) {
		t.Fatalf("%d marks, want %d", len(got), len(want))
	}
	for i, m := range got {
		w := want[i]
		c := w.Counters
		totals := home.Totals{c.ProductionWh, c.StandbyWh, c.ImportWh, c.ExportWh, c.ChargeWh, c.DischargeWh, c.ConsumptionWh}
		if !m.Time.Equal(w.Time) || m.Totals != totals || m.SoCPct != w.SoCPct {
			t.Errorf("mark %d: %+v, truth %+v", i, m, w)
		}
	}
}

func TestTheYearsBeforeLeadToTheCountersOfTheStart(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]home.Config{
		"with batteries": {Batteries: 2}, "without": {Phases: 3, LifetimeWh: 2e6}, "few inverters": {Inverters: 12, Latitude: 52, LifetimeWh: 3e6},
		"no inverters": {Inverters: -1}, "young": {LifetimeWh: 90_000}, "south": {Latitude: -35, LifetimeWh: 2e6},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Start, cfg.Zone = time.Date(2026, 4, 2, 11, 0, 0, 0, berlin), berlin
			h := home.New(cfg)
			began, now := h.Commissioned(), h.Config().Start
			if began.In(berlin).Hour() != 0 || now.Sub(began) > 3*366*24*time.Hour {
				t.Errorf("commissioned at %s", began)
			}
			marks := h.Marks(began.Add(-time.Hour), now)
			if want := int(now.Sub(began)/home.Grain) + 1; len(marks) != want || !marks[0].Time.Equal(began) {
				t.Fatalf("%d marks from %s, want %d", len(marks), marks[0].Time, want)
			}
			for i := range marks[1:] {
				for what, wh := range differences(marks[i].Totals, marks[i+1].Totals) {
					if wh < -1e-6 || wh > 2500 { // 30 kW
						t.Fatalf("%f Wh of %s at %s", wh, what, marks[i+1].Time)
					}
				}
			}
			if cfg.Inverters >= 0 && marks[0].ProductionWh != 0 {
				t.Errorf("began with %f Wh", marks[0].ProductionWh)
			}
			last, truth := marks[len(marks)-1], h.Truth(now)
			if last.ProductionWh != truth.ProductionWh || last.ImportWh != truth.ImportWh || last.DischargeWh != truth.DischargeWh {
				t.Errorf("ends at %+v, truth %+v", last, truth)
			}
		})
	}
}
