package counters_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/home"
)

// wrapWh is 2^32 J.
const wrapWh = float64(1<<32) / 3600

// many inverters are more than /ivp/pdm/device_data lists, so that their sum in
// production.json is all there is from 8.2.4264 on.
func many(lifetimeWh float64) sim.Config {
	return sim.Config{Preset: sim.Standard83, Home: home.Config{Inverters: 55, InverterW: 150, Report: 5 * time.Minute, LifetimeWh: lifetimeWh}}
}

// madeByInverters is what the inverters have told the gateway, in Wh, by serial.
func (w *world) madeByInverters() map[string]float64 {
	made := map[string]float64{}
	for _, inv := range w.sim.Home.State(time.Now()).Inverters {
		made[inv.Serial] = inv.LifetimeJoules / 3600
	}
	return made
}

// produced is the newest published production, which must be the same at the
// subscriber and, to one batch, in the database.
func (w *world) produced() float64 {
	w.t.Helper()
	msg, ok := w.heard.find("/energy")
	if !ok {
		w.t.Fatal("no energy was published")
	}
	published := decode[energyMessage](w.t, msg).Energy.ProductionWh.Or(math.NaN())
	stored, _, _ := w.db.last("enphase_energy", "production_wh")
	if !(math.Abs(stored-published) < 400) {
		w.t.Errorf("the subscriber has %.1f Wh, the database %.1f", published, stored)
	}
	return published
}

// rose compares the published rise of production with what the inverters told.
func (w *world) rose(from float64, before map[string]float64, slack float64) {
	w.t.Helper()
	want := 0.0
	for serial, wh := range w.madeByInverters() {
		want += wh - before[serial]
	}
	if got := w.produced() - from; !(math.Abs(got-want) <= slack) {
		w.t.Errorf("production rose by %.1f Wh, the inverters told of %.1f", got, want)
	}
	w.honest()
}

// Mechanism b: an inverter's part of the sum falls by 2^32 J, or that of
// several between two answers.
func TestWrapOfAnInvertersPartIsAddedBack(t *testing.T) {
	for name, n := range map[string]int{"once": 1, "three at a time": 3} {
		t.Run(name, func(t *testing.T) {
			live(t, options{Sim: many(9 * wrapWh)}, func(w *world) {
				w.pass(15 * time.Minute)
				from, before := w.produced(), w.madeByInverters()
				w.pass(10 * time.Minute)
				for range n {
					if err := w.sim.Pages.Wrap(); err != nil {
						t.Fatal(err)
					}
				}
				w.pass(30 * time.Minute)
				w.rose(from, before, 700) // a minute of the newest reports
				w.nothingRefused()
			})
		})
	}
}

// The same where the site's sum has 32 bits: 7.3 to 8.2.127, with nothing else
// to read than the sum. It wraps by itself while the story goes on.
func TestWrapOfTheSitesSumIsAddedBack(t *testing.T) {
	for path, gone := range map[string][]string{
		pathPage: {pathV1, pathPDM},
		pathPDM:  {pathV1},
	} {
		t.Run(path, func(t *testing.T) {
			cfg := sim.Config{Preset: sim.Standard7, Home: home.Config{Report: 5 * time.Minute, LifetimeWh: 4*wrapWh - 29990}} // so that it does not stand at 0, which is held, until the next report
			live(t, options{Sim: cfg}, func(w *world) {
				w.halt()
				w.edit.gone(gone...)
				w.start()
				w.pass(15 * time.Minute)
				from, before := w.produced(), w.madeByInverters()
				w.pass(3 * time.Hour)
				sum := func(of map[string]float64) (all float64) {
					for _, wh := range of {
						all += wh
					}
					return all
				}
				if sum(before) > 4*wrapWh || sum(w.madeByInverters()) < 4*wrapWh {
					t.Fatalf("the story does not play: from %.0f to %.0f Wh", sum(before), sum(w.madeByInverters()))
				}
				w.rose(from, before, 450)
				w.nothingRefused()
			})
		})
	}
}

