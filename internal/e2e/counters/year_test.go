package counters_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
	"envoyd/internal/store"
)

// mostMade is what the house makes between two measurements at most, in Wh.
var mostMade = 5500 * sample.Hours()

// lostDay is when the ledger's file is lost.
const lostDay = 200

// year is a house in Berlin through 2026 at the level of ledger and store: no
// gateway and no sinks, which would take a day for it.
type year struct {
	t      *testing.T
	dir    string
	zone   *time.Location
	rng    *rand.Rand
	ledger *ledger.Ledger
	store  *store.Store

	truth, dawn, began [6]float64 // Wh by flow: now, at midnight, offset of what is published
	soc                float64
	last               reading.Energy
	measured           int
	worst              float64
	byDay              map[string][6]float64 // truth of each day
}

// TestYearThroughLedgerAndStore: a year of restarts, outages, kills, wraps, lost
// memories and both clock changes.
func TestYearThroughLedgerAndStore(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		y := &year{t: t, dir: dir, zone: zone(t, "Europe/Berlin"), rng: rand.New(rand.NewPCG(3, 4)), soc: 3000, byDay: map[string][6]float64{}}
		for i := range y.truth {
			y.truth[i] = 3e6 + 1e5*float64(i)
		}
		start := y.truth
		time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, y.zone)))
		y.open()
		defer y.close()
		for day := range 365 {
			y.day(day)
		}
		for i, f := range reading.Flows() {
			got, want := y.last.At(f).Or(0)-y.began[i], y.truth[i]-start[i]
			t.Logf("%-12s truth %9.0f Wh, off by %+.4f %%", f, want, (got/want-1)*100)
			if math.Abs(got-want) > want*1e-3 {
				t.Errorf("%s: published %.0f Wh, truth %.0f", f, got, want)
			}
		}
		y.history()
		t.Logf("%d measurements, worst day %.3f %%", y.measured, y.worst*100)
	})
}

func (y *year) open() {
	y.t.Helper()
	var err error
	if y.store, err = store.Open(store.Config{Dir: filepath.Join(y.dir, "state"), RAM: "-"}); err != nil {
		y.t.Fatal(err)
	}
	if y.ledger, err = ledger.Open(ledger.Config{Path: filepath.Join(y.dir, "ledger.json")}); err != nil {
		y.t.Fatal(err)
	}
	y.store.SetZone("1", y.zone)
	if last, ok := y.store.Last("1", reading.TierPower); ok {
		y.ledger.Resume("1", last.Energy, last.Time)
		y.recall()
	}
}

// recall tells the ledger of midnight, as the daemon does.
func (y *year) recall() {
	now := time.Now().In(y.zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, y.zone)
	s, err := y.store.History(context.Background(), store.Query{Gateway: "1", From: midnight, To: midnight.Add(15 * time.Minute), Step: time.Minute})
	if err != nil {
		y.t.Fatal(err)
	}
	for _, row := range s.Rows {
		e := reading.Energy{}
		for _, f := range reading.Flows() {
			*e.At(f) = row.Values[slices.Index(s.Columns, string(f)+"_wh")-1]
		}
		if e.ProductionWh.Known() {
			y.ledger.Recall("1", e, midnight)
			return
		}
	}
}

func (y *year) close() {
	if err := y.store.Close(); err != nil {
		y.t.Fatal(err)
	}
}

func (y *year) save() {
	if err := y.ledger.Save(); err != nil {
		y.t.Fatal(err)
	}
}

// day lives through a local day.
func (y *year) day(n int) {
	date := time.Now().In(y.zone)
	end := time.Date(date.Year(), date.Month(), date.Day()+1, 0, 0, 0, 0, y.zone)
	y.dawn = y.truth
	for i := 0; time.Now().Before(end); i += int(sample / (5 * time.Minute)) { // i counts five minutes
		y.trouble(n, i)
		time.Sleep(sample)
		y.step()
		out := n%7 == 2 && i >= 100 && i < 172 || n%9 == 4 && i < 6 // hours by day, half an hour after midnight
		if !out {
			y.measure(i, end)
		}
	}
	day := y.truth
	for i := range day {
		day[i] -= y.dawn[i]
	}
	y.byDay[date.Format(time.DateOnly)] = day
}

// trouble plays what happens to the daemon.
func (y *year) trouble(n, i int) {
	switch {
	case n%5 == 0 && i == 6: // the store tidies up for a while, in which the house rests
		ctx, cancel := context.WithTimeout(context.Background(), sample)
		if err := y.store.Run(ctx); err != nil && ctx.Err() == nil {
			y.t.Fatal(err)
		}
		cancel()
		y.save()
	case n%10 == 1 && i == 120: // restart
		y.save()
		y.close()
		y.open()
	case n%11 == 5 && i == 201: // killed: the ledger is of this morning
		y.close()
		y.open()
	case n == lostDay && i == 150: // the ledger is lost
		y.close()
		_ = os.Remove(filepath.Join(y.dir, "ledger.json")) // it is there
		y.open()
	}
}

