package enlighten_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/reading"
)

func watts(production, consumption, grid, battery any) reading.Power {
	v := func(x any) reading.Value {
		if n, ok := x.(int); ok {
			return reading.Of(float64(n))
		}
		return reading.Value{}
	}
	return reading.Power{ProductionW: v(production), ConsumptionW: v(consumption), GridW: v(grid), BatteryW: v(battery)}
}

const t0 = 946684800 // when a bubble's clock begins

func meter(name string, at int, power any) string {
	return fmt.Sprintf(`{"name":%q,"channel":1,"last_report_at":%d,"power":%v}`, name, at, power)
}

func cell(mode string, at int, power any) string {
	return fmt.Sprintf(`{"id":1,"operational_mode":%q,"last_report_at":%d,"power":%v}`, mode, at, power)
}

func telemetry(meters, cells string) string {
	return `{"system_id":77,"items":"devices","devices":{"meters":[` + meters + `],"encharges":[` + cells + `],"heat-pump":null}}`
}

func TestThePowerComesInOurSigns(t *testing.T) {
	const now = t0
	both := meter("production", now, 3000) + "," + meter("consumption", now, 1000)
	for name, c := range map[string]struct {
		devices, body string
		want          reading.Power
		age           time.Duration
	}{
		"net, no battery: exporting": {devices("p", "Net", false), telemetry(both, ""), watts(3000, 1000, -2000, nil), 0},
		"net, charging":              {devices("p", "Net", true), telemetry(both, cell("Charging", now, 400)), watts(3000, 600, -2000, -400), 0},
		"net, charging, other sign":  {devices("p", "Net", true), telemetry(both, cell("Charging", now, -400)), watts(3000, 600, -2000, -400), 0},
		"net, discharging":           {devices("p", "Net", true), telemetry(both, cell("Discharging", now, -250)), watts(3000, 1250, -2000, 250), 0},
		"net, idle, own draw":        {devices("p", "Net", true), telemetry(both, cell("Idle", now, -15)), watts(3000, 1015, -2000, 15), 0},
		"net, battery unknown":       {devices("p", "Net", true), telemetry(both, cell("Idle", now, "null")), watts(3000, nil, -2000, nil), 0},
		"net, half of the batteries": {devices("p", "Net", true), telemetry(both, cell("Charging", now, 9)+","+cell("Idle", 0, "null")), watts(3000, nil, -2000, nil), 0},
		"net, battery not listed":    {devices("p", "Net", true), telemetry(both, ""), watts(3000, nil, -2000, nil), 0},
		"total: the house itself":    {devices("p", "Total", false), telemetry(both, ""), watts(3000, 1000, -2000, nil), 0},
		"channels are summed": {devices("p", "Net", false),
			telemetry(meter("production", now, 1000)+","+meter("production", now, 500)+","+meter("production", now, "null")+","+meter("consumption", now, `"700"`), ""),
			watts(1500, 700, -800, nil), 0},
		"the oldest part gives the time": {devices("p", "Net", false),
			telemetry(meter("production", now-300, 10)+","+meter("consumption", now-600, 20), ""), watts(10, 20, 10, nil), 10 * time.Minute},
		"what is of another hour is left out": {devices("p", "Net", false),
			telemetry(meter("production", now-3600, 10)+","+meter("consumption", now-60, 20), ""), watts(nil, 20, nil, nil), time.Minute},
		"a little below nothing":       {devices("p", "Net", false), telemetry(meter("production", now, -4)+","+meter("consumption", now, -30), ""), watts(-4, 0, -26, nil), 0},
		"far below nothing":            {devices("p", "Net", false), telemetry(meter("production", now, 500)+","+meter("consumption", now, -300), ""), watts(500, nil, -800, nil), 0},
		"days old: the caller decides": {devices("p", "Net", false), telemetry(meter("production", now-86400, 5), ""), watts(5, nil, nil, nil), 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t)
				a.say("/77/devices", 200, c.devices)
				a.say("/77/latest_telemetry", 200, c.body)
				s, err := a.connected(t).Latest(t.Context(), time.Now())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, s.Power); diff != "" {
					t.Error(diff)
				}
				if want := time.Unix(now, 0).Add(-c.age); !s.Time.Equal(want) || s.From != "latest_telemetry" || !s.Next.After(time.Now()) {
					t.Errorf("sample %+v, want time %v", s, want)
				}
			})
		})
	}
}

func TestAHomeWithoutMetersGivesItsLastInterval(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want float64
		end  int64
		mean time.Duration
	}{
		"mean power given":       {`{"total_devices":2,"intervals":[{"end_at":946684200,"devices_reporting":2,"powr":90,"enwh":8},{"end_at":946684500,"devices_reporting":2,"powr":120,"enwh":10}]}`, 120, 946684500, 5 * time.Minute},
		"energy alone":           {`{"intervals":[{"end_at":946684200,"enwh":8},{"end_at":946684500,"enwh":10}]}`, 120, 946684500, 5 * time.Minute},
		"the newest is not full": {`{"total_devices":2,"intervals":[{"end_at":946684200,"devices_reporting":2,"powr":90},{"end_at":946684500,"devices_reporting":1,"powr":40}]}`, 90, 946684200, 5 * time.Minute},
		"one interval":           {`{"intervals":[{"end_at":"946684500","enwh":"10"}]}`, 120, 946684500, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t)
				a.say("/77/devices", 200, devices("", "", false))
				a.say("/77/telemetry/production_micro", 200, c.body)
				cl := a.connected(t)
				s, err := cl.Latest(t.Context(), time.Now())
				if err != nil {
					t.Fatal(err)
				}
				want := enlighten.Sample{Time: time.Unix(c.end, 0).UTC(), Power: reading.Power{ProductionW: reading.Of(c.want)}, Mean: c.mean,
					Next: time.Unix(c.end+990, 0).UTC(), From: "telemetry/production_micro"}
				if diff := cmp.Diff(want, s); diff != "" {
					t.Error(diff)
				}
				if n := len(a.calls()); n != 1 {
					t.Errorf("%d calls", n)
				}
			})
		})
	}
}

func TestWithoutTheRightToTheTelemetryThereIsTheSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		for _, p := range []string{"/latest_telemetry", "/telemetry/production_meter"} {
			a.say("/77"+p, 403, `{"message":"Forbidden"}`)
		}
		a.say("/77/summary", 200, `{"current_power":1234,"last_report_at":946684700,"last_interval_end_at":null,"source":"meter"}`)
		cl := a.connected(t)
		s, err := cl.Latest(t.Context(), time.Now())
		if err != nil || s.Power.ProductionW != reading.Of(1234) || s.Time.Unix() != 946684700 || s.From != "summary" {
			t.Errorf("sample %+v, err %v", s, err)
		}
		a.calls()
		time.Sleep(time.Hour)
		if _, err := cl.Latest(t.Context(), time.Now()); err != nil || len(a.calls()) != 1 {
			t.Errorf("the closed ways are tried again: %v", err)
		}
	})
}
