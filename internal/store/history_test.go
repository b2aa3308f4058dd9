package store_test

import (
	"errors"
	"math"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"envoyd/internal/reading"
	"envoyd/internal/store"
)

// expected computes a row by brute force.
func expected(all []reading.Record, from, to time.Time) (mean, last reading.Value) {
	sum, n := 0.0, 0
	for _, rec := range all {
		if rec.Time.Before(from) || !rec.Time.Before(to) {
			continue
		}
		if w, ok := rec.Power.ProductionW.Get(); ok {
			sum += w
			n++
		}
		last = rec.Energy.ProductionWh.Else(last)
	}
	if n > 0 {
		mean = reading.Of(sum / float64(n))
	}
	return mean, last
}

func same(a, b reading.Value) bool {
	return a.Known() == b.Known() && math.Abs(a.Or(0)-b.Or(0)) <= 0.0011
}

// compare checks each row against what the records say.
func compare(rt *rapid.T, series store.Series, all []reading.Record, zone *time.Location) {
	for _, row := range series.Rows {
		end := row.Time.Add(series.Step)
		if series.Step == 24*time.Hour {
			end = row.Time.In(zone).AddDate(0, 0, 1)
		}
		mean, last := expected(all, row.Time, end)
		if !same(mean, row.Values[0]) || !same(last, row.Values[5]) {
			rt.Fatalf("step %v at %v: got %v %v, want %v %v", series.Step, row.Time, row.Values[0], row.Values[5], mean, last)
		}
	}
}

func TestHistoryIsThatOfTheModel(t *testing.T) {
	steps := []time.Duration{time.Second, 7 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 24 * time.Hour}
	zone, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "store")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // of the test
		start := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
		at := start
		var all []reading.Record
		cfg := store.Config{Dir: dir, RAM: "-"}
		s, err := store.Open(cfg)
		if err != nil {
			rt.Fatal(err)
		}
		s.SetZone(gateway, zone)
		for range rapid.IntRange(1, 60).Draw(rt, "readings") {
			at = at.Add(time.Duration(rapid.SampledFrom([]int{1, 1, 1, 20, 61, 1000, 9000}).Draw(rt, "gap")) * time.Second)
			rec := simple(at, float64(rapid.IntRange(-5, 9000).Draw(rt, "watts")))
			if rapid.IntRange(0, 9).Draw(rt, "absent") == 0 {
				rec.Power.ProductionW, rec.Energy.ProductionWh = reading.Value{}, reading.Value{}
			}
			if _, err := s.Append(rec); err != nil {
				rt.Fatal(err)
			}
			all = append(all, rec)
			if rapid.IntRange(0, 19).Draw(rt, "restart") == 0 {
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				if s, err = store.Open(cfg); err != nil {
					rt.Fatal(err)
				}
			}
		}
		defer s.Close() //nolint:errcheck // of the test
		step := rapid.SampledFrom(steps).Draw(rt, "step")
		from := start.Add(time.Duration(rapid.IntRange(0, 100).Draw(rt, "from")) * time.Minute)
		to := from.Add(20 * step)
		series, err := s.History(t.Context(), store.Query{From: from, To: to, Step: step})
		if err != nil {
			rt.Fatal(err)
		}
		compare(rt, series, all, zone)
	})
}

func TestBadQueriesSayWhy(t *testing.T) {
	s := open(t, store.Config{})
	append1(t, s, simple(noon, 1))
	other := simple(noon, 1)
	other.Gateway = "122333444556"
	append1(t, s, other)
	for name, q := range map[string]store.Query{
		"which of two gateways": {},
		"backwards":             {Gateway: gateway, From: noon, To: noon.Add(-1)},
		"half a second":         {Gateway: gateway, Step: time.Second / 2},
		"too many rows":         {Gateway: gateway, From: noon, To: noon.Add(100001 * time.Minute)},
	} {
		if _, err := s.History(t.Context(), q); !errors.Is(err, store.ErrQuery) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOldHistoryGoesInTheOrderOfTheContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, store.Config{Raw: time.Hour, Minutes: 5 * time.Hour, Quarters: 9 * time.Hour})
		if err := s.Register("influx"); err != nil {
			t.Fatal(err)
		}
		defer running(s)()
		begin := time.Now().UTC()
		h := newHome(begin)
		for range 25000 {
			append1(t, s, h.next())
		}
		append1(t, s, h.inverters())
		time.Sleep(2 * time.Hour)
		if n := s.Backlog("influx"); n != 25001 {
			t.Fatalf("%d readings are left for a sink that has none", n)
		}
		full := s.Size()
		drain(t, s, "influx")
		time.Sleep(time.Hour)
		if got := s.Size(); got >= full {
			t.Errorf("size was %d, is %d", full, got)
		}
		count := 0
		each := func(reading.Record) { count++ }
		if err := s.Inverters(t.Context(), gateway, begin, h.at.Add(1), each); err != nil || count != 1 {
			t.Errorf("%d inverter records, %v", count, err)
		}
		have := func(step time.Duration) bool {
			series, err := s.History(t.Context(), store.Query{From: begin, To: begin.Add(15 * time.Minute), Step: step})
			if err != nil {
				t.Fatal(err)
			}
			return series.Step == step && series.Rows[0].Values[0].Known()
		}
		if !have(time.Minute) || !have(15*time.Minute) {
			t.Error("minutes or quarters are missing")
		}
		time.Sleep(3 * time.Hour)
		if have(time.Minute) || !have(15*time.Minute) {
			t.Error("minutes must be gone, quarters kept")
		}
		time.Sleep(5 * time.Hour)
		if have(15*time.Minute) || !have(24*time.Hour) {
			t.Error("quarters must be gone, days kept")
		}
	})
}

func TestSizeIsBoundedAndTheUnsentAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, store.Config{MaxSize: 4 << 20})
		for _, sink := range []string{"influx", "slow"} {
			if err := s.Register(sink); err != nil {
				t.Fatal(err)
			}
		}
		defer running(s)()
		h := newHome(time.Now())
		for range 40000 {
			append1(t, s, h.next())
		}
		drain(t, s, "influx")
		time.Sleep(2 * time.Minute)
		if size := s.Size(); size > 4<<20 {
			t.Errorf("size is %d", size)
		}
		left := drain(t, s, "slow")
		if lost := 40000 - len(left); lost == 0 || s.Dropped() != uint64(lost) {
			t.Errorf("%d were lost, %d counted", lost, s.Dropped())
		}
		if last := left[len(left)-1]; last.Seq != 40000 || left[0].Seq != 40001-uint64(len(left)) {
			t.Errorf("kept %d to %d", left[0].Seq, last.Seq)
		}
	})
}
