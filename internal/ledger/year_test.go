package ledger_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// sun is a house in Berlin for a year: the truth, and what its gateway says.
type sun struct {
	rng             *rand.Rand
	before          [6]float64 // W by flow, a minute ago
	truth           [6]float64 // Wh by flow, in the order of reading.Flows
	sky, appliances float64    // 0…1, for some minutes at a time
	soc             float64    // Wh in the battery
	dawn            [6]float64 // truth at the last local midnight
	powers          reading.Power
}

// step lives through d.
func (s *sun) step(now time.Time, d time.Duration) {
	hour := float64(now.Hour()) + float64(now.Minute())/60
	season := 0.6 - 0.4*math.Cos(2*math.Pi*float64(now.YearDay()-10)/365)
	production := max(0, 5000*season*math.Sin(math.Pi*(hour-6)/12)) * (0.7 + 0.3*s.sky)
	load := 300 + 2500*s.appliances
	if now.Minute()%20 == 0 {
		s.sky, s.appliances = s.rng.Float64(), s.rng.Float64()*s.rng.Float64()
	}
	surplus, h := production-load, d.Hours()
	battery := 0.0
	if surplus > 0 && s.soc < 5000 {
		battery = -min(surplus, 2500, (5000-s.soc)/h)
	} else if surplus < 0 && s.soc > 0 {
		battery = min(-surplus, 2500, s.soc/h)
	}
	s.soc -= battery * h
	grid := load - production - battery
	flows := [6]float64{production, load, grid, -grid, -battery, battery}
	for i, w := range flows {
		s.truth[i] += area(s.before[i], w) * h
	}
	s.before = flows
	s.powers = reading.Power{ProductionW: reading.Of(production), GridW: reading.Of(grid), BatteryW: reading.Of(battery)}
}

// area is the mean of the positive part of a straight line from a to b.
func area(a, b float64) float64 {
	const parts = 32
	sum := 0.0
	for i := range parts {
		sum += max(0, a+(b-a)*(float64(i)+0.5)/parts)
	}
	return sum / parts
}

// TestYear plays 2026 minute by minute: restarts every other day, outages, SIGKILL
// with a stale state, wraps, spikes, zeros, CTs commissioned anew, both clock
// changes. A battery without counters is played without the long outages:
// nobody knows what it did in them.
func TestYear(t *testing.T) {
	t.Run("with counters for everything", func(t *testing.T) { playYear(t, false) })
	t.Run("with a battery that is integrated", func(t *testing.T) { playYear(t, true) })
}

func playYear(t *testing.T, integrated bool) {
	h := newHome(t)
	y := &year{home: h, sun: &sun{rng: rand.New(rand.NewPCG(1, 2)), soc: 2500}, integrated: integrated}
	for i := range y.truth {
		y.truth[i] = 1e6 * float64(i+1)
	}
	start := y.truth
	for i := range y.offset {
		y.offset[i] = y.truth[i] - 5000 - 3e5*float64(i)
	}
	y.offset[0] -= 8e5
	h.in.Time = time.Date(2026, 1, 1, 0, 0, 0, 0, h.in.Zone)
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, h.in.Zone)
	for minute := 0; h.in.Time.Before(end); minute++ {
		y.minute(minute)
	}
	t.Logf("%d days, %d measurements, %d restarts, %d killed, %d glitches, worst today %.3f %%",
		y.days, y.measured, y.restarts, y.kills, y.glitches, y.worst*100)
	for i, f := range reading.Flows() {
		got, want := y.last.At(f).Or(0)-y.began[i], y.truth[i]-start[i]
		t.Logf("%-12s truth %9.0f Wh, off by %+.4f %%", f, want, (got/want-1)*100)
		if math.Abs(got-want) > want*1e-3 {
			t.Errorf("%s: published %.0f Wh, truth %.0f", f, got, want)
		}
	}
}

type year struct {
	*home
	*sun
	integrated                bool
	offset, began             [6]float64
	last                      reading.Energy
	stored                    reading.Energy
	storedAt                  time.Time
	day                       int
	silent, zeros             int // minutes
	days, measured            int
	restarts, kills, glitches int
	worst                     float64
}

