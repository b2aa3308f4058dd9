package influx_test

import (
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/sink/influx"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// noon is a measurement time with a fraction finer than the database keeps.
func noon() time.Time { return time.Date(2026, 6, 21, 10, 0, 0, 123_456_789, time.UTC) }

// everyQuantity has each quantity of each tier, so that the golden file holds
// the whole schema.
func everyQuantity() []reading.Record {
	of := reading.Of
	base := reading.Reading{Gateway: "122333444555", Serial: "122333444555", Name: "Home", Source: reading.Local, Time: noon()}
	record := func(tier reading.Tier, fill func(*reading.Record)) reading.Record {
		r := reading.Record{Tier: tier, Reading: base}
		fill(&r)
		return r
	}
	meter := reading.Meter{Kind: "net-consumption", Time: noon().Add(-time.Second), PowerW: of(199.2), VoltageV: of(244.1),
		CurrentA: of(5.3), FrequencyHz: of(50.06), PowerFactor: of(0.63), ApparentVA: of(1282.1), ReactiveVar: of(-886.4),
		DeliveredWh: of(1243812.2), ReceivedWh: of(11.6)}
	phase := meter
	phase.Phase, phase.PowerW = "L2", of(66.4)
	return []reading.Record{
		record(reading.TierPower, func(r *reading.Record) {
			r.Power = reading.Power{ProductionW: of(807.3), ConsumptionW: of(606.5), GridW: of(199.2), BatteryW: of(-400), GeneratorW: of(0)}
			r.Energy = reading.Energy{ProductionWh: of(1243812.2), ConsumptionWh: of(1008054.4), ImportWh: of(648203.4),
				ExportWh: of(883899.6), ChargeWh: of(300), DischargeWh: of(250)}
			r.Estimated = []string{"energy.charge_wh", "energy.discharge_wh"}
			r.Meters = []reading.Meter{meter, phase}
			// Another tier's parts are not new and are not written.
			r.Storage.SoCPct = of(1)
		}),
		record(reading.TierInverters, func(r *reading.Record) {
			r.Inverters = []reading.Inverter{{Serial: "122344043197", Time: noon().Add(-4 * time.Minute), PowerW: of(255), MaxPowerW: of(371),
				TodayWh: of(1239), EnergyWh: of(98411.6), DCVoltageV: of(32.4), DCCurrentA: of(8.1), ACVoltageV: of(248.2),
				ACCurrentA: of(1.0), FrequencyHz: of(50.0), TemperatureC: of(38)}}
		}),
		record(reading.TierBatteries, func(r *reading.Record) {
			r.Batteries = []reading.Battery{{Serial: "122300000001", Kind: reading.KindEncharge, Time: noon().Add(-10 * time.Second),
				PowerW: of(-400), SoCPct: of(55), TemperatureC: of(24), CapacityWh: of(3500)}}
		}),
		record(reading.TierStorage, func(r *reading.Record) {
			r.Storage = reading.Storage{SoCPct: of(55), AvailableWh: of(1925), CapacityWh: of(3500), ReservePct: of(20)}
		}),
		record(reading.TierDaemon, func(r *reading.Record) {
			r.Daemon = &reading.Daemon{PollMs: of(41.5), Polls: of(60), Failures: of(1), Refused: of(2), Backlog: of(3), TokenDays: of(364)}
		}),
	}
}

func lines(t testing.TB, cfg influx.Config, batch ...reading.Record) []string {
	t.Helper()
	cfg.URL = "http://127.0.0.1:1"
	got, rejected, err := newSink(t, cfg).Lines(batch)
	if err != nil || rejected != nil {
		t.Fatalf("rejected %v, error %v", rejected, err)
	}
	return got
}

// TestSchema freezes measurements, tags and fields: people's dashboards hang
// on them.
func TestSchema(t *testing.T) {
	got := strings.Join(lines(t, influx.Config{}, everyQuantity()...), "\n") + "\n"
	file := filepath.Join("testdata", "schema.golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the frozen schema changed (-want +got):\n%s", diff)
	}
}

func power(at time.Time, watts float64) reading.Record {
	return reading.Record{Tier: reading.TierPower, Reading: reading.Reading{Gateway: "122333444555", Source: reading.Local,
		Time: at, Power: reading.Power{ProductionW: reading.Of(watts)}}}
}

