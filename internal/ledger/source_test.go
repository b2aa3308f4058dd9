package ledger_test

import (
	"testing"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// inverters declares production as the sum of microinverters.
func (h *home) inverters(names ...string) {
	h.in.Counters, h.in.Accounts = nil, []reading.Account{{Flow: reading.Production}}
	for _, n := range names {
		h.in.Counters = append(h.in.Counters, reading.Counter{Name: n, MaxW: 400})
		h.in.Accounts[0].Terms = append(h.in.Accounts[0].Terms, reading.Term{Counter: n, Sign: 1})
	}
}

// Mechanism g.
func TestMicroinverters(t *testing.T) {
	t.Run("removed keeps what it contributed", func(t *testing.T) {
		h := newHome(t)
		h.inverters("a", "b", "c")
		h.produced(h.reads(0, 100, 200, 300), 600)
		h.inverters("a", "c")
		h.produced(h.reads(time.Minute, 101, 302), 603)
	})
	t.Run("new starts from its present value", func(t *testing.T) {
		h := newHome(t)
		h.inverters("a", "b")
		h.reads(0, 100, 200)
		h.inverters("a", "n")
		h.produced(h.reads(time.Minute, 101, 77000), 301)
		h.produced(h.reads(time.Minute, 102, 77001), 303)
	})
	t.Run("silent for a day counts what it did meanwhile", func(t *testing.T) {
		h := newHome(t)
		h.inverters("a", "b")
		h.reads(0, 100, 200)
		h.inverters("a")
		h.produced(h.reads(time.Hour, 150), 350)
		h.restart()
		h.inverters("a", "b")
		h.produced(h.reads(23*time.Hour, 1150, 1250), 2400)
	})
}

// Mechanism l: a source disappears, another appears.
func TestSourceSwitchIsBridged(t *testing.T) {
	h := newHome(t)
	h.production("v1/lifetime", 6500)
	h.produced(h.reads(0, 800000), 800000)
	h.production("pcu/lifetime", 6500)
	h.produced(h.reads(time.Minute, 9000000), 800000)
	h.produced(h.reads(time.Minute, 9000050), 800050)
	t.Run("and back, without what the other has counted", func(t *testing.T) {
		h.t = t
		h.production("v1/lifetime", 6500)
		h.produced(h.reads(time.Minute, 800060), 800050)
		h.produced(h.reads(time.Minute, 800070), 800060)
	})
}

// Mechanism j.
func TestReplacedGatewayGoesOn(t *testing.T) {
	h := newHome(t)
	h.production("ct", 6500)
	h.reads(0, 5000000)
	h.in.Serial = "122333444999"
	out := h.reads(24*time.Hour, 5000100) // looks plausible, is another CT
	if !out.Event {
		t.Fatal("new hardware is no event")
	}
	h.produced(out, 5000000)
	h.produced(h.reads(time.Minute, 5000150), 5000050)
	h.restart()
	h.produced(h.reads(time.Minute, 5000160), 5000060)
}

// house declares a metered house with a storage CT.
func (h *home) house() {
	names := []string{"prod/d", "prod/r", "net/d", "net/r", "bat/d", "bat/r"}
	h.in.Counters = nil
	for _, n := range names {
		h.in.Counters = append(h.in.Counters, reading.Counter{Name: n, MaxW: 1e5})
	}
	one := func(f reading.Flow, name string) reading.Account {
		return reading.Account{Flow: f, Terms: []reading.Term{{Counter: name, Sign: 1}}}
	}
	all := reading.Account{Flow: reading.Consumption}
	for i, n := range names {
		all.Terms = append(all.Terms, reading.Term{Counter: n, Sign: float64(1 - 2*(i%2))})
	}
	h.in.Accounts = []reading.Account{one(reading.Production, "prod/d"), all, one(reading.Import, "net/d"),
		one(reading.Export, "net/r"), one(reading.Charge, "bat/r"), one(reading.Discharge, "bat/d")}
}

func TestConsumption(t *testing.T) {
	start := func(t *testing.T) *home {
		h := newHome(t)
		h.house()
		h.near("consumption", h.reads(0, 9000, 10, 4000, 3000, 1000, 1200).Energy.ConsumptionWh, 9790)
		return h
	}
	t.Run("is the signed sum and goes on by its differences", func(t *testing.T) {
		h := start(t)
		h.near("consumption", h.reads(time.Minute, 9050, 10, 4010, 3020, 1000, 1210).Energy.ConsumptionWh, 9820)
	})
	t.Run("starts with the sum when its last term appears", func(t *testing.T) {
		h := newHome(t)
		h.house()
		all := h.in.Counters
		h.in.Counters = all[:5]
		h.reads(0, 9000, 10, 4000, 3000, 1000)
		h.reads(time.Minute, 9100, 10, 4000, 3000, 1000)
		h.in.Counters = all
		h.near("consumption", h.reads(time.Minute, 9200, 10, 4000, 3000, 1000, 1200).Energy.ConsumptionWh, 9990)
	})
	t.Run("holds rather than fall, and catches up", func(t *testing.T) {
		h := start(t)
		h.near("consumption", h.reads(time.Minute, 9000, 10, 4000, 3020, 1000, 1200).Energy.ConsumptionWh, 9790)
		h.near("consumption", h.reads(time.Minute, 9000, 10, 4010, 3020, 1000, 1200).Energy.ConsumptionWh, 9790)
		h.near("consumption", h.reads(time.Minute, 9000, 10, 4025, 3020, 1000, 1200).Energy.ConsumptionWh, 9795)
	})
	t.Run("waits for the term that is doubted", func(t *testing.T) {
		h := start(t)
		h.near("consumption", h.reads(time.Minute, 9100, 10, 4000, 999999, 1000, 1200).Energy.ConsumptionWh, 9790)
		h.near("consumption", h.reads(time.Minute, 9200, 10, 4000, 3200, 1000, 1200).Energy.ConsumptionWh, 9790)
	})
	t.Run("counts what it waited for although its terms change", func(t *testing.T) {
		h := start(t)
		h.near("consumption", h.reads(time.Minute, 9100, 10, 4000, 999999, 1000, 1200).Energy.ConsumptionWh, 9790)
		h.in.Accounts[1].Terms = h.in.Accounts[1].Terms[:4]
		h.near("consumption", h.reads(time.Minute, 9200, 10, 4000, 3050, 1000, 1200).Energy.ConsumptionWh, 9940)
	})
	t.Run("waits for the term that is missing", func(t *testing.T) {
		h := start(t)
		all := h.in.Counters
		h.in.Counters = all[:2]
		h.reads(10*time.Minute, 9900, 10)
		h.near("consumption", h.reads(10*time.Minute, 10000, 10).Energy.ConsumptionWh, 9790)
		h.in.Counters = all
		h.near("consumption", h.reads(time.Minute, 10000, 10, 4000, 3900, 1000, 1200).Energy.ConsumptionWh, 9890)
	})
	t.Run("goes on with a term that is asked less often", func(t *testing.T) {
		h := start(t)
		all := h.in.Counters
		h.in.Counters = all[:4]
		h.near("consumption", h.reads(time.Second, 9002, 10, 4000, 3000).Energy.ConsumptionWh, 9792)
		h.in.Counters = all
	})
}

// Mechanism o: off-grid the net CT is shown, import and export are not counted.
func TestHeldFlowsDoNotCount(t *testing.T) {
	h := newHome(t)
	h.house()
	h.reads(0, 9000, 10, 4000, 3000, 1000, 1200)
	hold := func(held bool) { h.in.Accounts[2].Held, h.in.Accounts[3].Held = held, held }
	hold(true)
	out := h.reads(time.Hour, 9000, 10, 6000, 3000, 1000, 1200)
	h.near("import", out.Energy.ImportWh, 4000)
	h.near("consumption", out.Energy.ConsumptionWh, 11790)
	hold(false)
	h.near("import", h.reads(time.Minute, 9000, 10, 6010, 3000, 1000, 1200).Energy.ImportWh, 4010)
}

func TestIntegratedFlow(t *testing.T) {
	battery := func(t *testing.T) (*home, func(d time.Duration, w reading.Value) ledger.Outcome) {
		h := newHome(t)
		return h, func(d time.Duration, w reading.Value) ledger.Outcome {
			h.in.Accounts = []reading.Account{{Flow: reading.Charge, PowerW: w}, {Flow: reading.Discharge, PowerW: w.Scale(-1)}}
			return h.reads(d)
		}
	}
	t.Run("is the positive area under the samples", func(t *testing.T) {
		h, at := battery(t)
		at(0, reading.Of(0))
		at(time.Minute, reading.Of(600))
		out := at(time.Minute, reading.Of(-600))
		h.near("charge", out.Energy.ChargeWh, 5+2.5)
		h.near("discharge", out.Energy.DischargeWh, 2.5)
		if len(out.Estimated) != 2 || out.Estimated[0] != "energy.charge_wh" {
			t.Fatalf("estimated %v", out.Estimated)
		}
	})
	t.Run("counts nothing over a gap", func(t *testing.T) {
		h, at := battery(t)
		at(0, reading.Of(600))
		h.near("charge", at(16*time.Minute, reading.Of(600)).Energy.ChargeWh, 0)
		at(time.Minute, reading.Value{})
		h.near("charge", at(15*time.Minute, reading.Of(600)).Energy.ChargeWh, 0)
	})
	t.Run("counts over a short restart", func(t *testing.T) {
		h, at := battery(t)
		at(0, reading.Of(600))
		h.restart()
		h.near("charge", at(time.Minute, reading.Of(600)).Energy.ChargeWh, 10)
	})
	t.Run("refuses what no connection can carry", func(t *testing.T) {
		h, at := battery(t)
		at(0, reading.Of(600))
		out := at(time.Minute, reading.Of(4294967292))
		h.near("charge", out.Energy.ChargeWh, 0)
		if !refusedFor(out, ledger.ReasonPower) {
			t.Fatal("not refused")
		}
	})
	t.Run("is part of the consumption", func(t *testing.T) {
		h := newHome(t)
		h.in.Counters = []reading.Counter{{Name: "prod", MaxW: 9000}, {Name: "imp", MaxW: 1e5}}
		h.in.Accounts = []reading.Account{
			{Flow: reading.Consumption, Terms: []reading.Term{{Counter: "prod", Sign: 1}, {Counter: "imp", Sign: 1},
				{Counter: reading.Integral(reading.Charge), Sign: -1}}},
			{Flow: reading.Charge, PowerW: reading.Of(600)},
		}
		h.near("consumption", h.reads(0, 1000, 500).Energy.ConsumptionWh, 1500)
		out := h.reads(time.Minute, 1030, 500)
		h.near("consumption", out.Energy.ConsumptionWh, 1520)
		if got := out.Estimated; len(got) != 2 || got[0] != "energy.consumption_wh" {
			t.Fatalf("estimated %v, want consumption too", got)
		}
	})
}

func TestBalanceCounterGoesBothWays(t *testing.T) {
	h := newHome(t)
	h.production("net", 1e5)
	h.in.Counters[0].Balance = true
	h.produced(h.reads(0, 5000), 5000)
	for range 10 {
		h.produced(h.reads(time.Hour, 1000), 5000)
	}
	h.produced(h.reads(time.Hour, 4000), 5000)
	h.produced(h.reads(time.Hour, 6000), 6000)
	h.produced(h.reads(time.Second, -90000), 6000) // further than 100 kW
	h.produced(h.reads(time.Second, 6001), 6001)
}

// Microinverters report for 5 to 15 minutes at once, several of them between
// two polls.
func TestReportsOfSeveralInvertersAreNoJump(t *testing.T) {
	h := newHome(t)
	h.production("sum", 3600)
	h.in.Counters[0].BurstWh = 900
	wh := 50000.0
	h.reads(0, wh)
	for range 20 { // 300 Wh each five minutes, of which 280 at once
		wh += 280
		out := h.reads(10*time.Second, wh)
		h.produced(out, wh)
		if len(out.Refused) != 0 {
			t.Fatalf("refused %v", out.Refused)
		}
		h.restart()
		wh += 20
		h.reads(290*time.Second, wh)
	}
	t.Run("but they cannot go on like that", func(t *testing.T) {
		h.t = t
		for range 20 {
			wh += 280
			h.reads(10*time.Second, wh)
		}
		if got := h.in.Counters[0].Wh - 50000; got < 20*280 {
			t.Fatalf("the story does not play: %v Wh", got)
		}
		if n := h.l.RefusedCounts(h.in.Gateway)[ledger.ReasonJumped]; n == 0 {
			t.Fatal("100 kW for minutes was believed of 3.6 kW of hardware")
		}
	})
}
