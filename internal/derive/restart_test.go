package derive_test

import (
	"fmt"
	"testing"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

// v1 writes /api/v1/production.
func v1(wh, watts int) string {
	return fmt.Sprintf(`{"wattHoursToday":%d,"wattHoursSevenDays":%d,"wattHoursLifetime":%d,"wattsNow":%d}`, wh, wh, wh, watts)
}

var sunlitHouse = answers{"/ivp/meters": "[]", "/ivp/ensemble/inventory": "[]", pathList: reports(0, 200), pathV1: v1(5000, 400)}

// A gateway that was away comes back with zeros, and the session is a new one.
func TestZerosOfANewSessionAreDoubted(t *testing.T) {
	id := identity("D7.6.175")
	before := sunlitHouse.probe(t, id)
	zeros := sunlitHouse.with(answers{pathList: reports(4, 0), pathV1: v1(0, 0)})
	s := derive.NewSnapshot(id)
	s.Follow(before)
	for _, e := range derive.Endpoints(id) {
		if body, ok := zeros[e.Path]; ok {
			put(t, s, e.Path, body, noon.Add(5*time.Minute))
		}
	}
	p := derive.MakePlan(s)
	if want := derive.MakePlan(before); !p.Equal(want) {
		t.Errorf("another source serves now: %q", p.Lines())
	}
	if r := p.Derive(s, derive.Clock{}, noon.Add(5*time.Minute)); !r.Hold {
		t.Errorf("%+v is published of a gateway that counts nothing", r.Reading.Power)
	}
	put(t, s, pathV1, v1(5010, 0), noon.Add(6*time.Minute))
	r := p.Derive(s, derive.Clock{}, noon.Add(6*time.Minute))
	for _, i := range r.Reading.Inverters {
		if i.PowerW.Known() {
			t.Errorf("inverter %s has %v W, and nobody said so", i.Serial, i.PowerW)
		}
	}
	put(t, s, pathList, reports(7, 150), noon.Add(7*time.Minute))
	wantPower(t, p.Derive(s, derive.Clock{}, noon.Add(7*time.Minute)).Reading.Power, map[string]float64{"production_w": 300})
	other := derive.NewSnapshot(identity("D8.3.5422"))
	other.Follow(before) // another firmware: everything may differ
	put(t, other, pathList, reports(4, 0), noon)
	if r := derive.MakePlan(other).Derive(other, derive.Clock{}, noon); r.Reading.Inverters[0].PowerW != reading.Of(0) {
		t.Errorf("%+v", r.Reading.Inverters)
	}
}

// The first list of a gateway that starts with us is forgotten once it counts.
func TestZerosOfTheFirstListAreForgottenWhenTheGatewayBeginsToCount(t *testing.T) {
	s := sunlitHouse.with(answers{pathList: reports(0, 0), pathV1: v1(0, 0)}).probe(t, identity("D7.6.175"))
	put(t, s, pathV1, v1(5000, 400), noon.Add(time.Minute))
	r := derive.MakePlan(s).Derive(s, derive.Clock{}, noon.Add(time.Minute))
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 400}) // api/v1's
}

// Where the counters are silent all night, patience must do; and a production
// CT that is up before the rest contradicts a list of zeros.
func TestZerosOfAListThatLast(t *testing.T) {
	dark := sunlitHouse.probe(t, identity("D7.6.175"))
	sunny := metered.with(answers{pathList: reports(0, 200)}).probe(t, identity("D8.2.4345"))
	for name, s := range map[string]*derive.Snapshot{"beside silent counters": dark, "in the sun": sunny} {
		t.Run(name, func(t *testing.T) {
			p := derive.MakePlan(s)
			for minutes := 1; minutes <= 75; minutes++ {
				now := noon.Add(time.Duration(minutes) * time.Minute)
				put(t, s, pathList, reports(minutes, 0), now)
				if name == "in the sun" {
					put(t, s, "/ivp/meters/readings", metered["/ivp/meters/readings"], now)
				}
				got := p.Derive(s, derive.Clock{}, now).Reading.Inverters[0].PowerW
				if want := map[bool]float64{true: 200, false: 0}[minutes <= 60]; got != reading.Of(want) {
					t.Fatalf("%v W after %d minutes", got, minutes)
				}
			}
		})
	}
}

