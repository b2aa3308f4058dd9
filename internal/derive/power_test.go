package derive_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

func TestBalanceOfEveryWiring(t *testing.T) {
	storageCT := withEncharge.with(answers{
		"/ivp/meters": list(meter(eidProduction, "enabled", "production", 2), meter(eidConsumption, "enabled", "net-consumption", 2),
			meter(eidStorage, "enabled", "storage", 2)),
		"/ivp/meters/readings": list(values(eidProduction, 3000, 5e6, 100), values(eidConsumption, -1000, 2e6, 3e6), values(eidStorage, -700, 10, 20)),
	})
	for _, c := range []struct {
		name string
		is   answers
		want map[string]float64
	}{
		{"production and net CT", metered, map[string]float64{"production_w": 3000, "grid_w": -1000, "consumption_w": 2000}},
		{"with an IQ Battery charging", withEncharge,
			map[string]float64{"production_w": 3000, "grid_w": -1000, "battery_w": -500, "consumption_w": 1500}},
		{"with a storage CT", storageCT,
			map[string]float64{"production_w": 3000, "grid_w": -1000, "battery_w": -700, "consumption_w": 1300}},
		{"net CT only", metered.with(answers{
			"/ivp/meters":                  list(meter(eidConsumption, "enabled", "net-consumption", 2)),
			"/ivp/meters/readings":         list(values(eidConsumption, 400, 2e6, 3e6)),
			"/api/v1/production/inverters": list(inverter("1", noon.Add(-time.Minute), 1, 250)),
		}), map[string]float64{"production_w": 250, "grid_w": 400, "consumption_w": 650}},
		{"third-party PV with its own CT", metered.with(answers{
			"/ivp/meters": list(meter(eidProduction, "enabled", "production", 2), meter(eidConsumption, "enabled", "net-consumption", 2),
				meter(704645120, "enabled", "pv3p", 2)),
			"/ivp/meters/readings": list(values(eidProduction, 3000, 5e6, 100), values(eidConsumption, -1000, 2e6, 3e6), values(704645120, 500, 1, 0)),
		}), map[string]float64{"production_w": 3500, "grid_w": -1000, "consumption_w": 2500}},
		{"standby draw at night", metered.with(answers{
			"/ivp/meters/readings": list(values(eidProduction, -4, 5e6, 100), values(eidConsumption, 300, 2e6, 3e6)),
		}), map[string]float64{"production_w": -4, "grid_w": 300, "consumption_w": 296}},
		{"a house just below 0", metered.with(answers{
			"/ivp/meters/readings": list(values(eidProduction, 1000, 5e6, 100), values(eidConsumption, -1050, 2e6, 3e6)),
		}), map[string]float64{"production_w": 1000, "grid_w": -1050, "consumption_w": 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, r := c.is.read(t, identity("D8.2.4345"))
			wantPower(t, r.Reading.Power, c.want)
			if len(r.Refused) > 0 || r.Hold {
				t.Errorf("refused %+v, hold %v", r.Refused, r.Hold)
			}
		})
	}
}

func TestHouseFarBelowZeroIsRefused(t *testing.T) {
	_, r := metered.with(answers{
		"/ivp/meters/readings": list(values(eidProduction, 1000, 5e6, 100), values(eidConsumption, -1051, 2e6, 3e6)),
	}).read(t, identity("D8.2.4345"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 1000, "grid_w": -1051})
	if len(r.Refused) != 1 || r.Refused[0].Quantity != "consumption_w" || r.Refused[0].Value != -51 {
		t.Errorf("refused %+v", r.Refused)
	}
}

func TestImpossiblePowerIsRefused(t *testing.T) {
	_, r := metered.with(answers{
		"/ivp/meters/readings": list(values(eidProduction, 5e5, 5e6, 100), values(eidConsumption, 2e5, 2e6, 3e6)),
	}).read(t, identity("D8.2.4345"))
	wantPower(t, r.Reading.Power, nil)
	if len(r.Refused) != 2 {
		t.Errorf("refused %+v", r.Refused)
	}
}

