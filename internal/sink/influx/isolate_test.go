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

// TestRefusalsThatAreNotAboutPoints is the other half of isolation: whatever
// answers 400 to everything must not make the sink throw readings away.
func TestRefusalsThatAreNotAboutPoints(t *testing.T) {
	for name, f := range map[string]fabricated{
		"plain HTTP to a TLS port": {status: 400, body: "Client sent an HTTP request to an HTTPS server.\n"},
		"no org":                   {status: 400, body: `{"code":"invalid","message":"Please provide either orgID or org"}`},
		"a proxy's limit of 0":     {status: 413, body: "<html>"},
		"422 without a word":       {status: 422},
		"VictoriaMetrics, path":    {status: 400, body: `unsupported path requested: "/x/api/v2/write"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			f.when = func(string) bool { return true }
			d.next(f)
			s := d.sink(t, influx.Config{})
			records := sinktest.Records(sinktest.Start(), 100)
			err := s.Write(t.Context(), records)
			if _, rejected := errors.AsType[*fault.Rejected](err); rejected || !fault.Is(err, fault.Config) || fault.Mend(err) == "" {
				t.Errorf("Write: %v, mend %q", err, fault.Mend(err))
			}
			if n := d.asked(); n > 4 {
				t.Errorf("%d requests", n)
			}
			d.heal()
			if err := s.Write(t.Context(), records); err != nil || len(d.column(t, "enphase_power", "production_w")) != 100 {
				t.Errorf("after the mend: %v", err)
			}
		})
	}
}

// has and big choose the batches that a fault happens to.
func has(text string) func(string) bool {
	return func(body string) bool { return strings.Contains(body, text) }
}

func big(body string) bool { return strings.Count(body, "\n") > 7 }

func TestIsolation(t *testing.T) {
	const bad = "production_w=42,"
	tests := []struct {
		name     string
		fault    fabricated
		tries    int // writes until the sink sees through it
		rejected int // index, -1 none
		most     int // requests
	}{
		{"malformed line drops the whole batch", fabricated{status: 400, body: `{"code":"invalid","message":"unable to parse 'x': missing fields"}`, when: has(bad)}, 1, 41, 20},
		{"3: partial write as 500", fabricated{status: 500, body: `{"error":"partial write of line protocol occurred","data":[{"error_message":"bad"}]}`, when: has(bad)}, 1, 41, 20},
		{"3: partial write as 400", fabricated{status: 400, stored: true, body: `{"error":"partial write of line protocol occurred"}`, when: has(bad)}, 1, 41, 20},
		{"400 without a known word", fabricated{status: 400, body: "no, thanks", when: has(bad)}, 1, 41, 25},
		{"422 without a known word", fabricated{status: 422, body: "no, thanks", when: has(bad)}, 1, 41, 25},
		{"500 each time, no word", fabricated{status: 500, body: "panic: out of range", when: has(bad)}, 5, 41, 30},
		{"413 for a large batch", fabricated{status: 413, body: "<html>", when: big}, 1, -1, 70},
		{"413 for one point", fabricated{status: 413, body: "<html>", when: has(bad)}, 1, 41, 25},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDouble(t)
			d.next(tt.fault)
			s := d.sink(t, influx.Config{})
			records := sinktest.Records(sinktest.Start(), 100)
			want := sinktest.Want(records)
			var err error
			for try := range tt.tries {
				err = s.Write(t.Context(), records)
				if _, ok := errors.AsType[*fault.Rejected](err); ok && try < tt.tries-1 {
					t.Fatalf("try %d: %v", try, err)
				}
			}
			if tt.rejected < 0 {
				if err != nil {
					t.Errorf("Write: %v", err)
				}
			} else {
				delete(want, records[tt.rejected].Time.UnixMilli())
				rejected, ok := errors.AsType[*fault.Rejected](err)
				if !ok || len(rejected.Items) != 1 || rejected.Items[0] != tt.rejected || fault.Mend(rejected.Err) == "" {
					t.Fatalf("Write: %v", err)
				}
			}
			got := d.column(t, "enphase_power", "production_w")
			if tt.fault.stored {
				want = sinktest.Want(records)
			}
			if len(got) != len(want) {
				t.Errorf("%d stored, want %d", len(got), len(want))
			}
			if n := d.asked(); n > tt.most {
				t.Errorf("%d requests, want at most %d", n, tt.most)
			}
		})
	}
}

// TestAWholeBadSeriesIsFoundInAFewRequests is the common accident: another
// program wrote a field of ours as an integer.
func TestAWholeBadSeriesIsFoundInAFewRequests(t *testing.T) {
	d := newDouble(t)
	d.types["enphase_energy production_wh"] = "integer"
	s := d.sink(t, influx.Config{})
	records := sinktest.Records(sinktest.Start(), 500)
	err := s.Write(t.Context(), records)
	rejected, ok := errors.AsType[*fault.Rejected](err)
	if !ok || len(rejected.Items) != 500 || !strings.Contains(fault.Mend(err), "another type") {
		t.Fatalf("Write: %v", err)
	}
	if n := len(d.column(t, "enphase_power", "production_w")); n != 500 {
		t.Errorf("%d of the good points stored", n)
	}
	if n := d.asked(); n > 25 {
		t.Errorf("%d requests", n)
	}
}

func TestOlderThanTheRetention(t *testing.T) {
	d := newDouble(t)
	d.retention = time.Hour
	s := d.sink(t, influx.Config{})
	records := append(sinktest.Records(time.Now().Add(-2*time.Hour), 5), sinktest.Records(sinktest.Start(), 5)...)
	rejected, ok := errors.AsType[*fault.Rejected](s.Write(t.Context(), records))
	if !ok || len(rejected.Items) != 5 || rejected.Items[4] != 4 || !strings.Contains(fault.Mend(rejected), "retention") {
		t.Errorf("rejected %v, mend %q", rejected, fault.Mend(rejected))
	}
}

// TestABrokenServerIsNotPoison: 500 to everything stays a passing fault however
// often it comes, and costs few requests.
func TestABrokenServerIsNotPoison(t *testing.T) {
	d := newDouble(t)
	d.next(fabricated{status: 500, body: "out of memory", when: func(string) bool { return true }})
	s := d.sink(t, influx.Config{})
	for range 20 {
		if err := s.Write(t.Context(), sinktest.Records(sinktest.Start(), 50)); !fault.Is(err, fault.Transient) {
			t.Fatalf("Write: %v", err)
		}
	}
	if n := d.asked(); n > 20*4 {
		t.Errorf("%d requests", n)
	}
}

// TestAnInterruptedHuntGoesOn: a server that breaks down in the middle of the
// isolation must neither have good points refused nor start it all over.
func TestAnInterruptedHuntGoesOn(t *testing.T) {
	d := newDouble(t)
	d.next(fabricated{status: 400, body: "no, thanks", when: func(body string) bool {
		return strings.Contains(body, "production_w=3,") || strings.Contains(body, "production_w=97,")
	}})
	s := d.sink(t, influx.Config{})
	records := sinktest.Records(sinktest.Start(), 100)
	count := 0
	d.mu.Lock()
	d.faults = append([]fabricated{{status: 503, when: func(string) bool { count++; return count == 22 }}}, d.faults...)
	d.mu.Unlock()
	if err := s.Write(t.Context(), records); !fault.Is(err, fault.Transient) {
		t.Fatalf("Write: %v", err)
	}
	before := d.asked()
	rejected, ok := errors.AsType[*fault.Rejected](s.Write(t.Context(), records))
	if !ok || len(rejected.Items) != 2 || rejected.Items[0] != 2 || rejected.Items[1] != 96 {
		t.Fatalf("rejected %v", rejected)
	}
	if n := d.asked() - before; n > 25 {
		t.Errorf("%d requests the second time", n)
	}
}

// TestAServerThatBreaksDuringTheHuntIsNotPoison: one point was taken, then
// everything is refused without a word; no point is to blame for that.
func TestAServerThatBreaksDuringTheHuntIsNotPoison(t *testing.T) {
	for _, status := range []int{400, 413, 500} {
		d := newDouble(t)
		requests := 0
		d.next(fabricated{status: status, body: "no, thanks", when: func(body string) bool {
			requests++
			return requests >= 12 || strings.Contains(body, "production_w=42,")
		}})
		s := d.sink(t, influx.Config{})
		for range 8 {
			err := s.Write(t.Context(), sinktest.Records(sinktest.Start(), 100))
			if _, rejected := errors.AsType[*fault.Rejected](err); rejected || err == nil {
				t.Fatalf("%d: Write: %v", status, err)
			}
		}
	}
}

// TestAHuntThatNeverSeesAPointTaken: points were named at first, but from then
// on everything is refused without a word.
func TestAHuntThatNeverSeesAPointTaken(t *testing.T) {
	d := newDouble(t)
	d.next(
		fabricated{status: 400, body: `{"error":"partial write: something dropped=1"}`},
		fabricated{status: 400, body: "no, thanks", when: func(string) bool { return true }},
	)
	err := d.sink(t, influx.Config{}).Write(t.Context(), sinktest.Records(sinktest.Start(), 10))
	if _, rejected := errors.AsType[*fault.Rejected](err); rejected || !fault.Is(err, fault.Config) {
		t.Errorf("Write: %v", err)
	}
}

// TestRejectedOnceIsTriedAgain: once the database is mended, the same
// record can be stored.
func TestRejectedOnceIsTriedAgain(t *testing.T) {
	d := newDouble(t)
	d.types["enphase_power grid_w"] = "string"
	s := d.sink(t, influx.Config{})
	records := sinktest.Records(sinktest.Start(), 5)
	if _, rejected := errors.AsType[*fault.Rejected](s.Write(t.Context(), records)); !rejected {
		t.Fatal("not rejected")
	}
	delete(d.types, "enphase_power grid_w")
	if err := s.Write(t.Context(), records); err != nil || len(d.column(t, "enphase_power", "grid_w")) != 5 {
		t.Errorf("Write after the mend: %v", err)
	}
}
