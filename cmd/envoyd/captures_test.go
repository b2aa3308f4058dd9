package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/e2e"
	"envoyd/internal/parts"
	"envoyd/internal/reading"
	"envoyd/internal/sim"
)

var update = flag.Bool("update", false, "write the golden files anew")

// readJSON runs envoyd read -json in this process.
func readJSON(t *testing.T, config string, more ...string) (code int, out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := append([]string{"read", "-json", "-config", config}, more...)
	code = run(t.Context(), args, stdio{in: strings.NewReader(""), out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

// paths lists the JSON paths of a document: objects by key, arrays as [].
func paths(at string, v any, found map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			paths(strings.TrimPrefix(at+"."+key, "."), below, found)
		}
	case []any:
		found[at+"[]"] = true
		for _, below := range v {
			paths(at+"[]", below, found)
		}
	default:
		found[at] = true
	}
}

// contract is the document of the contract with every key there can be.
const contract = `[{"gateway": "1", "serial": "1", "name": "H", "source": "local", "time": "t", "firmware": "8", "quality": "good", "estimated": ["e"],
 "power": {"production_w": 1, "consumption_w": 1, "grid_w": 1, "battery_w": 1, "generator_w": 1},
 "energy": {"production_wh": 1, "consumption_wh": 1, "import_wh": 1, "export_wh": 1, "charge_wh": 1, "discharge_wh": 1},
 "today": {"production_wh": 1, "consumption_wh": 1, "import_wh": 1, "export_wh": 1, "charge_wh": 1, "discharge_wh": 1},
 "meters": [{"kind": "p", "phase": "", "time": "t", "status": "normal", "flags": ["f"], "power_w": 1, "voltage_v": 1, "current_a": 1,
  "frequency_hz": 1, "power_factor": 1, "apparent_va": 1, "reactive_var": 1, "delivered_wh": 1, "received_wh": 1}],
 "inverters": [{"serial": "1", "time": "t", "power_w": 1, "max_power_w": 1, "today_wh": 1, "energy_wh": 1, "dc_voltage_v": 1, "dc_current_a": 1,
  "ac_voltage_v": 1, "ac_current_a": 1, "frequency_hz": 1, "temperature_c": 1}],
 "batteries": [{"serial": "1", "kind": "encharge", "time": "t", "power_w": 1, "soc_pct": 1, "temperature_c": 1, "capacity_wh": 1, "communicating": true}],
 "storage": {"soc_pct": 1, "available_wh": 1, "capacity_wh": 1, "reserve_pct": 1, "mode": "m"},
 "controllers": [{"serial": "1", "kind": "enpower", "temperature_c": 1, "communicating": true}], "grid_state": "on-grid"}]`

func pathsOf(t *testing.T, text string) map[string]bool {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("not JSON: %v: %s", err, text)
	}
	found := map[string]bool{}
	paths("", v, found)
	return found
}

// Every recorded gateway is read by the command itself: what it prints has the
// contract's keys and no others, which of them is frozen in testdata, and the
// powers are those of the derivation's own goldens.
func TestReadOfEveryRecordedGateway(t *testing.T) {
	dir := parts.Captures(t)
	folders, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	allowed, got := pathsOf(t, contract), map[string][]string{}
	for _, f := range folders {
		if !f.IsDir() {
			continue
		}
		t.Run(f.Name(), func(t *testing.T) {
			code, out, said := readJSON(t, recorded(t, filepath.Join(dir, f.Name())))
			if code != exitOK {
				t.Fatalf("exit status %d: %s", code, said)
			}
			found := pathsOf(t, out)
			for path := range found {
				if !allowed[path] {
					t.Errorf("the contract knows no %s", path)
				}
			}
			got[f.Name()] = slices.Sorted(maps.Keys(found))
			var all []reading.Reading
			if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
				t.Fatalf("%d readings, %v", len(all), err)
			}
			sound(t, &all[0])
			sameAsDerived(t, f.Name(), &all[0])
		})
	}
	compareGolden(t, filepath.Join("testdata", "read-paths.json"), got)
}

