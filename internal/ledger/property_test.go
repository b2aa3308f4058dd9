package ledger_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// anyCounter draws the state of a counter: mostly one that goes on, else any
// of the things that gateways have said.
func anyCounter(t *rapid.T, wh float64) float64 {
	switch rapid.IntRange(0, 11).Draw(t, "kind") {
	case 0:
		return 0
	case 1:
		return rapid.Float64().Draw(t, "anything")
	case 2:
		return rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), 4294967292, math.Copysign(0, -1), -19.7}).Draw(t, "odd")
	case 3:
		return wh - wrapWh
	case 4:
		return wh * rapid.Float64Range(0, 3).Draw(t, "factor")
	}
	return wh + rapid.Float64Range(-2, 30).Draw(t, "gain")
}

// anyGap draws the time to the next measurement: mostly a poll, rarely hours,
// at times a clock that was set back.
func anyGap(t *rapid.T) time.Duration {
	switch rapid.IntRange(0, 19).Draw(t, "gap") {
	case 0:
		return time.Duration(rapid.IntRange(0, 40*3600).Draw(t, "long")) * time.Second
	case 1:
		return -time.Duration(rapid.IntRange(0, 7200).Draw(t, "back")) * time.Second
	}
	return time.Duration(rapid.IntRange(0, 60).Draw(t, "poll")) * time.Second
}

// play is a random life of one installation.
type play struct {
	in       ledger.Input
	names    []string
	last     map[string]float64
	switched bool
}

func newPlay(t *rapid.T) *play {
	zone := rapid.SampledFrom([]*time.Location{time.UTC, time.FixedZone("", 20700), nil}).Draw(t, "zone")
	return &play{
		in:    ledger.Input{Gateway: "122333444555", Serial: "122333444555", Zone: zone, Time: noon},
		names: []string{"prod/d", "prod/r", "net/d", "net/r"},
		last:  map[string]float64{"prod/d": 5e6, "prod/r": 11, "net/d": 3e6, "net/r": 2e6, "v1": 5e6},
	}
}

// next draws one more input.
func (p *play) next(t *rapid.T) ledger.Input {
	p.in.Time = p.in.Time.Add(anyGap(t))
	p.in.Serial = "122333444555"
	if rapid.IntRange(0, 200).Draw(t, "swap") == 0 {
		p.in.Serial = "122333444999"
	}
	if rapid.IntRange(0, 50).Draw(t, "switch") == 0 {
		p.switched = !p.switched
	}
	production := "prod/d"
	if p.switched {
		production = "v1"
	}
	p.in.Counters = nil
	for _, n := range append([]string{"v1"}, p.names...) {
		if rapid.IntRange(0, 15).Draw(t, "missing") == 0 {
			continue
		}
		wh := anyCounter(t, p.last[n])
		if math.Abs(wh) < 1e9 && wh > 1 {
			p.last[n] = wh
		}
		p.in.Counters = append(p.in.Counters, reading.Counter{Name: n, Wh: wh, Time: p.in.Time, MaxW: 6500, WrapWh: wrapWh})
	}
	p.in.Accounts = []reading.Account{
		{Flow: reading.Production, Terms: []reading.Term{{Counter: production, Sign: 1}}},
		{Flow: reading.Import, Terms: []reading.Term{{Counter: "net/d", Sign: 1}}, Held: rapid.Bool().Draw(t, "held")},
		{Flow: reading.Charge, PowerW: reading.Of(rapid.Float64Range(-5000, 5000).Draw(t, "power"))},
		{Flow: reading.Consumption, Terms: []reading.Term{{Counter: "prod/d", Sign: 1}, {Counter: "prod/r", Sign: -1},
			{Counter: "net/d", Sign: 1}, {Counter: "net/r", Sign: -1}, {Counter: reading.Integral(reading.Charge), Sign: -1}}},
	}
	return p.in
}

func finite(v reading.Value) bool {
	n, ok := v.Get()
	return !ok || n >= 0 && n < 1e13
}

// TestPublishedEnergyIsMonotonicFiniteAndBounded: whatever the gateway says.
func TestPublishedEnergyIsMonotonicFiniteAndBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, err := ledger.Open(ledger.Config{})
		if err != nil {
			t.Fatal(err)
		}
		p := newPlay(t)
		var last reading.Energy
		began := map[reading.Flow]float64{}
		clock, set := time.Duration(0), 0
		var latest time.Time
		for range rapid.IntRange(1, 80).Draw(t, "inputs") {
			before := p.in.Time
			in := p.next(t)
			if step := in.Time.Sub(before); step > 0 {
				clock += step
			} else if step < 0 {
				set++
			}
			latest = in.Time
			out := l.Apply(in)
			for _, f := range reading.Flows() {
				now, today := *out.Energy.At(f), *out.Today.At(f)
				if !finite(now) || !finite(today) {
					t.Fatalf("%s = %v, today %v", f, now, today)
				}
				if now.Or(0) < last.At(f).Or(0) {
					t.Fatalf("%v: %s stepped down from %v to %v", latest, f, *last.At(f), now)
				}
				if _, ok := began[f]; !ok && now.Known() {
					began[f] = now.Or(0)
				}
				// the contract's bound, with one lateness and one rounding, and
				// the time granted each time that the clock was set back
				terms := map[reading.Flow]float64{reading.Production: 1, reading.Import: 1, reading.Charge: 1, reading.Consumption: 5}[f]
				bound := terms * (6500*(clock+30*time.Minute+time.Duration(set)*5*time.Minute).Hours() + 10)
				if rise := now.Or(0) - began[f]; rise > bound {
					t.Fatalf("%v: %s rose by %v, the hardware can do %v", latest, f, rise, bound)
				}
				if now.Known() {
					*last.At(f) = now
				}
			}
		}
	})
}

// TestSaveAndOpenChangesNothing at any point of any life.
func TestSaveAndOpenChangesNothing(t *testing.T) {
	path := t.TempDir() + "/ledger.json"
	rapid.Check(t, func(t *rapid.T) {
		kept, err := ledger.Open(ledger.Config{})
		if err != nil {
			t.Fatal(err)
		}
		_ = removeIfThere(path)
		saved, err := ledger.Open(ledger.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		p := newPlay(t)
		for range rapid.IntRange(1, 40).Draw(t, "inputs") {
			in := p.next(t)
			want, got := kept.Apply(in), saved.Apply(in)
			if want.Energy != got.Energy || want.Today != got.Today || want.Hold != got.Hold || len(want.Refused) != len(got.Refused) {
				t.Fatalf("after a restart:\n%+v\nwithout:\n%+v", got, want)
			}
			if rapid.IntRange(0, 5).Draw(t, "restart") != 0 {
				continue
			}
			if err := saved.Save(); err != nil {
				t.Fatal(err)
			}
			if saved, err = ledger.Open(ledger.Config{Path: path}); err != nil {
				t.Fatal(err)
			}
			if err := saved.Damaged(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
