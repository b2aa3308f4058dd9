package ledger_test

import (
	"slices"
	"testing"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// coarse is a home whose production counter steps by a MWh, at a power.
func coarse(t *testing.T, w reading.Value) *home {
	h := newHome(t)
	h.production("html/lifetime", 6500)
	h.in.Counters[0].StepWh = 1e6
	h.in.Accounts[0].PowerW = w
	return h
}

// Mechanism p: firmware 3.7 prints its lifetime in whole MWh.
func TestCoarseCounter(t *testing.T) {
	t.Run("goes by power between its steps", func(t *testing.T) {
		h := coarse(t, reading.Of(3000))
		h.readsAt(h.local(22, 0, 0), 12e6)
		for range 60 {
			h.reads(time.Minute, 12e6)
		}
		h.reads(0, 13e6)
		h.restart()
		out := h.reads(time.Minute, 13e6)
		h.produced(out, 12e6+3050)
		h.today(out, 3050)
		h.restart()
		out = h.reads(time.Minute, 13e6)
		h.produced(out, 12e6+3100)
		if err := h.l.Damaged(); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(out.Estimated, "energy.production_wh") {
			t.Fatalf("estimated %v", out.Estimated)
		}
	})
	t.Run("is not overtaken by more than a step", func(t *testing.T) {
		h := coarse(t, reading.Of(99000))
		h.reads(0, 12e6)
		for range 60 * 24 {
			h.reads(time.Minute, 12e6)
		}
		h.produced(h.reads(time.Minute, 12e6), 13e6)
	})
}

func TestCoarseCounterAndGaps(t *testing.T) {
	t.Run("catches up what was missed, not as today's", func(t *testing.T) {
		h := coarse(t, reading.Of(0))
		h.readsAt(h.local(21, 0, 0), 12e6)
		h.reads(time.Minute, 12e6)
		h.restart()
		h.in.Accounts[0].PowerW = reading.Of(0)
		h.reads(40*24*time.Hour, 14e6)
		out := h.reads(time.Minute, 14e6)
		h.produced(out, 13e6)
		out = h.readsAt(h.in.Time.Add(24*time.Hour), 14e6)
		h.today(out, 0)
	})
	t.Run("does not count as today's what nobody saw", func(t *testing.T) {
		h := coarse(t, reading.Of(0))
		h.readsAt(h.local(22, 0, 0), 12e6)
		var out ledger.Outcome
		for _, wh := range []float64{13e6, 13e6, 14e6, 14e6} {
			out = h.reads(time.Hour, wh)
		}
		h.produced(out, 13e6)
		h.today(out, 0)
	})
	t.Run("steps where there is no power to go by", func(t *testing.T) {
		h := coarse(t, reading.Value{})
		h.readsAt(h.local(22, 0, 0), 12e6)
		h.produced(h.reads(time.Minute, 13e6), 12e6)
		out := h.reads(time.Minute, 13e6)
		h.produced(out, 13e6)
		h.noToday(out)
	})
	t.Run("does not step by a glitch", func(t *testing.T) {
		h := coarse(t, reading.Value{})
		h.reads(0, 12e6)
		h.produced(h.reads(time.Minute, 13e6), 12e6)
		h.produced(h.reads(time.Minute, 12e6), 12e6)
		h.produced(h.reads(time.Minute, 15e6), 12e6)
	})
	t.Run("gives way to a fine one without a step", func(t *testing.T) {
		h := coarse(t, reading.Of(3000))
		h.reads(0, 12e6)
		h.reads(10*time.Minute, 12e6)
		h.production("v1/lifetime", 6500)
		h.produced(h.reads(time.Minute, 12.7e6), 12e6+500)
		h.produced(h.reads(time.Minute, 12.7e6+50), 12e6+550)
	})
}