// step lives through one sample, in which every power is constant.
func (y *year) step() {
	now := time.Now().In(y.zone)
	hour := float64(now.Hour()) + float64(now.Minute())/60
	season := 0.6 - 0.4*math.Cos(2*math.Pi*float64(now.YearDay()-10)/365)
	production := max(0, 5500*season*math.Sin(math.Pi*(hour-6)/12)) * (0.5 + 0.5*y.rng.Float64())
	load, h := 250+2500*y.rng.Float64()*y.rng.Float64(), sample.Hours()
	battery := max(-min(2500, (6000-y.soc)/h), min(load-production, 2500, y.soc/h))
	y.soc -= battery * h
	grid := load - production - battery
	for i, w := range [6]float64{production, load, grid, -grid, -battery, battery} {
		y.truth[i] += max(0, w) * h
	}
}

// measure gives the ledger what the gateway says, and the store what comes of it.
func (y *year) measure(i int, end time.Time) {
	in := ledger.Input{Gateway: "1", Serial: "1", Firmware: "8.2.4264", Zone: y.zone, Time: time.Now()}
	raw := []float64{math.Mod(y.truth[0], wrapWh), y.truth[2], y.truth[3], y.truth[5], y.truth[4]}
	if i%97 == 13 { // zeros, and a spike
		raw[i%5] = 0
	} else if i%101 == 50 {
		raw[i%5] += 3e6
	}
	for j, name := range []string{"made", "net/d", "net/r", "bat/d", "bat/r"} {
		c := reading.Counter{Name: name, Wh: raw[j], Time: in.Time, MaxW: 8000}
		if j == 0 {
			c.WrapWh = wrapWh
		}
		in.Counters = append(in.Counters, c)
	}
	one := func(f reading.Flow, name string) reading.Account {
		return reading.Account{Flow: f, Terms: []reading.Term{{Counter: name, Sign: 1}}}
	}
	in.Accounts = []reading.Account{one(reading.Production, "made"), one(reading.Import, "net/d"), one(reading.Export, "net/r"),
		one(reading.Discharge, "bat/d"), one(reading.Charge, "bat/r"), {Flow: reading.Consumption, Terms: []reading.Term{{Counter: "made", Sign: 1},
			{Counter: "net/d", Sign: 1}, {Counter: "net/r", Sign: -1}, {Counter: "bat/d", Sign: 1}, {Counter: "bat/r", Sign: -1}}}}
	out := y.ledger.Apply(in)
	y.measured++
	if out.Hold {
		return
	}
	y.check(in.Time, out, in.Time.Equal(end.Add(-sample)))
	rec := reading.Record{Tier: reading.TierPower, Reading: reading.Reading{Gateway: "1", Serial: "1", Source: reading.Local,
		Quality: reading.Good, Time: in.Time, Energy: out.Energy, Estimated: out.Estimated}}
	if _, err := y.store.Append(rec); err != nil {
		y.t.Fatal(err)
	}
}

// check compares with the truth: lifetime never falls, today at 23:55 is right.
func (y *year) check(at time.Time, out ledger.Outcome, evening bool) {
	for i, f := range reading.Flows() {
		got := out.Energy.At(f).Or(0)
		if got < y.last.At(f).Or(0)-1e-3 { // what is written has no more digits
			y.t.Fatalf("%v: %s stepped down from %v to %v", at, f, *y.last.At(f), got)
		}
		if !y.last.At(f).Known() {
			y.began[i] = got - (y.truth[i] - 3e6 - 1e5*float64(i))
		}
		if today, known := out.Today.At(f).Get(); evening && len(y.byDay) > 0 {
			y.today(at, f, today, known, y.truth[i]-y.dawn[i], slices.Contains(out.Estimated, "today."+string(f)+"_wh"))
		}
	}
	y.last = out.Energy
}

// today allows 0.5 % of a day, of a kilowatt-hour at least; of a day that began
// without the daemon, and says so, 3 %.
func (y *year) today(at time.Time, f reading.Flow, got float64, known bool, want float64, estimated bool) {
	off := math.Abs(got-want) / max(want, 1000)
	y.worst = max(y.worst, off)
	limit := map[bool]float64{false: 5e-3, true: 3e-2}[estimated]
	if at.In(y.zone).YearDay() == lostDay+1 { // a wrapped counter cannot tell what it did while the ledger was away
		limit = mostMade / max(want, 1000)
	}
	if !known || off > limit {
		y.t.Errorf("%v: today's %s is %.0f Wh (known %v, estimated %v), truth %.0f", at, f, got, known, estimated, want)
	}
}

// history reads the year back: a row a day, rising, each day's difference true.
func (y *year) history() {
	y.t.Helper()
	s, err := y.store.History(context.Background(), store.Query{Gateway: "1", Step: 24 * time.Hour,
		From: time.Date(2026, 1, 1, 0, 0, 0, 0, y.zone), To: time.Date(2027, 1, 1, 0, 0, 0, 0, y.zone)})
	if err != nil {
		y.t.Fatal(err)
	}
	if len(s.Rows) < 364 {
		y.t.Fatalf("%d days in the history", len(s.Rows))
	}
	for i, f := range reading.Flows() {
		column := slices.Index(s.Columns, string(f)+"_wh") - 1
		for n := 1; n < len(s.Rows); n++ {
			rise := s.Rows[n].Values[column].Or(math.NaN()) - s.Rows[n-1].Values[column].Or(math.NaN())
			day := s.Rows[n].Time.In(y.zone).Format(time.DateOnly)
			if want := y.byDay[day][i]; !(rise >= 0) || math.Abs(rise-want) > max(0.03*want, mostMade) {
				y.t.Errorf("history: %s of %s is %.0f Wh, truth %.0f", f, day, rise, want)
			}
		}
	}
}
