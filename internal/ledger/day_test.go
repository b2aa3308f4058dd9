package ledger_test

import (
	"slices"
	"testing"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// local is a moment in the home's zone.
func (h *home) local(day, hour, minute int) time.Time {
	return time.Date(2026, 6, day, hour, minute, 0, 0, h.in.Zone)
}

// readsAt applies one measurement at a moment.
func (h *home) readsAt(at time.Time, wh ...float64) ledger.Outcome {
	h.t.Helper()
	return h.reads(at.Sub(h.in.Time), wh...)
}

func (h *home) noToday(out ledger.Outcome) {
	h.t.Helper()
	if v, ok := out.Today.ProductionWh.Get(); ok {
		h.t.Fatalf("today is %v, want absent", v)
	}
}

func (h *home) today(out ledger.Outcome, want float64) {
	h.t.Helper()
	h.near("today.production_wh", out.Today.ProductionWh, want)
}

// producer is a home with one production counter.
func producer(t *testing.T) *home {
	h := newHome(t)
	h.production("ct", 6500)
	return h
}

func TestToday(t *testing.T) {
	t.Run("is absent until midnight was seen", func(t *testing.T) {
		h := producer(t)
		h.noToday(h.readsAt(h.local(21, 12, 0), 1000))
		h.noToday(h.readsAt(h.local(21, 23, 59), 1500))
		h.today(h.readsAt(h.local(22, 0, 0), 1500), 0)
		h.today(h.readsAt(h.local(22, 0, 1), 1501), 1)
	})
	t.Run("begins between two samples by their share", func(t *testing.T) {
		h := producer(t)
		h.readsAt(h.local(21, 23, 50), 1000)
		out := h.readsAt(h.local(22, 0, 5), 1015)
		h.today(out, 5)
		if len(out.Estimated) != 0 {
			t.Fatalf("estimated %v for a short gap", out.Estimated)
		}
	})
	t.Run("goes on over a restart", func(t *testing.T) {
		h := producer(t)
		h.readsAt(h.local(22, 0, 0), 1000)
		h.readsAt(h.local(22, 9, 0), 3000)
		h.restart()
		h.today(h.readsAt(h.local(22, 15, 0), 9000), 8000)
	})
	t.Run("shares an outage over midnight and says so", func(t *testing.T) {
		h := producer(t)
		h.readsAt(h.local(21, 20, 0), 1000)
		h.restart()
		out := h.readsAt(h.local(22, 6, 0), 2000)
		h.today(out, 600)
		if !slices.Contains(out.Estimated, "today.production_wh") {
			t.Fatalf("estimated %v", out.Estimated)
		}
	})
}

func TestTodayAfterLongGaps(t *testing.T) {
	t.Run("is absent after a longer one until the next midnight", func(t *testing.T) {
		h := producer(t)
		h.readsAt(h.local(21, 20, 0), 1000)
		h.restart()
		h.noToday(h.readsAt(h.local(22, 9, 0), 2000))
		h.noToday(h.readsAt(h.local(22, 23, 0), 2500))
		h.today(h.readsAt(h.local(23, 0, 1), 2500), 0)
	})
	t.Run("counts an outage within the day", func(t *testing.T) {
		h := producer(t)
		h.readsAt(h.local(22, 0, 0), 1000)
		h.restart()
		h.today(h.readsAt(h.local(22, 23, 0), 31000), 30000)
	})
	t.Run("is known after a night in which nothing moved", func(t *testing.T) {
		h := producer(t)
		h.readsAt(h.local(21, 17, 0), 1000)
		h.restart()
		out := h.readsAt(h.local(22, 7, 0), 1000)
		h.today(out, 0)
	})
	t.Run("is known after a winter night with one small report", func(t *testing.T) {
		h := producer(t)
		h.readsAt(h.local(21, 16, 0), 1000)
		out := h.readsAt(h.local(22, 8, 0), 1016)
		h.today(out, 8)
		if len(out.Estimated) != 0 {
			t.Fatalf("estimated %v", out.Estimated)
		}
	})
	t.Run("follows a change of zone", func(t *testing.T) {
		h := producer(t)
		for m := range 26 * 60 {
			h.readsAt(h.local(21, 20, m), 1000+float64(m))
		}
		at := h.local(22, 22, 0)
		h.in.Zone = time.FixedZone("Kathmandu", (5*60+45)*60) // 00:00 there is 20:15 in Berlin
		h.today(h.readsAt(at, 2560), 1560-24*60-15)
	})
	t.Run("is absent without a zone", func(t *testing.T) {
		h := producer(t)
		h.readsAt(h.local(22, 0, 0), 1000)
		h.in.Zone = nil
		h.noToday(h.reads(time.Minute, 1000))
	})
	t.Run("can be recalled from history", func(t *testing.T) {
		h := producer(t)
		h.l.Resume(h.in.Gateway, reading.Energy{ProductionWh: reading.Of(9000)}, h.local(22, 11, 0))
		h.l.Recall(h.in.Gateway, reading.Energy{ProductionWh: reading.Of(2000)}, h.local(22, 0, 0))
		h.today(h.readsAt(h.local(22, 11, 1), 777000), 7000)
	})
}

// Mechanism e: both clock changes, and midnights that do not exist or come
// twice.
func TestDaysOfOtherLength(t *testing.T) {
	for _, tt := range []struct {
		zone, day string
		hours     int
	}{
		{"Europe/Berlin", "2026-03-29", 23},
		{"Europe/Berlin", "2026-10-25", 25},
		{"America/Los_Angeles", "2026-03-08", 23},
		{"Australia/Lord_Howe", "2026-06-01", 24},
		{"America/Sao_Paulo", "2018-11-04", 23}, // clocks went from 00:00 to 01:00
		{"America/Sao_Paulo", "2018-02-17", 25}, // from 24:00 back to 23:00
		{"America/Havana", "2025-11-02", 25},    // from 01:00 back to 00:00
		{"Atlantic/Azores", "2026-10-25", 25},
		{"Asia/Amman", "2021-10-29", 25},
		{"Asia/Amman", "2021-03-26", 23}, // from 24:00 to 01:00
		{"Asia/Beirut", "2025-03-30", 23},
		{"Asia/Kathmandu", "2026-06-21", 24},
	} {
		t.Run(tt.zone+" "+tt.day, func(t *testing.T) {
			zone, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			noon, err := time.ParseInLocation(time.DateOnly+" 15", tt.day+" 12", zone)
			if err != nil {
				t.Fatal(err)
			}
			if got := ledger.DayLength(noon); got != time.Duration(tt.hours)*time.Hour {
				t.Fatalf("the day is %v long, want %d h", got, tt.hours)
			}
		})
	}
	for _, day := range []time.Month{time.March, time.October} {
		h := newHome(t)
		h.production("ct", 6500)
		sunday := map[time.Month]int{time.March: 29, time.October: 25}[day]
		h.in.Time = time.Date(2026, day, sunday-1, 23, 0, 0, 0, h.in.Zone)
		begin := time.Date(2026, day, sunday, 0, 0, 0, 0, h.in.Zone)
		last := time.Date(2026, day, sunday, 23, 59, 0, 0, h.in.Zone)
		var out ledger.Outcome
		for wh := 10000.0; h.in.Time.Before(last); wh++ { // one Wh a minute
			out = h.reads(time.Minute, wh)
		}
		h.today(out, last.Sub(begin).Minutes())
		h.today(h.reads(time.Minute), 0)
	}
}

func TestClockSetBack(t *testing.T) {
	h := newHome(t)
	h.production("ct", 6500)
	h.readsAt(h.local(22, 0, 0), 1000)
	h.readsAt(h.local(22, 12, 0), 5000)
	t.Run("by a little changes nothing", func(t *testing.T) {
		h.t = t
		h.produced(h.reads(-time.Minute, 5001), 5000)
		h.produced(h.reads(time.Minute+time.Second, 5002), 5002)
	})
	t.Run("by hours goes on at once", func(t *testing.T) {
		h.t = t
		h.produced(h.reads(-5*time.Hour, 5010), 5010)
		out := h.reads(time.Second, 5011)
		h.produced(out, 5011)
		h.today(out, 4011)
	})
	t.Run("to before it was set counts nothing", func(t *testing.T) {
		h.t = t
		was := h.in.Time
		h.produced(h.readsAt(time.Unix(3600, 0), 5012), 5011)
		h.produced(h.readsAt(was.Add(time.Second), 5012), 5012)
	})
	t.Run("from years ahead goes on", func(t *testing.T) {
		h.t = t
		was := h.in.Time
		h.reads(20*365*24*time.Hour, 5013)
		h.produced(h.readsAt(was.Add(time.Second), 5014), 5014)
	})
}