func (y *year) minute(n int) {
	y.step(y.in.Time.In(y.in.Zone), time.Minute)
	y.in.Time = y.in.Time.Add(time.Minute)
	if local := y.in.Time.In(y.in.Zone); local.YearDay() != y.day {
		y.day, y.dawn = local.YearDay(), y.truth
		y.days++
	}
	y.trouble(n)
	if y.silent > 0 {
		y.silent--
		return
	}
	y.declare()
	y.glitch(n)
	y.check(n, y.l.Apply(y.in))
	if n%4000 == 1234-7 { // what the next kill finds
		y.save()
	}
}

// trouble plays restarts, outages and kills.
func (y *year) trouble(n int) {
	switch {
	case n%2880 == 777:
		y.restart()
		y.restarts++
	case n%10080 == 3000 && !y.integrated: // a night without the daemon
		y.restart()
		y.silent = 5 * 60
	case n%10080 == 5730 && !y.integrated: // over midnight
		y.restart()
		y.silent = 60
	case n%4000 == 1234:
		y.kills++
		y.open()
		y.l.Resume(y.in.Gateway, y.stored, y.storedAt)
	case n == 200000: // the CTs are commissioned anew
		y.offset = y.truth
	}
}

func (y *year) declare() {
	y.house()
	raw := func(i int) float64 { return y.truth[i] - y.offset[i] }
	for i, wh := range []float64{raw(0), 11, raw(2), raw(3), raw(5), raw(4)} {
		y.in.Counters[i].Wh, y.in.Counters[i].Time = math.Round(wh*1000)/1000, y.in.Time
	}
	y.in.Counters[0].MaxW = 7000
	y.in.Counters[0].WrapWh = wrapWh
	y.in.Counters[0].Wh = math.Mod(y.in.Counters[0].Wh, wrapWh)
	if !y.integrated {
		return
	}
	y.in.Counters = y.in.Counters[:4]
	battery := y.powers.BatteryW
	y.in.Accounts[4] = reading.Account{Flow: reading.Charge, PowerW: battery.Scale(-1)}
	y.in.Accounts[5] = reading.Account{Flow: reading.Discharge, PowerW: battery}
	terms := y.in.Accounts[1].Terms
	terms[4].Counter, terms[5].Counter = reading.Integral(reading.Discharge), reading.Integral(reading.Charge)
}

// glitch spoils one answer in a hundred.
func (y *year) glitch(n int) {
	if n%1000 == 500 && !y.integrated {
		y.zeros = 7
	}
	if y.zeros > 0 {
		y.zeros--
		y.glitches++
		for i := range y.in.Counters {
			y.in.Counters[i].Wh = 0
		}
		return
	}
	if n%100 == 50 {
		y.glitches++
		c := &y.in.Counters[n/100%4]
		if c.Wh *= y.rng.Float64() / 2; n%200 == 50 {
			c.Wh += 5e4 + 1e7*y.rng.Float64()
		}
	}
}

// check compares the outcome with the truth.
func (y *year) check(n int, out ledger.Outcome) {
	y.measured++
	if out.Hold {
		return
	}
	for i, f := range reading.Flows() {
		got, before := out.Energy.At(f).Or(0), y.last.At(f).Or(0)
		if got < before {
			y.t.Fatalf("%v: %s stepped down from %v to %v", y.in.Time, f, before, got)
		}
		if n == 0 {
			y.began[i] = got - (y.truth[i] - 1e6*float64(i+1))
		}
		y.checkDay(n, i, f, out)
	}
	y.last = out.Energy
	y.stored, y.storedAt = out.Energy, y.in.Time
}

// checkDay compares today at 23:59; less than 1 kWh is compared as 1 kWh.
func (y *year) checkDay(n, i int, f reading.Flow, out ledger.Outcome) {
	if local := y.in.Time.In(y.in.Zone); local.Hour() < 23 || local.Minute() < 59 || y.days < 2 {
		return
	}
	got, ok := out.Today.At(f).Get()
	want := y.truth[i] - y.dawn[i]
	if !ok {
		y.t.Fatalf("%v: today's %s is absent", y.in.Time, f)
	}
	off := math.Abs(got-want) / max(want, 1000)
	y.worst = max(y.worst, off)
	limit := 5e-3
	if !y.integrated && slices.Contains(out.Estimated, "today."+string(f)+"_wh") {
		limit = 3e-2 // the daemon was down over the midnight before
	}
	if off > limit {
		y.t.Fatalf("%v: today's %s is %.0f Wh, truth %.0f", y.in.Time, f, got, want)
	}
}