// Mechanism g: a removed inverter stays in the answers, emptied or for ever
// with its last report; one is swapped for another.
func TestRemovedAndSwappedInverters(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg   sim.Config
		slack float64 // the newest reports, and of a sum what passes while its new level is on trial
	}{
		"each inverter's own counter": {sim.Config{Preset: sim.Standard83, Firmware: "8.2.4345", Home: home.Config{Report: 5 * time.Minute}}, 450},
		"the sum":                     {many(9 * wrapWh), 900},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, options{Sim: tt.cfg}, func(w *world) {
				w.pass(15 * time.Minute)
				from, before := w.produced(), w.madeByInverters()
				w.pass(10 * time.Minute)
				gone, ok := w.sim.Home.RemoveInverter("")
				if !ok {
					t.Fatal("nothing to remove")
				}
				w.pass(20 * time.Minute)
				w.sim.Home.AddInverter()
				w.pass(40 * time.Minute)
				w.rose(from, before, tt.slack)
				if m, ok := w.heard.find("inverter/" + gone); ok && m.payload != "" {
					t.Errorf("the inverter that was taken down is published: %s", m.payload)
				}
			})
		})
	}
}

// Mechanism c without CTs: the zeros of a restart, in whichever source.
func TestZerosOfInvertersAreHeldBack(t *testing.T) {
	for _, preset := range []sim.Preset{sim.Standard7, sim.Standard83, sim.MeteredOff} {
		t.Run(preset.String(), func(t *testing.T) {
			live(t, options{Sim: sim.Config{Preset: preset, Home: home.Config{Report: 5 * time.Minute}}}, func(w *world) {
				w.pass(15 * time.Minute)
				from, before := w.produced(), w.madeByInverters()
				at := time.Now()
				w.sim.Restart(5 * time.Minute)
				w.pass(30 * time.Minute)
				w.rose(from, before, 450)
				for _, m := range w.heard.since(at, "/power") {
					if p := decode[powerMessage](t, m); p.ProductionW.Or(1) <= 0 {
						t.Errorf("production of %v W was published at noon", p.ProductionW)
					}
				}
			})
		})
	}
}

// Mechanism l: the firmware is updated in the night. The source of before is
// gone, another one that does not wrap stands much higher.
func TestFirmwareUpdateIsBridged(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  sim.Config
		to   string
		gone []string
	}{
		"api/v1 gives way to the inverters": {sim.Config{Preset: sim.Standard7}, "8.3.5422", nil},
		"the sum no longer wraps":           {sim.Config{Preset: sim.Standard7}, "8.2.4264", []string{pathV1, pathPDM, pathDevices}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.cfg.Home = home.Config{Report: 5 * time.Minute, LifetimeWh: 6*wrapWh + 200e3}
			live(t, options{Sim: tt.cfg}, func(w *world) {
				w.halt()
				w.edit.gone(tt.gone...)
				w.start()
				w.pass(15 * time.Minute)
				from, before := w.produced(), w.madeByInverters()
				w.pass(10 * time.Minute)
				w.sim.Update(tt.to)
				w.pass(2 * time.Hour)
				w.rose(from, before, 1500) // what passes while the new level is on trial is not counted
				if got := w.produced() - from; got < 3000 {
					t.Errorf("production rose by %.1f Wh in two hours of sun", got)
				}
				msg, _ := w.heard.find("/gateway")
				if want := tt.to; !strings.Contains(msg.payload, want) {
					t.Errorf("the gateway is still said to have another firmware: %s", msg.payload)
				}
			})
		})
	}
}

// Mechanism p: firmware 3.7 prints its lifetime energy in whole megawatt-hours.
func TestMegawattHoursGoByPower(t *testing.T) {
	cfg := sim.Config{Preset: sim.Legacy37, Home: home.Config{Report: 5 * time.Minute, Inverters: 41, InverterW: 200, LifetimeWh: 132.498e6}}
	live(t, options{Sim: cfg}, func(w *world) {
		w.pass(15 * time.Minute)
		from, before := w.produced(), w.madeByInverters()
		w.pass(4 * time.Hour)
		after := w.madeByInverters()
		want := 0.0
		for serial, wh := range after {
			want += wh - before[serial]
		}
		got := w.produced() - from
		t.Logf("rose by %.0f Wh, the inverters told of %.0f", got, want)
		if math.Abs(got-want) > 0.05*want+600 {
			t.Errorf("production rose by %.0f Wh, the inverters told of %.0f", got, want)
		}
		msg, _ := w.heard.find("/energy")
		if e := decode[energyMessage](t, msg); e.Energy.At(reading.Production).Or(0) < 1e6 {
			t.Errorf("the level is %v", e.Energy.ProductionWh)
		}
		w.honest()
	})
}