func TestPowerBeyondItsApparentPowerIsRefused(t *testing.T) {
	spike := strings.Replace(values(eidConsumption, 30000, 2e6, 3e6), `"apparentPower":30000`, `"apparentPower":900`, 1)
	_, r := metered.with(answers{
		"/ivp/meters/readings": list(values(eidProduction, 3000, 5e6, 100), spike),
	}).read(t, identity("D8.2.4345"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 3000})
	if len(r.Refused) != 1 || r.Refused[0].Value != 30000 {
		t.Errorf("refused %+v", r.Refused)
	}
	if len(r.Reading.Meters) != 1 || len(r.Counters) != 4 {
		t.Errorf("meters %+v, counters %+v: want the sample hidden, its counters judged by the ledger", r.Reading.Meters, r.Counters)
	}
}

func TestBatteryOlderThanAMinuteIsUnknown(t *testing.T) {
	s := withEncharge.probe(t, identity("D8.2.4345"))
	p := derive.MakePlan(s)
	at := func(now time.Time) reading.Power { return p.Derive(s, derive.Clock{}, now).Reading.Power }
	if power := at(noon.Add(60 * time.Second)); !power.BatteryW.Known() || !power.ConsumptionW.Known() {
		t.Errorf("60 s old: %+v", power)
	}
	wantPower(t, at(noon.Add(61*time.Second)), map[string]float64{"production_w": 3000, "grid_w": -1000})
}

