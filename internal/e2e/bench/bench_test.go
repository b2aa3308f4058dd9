// Package bench_test measures the daemon as its owner has it: a process of its
// own with MQTT, a database and the page, beside a simulated gateway on
// loopback. scripts/bench.sh makes a table of it.
package bench_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"envoyd/internal/e2e"
	"envoyd/internal/parts"
	"envoyd/internal/sim"
	"envoyd/internal/sim/home"
)

// bench is a daemon under measurement.
type bench struct {
	*e2e.House
	b       testing.TB
	witness *witness
	program string
	cmd     *exec.Cmd
}

// setUp builds the house.
func setUp(b testing.TB) *bench {
	b.Helper()
	database := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what it holds is for the tests to see
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(database.Close)
	w := newWitness(b)
	h := e2e.Build(b, e2e.Options{
		Sim:     sim.Config{Home: home.Config{Noon: true}},
		Address: w.address(),
		Extra:   "influx: {url: \"" + database.URL + "\", org: home, bucket: solar, token: any}\n",
	})
	w.watch(h.Sim.Gateway.Addr())
	return &bench{House: h, b: b, witness: w, program: product(b)}
}

// product builds the program as make build does: without cgo, stripped.
func product(b testing.TB) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "envoyd")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/envoyd")
	cmd.Dir, cmd.Env = parts.Root(b), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("building envoyd: %v: %s", err, out)
	}
	return program
}

// start starts the daemon and does not wait for it.
func (d *bench) start() {
	d.b.Helper()
	d.cmd = exec.Command(d.program, "run", "-config", d.File)
	d.cmd.Stderr = d.Log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		d.b.Fatal(err)
	}
	d.b.Cleanup(d.stop)
}

func (d *bench) stop() {
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	if err := d.cmd.Wait(); err != nil {
		d.b.Error("the daemon ended with:", err)
	}
	d.cmd = nil
}

// firstReading waits for the first reading of the API and returns when it was
// there.
func (d *bench) firstReading() time.Time {
	d.b.Helper()
	for end := time.Now().Add(e2e.Patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		resp, err := http.Get(d.Page + "/api/v1/readings")
		if err != nil {
			continue
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil && strings.Contains(string(text), `"production_w"`) {
			return time.Now()
		}
	}
	d.b.Fatal("no reading: ", d.Log.String())
	return time.Time{}
}

// BenchmarkStart measures from the start of the process to the first reading
// at the API: at the very first start, with a login to Enphase, and at a later
// one. The worst of all is reported.
func BenchmarkStart(b *testing.B) {
	d := setUp(b)
	var first, later time.Duration
	for range b.N {
		if err := os.RemoveAll(filepath.Join(d.Dir, "state")); err != nil {
			b.Fatal(err)
		}
		first = max(first, d.startAndStop())
		later = max(later, d.startAndStop())
	}
	b.ReportMetric(float64(first.Milliseconds()), "ms-first")
	b.ReportMetric(float64(later.Milliseconds()), "ms-later")
	b.ReportMetric(0, "ns/op")
}

func (d *bench) startAndStop() (took time.Duration) {
	d.b.Helper()
	began := time.Now()
	d.start()
	took = d.firstReading().Sub(began)
	d.stop()
	return took
}
