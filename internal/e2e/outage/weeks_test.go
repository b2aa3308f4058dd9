package outage_test

import (
	"testing"
	"time"

	"envoyd/internal/sim"
)

// weekly is what a window of a week takes: three series by the week, two by
// the day.
const weekly = 3 + 2*7

// The Pi is off for three weeks on the free plan, and again while the gap is
// being filled: what was fetched is not asked for again, but for the calls of
// the week that was under way.
func TestAfterThreeWeeksAndARestartTheCurveIsWhole(t *testing.T) {
	begin := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	inPlace(t, place{begin: begin, plan: "watt", preset: sim.MeteredStorage}, func(b *bubble) {
		b.start()
		time.Sleep(10 * time.Minute)
		b.halt()
		off := time.Now()
		time.Sleep(21 * 24 * time.Hour)
		b.start()
		for n := 0; n < weekly+weekly/2; n, _ = b.api.series() {
			time.Sleep(10 * time.Second)
		}
		b.halt()
		b.start()
		time.Sleep(3 * time.Hour)
		b.halt()
		n, twice := b.api.series()
		if t.Logf("%d calls, %d of them again", n, twice); n > 3*weekly+5+twice || twice >= weekly {
			t.Errorf("%d calls, %d of them again", n, twice)
		}
		b.wholeDay(off.Truncate(time.Minute).Add(time.Minute), time.Now().Truncate(time.Minute).Add(-time.Minute))
		b.bridged(off, time.Now())
		b.oneBudget()
	})
}
