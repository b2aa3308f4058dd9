package derive_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

// page writes a production.json of a gateway without CTs.
func page(watts, lifetime float64, at int64) string {
	return fmt.Sprintf(`{"production":[{"type":"inverters","activeCount":2,"wNow":%g,"whLifetime":%g,"readingTime":%d}]}`, watts, lifetime, at)
}

var standard = answers{
	"/ivp/meters":                  "[]",
	"/ivp/ensemble/inventory":      "[]",
	"/api/v1/production":           `{"wattHoursToday":1,"wattHoursSevenDays":2,"wattHoursLifetime":8717473,"wattsNow":333}`,
	"/production.json?details=1":   page(500, 366148, noon.Add(-4*time.Minute).Unix()),
	"/api/v1/production/inverters": list(inverter("1", noon.Add(-10*time.Minute), 1, 200), inverter("2", noon.Add(-7*time.Minute), 1, 210)),
}

// devices writes a /ivp/pdm/device_data of microinverters with their joules.
func devices(limit int, joules ...int64) string {
	body := ""
	for i, j := range joules {
		body += fmt.Sprintf(`"%d":{"devName":"pcu","sn":"%d","active":true,"modGone":true,"channels":[{"watts":{"now":100,"max":300},"wattHours":{"today":7},
			"lastReading":{"endDate":%d,"duration":300},"lifetime":{"joulesProduced":%d}}]},`, i+100, i+1, noon.Add(-time.Minute).Unix(), j)
	}
	return fmt.Sprintf(`{%s"deviceCount":%d,"deviceDataLimit":%d}`, body, len(joules), limit)
}

func TestStandardPowerChain(t *testing.T) {
	old := list(inverter("1", noon.Add(-31*time.Minute), 1, 200))
	for _, c := range []struct {
		name string
		fw   string
		is   answers
		want reading.Value
		at   time.Time
	}{
		{"production.json with a reading time", "D7.6.175", standard, reading.Of(500), noon.Add(-4 * time.Minute)},
		{"without one the fresh reports", "D7.6.175", standard.with(answers{"/production.json?details=1": page(0, 366148, 0)}),
			reading.Of(410), noon.Add(-7 * time.Minute)},
		{"zeros after a start are no page", "D7.6.175", standard.with(answers{"/production.json?details=1": page(0, 0, noon.Unix())}),
			reading.Of(410), noon.Add(-7 * time.Minute)},
		{"without fresh ones api/v1", "D7.6.175",
			standard.with(answers{"/production.json?details=1": page(0, 366148, 0), "/api/v1/production/inverters": old}), reading.Of(333), noon},
		{"which is not believed from 8.2.4264 on", "D8.2.4264",
			standard.with(answers{"/production.json?details=1": page(0, 366148, 0), "/api/v1/production/inverters": old}), reading.Value{}, time.Time{}},
		{"but of a gateway that never had a CT", "no meter D8.2.4264",
			standard.with(answers{"/production.json?details=1": page(0, 366148, 0), "/api/v1/production/inverters": old}), reading.Of(333), noon},
		{"nor with energies of 0", "D7.6.175", standard.with(answers{"/production.json?details=1": "", "/api/v1/production/inverters": "",
			"/api/v1/production": `{"wattHoursToday":0,"wattHoursSevenDays":0,"wattHoursLifetime":0,"wattsNow":0}`}), reading.Value{}, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fw, never := strings.CutPrefix(c.fw, "no meter ")
			id := identity(fw)
			id.IMeter = !never
			_, r := c.is.read(t, id)
			if r.Reading.Power.ProductionW != c.want || !r.Reading.Time.Equal(c.at) {
				t.Errorf("got %v at %v, want %v at %v", r.Reading.Power.ProductionW, r.Reading.Time, c.want, c.at)
			}
		})
	}
}

