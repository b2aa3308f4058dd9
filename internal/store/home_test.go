package store_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/store"
)

const gateway = "122333444555"

var noon = time.Date(2026, 6, 21, 10, 0, 0, 0, time.UTC)

// home makes readings like those of a metered three-phase house.
type home struct {
	rng    *rand.Rand
	at     time.Time
	energy [6]float64
	meters [8]float64
}

func newHome(at time.Time) *home {
	return &home{rng: rand.New(rand.NewPCG(1, 2)), at: at,
		energy: [6]float64{1243812.214, 1008054.442, 648203.4, 883899.6, 300, 250}}
}

func (h *home) noise(mean, spread float64) reading.Value {
	return reading.Of(math.Round((mean+h.rng.NormFloat64()*spread)*1000) / 1000)
}

// next is the reading of the next second.
func (h *home) next() reading.Record {
	h.at = h.at.Add(time.Second)
	rec := reading.Record{Tier: reading.TierPower, Reading: reading.Reading{
		Gateway: gateway, Serial: gateway, Name: "Home", Source: reading.Local, Time: h.at,
		Firmware: "8.2.4345", Quality: reading.Good,
		Power: reading.Power{ProductionW: h.noise(3807.3, 40), ConsumptionW: h.noise(606.5, 30), GridW: h.noise(-3199.2, 50)},
	}}
	for i, f := range reading.Flows() {
		h.energy[i] += h.rng.Float64()
		*rec.Energy.At(f) = reading.Of(math.Round(h.energy[i]*1000) / 1000)
		*rec.Today.At(f) = reading.Of(math.Round((h.energy[i]-200)*1000) / 1000)
	}
	for k, kind := range []string{"production", "net-consumption"} {
		for p, phase := range []string{"", "L1", "L2", "L3"} {
			i := k*4 + p
			h.meters[i] += h.rng.Float64()
			rec.Meters = append(rec.Meters, reading.Meter{
				Kind: kind, Phase: phase, Time: h.at, Status: "normal", Flags: []string{},
				PowerW: h.noise(1200, 40), VoltageV: h.noise(235, 0.2), CurrentA: h.noise(5.3, 0.1),
				FrequencyHz: reading.Of(50 + float64(h.rng.IntN(5))/100), PowerFactor: reading.Of(float64(90+h.rng.IntN(10)) / 100),
				ApparentVA: h.noise(1282, 40), ReactiveVar: h.noise(-886, 20),
				DeliveredWh: reading.Of(math.Round((1243812+h.meters[i])*1000) / 1000), ReceivedWh: reading.Of(11.6),
			})
		}
	}
	return rec
}

// inverters is a report of some of thirty microinverters.
func (h *home) inverters() reading.Record {
	rec := reading.Record{Tier: reading.TierInverters, Reading: reading.Reading{
		Gateway: gateway, Serial: gateway, Name: "Home", Source: reading.Local, Time: h.at, Firmware: "8.2.4345", Quality: reading.Good,
	}}
	for i := range 30 {
		if h.rng.IntN(5) > 0 {
			continue
		}
		rec.Inverters = append(rec.Inverters, reading.Inverter{
			Serial: fmt.Sprint(122344043100 + int64(i)), Time: h.at.Add(-time.Duration(h.rng.IntN(60)) * time.Second),
			PowerW: h.noise(255, 10), MaxPowerW: reading.Of(371), EnergyWh: reading.Of(98411.6),
		})
	}
	return rec
}

// simple is a small reading.
func simple(at time.Time, w float64) reading.Record {
	return reading.Record{Tier: reading.TierPower, Reading: reading.Reading{
		Gateway: gateway, Serial: gateway, Source: reading.Local, Time: at, Quality: reading.Good,
		Power: reading.Power{ProductionW: reading.Of(w)}, Energy: reading.Energy{ProductionWh: reading.Of(1000 + w)},
	}}
}

func open(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.RAM == "" {
		cfg.RAM = "-"
	}
	s, err := store.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
