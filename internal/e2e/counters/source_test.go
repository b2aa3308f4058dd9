package counters_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/home"
	"envoyd/internal/sim/page"
	"envoyd/internal/sim/site"
)

// Mechanism a, where the CTs are read from production.json: a healthy CT has
// activeCount 0 in one answer, or in some. The inverters' sum beside it, which
// is about a per cent off, must not take over.
func TestInactiveCTOfOneAnswerChangesNoSource(t *testing.T) {
	live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
		w.pass(2 * time.Minute)
		w.halt()
		w.edit.gone(pathMeters, pathReadings, "/ivp/meters/reports")
		w.start()
		w.pass(5 * time.Minute)
		m := w.mark()
		for _, answers := range []int{1, 3} {
			w.sim.Fault(fault.Flicker, fault.Options{Count: answers})
			w.pass(6 * time.Minute)
		}
		w.counts(m, 5, 0, reading.Production)
		w.powerIs(1, "production_w")
		w.nothingRefused()
	})
}

// Of a CT that alone is inactive nothing is said, least of all what it measured
// minutes ago beside what the other one measures now.
func TestInactiveNetCTIsNotAddedToANewerProduction(t *testing.T) {
	live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
		w.halt()
		w.edit.gone(pathMeters, pathReadings, "/ivp/meters/reports")
		w.start()
		w.pass(5 * time.Minute)
		at := time.Now()
		w.edit.objects(pathPage, func(o object) {
			if o["measurementType"] == page.Net {
				o["activeCount"] = 0
			}
		})
		w.pass(8 * time.Minute)
		w.edit.page(pathPage, nil)
		w.pass(3 * time.Minute)
		for _, m := range w.heard.since(at, "/power") {
			p := decode[powerMessage](t, m)
			if used, ok := p.ConsumptionW.Get(); ok && math.Abs(used-m.truth.ConsumptionW) > 1 {
				t.Errorf("the house is said to use %v W at %v, in truth %v", used, p.Time, m.truth.ConsumptionW)
			}
		}
		w.powerIs(1, "production_w", "grid_w", "consumption_w")
		w.nothingRefused()
	})
}

// The same for the meters themselves: [] is a meter daemon that is not up yet.
func TestMetersThatAreMissingForMinutesChangeNoSource(t *testing.T) {
	live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
		w.pass(2 * time.Minute)
		m := w.mark()
		w.sim.Fault(fault.NoMeters, fault.Options{For: 5 * time.Minute})
		w.pass(8 * time.Minute)
		w.counts(m, 0.1, 0, reading.Production, reading.Import, reading.Export, reading.Consumption)
		w.powerIs(0.01, "production_w", "grid_w")
		w.nothingRefused()
	})
}

// Mechanism d: on 8.3.5433 with a total-consumption CT, production.json has the
// net value in its place, and today and the week are the lifetime.
func TestOverwrittenTotalIsNeverRead(t *testing.T) {
	live(t, options{Sim: sim.Config{Preset: sim.MeteredTotal}}, func(w *world) {
		w.pass(time.Minute)
		m := w.mark()
		w.pass(30 * time.Minute)
		w.powerIs(0.01, "production_w", "grid_w", "consumption_w")
		w.counts(m, 0.1, 0, reading.Production, reading.Consumption)
		w.counts(m, 5, 0, reading.Import, reading.Export)
		msg, _ := w.heard.find("/energy")
		if e := decode[energyMessage](t, msg); e.Today.ProductionWh.Known() || e.Today.ConsumptionWh.Known() {
			t.Errorf("today is %+v before a midnight was seen: it is the gateway's lifetime", e.Today)
		}
		w.halt()
		w.edit.gone(pathReadings, "/ivp/meters/reports")
		w.until(noon.Add(9 * time.Hour)) // while the house imports: a negative total would be refused anyway
		at := time.Now()
		w.start()
		w.pass(25 * time.Minute)
		heard := w.heard.since(at.Add(11*time.Minute), "/power") // until it is believed that the meters are gone
		for _, m := range heard {
			if p := decode[powerMessage](t, m); p.ConsumptionW.Known() || p.GridW.Known() {
				t.Fatalf("%s: nobody measured that", m.payload)
			}
		}
		if len(heard) == 0 {
			t.Error("no power at all: the story does not play")
		}
		w.honest()
	})
}

