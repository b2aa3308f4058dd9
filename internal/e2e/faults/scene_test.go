package faults_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"envoyd/internal/e2e"
	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/status"
)

const (
	installed = 20 * 366 * 1.3 // W, what the simulated roof can do
	household = 25e3           // W, more than the simulated grid connection ever carries
)

// scene is a house with a witness at its broker, who judges at the end every
// message that ever came.
type scene struct {
	*e2e.House
	t   testing.TB
	sub *e2e.Subscriber
}

// play builds a sunny house, starts the daemon and waits for a reading.
func play(t *testing.T, opt e2e.Options) *scene {
	t.Helper()
	opt.Sim.Home.Noon = true
	s := &scene{House: e2e.Build(t, opt), t: t}
	s.sub = s.Subscribe("envoyd/#")
	t.Cleanup(s.judge)
	s.StartDaemon()
	s.Fresh()
	s.online()
	return s
}

// online waits until everybody is told that readings are fresh.
func (s *scene) online() {
	s.t.Helper()
	s.Wait("status online", func() bool { return s.sub.Last(sim.DefaultSerial+"/status").Payload == "online" })
	s.Wait("readyz", s.Ready)
	s.Wait("the gateway's condition to be green", func() bool {
		return s.Condition("gateway/"+sim.DefaultSerial).State == status.Green
	})
	if c := s.Condition("readings/" + sim.DefaultSerial); c.State != status.Green {
		s.t.Errorf("online, and the condition is %+v", c)
	}
}

// offline waits until everybody is told that readings are old.
func (s *scene) offline() {
	s.t.Helper()
	s.Wait("status offline", func() bool { return s.sub.Last(sim.DefaultSerial+"/status").Payload == "offline" })
	if s.Ready() {
		s.t.Error("/readyz says that all is well")
	}
	if c := s.Condition("readings/" + sim.DefaultSerial); c.State != status.Red || c.Mend == "" {
		s.t.Errorf("offline, and the condition is %+v", c)
	}
	if r := s.Reading(); r.Quality != reading.Stale {
		s.t.Errorf("offline, and the API calls the reading %s", r.Quality)
	}
}

// asked counts what the gateway was asked so far, connections included.
func (s *scene) asked() (requests, connections int) {
	traffic := s.Sim.Gateway.Traffic()
	for _, n := range traffic.Requests {
		requests += n
	}
	return requests, traffic.Connections
}

// message is what the topics power and energy carry.
type message struct {
	Time   time.Time      `json:"time"`
	Power  reading.Power  `json:"-"`
	Energy reading.Energy `json:"energy"`
	Today  reading.Energy `json:"today"`
}

// judge looks at every message that came.
func (s *scene) judge() {
	if len(s.sub.All(sim.DefaultSerial+"/power")) == 0 {
		s.t.Error("no power was ever published")
	}
	s.judgePower()
	s.judgeEnergy()
	s.judgeState()
	if n := s.Sim.Gateway.Traffic().Together; n > 1 {
		s.t.Errorf("%d requests were under way at once", n)
	}
}

func (s *scene) judgePower() {
	var before time.Time
	for _, m := range s.sub.All(sim.DefaultSerial + "/power") {
		var one message
		if json.Unmarshal([]byte(m.Payload), &one) != nil || json.Unmarshal([]byte(m.Payload), &one.Power) != nil {
			s.t.Errorf("not a power message: %s", m.Payload)
		}
		p := one.Power
		if w := p.ProductionW.Or(0); w > installed || w < -100 {
			s.t.Errorf("production of %v W was published", w)
		}
		for _, w := range []reading.Value{p.GridW, p.BatteryW, p.ConsumptionW} {
			if n := w.Or(0); n > household || n < -household {
				s.t.Errorf("a power of %v W was published: %s", n, m.Payload)
			}
		}
		if p.ProductionW.Or(1) == 0 && p.GridW.Or(1) == 0 {
			s.t.Errorf("zeros were published: %s", m.Payload)
		}
		if one.Time.Before(before) {
			s.t.Errorf("power of %s came after power of %s", one.Time, before)
		}
		before = one.Time
	}
}

// judgeEnergy checks that no counter is 0, steps down or jumps. Charge and
// discharge are integrated and begin at 0.
func (s *scene) judgeEnergy() {
	var before message
	for _, m := range s.sub.All(sim.DefaultSerial + "/energy") {
		var now message
		if json.Unmarshal([]byte(m.Payload), &now) != nil {
			s.t.Errorf("not an energy message: %s", m.Payload)
		}
		was, is := before.Energy.Fields(), now.Energy.Fields()
		for i := range is {
			a, known := was[i].Value.Get()
			b, ok := is[i].Value.Get()
			if ok && b == 0 && !strings.Contains(is[i].Name, "charge") {
				s.t.Errorf("%s of 0 was published", is[i].Name)
			}
			if known && (!ok || b < a || b-a > household*now.Time.Sub(before.Time).Hours()+20) {
				s.t.Errorf("%s went from %v to %v in %s", is[i].Name, a, b, now.Time.Sub(before.Time))
			}
		}
		before = now
	}
}

// judgeState checks the counters that Home Assistant sees.
func (s *scene) judgeState() {
	for _, key := range []string{"production_energy", "consumption_energy", "import_energy", "export_energy"} {
		before := 0.0
		for _, kwh := range s.sub.Numbers(sim.DefaultSerial+"/state", key) {
			if kwh < before || before > 0 && kwh-before > 5 || kwh == 0 {
				s.t.Errorf("%s went from %v to %v kWh", key, before, kwh)
			}
			before = kwh
		}
	}
}
