package outage_test

import (
	"math"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sim/home"
	"envoyd/internal/store"
)

// The Pi is off from the evening before the clocks change until the morning
// after the day: the local day of 23 or 25 hours is whole, its totals are right.
func TestTheDayOfTheChangedClocksIsFilled(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		midnight time.Time
		hours    int
	}{
		"in spring": {time.Date(2026, 3, 29, 0, 0, 0, 0, zone), 23},
		"in autumn": {time.Date(2026, 10, 25, 0, 0, 0, 0, zone), 25},
	} {
		t.Run(name, func(t *testing.T) {
			next := c.midnight.AddDate(0, 0, 1)
			if next.Sub(c.midnight) != time.Duration(c.hours)*time.Hour {
				t.Fatalf("the day has %s", next.Sub(c.midnight))
			}
			inPlace(t, place{begin: c.midnight.Add(-5 * time.Hour), zone: zone}, func(b *bubble) {
				b.start()
				time.Sleep(10 * time.Minute)
				b.halt()
				off := time.Now()
				first := b.sim.Truth(off)
				time.Sleep(time.Until(c.midnight))
				was := b.sim.Truth(c.midnight)
				time.Sleep(time.Until(next))
				is := b.sim.Truth(next)
				time.Sleep(time.Until(next.Add(9 * time.Hour)))
				b.start()
				time.Sleep(40 * time.Minute)
				b.halt()

				b.wholeDay(c.midnight, next)
				b.dayTotal(c.midnight, was, is)
				b.bridged(off, time.Now())
				now := time.Now().Truncate(time.Minute)
				b.lifetime(off, now, first, b.sim.Truth(now))
			})
		})
	}
}

// wholeDay checks that each minute of a day has power and counters.
func (b *bubble) wholeDay(from, to time.Time) {
	b.t.Helper()
	rows := b.history(from, to).Rows
	if want := int(to.Sub(from) / time.Minute); len(rows) != want {
		b.t.Errorf("the day has %d minutes, want %d", len(rows), want)
	}
	for i, row := range rows {
		if !row.Values[0].Known() || !row.Values[5].Known() {
			b.t.Fatalf("nothing at %s: %v", row.Time, row.Values)
		}
		if !row.Time.Equal(from.Add(time.Duration(i) * time.Minute)) {
			b.t.Fatalf("minute %d is %s", i, row.Time)
		}
	}
}

// dayTotal checks the row of a day in the history against what really was.
func (b *bubble) dayTotal(midnight time.Time, was, is home.Truth) {
	b.t.Helper()
	days := b.stored(store.Query{Gateway: b.sim.Identity().Serial, From: midnight.AddDate(0, 0, -1), To: midnight.AddDate(0, 0, 1), Step: 24 * time.Hour})
	if len(days.Rows) != 2 || !days.Rows[1].Time.Equal(midnight) {
		b.t.Fatalf("the days are %v", days.Rows)
	}
	b.rose("of the day", days.Rows[0], days.Rows[1], was, is)
}

// lifetime checks that the counters rose by what really was.
func (b *bubble) lifetime(from, to time.Time, was, is home.Truth) {
	b.t.Helper()
	rows := b.history(from.Add(-time.Minute), to).Rows
	b.rose("in all", rows[0], rows[len(rows)-1], was, is)
}

// rose checks the six counters between two rows.
func (b *bubble) rose(when string, first, last store.Row, was, is home.Truth) {
	b.t.Helper()
	flows := reading.Flows()
	for i, want := range []float64{
		is.ProductionWh - was.ProductionWh, is.ConsumptionWh - was.ConsumptionWh, is.ImportWh - was.ImportWh,
		is.ExportWh - was.ExportWh, is.ChargeWh - was.ChargeWh, is.DischargeWh - was.DischargeWh,
	} {
		got := last.Values[5+i].Or(math.NaN()) - first.Values[5+i].Or(math.NaN())
		if b.t.Logf("%s %s: %.0f Wh, really %.0f", flows[i], when, got, want); !(math.Abs(got-want) <= 0.01*want+5) {
			b.t.Errorf("%s %s: %.0f Wh, really %.0f", flows[i], when, got, want)
		}
	}
}

// bridged checks that the counters rise from those before a gap to those after
// it, without a step where they meet.
func (b *bubble) bridged(from, to time.Time) {
	b.t.Helper()
	h := b.history(from.Add(-2*time.Minute), to.Truncate(time.Minute))
	is := b.sim.Truth(to.Truncate(time.Minute))
	if got := h.Rows[len(h.Rows)-1].Values[5].Or(0); math.Abs(got-is.ProductionWh) > 50 {
		b.t.Errorf("production stands at %.0f Wh, really %.0f", got, is.ProductionWh)
	}
	for i := 1; i < len(h.Rows); i++ {
		for f := 5; f < 11; f++ {
			before, after := h.Rows[i-1].Values[f].Or(0), h.Rows[i].Values[f].Or(math.NaN())
			if !(after >= before) || after > before+250 { // 15 kW
				b.t.Fatalf("%s went from %.1f to %.1f Wh at %s", h.Columns[1+f], before, after, h.Rows[i].Time)
			}
		}
	}
}
