package sim_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"envoyd/internal/sim"
	"envoyd/internal/sim/home"
)

// noon is a home with the sun high up, whenever the test runs.
func noon() home.Config { return home.Config{Noon: true} }

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

func TestModernPresetsAgreeWithThemselves(t *testing.T) {
	for _, p := range sim.Presets() {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			c := start(t, sim.Config{Preset: p, Home: noon()})
			if !c.sim.Identity().Tokens() {
				return // TestOldFirmwareServesPlainHTTP asks those without tokens
			}
			if m := c.meters(); len(m) > 0 {
				checkMeters(t, c, m)
			}
			checkInverters(t, c)
		})
	}
}

// checkMeters compares the CTs with the truth of their second, with their own
// phases and with production.json.
func checkMeters(t *testing.T, c *client, m map[string]meter) {
	t.Helper()
	truth := c.sim.Truth(time.Unix(m["production"].Timestamp, 0))
	expect := map[string][3]float64{
		"production":        {truth.ProductionW, truth.ProductionWh, truth.StandbyWh},
		"net-consumption":   {truth.GridW, truth.ImportWh, truth.ExportWh},
		"total-consumption": {truth.ConsumptionW, truth.ConsumptionWh, 0},
		"storage":           {truth.BatteryW, truth.DischargeWh, truth.ChargeWh},
	}
	for kind, r := range m {
		want := expect[kind]
		if !near(r.ActivePower, want[0], 0.001) || !near(r.ActEnergyDlvd, want[1], 0.01) || !near(r.ActEnergyRcvd, want[2], 0.01) {
			t.Errorf("%s shows %v, the truth is %v", kind, r, want)
		}
		var w, dlvd float64
		for _, ch := range r.Channels[:r.PhaseCount] {
			w, dlvd = w+ch.ActivePower, dlvd+ch.ActEnergyDlvd
		}
		if !near(w, r.ActivePower, 0.01) || !near(dlvd, r.ActEnergyDlvd, 0.1) {
			t.Errorf("the phases of %s sum up to %f W, %f Wh instead of %f W, %f Wh", kind, w, dlvd, r.ActivePower, r.ActEnergyDlvd)
		}
	}
	if truth.ProductionW < 100 {
		t.Errorf("the home makes only %f W at noon", truth.ProductionW)
	}
	var page productionPage
	c.json("/production.json?details=1", &page)
	at := c.sim.Truth(time.Unix(page.Consumption[0].ReadingTime, 0))
	if got := page.Consumption[0].WNow; m["total-consumption"].Eid == 0 && !near(got, at.ProductionW+at.GridW, 0.01) {
		t.Errorf("the gateway's total is %f, want production + grid = %f without the battery", got, at.ProductionW+at.GridW)
	}
	if len(page.Production[1].Lines) != m["production"].PhaseCount {
		t.Errorf("%d lines with details for %d phases", len(page.Production[1].Lines), m["production"].PhaseCount)
	}
}

// checkInverters compares the inverters' endpoints with each other and with
// what the home makes.
func checkInverters(t *testing.T, c *client) {
	t.Helper()
	var list []struct {
		SerialNumber    string
		DevType         int
		LastReportDate  int64
		LastReportWatts float64
	}
	c.json("/api/v1/production/inverters", &list)
	var sum float64
	count := 0
	for _, inv := range list {
		if inv.DevType == 1 {
			sum += inv.LastReportWatts
			count++
		}
		if age := time.Now().Unix() - inv.LastReportDate; age < 0 || age > 20*60 {
			t.Errorf("%s reported %d s ago", inv.SerialNumber, age)
		}
	}
	var page productionPage
	c.json("/production.json", &page)
	if p := page.Production[0]; p.Type != "inverters" || !near(p.WNow, sum, 1) || p.ActiveCount != count {
		t.Errorf("production.json sums up to %+v, the inverters to %d with %f W", p, count, sum)
	}
}

func TestDeviceDataAgreesWithTheInverters(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	var data map[string]any
	c.json("/ivp/pdm/device_data", &data)
	var joules float64
	count := 0
	for _, v := range data {
		d, ok := v.(map[string]any)
		if !ok || d["devName"] != "pcu" {
			continue
		}
		count++
		joules += d["channels"].([]any)[0].(map[string]any)["lifetime"].(map[string]any)["joulesProduced"].(float64)
	}
	var page productionPage
	c.json("/production.json", &page)
	if got := page.Production[0].WhLifetime; count != 20 || !near(joules/3600, got, 20) {
		t.Errorf("%d devices with %f Wh, production.json has %f Wh", count, joules/3600, got)
	}
	made := c.sim.Truth(time.Now()).ProductionWh
	if !near(joules/3600, made, made*0.01) {
		t.Errorf("the inverters counted %f Wh, the CT %f Wh", joules/3600, made)
	}
}

