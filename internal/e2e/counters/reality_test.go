package counters_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"envoyd/internal/app"
	"envoyd/internal/config"
	"envoyd/internal/e2e"
	"envoyd/internal/parts"
	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/home"
)

// startInflux starts a real InfluxDB 1.8 on a free port and returns its address.
func startInflux(t *testing.T) string {
	t.Helper()
	dir, ports := t.TempDir(), [2]string{}
	for i := range ports {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = l.Addr().String()
		_ = l.Close() // only to learn a number
	}
	file := filepath.Join(dir, "influxdb.conf")
	text := fmt.Sprintf("reporting-disabled = true\nbind-address = %q\n[meta]\n  dir = %q\n[data]\n  dir = %q\n  wal-dir = %q\n"+
		"[http]\n  bind-address = %q\n  log-enabled = false\n[monitor]\n  store-enabled = false\n",
		ports[0], dir+"/meta", dir+"/data", dir+"/wal", ports[1])
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(parts.Find(t, "influxd"), "-config", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	e2e.WaitFor(t, "influxd to answer", func() bool { return ask(ports[1], "CREATE DATABASE solar") != nil })
	return ports[1]
}

// ask asks InfluxDB and returns the rows of the first series, nil while it
// does not answer.
func ask(addr, text string) [][]any {
	resp, err := http.PostForm("http://"+addr+"/query", url.Values{"q": {text}, "db": {"solar"}, "epoch": {"ms"}})
	if err != nil {
		return nil
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	var answer struct {
		Results []struct {
			Series []struct{ Values [][]any }
		}
	}
	body, _ := io.ReadAll(resp.Body) // half of it is no JSON
	if json.Unmarshal(body, &answer) != nil || len(answer.Results) == 0 {
		return nil
	}
	rows := [][]any{}
	for _, s := range answer.Results[0].Series {
		rows = append(rows, s.Values...)
	}
	return rows
}

// TestRealPartsSeeNoLie plays zeros, a spike and a CT commissioned anew with
// everything real: sockets, the clock, the broker's wire, influxd, the page and
// envoyd check.
func TestRealPartsSeeNoLie(t *testing.T) {
	influx := startInflux(t)
	h := e2e.Start(t, e2e.Options{
		Sim:   sim.Config{Preset: sim.Metered, Home: home.Config{Noon: true}},
		Extra: fmt.Sprintf("influx: {url: \"http://%s\", bucket: solar}\n", influx),
	})
	s := h.Subscribe("envoyd/#")
	first := h.Fresh()
	h.Sim.Fault(fault.Spike, fault.Options{Count: 1, Path: "/ivp/meters/readings"})
	h.Wait("the spike to be refused", func() bool { return refusedInMetrics(h, "jumped further than hardware can") })
	h.Sim.Restart(8 * time.Second)
	h.Wait("the zeros to be refused", func() bool { return refusedInMetrics(h, "every counter is 0") })
	h.Sim.Pages.Reset("production")
	again := h.Until("the CT's new level to be believed", func(*reading.Reading) bool {
		return strings.Contains(h.Log.String(), "started over")
	})
	h.Until("production to go on", func(r *reading.Reading) bool {
		return r.Energy.ProductionWh.Or(0) > again.Energy.ProductionWh.Or(0)+1
	})
	h.Wait("a third energy over MQTT", func() bool { return len(s.Numbers("/energy", "energy.production_wh")) >= 3 })
	if line := checkLine(t, h); !strings.Contains(line, "not believed") {
		t.Errorf("envoyd check says %q", line)
	}
	h.StopDaemon()
	highest := first.Energy.ProductionWh.Or(0) + 15e3*time.Since(first.Time).Hours() + 10
	numbers := map[string][]float64{"subscriber": s.Numbers("/energy", "energy.production_wh")}
	for _, row := range ask(influx, "SELECT production_wh FROM enphase_energy") {
		numbers["influxd"] = append(numbers["influxd"], row[1].(float64))
	}
	for who, all := range numbers {
		if len(all) < 3 {
			t.Errorf("%s has %d energies", who, len(all))
		}
		for i, wh := range all {
			if i > 0 && wh < all[i-1] || wh > highest {
				t.Errorf("%s: production %v after %v, highest possible %v", who, wh, all[max(0, i-1)], highest)
			}
		}
	}
}

// refusedInMetrics reports whether /metrics counts a refusal for the reason.
func refusedInMetrics(h *e2e.House, reason string) bool {
	for line := range strings.SplitSeq(h.Get("/metrics"), "\n") {
		if strings.HasPrefix(line, "envoyd_refused_values_total{") && strings.Contains(line, reason) {
			return true
		}
	}
	return false
}

// checkLine is what envoyd check says of refused values.
func checkLine(t *testing.T, h *e2e.House) string {
	t.Helper()
	cfg, err := config.Load(h.File)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), e2e.Patience)
	defer cancel()
	for line := range app.Check(ctx, cfg, slog.New(slog.DiscardHandler), app.CheckOptions{Version: "test"}) {
		if strings.HasPrefix(line.Part, "refused ") {
			return line.Says
		}
	}
	return ""
}
