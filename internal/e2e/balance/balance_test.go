package balance_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// rounds is how often a script asks at most.
const rounds = 120

// verdict looks at all that a play publishes.
type verdict struct {
	*play
	t           testing.TB
	last, began reading.Energy
	truth       map[reading.Flow]float64 // at the beginning
	since       time.Time
	seen        int
}

func judge(t testing.TB, bytes []byte) *verdict {
	v := newVerdict(t, bytes)
	v.run(rounds)
	return v
}

func newVerdict(t testing.TB, bytes []byte) *verdict {
	v := &verdict{play: newPlay(bytes), t: t}
	v.since, v.truth = v.house.now, v.house.truth()
	v.emitted = v.look
	return v
}

func (v *verdict) errorf(format string, args ...any) {
	v.t.Helper()
	h := v.house
	var lacks []string
	for path, gone := range h.lacks {
		if gone {
			lacks = append(lacks, path)
		}
	}
	v.t.Fatalf(format+"; %s %v, disabled %v, %d IQ, ACB %v, lacks %v, %s, zeros until %s; plan %q", append(args, h.fw, h.wiring, h.disabled, h.iq, h.acb,
		lacks, h.now.Format(time.DateTime), h.zerosUntil.Format(time.TimeOnly), v.plan.Lines())...)
}

func (v *verdict) look(r derive.Result, _ ledger.Outcome) {
	v.t.Helper()
	v.seen++
	v.balances(r.Reading.Power)
	v.inventsNothing(r.Reading)
	v.counts(r.Reading)
	body, err := json.Marshal(r.Reading)
	if err != nil || strings.Contains(string(body), "null") {
		v.errorf("%v: %s", err, body)
	}
}

// balances: consumption is the sum of its parts, where all are known.
func (v *verdict) balances(p reading.Power) {
	v.t.Helper()
	load, ok := p.ConsumptionW.Get()
	if !ok || !p.ProductionW.Known() || !p.GridW.Known() {
		if ok && v.house.has(net) {
			v.errorf("a house without its parts: %+v", p)
		}
		return
	}
	sum := p.ProductionW.Or(0) + p.GridW.Or(0) + p.BatteryW.Or(0) + p.GeneratorW.Or(0)
	if load < 0 || math.Abs(sum-load) > 0.001 && (load != 0 || sum < -50) {
		v.errorf("consumption %v, but the parts are %v: %+v", load, sum, p)
	}
}

// inventsNothing: what this house cannot measure is absent, and 0 is said only
// of what is 0.
func (v *verdict) inventsNothing(r reading.Reading) {
	v.t.Helper()
	h := v.house
	never := map[string]bool{
		"battery_w": h.hasBattery(), "grid_w": h.has(net) || h.has(total), "generator_w": false,
		"consumption_w": h.has(total) || h.has(net),
	}
	for _, f := range r.Power.Fields() {
		if may, ruled := never[f.Name]; ruled && !may && f.Value.Known() {
			v.errorf("%s is %v and cannot be known", f.Name, f.Value)
		}
	}
	grid := h.has(net) || h.has(total)
	for f, may := range map[reading.Flow]bool{reading.Import: grid, reading.Export: grid, reading.Consumption: grid,
		reading.Charge: h.hasBattery(), reading.Discharge: h.hasBattery()} {
		if !may && r.Energy.At(f).Known() {
			v.errorf("%s is %v and cannot be known", f, r.Energy.At(f))
		}
	}
	if !h.hasBattery() && (r.Storage != reading.Storage{} || len(r.Batteries) > 0) {
		v.errorf("storage %+v in a house without", r.Storage)
	}
	if w, ok := r.Power.ProductionW.Get(); ok && w == 0 && v.counting() && r.Time.After(h.darkUntil.Add(time.Hour)) {
		v.errorf("0 W is published while %v W are made", h.madeW)
	}
	if soc, ok := r.Storage.SoCPct.Get(); ok && soc == 0 {
		v.errorf("0 %% is published of batteries at %v %%", h.soc)
	}
	for _, b := range r.Batteries {
		if soc, ok := b.SoCPct.Get(); ok && soc == 0 {
			v.errorf("0 %% is published of a battery at %v %%", h.soc)
		}
	}
	for _, i := range r.Inverters {
		if !v.counting() {
			break // a second list is all that can be asked for
		}
		if w, ok := i.PowerW.Get(); ok && w == 0 && i.Time.After(h.darkUntil.Add(reportEvery)) {
			v.errorf("0 W is published of inverter %s while it makes %v W", i.Serial, h.madeW/float64(len(h.inverters)))
		}
	}
}

