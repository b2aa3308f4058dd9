package ledger_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

const wrapWh = 1193046.47 // 2^32 J

// steadily reads n times, each a second and gain Wh further, from wh.
func (h *home) steadily(n int, wh, gain float64) (out ledger.Outcome, last float64) {
	h.t.Helper()
	for i := range n {
		last = wh + float64(i)*gain
		out = h.reads(time.Second, last)
	}
	return out, last
}

func refusedFor(out ledger.Outcome, reason string) bool {
	return slices.ContainsFunc(out.Refused, func(r ledger.Refusal) bool { return r.Reason == reason })
}

// Mechanism a as the ledger sees it: the counter is missing for one answer.
func TestMissingCounterChangesNothing(t *testing.T) {
	h := newHome(t)
	h.production("ct", 6500)
	h.reads(0, 5000)
	all := h.in.Counters
	h.in.Counters = nil
	h.produced(h.reads(time.Second), 5000)
	h.in.Counters = all
	h.produced(h.reads(time.Second, 5002), 5002)
}

// Mechanism c.
func TestZeros(t *testing.T) {
	t.Run("one is held and the counter goes on", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 5000)
		out := h.reads(time.Second, 0)
		if !out.Hold || !refusedFor(out, ledger.ReasonZero) {
			t.Fatalf("hold %v, refused %v; want the answer held and refused", out.Hold, out.Refused)
		}
		h.produced(out, 5000)
		out = h.reads(time.Second, 5003)
		if out.Hold {
			t.Fatal("still holds after the return")
		}
		h.produced(out, 5003)
	})
	t.Run("for minutes are held, over a restart too", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 5000)
		for i := range 600 {
			if i == 300 {
				h.restart()
			}
			if out := h.reads(time.Second, 0); !out.Hold {
				t.Fatalf("published after %d s of zeros", i)
			}
		}
		h.produced(h.reads(time.Second, 5900), 5900)
	})
}

// Zeros that ask for more than one answer's patience.
func TestMoreZeros(t *testing.T) {
	t.Run("are not taken for a wrap", func(t *testing.T) {
		h := newHome(t)
		h.production("sum", 6500)
		h.in.Counters[0].WrapWh = wrapWh
		h.reads(0, 2*wrapWh-3)
		if out := h.reads(time.Minute, 0); !out.Hold {
			t.Fatal("believed the zero")
		}
	})
	t.Run("repeated in one answer stay held", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 5000)
		h.reads(time.Second, 0)
		h.in.Time = h.in.Time.Add(time.Second) // the counter's own time stays
		if out := h.l.Apply(h.in); !out.Hold || len(out.Refused) != 0 {
			t.Fatalf("hold %v, refused %v; want held, and not refused twice", out.Hold, out.Refused)
		}
	})
	t.Run("of a gateway that is new to us are not its level", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		for range 60 {
			if out := h.reads(time.Second, 0); out.Energy.ProductionWh.Known() {
				t.Fatal("published the zeros")
			}
		}
		h.produced(h.reads(time.Second, 1243812), 1243812)
	})
	t.Run("of a brand-new installation are true in the end", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		out := ledger.Outcome{}
		for range 62 {
			out = h.reads(time.Minute, 0)
		}
		h.produced(out, 0)
		h.produced(h.reads(time.Minute, 3), 3)
	})
	t.Run("of one microinverter do not hold the house", func(t *testing.T) {
		h := newHome(t)
		h.inverters("a", "b")
		h.reads(0, 700, 800)
		out := h.reads(time.Minute, 0, 801)
		if out.Hold {
			t.Fatal("holds the answer for one microinverter")
		}
		h.produced(out, 1501)
		h.produced(h.reads(time.Minute, 702, 801), 1503)
	})
}

// Mechanism k.
func TestCounterThatStartsOver(t *testing.T) {
	t.Run("growing from zero opens an epoch", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 5000)
		h.steadily(20, 0, 0)
		out, last := h.steadily(60, 1, 1)
		if out.Hold {
			t.Fatal("still holds a counter that grows for a minute")
		}
		h.produced(out, 5000+last)
		h.produced(h.reads(time.Second, last+1), 5000+last+1)
	})
	t.Run("not before it is confirmed", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 5000)
		h.reads(time.Second, 0)
		if out, _ := h.steadily(4, 1, 1); !out.Hold {
			t.Fatal("believed four measurements")
		}
	})
	t.Run("false alarm is undone when the level returns", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 5000)
		out, _ := h.steadily(61, 0, 1)
		if out.Hold {
			t.Fatal("no epoch")
		}
		h.produced(out, 5060)
		h.produced(h.reads(time.Second, 5062), 5060)
		out, _ = h.steadily(40, 5063, 1)
		h.produced(out, 5102)
	})
}

