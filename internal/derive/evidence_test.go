package derive_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"envoyd/internal/derive"
)

// roof is a second of a house with 10 microinverters of 300 W at most, and
// other panels behind the same CT.
type roof struct {
	powerW, wh float64
}

// playRoof lets a house make powerW for each of the seconds and returns the last result.
func playRoof(t *testing.T, s *derive.Snapshot, seconds []roof) derive.Result {
	t.Helper()
	p := derive.MakePlan(s)
	var r derive.Result
	for i, one := range seconds {
		now := noon.Add(time.Duration(i+1) * time.Second)
		body := list(values(eidProduction, one.powerW, one.wh, 100), values(eidConsumption, 500, 2e6, 3e6))
		put(t, s, "/ivp/meters/readings", replaceUnix(body, noon, now), now)
		r = p.Derive(s, derive.Clock{}, now)
	}
	return r
}

func TestWhatTheProductionCTHasShownIsPossible(t *testing.T) {
	steady := func(n int, powerW, countedW float64) (all []roof) {
		for i := range n {
			all = append(all, roof{powerW, 5e6 + countedW*float64(i)/3600})
		}
		return all
	}
	spike := func(all []roof, powerW, jumpWh float64) []roof {
		last := all[len(all)-1]
		return append(all, roof{powerW, last.wh + jumpWh})
	}
	for name, c := range map[string]struct {
		is     []roof
		passes bool
		limitW float64
	}{
		"steady 9 kW":                              {steady(12, 9000, 9000), true, 9000 * 1.3},
		"not in the first moment":                  {steady(5, 9000, 9000), false, 300 * 1.3},
		"not against its own counter":              {steady(30, 9000, 3000), false, 300 * 1.3},
		"nor a counter that runs by itself":        {steady(30, 3000, 9000), true, 300 * 1.3},
		"a spike of power after that":              {spike(steady(30, 9000, 9000), 30000, 2.5), false, 9000 * 1.3},
		"a spike of power and counter":             {spike(steady(30, 3000, 3000), 30000, 500), false, 3000 * 1.3},
		"a jump of the counter":                    {append(spike(steady(12, 3000, 3000), 3000, 500), steady(9, 3000, 0)...), true, 3000 * 1.3},
		"a cloud that goes after a while of shade": {append(steady(21, 1500, 1500), steady(21, 9000, 9000)...), true, 9000 * 1.3},
	} {
		t.Run(name, func(t *testing.T) {
			r := playRoof(t, metered.probe(t, identity("D7.6.175")), c.is)
			if got := r.Reading.Power.ProductionW.Known(); got != c.passes {
				t.Errorf("power passes: %v, refused %+v", got, r.Refused)
			}
			if got := r.Counters[0].MaxW; got < c.limitW*0.99 || got > c.limitW*1.01 {
				t.Errorf("the counter may do %v W, want %v", got, c.limitW)
			}
		})
	}
}

func TestShownProductionOutlivesTheSession(t *testing.T) {
	before := metered.probe(t, identity("D7.6.175"))
	var all []roof
	for i := range 30 {
		all = append(all, roof{9000, 5e6 + 2.5*float64(i)})
	}
	playRoof(t, before, all)
	s := derive.NewSnapshot(identity("D7.6.175"))
	s.Follow(before)
	for path, body := range metered {
		put(t, s, path, body, noon)
	}
	if r := playRoof(t, s, all[29:]); !r.Reading.Power.ProductionW.Known() {
		t.Errorf("refused %+v", r.Refused)
	}
}

// One answer is all that `envoyd read` has.
func TestExportIsTheFirstEvidenceOfProduction(t *testing.T) {
	for name, c := range map[string]struct {
		production, grid float64
		passes           bool
	}{
		"nearly all is exported": {11000, -9000, true},
		"nothing is exported":    {11000, 0, false},
		"more is imported":       {11000, 9000, false},
		"it is 50 times as much": {150000, -60000, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := metered.with(answers{"/ivp/meters/readings": list(values(eidProduction, c.production, 5e6, 100), values(eidConsumption, c.grid, 2e6, 3e6))}).
				read(t, identity("D7.6.175"))
			if got := r.Reading.Power.ProductionW.Known(); got != c.passes {
				t.Errorf("power passes: %v, refused %+v", got, r.Refused)
			}
		})
	}
}

// replaceUnix moves a time in an answer.
func replaceUnix(body string, from, to time.Time) string {
	return strings.ReplaceAll(body, strconv.FormatInt(from.Unix(), 10), strconv.FormatInt(to.Unix(), 10))
}
