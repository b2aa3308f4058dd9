package counters_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
)

// Mechanism c: after a restart the gateway answers with zeros for minutes, with
// status 200. Nothing of such an answer is published, power included.
func TestZerosAfterARestartAreHeldBack(t *testing.T) {
	live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
		m := w.mark()
		w.pass(2 * time.Minute)
		w.sim.Restart(3 * time.Minute)
		w.pass(10 * time.Second)
		held := time.Now()
		w.pass(2*time.Minute + 45*time.Second)
		if n := w.newTimes(held); n != 0 {
			t.Errorf("%d readings were published while the gateway counted nothing", n)
		}
		w.refusedOnce("every counter is 0")
		w.pass(2 * time.Minute)
		w.powerIs(0.01, "production_w", "grid_w", "consumption_w")
		w.counts(m, 0.1, 0, reading.Production, reading.Import, reading.Export, reading.Consumption)
	})
}

// The same of one CT alone: the other goes on, and nothing of its answers is
// published either, for they belong together.
func TestZerosOfOneCTAreHeldBack(t *testing.T) {
	live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
		m := w.mark()
		w.pass(time.Minute)
		w.edit.objects(pathReadings, func(o object) {
			if numberIn(o, "eid") == eidConsumption {
				o["actEnergyDlvd"], o["actEnergyRcvd"], o["activePower"], o["apparentPower"] = 0, 0, 0, 0
			}
		})
		w.pass(10 * time.Second)
		held := time.Now()
		w.pass(2 * time.Minute)
		if n := w.newTimes(held); n != 0 {
			t.Errorf("%d readings were published while a CT counted nothing", n)
		}
		w.edit.page(pathReadings, nil)
		w.pass(time.Minute)
		w.counts(m, 0.1, 0, allOfAMeteredHouse...)
	})
}

// A gateway that was away for minutes comes back with zeros, in a session of
// its own; its meters count before it has heard from inverters and batteries.
func TestZerosAfterAnAbsence(t *testing.T) {
	for _, preset := range []sim.Preset{sim.MeteredBattery, sim.Standard7, sim.Standard83, sim.ACBattery} {
		t.Run(preset.String(), func(t *testing.T) {
			live(t, options{Sim: sim.Config{Preset: preset}}, func(w *world) {
				w.pass(20 * time.Minute)
				at := time.Now()
				w.sim.Fault(fault.Refuse, fault.Options{For: 4 * time.Minute})
				w.pass(4*time.Minute - time.Second)
				w.sim.Restart(5 * time.Minute)
				for _, path := range []string{"/ivp/ensemble/power", "/ivp/ensemble/inventory", "/ivp/ensemble/secctrl", "/api/v1/production/inverters", pathDevices} {
					w.sim.Fault(fault.Zeros, fault.Options{For: 7 * time.Minute, Path: path})
				}
				for range 30 {
					w.pass(30 * time.Second)
					w.noInventedZeros(at)
				}
				w.honest()
			})
		})
	}
}

// noInventedZeros looks whether 0 W of the sun or an empty battery is published
// at noon.
func (w *world) noInventedZeros(since time.Time) {
	w.t.Helper()
	for _, m := range w.heard.since(since, "/power") {
		if p := decode[powerMessage](w.t, m); p.ProductionW.Or(1) <= 0 {
			w.t.Fatalf("production of %v W was published at noon", p.ProductionW)
		}
	}
	w.heard.mu.Lock()
	defer w.heard.mu.Unlock()
	for topic, m := range w.heard.last {
		var is struct {
			Power  *float64 `json:"power_w"`
			SoC    *float64 `json:"soc_pct"`
			Energy *float64 `json:"energy_wh"`
		}
		inverter := strings.Contains(topic, "/inverter/")
		if !strings.HasPrefix(topic, "envoyd/") || json.Unmarshal([]byte(m.payload), &is) != nil {
			continue
		}
		if is.SoC != nil && *is.SoC == 0 || inverter && (is.Power != nil && *is.Power == 0 || is.Energy != nil && *is.Energy == 0) {
			w.t.Fatalf("%s at %v: %s", topic, m.at, m.payload)
		}
	}
}