// recorded starts a replay and returns a configuration for it: with a token
// from firmware 7 on, without below.
func recorded(t *testing.T, dir string) (file string) {
	t.Helper()
	s, err := sim.Start(sim.Config{Capture: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the test is over
	work := t.TempDir()
	file = filepath.Join(work, "envoyd.yaml")
	block := fmt.Sprintf("serial: %q, address: %q", s.Identity().Serial, s.Gateway.Addr())
	if s.Identity().Tokens() {
		block += fmt.Sprintf(", token: %q", s.Token())
	}
	text := fmt.Sprintf("gateways: [{%s}]\nstore: {path: %s}\nhttp: {listen: \"\"}\n", block, filepath.Join(work, "state"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// sound looks for numbers that cannot be.
func sound(t *testing.T, r *reading.Reading) {
	t.Helper()
	never := map[string]reading.Value{"power.consumption_w": r.Power.ConsumptionW}
	for _, f := range append(slices.Clone(fieldsOf(r.Energy.Fields())), fieldsOf(r.Today.Fields())...) {
		never[f.Name] = f.Value
	}
	for i := range r.Inverters {
		never["inverter "+r.Inverters[i].Serial] = r.Inverters[i].EnergyWh
	}
	for name, v := range never {
		if v.Or(0) < 0 || math.IsNaN(v.Or(0)) || math.IsInf(v.Or(0), 0) {
			t.Errorf("%s is %v", name, v)
		}
	}
	if soc := r.Storage.SoCPct.Or(0); soc < 0 || soc > 100 {
		t.Errorf("the battery is at %v %%", soc)
	}
	if r.Time.IsZero() {
		t.Error("it has no time")
	}
}

func fieldsOf(f [6]reading.Field) []reading.Field { return f[:] }

// sameAsDerived compares power and devices with internal/derive's goldens.
func sameAsDerived(t *testing.T, name string, r *reading.Reading) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts.Root(t), "internal", "derive", "testdata", "golden", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Reading reading.Reading }
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	want := &golden.Reading
	if d := cmp.Diff(want.Power, r.Power, cmp.Comparer(func(a, b reading.Value) bool { return a == b })); d != "" {
		t.Errorf("power is not as derived (-derived +read):\n%s", d)
	}
	if len(want.Inverters) != len(r.Inverters) || len(want.Batteries) != len(r.Batteries) || len(want.Meters) != len(r.Meters) {
		t.Errorf("%d inverters, %d batteries, %d meters; derived %d, %d, %d", len(r.Inverters), len(r.Batteries), len(r.Meters),
			len(want.Inverters), len(want.Batteries), len(want.Meters))
	}
}

func compareGolden(t *testing.T, file string, got map[string][]string) {
	t.Helper()
	if *update {
		text, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]string
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("what envoyd read prints has changed (-frozen +now); -update writes it anew:\n%s", d)
	}
}

// Beside a running daemon, read asks it and not the gateway.
func TestReadBesideTheDaemon(t *testing.T) {
	h := e2e.Start(t, e2e.Options{})
	h.Fresh()
	before := h.Sim.Gateway.Traffic().Connections
	code, out, said := readJSON(t, h.File)
	if code != exitOK || !strings.Contains(out, `"name": "Home"`) {
		t.Fatalf("exit status %d: %s%s", code, out, said)
	}
	if after := h.Sim.Gateway.Traffic().Connections; after != before {
		t.Errorf("the gateway was connected to %d times more", after-before)
	}
	if code, _, said := readJSON(t, h.File, "-direct"); code != exitFailed || !strings.Contains(said, "Leave out -direct") {
		t.Errorf("asked for directly, beside the daemon: exit status %d: %s", code, said)
	}
}