// A CT that was commissioned anew begins with all its counters.
func TestCountersOfACTStartOverTogether(t *testing.T) {
	t.Run("takes the CT's other counters along", func(t *testing.T) {
		h := newHome(t)
		h.in.Counters = []reading.Counter{{Name: "imp", MaxW: 1e5}, {Name: "exp", MaxW: 1e5}}
		h.in.Accounts = []reading.Account{
			{Flow: reading.Import, Terms: []reading.Term{{Counter: "imp", Sign: 1}}},
			{Flow: reading.Export, Terms: []reading.Term{{Counter: "exp", Sign: 1}}},
		}
		h.reads(0, 5000, 6000)
		var out ledger.Outcome
		for i := range 60 {
			out = h.reads(time.Second, float64(i), 0)
		}
		if out.Hold {
			t.Fatal("holds the counter that waits for the sun")
		}
		h.near("import", out.Energy.ImportWh, 5059)
		h.near("export", out.Energy.ExportWh, 6000)
	})
	t.Run("takes them along though its own zero was not seen", func(t *testing.T) {
		h := newHome(t)
		h.house()
		h.reads(0, 9000, 10, 4000, 3000, 1000, 1200)
		var out ledger.Outcome
		for i := range 60 {
			out = h.reads(time.Second, 3+float64(i), 0, 4000+float64(i), 3000, 1000, 1200)
		}
		if out.Hold {
			t.Fatal("holds the standby draw that waits for the night")
		}
		h.near("production", out.Energy.ProductionWh, 9059)
	})
}

// Mechanism b.
func TestWrapsAreAddedBack(t *testing.T) {
	for _, n := range []float64{1, 2, 5} {
		h := newHome(t)
		h.production("sum", 6500)
		h.in.Counters[0].WrapWh = wrapWh
		h.reads(0, 7*wrapWh-3)
		h.produced(h.reads(time.Minute, (7-n)*wrapWh+20), 7*wrapWh+20)
		h.produced(h.reads(time.Minute, (7-n)*wrapWh+30), 7*wrapWh+30)
	}
	t.Run("also over a gap", func(t *testing.T) {
		h := newHome(t)
		h.production("sum", 6500)
		h.in.Counters[0].WrapWh = wrapWh
		h.reads(0, wrapWh-3000)
		h.restart()
		h.produced(h.reads(24*time.Hour, 20000), wrapWh+20000)
	})
	t.Run("not what a counter without wraps lost", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 7*wrapWh-3)
		h.produced(h.reads(time.Minute, 6*wrapWh+20), 7*wrapWh-3)
	})
}

// Mechanism h as far as it can get here.
func TestImpossibleNumbersAreRefused(t *testing.T) {
	for _, wh := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e13} {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 5000)
		out := h.reads(time.Second, wh)
		if !refusedFor(out, ledger.ReasonAbsurd) {
			t.Fatalf("%v was not refused", wh)
		}
		h.produced(out, 5000)
		h.produced(h.reads(time.Second, 5001), 5001)
	}
}

