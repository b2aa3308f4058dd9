package counters_test

import (
	"math"
	"strings"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sim/home"
)

// of is what really flowed.
func of(t home.Truth, f reading.Flow) float64 {
	return map[reading.Flow]float64{
		reading.Production: t.ProductionWh, reading.Consumption: t.ConsumptionWh, reading.Import: t.ImportWh,
		reading.Export: t.ExportWh, reading.Charge: t.ChargeWh, reading.Discharge: t.DischargeWh,
	}[f]
}

// mark is where a comparison begins: what was published, and what was true then.
type mark struct {
	energy reading.Energy
	truth  home.Truth
	at     time.Time
}

// mark waits for energy at the subscriber and in the database and remembers it.
func (w *world) mark() mark {
	w.t.Helper()
	for range 300 {
		m, ok := w.heard.find("/energy")
		_, _, stored := w.db.last("enphase_energy", "production_wh")
		if e := (energyMessage{}); ok && stored {
			e = decode[energyMessage](w.t, m)
			return mark{e.Energy, m.truth, m.at}
		}
		time.Sleep(time.Second)
	}
	w.t.Fatal("no energy within five minutes")
	return mark{}
}

// counts compares what was published since the mark with what really flowed,
// at the subscriber and in the database. less is what is rightly not counted.
func (w *world) counts(since mark, slack, less float64, flows ...reading.Flow) {
	w.t.Helper()
	time.Sleep(25 * time.Second) // energy goes out each ten seconds, batches each few
	m, _ := w.heard.find("/energy")
	now := decode[energyMessage](w.t, m)
	for _, f := range flows {
		began, published := since.energy.At(f).Or(math.NaN()), now.Energy.At(f).Or(math.NaN())
		want := of(m.truth, f) - of(since.truth, f) - less
		if got := published - began; !(math.Abs(got-want) <= slack) {
			w.t.Errorf("subscriber: %s rose by %.1f Wh, in truth %.1f (to %s)", f, got, want, now.Time.Format(time.TimeOnly))
		}
		stored, ms, _ := w.db.last("enphase_energy", string(f)+"_wh")
		want = of(w.sim.Truth(time.UnixMilli(ms)), f) - of(since.truth, f) - less
		if got := stored - began; !(math.Abs(got-want) <= slack) {
			w.t.Errorf("database: %s rose by %.1f Wh, in truth %.1f", f, got, want)
		}
	}
	w.honest()
}

// honest looks at everything published: no counter ever fell, nothing jumped,
// no power that the house cannot have.
func (w *world) honest() {
	w.t.Helper()
	last, lastAt := map[reading.Flow]float64{}, map[reading.Flow]time.Time{}
	for _, m := range w.heard.since(time.Time{}, "/energy") {
		e := decode[energyMessage](w.t, m)
		for _, f := range reading.Flows() {
			wh, ok := e.Energy.At(f).Get()
			if !ok {
				continue
			}
			rise, known := wh-last[f], !lastAt[f].IsZero()
			if known && (rise < 0 || rise > 100e3*(e.Time.Sub(lastAt[f]).Hours()+0.6)) {
				w.t.Errorf("subscriber: %s went from %v to %v at %v", f, last[f], wh, e.Time)
			}
			last[f], lastAt[f] = wh, e.Time
		}
	}
	for _, m := range w.heard.since(time.Time{}, "/power") {
		p := decode[powerMessage](w.t, m)
		for _, field := range p.Fields() {
			if watts, ok := field.Value.Get(); ok && math.Abs(watts) > 15e3 {
				w.t.Errorf("subscriber: %s is %v W", field.Name, watts)
			}
		}
	}
	w.databaseIsHonest()
}

func (w *world) databaseIsHonest() {
	w.t.Helper()
	last := map[string]float64{}
	for _, p := range w.db.points("enphase_energy") {
		for name, wh := range p.fields {
			if wh < last[name] && name != "estimated" {
				w.t.Errorf("database: %s fell from %v to %v", name, last[name], wh)
			}
			last[name] = wh
		}
	}
	for _, p := range w.db.points("enphase_power") {
		for name, watts := range p.fields {
			if math.Abs(watts) > 15e3 {
				w.t.Errorf("database: %s is %v W", name, watts)
			}
		}
	}
}

// powerIs checks the newest power at the subscriber against the truth, with
// the terms given.
func (w *world) powerIs(slack float64, names ...string) {
	w.t.Helper()
	m, ok := w.heard.find("/power")
	if !ok {
		w.t.Fatal("no power was published")
	}
	p := decode[powerMessage](w.t, m)
	truth := map[string]float64{"production_w": m.truth.ProductionW, "consumption_w": m.truth.ConsumptionW,
		"grid_w": m.truth.GridW, "battery_w": m.truth.BatteryW}
	for _, name := range names {
		for _, field := range p.Fields() {
			if field.Name == name && !(math.Abs(field.Value.Or(math.NaN())-truth[name]) <= slack) {
				w.t.Errorf("%s is %v, in truth %.1f", name, field.Value, truth[name])
			}
		}
	}
}

// newTimes counts the measurement times published since.
func (w *world) newTimes(since time.Time) int {
	times := map[time.Time]bool{}
	for _, m := range w.heard.since(since, "/power") {
		if at := decode[powerMessage](w.t, m).Time; at.After(since) {
			times[at] = true
		}
	}
	return len(times)
}

// refusedOnce checks that the daemon logged one refusal with that reason.
func (w *world) refusedOnce(reason string) {
	w.t.Helper()
	n := 0
	for line := range strings.SplitSeq(w.log.String(), "\n") {
		if strings.Contains(line, "refused") && strings.Contains(line, reason) {
			n++
		}
	}
	if n != 1 {
		w.t.Errorf("%d lines in the log say %q, want one", n, reason)
	}
}

// nothingRefused checks that nothing was refused at all.
func (w *world) nothingRefused() {
	w.t.Helper()
	if text := w.log.String(); strings.Contains(text, "refused a") {
		w.t.Error("something was refused:", tail(text, 2000))
	}
}