func TestSlowPagesAndEndpointsOfRealGatewaysArePresent(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	for _, path := range []string{
		"/info", "/info.xml", "/home.json", "/home", "/inventory.json", "/ivp/pdm/production", "/ivp/pdm/energy",
		"/ivp/ensemble/inventory", "/ivp/ensemble/power", "/ivp/ensemble/secctrl", "/ivp/ensemble/status",
		"/ivp/ensemble/relay", "/ivp/ensemble/dry_contacts", "/ivp/ensemble/generator", "/ivp/ss/gen_config",
		"/ivp/ss/pel_settings", "/ivp/ss/dry_contact_settings", "/admin/lib/tariff", "/ivp/livedata/status",
		"/ivp/meters/reports", "/ivp/meters/gridReading", "/api/v1/production", "/production",
	} {
		res, body := c.ask("GET", path)
		if res.StatusCode != http.StatusOK || body == "" || res.Header.Get("Server") != "openresty/1.17.8.1" {
			t.Errorf("%s: %s from %q", path, res.Status, res.Header.Get("Server"))
		}
		if typ := res.Header.Get("Content-Type"); strings.HasPrefix(path, "/ivp/") && typ != "" {
			t.Errorf("%s has the type %s, real ones have none", path, typ)
		}
		if res.ProtoMajor != 1 || res.TLS.NegotiatedProtocol != "" {
			t.Errorf("%s over %s %q", path, res.Proto, res.TLS.NegotiatedProtocol)
		}
	}
	if res, body := c.ask("GET", "/ivp/livedata/stream/"); res.StatusCode != http.StatusNotFound || !strings.HasPrefix(body, "<html>") {
		t.Errorf("an unknown path: %s", res.Status)
	}
}

func TestBatteryEndpointsAgree(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	var power struct {
		Devices []struct {
			RealPowerMw float64 `json:"real_power_mw"`
			Soc         int
		} `json:"devices:"`
	}
	before := c.sim.Truth(time.Now())
	c.json("/ivp/ensemble/power", &power)
	after := c.sim.Truth(time.Now())
	var sum float64
	for _, d := range power.Devices {
		sum += d.RealPowerMw / 1000
	}
	if len(power.Devices) != 2 || !near(sum, before.BatteryW, 2) && !near(sum, after.BatteryW, 2) {
		t.Errorf("the batteries give %f W, the truth is %f or %f", sum, before.BatteryW, after.BatteryW)
	}
	var secctrl struct {
		AggSoC    float64 `json:"ENC_agg_soc"`
		Available float64 `json:"ENC_agg_avail_energy"`
	}
	c.json("/ivp/ensemble/secctrl", &secctrl)
	if !near(secctrl.AggSoC, after.SoCPct, 1) || !near(secctrl.Available, after.StoredWh, 5) {
		t.Errorf("secctrl says %+v, the truth is %f %% and %f Wh", secctrl, after.SoCPct, after.StoredWh)
	}
}

func TestOldFirmwareServesPlainHTTP(t *testing.T) {
	for preset, expect := range map[sim.Preset]map[string]string{
		sim.Digest5: {
			"/info": "200 <?xml", "/api/v1/production": "200 {", "/production.json": "200 {", "/home.json": "200 {",
			"/api/v1/production/inverters": "401 <html>", "/production": "401 <html>", "/ivp/ensemble/power": "404  { \"err\"",
		},
		sim.Legacy39: {
			"/api/v1/production": "200 {", "/production.json": "200 <html>", "/production": "200 <html>",
			"/api/v1/production/inverters": "401 <html>", "/ivp/meters": "404 { \"error\"", "/nothing": "200 <html>",
		},
		sim.Legacy37: {"/info": "200 <?xml", "/production": "200 <html>", "/api/v1/production": "404 {"},
	} {
		t.Run(preset.String(), func(t *testing.T) {
			c := start(t, sim.Config{Preset: preset, Home: noon()})
			c.bearer = ""
			for path, want := range expect {
				res, body := c.ask("GET", path)
				if got := fmt.Sprint(res.StatusCode, " ", body); !strings.HasPrefix(got, want) {
					t.Errorf("%s: %.60q, want %q", path, got, want)
				}
			}
			secure := strings.Replace(c.sim.Gateway.URL(), "http:", "https:", 1)
			if res, err := c.http.Get(secure + "/info"); err == nil {
				res.Body.Close() //nolint:errcheck // only read
				t.Error("TLS was served on firmware without it")
			}
		})
	}
}
