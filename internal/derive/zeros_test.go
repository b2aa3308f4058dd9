package derive_test

import (
	"strings"
	"testing"
	"time"

	"envoyd/internal/derive"
)

const (
	pathList    = "/api/v1/production/inverters"
	pathDevices = "/ivp/pdm/device_data"
	pathV1      = "/api/v1/production"
)

// told is an answer of a story, and the production derived right after it.
type told struct {
	path, body  string
	productionW float64
}

// reports writes a list of two inverters that reported so many minutes after noon.
func reports(minutes int, watts float64) string {
	at := noon.Add(time.Duration(minutes) * time.Minute)
	return list(inverter("1", at, 1, watts), inverter("2", at, 1, watts))
}

// A gateway that has just started shows 0 W, with new report times or with the
// old ones; at nightfall it does the same. Only the second may be believed.
func TestZerosOfAListAreBelievedWhenTheGatewayCounts(t *testing.T) {
	v1 := func(wh string) string {
		return strings.ReplaceAll(`{"wattHoursToday":N,"wattHoursSevenDays":N,"wattHoursLifetime":N,"wattsNow":0}`, "N", wh)
	}
	for name, c := range map[string]struct {
		fw    string
		house answers
		story []told
	}{
		"a restart": {"D7.6.175", answers{"/ivp/meters": "[]", pathList: reports(0, 200), pathV1: v1("5000")}, []told{
			{pathList, reports(1, 0), 400}, {pathV1, v1("0"), 400}, {pathList, reports(2, 0), 400}, {pathV1, v1("0"), 400},
			{pathList, reports(3, 0), 400}, {pathV1, v1("5000"), 400}, {pathList, reports(4, 150), 300}, {pathV1, v1("5001"), 300},
		}},
		"a restart of which only the lists tell": {"D7.6.175", answers{"/ivp/meters": "[]", pathList: reports(0, 200), pathV1: v1("5000")}, []told{
			{pathV1, v1("5000"), 400}, {pathList, reports(0, 0), 400}, {pathV1, v1("5000"), 400}, {pathList, reports(4, 150), 300},
		}},
		"an empty list": {"D7.6.175", answers{"/ivp/meters": "[]", pathList: reports(0, 200), pathV1: v1("5000")}, []told{
			{pathList, "[]", 400}, {pathV1, v1("5000"), 400}, {pathList, reports(4, 150), 300},
		}},
		"nightfall": {"D7.6.175", answers{"/ivp/meters": "[]", pathList: reports(0, 1), pathV1: v1("5000")}, []told{
			{pathList, reports(0, 0), 2}, {pathV1, v1("5000"), 2}, {pathList, reports(0, 0), 0}, {pathV1, v1("5000"), 0},
			{pathList, reports(5, 7), 14}, {pathList, reports(10, 0), 14}, {pathV1, v1("5000"), 14}, {pathList, reports(10, 0), 0},
		}},
		"nightfall beside an api/v1 that never counted": {"D8.3.5422", answers{
			"/ivp/meters": "[]", pathList: reports(0, 1), pathV1: v1("0"), pathDevices: devices(50, 3600000, 3600000)}, []told{
			{pathList, reports(0, 0), 2}, {pathV1, v1("0"), 2}, {pathDevices, devices(50, 3600000, 3600000), 2}, {pathList, reports(0, 0), 0},
		}},
		"nightfall where nothing counts": {"D7.6.175", answers{"/ivp/meters": "[]", pathList: reports(0, 1)}, []told{
			{pathList, reports(1, 0), 2}, {pathList, reports(2, 0), 0},
		}},
		"a restart between two lists": {"D8.3.5422", answers{
			"/ivp/meters": "[]", pathList: reports(0, 200), pathDevices: devices(50, 3600000, 3600000)}, []told{
			{pathList, reports(1, 0), 400}, {pathDevices, devices(50, 0, 0), 400}, {pathDevices, devices(50, 3600000, 3600000), 400},
			{pathList, reports(2, 0), 400}, {pathDevices, devices(50, 3600000, 3600000), 400}, {pathList, reports(3, 150), 300},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.house.with(answers{"/ivp/ensemble/inventory": "[]"}).probe(t, identity(c.fw))
			p := derive.MakePlan(s)
			for i, step := range c.story {
				now := noon.Add(time.Duration(i+1) * time.Minute)
				put(t, s, step.path, step.body, now)
				r := p.Derive(s, derive.Clock{}, now)
				if r.Hold {
					continue // nothing of it is published
				}
				if got, ok := r.Reading.Power.ProductionW.Get(); !ok || got != step.productionW {
					t.Errorf("step %d, %s: %v W (known: %v), want %v", i, step.path, got, ok, step.productionW)
				}
			}
		})
	}
}

// device_data joins the list with newer reports: also its zeros are held back,
// and a house whose inverters were exchanged begins anew.
func TestZerosOfCountersAreNotTheInverters(t *testing.T) {
	s := answers{"/ivp/meters": "[]", "/ivp/ensemble/inventory": "[]", pathDevices: devices(50, 3600000, 7200000)}.probe(t, identity("D8.3.5422"))
	p := derive.MakePlan(s)
	put(t, s, pathDevices, devices(50, 0, 0), noon.Add(time.Minute))
	r := p.Derive(s, derive.Clock{}, noon.Add(time.Minute))
	if got := balance(r, "production"); got != 3000 || r.Hold {
		t.Errorf("%v Wh (hold %v) after a restart, want the 3000 of before", got, r.Hold)
	}
	put(t, s, pathDevices, deviceData(device("pcu", "7", true, noon, 0, "")), noon.Add(2*time.Minute))
	if r := p.Derive(s, derive.Clock{}, noon.Add(2*time.Minute)); len(r.Counters) != 1 || r.Counters[0].Name != "inverter/7" {
		t.Errorf("the new inverter is not counted: %+v", r.Counters)
	}
}
