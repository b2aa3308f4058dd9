package cloud_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"envoyd/internal/sim/cloud"
	"envoyd/internal/sim/home"
)

// sum adds up a number of each interval; a dot leads into an object.
func sum(list []map[string]any, key string) (total float64) {
	outer, inner, nested := strings.Cut(key, ".")
	for _, it := range list {
		value := it[outer]
		if nested {
			value = value.(map[string]any)[inner]
		}
		total += value.(float64)
	}
	return total
}

// within says whether two energies differ by less than 1 %, or one Wh.
func within(a, b float64) bool { return math.Abs(a-b) <= math.Max(1, 0.01*math.Abs(b)) }

func TestIntervalsAddUpToTheTruth(t *testing.T) {
	cfg, house := usual()
	begin := time.Date(2026, 6, 21, 22, 0, 0, 0, time.UTC) // midnight in Berlin
	at(t, begin, cfg, house, func(u *user) {
		first := u.home.Truth(time.Now())
		time.Sleep(18 * time.Hour)
		last := u.home.Truth(time.Now())
		for path, want := range map[string]float64{
			"/telemetry/production_micro enwh":                           last.ProductionWh - first.ProductionWh,
			"/telemetry/production_meter wh_del":                         last.ProductionWh - first.ProductionWh,
			"/telemetry/production_meter?granularity=week wh_del":        last.ProductionWh - first.ProductionWh,
			"/energy_import_telemetry wh_imported":                       last.ImportWh - first.ImportWh,
			"/energy_export_telemetry?start_date=2026-06-22 wh_exported": last.ExportWh - first.ExportWh,
			"/telemetry/battery charge.enwh":                             last.ChargeWh - first.ChargeWh,
			"/telemetry/battery discharge.enwh":                          last.DischargeWh - first.DischargeWh,
			"/rgm_stats wh_del":                                          last.ProductionWh - first.ProductionWh,
			"/telemetry/consumption_meter enwh": last.ConsumptionWh - first.ConsumptionWh +
				last.ChargeWh - first.ChargeWh - last.DischargeWh + first.DischargeWh,
		} {
			path, key, _ := strings.Cut(path, " ")
			if got := sum(u.intervals(path), key); !within(got, want) || want < 100 {
				t.Errorf("%s: %.0f Wh, truth %.0f Wh", path, got, want)
			}
		}
		for path, want := range map[string]float64{
			"/energy_lifetime production":     last.ProductionWh - first.ProductionWh,
			"/energy_import_lifetime import":  last.ImportWh - first.ImportWh,
			"/energy_export_lifetime export":  last.ExportWh - first.ExportWh,
			"/battery_lifetime charge":        last.ChargeWh - first.ChargeWh,
			"/battery_lifetime discharge":     last.DischargeWh - first.DischargeWh,
			"/energy_lifetime?x=1 production": last.ProductionWh - first.ProductionWh,
		} {
			path, key, _ := strings.Cut(path, " ")
			join := "?"
			if strings.Contains(path, "?") {
				join = "&"
			}
			days := u.doc(u.own(path + join + "start_date=2026-06-22"))[key].([]any)
			if len(days) != 1 || !within(days[0].(float64), want) {
				t.Errorf("%s: %v, truth %.0f Wh", path, days, want)
			}
		}
		doc := u.doc(u.own("/summary"))
		if !within(doc["energy_today"].(float64), last.ProductionWh-first.ProductionWh) || !within(doc["energy_lifetime"].(float64), first.ProductionWh) {
			t.Errorf("summary: %v", doc)
		}
	})
}

func TestDaysAddUpToTheCountersOfTheGateway(t *testing.T) {
	cfg, house := usual()
	house.Zone = berlin(t)
	at(t, noon(), cfg, house, func(u *user) {
		now := u.home.Truth(time.Now())
		today := time.Now().In(berlin(t)).Format(time.DateOnly)
		for path, want := range map[string]float64{
			"/energy_lifetime production": now.ProductionWh, "/energy_import_lifetime import": now.ImportWh,
			"/energy_export_lifetime export": now.ExportWh, "/battery_lifetime charge": now.ChargeWh,
			"/battery_lifetime discharge": now.DischargeWh, "/consumption_lifetime consumption": now.ConsumptionWh + now.ChargeWh - now.DischargeWh,
		} {
			path, key, _ := strings.Cut(path, " ")
			var got float64
			doc := u.doc(u.own(path + "?end_date=" + today))
			days := doc[key].([]any)
			for _, day := range days {
				got += day.(float64)
			}
			if math.Abs(got-want) > 1e-6*want+2 {
				t.Errorf("%s: %.0f Wh in %d days, truth %.0f Wh", path, got, len(days), want)
			}
			if usual := u.doc(u.own(path))[key].([]any); len(usual) != len(days)-1 || len(days) < 100 {
				t.Errorf("%s: %d days by default, %d with today", path, len(usual), len(days))
			}
		}
	})
}

func TestADayOfTheMadeUpPastAgreesWithItsLifetime(t *testing.T) {
	cfg, house := usual()
	at(t, time.Date(2026, 4, 2, 10, 0, 0, 0, time.UTC), cfg, house, func(u *user) {
		for date, quarters := range map[string]int{"2026-03-28": 96, "2026-03-29": 92, "2025-10-26": 100} {
			list := u.intervals("/telemetry/production_meter?start_date=" + date)
			days := u.doc(u.own("/energy_lifetime?start_date=" + date + "&end_date=" + date))["production"].([]any)
			if len(list) != quarters || sum(list, "wh_del") != days[0] {
				t.Errorf("%s: %d intervals with %.0f Wh, the day %v", date, len(list), sum(list, "wh_del"), days)
			}
		}
		doc := u.doc(u.own("/energy_lifetime?start_date=2026-04-02"))
		if len(doc["production"].([]any)) != 1 {
			t.Errorf("today by itself: %v", doc)
		}
	})
}

