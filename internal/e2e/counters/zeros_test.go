package counters_test

import (
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sim"
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
		w.pass(2 * time.Minute)
		w.powerIs(0.01, "production_w", "grid_w", "consumption_w")
		w.counts(m, 0.1, 0, reading.Production, reading.Import, reading.Export, reading.Consumption)
	})
}
