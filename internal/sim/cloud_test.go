package sim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
)

// ask makes a data call to the cloud of a home.
func ask(t *testing.T, s *sim.Sim, client *http.Client, path string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("%s/api/v4/systems/%d%s", s.Account.URL(), s.Cloud.System(), path), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("key", s.Cloud.Key())
	req.Header.Set("Authorization", "Bearer "+s.Cloud.Grant()["access_token"].(string))
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	var doc map[string]any
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil || res.StatusCode != 200 {
		t.Fatalf("%s: %s %v", path, res.Status, err)
	}
	return doc
}

func TestTheCloudGoesOnWhileTheGatewayRefuses(t *testing.T) {
	s, err := sim.Start(sim.Config{Home: noon(), Cloud: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	s.Fault(fault.Refuse, fault.Options{})
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	doc := ask(t, s, client, "/latest_telemetry")
	if meters := doc["devices"].(map[string]any)["meters"].([]any); len(meters) != 6 || meters[0].(map[string]any)["power"].(float64) < 100 {
		t.Errorf("%v", doc)
	}
	for _, d := range ask(t, s, client, "/devices")["devices"].(map[string]any)["gateways"].([]any) {
		if d.(map[string]any)["serial_number"] != sim.DefaultSerial {
			t.Errorf("%v", d)
		}
	}
}

func TestTheCloudLivesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := sim.NewMemory(), sim.NewMemory()
		s, err := sim.Start(sim.Config{Home: noon(), Listener: gateway, CloudOn: memory})
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{DialContext: memory.Dial}
		time.Sleep(24 * time.Hour)
		if doc := ask(t, s, &http.Client{Transport: transport}, "/telemetry/production_meter"); doc["items"] != "intervals" {
			t.Errorf("%v", doc)
		}
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestThePresetsDecideWhatTheCloudHas(t *testing.T) {
	for preset, want := range map[sim.Preset]int{sim.MeteredBattery: 2, sim.MeteredTotal: 2, sim.MeteredOff: 0, sim.Standard83: 0} {
		synctest.Test(t, func(t *testing.T) {
			memory := sim.NewMemory()
			s, err := sim.Start(sim.Config{Home: noon(), Preset: preset, Listener: sim.NewMemory(), CloudOn: memory})
			if err != nil {
				t.Fatal(err)
			}
			transport := &http.Transport{DialContext: memory.Dial}
			meters, _ := ask(t, s, &http.Client{Transport: transport}, "/devices")["devices"].(map[string]any)["meters"].([]any)
			if len(meters) != want {
				t.Errorf("%s: %v", preset, meters)
			}
			transport.CloseIdleConnections()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
