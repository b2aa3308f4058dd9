package faults_test

import (
	"testing"

	"envoyd/internal/e2e"
	"envoyd/internal/reading"
)

// The whole way: the gateway's truth arrives at the page and at a subscriber.
func TestAReadingGoesAllTheWay(t *testing.T) {
	h := e2e.Start(t, e2e.Options{})
	power := h.Subscribe("envoyd/#")
	r := h.Fresh()
	truth := h.Sim.Truth(r.Time)
	if got, want := r.Power.ProductionW.Or(-1), truth.ProductionW; got < want*0.9-50 || got > want*1.1+50 {
		t.Errorf("production is %v W, in truth %v W", got, want)
	}
	balance := reading.Sum(r.Power.ProductionW, r.Power.GridW, r.Power.BatteryW)
	if d := balance.Or(1e9) - r.Power.ConsumptionW.Or(0); d > 0.01 || d < -0.01 {
		t.Errorf("the balance is off by %v W: %+v", d, r.Power)
	}
	h.Wait("power at the subscriber", func() bool { return len(power.Numbers("/power", "production_w")) > 1 })
	h.Wait("status online", func() bool { return power.Last("122333444555/status").Payload == "online" })
}
