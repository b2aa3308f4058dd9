package derive_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

func terms(a reading.Account) []string {
	var all []string
	for _, t := range a.Terms {
		sign := "+"
		if t.Sign < 0 {
			sign = "-"
		}
		all = append(all, sign+t.Counter)
	}
	return all
}

func TestConsumptionIsTheBalanceOfThePairs(t *testing.T) {
	_, r := metered.read(t, identity("D8.2.4345"))
	if wh := balance(r, reading.Consumption); wh != 5e6-100+2e6-3e6 {
		t.Errorf("consumption starts at %v Wh", wh)
	}
	if balance(r, reading.Production) != 5e6 || balance(r, reading.Import) != 2e6 || balance(r, reading.Export) != 3e6 {
		t.Errorf("accounts %+v", r.Accounts)
	}
}

func TestBatteryWithoutCTTakesPartByItsIntegral(t *testing.T) {
	_, r := withEncharge.read(t, identity("D8.2.4345"))
	charge, _ := accountOf(r, reading.Charge)
	discharge, _ := accountOf(r, reading.Discharge)
	if charge.PowerW != reading.Of(500) || discharge.PowerW != reading.Of(-500) || charge.Terms != nil {
		t.Errorf("charge %+v, discharge %+v", charge, discharge)
	}
	house, _ := accountOf(r, reading.Consumption)
	want := []string{"+ct/production/delivered", "-ct/production/received", "+ct/net-consumption/delivered",
		"-ct/net-consumption/received", "+flow/discharge", "-flow/charge"}
	if diff := cmp.Diff(want, terms(house)); diff != "" {
		t.Error(diff)
	}
}

func TestNetLifetimeOfThePageByFirmware(t *testing.T) {
	for fw, want := range map[string]struct {
		imports, house []string
		balance        bool
	}{
		"R4.10.35": {[]string{"+page/net-consumption/lifetime"},
			[]string{"+page/production/lifetime", "+page/net-consumption/lifetime", "-flow/export"}, false},
		"D7.3.130": {[]string{"+page/net-consumption/lifetime"},
			[]string{"+page/production/lifetime", "+page/net-consumption/lifetime", "-flow/export"}, false},
		"D7.3.517": {nil, []string{"+page/production/lifetime", "+page/net-consumption/lifetime"}, true},
		"D8.1.41":  {nil, []string{"+page/production/lifetime", "+page/net-consumption/lifetime"}, true},
	} {
		t.Run(fw, func(t *testing.T) {
			_, r := pageCTs.read(t, identity(fw))
			imports, _ := accountOf(r, reading.Import)
			house, _ := accountOf(r, reading.Consumption)
			if diff := cmp.Diff(want.imports, terms(imports)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(want.house, terms(house)); diff != "" {
				t.Error(diff)
			}
			for _, c := range r.Counters {
				if c.Name == "page/net-consumption/lifetime" && c.Balance != want.balance {
					t.Errorf("counter %+v", c)
				}
			}
			wantPower(t, r.Reading.Power, map[string]float64{"production_w": 3000, "grid_w": -1000, "consumption_w": 2000})
		})
	}
}

func TestEveryTermHasItsCounter(t *testing.T) {
	for _, name := range captures(t) {
		_, r := readCapture(t, name)
		known := map[string]bool{}
		for _, c := range r.Counters {
			if known[c.Name] {
				t.Errorf("%s: counter %s is there twice", name, c.Name)
			}
			known[c.Name] = true
		}
		for _, f := range reading.Flows() {
			known[reading.Integral(f)] = true
		}
		for _, a := range r.Accounts {
			for _, term := range a.Terms {
				if !known[term.Counter] {
					t.Errorf("%s: %s speaks of %s, which nobody counts", name, a.Flow, term.Counter)
				}
			}
		}
	}
}

func TestProductionLimitGrowsForOtherPV(t *testing.T) {
	_, r := readCapture(t, "8.3.5167_3rd-pv")
	if r.Counters[0].MaxW != 100e3 {
		t.Errorf("limit %v W although third-party PV flows through the CT", r.Counters[0].MaxW)
	}
	_, r = readCapture(t, "8.2.4345_with_device_data")
	if r.Counters[0].MaxW > 10e3 {
		t.Errorf("limit %v W for 15 inverters", r.Counters[0].MaxW)
	}
}

func TestConsumptionIsNotBegunBeforeTheProductionIsCounted(t *testing.T) {
	house := metered.with(answers{
		"/ivp/meters":          list(meter(eidConsumption, "enabled", "net-consumption", 2)),
		"/ivp/meters/readings": list(values(eidConsumption, 400, 2e6, 1e6)),
	})
	s := house.probe(t, identity("D8.2.4345"))
	if a, ok := accountOf(derive.MakePlan(s).Derive(s, derive.Clock{}, noon), reading.Consumption); ok {
		t.Errorf("the grid alone is taken for the house: %+v", a)
	}
	put(t, s, "/production.json?details=1", `{"production":[{"type":"inverters","activeCount":1,"readingTime":0,"wNow":290,"whLifetime":8000000}]}`, noon)
	r := derive.MakePlan(s).Derive(s, derive.Clock{}, noon)
	if wh := balance(r, reading.Consumption); wh != 9e6 {
		t.Errorf("consumption starts at %v Wh", wh)
	}
}

func TestACBatteryPowerIsIntegratedUntilTheNextReport(t *testing.T) {
	page := func(at time.Time) answers {
		return answers{"/production.json?details=1": fmt.Sprintf(`{"production":[{"type":"inverters","wNow":1}],
			"storage":[{"type":"acb","activeCount":1,"readingTime":%d,"wNow":-260,"whNow":400}]}`, at.Unix())}
	}
	list := answers{"/api/v1/production/inverters": list(inverter("1", noon, 1, 250), inverter("2", noon, 11, 260))}
	for name, c := range map[string]struct {
		is   answers
		want reading.Value
	}{
		"while the next is awaited": {metered.with(list).with(page(noon.Add(-16 * time.Minute))), reading.Of(260)},
		"but not for ever":          {metered.with(list).with(page(noon.Add(-18 * time.Minute))), reading.Value{}},
		"beside an IQ Battery":      {withEncharge.with(list).with(page(noon.Add(-16 * time.Minute))), reading.Of(760)},
		"whose own power is unknown": {withEncharge.with(list).with(page(noon.Add(-16 * time.Minute))).with(answers{"/ivp/ensemble/power": ""}),
			reading.Value{}},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := c.is.read(t, identity("D8.2.4382"))
			if charge, _ := accountOf(r, reading.Charge); charge.PowerW != c.want {
				t.Errorf("charge integrates %v, want %v", charge.PowerW, c.want)
			}
			if r.Reading.Power.BatteryW.Known() {
				t.Errorf("and %v is shown", r.Reading.Power.BatteryW)
			}
		})
	}
}
