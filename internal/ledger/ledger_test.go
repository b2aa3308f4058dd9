package ledger_test

import (
	"testing"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// noon of a summer day in Berlin, where most tests begin.
var noon = time.Date(2026, 6, 21, 10, 0, 0, 0, time.UTC)

// home plays one installation into a ledger.
type home struct {
	t    *testing.T
	path string
	l    *ledger.Ledger
	in   ledger.Input
}

func newHome(t *testing.T) *home {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, path: t.TempDir() + "/ledger.json"}
	h.open()
	h.in = ledger.Input{Gateway: "122333444555", Serial: "122333444555", Firmware: "8.2.4345", Zone: zone, Time: noon}
	return h
}

func (h *home) open() {
	h.t.Helper()
	l, err := ledger.Open(ledger.Config{Path: h.path})
	if err != nil {
		h.t.Fatal(err)
	}
	h.l = l
}

// restart is a clean stop and start.
func (h *home) restart() {
	h.t.Helper()
	h.save()
	h.open()
}

func (h *home) save() {
	h.t.Helper()
	if err := h.l.Save(); err != nil {
		h.t.Fatal(err)
	}
}

// production declares one production counter; later calls of reads move it.
func (h *home) production(name string, maxW float64) {
	h.in.Counters = []reading.Counter{{Name: name, MaxW: maxW}}
	h.in.Accounts = []reading.Account{{Flow: reading.Production, Terms: []reading.Term{{Counter: name, Sign: 1}}}}
}

// reads applies one measurement of the declared counters, after the time d.
func (h *home) reads(d time.Duration, wh ...float64) ledger.Outcome {
	h.t.Helper()
	h.in.Time = h.in.Time.Add(d)
	for i := range wh {
		h.in.Counters[i].Wh = wh[i]
		h.in.Counters[i].Time = h.in.Time
	}
	return h.l.Apply(h.in)
}

func (h *home) produced(out ledger.Outcome, want float64) {
	h.t.Helper()
	h.near("energy.production_wh", out.Energy.ProductionWh, want)
}

// near fails unless the value is known and within a thousandth of a Wh.
func (h *home) near(name string, v reading.Value, want float64) {
	h.t.Helper()
	got, ok := v.Get()
	if !ok {
		h.t.Fatalf("%s is absent, want %v", name, want)
	}
	if d := got - want; d > 1e-3 || d < -1e-3 {
		h.t.Fatalf("%s = %v, want %v", name, got, want)
	}
}

func TestOneCounterGoesOnByItsDifferences(t *testing.T) {
	h := newHome(t)
	h.production("ct/production/delivered", 6500)
	h.produced(h.reads(0, 1000), 1000)
	h.produced(h.reads(time.Second, 1001.5), 1001.5)
	h.restart()
	h.produced(h.reads(time.Hour, 5000), 5000)
}
