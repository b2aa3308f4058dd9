package influx_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/sink/influx"
	"envoyd/internal/sinktest"
)

func TestAnswers(t *testing.T) {
	json := map[string]string{"Content-Type": "application/json"}
	tests := []struct {
		name   string
		answer fabricated
		kind   fault.Kind
		after  time.Duration
		mend   string // part of it
	}{
		{"429 with seconds", fabricated{status: 429, headers: map[string]string{"Retry-After": "17"}}, fault.Transient, 17 * time.Second, "tried again"},
		{"429 that asks for a day", fabricated{status: 429, headers: map[string]string{"Retry-After": "86400"}}, fault.Transient, 10 * time.Minute, ""},
		{"503 that asks for nonsense", fabricated{status: 503, headers: map[string]string{"Retry-After": "soon"}}, fault.Transient, 0, ""},
		{"500", fabricated{status: 500, headers: json, body: `{"code":"internal error","message":"disk"}`}, fault.Transient, 0, ""},
		{"502 of a proxy", fabricated{status: 502, body: "<html>bad gateway</html>"}, fault.Transient, 0, ""},
		{"504", fabricated{status: 504}, fault.Transient, 0, ""},
		{"408", fabricated{status: 408}, fault.Transient, 0, ""},
		{"400 for a limit", fabricated{status: 400, headers: json, body: `{"code":"invalid","message":"write limit of 1000 per minute reached"}`}, fault.Transient, 0, ""},
		{"400 for a cluster's queue", fabricated{status: 400, headers: json, body: `{"error":"partial write: hinted handoff queue not empty"}`}, fault.Transient, 0, ""},
		{"401", fabricated{status: 401, headers: json, body: `{"code":"unauthorized","message":"unauthorized access"}`}, fault.Config, 0, "influx.token"},
		{"403", fabricated{status: 403, headers: json, body: `{"code":"forbidden","message":"no"}`}, fault.Config, 0, "right to write"},
		{"404 of a database", fabricated{status: 404, headers: json, body: `{"code":"not found","message":"bucket \"x\" not found"}`}, fault.Config, 0, "Create the bucket"},
		{"404 of a web server", fabricated{status: 404, body: "<html>"}, fault.Config, 0, "No InfluxDB"},
		{"404 for the path", fabricated{status: 404, headers: map[string]string{"X-Influxdb-Version": "1.8"}, body: "404 page not found"}, fault.Config, 0, "No InfluxDB"},
		{"405", fabricated{status: 405}, fault.Config, 0, "No InfluxDB"},
		{"a redirect", fabricated{status: 302, headers: map[string]string{"Location": "/login"}}, fault.Config, 0, "No InfluxDB"},
		{"200 with a page", fabricated{status: 200, body: "<html>welcome</html>"}, fault.Config, 0, "No InfluxDB"},
		{"201", fabricated{status: 201}, fault.Config, 0, "No InfluxDB"},
		{"1.8 with an unknown retention policy", fabricated{status: 500, headers: json, body: `{"error":"retention policy not found: nope"}`}, fault.Config, 0, "Create the bucket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDouble(t)
			d.next(tt.answer)
			s := d.sink(t, influx.Config{})
			err := s.Write(t.Context(), sinktest.Records(sinktest.Start(), 3))
			f, ok := errors.AsType[*fault.Error](err)
			if !ok {
				t.Fatalf("Write: %v", err)
			}
			if f.Kind != tt.kind || f.After != tt.after || !strings.Contains(f.Mend, tt.mend) || f.Mend == "" {
				t.Errorf("kind %v after %v mend %q: %v", f.Kind, f.After, f.Mend, err)
			}
			if n := d.asked(); n != 1 {
				t.Errorf("%d requests for one that is not about points", n)
			}
			if err := s.Write(t.Context(), sinktest.Records(sinktest.Start(), 3)); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 6, 21, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "30": 30 * time.Second, " 5 ": 5 * time.Second, "-1": 0, "99999999999": 0, "601": 10 * time.Minute,
		"Sun, 21 Jun 2026 10:01:00 GMT": time.Minute, "Sun, 21 Jun 2026 09:00:00 GMT": 0, "Mon, 22 Jun 2026 10:00:00 GMT": 10 * time.Minute,
	} {
		if got := influx.RetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