func TestStandardEnergyByFirmware(t *testing.T) {
	noV1 := standard.with(answers{"/api/v1/production": ""})
	pdm := answers{"/ivp/pdm/energy": `{"production":{"pcu":{"wattHoursLifetime":5000,"wattsNow":1}}}`}
	counted := answers{"/ivp/pdm/device_data": devices(50, 4904101572, 3600)}
	for _, c := range []struct {
		name, fw string
		is       answers
		counter  string
		wh       float64
		wraps    bool
	}{
		{"api/v1 on 5", "D5.0.62", standard, "v1/lifetime", 8717473, false},
		{"api/v1 on 7", "D7.6.175", standard.with(pdm), "v1/lifetime", 8717473, true},
		{"pdm without it", "D7.6.175", noV1.with(pdm), "pdm/pcu/lifetime", 5000, true},
		{"the wrapping sum without both", "D7.6.175", noV1, "page/inverters/lifetime", 366148, true},
		{"the sum on 5 does not wrap", "D5.0.62", noV1, "page/inverters/lifetime", 366148, false},
		{"each inverter's own from 8.2.4264 on", "D8.2.4264", standard.with(counted), "inverter/1", 4904101572.0 / 3600, false},
		{"but not from a cut list", "D8.2.4264", standard.with(answers{"/ivp/pdm/device_data": devices(2, 3600, 3600)}),
			"page/inverters/lifetime", 366148, true},
		{"never api/v1 there", "D8.3.5422", standard, "page/inverters/lifetime", 366148, true},
		{"pdm where nothing else counts", "D8.3.5422", noV1.with(pdm).with(answers{"/production.json?details=1": ""}), "pdm/pcu/lifetime", 5000, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, r := c.is.read(t, identity(c.fw))
			if len(r.Counters) == 0 {
				t.Fatal("no counter")
			}
			got := r.Counters[0]
			if got.Name != c.counter || got.Wh != c.wh || (got.WrapWh > 0) != c.wraps {
				t.Errorf("got %+v", got)
			}
			if a, ok := accountOf(r, reading.Production); !ok || a.Terms[0].Counter != c.counter {
				t.Errorf("account %+v", a)
			}
		})
	}
}

func TestEachInverterCounts(t *testing.T) {
	_, r := standard.with(answers{"/ivp/pdm/device_data": devices(50, 3600000, 7200000)}).read(t, identity("8.3.5289"))
	if len(r.Counters) != 2 || balance(r, reading.Production) != 3000 {
		t.Errorf("counters %+v", r.Counters)
	}
	for _, c := range r.Counters {
		if c.MaxW != 300*1.3 || !c.Time.Equal(noon.Add(-time.Minute)) {
			t.Errorf("counter %+v", c)
		}
	}
}

func TestZerosAfterAStartAreHeld(t *testing.T) {
	zero := `{"wattHoursToday":0,"wattHoursSevenDays":0,"wattHoursLifetime":0,"wattsNow":0}`
	s := standard.probe(t, identity("D3.17.3"))
	p := derive.MakePlan(s)
	put(t, s, "/api/v1/production", zero, noon)
	if r := p.Derive(s, derive.Clock{}, noon); !r.Hold {
		t.Errorf("zeros are not held: %+v", r.Counters)
	}
	m := metered.probe(t, identity("D7.6.175"))
	p = derive.MakePlan(m)
	put(t, m, "/ivp/meters/readings", list(values(eidProduction, 0, 0, 0), values(eidConsumption, 0, 0, 0)), noon)
	if r := p.Derive(m, derive.Clock{}, noon); !r.Hold {
		t.Error("CTs that count nothing are not held")
	}
}

func TestPageOfThree(t *testing.T) {
	html := `<table><tr><td>Currently</td><td> 6.63 kW</td></tr><tr><td>Since Installation</td><td>133 MWh</td></tr></table>`
	_, r := answers{"/production": html}.read(t, derive.Identity{Serial: "1", Firmware: "D3.7.0"})
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 6630})
	if c := r.Counters[0]; c.Name != "html/lifetime" || c.Wh != 133e6 || c.StepWh != 1e6 {
		t.Errorf("counter %+v", c)
	}
}

// What serves the energy must be asked again and again.
func TestTheEnergysSourceIsPolled(t *testing.T) {
	a := answers{
		"/ivp/meters": "[]", "/ivp/ensemble/inventory": "[]",
		"/ivp/pdm/energy": `{"production":{"pcu":{"wattHoursToday":1,"wattHoursSevenDays":2,"wattHoursLifetime":300000,"wattsNow":100}}}`,
	}
	p, r := a.read(t, identity("D7.6.175"))
	if len(r.Counters) != 1 || r.Counters[0].Name != "pdm/pcu/lifetime" {
		t.Fatalf("counters %+v", r.Counters)
	}
	for _, e := range p.Endpoints() {
		if e.Path == "/ivp/pdm/energy" {
			return
		}
	}
	t.Error("/ivp/pdm/energy is not polled")
}