func TestLatestTelemetryBalances(t *testing.T) {
	for _, discharge := range []bool{false, true} {
		cfg, house := usual()
		cfg.Discharge = discharge
		house.SoCPct = 60
		at(t, noon(), cfg, house, func(u *user) {
			for range 3 {
				time.Sleep(4 * time.Hour)
				truth := u.home.Truth(time.Now().Truncate(time.Second))
				devices := u.doc(u.own("/latest_telemetry"))["devices"].(map[string]any)
				power := map[string]float64{}
				for _, group := range []string{"meters", "encharges"} {
					for _, d := range flat(devices[group].([]any)) {
						if w, ok := d["power"].(float64); ok {
							power[strings.Fields(d["name"].(string))[0]] += w
						}
						if d["last_report_at"] != float64(time.Now().Unix()) {
							t.Errorf("reported at %v", d["last_report_at"])
						}
					}
				}
				battery := power["IQ"]
				if discharge {
					battery = -battery
				}
				if math.Abs(power["production"]-truth.ProductionW) > 2 || math.Abs(power["consumption"]-battery-truth.ConsumptionW) > 4 ||
					math.Abs(battery+truth.BatteryW) > 2 {
					t.Errorf("%v, truth %+v", power, truth.Flow)
				}
			}
		})
	}
}

func TestDataComeAsLateAsInReality(t *testing.T) {
	cfg, house := usual()
	cfg.Upload, cfg.Delay = 15*time.Minute, 3*time.Minute
	at(t, noon().Add(14*time.Minute), cfg, house, func(u *user) {
		last := func() string {
			list := u.intervals("/telemetry/production_micro")
			end := time.Unix(int64(list[len(list)-1]["end_at"].(float64)), 0).UTC()
			reported := time.Unix(int64(u.doc(u.own("/summary"))["last_report_at"].(float64)), 0).UTC()
			return end.Format("15:04 ") + reported.Format("15:04")
		}
		for _, want := range []string{"10:30 10:30", "10:30 10:30", "10:45 10:45"} { // 10:44, 10:47, 10:49
			if got := last(); got != want {
				t.Errorf("at %s: %s, want %s", time.Now().UTC().Format("15:04"), got, want)
			}
			time.Sleep(2*time.Minute + 30*time.Second)
		}
	})
}

func TestAReportFromBeforeTheStartIsTheMeanOfItsInterval(t *testing.T) {
	cfg, house := usual()
	cfg.Upload, cfg.Delay = 15*time.Minute, 3*time.Minute
	at(t, noon().Add(14*time.Minute), cfg, house, func(u *user) {
		list := u.intervals("/telemetry/production_micro")
		want := list[len(list)-1]
		if got := u.doc(u.own("/summary"))["current_power"].(float64); math.Abs(got-want["powr"].(float64)) > 4 {
			t.Errorf("%f W, the interval that ends then has %v", got, want)
		}
	})
}

func TestASilentGatewayIsSeenAndCaughtUpWith(t *testing.T) {
	cfg, house := usual()
	at(t, noon(), cfg, house, func(u *user) {
		u.cloud.Silence(true)
		stopped := time.Now()
		time.Sleep(5 * time.Hour)
		list := u.intervals("/telemetry/production_meter")
		if end := int64(list[len(list)-1]["end_at"].(float64)); end > stopped.Unix() || u.doc(u.own(""))["status"] != "comm" {
			t.Errorf("the last interval ends at %d, silent since %d", end, stopped.Unix())
		}
		late := u.doc(u.own(fmt.Sprintf("/telemetry/production_meter?start_at=%d", stopped.Unix()+3600)))
		if len(late["intervals"].([]any)) != 0 {
			t.Errorf("after the last report: %v", late)
		}
		time.Sleep(8 * 24 * time.Hour)
		u.access = u.cloud.Grant()["access_token"].(string)
		devices := u.doc(u.own("/latest_telemetry"))["devices"].(map[string]any)
		if m := flat(devices["meters"].([]any))[0]; m["power"] != nil {
			t.Errorf("power of last week: %v", m)
		}
		u.cloud.Silence(false)
		if got := len(u.intervals("/telemetry/production_meter?start_date=2026-06-21")); got != 96 {
			t.Errorf("%d intervals came after", got)
		}
	})
}

func TestAHomeWithoutMetersHasMicroinvertersOnly(t *testing.T) {
	at(t, noon(), cloud.Config{Plan: cloud.Kilowatt}, home.Config{Inverters: 13}, func(u *user) {
		for path, want := range map[string]int{"/telemetry/production_meter": 0, "/energy_import_telemetry": 0, "/telemetry/consumption_meter": 0} {
			if got := len(u.intervals(path)); got != want {
				t.Errorf("%s: %d", path, got)
			}
		}
		if got := len(u.intervals("/telemetry/production_micro")); got < 50 {
			t.Errorf("%d intervals of the microinverters", got)
		}
		if code, text := u.get(u.own("/telemetry/battery")); code != 422 || !strings.Contains(text, "no encharges") {
			t.Errorf("%d %s", code, text)
		}
		doc := u.doc(u.own("/summary"))
		devices := u.doc(u.own("/latest_telemetry"))["devices"].(map[string]any)
		if doc["source"] != "microinverters" || doc["current_power"].(float64) < 1000 || len(devices["meters"].([]any)) != 0 {
			t.Errorf("%v %v", doc, devices)
		}
	})
}
