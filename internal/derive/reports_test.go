package derive_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

func report(kind string, watts, lifetime float64) string {
	return fmt.Sprintf(`{"createdAt":%d,"reportType":%q,"cumulative":{"actPower":%g,"apprntPwr":9,"whDlvdCum":%g,"whRcvdCum":0,"freqHz":60},
		"lines":[{"actPower":1,"rmsVoltage":120},{"actPower":2,"rmsVoltage":122}]}`, noon.Unix(), kind, watts, lifetime)
}

func TestReportsServeWhereReadingsAreMissing(t *testing.T) {
	house := metered.with(answers{
		"/ivp/meters": list(meter(eidProduction, "enabled", "production", 2), meter(eidConsumption, "enabled", "net-consumption", 2),
			meter(eidStorage, "enabled", "storage", 2)),
		"/ivp/meters/readings": "",
		"/ivp/meters/reports":  list(report("production", 3000, 5e6), report("net-consumption", -1000, -2e5), report("total-consumption", 2000, 4.8e6)),
	})
	p, r := house.read(t, identity("D8.2.4345"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 3000, "grid_w": -1000}) // the storage CT is out of reach
	if p.Source(derive.GridEnergy) != "integrated from power" || p.Source(derive.HouseEnergy) != "" {
		t.Errorf("plan %q, counters %+v", p.Lines(), r.Counters)
	}
	equal := cmp.Comparer(func(a, b reading.Value) bool { return a == b })
	want := reading.Meter{Kind: "net-consumption", Phase: "L2", Time: noon, Status: "normal", Flags: []string{}, PowerW: reading.Of(2), VoltageV: reading.Of(122)}
	if n := len(r.Reading.Meters); n != 6 {
		t.Fatalf("%d meters, want two CTs and their phases", n)
	}
	if diff := cmp.Diff(want, r.Reading.Meters[5], equal); diff != "" {
		t.Error(diff)
	}
}

func TestOneCTPerKind(t *testing.T) {
	_, r := metered.with(answers{
		"/ivp/meters":          list(meter(eidProduction, "enabled", "production", 1), meter(eidStorage, "enabled", "production", 1)),
		"/ivp/meters/readings": list(values(eidProduction, 3000, 5e6, 100), values(eidStorage, 7, 7, 7)),
	}).read(t, identity("D8.2.4345"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 3000})
	if len(r.Reading.Meters) != 1 {
		t.Errorf("meters %+v", r.Reading.Meters)
	}
}
