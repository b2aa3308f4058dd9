package answer_test

import (
	"errors"
	"strings"
	"testing"

	"envoyd/internal/answer"
)

// parsers are all of the package, by the endpoint they read.
var parsers = map[string]func([]byte) error{
	"home.json":                   drop(answer.ParseHome),
	"ivp/meters":                  drop(answer.ParseMeters),
	"ivp/meters/readings":         drop(answer.ParseReadings),
	"ivp/meters/reports":          drop(answer.ParseReports),
	"production.json":             drop(answer.ParseProduction),
	"production":                  drop(answer.ParsePage),
	"api/v1/production":           drop(answer.ParseV1),
	"api/v1/production/inverters": drop(answer.ParseInverters),
	"ivp/pdm/device_data":         drop(answer.ParseDeviceData),
	"ivp/pdm/energy":              drop(answer.ParsePDMEnergy),
	"ivp/ensemble/inventory":      drop(answer.ParseEnsemble),
	"ivp/ensemble/power":          drop(answer.ParseEnsemblePower),
	"ivp/ensemble/secctrl":        drop(answer.ParseSecCtrl),
	"ivp/ensemble/generator":      drop(answer.ParseGenerator),
	"ivp/ss/gen_config":           drop(answer.ParseGenConfig),
	"inventory.json":              drop(answer.ParseInventory),
	"admin/lib/tariff":            drop(answer.ParseTariff),
	"ivp/livedata/status":         drop(answer.ParseLiveData),
}

func drop[T any](parse func([]byte) (T, error)) func([]byte) error {
	return func(b []byte) error {
		_, err := parse(b)
		return err
	}
}

func TestAnotherPageIsNoMeasurement(t *testing.T) {
	bodies := map[string]string{
		"empty":        "",
		"blank":        " \r\n\t",
		"login page":   "<!DOCTYPE html><html><body><h1>401 Authorization Required</h1></body></html>",
		"error object": ` {"err":"404 - Not Found"}`,
		"error 3.x":    `{"error":"404 - Not Found"}`,
		"null":         "null",
		"number":       "7",
		"truncated":    `{"production":[{"type":"inverters","wNow":12`,
		"cut list":     `[{"eid":704643328,"state":"enab`,
		"other list":   `[1,"two",null]`,
	}
	for endpoint, parse := range parsers {
		for name, body := range bodies {
			t.Run(endpoint+" "+name, func(t *testing.T) {
				if err := parse([]byte(body)); !errors.Is(err, answer.ErrShape) {
					// the inventories skip what is no group, which leaves nothing installed
					if name == "other list" && endpoint == "ivp/ensemble/inventory" {
						return
					}
					t.Errorf("got %v, want ErrShape", err)
				}
			})
		}
	}
}

