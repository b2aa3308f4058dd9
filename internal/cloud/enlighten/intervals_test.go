package enlighten_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/reading"
)

// series answers like the API: each interval of the window asked for, with a
// constant energy, nested or flat.
func (a *api) series(path string, step int64, fields string, nested bool) {
	a.do("/77/"+path, func(w http.ResponseWriter, r *http.Request) {
		start, _ := strconv.ParseInt(r.URL.Query().Get("start_at"), 10, 64)
		length := map[string]int64{"day": 86400, "week": 7 * 86400}[r.URL.Query().Get("granularity")]
		end := min(start+length, time.Now().Unix())
		var rows []string
		for at := (start/step + 1) * step; at <= end; at += step {
			rows = append(rows, fmt.Sprintf(`{"end_at":%d,%s}`, at, fields))
		}
		list := "[" + strings.Join(rows, ",") + "]"
		if nested {
			list = "[" + list + "]"
		}
		_, _ = fmt.Fprintf(w, `{"system_id":77,"granularity":"day","start_at":%d,"end_at":%d,"items":"intervals","intervals":%s,"meta":{}}`, start, end, list)
	})
}

func (a *api) allSeries() {
	a.series("telemetry/production_meter", 900, `"wh_del":100,"devices_reporting":1`, false)
	a.series("telemetry/production_micro", 300, `"powr":396,"enwh":33`, false)
	a.series("telemetry/consumption_meter", 900, `"enwh":80`, false)
	a.series("energy_import_telemetry", 900, `"wh_imported":10`, true)
	a.series("energy_export_telemetry", 900, `"wh_exported":30`, true)
	a.series("telemetry/battery", 900, `"charge":{"enwh":25},"discharge":{"enwh":5},"soc":{"percent":50}`, false)
}

func wh(production, consumption, imported, exported, charge, discharge float64) reading.Energy {
	return reading.Energy{
		ProductionWh: reading.Of(production), ConsumptionWh: reading.Of(consumption), ImportWh: reading.Of(imported),
		ExportWh: reading.Of(exported), ChargeWh: reading.Of(charge), DischargeWh: reading.Of(discharge),
	}
}

func TestTheIntervalsOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.allSeries()
		cl := a.connected(t)
		time.Sleep(20 * day)
		from := time.Now().Add(-100 * time.Minute).Add(7 * time.Second)
		span, err := cl.Intervals(t.Context(), enlighten.Window{From: from, To: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(a.calls()); n != 5 {
			t.Errorf("%d calls", n)
		}
		if len(span.Intervals) != 7 || len(span.Missing) != 0 {
			t.Fatalf("%d intervals, missing %v", len(span.Intervals), span.Missing)
		}
		end := from
		for i, got := range span.Intervals {
			// 100 + 10 - 30 + 5 - 25: the balance, not the meter's 80.
			if diff := cmp.Diff(wh(100, 60, 10, 30, 25, 5), got.Energy); diff != "" {
				t.Error(diff)
			}
			if got.End.Sub(got.Start) != 15*time.Minute || i > 0 && !got.Start.Equal(end) || !got.End.After(from) {
				t.Errorf("interval %v to %v after %v", got.Start, got.End, end)
			}
			end = got.End
		}
	})
}

const day = 24 * time.Hour

func TestFiveDaysAreWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.allSeries()
		cl := a.connected(t)
		time.Sleep(86*day + 13*time.Hour) // over the end of March, with the change of the clocks
		to := time.Now()
		span, err := cl.Intervals(t.Context(), enlighten.Window{From: to.Add(-5 * day), To: to})
		if err != nil {
			t.Fatal(err)
		}
		if len(span.Intervals) != 5*96 {
			t.Errorf("%d intervals", len(span.Intervals))
		}
		asked := a.calls()
		if len(asked) != 14 || asked[0] != "/77/devices" { // after two months looked at again; three series by the week, two by the day
			t.Errorf("%d calls: %v", len(asked), asked)
		}
		sum := 0.0
		for _, i := range span.Intervals {
			sum += i.Energy.ProductionWh.Or(0)
		}
		if sum != 5*96*100 {
			t.Errorf("%v Wh", sum)
		}
	})
}

func TestMicroinvertersAloneKeepTheirFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.say("/77/devices", 200, devices("", "", false))
		a.allSeries()
		cl := a.connected(t)
		time.Sleep(day)
		span, err := cl.Intervals(t.Context(), enlighten.Window{From: time.Now().Add(-time.Hour), To: time.Now()})
		if err != nil || len(span.Intervals) != 12 || span.Intervals[0].End.Sub(span.Intervals[0].Start) != 5*time.Minute {
			t.Fatalf("%d intervals, %v", len(span.Intervals), err)
		}
		if e := span.Intervals[0].Energy; e.ProductionWh != reading.Of(33) || e.ConsumptionWh.Known() || e.ImportWh.Known() {
			t.Errorf("energy %+v", e)
		}
	})
}

