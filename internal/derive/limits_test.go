package derive_test

import (
	"testing"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

// A sample whose active power is beyond its apparent power is refused; a CT
// that always measures so has a wrong apparent power.
func TestPowerBeyondTheApparentPowerIsRefusedWhileItIsAnOutlier(t *testing.T) {
	odd := func(seconds int) string {
		at := noon.Add(time.Duration(seconds) * time.Second)
		return list(valuesAt(eidProduction, at, 3000, 300), valuesAt(eidConsumption, at, -1000, 1000))
	}
	s := metered.probe(t, identity("D8.2.4345"))
	p := derive.MakePlan(s)
	derived := func(seconds int) derive.Result {
		now := noon.Add(time.Duration(seconds) * time.Second)
		put(t, s, "/ivp/meters/readings", odd(seconds), now)
		return p.Derive(s, derive.Clock{}, now)
	}
	for _, seconds := range []int{1, 300, 600} {
		if r := derived(seconds); r.Reading.Power.ProductionW.Known() || len(r.Refused) != 1 {
			t.Fatalf("after %d s: %+v, refused %+v", seconds, r.Reading.Power, r.Refused)
		}
	}
	r := derived(601)
	wantPower(t, r.Reading.Power, map[string]float64{"production_w": 3000, "grid_w": -1000, "consumption_w": 2000})
	if len(r.Refused) > 0 || r.Reading.Meters[0].ApparentVA != (reading.Value{}) {
		t.Errorf("refused %+v, meter %+v", r.Refused, r.Reading.Meters[0])
	}
	put(t, s, "/ivp/meters/readings", metered["/ivp/meters/readings"], noon.Add(700*time.Second)) // an evening
	p.Derive(s, derive.Clock{}, noon.Add(700*time.Second))
	if r := derived(800); !r.Reading.Power.ProductionW.Known() {
		t.Error("it is refused each morning anew")
	}
}