func TestEmptyListsAreAnswers(t *testing.T) {
	for _, endpoint := range []string{
		"ivp/meters", "ivp/meters/readings", "ivp/meters/reports",
		"api/v1/production/inverters", "ivp/ensemble/inventory", "inventory.json",
	} {
		if err := parsers[endpoint]([]byte("[]")); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	if err := parsers["ivp/ensemble/power"]([]byte(`{"devices:":[]}`)); err != nil {
		t.Error(err)
	}
	if c, err := answer.ParseGenConfig([]byte("{}")); err != nil || c.Exists {
		t.Errorf("no generator: %+v, %v", c, err)
	}
}

func TestWrongMembersAreAbsent(t *testing.T) {
	body := `[{"eid":"704643328","timestamp":1752974746.0,"actEnergyDlvd":"unknown","actEnergyRcvd":NaN,
		"activePower":"-3.5","voltage":{"a":1},"freq":[50],"channels":"none","new":true},
		{"eid":{},"activePower":1},"text"]`
	all, err := answer.ParseReadings([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("got %d readings, want the one with an eid", len(all))
	}
	m := all[0]
	if m.PowerW.Or(0) != -3.5 || m.EID != 704643328 || m.Time.Unix() != 1752974746 {
		t.Errorf("right members were lost: %+v", m)
	}
	if m.DeliveredWh.Known() || m.ReceivedWh.Known() || m.VoltageV.Known() || m.FrequencyHz.Known() || len(m.Channels) > 0 {
		t.Errorf("wrong members became numbers: %+v", m)
	}
}

func TestBareNaNInsideTextStays(t *testing.T) {
	h, err := answer.ParseHome([]byte(`{"timezone":"Asia/NaN\"inf","network":{},"x":-Infinity,"y":nan}`))
	if err != nil {
		t.Fatal(err)
	}
	if h.Timezone != `Asia/NaN"inf` {
		t.Errorf("timezone %q", h.Timezone)
	}
}

func TestDeviceDataUnderflow(t *testing.T) {
	d, err := answer.ParseDeviceData([]byte(`{"704643328":{"devName":"eim","sn":"1","channels":[{"watts":{"now":4294967292,"max":5171}}]},
		"deviceCount":50,"deviceDataLimit":50,"x":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	if w := d.Devices[0].Channels[0].Watts; w.Now.Known() || w.Max.Or(0) != 5171 {
		t.Errorf("watts %+v", w)
	}
	if d.Complete() {
		t.Error("a list of 50 with a limit of 50 is cut")
	}
}

func TestPageUnits(t *testing.T) {
	page := func(now, life string) string {
		return "<table><tr><td>Currently</td><td>" + now + "</td></tr><tr><td>Since Installation</td><td>" + life + "</td></tr></table>"
	}
	for _, c := range []struct {
		now, life  string
		w, wh, mwh float64
	}{
		{" 6.63 kW", "  133 MWh", 6630, 133e6, 1e6},
		{"  0 W", " 14.6 MWh", 0, 14.6e6, 1e5},
		{"950 W", "900 Wh", 950, 900, 1},
		{"1.2 MW", "53.65 kWh", 1.2e6, 53650, 10},
	} {
		p, err := answer.ParsePage([]byte(page(c.now, c.life)))
		if err != nil {
			t.Fatal(err)
		}
		if p.PowerW.Or(-1) != c.w || p.LifetimeWh.Or(-1) != c.wh || p.LifetimeStepWh != c.mwh {
			t.Errorf("%s, %s: got %v, %v, step %v", c.now, c.life, p.PowerW, p.LifetimeWh, p.LifetimeStepWh)
		}
	}
	for _, wrong := range []string{page("a lot", "more"), page("5 HP", "6 cal"), "<p>Page Not Found</p>"} {
		if _, err := answer.ParsePage([]byte(wrong)); !errors.Is(err, answer.ErrShape) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestInactiveItemsDoNotCount(t *testing.T) {
	p, err := answer.ParseProduction([]byte(`{"production":[{"type":"inverters","wNow":5},{"type":"eim","activeCount":0,"measurementType":"production","wNow":9}],
		"consumption":[{"activeCount":0},{"type":"eim","activeCount":1,"wNow":3}],"storage":[{"type":"acb","activeCount":0}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{answer.KindProduction, answer.KindNet, answer.KindTotal} {
		if item, ok := p.CT(kind); ok {
			t.Errorf("%s: %+v", kind, item)
		}
	}
	if _, ok := p.ACB(); ok {
		t.Error("the stub of the AC Batteries counts as one")
	}
}

func TestReportsTakeOneOrMany(t *testing.T) {
	one := `{"reportType":"production","cumulative":{"actPower":5}}`
	for _, body := range []string{one, "[" + one + "]"} {
		all, err := answer.ParseReports([]byte(body))
		if err != nil || len(all) != 1 || all[0].Cumulative.PowerW.Or(0) != 5 {
			t.Errorf("%s: %+v, %v", body, all, err)
		}
	}
}

func TestDeepNestingIsAnError(t *testing.T) {
	deep := []byte(strings.Repeat("[", 100000))
	for endpoint, parse := range parsers {
		if parse(deep) == nil && endpoint != "production" {
			t.Errorf("%s took it", endpoint)
		}
	}
}
