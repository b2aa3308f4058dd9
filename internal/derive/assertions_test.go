package derive_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

// readCapture derives one of the recorded gateways.
func readCapture(tb testing.TB, name string) (derive.Plan, derive.Result) {
	tb.Helper()
	c := openCapture(tb, filepath.Join(capturesDir(tb), name))
	s := c.probe()
	p := derive.MakePlan(s)
	return p, p.Derive(s, derive.Clock{}, c.at)
}

func TestChargingIsNotConsumption(t *testing.T) {
	_, r := readCapture(t, "8.2.4286_with_3cts_and_battery_split")
	wantPower(t, r.Reading.Power, map[string]float64{
		"production_w": 7131.017, "grid_w": 1749.504, "battery_w": -7083.656, "consumption_w": 1796.865,
	})
	_, r = readCapture(t, "8.3.1598_collar")
	wantPower(t, r.Reading.Power, map[string]float64{
		"production_w": 0, "grid_w": 3760.828, "battery_w": -1297.667, "consumption_w": 2463.161,
	})
}

func TestDisabledNetCTGivesNoGrid(t *testing.T) {
	for _, name := range []string{"7.3.130_no_consumption", "8.3.5289_modGone", "4.2.33"} {
		t.Run(name, func(t *testing.T) {
			p, r := readCapture(t, name)
			power := r.Reading.Power
			if power.GridW.Known() || power.ConsumptionW.Known() || !power.ProductionW.Known() {
				t.Errorf("power %+v", power)
			}
			if p.Source(derive.Grid) != "" || p.Source(derive.House) != "" || p.Source(derive.GridEnergy) != "" {
				t.Errorf("plan %q", p.Lines())
			}
			for _, flow := range []reading.Flow{reading.Import, reading.Export, reading.Consumption} {
				if _, ok := accountOf(r, flow); ok {
					t.Errorf("%s is accounted for", flow)
				}
			}
			for _, m := range r.Reading.Meters {
				if m.Kind != "production" {
					t.Errorf("meter %s is shown", m.Kind)
				}
			}
		})
	}
}

func TestACBatteriesAreNoInverters(t *testing.T) {
	_, r := readCapture(t, "8.2.4382_ACB_2")
	if n := len(r.Reading.Inverters); n != 3 {
		t.Errorf("%d inverters, want 3", n)
	}
	if n := len(r.Reading.Batteries); n != 2 || r.Reading.Batteries[0].Kind != reading.KindACB {
		t.Errorf("batteries %+v", r.Reading.Batteries)
	}
	if soc := r.Reading.Storage.SoCPct; soc != reading.Of(18) {
		t.Errorf("state of charge %v, want 18", soc)
	}
}

func TestRemovedInvertersAreGone(t *testing.T) {
	_, r := readCapture(t, "8.3.5289_modGone")
	if n := len(r.Reading.Inverters); n != 12 {
		t.Errorf("%d inverters, want the 12 active ones of 15", n)
	}
	_, r = readCapture(t, "4.2.33")
	if n := len(r.Reading.Inverters); n != 19 {
		t.Errorf("%d inverters, want the 19 that report of 51", n)
	}
}

func TestControllerIsCelsius(t *testing.T) {
	_, r := readCapture(t, "8.2.4345_with_device_data")
	c := r.Reading.Controllers
	if len(c) != 1 || c[0].TemperatureC.Or(0) < 24.4 || c[0].TemperatureC.Or(0) > 24.5 {
		t.Errorf("controllers %+v, want 76 °F as 24.4 °C", c)
	}
	if len(r.Reading.Batteries) != 0 || r.Reading.Storage != (reading.Storage{}) {
		t.Errorf("an ENCHARGE group without devices became a battery: %+v", r.Reading.Storage)
	}
}

func TestRefusedRoleLeavesProductionAlone(t *testing.T) {
	p, r := readCapture(t, "7.3.130_no_consumption")
	if r.Reading.Power.ProductionW != reading.Of(3624.573) {
		t.Errorf("production %v", r.Reading.Power.ProductionW)
	}
	for _, e := range p.Endpoints() {
		if strings.Contains(e.Path, "/ensemble/power") || strings.Contains(e.Path, "secctrl") {
			t.Errorf("%s is still asked for", e.Path)
		}
	}
}

func TestNoVirtualMeter(t *testing.T) {
	for _, name := range captures(t) {
		_, r := readCapture(t, name)
		for _, m := range r.Reading.Meters {
			if m.Kind == "" {
				t.Errorf("%s: a meter without a kind: %+v", name, m)
			}
		}
	}
}