// Mechanism f: the production CT shows the standby draw at night. It is
// published as it is, and makes no counter fall.
func TestNegativeProductionAtNight(t *testing.T) {
	midnight := time.Date(2026, 6, 21, 23, 0, 0, 0, time.UTC)
	live(t, options{Sim: sim.Config{Preset: sim.Metered}, Begin: midnight}, func(w *world) {
		w.pass(time.Minute)
		m := w.mark()
		w.pass(90 * time.Minute)
		w.powerIs(0.01, "production_w", "grid_w", "consumption_w")
		msg, _ := w.heard.find("/power")
		if p := decode[powerMessage](t, msg); p.ProductionW.Or(0) >= 0 {
			t.Errorf("production is %v W at half past twelve at night: the story does not play", p.ProductionW)
		}
		w.counts(m, 0.1, 0, reading.Production, reading.Import, reading.Export, reading.Consumption)
		w.away(midnight.Add(8 * time.Hour)) // what was drawn at night takes nothing from the morning
		w.pass(time.Minute)
		w.counts(m, 1, 0, reading.Production, reading.Consumption)
		w.nothingRefused()
	})
}

// Mechanism k: an installer commissions a CT anew; its counters begin at zero.
// What passes until that is believed is not counted, the rest is.
func TestCTCommissionedAnewGoesOn(t *testing.T) {
	for name, tt := range map[string]struct {
		kind   string
		unseen time.Duration // by us, while the counters are 0
	}{
		"production": {page.Production, 0}, "net": {page.Net, 0}, "while nobody looks": {page.Production, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
				w.pass(time.Minute)
				m := w.mark()
				w.pass(10 * time.Minute)
				if tt.unseen > 0 {
					w.sim.Fault(fault.BadGateway, fault.Options{For: tt.unseen})
				}
				w.sim.Pages.Reset(tt.kind)
				w.pass(5 * time.Minute)
				again := w.mark()
				w.pass(20 * time.Minute)
				w.counts(again, 0.1, 0, reading.Production, reading.Import, reading.Export, reading.Consumption)
				w.counts(m, 60, 0, reading.Production, reading.Import, reading.Export, reading.Consumption)
				w.powerIs(0.01, "production_w", "grid_w", "consumption_w")
			})
		})
	}
}

// Mechanism j: another gateway in the same house, with counters of its own. That
// they stand where the old ones may well have come to is a coincidence.
func TestReplacedGatewayGoesOn(t *testing.T) {
	for name, level := range map[string]float64{"at a level by chance": 1500, "far away": 5e6} {
		t.Run(name, func(t *testing.T) { replaced(t, level) })
	}
}

// replaced plays it with a new gateway whose counters stand so much higher.
func replaced(t *testing.T, level float64) {
	live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
		w.pass(5 * time.Minute)
		m := w.mark()
		w.halt()
		w.pass(2 * time.Hour)
		second, err := sim.Start(sim.Config{Preset: sim.Metered, Serial: "122333444999", Listener: w.net[secondAt],
			Home: home.Config{LifetimeWh: w.sim.Home.Config().LifetimeWh + level}})
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close() //nolint:errcheck // in memory
		w.configure(w.block(w.sim, gatewayAt, ""), w.block(second, secondAt, `replaces: "122333444555"`))
		began := second.Truth(time.Now())
		w.start()
		w.pass(20 * time.Minute)
		msg, _ := w.heard.find("122333444555/energy")
		now := decode[energyMessage](t, msg)
		for f, rose := range map[reading.Flow]float64{
			reading.Production: second.Truth(now.Time).ProductionWh - began.ProductionWh,
			reading.Import:     second.Truth(now.Time).ImportWh - began.ImportWh,
		} {
			if got := now.Energy.At(f).Or(0) - m.energy.At(f).Or(0); got < rose-60 || got > rose+60 {
				t.Errorf("%s rose by %.1f Wh with the new gateway, in truth %.1f", f, got, rose)
			}
		}
		if _, other := w.heard.find("122333444999/energy"); other {
			t.Error("the new gateway publishes under its own serial")
		}
		w.honest()
		w.nothingRefused()
	})
}

// Mechanism i: unused phases carry noise, and a third channel of the net CT may
// repeat the battery's (8.2.127, 8.2.4286): only the aggregate counts. An
// answer whose totals are doubled is refused.
func TestOnlyTheAggregateCounts(t *testing.T) {
	live(t, options{Sim: sim.Config{Preset: sim.Metered, Home: home.Config{Phases: 1}}}, func(w *world) {
		w.edit.objects(pathReadings, func(o object) {
			if list, ok := o["channels"].([]any); ok && len(list) == 3 {
				third := list[2].(object)
				third["activePower"], third["actEnergyDlvd"] = 3500.0, numberIn(o, "actEnergyDlvd")*0.7
			}
		})
		w.pass(2 * time.Minute)
		m := w.mark()
		w.pass(5 * time.Minute)
		doubled := func(o object) {
			for _, name := range []string{"actEnergyDlvd", "actEnergyRcvd", "activePower", "apparentPower"} {
				o[name] = 2 * numberIn(o, name)
			}
		}
		w.edit.objects(pathReadings, doubled)
		w.pass(3 * time.Second)
		w.edit.page(pathReadings, nil)
		w.pass(5 * time.Minute)
		w.powerIs(0.01, "production_w", "grid_w", "consumption_w")
		w.counts(m, 0.1, 0, reading.Production, reading.Import, reading.Export, reading.Consumption)
		w.refusedOnce("jumped further than hardware can")
		for _, msg := range w.heard.since(m.at, "/power") {
			if made := decode[powerMessage](t, msg).ProductionW.Or(0); math.Abs(made-msg.truth.ProductionW) > 0.01 {
				t.Errorf("production was published as %v, in truth %v", made, msg.truth.ProductionW)
			}
		}
		if _, phases := w.heard.find("meter/production/L1"); phases {
			t.Error("a house with one phase publishes phases")
		}
	})
}

