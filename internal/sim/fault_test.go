package sim_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
)

const readingsPath = "/ivp/meters/readings"

func TestConnectionFaultsDoWhatTheySay(t *testing.T) {
	for kind, check := range map[fault.Kind]func(*http.Response, string, error) bool{
		fault.Refuse: func(_ *http.Response, _ string, err error) bool {
			return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF)
		},
		fault.Cut: func(res *http.Response, body string, err error) bool {
			return errors.Is(err, io.ErrUnexpectedEOF) && res.StatusCode == 200 && len(body) > 100
		},
		fault.HTML: func(res *http.Response, body string, err error) bool {
			return err == nil && res.StatusCode == 200 && strings.HasPrefix(body, "<!DOCTYPE html>")
		},
		fault.Empty: func(res *http.Response, body string, err error) bool {
			return err == nil && res.StatusCode == 200 && body == ""
		},
		fault.Unauthorized: func(res *http.Response, body string, err error) bool {
			return err == nil && res.StatusCode == 401 && strings.Contains(body, "401 Authorization Required")
		},
		fault.BadGateway: func(res *http.Response, body string, err error) bool {
			return err == nil && res.StatusCode == 502 && strings.Contains(body, "502 Bad Gateway")
		},
		fault.Unavailable: func(res *http.Response, _ string, err error) bool { return err == nil && res.StatusCode == 503 },
	} {
		t.Run(string(kind), func(t *testing.T) {
			c := start(t, sim.Config{Home: noon()})
			c.sim.Fault(kind, fault.Options{})
			if res, body, err := c.try("GET", readingsPath); !check(res, body, err) {
				t.Errorf("got %v %.80q %v", res, body, err)
			}
			c.sim.Gateway.Faults().Clear()
			if m := c.meters(); len(m) != 2 {
				t.Errorf("after the fault there are %d meters", len(m))
			}
		})
	}
}

func TestStallNeverAnswers(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	c.http.Timeout = 200 * time.Millisecond
	c.sim.Fault(fault.Stall, fault.Options{Path: readingsPath, Count: 1})
	if _, _, err := c.try("GET", readingsPath); err == nil {
		t.Error("a stalled request was answered")
	}
	c.http.Timeout = 5 * time.Second
	if m := c.meters(); len(m) != 2 {
		t.Errorf("after one stalled answer there are %d meters", len(m))
	}
}

func TestFaultsKeepToTheirPathAndCount(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	c.sim.Fault(fault.BadGateway, fault.Options{Path: readingsPath, Count: 2})
	if res, _ := c.ask("GET", "/ivp/meters"); res.StatusCode != 200 {
		t.Errorf("another path: %s", res.Status)
	}
	var codes []int
	for range 3 {
		res, _ := c.ask("GET", readingsPath)
		codes = append(codes, res.StatusCode)
	}
	if codes[0] != 502 || codes[1] != 502 || codes[2] != 200 {
		t.Errorf("count=2 gave %v", codes)
	}
}

func TestFreezeRepeatsTheAnswer(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	c.sim.Fault(fault.Freeze, fault.Options{})
	_, first := c.ask("GET", readingsPath)
	waitUntil(t, "the clock moves on", func() bool { return time.Now().Nanosecond() < 5e8 })
	waitUntil(t, "the next second", func() bool { return time.Now().Nanosecond() > 5e8 })
	waitUntil(t, "and another", func() bool { return time.Now().Nanosecond() < 5e8 })
	if _, again := c.ask("GET", readingsPath); again != first {
		t.Error("a frozen answer changed")
	}
	c.sim.Gateway.Faults().Clear()
	if _, now := c.ask("GET", readingsPath); now == first {
		t.Error("the answer stayed frozen")
	}
}

