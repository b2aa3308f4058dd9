package enlighten

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"envoyd/internal/reading"
)

// FuzzAnswers feeds any bytes to every parser of answers: none may panic, and
// whatever comes out is finite, ordered and within what can be written.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"devices":{"meters":[{"name":"production","channel":1,"last_report_at":1766000000,"power":null}],"encharges":[{"operational_mode":"Charging","power":-400,"last_report_at":"1766000000"}]}}`,
		`{"total_devices":1,"end_at":1766086400,"intervals":[[{"end_at":1766000900,"wh_imported":1.5}],{"end_at":1766001800,"charge":{"enwh":3},"discharge":null}]}`,
		`{"start_date":"2024-02-29","production":[1,null,"3",-4,1e300],"charge":[[1]]}`,
		`{"message":"Too Many Requests","details":["a",{"b":"c"}],"code":429,"period":"month","period_start":1,"period_end":"1769904000","limit":1000}`,
		`{"error":{"code":463,"message":["x"]}}`, `{"errorCode":7,"errorMessages":["y"]}`, `[]`, `null`, `"`, `<html>`,
	} {
		f.Add([]byte(seed))
	}
	home := Home{Meters: true, Net: true, Battery: true}
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = parseEnvelope(body)
		var latest latestDoc
		if json.Unmarshal(body, &latest) == nil {
			p, _ := latest.power(home)
			for _, field := range p.Fields() {
				finite(t, field)
			}
			if w, known := p.ConsumptionW.Get(); known && w < 0 {
				t.Errorf("consumption %v", w)
			}
		}
		var series seriesDoc
		if json.Unmarshal(body, &series) == nil {
			checkSeries(t, &series, home)
		}
		var life lifetimeDoc
		if json.Unmarshal(body, &life) == nil {
			days := map[string]*reading.Energy{}
			life.spread(days)
		}
		var devices devicesDoc
		if json.Unmarshal(body, &devices) == nil {
			_ = devices.home(System{ID: 1})
		}
	})
}

func checkSeries(t *testing.T, doc *seriesDoc, home Home) {
	all := Window{time.Unix(-1<<40, 0), time.Unix(1<<40, 0)}
	for name, src := range sources {
		g := grid{}
		g.add(doc, src)
		last := time.Time{}
		for _, i := range g.intervals(home, all) {
			if !i.End.After(last) || !i.Start.Before(i.End) {
				t.Errorf("%s: interval %v to %v after %v", name, i.Start, i.End, last)
			}
			last = i.End
			for _, field := range i.Energy.Fields() {
				finite(t, field)
			}
		}
		if _, step, ok := doc.last(src); ok && (step < shortestStep || step > longestStep) {
			t.Errorf("%s: step %v", name, step)
		}
	}
}

func finite(t *testing.T, f reading.Field) {
	if v, known := f.Value.Get(); known && (math.IsNaN(v) || math.IsInf(v, 0)) {
		t.Errorf("%s is %v", f.Name, v)
	}
}
