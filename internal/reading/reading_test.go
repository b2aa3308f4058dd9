package reading_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"testing"
	"time"

	"envoyd/internal/reading"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// full is a reading with every field that there is.
func full() reading.Reading {
	at := time.Date(2026, 6, 21, 10, 0, 0, 0, time.UTC)
	yes, of := true, reading.Of
	return reading.Reading{
		Gateway: "122333444555", Serial: "122333444555", Name: "Home", Source: reading.Local, Time: at,
		Firmware: "8.2.4345", Quality: reading.Good, Estimated: []string{"energy.charge_wh", "energy.discharge_wh"},
		Power: reading.Power{ProductionW: of(807.3), ConsumptionW: of(606.5), GridW: of(199.2), BatteryW: of(-400), GeneratorW: of(0)},
		Energy: reading.Energy{
			ProductionWh: of(1243812.2), ConsumptionWh: of(1008054.4), ImportWh: of(648203.4),
			ExportWh: of(883899.6), ChargeWh: of(300), DischargeWh: of(250),
		},
		Today: reading.Energy{
			ProductionWh: of(13440), ConsumptionWh: of(14567), ImportWh: of(1207), ExportWh: of(80), ChargeWh: of(0), DischargeWh: of(0),
		},
		Meters: []reading.Meter{{
			Kind: "production", Time: at, Status: "normal", Flags: []string{}, PowerW: of(807.3), VoltageV: of(244.1), CurrentA: of(5.3),
			FrequencyHz: of(50.06), PowerFactor: of(0.63), ApparentVA: of(1282.1), ReactiveVar: of(-886.4),
			DeliveredWh: of(1243812.2), ReceivedWh: of(11.6),
		}},
		Inverters: []reading.Inverter{{
			Serial: "122344043197", Time: at.Add(-4 * time.Minute), PowerW: of(255), MaxPowerW: of(371), TodayWh: of(1239),
			EnergyWh: of(98411.6), DCVoltageV: of(32.4), DCCurrentA: of(8.1), ACVoltageV: of(248.2), ACCurrentA: of(1),
			FrequencyHz: of(50), TemperatureC: of(38),
		}},
		Batteries: []reading.Battery{{
			Serial: "122300000001", Kind: reading.KindEncharge, Time: at.Add(-10 * time.Second), PowerW: of(-400), SoCPct: of(55),
			TemperatureC: of(24), CapacityWh: of(3500), Communicating: &yes,
		}},
		Storage: reading.Storage{
			SoCPct: of(55), AvailableWh: of(1925), CapacityWh: of(3500), ReservePct: of(20), Mode: reading.ModeSelfConsumption,
		},
		Controllers: []reading.Controller{{Serial: "122300000009", Kind: reading.KindEnpower, TemperatureC: of(24.4), Communicating: &yes}},
		GridState:   reading.OnGrid,
	}
}

// The document is what everybody outside hangs on: names, order and shape are
// frozen.
func TestTheDocumentIsFrozen(t *testing.T) {
	got, err := json.MarshalIndent(full(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/reading.golden"
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(bytes.TrimSpace(want)), string(got)); d != "" {
		t.Errorf("the wire form changed (-frozen +now):\n%s", d)
	}
}

func TestTheDocumentReadsBack(t *testing.T) {
	want := full()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got reading.Reading
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Absent is absent: no null, no 0, anywhere.
func TestWhatNobodyMeasuredLeavesNoTrace(t *testing.T) {
	got, err := json.Marshal(reading.Reading{Gateway: "122333444555", Serial: "122333444555", Source: reading.Local, Quality: reading.Good})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"gateway":"122333444555","serial":"122333444555","name":"","source":"local","quality":"good","power":{},"energy":{},"today":{}}`
	if string(got) != want {
		t.Errorf("got %s", got)
	}
}

func TestValue(t *testing.T) {
	for _, c := range []struct {
		name string
		v    reading.Value
		want string
	}{
		{"a number", reading.Of(1.5), "1.5"},
		{"a whole number", reading.Of(300), "300"},
		{"three decimals", reading.Of(606.49999999), "606.5"},
		{"no exponent", reading.Of(1e15), "1000000000000000"},
		{"minus zero", reading.Of(math.Copysign(0, -1)), "0"},
		{"rounds to zero without a sign", reading.Of(-0.0001), "0"},
		{"absent", reading.Value{}, "null"},
		{"NaN", reading.Of(math.NaN()), "null"},
		{"infinity", reading.Of(math.Inf(1)), "null"},
		{"scaled", reading.Of(1500).Scale(1e-3), "1.5"},
		{"absent scaled", reading.Value{}.Scale(2), "null"},
		{"scaled too far", reading.Of(1e300).Scale(1e300), "null"},
		{"sum", reading.Sum(reading.Of(1), reading.Of(2)), "3"},
		{"sum with one absent", reading.Sum(reading.Of(1), reading.Value{}), "null"},
		{"else", reading.Value{}.Else(reading.Of(7)), "7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(c.v.Append(nil)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// Whatever goes in, what comes out is JSON, finite and never minus zero.
func TestValueIsAlwaysANumberOrAbsent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := reading.Of(math.Float64frombits(rapid.Uint64().Draw(t, "bits")))
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back reading.Value
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		n, known := back.Get()
		if known != v.Known() || math.IsNaN(n) || math.IsInf(n, 0) || n == 0 && math.Signbit(n) {
			t.Fatalf("%v became %s became %v", v, text, back)
		}
	})
}

func TestFieldNamesAreThoseOfTheDocument(t *testing.T) {
	r := full()
	for name, fields := range map[string][]reading.Field{
		"power": fieldsOf(r.Power.Fields()), "energy": fieldsOf(r.Energy.Fields()), "meters": fieldsOf(r.Meters[0].Fields()),
		"inverters": fieldsOf(r.Inverters[0].Fields()), "batteries": fieldsOf(r.Batteries[0].Fields()), "storage": fieldsOf(r.Storage.Fields()),
	} {
		text, err := json.Marshal(map[string]any{
			"power": r.Power, "energy": r.Energy, "meters": r.Meters[0], "inverters": r.Inverters[0], "batteries": r.Batteries[0], "storage": r.Storage,
		}[name])
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]any
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		numbers := 0
		for _, m := range members {
			if _, ok := m.(float64); ok {
				numbers++
			}
		}
		if numbers != len(fields) {
			t.Errorf("%s has %d numbers and Fields lists %d", name, numbers, len(fields))
		}
		for _, f := range fields {
			if n, ok := members[f.Name].(float64); !ok || n != f.Value.Or(math.NaN()) {
				t.Errorf("%s.%s: Fields says %v, the document %v", name, f.Name, f.Value, members[f.Name])
			}
		}
	}
}

// fieldsOf turns the arrays of any length into a slice.
func fieldsOf[A interface {
	[4]reading.Field | [5]reading.Field | [6]reading.Field | [9]reading.Field | [10]reading.Field
}](a A) []reading.Field {
	switch a := any(a).(type) {
	case [4]reading.Field:
		return a[:]
	case [5]reading.Field:
		return a[:]
	case [6]reading.Field:
		return a[:]
	case [9]reading.Field:
		return a[:]
	case [10]reading.Field:
		return a[:]
	}
	return nil
}

func TestEveryFlowHasItsCounter(t *testing.T) {
	var e reading.Energy
	for i, f := range reading.Flows() {
		*e.At(f) = reading.Of(float64(i))
		if got := e.Fields()[i]; got.Name != string(f)+"_wh" || got.Value != reading.Of(float64(i)) {
			t.Errorf("%s is %+v", f, got)
		}
	}
}
