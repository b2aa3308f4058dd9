package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"envoyd/internal/app"
	"envoyd/internal/config"
	"envoyd/internal/sim"
)

// oldHome is a gateway with few pages, so that the pauses between them do not
// make the test long, and a configuration that reads it.
func oldHome(t *testing.T) (s *sim.Sim, file string) {
	t.Helper()
	s, err := sim.Start(sim.Config{Preset: sim.Legacy37})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the test is over
	dir := t.TempDir()
	file = filepath.Join(dir, "envoyd.yaml")
	text := fmt.Sprintf("gateways: [{serial: %q, name: Home, address: %q}]\nstore: {path: %s}\nhttp: {listen: \"\"}\n",
		s.Identity().Serial, s.Gateway.Addr(), filepath.Join(dir, "state"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, file
}

// captured runs the command and returns its status and what it printed.
func captured(t *testing.T, input string, args ...string) (code int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"capture"}, args...), stdio{in: strings.NewReader(input), out: &stdout, err: &stderr})
	return code, stdout.String() + stderr.String()
}

func TestCaptureShowsThenAsksThenWrites(t *testing.T) {
	t.Parallel()
	s, file := oldHome(t)
	dir := filepath.Join(t.TempDir(), "new")
	code, out := captured(t, "\n", "-config", file, dir)
	if _, err := os.Stat(dir); code != exitFailed || !errors.Is(err, os.ErrNotExist) || !strings.Contains(out, "nothing was written") {
		t.Errorf("without a yes: status %d, %v, %s", code, err, out)
	}
	code, out = captured(t, "y\n", "-config", file, dir)
	if code != exitOK || !strings.Contains(out, "Currently") || !strings.Contains(out, "Written to "+dir) {
		t.Fatalf("status %d: %s", code, out)
	}
	if strings.Contains(out, s.Identity().Serial) {
		t.Error("the serial number is shown as kept")
	}
	for _, name := range []string{"info", "info_log.json", "production", "production_log.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.Contains(string(text), s.Identity().Serial) {
			t.Errorf("%s: %v, %s", name, err, text)
		}
	}
	before := s.Gateway.Requests("/info")
	code, out = captured(t, "", "-config", file, "-yes", dir)
	if code != exitFailed || !strings.Contains(out, "not empty") || s.Gateway.Requests("/info") != before {
		t.Errorf("into a folder that is in use: status %d, %s", code, out)
	}
}

func TestCaptureAsksThroughTheRunningDaemon(t *testing.T) {
	t.Parallel()
	s, file := oldHome(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	load := func() (*config.Config, error) { return config.Load(file) }
	go func() { done <- app.Run(ctx, app.Options{Log: slog.New(slog.DiscardHandler), Load: load}) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	awaitReading(t, file)
	dir := filepath.Join(t.TempDir(), "new")
	if code, out := captured(t, "", "-config", file, "-yes", dir); code != exitOK {
		t.Fatalf("status %d: %s", code, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "production")); err != nil {
		t.Error(err)
	}
	if n := s.Gateway.Traffic().Together; n != 1 {
		t.Errorf("%d requests at once", n)
	}
}

// awaitReading waits until the daemon has read its gateway.
func awaitReading(t *testing.T, file string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		cfg, err := config.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		if client, err := app.Dial(t.Context(), cfg); err == nil {
			if all, err := client.Readings(t.Context()); err == nil && len(all) == 1 {
				return
			}
		}
		select {
		case <-deadline:
			t.Fatal("the daemon reads nothing")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestCaptureWantsOneFolder(t *testing.T) {
	for _, args := range [][]string{{}, {"a", "b"}, {""}} {
		if code, out := captured(t, "", args...); code != exitUsage || !strings.Contains(out, "usage: envoyd capture DIR") {
			t.Errorf("%q: status %d, %s", args, code, out)
		}
	}
}
