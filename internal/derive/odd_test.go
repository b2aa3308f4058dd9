package derive_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

// A battery that is listed twice gives its power once.
func TestABatteryListedTwice(t *testing.T) {
	one := `{"serial_num":"492300000001","real_power_mw":-500000,"soc":50}`
	twice := answers{"/ivp/ensemble/power": `{"devices:":[` + one + "," + one + "]}"}
	_, r := withEncharge.with(twice).read(t, identity("D8.2.4345"))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 3000, "grid_w": -1000, "battery_w": -500, "consumption_w": 1500})
	_, r = withEncharge.with(twice).with(answers{"/ivp/ensemble/inventory": ""}).read(t, identity("D8.2.4345"))
	if len(r.Reading.Batteries) != 1 || r.Reading.Power.BatteryW != reading.Of(-500) {
		t.Errorf("%v W of %+v", r.Reading.Power.BatteryW, r.Reading.Batteries)
	}
}

// oneOdd is a list of five inverters at 200 W, and one that says something odd.
func oneOdd(odd string) string {
	all := []string{odd}
	for i := range 5 {
		all = append(all, inverter(fmt.Sprint(i+1), noon.Add(-100*time.Second), 1, 200))
	}
	return list(all...)
}

// One inverter's impossible report must not speak for the others.
func TestAnInverterThatCannotBe(t *testing.T) {
	future := time.Unix(4294967295, 0)
	for name, c := range map[string]struct {
		odd  string
		want float64 // of production
		of   reading.Value
	}{
		"a report of 2106":            {inverter("9", future, 1, 0), 1000, reading.Value{}},
		"one of next year":            {inverter("9", noon.Add(400*24*time.Hour), 1, 150), 1000, reading.Value{}},
		"one a little ahead":          {inverter("9", noon.Add(30*time.Second), 1, 150), 1150, reading.Of(150)},
		"a field that was not filled": {strings.ReplaceAll(inverter("9", noon, 1, 65535), ":300", ":65535"), 1000, reading.Value{}},
		"an old entry after the new":  {inverter("9", noon, 1, 150) + "," + inverter("9", noon.Add(-25*time.Hour), 1, 5), 1150, reading.Of(150)},
		"and before it":               {inverter("9", noon.Add(-25*time.Hour), 1, 5) + "," + inverter("9", noon, 1, 150), 1150, reading.Of(150)},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := standard.with(answers{"/production.json?details=1": page(0, 366148, 0), pathList: oneOdd(c.odd)}).read(t, identity("D7.6.175"))
			if r.Reading.Power.ProductionW != reading.Of(c.want) || r.ClockDoubt {
				t.Errorf("production %v W, want %v; clock in doubt %v", r.Reading.Power.ProductionW, c.want, r.ClockDoubt)
			}
			if len(r.Reading.Inverters) != 6 {
				t.Fatalf("%d inverters", len(r.Reading.Inverters))
			}
			odd := r.Reading.Inverters[5]
			if odd.Serial != "9" || odd.PowerW != c.of || odd.Time.After(noon.Add(time.Minute)) || odd.MaxPowerW.Or(0) > 300 {
				t.Errorf("%+v", odd)
			}
			for _, counter := range r.Counters {
				if counter.MaxW > 6*300*1.3 || counter.MaxW < 6*200 {
					t.Errorf("the hardware is said to do %v W", counter.MaxW)
				}
			}
		})
	}
}

// When every report is of the future it is the gateway's clock that has moved.
func TestAllReportsOfTheFutureAreAClock(t *testing.T) {
	ahead := noon.Add(time.Hour)
	_, r := standard.with(answers{"/production.json?details=1": page(0, 366148, 0), pathList: list(inverter("1", ahead, 1, 200), inverter("2", ahead, 1, 200))}).
		read(t, identity("D7.6.175"))
	if !r.ClockDoubt || r.Reading.Power.ProductionW != reading.Of(400) {
		t.Errorf("clock in doubt %v, production %v W", r.ClockDoubt, r.Reading.Power.ProductionW)
	}
}

// The horizon moves on with time and with the clock.
func TestAReportOfTheFutureIsOneOfThePastLater(t *testing.T) {
	ahead := noon.Add(10 * time.Minute)
	s := standard.with(answers{"/production.json?details=1": page(0, 366148, 0), pathList: oneOdd(inverter("9", ahead, 1, 150))}).probe(t, identity("D7.6.175"))
	p := derive.MakePlan(s)
	for after, want := range map[time.Duration]float64{0: 1000, 10 * time.Minute: 1150} {
		if got := p.Derive(s, derive.Clock{}, noon.Add(after)).Reading.Power.ProductionW; got != reading.Of(want) {
			t.Errorf("after %s production is %v W, want %v", after, got, want)
		}
	}
}

// An inverter that was taken down and put up again is listed as both.
func TestAnInverterThatWasPutUpAgain(t *testing.T) {
	at := noon.Add(-time.Minute)
	down, up := device("pcu", "1", false, time.Time{}, 0, ""), device("pcu", "1", true, at, 200, "")
	down = strings.Replace(down, "eid1", "eid0", 1)
	for name, data := range map[string]string{"down, then up": deviceData(down, up), "up, then down": deviceData(up, down)} {
		t.Run(name, func(t *testing.T) {
			_, r := standard.with(answers{pathList: list(inverter("1", at, 1, 200)), "/ivp/pdm/device_data": data}).read(t, identity("D8.2.4345"))
			if len(r.Reading.Inverters) != 1 || balance(r, reading.Production) != 1000 {
				t.Errorf("inverters %+v, counters %+v", r.Reading.Inverters, r.Counters)
			}
		})
	}
}
