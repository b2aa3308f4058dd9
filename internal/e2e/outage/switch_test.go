package outage_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
	"envoyd/internal/status"
)

const (
	ownSeries   = "enphase_power,gateway=" + sim.DefaultSerial + ",source=local "
	cloudSeries = "enphase_power,gateway=" + sim.DefaultSerial + ",source=enlighten "
)

func TestTheCloudStandsInAndTheGatewayTakesOver(t *testing.T) {
	h := build(t)
	h.StartDaemon()
	own := h.Fresh()
	if n := h.Sim.Cloud.Count("/{id}/latest_telemetry"); n != 0 {
		t.Errorf("the cloud was asked %d times while the gateway answers", n)
	}
	h.Sim.Fault(fault.Refuse, fault.Options{})
	r := h.Until("the cloud to stand in", func(r *reading.Reading) bool { return r.Source == reading.Enlighten })
	if r.Quality != reading.Good || !r.Power.ProductionW.Known() || !r.Power.GridW.Known() || len(r.Meters) > 0 {
		t.Errorf("the cloud stands in with %+v", r)
	}
	if r.Energy.ProductionWh.Or(0) < own.Energy.ProductionWh.Or(0) || r.Energy.ProductionWh.Or(0) > own.Energy.ProductionWh.Or(0)+50 {
		t.Errorf("the counter went from %s to %s", own.Energy.ProductionWh, r.Energy.ProductionWh)
	}
	h.Wait("MQTT to say so", func() bool { return strings.Contains(h.mqt.Last("/power").Payload, `"source":"enlighten"`) })
	h.Wait("the database to have it", func() bool { return h.db.count(cloudSeries) == 1 })
	if !h.Ready() || h.mqt.Last(sim.DefaultSerial+"/status").Payload != "online" {
		t.Error("not ready, though the cloud's value is fresh")
	}
	if c := h.Condition("cloud"); c.State != status.Yellow || !strings.Contains(c.Message, "stands in") {
		t.Errorf("condition %+v", c)
	}

	h.Sim.Gateway.Faults().Clear()
	back := time.Now()
	h.Until("the gateway to take over", func(r *reading.Reading) bool { return r.Source == reading.Local && r.Quality == reading.Good })
	took := time.Since(back)
	h.Wait("MQTT to say so", func() bool { return strings.Contains(h.mqt.Last("/power").Payload, `"source":"local"`) })
	before := h.db.count(ownSeries)
	h.Wait("the database to go on", func() bool { return h.db.count(ownSeries) > before })
	if t.Logf("back after %s", took); took > 5*time.Second {
		t.Errorf("the gateway took over %s after its return", took)
	}
	cloudSaid(t, h)
}

// cloudSaid checks that each cloud value was said once over MQTT.
func cloudSaid(t *testing.T, h *house) {
	t.Helper()
	said := map[time.Time]int{}
	for _, m := range h.mqt.All(sim.DefaultSerial + "/power") {
		var one struct {
			Time   time.Time
			Source reading.Source
		}
		if json.Unmarshal([]byte(m.Payload), &one) == nil && one.Source == reading.Enlighten {
			if said[one.Time]++; said[one.Time] > 1 {
				t.Errorf("said again: %s", m.Payload)
			}
		}
	}
	if len(said) != 1 {
		t.Errorf("%d cloud values were said", len(said))
	}
	online := false
	for _, m := range h.mqt.All(sim.DefaultSerial + "/status") {
		if online && m.Payload != "online" {
			t.Errorf("the status became %s", m.Payload)
		}
		online = online || m.Payload == "online"
	}
}