// counting reports whether any page tells what was counted.
func (v *verdict) counting() bool {
	for _, e := range v.plan.Endpoints() {
		v1 := e.Path == pathV1 && v.house.fw < "D8.3.5422"
		if v1 || slices.Contains([]string{pathReadings, "/ivp/meters/reports", pathDevices, pathPDM, pathPage}, e.Path) {
			return true
		}
	}
	return false
}

// counts: lifetime energy neither falls nor goes further than the hardware.
func (v *verdict) counts(r reading.Reading) {
	v.t.Helper()
	h := v.house
	truth := h.truth()
	for _, f := range reading.Flows() {
		now, ok := r.Energy.At(f).Get()
		if !ok {
			continue
		}
		if now < v.last.At(f).Or(0) {
			v.errorf("%s stepped down from %v to %v", f, v.last.At(f), now)
		}
		if !v.began.At(f).Known() {
			*v.began.At(f) = reading.Of(now)
		}
		*v.last.At(f) = reading.Of(now)
		rise := now - v.began.At(f).Or(0)
		if rise > v.most(f, truth[f]-v.truth[f]) {
			v.errorf("%s rose by %.0f Wh, in truth by %.0f", f, rise, truth[f]-v.truth[f])
		}
		if today, ok := r.Today.At(f).Get(); ok && (today < 0 || today > rise+0.001) {
			v.errorf("%s is %v today, after a rise of %v", f, today, rise)
		}
	}
}

// most is what a flow may have risen by: what truly flowed, where a counter of
// its own tells; else what the hardware can do.
func (v *verdict) most(f reading.Flow, flowed float64) float64 {
	h := v.house
	hours := (h.now.Sub(v.since) + time.Hour).Hours()
	made := 1.3 * inverterMaxW * 8 * hours
	if h.lacks[pathList] && (h.lacks[pathDevices] || h.fw < "D8.2.4264") { // how many there are is unknown
		made = 100e3 * (hours + 3)
	}
	switch {
	case v.spikes:
		return 200e3 * hours
	case f == reading.Production: // an inverter that is taken down may look like a wrap
		return made
	case f == reading.Consumption: // and a battery without counters is unknown while nobody asks
		return flowed + made + batteryMaxW*hours
	}
	return flowed + 5000
}

// truth is what really flowed, in Wh.
func (h *house) truth() map[reading.Flow]float64 {
	return map[reading.Flow]float64{reading.Production: h.made, reading.Consumption: h.used, reading.Import: h.imported,
		reading.Export: h.exported, reading.Charge: h.charged, reading.Discharge: h.discharged}
}

func seeded(seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 17))
	bytes := make([]byte, 16+4*rounds)
	for i := range bytes {
		bytes[i] = byte(rng.Uint32())
	}
	return bytes
}

// TestAnyLifeOfAnyHouse plays fixed seeds.
func TestAnyLifeOfAnyHouse(t *testing.T) {
	seen := 0
	for seed := range uint64(1000) {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { seen += judge(t, seeded(seed)).seen }) {
			continue
		}
	}
	t.Logf("%d readings", seen)
}

// FuzzLife lets the fuzzer write the script.
func FuzzLife(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seeded(seed))
	}
	f.Fuzz(func(t *testing.T, bytes []byte) { judge(t, bytes) })
}
