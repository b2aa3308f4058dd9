package counters_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/home"
)

// Panels of another make behind the production CT (fact sheet 5.2): it measures
// three times what the microinverters can do, and that is no fault.
func TestOtherPVBehindTheProductionCTCounts(t *testing.T) {
	cfg := sim.Config{Preset: sim.Metered, Firmware: "7.6.175", Home: home.Config{Inverters: 32, Noon: true}}
	live(t, options{Sim: cfg}, func(w *world) {
		w.halt()
		w.edit.objects("/api/v1/production/inverters", func(o object) {
			for _, name := range []string{"lastReportWatts", "maxReportWatts"} {
				o[name] = json.Number(strconv.Itoa(int(numberIn(o, name) / 5)))
			}
		})
		w.start()
		w.pass(time.Minute)
		m := w.mark()
		if w.sim.Truth(time.Now()).ProductionW < 8500 {
			t.Fatalf("the story does not play: %.0f W", w.sim.Truth(time.Now()).ProductionW)
		}
		w.pass(20 * time.Minute)
		w.powerIs(0.01, "production_w", "grid_w", "consumption_w")
		w.counts(m, 0.1, 0, reading.Production, reading.Import, reading.Export, reading.Consumption)
		away := w.mark()
		w.sim.Restart(3 * time.Minute) // and it goes on after a new session
		w.pass(10 * time.Minute)
		w.powerIs(0.01, "production_w", "grid_w", "consumption_w")
		w.counts(away, 1, 0, reading.Production, reading.Import, reading.Export, reading.Consumption)
	})
}
