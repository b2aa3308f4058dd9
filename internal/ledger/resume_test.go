package ledger_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// Mechanism m.
func TestDownFor(t *testing.T) {
	for _, gap := range []time.Duration{time.Hour, 24 * time.Hour, 30 * 24 * time.Hour} {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 500000)
		h.restart()
		gain := 2000 * gap.Hours()
		h.produced(h.reads(gap, 500000+gain), 500000+gain)
		h.restart()
		h.produced(h.reads(gap, 500000+gain+7000*gap.Hours()), 500000+gain) // more than the hardware can
	}
}

// killed keeps the state of now and lets play go on, then starts again from
// the stale state, with what the store has.
func (h *home) killed(play func() reading.Energy) {
	h.t.Helper()
	h.save()
	last := play()
	at := h.in.Time
	h.open()
	h.l.Resume(h.in.Gateway, last, at)
}

func TestResumeAfterSIGKILL(t *testing.T) {
	t.Run("does not step down and counts once", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 5000)
		h.killed(func() reading.Energy {
			return h.reads(10*time.Minute, 5600).Energy
		})
		h.in.Counters = nil
		h.in.Time = h.in.Time.Add(time.Second)
		out := h.l.Apply(h.in)
		h.produced(out, 5600)
		h.production("ct", 6500)
		h.produced(h.reads(time.Second, 5602), 5602)
		h.produced(h.reads(time.Second, 5603), 5603)
	})
	t.Run("keeps an offset", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 9000000)
		_, last := h.steadily(60, 6000000, 1)
		h.killed(func() reading.Energy { return h.reads(time.Minute, last+50).Energy })
		h.produced(h.reads(time.Minute, last+80), 9000059+80)
	})
	t.Run("lifts what was integrated", func(t *testing.T) {
		h := newHome(t)
		h.in.Accounts = []reading.Account{{Flow: reading.Charge, PowerW: reading.Of(600)}}
		h.reads(0)
		h.reads(time.Minute)
		h.killed(func() reading.Energy { h.reads(time.Minute); return h.reads(time.Minute).Energy })
		h.near("charge", h.reads(time.Minute).Energy.ChargeWh, 40)
		h.near("charge", h.reads(time.Minute).Energy.ChargeWh, 50)
	})
	t.Run("lifts what the consumption has of it once", func(t *testing.T) {
		h := newHome(t)
		h.in.Counters = []reading.Counter{{Name: "imp", MaxW: 1e5}}
		h.in.Accounts = []reading.Account{
			{Flow: reading.Discharge, PowerW: reading.Of(600)},
			{Flow: reading.Consumption, Terms: []reading.Term{{Counter: "imp", Sign: 1}, {Counter: reading.Integral(reading.Discharge), Sign: 1}}},
		}
		h.reads(0, 5000)
		h.reads(time.Minute, 5001)
		h.killed(func() reading.Energy { h.reads(time.Minute, 5002); return h.reads(time.Minute, 5003).Energy })
		h.near("consumption", h.reads(time.Minute, 5004).Energy.ConsumptionWh, 5044)
		h.near("consumption", h.reads(time.Minute, 5005).Energy.ConsumptionWh, 5055)
	})
	t.Run("knows today although midnight was not saved", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.readsAt(h.local(21, 23, 58), 5000)
		h.killed(func() reading.Energy { return h.readsAt(h.local(22, 0, 4), 5006).Energy })
		h.today(h.readsAt(h.local(22, 0, 5), 5007), 5)
	})
}

// Mechanism n, one way: the ledger is lost, the store is kept.
func TestLostLedger(t *testing.T) {
	lost := func(t *testing.T, published, raw float64) *home {
		h := newHome(t)
		h.production("ct", 6500)
		h.l.Resume(h.in.Gateway, reading.Energy{ProductionWh: reading.Of(published)}, h.in.Time)
		h.reads(time.Hour, raw)
		return h
	}
	t.Run("goes on with the counters that it published", func(t *testing.T) {
		h := lost(t, 5000, 7000)
		h.produced(h.reads(time.Second, 7001), 7001)
	})
	t.Run("goes on from the store where counters are elsewhere", func(t *testing.T) {
		h := lost(t, 9000000, 7000)
		h.produced(h.reads(time.Second, 7001), 9000001)
		h = lost(t, 7000, 9000000)
		h.produced(h.reads(time.Second, 9000001), 7001)
	})
	t.Run("the other way, the store is lost", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 5000)
		h.restart()
		h.l.Resume(h.in.Gateway, reading.Energy{}, time.Time{})
		h.produced(h.reads(time.Second, 5001), 5001)
	})
	t.Run("an older store changes nothing", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 5000)
		h.restart()
		h.l.Resume(h.in.Gateway, reading.Energy{ProductionWh: reading.Of(3000)}, h.in.Time.Add(-24*time.Hour))
		h.produced(h.reads(time.Second, 5001), 5001)
	})
}

func TestStateFile(t *testing.T) {
	t.Run("is readable by its owner only", func(t *testing.T) {
		h := newHome(t)
		h.save()
		info, err := os.Stat(h.path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%v, %v", info.Mode(), err)
		}
	})
	for name, content := range map[string]string{
		"garbage":         "\x00\x00\x00",
		"half a file":     `{"version":1,"gateways":{"122333444555":{"ser`,
		"another version": `{"version":2,"gateways":{}}`,
		"impossible":      `{"version":1,"gateways":{"1":{"at":1782036000000,"flows":{"production":{"born":true,"published":-5}}}}}`,
	} {
		t.Run(name+" is set aside", func(t *testing.T) {
			h := newHome(t)
			if err := os.WriteFile(h.path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			h.open()
			if err := h.l.Damaged(); err == nil || !strings.Contains(err.Error(), h.path+".damaged") {
				t.Fatalf("damage reported as %v", err)
			}
			if got, err := os.ReadFile(h.path + ".damaged"); err != nil || string(got) != content {
				t.Fatalf("kept %q, %v", got, err)
			}
			h.production("ct", 6500)
			h.produced(h.reads(0, 5000), 5000)
			h.restart()
			if err := h.l.Damaged(); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("that cannot be read is an error", func(t *testing.T) {
		_, err := ledger.Open(ledger.Config{Path: t.TempDir()})
		if pe := (*fs.PathError)(nil); !errors.As(err, &pe) {
			t.Fatalf("got %v, want a path error", err)
		}
	})
}
