package web_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"envoyd/internal/live"
	"envoyd/internal/reading"
	"envoyd/internal/status"
	"envoyd/internal/web"
)

const home = "122333444555"

// house is a server with everything it shows.
type house struct {
	hub      *live.Hub
	board    *status.Board
	gateways atomic.Pointer[[]web.Gateway]
	server   *web.Server
}

func newHouse(change func(*web.Config)) *house {
	h := &house{hub: &live.Hub{}, board: status.NewBoard(slog.New(slog.DiscardHandler))}
	h.know(gatewayFacts(home, "Home"))
	cfg := web.Config{
		Listen: "127.0.0.1:0", Hosts: []string{"solar.example", ""}, Hub: h.hub, Board: h.board, History: dayOf,
		Gateways: func() []web.Gateway { return *h.gateways.Load() },
		Daemon: func() web.Daemon {
			return web.Daemon{Backlog: map[string]int{"influx": 3}, StoreBytes: 4096, StoreDropped: 1, Cloud: cloudFacts()}
		},
		Version: "v1.2.3", Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	h.server = web.New(cfg)
	return h
}

// know sets what is known of the gateways beside their readings.
func (h *house) know(all ...web.Gateway) { h.gateways.Store(&all) }

// serve answers on a free loopback port until the test ends.
func (h *house) serve(t *testing.T) (address string) {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	stop := h.serveOn(t, l)
	t.Cleanup(stop)
	return l.Addr().String()
}

// serveOn answers on l until stop is called, which waits for the end.
func (h *house) serveOn(t *testing.T, l net.Listener) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.server.Serve(ctx, l) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

func gatewayFacts(serial, name string) web.Gateway {
	return web.Gateway{
		Gateway: serial, Serial: serial, Name: name, Firmware: "8.2.4345", Address: "https://192.0.2.7", Zone: "Europe/Berlin",
		Sources: []string{
			"production: CT production", "battery: IQ Batteries (/ivp/ensemble/power)", "grid: CT net-consumption",
			"house: production + grid + battery", "battery energy: integrated from power",
		},
		TokenExpires: time.Date(2027, 6, 21, 10, 0, 0, 0, time.UTC),
		Polls:        120, Failures: 2, Refused: 1, RefusedFor: map[string]uint64{"fell": 1}, Held: 1, LatencyMs: 41.2,
		Cloud: cloudFacts(),
	}
}

// cloudFacts is a month in which some calls were made.
func cloudFacts() *web.Cloud {
	return &web.Cloud{
		Plan: "watt", MonthUsed: 37, MonthLimit: 1000, MinuteUsed: 2, MinuteLimit: 10, UsedBy: map[string]int{"fallback": 33, "refresh": 4},
		BlockedUntil: time.Date(2026, 6, 30, 22, 0, 0, 0, time.UTC),
	}
}

// measured is a reading of a whole house at a moment.
func measured(gateway, name string, at time.Time, production float64) *reading.Reading {
	yes := true
	r := &reading.Reading{
		Gateway: gateway, Serial: gateway, Name: name, Source: reading.Local, Time: at, Firmware: "8.2.4345", Quality: reading.Good,
		Estimated: []string{"energy.charge_wh", "energy.discharge_wh"},
		Power: reading.Power{ProductionW: reading.Of(production), ConsumptionW: reading.Of(production - 1200.8),
			GridW: reading.Of(-800.8), BatteryW: reading.Of(-400)},
		Energy: reading.Energy{ProductionWh: reading.Of(1243812.2), ConsumptionWh: reading.Of(1008054.4), ImportWh: reading.Of(648203.4),
			ExportWh: reading.Of(883899.6), ChargeWh: reading.Of(300), DischargeWh: reading.Of(250)},
		Today: reading.Energy{ProductionWh: reading.Of(13440), ConsumptionWh: reading.Of(14567), ImportWh: reading.Of(1207),
			ExportWh: reading.Of(80), ChargeWh: reading.Of(2100), DischargeWh: reading.Of(0)},
		Meters: []reading.Meter{{Kind: "production", Time: at, Status: "normal", Flags: []string{}, PowerW: reading.Of(production)}},
		Batteries: []reading.Battery{
			{Serial: "122300000001", Kind: reading.KindEncharge, Time: at.Add(-6 * time.Second), PowerW: reading.Of(-200),
				SoCPct: reading.Of(54), TemperatureC: reading.Of(24), CapacityWh: reading.Of(3500), Communicating: &yes},
			{Serial: "122300000002", Kind: reading.KindEncharge, Time: at.Add(-6 * time.Second), PowerW: reading.Of(-200),
				SoCPct: reading.Of(56), TemperatureC: reading.Of(25), CapacityWh: reading.Of(3500), Communicating: &yes},
		},
		Storage: reading.Storage{SoCPct: reading.Of(55), AvailableWh: reading.Of(3850), CapacityWh: reading.Of(7000),
			ReservePct: reading.Of(20), Mode: reading.ModeSelfConsumption},
		Controllers: []reading.Controller{{Serial: "122300000009", Kind: reading.KindEnpower, TemperatureC: reading.Of(24.4), Communicating: &yes}},
		GridState:   reading.OnGrid,
	}
	for i := range 17 {
		r.Inverters = append(r.Inverters, reading.Inverter{
			Serial: fmt.Sprintf("1223440%05d", 43197+137*i), Time: at.Add(-time.Duration(20*i+10) * time.Second),
			PowerW: reading.Of(math.Round(production/17) + float64(i%5)), MaxPowerW: reading.Of(366), EnergyWh: reading.Of(98411.6),
		})
	}
	return r
}

// bare is a reading of a house without CTs: production and nothing else.
func bare(gateway, name string, at time.Time) *reading.Reading {
	return &reading.Reading{Gateway: gateway, Serial: gateway, Name: name, Source: reading.Local, Time: at, Quality: reading.Good,
		Power: reading.Power{ProductionW: reading.Of(512)}}
}

// dayOf is a history: a sunny day with a night before it, in the steps asked.
func dayOf(_ context.Context, q web.Query) (web.Series, error) {
	s := web.Series{Columns: []string{"time"}}
	for _, f := range (&reading.Power{}).Fields() {
		s.Columns = append(s.Columns, f.Name)
	}
	for _, f := range (&reading.Energy{}).Fields() {
		s.Columns = append(s.Columns, f.Name)
	}
	if q.To.IsZero() || q.From.IsZero() || q.Step == 0 {
		q.To = time.Date(2026, 6, 21, 10, 0, 0, 0, time.UTC)
		q.From, q.Step = q.To.Add(-2*time.Minute), time.Minute
	}
	for at := q.From; at.Before(q.To); at = at.Add(q.Step) {
		sun, used, battery := shape(at.Sub(q.From).Hours() / q.To.Sub(q.From).Hours())
		counted := 1000 * at.Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).Hours()
		s.Times = append(s.Times, at)
		s.Values = append(s.Values, []reading.Value{
			reading.Of(sun), reading.Of(used), reading.Of(used - sun - battery), reading.Of(battery), {},
			reading.Of(counted), reading.Of(counted * 0.7), reading.Of(counted * 0.2), reading.Of(counted * 0.5), {}, {},
		})
	}
	return s, nil
}

// shape draws the powers in W from midnight (0) to a noon with the oven on (1).
func shape(x float64) (sun, used, battery float64) {
	bump := func(at, width float64) float64 { return math.Exp(-(x - at) / width * (x - at) / width) }
	climb := math.Min(1, math.Max(0, (x-0.5)/0.42))
	sun = 4480 * math.Pow(math.Sin(math.Pi/2*climb), 1.5) * (1 - 0.45*bump(0.8, 0.012) - 0.3*bump(0.86, 0.02) - 0.2*bump(0.72, 0.015))
	used = 340 + 90*math.Sin(x*90) + 60*math.Sin(x*37) + 1500*bump(0.58, 0.02) + 700*bump(0.64, 0.03) + 2900*bump(1, 0.045)
	battery = math.Max(-2600, math.Min(1800, used-sun))
	if x < 0.18 { // empty down to its reserve by then, until the sun is up
		return sun, used, battery
	}
	if sun < used {
		battery = 0
	}
	return sun, used, math.Max(battery, -400-2200*math.Max(0, 1-x)/0.25)
}