func TestBatteryOfUnknownPowerMakesTheHouseUnknown(t *testing.T) {
	for name, body := range map[string]string{
		"role too low":   "",
		"not listed":     `{"devices:":[{"serial_num":"492300000009","real_power_mw":1,"soc":50}]}`,
		"no number":      `{"devices:":[{"serial_num":"492300000001","real_power_mw":"unknown","soc":50}]}`,
		"nothing listed": `{"devices:":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, r := withEncharge.with(answers{"/ivp/ensemble/power": body}).read(t, identity("D8.2.4345"))
			wantPower(t, r.Reading.Power, map[string]float64{"production_w": 3000, "grid_w": -1000})
		})
	}
}

func TestUnaskedInventoryMakesTheHouseUnknown(t *testing.T) {
	s := metered.probe(t, identity("D8.2.4345"))
	fresh := derive.NewSnapshot(identity("D8.2.4345"))
	for _, path := range []string{"/ivp/meters", "/ivp/meters/readings"} {
		put(t, fresh, path, metered[path], noon)
	}
	p := derive.MakePlan(fresh)
	wantPower(t, p.Derive(fresh, derive.Clock{}, noon).Reading.Power, map[string]float64{"production_w": 3000, "grid_w": -1000})
	if len(p.Open(fresh)) == 0 {
		t.Error("nothing is open although the inventory did not answer")
	}
	put(t, fresh, "/ivp/ensemble/inventory", "[]", noon)
	if p.Outdated(fresh) == "" {
		t.Error("the answered inventory asks for no new plan")
	}
	if open := derive.MakePlan(s).Open(s); len(open) != 0 {
		t.Errorf("a whole probe leaves %d endpoints open", len(open))
	}
}

func TestACBatteryPowerGoesOld(t *testing.T) {
	page := func(at time.Time) string {
		return fmt.Sprintf(`{"production":[{"type":"inverters","wNow":1}],"storage":[{"type":"acb","activeCount":1,"readingTime":%d,"wNow":-260,"whNow":400,"percentFull":33}]}`, at.Unix())
	}
	house := metered.with(answers{
		"/api/v1/production/inverters": list(inverter("1", noon, 1, 250), inverter("2", noon, 11, 260)),
		"/production.json?details=1":   page(noon.Add(-30 * time.Second)),
	})
	_, r := house.read(t, identity("D8.2.4382"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 3000, "grid_w": -1000, "battery_w": -260, "consumption_w": 1740})
	if s := r.Reading.Storage; s.SoCPct != reading.Of(33) || s.AvailableWh != reading.Of(400) {
		t.Errorf("storage %+v", s)
	}
	_, r = house.with(answers{"/production.json?details=1": page(noon.Add(-41 * time.Hour))}).read(t, identity("D8.2.4382"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 3000, "grid_w": -1000})
	if len(r.Reading.Inverters) != 1 || len(r.Reading.Batteries) != 1 {
		t.Errorf("inverters %+v, batteries %+v", r.Reading.Inverters, r.Reading.Batteries)
	}
}

func TestLiveDataServesTheBatteryWhileItStreams(t *testing.T) {
	live := func(stream string, at time.Time) string {
		return fmt.Sprintf(`{"connection":{"sc_stream":%q},"meters":{"last_update":%d,"storage":{"agg_p_mw":-812000},"grid":{"agg_p_mw":1}}}`, stream, at.Unix())
	}
	for name, c := range map[string]struct {
		body    string
		battery float64
	}{
		"streaming":    {live("enabled", noon), -812},
		"not enabled":  {live("disabled", noon), -500},
		"frozen":       {live("enabled", noon.Add(-31*time.Second)), -500},
		"without data": {`{"connection":{"sc_stream":"enabled"},"meters":{"last_update":1782043200}}`, -500},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := withEncharge.with(answers{"/ivp/livedata/status": c.body}).read(t, identity("D8.2.4345"))
			if r.Reading.Power.BatteryW != reading.Of(c.battery) {
				t.Errorf("battery %v, want %v", r.Reading.Power.BatteryW, c.battery)
			}
		})
	}
}

// offGrid is a house on a generator.
func offGrid(gridW float64, more answers) answers {
	return metered.with(answers{
		"/ivp/meters/readings":    list(values(eidProduction, 500, 5e6, 100), values(eidConsumption, gridW, 2e6, 3e6)),
		"/ivp/ensemble/inventory": `[{"type":"ENPOWER","devices":[{"serial_num":"1","mains_oper_state":"open","temperature":50}]}]`,
		"/ivp/ss/gen_config":      `{"model":"G1"}`,
		"/ivp/ensemble/generator": `{"oper_state":"close"}`,
	}).with(more)
}

func TestGeneratorThatNothingMeasuresHidesTheHouse(t *testing.T) {
	_, r := offGrid(4, nil).read(t, identity("D8.2.127"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 500, "grid_w": 4})
	if r.Reading.GridState != reading.OffGrid {
		t.Errorf("grid state %q", r.Reading.GridState)
	}
}

func TestGeneratorSeenByTheNetCTCounts(t *testing.T) {
	_, r := offGrid(6000, nil).read(t, identity("D8.2.127"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 500, "grid_w": 6000, "consumption_w": 6500})
	for _, flow := range []reading.Flow{reading.Import, reading.Export} {
		if a, ok := accountOf(r, flow); !ok || !a.Held {
			t.Errorf("%s counts while off-grid: %+v", flow, a)
		}
	}
}

func TestMeasuredGeneratorIsInTheBalance(t *testing.T) {
	live := fmt.Sprintf(`{"connection":{"sc_stream":"enabled"},"meters":{"last_update":%d,"generator":{"agg_p_mw":2500000}}}`, noon.Unix())
	_, r := offGrid(0, answers{"/ivp/livedata/status": live}).read(t, identity("D8.2.127"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 500, "grid_w": 0, "generator_w": 2500, "consumption_w": 3000})
}

func TestStandbyGeneratorHidesNothing(t *testing.T) {
	_, r := readCapture(t, "8.3.5169_with_generator")
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 2891.863, "grid_w": 160.49, "consumption_w": 3052.353})
}
