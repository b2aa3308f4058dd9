package fallback_test

import (
	"context"
	"math"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"log/slog"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/fallback"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// past is a cloud that knows quarter hours of 250 Wh made, 100 Wh used, up to a
// moment ago.
type past struct {
	asked []enlighten.Window
	err   error
	delay time.Duration
	// charge is what a battery takes in a quarter hour; 0 = there is none
	charge float64
}

func (p *past) Intervals(_ context.Context, w enlighten.Window) (enlighten.Span, error) {
	p.asked = append(p.asked, w)
	if p.err != nil {
		return enlighten.Span{}, p.err
	}
	var all []enlighten.Interval
	for at := w.From.Truncate(15 * time.Minute); at.Before(w.To); at = at.Add(15 * time.Minute) {
		if end := at.Add(15 * time.Minute); !end.After(time.Now().Add(-p.delay)) {
			in := enlighten.Interval{Start: at, End: end, Energy: reading.Energy{
				ProductionWh: reading.Of(250), ConsumptionWh: reading.Of(100), ImportWh: reading.Of(0), ExportWh: reading.Of(150),
			}}
			if p.charge > 0 {
				in.Energy.ChargeWh = reading.Of(p.charge)
			}
			all = append(all, in)
		}
	}
	return enlighten.Span{Window: w, Intervals: all}, nil
}

type filling struct {
	past  past
	known map[int64]bool
	kept  []fallback.Minute
	seen  int // of kept, which are in known
	path  string
	f     *fallback.Filler
}

func (x *filling) board() *status.Board { return status.NewBoard(slog.New(slog.DiscardHandler)) }

func (x *filling) keep(m fallback.Minute) error {
	x.kept = append(x.kept, m)
	return nil
}

func (x *filling) open(t *testing.T) {
	t.Helper()
	f, err := fallback.NewFiller(fallback.FillConfig{
		Path: x.path, Past: &x.past, Board: x.board(), Name: "backfill", Keep: x.keep,
		Known: func(context.Context, time.Time, time.Time) (map[int64]bool, error) { return x.known, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	x.f = f
}

func (x *filling) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { x.f.Run(ctx); close(done) }()
	time.Sleep(d)
	synctest.Wait()
	stop()
	<-done
}

func edge(at time.Time, made, sent float64) fallback.Edge {
	return fallback.Edge{Time: at, Energy: reading.Energy{ProductionWh: reading.Of(made), ImportWh: reading.Of(7), ExportWh: reading.Of(sent)}}
}

func fillTest(t *testing.T, test func(t *testing.T, x *filling, now time.Time)) {
	path := filepath.Join(t.TempDir(), "gaps.json")
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 6, 21, 10, 5, 0, 0, time.UTC)))
		x := &filling{path: path}
		x.open(t)
		test(t, x, time.Now())
	})
}

func TestALongGapIsFilledFromTheCloudBetweenItsCounters(t *testing.T) {
	fillTest(t, func(t *testing.T, x *filling, now time.Time) {
		x.known = map[int64]bool{now.Add(-time.Hour).Unix(): true}
		x.f.Add(edge(now.Add(-2*time.Hour), 1000, 500), edge(now, 3200, 1700))
		x.run(t, 19*time.Minute)
		if len(x.past.asked) > 0 {
			t.Error("asked before the cloud can know")
		}
		x.run(t, 30*time.Minute)
		if len(x.kept) != 119 {
			t.Fatalf("%d minutes were written", len(x.kept))
		}
		before := 1000.0
		for _, m := range x.kept {
			wh, want := m.Energy.ProductionWh.Or(0), 1000+2200*m.Time.Sub(now.Add(-2*time.Hour)).Hours()/2
			if wh < before || math.Abs(wh-want) > 25 || m.Energy.ImportWh.Or(0) != 7 {
				t.Fatalf("at %s the counters are %+v, want %.0f", m.Time, m.Energy, want)
			}
			before = wh
			if x.known[m.Time.Truncate(time.Minute).Unix()] {
				if m.Power != (reading.Power{}) {
					t.Error("written on top of what was there")
				}
				continue
			}
			if m.Source != reading.Enlighten || m.Power.ProductionW.Or(0) != 1000 || m.Power.GridW.Or(0) != -600 || m.Power.BatteryW.Known() {
				t.Fatalf("at %s it is %+v", m.Time, m)
			}
		}
	})
}

func TestAShortGapIsFilledFromItsCountersAtOnce(t *testing.T) {
	fillTest(t, func(t *testing.T, x *filling, now time.Time) {
		x.f.Add(edge(now.Add(-10*time.Minute), 1000, 500), edge(now, 1200, 600))
		x.run(t, time.Second)
		if len(x.past.asked) != 0 || len(x.kept) != 9 {
			t.Fatalf("asked %d times, %d minutes", len(x.past.asked), len(x.kept))
		}
		m := x.kept[4]
		if m.Source != reading.Local || m.Power.ProductionW.Or(0) != 1200 || m.Power.GridW.Or(0) != -600 || m.Energy.ProductionWh.Or(0) != 1100 {
			t.Errorf("the middle is %+v", m)
		}
	})
}

func TestAGapWaitsForWhatTheCloudDoesNotKnowYet(t *testing.T) {
	fillTest(t, func(t *testing.T, x *filling, now time.Time) {
		x.past.delay = 45 * time.Minute
		x.f.Add(edge(now.Add(-time.Hour), 1000, 500), edge(now, 2000, 1100))
		x.run(t, 21*time.Minute)
		if len(x.kept) != 0 || len(x.past.asked) != 1 {
			t.Fatalf("%d minutes after %d calls", len(x.kept), len(x.past.asked))
		}
		x.open(t) // a restart
		x.run(t, 2*time.Hour)
		if len(x.kept) != 59 || len(x.past.asked) > 3 {
			t.Errorf("%d minutes after %d calls", len(x.kept), len(x.past.asked))
		}
	})
}

func TestAGapWaitsForTheBudget(t *testing.T) {
	fillTest(t, func(t *testing.T, x *filling, now time.Time) {
		x.past.err = &fault.Error{Err: budget.ErrSpent, After: 5 * time.Hour}
		x.f.Add(edge(now.Add(-15*24*time.Hour), 1000, 500), edge(now, 100000, 50000))
		x.run(t, 4*time.Hour)
		if len(x.past.asked) != 1 {
			t.Errorf("asked %d times without a budget", len(x.past.asked))
		}
		x.past.err, x.past.asked = nil, nil
		x.run(t, 2*time.Hour)
		if len(x.past.asked) != 3 || !x.past.asked[0].To.Equal(now) {
			t.Errorf("asked for %v", x.past.asked)
		}
		if want := 15*24*60 - 1; len(x.kept) != want {
			t.Errorf("%d minutes, want %d", len(x.kept), want)
		}
	})
}
