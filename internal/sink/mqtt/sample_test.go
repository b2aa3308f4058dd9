package mqtt

import (
	"time"

	"envoyd/internal/live"
	"envoyd/internal/reading"
)

const (
	home  = "122333444555"
	noon  = "2026-06-21T10:00:00Z"
	panel = "122344043197"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

// small is a home with panels and nothing else.
func small(t time.Time, productionW float64) *reading.Reading {
	return &reading.Reading{
		Gateway: home, Serial: home, Name: "Home", Source: reading.Local, Time: t, Quality: reading.Good,
		Power:  reading.Power{ProductionW: reading.Of(productionW)},
		Energy: reading.Energy{ProductionWh: reading.Of(1243812.2)},
	}
}

// large has everything the contract names, three phases included.
func large(t time.Time) *reading.Reading {
	yes, no := true, false
	of := reading.Of
	phase := func(kind, phase string) reading.Meter {
		return reading.Meter{
			Kind: kind, Phase: phase, Time: t, Status: "normal", PowerW: of(807.3), VoltageV: of(244.1), CurrentA: of(5.3),
			FrequencyHz: of(50.06), PowerFactor: of(0.63), ApparentVA: of(1282.1), ReactiveVar: of(-886.4), DeliveredWh: of(1243812.2), ReceivedWh: of(11.6),
		}
	}
	r := &reading.Reading{
		Gateway: home, Serial: "122333444999", Name: "Home", Source: reading.Local, Time: t, Firmware: "8.2.4345", Quality: reading.Good,
		Estimated: []string{"energy.charge_wh"},
		Power:     reading.Power{ProductionW: of(807.3), ConsumptionW: of(606.5), GridW: of(199.2), BatteryW: of(-400), GeneratorW: of(0)},
		Energy:    reading.Energy{ProductionWh: of(1243812.2), ConsumptionWh: of(1008054.4), ImportWh: of(648203.4), ExportWh: of(883899.6), ChargeWh: of(300), DischargeWh: of(250)},
		Today:     reading.Energy{ProductionWh: of(13440), ConsumptionWh: of(14567), ImportWh: of(1207), ExportWh: of(80), ChargeWh: of(0), DischargeWh: of(0)},
		Meters:    []reading.Meter{phase("production", ""), phase("net-consumption", ""), phase("net-consumption", "L1"), phase("net-consumption", "L2")},
		Inverters: []reading.Inverter{
			{Serial: panel, Time: t.Add(-4 * time.Minute), PowerW: of(255), MaxPowerW: of(371), TodayWh: of(1239), EnergyWh: of(98411.6), DCVoltageV: of(32.4), DCCurrentA: of(8.1), ACVoltageV: of(248.2), ACCurrentA: of(1), FrequencyHz: of(50), TemperatureC: of(38)},
			{Serial: "122344043198", Time: t.Add(-3 * time.Minute), PowerW: of(251), MaxPowerW: of(370)},
		},
		Batteries: []reading.Battery{
			{Serial: "122300000001", Kind: reading.KindEncharge, Time: t.Add(-10 * time.Second), PowerW: of(-400), SoCPct: of(55), TemperatureC: of(24), CapacityWh: of(3500), Communicating: &yes},
			{Serial: "122300000002", Kind: reading.KindACB, Time: t.Add(-10 * time.Second), PowerW: of(0), SoCPct: of(54), Communicating: &no},
		},
		Storage: reading.Storage{SoCPct: of(55), AvailableWh: of(1925), CapacityWh: of(3500), ReservePct: of(20), Mode: reading.ModeSelfConsumption},
		Controllers: []reading.Controller{
			{Serial: "122300000009", Kind: reading.KindEnpower, TemperatureC: of(24.4), Communicating: &yes},
			{Serial: "122300000010", Kind: reading.KindCollar, Communicating: &yes},
			{Serial: "122300000011", Kind: reading.KindCombiner, Communicating: &no},
		},
		GridState: reading.OnGrid,
	}
	return r
}

func largeFacts(string) GatewayFacts {
	return GatewayFacts{
		PartNumber: "800-00554-r03", Address: "https://192.168.1.20", TokenExpires: at("2027-05-01T00:00:00Z"),
		Latency: 187 * time.Millisecond, Zone: "Europe/Berlin",
	}
}

func newHub() *live.Hub { return &live.Hub{} }