// 8.3.5433 from the fact sheet's figures: a total-consumption CT whose item in
// production.json is overwritten by net, api/v1 frozen, removed inverters.
var totalCT = answers{
	"/ivp/meters": list(meter(eidProduction, "enabled", "production", 2), meter(eidConsumption, "enabled", "total-consumption", 2),
		meter(eidStorage, "disabled", "storage", 2)),
	"/ivp/meters/readings": list(values(eidProduction, 352.5, 14405465, 12), values(eidConsumption, 786.5, 20053000, 3),
		values(eidStorage, 55, 1000, 1000), values(eidVirtual, 0, 0, 0)),
	"/production.json?details=1": `{"production":[{"type":"inverters","activeCount":12,"wNow":350,"whLifetime":9791640,"readingTime":1782043200},
		{"type":"eim","activeCount":1,"measurementType":"production","wNow":357.5,"whLifetime":14405465}],
		"consumption":[{"type":"eim","activeCount":1,"measurementType":"total-consumption","wNow":428.4,"whLifetime":5650000},
		{"type":"eim","activeCount":1,"measurementType":"net-consumption","wNow":428.4,"whLifetime":5650000}]}`,
	"/api/v1/production":      `{"wattHoursToday":0,"wattHoursSevenDays":1,"wattHoursLifetime":9573830,"wattsNow":1}`,
	"/ivp/ensemble/inventory": "[]",
}

func TestTotalCTMeasuresTheHouse(t *testing.T) {
	_, r := totalCT.read(t, identity("D8.3.5433"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 352.5, "consumption_w": 786.5, "grid_w": 434})
	if wh := balance(r, reading.Consumption); wh != 20053000-3 {
		t.Errorf("consumption starts at %v Wh", wh)
	}
	in, _ := accountOf(r, reading.Import)
	out, _ := accountOf(r, reading.Export)
	if in.Terms != nil || in.PowerW != reading.Of(434) || out.PowerW != reading.Of(-434) {
		t.Errorf("import %+v, export %+v: want both integrated", in, out)
	}
}

func TestTotalCTMountedTheOtherWayRound(t *testing.T) {
	turned := totalCT.with(answers{"/ivp/meters/readings": list(values(eidProduction, 352.5, 14405465, 12),
		values(eidConsumption, -786.5, 3, 20053000))})
	_, r := turned.read(t, identity("D7.6.175"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 352.5, "consumption_w": 786.5, "grid_w": 434})
	if wh := balance(r, reading.Consumption); wh != 20053000-3 {
		t.Errorf("consumption starts at %v Wh", wh)
	}
}

func TestOverwrittenTotalIsNotBelieved(t *testing.T) {
	pageOnly := totalCT.with(answers{"/ivp/meters/readings": ""})
	_, r := pageOnly.read(t, identity("D8.3.5433"))
	if p := r.Reading.Power; p.ConsumptionW.Known() || p.GridW.Known() {
		t.Errorf("power %+v from an item that net overwrote", p)
	}
}

// 8.2.4264_metered_noct from the fact sheet's figures: both CTs disabled, yet
// readings and api/v1 look alive.
var disabledCTs = answers{
	"/ivp/meters":          list(meter(eidProduction, "disabled", "production", 3), meter(eidConsumption, "disabled", "net-consumption", 3)),
	"/ivp/meters/readings": list(values(eidProduction, 4000, 1583, 12), values(eidConsumption, 200, 1000, 3)),
	"/api/v1/production":   `{"wattHoursToday":0,"wattHoursSevenDays":0,"wattHoursLifetime":1583,"wattsNow":12}`,
	"/production.json?details=1": `{"production":[{"type":"inverters","activeCount":38,"wNow":7211,"whLifetime":32465106,"readingTime":1782043100},
		{"type":"eim","activeCount":0,"measurementType":"production","wNow":4000,"whLifetime":1583}],
		"consumption":[{"type":"eim","activeCount":0,"measurementType":"net-consumption","wNow":200}]}`,
	"/ivp/ensemble/inventory": "[]",
	"/api/v1/production/inverters": list(inverter("122000000001", noon.Add(-time.Minute), 1, 190),
		inverter("122000000002", noon.Add(-time.Minute), 1, 190)),
}

func TestDisabledCTsGiveNoCTQuantity(t *testing.T) {
	_, r := disabledCTs.read(t, identity("D8.2.4264"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 7211})
	if len(r.Reading.Meters) != 0 {
		t.Errorf("meters %+v", r.Reading.Meters)
	}
	if wh := balance(r, reading.Production); wh != 32465106 {
		t.Errorf("lifetime %v Wh, want the inverters' and not the stale api/v1", wh)
	}
	if r.Counters[0].WrapWh < 1193046.47 || r.Counters[0].MaxW != 38*300*1.3 {
		t.Errorf("counter %+v: want the wrap and the power of 38 inverters", r.Counters[0])
	}
}

func TestZeroAPIIsNotBelieved(t *testing.T) {
	zeros := disabledCTs.with(answers{"/api/v1/production": `{"wattHoursToday":0,"wattHoursSevenDays":0,"wattHoursLifetime":0,"wattsNow":689}`})
	p, r := zeros.read(t, identity("D7.6.175"))
	if len(r.Counters) != 1 || r.Counters[0].Name != "page/inverters/lifetime" || r.Hold {
		t.Errorf("counters %+v", r.Counters)
	}
	if !slices.ContainsFunc(p.Quirks, func(q derive.Quirk) bool { return q.Name == "api-v1-zero" }) {
		t.Error("the quirk is not shown")
	}
}