func TestPoints(t *testing.T) {
	const ms = "1782036000123"
	unknown := power(noon(), math.NaN())
	estimated := power(noon(), 1)
	estimated.Estimated = []string{"power.grid_w"}
	nothing := reading.Record{Tier: reading.TierDaemon, Reading: reading.Reading{Gateway: "1", Time: noon()}}
	strange := power(noon(), 2)
	strange.Meters = []reading.Meter{{Kind: " pro,duc=tion\n\\ü\x00" + strings.Repeat("x", 100) + `\`, PowerW: reading.Of(1)}}
	precise := power(noon(), 1.0/3)
	precise.Power.GridW = reading.Of(1e300)
	tests := []struct {
		name string
		cfg  influx.Config
		rec  reading.Record
		want []string
	}{
		{"absent is left out", influx.Config{}, power(noon(), 5), []string{"enphase_power,gateway=122333444555,source=local production_w=5,estimated=0 " + ms}},
		{"nothing known is no point", influx.Config{}, unknown, nil},
		{"no daemon is no point", influx.Config{}, nothing, nil},
		{"an unknown tier is no point", influx.Config{}, reading.Record{Tier: "new"}, nil},
		{"estimated", influx.Config{}, estimated, []string{"enphase_power,gateway=122333444555,source=local production_w=1,estimated=1 " + ms}},
		{"prefix and tags, empty tags left out", influx.Config{Prefix: "home_", Tags: map[string]string{"site": "roof top", "a": ""}},
			power(noon(), 5), []string{`home_power,gateway=122333444555,site=roof\ top,source=local production_w=5,estimated=0 ` + ms}},
		{"foreign text is tamed", influx.Config{}, strange, []string{
			"enphase_power,gateway=122333444555,source=local production_w=2,estimated=0 " + ms,
			`enphase_meter,gateway=122333444555,kind=pro\,duc\=tion__ü_` + strings.Repeat("x", 48) + " power_w=1 " + ms}},
		{"three decimals", influx.Config{}, precise, []string{"enphase_power,gateway=122333444555,source=local production_w=0.333,grid_w=1" +
			strings.Repeat("0", 300) + ",estimated=0 " + ms}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(t, tt.cfg, tt.rec)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARecordWithoutATimeIsRejected(t *testing.T) {
	d := newDouble(t)
	s := d.sink(t, influx.Config{})
	batch := []reading.Record{power(noon(), 1), power(time.Time{}, 2), power(time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), 3)}
	err := s.Write(t.Context(), batch)
	rejected, ok := errors.AsType[*fault.Rejected](err)
	if !ok || cmp.Diff([]int{1, 2}, rejected.Items) != "" {
		t.Errorf("Write: %v", err)
	}
	if got := d.column(t, "enphase_power", "production_w"); len(got) != 1 {
		t.Errorf("stored %v", got)
	}
}

func TestInterval(t *testing.T) {
	d := newDouble(t)
	s := d.sink(t, influx.Config{Interval: 10 * time.Second})
	start := time.Now().Add(-time.Hour).Truncate(time.Minute)
	var batch []reading.Record
	for i := range 31 {
		batch = append(batch, power(start.Add(time.Duration(i)*time.Second), float64(i)))
	}
	want := map[int64]float64{}
	for i := 0; i <= 30; i += 10 {
		want[batch[i].Time.UnixMilli()] = float64(i)
	}
	for i, part := range [][]reading.Record{batch[:5], batch[5:], batch[5:], batch[5:], batch[:15]} {
		if i == 1 {
			// A batch that failed must become the same points when it comes again.
			d.next(fabricated{status: 503}, fabricated{status: 503, stored: true})
		}
		_ = s.Write(t.Context(), part)
	}
	if diff := cmp.Diff(want, d.column(t, "enphase_power", "production_w")); diff != "" {
		t.Error(diff)
	}
	if n := d.asked(); n != 5 {
		t.Errorf("%d requests", n)
	}
	other := batch[1]
	other.Gateway = "122333444556"
	if got, _, _ := s.Lines([]reading.Record{other}); len(got) != 1 {
		t.Error("another series was thinned along")
	}
}

func FuzzLines(f *testing.F) {
	f.Add("122333444555", "production", "L1", int64(1782036000123), 1.5, math.Copysign(0, -1), "site", "roof")
	f.Add("", "a=b,c d", "\\", int64(0), math.Inf(1), math.NaN(), "a b", "x\\")
	f.Add("\n", "\x00\xff", "Ü\u2028", int64(math.MaxInt64), 1e308, 5e-324, "k=", "\t")
	f.Fuzz(func(t *testing.T, gateway, kind, phase string, ms int64, a, b float64, key, value string) {
		cfg := influx.Config{URL: "http://127.0.0.1:1", Tags: map[string]string{key: value}}
		s, err := influx.New(cfg)
		if err != nil {
			cfg.Tags = nil
			s = newSink(t, cfg)
		}
		at := time.UnixMilli(ms)
		r := power(at, a)
		r.Gateway, r.Power.GridW, r.Source = gateway, reading.Of(b), reading.Source(kind)
		r.Energy.ImportWh = reading.Of(b)
		r.Meters = []reading.Meter{{Kind: kind, Phase: phase, PowerW: reading.Of(a), VoltageV: reading.Of(b)}}
		got, rejected, err := s.Lines([]reading.Record{r})
		if err != nil {
			t.Fatalf("the encoder refused: %v", err)
		}
		if rejected != nil {
			return
		}
		for _, text := range got {
			if strings.ContainsAny(text, "\n\r\x00") {
				t.Errorf("line break in %q", text)
			}
			l, err := parseLine(text)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if l.ms != at.UnixMilli() {
				t.Errorf("time %d became %d", at.UnixMilli(), l.ms)
			}
			for name, n := range l.fields {
				if math.IsNaN(n) || math.IsInf(n, 0) {
					t.Errorf("%s is %v", name, n)
				}
			}
		}
	})
}
