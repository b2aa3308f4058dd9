package home_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"envoyd/internal/sim/home"
)

// summer is the start of the bubbles' clock put into a season with sun.
func summer() time.Time { return time.Date(2026, 6, 21, 4, 0, 0, 0, time.UTC) }

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

// balance is what flows in less what flows out.
func balance(f home.Flow) float64 { return f.ProductionW + f.GridW + f.BatteryW - f.ConsumptionW }

// kept is what was put into the counters less what was taken out.
func kept(c home.Counters) float64 {
	return c.ProductionWh - c.StandbyWh + c.ImportWh - c.ExportWh + c.DischargeWh - c.ChargeWh - c.ConsumptionWh
}

func TestEnergyIsConserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := home.Config{
			Start:  summer().Add(time.Duration(rapid.IntRange(0, 366*24).Draw(t, "hour")) * time.Hour),
			Phases: rapid.IntRange(1, 3).Draw(t, "phases"), Inverters: rapid.IntRange(1, 60).Draw(t, "inverters"),
			Batteries: rapid.IntRange(0, 4).Draw(t, "batteries"), ACBatteries: rapid.IntRange(0, 3).Draw(t, "acbs"),
			Seed: rapid.Uint64().Draw(t, "seed"), Speed: rapid.SampledFrom([]float64{0.5, 1, 60}).Draw(t, "speed"),
			SoCPct: rapid.Float64Range(1, 100).Draw(t, "soc"), Latitude: rapid.Float64Range(-60, 60).Draw(t, "latitude"),
		}
		h := home.New(cfg)
		at, before := cfg.Start, h.Truth(cfg.Start)
		var imported home.Truth
		for range 60 {
			step := time.Duration(rapid.IntRange(1, 90_000).Draw(t, "ms")) * time.Millisecond
			at = at.Add(step)
			now := h.Truth(at)
			checkTruth(t, before, now)
			before, imported = now, now
		}
		if !near(kept(imported.Counters), 0, 0.001) {
			t.Errorf("%f Wh came from nowhere", kept(imported.Counters))
		}
	})
}

// checkTruth is what must hold of any two moments in their order.
func checkTruth(t *rapid.T, before, now home.Truth) {
	if !near(balance(now.Flow), 0, 1e-6) {
		t.Fatalf("flow does not balance: %+v", now.Flow)
	}
	var sum home.PhaseFlow
	for _, p := range now.Flow.Phases {
		sum.ProductionW, sum.GridW, sum.BatteryW = sum.ProductionW+p.ProductionW, sum.GridW+p.GridW, sum.BatteryW+p.BatteryW
	}
	if !near(sum.ProductionW, now.ProductionW, 1e-6) || !near(sum.GridW, now.GridW, 1e-6) || !near(sum.BatteryW, now.BatteryW, 1e-6) {
		t.Fatalf("phases sum up to %+v of %+v", sum, now.Flow)
	}
	a, b := before.Counters, now.Counters
	for name, pair := range map[string][2]float64{
		"production": {a.ProductionWh, b.ProductionWh}, "standby": {a.StandbyWh, b.StandbyWh}, "import": {a.ImportWh, b.ImportWh},
		"export": {a.ExportWh, b.ExportWh}, "charge": {a.ChargeWh, b.ChargeWh}, "discharge": {a.DischargeWh, b.DischargeWh},
		"consumption": {a.ConsumptionWh, b.ConsumptionWh},
	} {
		if pair[1] < pair[0] {
			t.Fatalf("%s fell from %f to %f", name, pair[0], pair[1])
		}
	}
	if now.ConsumptionW < 0 || now.SoCPct < 0 || now.SoCPct > 100 {
		t.Fatalf("impossible: %+v", now)
	}
}

func TestCountersAreTheIntegralOfThePowers(t *testing.T) {
	h := home.New(home.Config{Start: summer().Add(7 * time.Hour), Batteries: 2})
	at := h.Config().Start
	first := h.Truth(at)
	var production, net, battery float64
	for range 7200 {
		now := h.Truth(at)
		production += now.ProductionW / 3600
		net += now.GridW / 3600
		battery += now.BatteryW / 3600
		at = at.Add(time.Second)
	}
	last := h.Truth(at)
	if got := last.ProductionWh - first.ProductionWh; !near(got, production, 1e-6*production) || got < 100 {
		t.Errorf("counted %f Wh, integrated %f Wh", got, production)
	}
	if got := last.ImportWh - first.ImportWh - last.ExportWh + first.ExportWh; !near(got, net, 0.001) {
		t.Errorf("counted %f Wh from the grid, integrated %f Wh", got, net)
	}
	if got := last.DischargeWh - first.DischargeWh - last.ChargeWh + first.ChargeWh; !near(got, battery, 0.001) {
		t.Errorf("counted %f Wh from the battery, integrated %f Wh", got, battery)
	}
}

