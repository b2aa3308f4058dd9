package fallback_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"envoyd/internal/fallback"
	"envoyd/internal/reading"
)

// book counts what it is told of a battery's charge, once for each gap.
type book struct {
	told []fallback.Missed
	wh   map[int64]float64
	now  float64
	err  error
}

func (b *book) count(m fallback.Missed) (fallback.Credit, error) {
	if b.err != nil {
		return fallback.Credit{}, b.err
	}
	b.told = append(b.told, m)
	if _, done := b.wh[m.From.Unix()]; !done {
		b.wh[m.From.Unix()] = m.Energy.ChargeWh.Or(0)
		b.now += m.Energy.ChargeWh.Or(0)
	}
	return fallback.Credit{Energy: reading.Energy{ChargeWh: reading.Of(b.wh[m.From.Unix()])},
		Now: reading.Energy{ProductionWh: reading.Of(9e9), ChargeWh: reading.Of(b.now)}}, nil
}

// charging is a house whose battery charges with 400 W, which nobody counts.
type charging struct {
	*filling
	book book
	full error // of the history
}

func chargeTest(t *testing.T, test func(t *testing.T, x *charging, now time.Time)) {
	fillTest(t, func(t *testing.T, x *filling, now time.Time) {
		c := &charging{filling: x, book: book{wh: map[int64]float64{}, now: 70}}
		x.past.charge = 100
		c.reopen(t)
		test(t, c, now)
	})
}

