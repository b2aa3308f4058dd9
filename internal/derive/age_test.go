package derive_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// aged moves the timestamp of readings into the past.
func aged(readings string, by time.Duration) string {
	return strings.ReplaceAll(readings, fmt.Sprint(noon.Unix()), fmt.Sprint(noon.Add(-by).Unix()))
}

// One CT of the answer stands still while the others go on.
func TestACTThatStandsStillIsNotOfThisMoment(t *testing.T) {
	production, net, storage := values(eidProduction, 3000, 5e6, 100), values(eidConsumption, -1000, 2e6, 3e6), values(eidStorage, -700, 10, 20)
	kinds := list(meter(eidProduction, "enabled", "production", 1), meter(eidConsumption, "enabled", "net-consumption", 1),
		meter(eidStorage, "enabled", "storage", 1))
	total := list(meter(eidProduction, "enabled", "production", 1), meter(eidConsumption, "enabled", "total-consumption", 1))
	load := values(eidConsumption, 800, 2e6, 3)
	withoutStorage := map[string]float64{"production_w": 3000, "grid_w": -1000}
	whole := map[string]float64{"production_w": 3000, "grid_w": -1000, "battery_w": -700, "consumption_w": 1300}
	for name, c := range map[string]struct {
		kinds, readings string
		want            map[string]float64
	}{
		"storage, a minute":              {kinds, list(production, net, aged(storage, time.Minute)), whole},
		"storage, longer":                {kinds, list(production, net, aged(storage, 61*time.Second)), withoutStorage},
		"net, half a minute":             {kinds, list(production, aged(net, 30*time.Second), storage), whole},
		"net, longer":                    {kinds, list(production, aged(net, 31*time.Second), storage), map[string]float64{"production_w": 3000, "battery_w": -700}},
		"production":                     {kinds, list(aged(production, 2*time.Hour), net, storage), map[string]float64{"grid_w": -1000, "battery_w": -700}},
		"total":                          {total, list(production, aged(load, time.Minute)), map[string]float64{"production_w": 3000}},
		"all, as a slow poll shows them": {kinds, aged(list(production, net, storage), time.Hour), whole},
		"one without a time":             {kinds, list(production, net, aged(storage, time.Duration(noon.Unix())*time.Second)), whole},
		"the others have no time": {kinds, list(aged(production, time.Duration(noon.Unix())*time.Second), aged(net, time.Minute), aged(storage, time.Minute)),
			whole},
		"one far in the future": {kinds, list(production, net, aged(storage, -time.Hour)), whole},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := metered.with(answers{"/ivp/meters": c.kinds, "/ivp/meters/readings": c.readings}).read(t, identity("D8.2.4286"))
			wantPower(t, r.Reading.Power, c.want)
		})
	}
}

// Where only the net CT measures now, production may be as old as inverters
// report, and no older: the balance would say that the sun still shines.
func TestOldProductionIsNotABalancesPart(t *testing.T) {
	for name, c := range map[string]struct {
		kind      string
		watts     float64
		sum, list time.Duration // how old they are
		want      map[string]float64
	}{
		"of the last report": {"net-consumption", 1000, 40 * time.Minute, time.Hour,
			map[string]float64{"production_w": 1000, "grid_w": 200, "consumption_w": 1200}},
		"of an hour ago": {"net-consumption", 1000, time.Hour, time.Hour, map[string]float64{"grid_w": 200}},
		"old beside newer ones": {"net-consumption", 1000, time.Hour, time.Minute,
			map[string]float64{"production_w": 400, "grid_w": 200, "consumption_w": 600}},
		"and with a total CT": {"total-consumption", 1000, time.Hour, time.Hour, map[string]float64{"consumption_w": 200}},
		"of inverters that sleep": {"net-consumption", 0, 8 * time.Hour, 8 * time.Hour,
			map[string]float64{"production_w": 0, "grid_w": 200, "consumption_w": 200}},
		"of a gateway without CT": {"", 1000, 6 * time.Hour, 6 * time.Hour, map[string]float64{"production_w": 1000}},
	} {
		t.Run(name, func(t *testing.T) {
			meters := "[]"
			if c.kind != "" {
				meters = list(meter(eidConsumption, "enabled", c.kind, 1))
			}
			at := noon.Add(-c.list)
			_, r := metered.with(answers{
				"/ivp/meters": meters, "/ivp/meters/readings": list(values(eidConsumption, 200, 1e6, 2e5)),
				"/production.json?details=1": page(c.watts, 5e6, noon.Add(-c.sum).Unix()),
				pathList:                     list(inverter("1", at, 1, 200), inverter("2", at, 1, 200)),
			}).read(t, identity("D8.2.4345"))
			wantPower(t, r.Reading.Power, c.want)
		})
	}
}

// The gateway runs, so there is a line voltage: meters that see none measure
// nothing, and their 0 W is nobody's.
func TestMetersThatMeasureNothing(t *testing.T) {
	dead := func(readings string) string {
		return strings.NewReplacer(`"voltage":240`, `"voltage":0`, `"freq":60`, `"freq":0`).Replace(readings)
	}
	zero := values(eidProduction, 0, 5e6, 100)
	for name, c := range map[string]struct {
		readings string
		want     map[string]float64
		meters   int
	}{
		"all of them":            {dead(list(zero, values(eidConsumption, 0, 2e6, 3e6))), nil, 0},
		"one of them":            {list(dead(zero), values(eidConsumption, 300, 2e6, 3e6)), map[string]float64{"production_w": 0, "grid_w": 300, "consumption_w": 300}, 2},
		"no volts but a phase":   {strings.ReplaceAll(list(zero, values(eidConsumption, 300, 2e6, 3e6)), `"voltage":240`, `"voltage":0`), map[string]float64{"production_w": 0, "grid_w": 300, "consumption_w": 300}, 2},
		"the night has a line":   {list(zero, values(eidConsumption, 300, 2e6, 3e6)), map[string]float64{"production_w": 0, "grid_w": 300, "consumption_w": 300}, 2},
		"a CT of no plan is 0 V": {list(zero, values(eidConsumption, 300, 2e6, 3e6), dead(values(eidVirtual, 0, 0, 0))), map[string]float64{"production_w": 0, "grid_w": 300, "consumption_w": 300}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := metered.with(answers{"/ivp/meters/readings": c.readings}).read(t, identity("D8.2.4345"))
			wantPower(t, r.Reading.Power, c.want)
			if len(r.Reading.Meters) != c.meters || len(r.Counters) != 4 || (len(r.Refused) > 0) != (c.meters == 0) {
				t.Errorf("%d meters, %d counters, refused %+v", len(r.Reading.Meters), len(r.Counters), r.Refused)
			}
		})
	}
}