func TestTruthIsTheSameHoweverOftenItIsAsked(t *testing.T) {
	often, once := home.New(home.Config{Start: summer()}), home.New(home.Config{Start: summer()})
	var last home.Truth
	for i := range 3000 {
		last = often.Truth(summer().Add(time.Duration(i) * 1100 * time.Millisecond))
	}
	if got := once.Truth(last.Time); got != last {
		t.Errorf("asked once: %+v\nasked often: %+v", got, last)
	}
	earlier := summer().Add(20*time.Minute + 300*time.Millisecond)
	if got := often.Truth(earlier); !got.Time.Equal(earlier) || got != once.Truth(earlier) {
		t.Errorf("the past is not remembered: %+v", got)
	}
}

func TestADayHasNightAndNoonAndAFullBattery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(summer()))
		h := home.New(home.Config{Batteries: 2, SoCPct: 25})
		var most, least, fullest float64
		for range 24 * 60 {
			time.Sleep(time.Minute)
			now := h.Truth(time.Now())
			most, least, fullest = max(most, now.ProductionW), min(least, now.ProductionW), max(fullest, now.SoCPct)
		}
		if most < 4000 || most > 20*366 || least > -1 || fullest < 80 {
			t.Errorf("between %f and %f W, at most %f %%", least, most, fullest)
		}
	})
}

func TestInvertersReportStaggeredLateAndNotAtNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(summer().Add(8 * time.Hour)))
		h := home.New(home.Config{})
		seen := map[int64]int{}
		for _, inv := range h.State(time.Now()).Inverters {
			seen[inv.Reported.Unix()]++
			if age := time.Since(inv.Reported); age < 5*time.Second || age > 6*time.Minute || inv.Duration != 5*time.Minute {
				t.Errorf("%s reported %s ago about %s", inv.Serial, age, inv.Duration)
			}
		}
		if len(seen) < 10 {
			t.Errorf("20 inverters reported at only %d moments", len(seen))
		}
		time.Sleep(11 * time.Hour) // to 23:00
		for _, inv := range h.State(time.Now()).Inverters {
			if time.Since(inv.Reported) < time.Hour || inv.PowerW == 0 {
				t.Errorf("%s at night: %f W, %s ago", inv.Serial, inv.PowerW, time.Since(inv.Reported))
			}
		}
	})
}

func TestSpeedCompressesTheDayButNotTheCounters(t *testing.T) {
	start := summer().Add(-4 * time.Hour)
	h := home.New(home.Config{Start: start, Speed: 60})
	dawn, noon := h.Truth(start), h.Truth(start.Add(12*time.Minute))
	if dawn.ProductionW > 0 || noon.ProductionW < 1000 {
		t.Errorf("%f W at midnight, %f W twelve fast hours later", dawn.ProductionW, noon.ProductionW)
	}
	if got := noon.ProductionWh - dawn.ProductionWh; got <= 0 || got > 20*366*12/60 {
		t.Errorf("%f Wh in twelve minutes", got)
	}
}

func TestOffGridInTheDarkWithoutABatteryNothingFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := home.New(home.Config{}) // a bubble begins at midnight
		h.OffGrid(true)
		time.Sleep(2 * time.Second)
		if f := h.Truth(time.Now()).Flow; f != (home.Flow{}) {
			t.Errorf("%+v", f)
		}
	})
}

func TestOffGridNothingComesFromTheGrid(t *testing.T) {
	h := home.New(home.Config{Batteries: 1, SoCPct: 99})
	h.OffGrid(true)
	at := time.Now().Add(2 * time.Second)
	first := h.Truth(at)
	for i := range 3600 {
		now := h.Truth(at.Add(time.Duration(i) * time.Second))
		if now.GridW != 0 || !near(balance(now.Flow), 0, 1e-6) || now.ConsumptionW < 0 {
			t.Fatalf("off-grid: %+v", now.Flow)
		}
	}
	if last := h.Truth(at.Add(time.Hour)); last.ImportWh != first.ImportWh || last.ExportWh != first.ExportWh {
		t.Error("the grid was counted")
	}
}