func TestMicroinvertersBesideAMeterAreSummedToQuarterHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.say("/77/devices", 200, devices("", "Total", false))
		a.allSeries()
		cl := a.connected(t)
		time.Sleep(day)
		span, err := cl.Intervals(t.Context(), enlighten.Window{From: time.Now().Add(-time.Hour), To: time.Now()})
		if err != nil || len(span.Intervals) != 4 {
			t.Fatalf("%d intervals, %v", len(span.Intervals), err)
		}
		if e := span.Intervals[1].Energy; e.ProductionWh != reading.Of(99) || e.ConsumptionWh != reading.Of(80) || e.ChargeWh.Known() {
			t.Errorf("energy %+v", e)
		}
	})
}

func TestAWeekThatIsRefusedIsAskedForByDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.say("/77/devices", 200, devices("p", "", false))
		a.allSeries()
		a.mu.Lock()
		whole := a.answers["/77/telemetry/production_meter"]
		a.mu.Unlock()
		a.do("/77/telemetry/production_meter", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("granularity") == "week" {
				http.Error(w, `{"code":422,"details":"bad granularity"}`, http.StatusUnprocessableEntity)
				return
			}
			whole(w, r)
		})
		cl := a.connected(t)
		time.Sleep(10 * day)
		span, err := cl.Intervals(t.Context(), enlighten.Window{From: time.Now().Add(-3 * day), To: time.Now()})
		if err != nil || len(span.Intervals) != 3*96 || len(a.calls()) != 4 {
			t.Errorf("%d intervals, %v", len(span.Intervals), err)
		}
	})
}

func TestWithoutBudgetForAllThereIsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.allSeries()
		cl := a.connected(t)
		time.Sleep(3 * day)
		until := time.Now().Add(10 * day)
		if _, err := cl.Budget().Refused(t.Context(), budget.Refusal{Period: "month", End: until, Limit: 1000}); err != nil {
			t.Fatal(err)
		}
		if _, err := cl.Intervals(t.Context(), pastWindow()); !errors.Is(err, budget.ErrSpent) || len(a.calls()) != 0 {
			t.Errorf("err %v", err)
		}
	})
}

func TestWindowsAreNewestFirstAndWhole(t *testing.T) {
	base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, length := range []time.Duration{time.Minute, day, 25 * time.Hour, 30 * day} {
		windows := enlighten.Windows(base, base.Add(length))
		end := base.Add(length)
		for _, w := range windows {
			if !w.To.Equal(end) || !w.From.Before(w.To) || w.To.Sub(w.From) > 7*day {
				t.Errorf("%v: window %v", length, w)
			}
			end = w.From
		}
		if !end.Equal(base) {
			t.Errorf("%v: begins %v", length, end)
		}
	}
	if len(enlighten.Windows(base, base)) != 0 {
		t.Error("a window of nothing")
	}
}

func TestTheDaysSinceCommissioning(t *testing.T) {
	a := newAPI(t)
	a.say("/77/energy_lifetime", 200, `{"start_date":"2025-12-30","production":[1000,null,3000,0,0],"meta":{}}`)
	a.say("/77/consumption_lifetime", 200, `{"start_date":"2025-12-31","consumption":[500,600]}`)
	a.say("/77/energy_import_lifetime", 403, `{}`)
	a.say("/77/energy_export_lifetime", 200, `{"start_date":"nonsense","export":[1]}`)
	a.say("/77/battery_lifetime", 200, `{"start_date":"2026-01-01","charge":[200],"discharge":["100.5"]}`)
	days, err := a.connected(t).Daily(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []enlighten.Day{
		{Date: "2025-12-30", Energy: reading.Energy{ProductionWh: reading.Of(1000)}},
		{Date: "2025-12-31"}, // the battery's share of that day is unknown
		{Date: "2026-01-01", Energy: reading.Energy{ProductionWh: reading.Of(3000), ConsumptionWh: reading.Of(500.5),
			ChargeWh: reading.Of(200), DischargeWh: reading.Of(100.5)}},
	}
	if diff := cmp.Diff(want, days); diff != "" {
		t.Error(diff)
	}
	if n := len(a.calls()); n != 5 {
		t.Errorf("%d calls", n)
	}
}