// One inverter's counter that is not loaded yet: Home Assistant would take its
// way back up for energy.
func TestOneCounterThatFellToZeroIsNotTheInverters(t *testing.T) {
	s := sunlitHouse.with(answers{pathDevices: devices(50, 3600000, 7200000)}).probe(t, identity("D8.3.5422"))
	p := derive.MakePlan(s)
	put(t, s, pathDevices, devices(50, 0, 7203600), noon.Add(time.Minute))
	r := p.Derive(s, derive.Clock{}, noon.Add(time.Minute))
	var got []reading.Value
	for _, i := range r.Reading.Inverters {
		if i.EnergyWh.Known() {
			got = append(got, i.EnergyWh)
		}
	}
	if len(got) != 2 || got[0] != reading.Of(1000) || got[1] != reading.Of(2001) {
		t.Errorf("energies %v", got)
	}
}

// Batteries that were not heard yet are not empty ones.
func TestBatteriesThatWereNotHeardAreNotEmpty(t *testing.T) {
	power := func(mw, soc int) string {
		return fmt.Sprintf(`{"devices:":[{"serial_num":"492300000001","real_power_mw":%d,"soc":%d}]}`, mw, soc)
	}
	inventory := func(soc int) string {
		return fmt.Sprintf(`[{"type":"ENCHARGE","devices":[{"serial_num":"492300000001","percentFull":%d,"encharge_capacity":5000,"communicating":true}]}]`, soc)
	}
	control := func(soc, capacity int) string {
		return fmt.Sprintf(`{"agg_soc":%d,"ENC_agg_soc":%d,"ENC_agg_avail_energy":%d,"Enc_max_available_capacity":%d,"Max_energy":%d,"configured_backup_soc":20}`,
			soc, soc, soc*50, capacity, capacity)
	}
	for name, c := range map[string]struct {
		first, then int // state of charge
		capacity    int
		after       time.Duration
		want        string
	}{
		"a restart":                       {55, 0, 0, time.Minute, "- - -"},
		"a restart that keeps the setup":  {55, 0, 5000, time.Minute, "- - -"},
		"a restart without a before":      {0, 0, 0, time.Minute, "0 0 0"},
		"a battery that was nearly empty": {3, 0, 5000, time.Minute, "0 0 0"},
		"zeros that last":                 {55, 0, 5000, 2 * time.Hour, "0 0 0"},
		"a battery that works":            {55, 54, 5000, time.Minute, "-500 54 54"},
	} {
		t.Run(name, func(t *testing.T) {
			s := withEncharge.with(answers{"/ivp/ensemble/inventory": inventory(c.first), "/ivp/ensemble/power": power(-500000, c.first),
				"/ivp/ensemble/secctrl": control(c.first, c.capacity)}).probe(t, identity("D8.2.4345"))
			p := derive.MakePlan(s)
			now := noon
			for range 2 {
				now = now.Add(c.after)
				mw := -500000
				if c.then == 0 {
					mw = 0
				}
				put(t, s, "/ivp/ensemble/inventory", inventory(c.then), now)
				put(t, s, "/ivp/ensemble/power", power(mw, c.then), now)
				put(t, s, "/ivp/ensemble/secctrl", control(c.then, c.capacity), now)
			}
			r := p.Derive(s, derive.Clock{}, now).Reading
			if got := fmt.Sprint(r.Power.BatteryW, " ", r.Batteries[0].SoCPct, " ", r.Storage.SoCPct); got != c.want {
				t.Errorf("battery_w, soc of the battery and of the storage are %s, want %s", got, c.want)
			}
		})
	}
}

// A house whose net CT leads: nobody else sees that the inverters' page is silent.
func TestProductionBesideANetCTGrowsOld(t *testing.T) {
	house := metered.with(answers{
		"/ivp/meters": list(meter(eidConsumption, "enabled", "net-consumption", 1)), pathList: "", pathV1: v1(5000, 400),
	})
	s := house.probe(t, identity("D7.6.175"))
	p := derive.MakePlan(s)
	now := noon.Add(2 * time.Hour)
	put(t, s, "/ivp/meters/readings", metered["/ivp/meters/readings"], now)
	if w := p.Derive(s, derive.Clock{}, now).Reading.Power; w.ProductionW.Known() || w.ConsumptionW.Known() {
		t.Errorf("%+v of a page that was silent for two hours", w)
	}
}

// api/v1 that was empty while it was probed serves once it counts.
func TestAPlanMadeOfZerosIsOutdated(t *testing.T) {
	s := sunlitHouse.with(answers{pathV1: v1(0, 0)}).probe(t, identity("D7.6.175"))
	p := derive.MakePlan(s)
	if why := p.Outdated(s); why != "" {
		t.Fatal(why)
	}
	put(t, s, pathV1, v1(5000, 400), noon.Add(time.Minute))
	if p.Outdated(s) == "" {
		t.Error("nobody notices that api/v1 counts by now")
	}
}