func TestSpikesAndDips(t *testing.T) {
	for name, glitch := range map[string]float64{"spike": 4294967.292, "dip": 1200, "small spike": 5100} {
		t.Run(name+" of one answer is refused and forgotten", func(t *testing.T) {
			h := newHome(t)
			h.production("ct", 6500)
			h.reads(0, 5000)
			h.produced(h.reads(time.Second, glitch), 5000)
			h.produced(h.reads(time.Second, 5001), 5001)
			if got := h.l.Refused(); len(got) != 1 || got[0].Value != glitch {
				t.Fatalf("kept %v, want the one value", got)
			}
		})
		t.Run(name+" of four answers is refused", func(t *testing.T) {
			h := newHome(t)
			h.production("ct", 6500)
			h.reads(0, 5000)
			for range 4 {
				h.produced(h.reads(20*time.Second, glitch), 5000)
			}
			h.produced(h.reads(time.Second, 5010), 5010)
		})
	}
	t.Run("after hours of standing still is refused", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		out := ledger.Outcome{}
		for range 600 {
			out = h.reads(time.Minute, 5000)
		}
		h.produced(out, 5000)
		h.produced(h.reads(time.Minute, 7000), 5000)
		h.produced(h.reads(time.Minute, 5000), 5000)
		if got := h.l.RefusedCounts(h.in.Gateway)[ledger.ReasonJumped]; got != 1 {
			t.Fatalf("counted %d refused jumps, want 1", got)
		}
	})
	t.Run("that looked plausible is not counted again", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		h.reads(0, 5000)
		h.reads(time.Hour, 9000) // the hardware can, but it did not
		h.produced(h.reads(time.Second, 6000), 9000)
		h.produced(h.reads(time.Hour, 9500), 9500)
	})
	t.Run("by rounding are not counted twice", func(t *testing.T) {
		h := newHome(t)
		h.production("ct", 6500)
		out := h.reads(0, 5000)
		for range 100 {
			h.reads(time.Second, 4998)
			out = h.reads(time.Second, 5000)
		}
		h.produced(out, 5000)
		if got := h.l.Refused(); len(got) != 0 {
			t.Fatalf("refused %v", got)
		}
	})
}

// Mechanism l: what an unwrapped counter brings back is a level, not energy.
func TestConfirmedJumpIsABaseline(t *testing.T) {
	t.Run("up", func(t *testing.T) {
		h := newHome(t)
		h.production("sum", 6500)
		h.in.Counters[0].WrapWh = wrapWh
		h.reads(0, 300000)
		h.in.Firmware, h.in.Counters[0].WrapWh = "8.2.4264", 0
		out, last := h.steadily(60, 300000+5*wrapWh, 1)
		h.produced(out, 300059)
		h.produced(h.reads(time.Second, last+1), 300060)
	})
	t.Run("up, after an outage so long that the hardware could", func(t *testing.T) {
		h := newHome(t)
		h.production("sum", 6500)
		h.in.Counters[0].WrapWh = wrapWh
		h.reads(0, 300000)
		h.in.Firmware, h.in.Counters[0].WrapWh = "8.2.4264", 0
		h.in.Time = h.in.Time.Add(90 * 24 * time.Hour)
		out, _ := h.steadily(60, 300000+wrapWh, 1)
		h.produced(out, 300059)
	})
	t.Run("down", func(t *testing.T) {
		h := newHome(t)
		h.production("sum", 6500)
		h.reads(0, 9000000)
		out, _ := h.steadily(60, 6000000, 1)
		h.produced(out, 9000059)
	})
	t.Run("back again undoes it", func(t *testing.T) {
		h := newHome(t)
		h.production("sum", 6500)
		h.reads(0, 9000000)
		h.steadily(60, 20000000, 1)
		h.produced(h.reads(time.Second, 9000062), 9000059)
		out, _ := h.steadily(40, 9000063, 1)
		h.produced(out, 9000102)
	})
}

func TestRoundingIsNoLicence(t *testing.T) {
	h := newHome(t)
	h.production("ct", 3600) // 1 Wh a second
	h.reads(0, 1000)
	out, _ := h.steadily(1000, 1000, 4)
	if got := out.Energy.ProductionWh.Or(0); got > 1000+1000+10 {
		t.Fatalf("%v Wh after 1000 s, the hardware can do 2000", got)
	}
}

func TestCounterOfNoFlowIsNotJudged(t *testing.T) {
	h := newHome(t)
	h.production("v1", 6500)
	h.reads(0, 5000)
	h.production("ct", 6500)
	h.in.Counters = append(h.in.Counters, reading.Counter{Name: "v1", MaxW: 6500})
	if out := h.reads(time.Second, 7000, 0); out.Hold || len(out.Refused) != 0 {
		t.Fatalf("hold %v, refused %v", out.Hold, out.Refused)
	}
}

func TestZeroOfAMeterWithoutTimeIsHeld(t *testing.T) {
	h := newHome(t)
	h.production("ct", 6500)
	h.reads(0, 5000)
	was := h.in.Time
	h.in.Time = was.Add(time.Minute)
	h.in.Counters[0] = reading.Counter{Name: "ct", MaxW: 6500, Time: was.Add(-time.Hour)}
	if out := h.l.Apply(h.in); !out.Hold {
		t.Fatal("published a zero with an old time")
	}
}
