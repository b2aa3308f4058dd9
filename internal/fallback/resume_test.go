package fallback_test

import (
	"context"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/fallback"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
)

// meagre is a cloud whose budget has so many windows left.
type meagre struct {
	past
	left int
	err  error // when nothing is left
}

func (m *meagre) Intervals(ctx context.Context, w enlighten.Window) (enlighten.Span, error) {
	if m.left == 0 {
		return enlighten.Span{}, m.err
	}
	m.left--
	return m.past.Intervals(ctx, w)
}

// reopen is the daemon that was off and starts again on the same history.
func (x *filling) reopen(t *testing.T, past fallback.Past) {
	t.Helper()
	f, err := fallback.NewFiller(fallback.FillConfig{Path: x.path, Past: past, Board: x.board(), Name: "backfill", Known: x.powers, Keep: x.keep})
	if err != nil {
		t.Fatal(err)
	}
	x.f = f
}

// powers lists the minutes of a time that were kept with power.
func (x *filling) powers(_ context.Context, from, to time.Time) (map[int64]bool, error) {
	for ; x.seen < len(x.kept); x.seen++ {
		if m := x.kept[x.seen]; m.Power.ProductionW.Known() {
			x.known[m.Time.Unix()] = true
		}
	}
	known := map[int64]bool{}
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		known[at.Unix()] = x.known[at.Unix()]
	}
	return known, nil
}

func TestALongGapIsFetchedOnce(t *testing.T) {
	const weeks = 4
	spent := &fault.Error{Err: budget.ErrSpent, After: 5 * time.Hour}
	for name, c := range map[string]struct {
		err     error
		restart bool
	}{
		"when the budget ends midway":                           {spent, false},
		"when the budget ends midway and the daemon is started": {spent, true},
		"when the cloud fails midway":                           {&fault.Error{Err: enlighten.ErrUpstream}, false},
		"when the cloud fails and the daemon is started":        {&fault.Error{Err: enlighten.ErrUpstream}, true},
	} {
		t.Run(name, func(t *testing.T) {
			fillTest(t, func(t *testing.T, x *filling, now time.Time) {
				cloud := &meagre{err: c.err}
				x.known = map[int64]bool{}
				x.reopen(t, cloud)
				begin := now.Add(-weeks * 7 * 24 * time.Hour)
				x.f.Add(edge(begin, 1000, 500), edge(now, 1000+250*4*24*7*weeks, 500))
				for i, left := range []int{1, 0, 2, weeks} {
					cloud.left = left
					if c.restart && i > 0 {
						x.reopen(t, cloud)
					}
					x.run(t, 6*time.Hour)
				}
				askedOnce(t, cloud.asked, begin, now)
				if fields := x.kept[0].Energy.Fields(); reading.Any(fields[:]) || x.kept[0].Time.Before(now.Add(-7*24*time.Hour)) {
					t.Errorf("the first minute written is %+v, want power alone of the newest week", x.kept[0])
				}
				wholeCurve(t, x.kept, begin, now)
			})
		})
	}
}

// askedOnce checks that the windows cover the gap, none twice, the newest first.
func askedOnce(t *testing.T, asked []enlighten.Window, begin, end time.Time) {
	t.Helper()
	at := end
	for _, w := range asked {
		if !w.To.Equal(at) {
			t.Errorf("asked for %s to %s, want the window that ends %s", w.From, w.To, at)
		}
		at = w.From
	}
	if !at.Equal(begin) {
		t.Errorf("asked back to %s only", at)
	}
}

// wholeCurve checks that each minute has power once and counters once, which
// go from those before to those after.
func wholeCurve(t *testing.T, kept []fallback.Minute, begin, end time.Time) {
	t.Helper()
	power, energy := map[int64]int{}, map[int64]float64{}
	for _, m := range kept {
		if m.Power.ProductionW.Known() {
			power[m.Time.Unix()/60]++
		}
		if wh, counted := m.Energy.ProductionWh.Get(); counted {
			energy[m.Time.Unix()/60] = wh
		}
	}
	before := 1000.0
	for at := begin.Truncate(time.Minute).Add(time.Minute); at.Before(end); at = at.Add(time.Minute) {
		minute := at.Unix() / 60
		if power[minute] != 1 {
			t.Fatalf("%s has %d powers", at, power[minute])
		}
		wh, counted := energy[minute]
		if want := 1000 + at.Sub(begin).Minutes()*250/15; !counted || wh < before || math.Abs(wh-want) > 20 {
			t.Fatalf("%s the counter is at %.0f (%v), want %.0f", at, wh, counted, want)
		}
		before = wh
	}
	if n := int(end.Sub(begin).Minutes()) - 1; len(power) != n || len(energy) != n {
		t.Errorf("%d powers and %d counters, want %d", len(power), len(energy), n)
	}
}

func TestTheEndOfALongGapIsAskedForAgainUntilTheCloudKnowsIt(t *testing.T) {
	fillTest(t, func(t *testing.T, x *filling, now time.Time) {
		x.past.delay = 45 * time.Minute
		x.f.Add(edge(now.Add(-21*24*time.Hour), 1000, 500), edge(now, 2000000, 1100))
		x.run(t, 25*time.Minute)
		if len(x.past.asked) != 3+1 || len(x.kept) == 0 {
			t.Fatalf("%d minutes after %v", len(x.kept), x.past.asked)
		}
		x.open(t)
		x.run(t, 2*time.Hour)
		again := slices.DeleteFunc(x.past.asked[4:], func(w enlighten.Window) bool { return w.To.Equal(now) })
		if len(again) > 0 {
			t.Errorf("asked again for %v", again)
		}
		for _, m := range x.kept {
			if m.Energy.ProductionWh.Known() {
				return
			}
		}
		t.Error("the gap was not filled")
	})
}

func TestADamagedFileOfGapsIsAnEmptyOne(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":             `[{`,
		"a row without a end": `[{"parts":[{"known":[[null,900,1,1,1,1,1,1]]}]}]`,
		"a row of no length":  `[{"parts":[{"known":[[1782000000,0,1,1,1,1,1,1]]}]}]`,
		"a short row":         `[{"parts":[{"known":[[1782000000,900]]}]}]`,
	} {
		t.Run(name, func(t *testing.T) {
			fillTest(t, func(t *testing.T, x *filling, _ time.Time) {
				if err := os.WriteFile(x.path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				x.open(t)
				x.run(t, time.Minute)
				if len(x.past.asked) != 0 || len(x.kept) != 0 {
					t.Errorf("asked for %v", x.past.asked)
				}
			})
		})
	}
}