func (c *charging) reopen(t *testing.T) {
	t.Helper()
	f, err := fallback.NewFiller(fallback.FillConfig{
		Path: c.path, Past: &c.past, Board: c.board(), Name: "backfill", Count: c.book.count,
		Known: func(context.Context, time.Time, time.Time) (map[int64]bool, error) { return c.known, nil },
		Keep: func(m fallback.Minute) error {
			if c.full != nil {
				return c.full
			}
			return c.keep(m)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.f = f
}

// uncounted is an edge with a charge that nobody counts.
func uncounted(at time.Time, made, charge float64) fallback.Edge {
	e := edge(at, made, 0)
	e.Energy.ChargeWh, e.Estimated = reading.Of(charge), []string{"energy.charge_wh"}
	return e
}

// charged is the highest that the charge stands at in each minute.
type charged map[int64]float64

func (c *charged) at(minute time.Time) float64 { return (*c)[minute.Unix()/60] }

func (c *charging) charged() *charged {
	all := charged{}
	for _, m := range c.kept {
		if wh, known := m.Energy.ChargeWh.Get(); known {
			all[m.Time.Unix()/60] = max(all[m.Time.Unix()/60], wh)
		}
	}
	return &all
}

func TestWhatNobodyCountedInAGapIsCounted(t *testing.T) {
	chargeTest(t, func(t *testing.T, x *charging, now time.Time) {
		x.f.Add(uncounted(now.Add(-2*time.Hour), 1000, 70), uncounted(now, 3200, 70))
		own := reading.Record{Tier: reading.TierPower, Reading: reading.Reading{Source: reading.Local, Time: now.Add(time.Minute),
			Estimated: []string{"energy.charge_wh", "today.charge_wh"}, Energy: reading.Energy{ProductionWh: reading.Of(3201), ChargeWh: reading.Of(71)}}}
		rec, held := x.f.Held(own)
		if !held || rec.Energy.ChargeWh.Known() || !rec.Energy.ProductionWh.Known() || len(rec.Estimated) != 1 || len(own.Estimated) != 2 {
			t.Errorf("while it is awaited, %v is kept (%v)", rec, held)
		}
		x.run(t, 30*time.Minute)
		if len(x.book.told) != 1 || x.book.told[0].Energy.ChargeWh.Or(0) != 800 || x.book.told[0].Energy.ProductionWh.Known() {
			t.Fatalf("told %+v", x.book.told)
		}
		if half := x.book.told[0].Share(reading.Charge, now.Add(-time.Hour)); half < 0.49 || half > 0.51 {
			t.Errorf("the first hour has %v of it", half)
		}
		got := x.charged()
		for _, c := range []struct {
			ago      time.Duration
			from, to float64
		}{{119 * time.Minute, 70, 75}, {time.Hour, 465, 475}, {time.Minute, 860, 870}, {0, 870, 870}, {-time.Minute, 870, 870}} {
			if wh := got.at(now.Add(-c.ago)); wh < c.from || wh > c.to {
				t.Errorf("%s before the end the charge is %v", c.ago, wh)
			}
		}
		own.Time = time.Now().Add(time.Minute)
		if _, held := x.f.Held(own); held {
			t.Error("left out although it was counted")
		}
	})
}

func TestAGapThatCannotBeWrittenIsCountedOnce(t *testing.T) {
	chargeTest(t, func(t *testing.T, x *charging, now time.Time) {
		x.full = errors.New("no room")
		x.f.Add(uncounted(now.Add(-2*time.Hour), 1000, 70), uncounted(now, 3200, 70))
		x.run(t, 30*time.Minute)
		x.full = nil
		x.reopen(t) // killed in between
		x.run(t, time.Hour)
		if len(x.book.told) != 1 || len(x.kept) == 0 || x.charged().at(now.Add(-time.Minute)) < 860 {
			t.Errorf("told %d times, %d minutes, charge %v", len(x.book.told), len(x.kept), x.charged().at(now.Add(-time.Minute)))
		}
	})
}

func TestAGapWaitsForWhoCounts(t *testing.T) {
	chargeTest(t, func(t *testing.T, x *charging, now time.Time) {
		x.book.err = errors.New("not heard yet")
		x.f.Add(uncounted(now.Add(-2*time.Hour), 1000, 70), uncounted(now, 3200, 70))
		x.run(t, 30*time.Minute)
		if len(x.kept) != 119 { // the curve alone
			t.Errorf("%d minutes", len(x.kept))
		}
		x.book.err = nil
		x.run(t, 30*time.Minute)
		if x.charged().at(now.Add(-time.Minute)) < 860 {
			t.Error("the gap was not counted")
		}
	})
}

// Counted after hours, it is no part of what was kept since the gap: what is
// kept of the gap must not stand above that.
func TestWhatIsCountedLateDoesNotStandAboveWhatFollowed(t *testing.T) {
	chargeTest(t, func(t *testing.T, x *charging, now time.Time) {
		x.book.err = errors.New("not heard yet")
		x.f.Add(uncounted(now.Add(-2*time.Hour), 1000, 70), uncounted(now, 3200, 70))
		x.run(t, 4*time.Hour)
		if _, held := x.f.Held(reading.Record{Reading: reading.Reading{Source: reading.Local, Time: time.Now(), Estimated: []string{"energy.charge_wh"}}}); held {
			t.Error("it is waited for no longer")
		}
		x.book.err = nil
		x.run(t, time.Hour)
		if wh := x.charged().at(now.Add(-time.Minute)); len(x.book.told) != 1 || wh != 70 {
			t.Errorf("told %d times, charge %v", len(x.book.told), wh)
		}
	})
}

// A second gap begins while the energy of the first is awaited: it goes on
// from where the first one ends, whether it is added before that is counted or
// after.
func TestAGapThatFollowsBeginsWhereTheFirstEnds(t *testing.T) {
	for name, length := range map[string]time.Duration{"short": 5 * time.Minute, "before it is counted": 16 * time.Minute, "after it is counted": 40 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			chargeTest(t, func(t *testing.T, x *charging, now time.Time) {
				x.f.Add(uncounted(now.Add(-2*time.Hour), 1000, 70), uncounted(now, 3200, 70))
				again := now.Add(time.Minute)
				x.f.Held(reading.Record{Reading: reading.Reading{Source: reading.Local, Time: again, Estimated: []string{"energy.charge_wh"}}})
				x.run(t, 2*time.Minute+length)
				x.f.Add(uncounted(again, 3210, 70), uncounted(again.Add(length), 3300, x.book.now))
				x.run(t, 3*time.Hour)
				before, got := 0.0, x.charged()
				for at := now.Add(-119 * time.Minute); at.Before(again.Add(length)); at = at.Add(time.Minute) {
					if wh := got.at(at); wh < before {
						t.Fatalf("the charge fell to %v at %s", wh, at)
					}
					before = got.at(at)
				}
				if before < 865 {
					t.Errorf("the charge ends at %v", before)
				}
			})
		})
	}
}
