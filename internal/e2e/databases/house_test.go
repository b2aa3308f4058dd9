package databases_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"envoyd/internal/e2e"
	"envoyd/internal/sim"
	"envoyd/internal/sim/home"
)

// house is a daemon in a process of its own between a watched gateway and a
// database.
type house struct {
	*e2e.House
	witness *witness
	db      database
	chance  *rand.Rand
}

// noon gives the home sun, so that there is something to measure.
var noon = sim.Config{Home: home.Config{Noon: true}}

// build builds a house that writes to db; section is its part of the
// configuration.
func build(t *testing.T, db database, section string) *house {
	t.Helper()
	h := &house{witness: newWitness(t), db: db, chance: rand.New(rand.NewPCG(1, 2))}
	h.House = e2e.Build(t, e2e.Options{Sim: noon, Process: true, Address: h.witness.address(), Extra: section})
	h.witness.watch(h.Sim.Gateway.Addr())
	return h
}

// start builds a house and starts the daemon.
func start(t *testing.T, db database, section string) *house {
	t.Helper()
	h := build(t, db, section)
	h.StartDaemon()
	return h
}

// more waits until the gateway has given n more measurements.
func (h *house) more(n int) {
	until := h.witness.count() + n
	h.Wait("measurements", func() bool { return h.witness.count() >= until })
}

// pause waits a random while, so that what follows hits any moment.
func (h *house) pause(longest time.Duration) {
	<-time.After(time.Duration(h.chance.Int64N(int64(longest))))
}

// kill kills the daemon with SIGKILL.
func (h *house) kill() {
	dead := h.witness.killing()
	h.Kill()
	dead()
}

// stored returns the points of the database's power by time.
func (h *house) stored(t *testing.T) map[int64]point {
	t.Helper()
	found := map[int64]point{}
	for _, p := range h.db.points(t, "enphase_power") {
		if old, twice := found[p.ms]; twice {
			t.Errorf("the power of %d is there twice: %s and %s", p.ms, old.series, p.series)
		}
		found[p.ms] = p
	}
	return found
}

// settle stops the daemon and compares: every measurement that was handed over
// is in the database once, with its true values, and nothing else.
func (h *house) settle(t *testing.T) {
	t.Helper()
	h.Wait("the backlog to be delivered", func() bool {
		_, kept := h.witness.all()
		stored := h.stored(t)
		for at := range kept {
			// The newest may be on its way all the time.
			if _, ok := stored[at]; !ok && time.Since(time.UnixMilli(at)) > 5*time.Second {
				return false
			}
		}
		return true
	})
	h.StopDaemon()
	given, kept := h.witness.all()
	stored := h.stored(t)
	t.Logf("%d measurements given, %d in the database", len(given), len(stored))
	for at := range kept {
		if _, ok := stored[at]; !ok {
			t.Errorf("the measurement of %s was given and is not in the database", time.UnixMilli(at).UTC())
		}
	}
	for at, p := range stored {
		if !given[at] {
			t.Errorf("the gateway never gave a measurement of %s: %v", time.UnixMilli(at).UTC(), p.fields)
			continue
		}
		h.isTrue(t, p)
	}
	h.countersRise(t)
}

// isTrue compares a point with what really was at its time.
func (h *house) isTrue(t *testing.T, p point) {
	t.Helper()
	truth := h.Sim.Truth(time.UnixMilli(p.ms))
	for name, want := range map[string]float64{"production_w": truth.ProductionW, "grid_w": truth.GridW} {
		if got, ok := p.fields[name]; !ok || math.Abs(got-want) > 0.01 {
			t.Errorf("%s at %s is %v (there: %v), in truth %v", name, time.UnixMilli(p.ms).UTC(), got, ok, want)
		}
	}
}

// countersRise looks for lifetime energies that step down.
func (h *house) countersRise(t *testing.T) {
	t.Helper()
	all := h.db.points(t, "enphase_energy")
	slices.SortFunc(all, func(a, b point) int { return int(a.ms - b.ms) })
	last := map[string]float64{}
	for _, p := range all {
		for name, value := range p.fields {
			if name == "estimated" {
				continue
			}
			if value < last[name] {
				t.Errorf("%s fell from %v to %v at %s", name, last[name], value, time.UnixMilli(p.ms).UTC())
			}
			last[name] = value
		}
	}
	if len(last) < 4 {
		t.Errorf("the database counts only %v", last)
	}
}

// seen returns the powers a subscriber has seen, by measurement time.
func seen(t *testing.T, s *e2e.Subscriber) map[int64]map[string]float64 {
	t.Helper()
	found := map[int64]map[string]float64{}
	for _, m := range s.All("/power") {
		var at struct{ Time time.Time }
		values := map[string]any{}
		if json.Unmarshal([]byte(m.Payload), &at) != nil || json.Unmarshal([]byte(m.Payload), &values) != nil {
			t.Errorf("not a power message: %s", m.Payload)
			continue
		}
		if found[at.Time.UnixMilli()] != nil {
			continue // repeated
		}
		numbers := map[string]float64{}
		for name, value := range values {
			if n, ok := value.(float64); ok {
				numbers[name] = n
			}
		}
		found[at.Time.UnixMilli()] = numbers
	}
	return found
}
