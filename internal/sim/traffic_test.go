package sim_test

import (
	"crypto/tls"
	"net/http"
	"sync"
	"testing"
	"time"

	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
)

func TestTrafficIsCounted(t *testing.T) {
	c := start(t, sim.Config{Home: noon(), Latency: 50 * time.Millisecond})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if _, _, err := c.try("GET", "/ivp/meters"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	c.ask("POST", "/ivp/livedata/stream")
	c.bearer, c.cookie = "", ""
	c.ask("GET", "/info")
	got := c.sim.Gateway.Traffic()
	if got.Requests["/ivp/meters"] != 3 || got.Requests["POST /ivp/livedata/stream"] != 1 || got.Credentials != 5 {
		t.Errorf("counted %+v", got)
	}
	if got.Together < 2 || got.Together > 3 || got.Connections < 2 || got.Connections > 4 {
		t.Errorf("together and connections: %+v", got)
	}
}

func TestTLSSessionsAreResumedUntilTheKeyChanges(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	transport := c.http.Transport.(*http.Transport)
	transport.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	resumed := func() bool {
		transport.CloseIdleConnections()
		res, _ := c.ask("GET", "/info")
		return res.TLS.DidResume
	}
	resumed()
	if !resumed() {
		t.Error("the session was not resumed")
	}
	if _, err := c.sim.Gateway.NewKey(); err != nil {
		t.Fatal(err)
	}
	if resumed() {
		t.Error("a session outlived its key")
	}
}

func TestSlowPagesAreSlowAndOneAtATime(t *testing.T) {
	c := start(t, sim.Config{Home: noon(), Latency: 20 * time.Millisecond})
	began := time.Now()
	c.ask("GET", "/ivp/meters")
	native := time.Since(began)
	began = time.Now()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if _, _, err := c.try("GET", "/home.json"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if slow := time.Since(began); native < 20*time.Millisecond || slow < 400*time.Millisecond {
		t.Errorf("a native page took %s, two slow ones %s", native, slow)
	}
}

func TestStandardGatewaysSpikeToo(t *testing.T) {
	c := start(t, sim.Config{Preset: sim.Standard7, Home: noon()})
	var honest, spiked productionPage
	c.json("/production.json", &honest)
	c.sim.Fault(fault.Spike, fault.Options{})
	c.json("/production.json", &spiked)
	if a, b := honest.Production[0], spiked.Production[0]; b.WNow < 20*a.WNow || b.WhLifetime < a.WhLifetime+4e6 {
		t.Errorf("%+v after %+v", b, a)
	}
}

func TestFirmwareDefectsArePlayed(t *testing.T) {
	c := start(t, sim.Config{Preset: sim.MeteredTotal, Home: noon()})
	var page struct {
		Consumption []struct{ WNow, WhLifetime, WhToday float64 }
	}
	c.json("/production.json", &page)
	total, net := page.Consumption[0], page.Consumption[1]
	if total != net || total.WhToday != total.WhLifetime {
		t.Errorf("8.3.5433 shows total %+v and net %+v", total, net)
	}
	c = start(t, sim.Config{Preset: sim.Standard83, Home: noon()})
	var v1 map[string]float64
	if c.json("/api/v1/production", &v1); v1["wattHoursLifetime"] != 0 {
		t.Errorf("8.3.5422 shows %v", v1)
	}
	c = start(t, sim.Config{Preset: sim.Standard7, Home: noon()})
	var sum productionPage
	c.json("/production.json", &sum)
	c.json("/api/v1/production", &v1)
	if got := sum.Production[0].WhLifetime; got > 1193047 || !near(got+11*1193046.4711, v1["wattHoursLifetime"], 20) {
		t.Errorf("7.6.175 shows %f, unwrapped %v", got, v1)
	}
}

func TestPresetsCanBeChanged(t *testing.T) {
	c := start(t, sim.Config{Firmware: "8.2.4264", CTs: []string{"production"}, Serial: "122333444999", Home: noon()})
	if id := c.sim.Identity(); id.Firmware != "8.2.4264" || id.Serial != "122333444999" {
		t.Errorf("identity %+v", id)
	}
	if m := c.meters(); len(m) != 1 {
		t.Errorf("meters %v", m)
	}
	for _, p := range sim.Presets() {
		if got, err := sim.ParsePreset(p.String()); err != nil || got != p {
			t.Errorf("%s is %v, %v", p, got, err)
		}
	}
	if _, err := sim.ParsePreset("x"); err == nil {
		t.Error("x is a preset")
	}
}
