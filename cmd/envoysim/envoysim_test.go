package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// build makes the program once for a test.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "envoysim")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func TestUsageAndFaults(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close() //nolint:errcheck // only read
	for name, tt := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":               {[]string{"-h"}, 0, "Usage:"},
		"unknown flag":       {[]string{"-nothing"}, 2, "-nothing"},
		"an argument":        {[]string{"x"}, 2, `"x" is no option`},
		"short serial":       {[]string{"-serial", "12"}, 2, "-serial 12 is not 12 digits"},
		"no speed":           {[]string{"-speed", "0"}, 2, "-speed must be above 0"},
		"speed not a number": {[]string{"-speed", "NaN"}, 2, "-speed must be above 0"},
		"unknown plan":       {[]string{"-cloud-plan", "x"}, 2, "-cloud-plan x is not one of"},
		"negative delay":     {[]string{"-cloud-delay", "-1s"}, 2, "must not be negative"},
		"unknown preset":     {[]string{"-preset", "x"}, 2, `no preset "x"`},
		"busy port":          {[]string{"-listen", busy.Addr().String()}, 1, busy.Addr().String()},
		"busy broker":        {[]string{"-listen", "127.0.0.1:0", "-broker", busy.Addr().String()}, 1, "MQTT broker at " + busy.Addr().String()},
		"busy cloud":         {[]string{"-listen", "127.0.0.1:0", "-cloud", busy.Addr().String()}, 1, "token service at " + busy.Addr().String()},
		"no capture":         {[]string{"-listen", "127.0.0.1:0", "-capture", "/nowhere"}, 1, "/nowhere"},
		"announcing at home": {[]string{"-listen", "0.0.0.0:0", "-mdns"}, 1, "only on loopback or in a network namespace of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs strings.Builder
			if code := run(tt.args, &out, &errs); code != tt.code || !strings.Contains(errs.String(), tt.says) || out.String() != "" {
				t.Errorf("exit %d, out %q, errors %q", code, out.String(), errs.String())
			}
		})
	}
}

func TestItPrintsItsServicesAndEndsOnASignal(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	cmd := exec.CommandContext(t.Context(), build(t), "-listen", "127.0.0.1:0", "-broker", "127.0.0.1:0", "-cloud", "127.0.0.1:0", "-cloud-ca", ca,
		"-print-token", "-latency", "0s", "-cloud-plan", "Kilowatt")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{}
	for scan := bufio.NewScanner(out); len(lines) < 5 && scan.Scan(); {
		words := strings.Fields(scan.Text())
		lines[words[0]] = words[1:]
	}
	if !strings.HasPrefix(lines["mqtt"][0], "mqtt://demo-") || !strings.HasPrefix(lines["cloud"][0], "https://127.0.0.1:") {
		t.Errorf("services: %v", lines)
	}
	enlighten := strings.Join(lines["enlighten"], " ")
	if !regexp.MustCompile(`^https://127\.0\.0\.1:\d+ client [0-9a-f]{32} secret [0-9a-f]{32} key [0-9a-f]{32} system 4321098$`).MatchString(enlighten) {
		t.Errorf("enlighten: %s", enlighten)
	}
	if pem, err := os.ReadFile(ca); err != nil || !strings.Contains(string(pem), "BEGIN CERTIFICATE") {
		t.Errorf("authority: %v %q", err, pem)
	}
	if got := checkToken(t, lines["gateway"][0], lines["token"][0]); got != http.StatusOK {
		t.Errorf("the printed token: %d", got)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// checkToken asks a gateway about a token.
func checkToken(t *testing.T, gateway, token string) int {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // as for real gateways
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "GET", gateway+"/auth/check_jwt", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}
