package derive_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

// firmwares of every class of rules.
var firmwares = []string{"D3.7.0", "R3.9.36", "R4.10.35", "D5.0.62", "D7.3.130", "D7.6.175", "D8.1.41", "D8.2.127", "D8.2.4264", "D8.2.4345", "D8.3.1598", "D8.3.5433", "D9.0.1", "nonsense"}

// awkward are the numbers that gateways write.
var awkward = []string{"0", "-0.000", "\"unknown\"", "4294967292", "\"NaN\"", "NaN", "null", "1752974746.0", "{}", "true"}

func number(t *rapid.T, label string, least, most float64) string {
	if rapid.IntRange(0, 9).Draw(t, label+" is awkward") == 0 {
		return rapid.SampledFrom(awkward).Draw(t, label)
	}
	return fmt.Sprintf("%.3f", rapid.Float64Range(least, most).Draw(t, label))
}

func epoch(t *rapid.T, label string) int64 {
	return noon.Unix() + int64(rapid.IntRange(-4000, 100).Draw(t, label))
}

// home draws well-formed answers of a gateway.
func home(t *rapid.T) answers {
	kinds := []string{"production", "net-consumption", "total-consumption", "storage", "pv3p", "load"}
	var configured, measured []string
	for i, kind := range kinds {
		if rapid.Bool().Draw(t, kind+" is there") {
			state := rapid.SampledFrom([]string{"enabled", "enabled", "disabled"}).Draw(t, kind+" state")
			configured = append(configured, meter(eidProduction+256*i, state, kind, rapid.IntRange(0, 4).Draw(t, kind+" phases")))
			measured = append(measured, fmt.Sprintf(`{"eid":%d,"timestamp":%d,"activePower":%s,"apparentPower":%s,"actEnergyDlvd":%s,"actEnergyRcvd":%s,"voltage":%s,"freq":%s,"channels":[{"eid":1,"voltage":%s,"activePower":%s}]}`,
				eidProduction+256*i, epoch(t, kind), number(t, kind+" W", -9000, 9000), number(t, kind+" VA", 0, 9000), number(t, kind+" dlvd", 0, 1e7),
				number(t, kind+" rcvd", -20, 1e7), number(t, "V", 0, 720), number(t, "Hz", 0, 60), number(t, "V1", 0, 250), number(t, "W1", -9, 9000)))
		}
	}
	a := answers{
		"/ivp/meters": list(configured...), "/ivp/meters/readings": list(measured...),
		"/ivp/ensemble/inventory": rapid.SampledFrom([]string{"[]", `[{"type":"ENCHARGE","devices":[{"serial_num":"7","percentFull":50,"encharge_capacity":5000}]},
			{"type":"ENPOWER","devices":[{"serial_num":"8","mains_oper_state":"open","temperature":80}]}]`}).Draw(t, "ensemble"),
		"/ivp/ensemble/power":          fmt.Sprintf(`{"devices:":[{"serial_num":"7","real_power_mw":%s,"soc":%s}]}`, number(t, "battery mW", -5e6, 5e6), number(t, "soc", -5, 120)),
		"/ivp/ss/gen_config":           rapid.SampledFrom([]string{"{}", `{"model":"x"}`}).Draw(t, "generator"),
		"/ivp/ensemble/generator":      `{"oper_state":"close"}`,
		"/ivp/livedata/status":         fmt.Sprintf(`{"connection":{"sc_stream":"enabled"},"meters":{"last_update":%d,"storage":{"agg_p_mw":%s},"generator":{"agg_p_mw":%s}}}`, epoch(t, "live"), number(t, "live mW", -5e6, 5e6), number(t, "generator mW", 0, 5e6)),
		"/api/v1/production":           fmt.Sprintf(`{"wattsNow":%s,"wattHoursLifetime":%s}`, number(t, "v1 W", -5, 9000), number(t, "v1 Wh", 0, 1e7)),
		"/api/v1/production/inverters": list(inverter("1", noon, 1, 200), inverter("2", time.Unix(epoch(t, "inverter"), 0), rapid.SampledFrom([]int{1, 11}).Draw(t, "devType"), 5)),
		"/production.json?details=1": fmt.Sprintf(`{"production":[{"type":"inverters","activeCount":2,"wNow":%s,"whLifetime":%s,"readingTime":%d},{"type":"eim","activeCount":1,"measurementType":"production","wNow":%s,"whLifetime":%s}],
			"consumption":[{"type":"eim","activeCount":1,"measurementType":"net-consumption","wNow":%s,"whLifetime":%s}],"storage":[{"type":"acb","activeCount":1,"wNow":%s}]}`,
			number(t, "sum W", 0, 9000), number(t, "sum Wh", 0, 1e7), epoch(t, "sum"), number(t, "eim W", -5, 9000), number(t, "eim Wh", 0, 1e7), number(t, "net W", -9000, 9000), number(t, "net Wh", -1e6, 1e7), number(t, "acb W", -300, 300)),
		"/ivp/pdm/device_data": devices(50, rapid.Int64Range(0, 1<<40).Draw(t, "joules")),
		"/production":          "<table><tr><td>Currently</td><td>6.63 kW</td></tr><tr><td>Since Installation</td><td>133 MWh</td></tr></table>",
	}
	for _, path := range slices.Sorted(maps.Keys(a)) {
		if rapid.IntRange(0, 5).Draw(t, path+" is missing") == 0 {
			delete(a, path)
		}
	}
	return a
}

func TestAnySequenceOfAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := identity(rapid.SampledFrom(firmwares).Draw(t, "firmware"))
		s := derive.NewSnapshot(id)
		var p derive.Plan
		var c derive.Clock
		for i := range rapid.IntRange(1, 3).Draw(t, "answers") {
			now := noon.Add(time.Duration(i) * time.Minute)
			c.Observe(now.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "offset"))*time.Second), now)
			a := home(t)
			for _, e := range derive.Endpoints(id) {
				if body, ok := a[e.Path]; ok && e.Worth(s) {
					_ = s.Put(e.Path, []byte(body), now) // a body without one known number is rightly refused
				} else if i == 0 {
					s.Missing(e.Path)
				}
			}
			if i == 0 {
				p = derive.MakePlan(s)
			}
			checkReading(t, p, p.Derive(s, c, now))
		}
	})
}

// checkReading holds every reading to what the contract says of all of them.
func checkReading(t *rapid.T, p derive.Plan, r derive.Result) {
	t.Helper()
	power := r.Reading.Power
	load, ok := power.ConsumptionW.Get()
	measured := p.Source(derive.House) == "CT total-consumption" && !power.GridW.Known() // the load alone is known
	if ok && !measured {
		sum := power.ProductionW.Or(0) + power.GridW.Or(0) + power.BatteryW.Or(0) + power.GeneratorW.Or(0)
		if load < 0 || math.Abs(sum-load) > 0.001 && (load != 0 || sum < -50) {
			t.Fatalf("consumption %v, but the parts are %v", load, sum)
		}
		if !power.ProductionW.Known() || !power.GridW.Known() {
			t.Fatalf("a house without its parts: %+v", power)
		}
	}
	for of, value := range map[derive.Quantity]reading.Value{derive.Production: power.ProductionW, derive.Grid: power.GridW,
		derive.Battery: power.BatteryW, derive.House: power.ConsumptionW, derive.Generator: power.GeneratorW} {
		if value.Known() && p.Source(of) == "" {
			t.Fatalf("%s has no source and is %v", of, value)
		}
	}
	for _, c := range r.Counters {
		if math.IsNaN(c.Wh) || math.IsInf(c.Wh, 0) || c.Name == "" || c.Time.IsZero() || c.MaxW < 0 {
			t.Fatalf("counter %+v", c)
		}
	}
	if r.Reading.Power.ProductionW.Known() && r.Reading.Time.IsZero() {
		t.Fatalf("a measurement without a time: %+v", r.Reading)
	}
	body, err := json.Marshal(r.Reading)
	if err != nil || strings.Contains(string(body), "null") {
		t.Fatalf("%v: %s", err, body)
	}
}

// FuzzDerive feeds any bytes to any endpoint of a gateway that was well so far.
func FuzzDerive(f *testing.F) {
	endpoints := derive.Endpoints(identity("D8.3.5289"))
	for i, e := range endpoints {
		f.Add(i, []byte(metered[e.Path]))
		f.Add(i, []byte(withEncharge[e.Path]))
	}
	f.Add(0, []byte(list(meter(-1, "enabled", "net-consumption", -7), meter(math.MaxInt, "enabled", "production", 99))))
	f.Fuzz(func(t *testing.T, i int, body []byte) {
		s := withEncharge.probe(t, identity("D8.3.5289"))
		before := derive.MakePlan(s)
		_ = s.Put(endpoints[uint(i)%uint(len(endpoints))].Path, body, noon)
		for _, p := range []derive.Plan{before, derive.MakePlan(s)} {
			r := p.Derive(s, derive.Clock{}, noon)
			if _, err := json.Marshal(r.Reading); err != nil {
				t.Fatal(err)
			}
			_, _, _ = p.Lines(), p.Open(s), p.Outdated(s)
		}
	})
}

// TestCapturesStayWellWhenOneEndpointIsLost takes away each endpoint in turn.
func TestCapturesStayWellWhenOneEndpointIsLost(t *testing.T) {
	dir := capturesDir(t)
	for _, name := range captures(t) {
		c := openCapture(t, filepath.Join(dir, name))
		whole := c.probe()
		for _, e := range derive.MakePlan(whole).Endpoints() {
			s := c.probe()
			s.Missing(e.Path)
			r := derive.MakePlan(s).Derive(s, derive.Clock{}, c.at)
			if _, err := json.Marshal(r.Reading); err != nil {
				t.Errorf("%s without %s: %v", name, e.Path, err)
			}
		}
	}
}