// Mechanism h: numbers that are none.
func TestOddNumbersAreNotMeasurements(t *testing.T) {
	for name, odd := range map[string]func(o object){
		"unknown": func(o object) { o["activePower"], o["actEnergyDlvd"] = "unknown", "unknown" },
		"underflow": func(o object) {
			o["activePower"], o["apparentPower"], o["actEnergyDlvd"] = 4294967292, 4294967292, 4294967292
		},
		"underflow of power alone":  func(o object) { o["activePower"], o["apparentPower"] = 4294967292, 4294967292 },
		"beyond the hardware":       func(o object) { o["activePower"], o["apparentPower"] = 150000, 150000 },
		"beyond the apparent power": func(o object) { o["activePower"] = 9000.0 + 10*numberIn(o, "apparentPower") },
		"minus zero":                func(o object) { o["reactivePower"], o["actEnergyRcvd"] = rawNumber("-0.000"), rawNumber("-0.000") },
		"absent":                    func(o object) { delete(o, "activePower"); delete(o, "actEnergyDlvd") },
		"NaN":                       func(o object) { o["activePower"], o["actEnergyDlvd"] = "NaN", "NaN" },
		"float time":                func(o object) { o["timestamp"] = numberIn(o, "timestamp") + 0.5 },
	} {
		t.Run(name, func(t *testing.T) {
			live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
				w.pass(time.Minute)
				m := w.mark()
				w.edit.objects(pathReadings, odd)
				w.pass(20 * time.Second)
				w.edit.page(pathReadings, nil)
				w.pass(2 * time.Minute)
				w.powerIs(0.01, "production_w", "grid_w", "consumption_w")
				w.counts(m, 0.1, 0, reading.Production, reading.Import, reading.Export, reading.Consumption)
				for _, msg := range w.heard.since(m.at, "/power") {
					p := decode[powerMessage](t, msg)
					if made, ok := p.ProductionW.Get(); ok && (made-msg.truth.ProductionW > 0.01 || msg.truth.ProductionW-made > 0.01) {
						t.Errorf("production was published as %v, in truth %v", made, msg.truth.ProductionW)
					}
				}
				if !strings.HasPrefix(name, "beyond") && name != "minus zero" { // what is no number is not refused either
					w.nothingRefused()
				}
			})
		})
	}
}

// Mechanism h: one number that is none leaves the others alone.
func TestNaNCostsNoOtherNumber(t *testing.T) {
	live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
		w.pass(time.Minute)
		at := time.Now()
		w.edit.objects(pathReadings, func(o object) { o["reactivePower"] = "bare" })
		written := w.edit.edits[pathReadings]
		w.edit.page(pathReadings, func(p *site.Page) {
			written(p)
			p.Body = bytes.ReplaceAll(p.Body, []byte(`"bare"`), []byte("NaN"))
		})
		w.pass(20 * time.Second)
		if n := w.newTimes(at); n < 15 {
			t.Errorf("%d measurements in 20 seconds", n)
		}
	})
}

// Mechanism h: a time written as a float is the same second.
func TestFloatTimeOfAnOldAnswerIsOld(t *testing.T) {
	live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
		w.edit.objects(pathReadings, func(o object) { o["timestamp"] = numberIn(o, "timestamp") + 0.5 })
		w.pass(time.Minute)
		at := time.Now()
		w.sim.Fault(fault.Freeze, fault.Options{For: 5 * time.Minute})
		w.pass(time.Minute)
		if n := w.newTimes(at.Add(2 * time.Second)); n != 0 {
			t.Errorf("%d new measurements of one answer", n)
		}
	})
}

// Mechanism h: an answer without any number counts nothing.
func TestBareNaNIsNotMeasured(t *testing.T) {
	live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
		w.pass(time.Minute)
		m := w.mark()
		w.edit.page(pathReadings, func(p *site.Page) { p.Body = []byte(`[{"eid":704643328,"timestamp":1,"activePower":NaN}]`) })
		w.pass(20 * time.Second)
		w.edit.page(pathReadings, nil)
		w.pass(2 * time.Minute)
		w.counts(m, 0.1, 0, reading.Production, reading.Import, reading.Export, reading.Consumption)
	})
}
