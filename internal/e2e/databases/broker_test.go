package databases_test

import (
	"encoding/json"
	"testing"
	"time"

	"envoyd/internal/sim/broker"
	"envoyd/internal/status"
)

// While the broker is away the page and the database go on. A broker that
// comes back empty, as Mosquitto does after a power cut, has everything again.
func TestBrokerAwayAndBack(t *testing.T) {
	t.Parallel()
	db := newDouble(t)
	h := build(t, db, db.config())
	first := newBroker(t, h, "127.0.0.1:0")
	h.WriteConfig()
	h.StartDaemon()
	before := h.Subscribe("#")
	h.Wait("discovery and state", func() bool {
		return before.Last("_122333444555/config").Payload != "" && before.Last("/state").Payload != "" && before.Last("/storage").Payload != ""
	})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	h.Wait("the loss to be said", func() bool { return h.Condition("mqtt").State != status.Green })
	gone := time.Now()
	h.more(4)
	if r := h.Fresh(); r.Time.Before(gone.Add(-2 * time.Second)) {
		t.Errorf("the page shows %s", r.Time)
	}
	h.Wait("the database to go on", func() bool {
		for at := range h.stored(t) {
			if time.UnixMilli(at).After(gone) {
				return true
			}
		}
		return false
	})
	second := newBroker(t, h, first.Addr())
	t.Cleanup(func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
	after := h.Subscribe("#")
	retained := map[string]bool{}
	for _, m := range before.All("") {
		if m.Payload != "" {
			retained[m.Topic] = true
		}
	}
	for topic := range retained {
		h.Wait(topic+" to be there again", func() bool { return after.Last(topic).Payload != "" })
	}
	var state map[string]any
	if json.Unmarshal([]byte(after.Last("/state").Payload), &state) != nil || state["production_power"] == nil {
		t.Errorf("the state is %s", after.Last("/state").Payload)
	}
	h.Wait("the health to be green", func() bool { return h.Condition("mqtt").State == status.Green })
	h.settle(t)
}

// newBroker puts a broker of the test's own in the place of the house's, with
// the same login. The house's own is closed by the house.
func newBroker(t *testing.T, h *house, address string) *broker.Broker {
	t.Helper()
	b, err := broker.New(broker.Config{Address: address, User: h.Sim.Broker.User(), Password: h.Sim.Broker.Password()})
	if err != nil {
		t.Fatal(err)
	}
	h.Sim.Broker = b
	return b
}
