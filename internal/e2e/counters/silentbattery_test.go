package counters_test

import (
	"net/http"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/home"
	"envoyd/internal/sim/site"
)

// The page of the batteries' power fails. What they take or give meanwhile is
// not the house's: its energy stands still, and goes on by what is known.
func TestSilentBatteryIsNotTheHouses(t *testing.T) {
	for name, silent := range map[string]time.Duration{"for minutes": 10 * time.Minute, "for an hour": time.Hour} {
		t.Run(name, func(t *testing.T) {
			live(t, options{Sim: sim.Config{Home: home.Config{Noon: true}}}, func(w *world) {
				w.pass(2 * time.Minute)
				m := w.mark()
				w.edit.page("/ivp/ensemble/power", func(p *site.Page) { *p = site.Page{Status: http.StatusBadGateway, Body: []byte("<html>502</html>")} })
				began := time.Now()
				w.pass(90 * time.Second)
				held := w.mark()
				w.pass(silent - 90*time.Second)
				if now := w.mark(); now.energy.ConsumptionWh != held.energy.ConsumptionWh || now.energy.ProductionWh == held.energy.ProductionWh {
					t.Errorf("while the battery is silent the house went from %v to %v Wh", held.energy.ConsumptionWh, now.energy.ConsumptionWh)
				}
				w.edit.page("/ivp/ensemble/power", nil)
				w.pass(3 * time.Minute)
				less := 0.0
				if silent > 15*time.Minute { // and the time until it was heard again
					again := w.mark().at
					less = of(w.sim.Truth(again), reading.Consumption) - of(w.sim.Truth(began), reading.Consumption)
				}
				w.counts(m, max(60, 0.1*less), less, reading.Consumption)
				w.counts(m, 1, 0, reading.Production, reading.Import, reading.Export)
			})
		})
	}
}