// waitUntil polls for a condition, up to a deadline.
func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestNumberFaultsDoWhatTheySay(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	honest := c.meters()["production"]
	c.sim.Fault(fault.Spike, fault.Options{Path: readingsPath})
	if got := c.meters()["production"]; got.ActivePower < 20*honest.ActivePower || got.ActEnergyDlvd < honest.ActEnergyDlvd+4e6 {
		t.Errorf("no spike in %+v", got)
	}
	if got := c.meters()["production"]; got.ActivePower > 2*honest.ActivePower {
		t.Error("the spike lasted")
	}
	c.sim.Fault(fault.Flicker, fault.Options{})
	var page productionPage
	c.json("/production.json", &page)
	if page.Production[1].ActiveCount != 0 || page.Consumption[0].ActiveCount != 0 {
		t.Error("no flicker")
	}
	c.json("/production.json", &page)
	if page.Production[1].ActiveCount != 1 {
		t.Error("the flicker lasted")
	}
	c.sim.Fault(fault.NoMeters, fault.Options{Count: 1})
	if _, body := c.ask("GET", "/ivp/meters"); strings.TrimSpace(body) != "[]" {
		t.Errorf("meters are %q", body)
	}
	c.sim.Restart(time.Hour)
	c.login()
	if got := c.meters()["production"]; got.ActivePower != 0 || got.ActEnergyDlvd != 0 || got.Timestamp == 0 {
		t.Errorf("after a restart: %+v", got)
	}
}

func TestWrapAndResetChangeOnlyTheirCounter(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	var before, after productionPage
	c.json("/production.json", &before)
	if err := c.sim.Pages.Wrap(); err != nil {
		t.Fatal(err)
	}
	c.json("/production.json", &after)
	if drop := before.Production[0].WhLifetime - after.Production[0].WhLifetime; !near(drop, 1193046.47, 50) {
		t.Errorf("the inverter sum fell by %f", drop)
	}
	if !near(before.Production[1].WhLifetime, after.Production[1].WhLifetime, 5) {
		t.Error("the wrap touched the CT")
	}
	c.sim.Pages.Reset("net-consumption")
	m := c.meters()
	if m["net-consumption"].ActEnergyDlvd > 1 || m["production"].ActEnergyDlvd < 1e6 {
		t.Errorf("after the reset of the net CT: %+v", m)
	}
}

func TestAddressKeyAndCertificateChange(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	old, pin := c.sim.Gateway.URL(), c.sim.Gateway.Pin()
	if _, err := c.sim.Gateway.Move(""); err != nil {
		t.Fatal(err)
	}
	if c.sim.Gateway.URL() == old {
		t.Error("the address did not change")
	}
	if res, err := c.http.Get(old + "/info"); err == nil {
		res.Body.Close() //nolint:errcheck // only read
		t.Error("the old address still answers")
	}
	if _, err := c.sim.Gateway.RenewCertificate(-time.Hour); err != nil {
		t.Fatal(err)
	}
	res, _ := c.ask("GET", "/info")
	if res.TLS.PeerCertificates[0].NotAfter.After(time.Now()) || c.sim.Gateway.Pin() != pin {
		t.Error("no expired certificate with the old key")
	}
	if _, err := c.sim.Gateway.NewKey(); err != nil {
		t.Fatal(err)
	}
	res, _ = c.ask("GET", "/info")
	if res.TLS.PeerCertificates[0].NotAfter.Before(time.Now()) || c.sim.Gateway.Pin() == pin {
		t.Error("no new certificate with another key")
	}
}

func TestInvertersAreRemovedAndSwapped(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	gone, ok := c.sim.Home.RemoveInverter("")
	if !ok {
		t.Fatal("nothing to remove")
	}
	added := c.sim.Home.AddInverter()
	_, body := c.ask("GET", "/ivp/pdm/device_data")
	var data map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &data); err != nil {
		t.Fatal(err)
	}
	states := map[string]bool{}
	for _, raw := range data {
		var d struct {
			Sn     string
			Active bool
		}
		if json.Unmarshal(raw, &d) == nil {
			states[d.Sn] = d.Active
		}
	}
	if active, listed := states[gone]; !listed || active || !states[added] {
		t.Errorf("removed %s and added %s, but device data says %v", gone, added, states)
	}
}

func TestOffGridOpensTheRelay(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	c.sim.Home.OffGrid(true)
	waitUntil(t, "the grid is gone", func() bool { return c.sim.Truth(time.Now()).GridW == 0 })
	if _, body := c.ask("GET", "/ivp/ensemble/inventory"); !strings.Contains(body, `"mains_oper_state": "open"`) {
		t.Error("the relay is closed")
	}
}

func TestFirmwareChangeIsSeen(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	c.sim.Update("8.3.5167")
	if _, body := c.ask("GET", "/info"); !strings.Contains(body, "<software>D8.3.5167<") {
		t.Error("the old firmware is still there")
	}
}
