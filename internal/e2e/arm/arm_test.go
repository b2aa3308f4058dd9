// Package arm_test runs the product as the smallest Pi would: built for armv6
// without cgo, under an emulated ARM1176. It finds what only such a processor
// trips over, as 64-bit atomics that are not aligned. It says nothing of speed.
package arm_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"envoyd/internal/e2e"
	"envoyd/internal/parts"
	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/home"
)

// build builds envoyd for armv6 and returns the command that runs it here.
func build(t *testing.T) []string {
	t.Helper()
	qemu := parts.Find(t, "qemu-arm-static")
	program := filepath.Join(t.TempDir(), "envoyd-armv6")
	cmd := exec.Command("go", "build", "-o", program, "./cmd/envoyd")
	cmd.Dir = parts.Root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=6")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building for armv6: %v: %s", err, out)
	}
	return []string{qemu, "-cpu", "arm1176", program}
}

// A Pi of 2012 reads a gateway, and runs beside it.
func TestArmv6(t *testing.T) {
	arm := build(t)
	h := e2e.Build(t, e2e.Options{Sim: sim.Config{Home: home.Config{Noon: true}}})

	t.Run("reads", func(t *testing.T) {
		cmd := exec.Command(arm[0], append(arm[1:], "read", "-json", "-config", h.File)...)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s%s", err, out, said.String())
		}
		var all []reading.Reading
		if err := json.Unmarshal(out, &all); err != nil || len(all) != 1 {
			t.Fatalf("%v: %s", err, out)
		}
		plausible(t, h, &all[0])
	})

	t.Run("runs", func(t *testing.T) {
		cmd := exec.Command(arm[0], append(arm[1:], "run", "-config", h.File)...)
		cmd.Stderr = h.Log
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill() }() // it has ended, unless the test failed
		power := h.Subscribe("envoyd/+/power")
		seen := map[float64]bool{}
		h.Wait("readings at a subscriber", func() bool {
			for _, w := range power.Numbers("/power", "production_w") {
				seen[w] = true
			}
			return len(seen) > 2
		})
		r := h.Fresh()
		plausible(t, h, r)
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("it ended with %v: %s", err, h.Log)
		}
	})
}

// plausible compares with what really was, give or take a moment.
func plausible(t *testing.T, h *e2e.House, r *reading.Reading) {
	t.Helper()
	truth := h.Sim.Truth(r.Time.Truncate(time.Second))
	if got := r.Power.ProductionW.Or(-1); got < truth.ProductionW-0.01 || got > truth.ProductionW+0.01 {
		t.Errorf("production at %s is %v W, in truth %v", r.Time, got, truth.ProductionW)
	}
	if len(r.Inverters) == 0 || !r.Energy.ProductionWh.Known() {
		t.Errorf("inverters or energy are missing: %+v", r)
	}
}
