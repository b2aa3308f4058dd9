package cloud_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// keys lists the names of an object.
func keys(doc any) string {
	object, _ := doc.(map[string]any)
	return strings.Join(slices.Sorted(maps.Keys(object)), " ")
}

// first is the first element of a list at a path through objects.
func first(doc any, path string) any {
	for name := range strings.FieldsSeq(path) {
		switch v := doc.(type) {
		case map[string]any:
			doc = v[name]
		default:
			return nil
		}
		for {
			list, ok := doc.([]any)
			if !ok || len(list) == 0 {
				break
			}
			doc = list[0]
		}
	}
	return doc
}

func TestShapesAreTheSheets(t *testing.T) {
	const series = "granularity intervals items "
	cfg, house := usual()
	at(t, noon(), cfg, house, func(u *user) {
		u.home.AddInverter()
		for _, tt := range []struct{ path, top, into, inner string }{
			{"", "count current_page items size systems total", "systems", "address attachment_type connection_type energy_lifetime energy_today " +
				"interconnect_date last_energy_at last_report_at name operational_at public_name status system_id system_size timezone"},
			{"/{id}/summary", "battery_capacity_wh battery_charge_w battery_discharge_w current_power energy_lifetime energy_today evse_power " +
				"last_interval_end_at last_report_at modules nmi operational_at size_w source status summary_date system_id", "", ""},
			{"/{id}/devices", "devices items system_id total_devices", "devices gateways",
				"active cellular_modem emu_sw_version id last_report_at model name part_number product_name serial_number sku status"},
			{"/{id}/devices", "devices items system_id total_devices", "devices meters",
				"active config_phase config_type id last_report_at model name part_number product_name serial_number sku state status"},
			{"/{id}/telemetry/production_micro", "end_at " + series + "meta start_at system_id total_devices", "intervals", "devices_reporting end_at enwh powr"},
			{"/{id}/telemetry/production_meter", "end_at " + series + "start_at system_id total_devices", "intervals", "devices_reporting end_at wh_del"},
			{"/{id}/telemetry/consumption_meter", "end_at " + series + "meta start_at system_id total_devices", "intervals", "devices_reporting end_at enwh"},
			{"/{id}/telemetry/battery", "end_at " + series + "last_reported_aggregate_soc start_at system_id total_devices", "intervals", "charge discharge end_at soc"},
			{"/{id}/telemetry/battery?start_date=2026-06-20", "end_date " + series + "last_reported_aggregate_soc start_date system_id total_devices", "intervals soc",
				"devices_reporting percent"},
			{"/{id}/energy_import_telemetry", "end_at " + series + "meta start_at system_id total_devices", "intervals", "end_at wh_imported"},
			{"/{id}/energy_export_telemetry", "end_at " + series + "meta start_at system_id total_devices", "intervals", "end_at wh_exported"},
			{"/{id}/energy_lifetime", "meta production start_date system_id", "meta", "last_energy_at last_report_at operational_at status"},
			{"/{id}/energy_lifetime?production=all", "meta meter_production meter_start_date micro_production production start_date system_id", "", ""},
			{"/{id}/consumption_lifetime", "consumption meta start_date system_id", "", ""},
			{"/{id}/battery_lifetime", "charge discharge meta start_date system_id", "", ""},
			{"/{id}/energy_import_lifetime", "import meta start_date system_id", "", ""},
			{"/{id}/energy_export_lifetime", "export meta start_date system_id", "", ""},
			{"/{id}/production_meter_readings", "meta meter_readings system_id", "meter_readings", "read_at serial_number value"},
			{"/{id}/consumption_meter_readings?end_at=1781000000", "meta meter_readings system_id", "meter_readings", "read_at serial_num value"},
			{"/{id}/storage_meter_readings", "meta meter_readings system_id", "meter_readings", "read_at serial_num value_charged value_discharged"},
			{"/{id}/rgm_stats", "intervals meta meter_intervals system_id total_devices", "meter_intervals intervals", "channel curr_w end_at wh_del"},
			{"/{id}/latest_telemetry", "devices items system_id", "devices meters", "channel id last_report_at name power"},
			{"/{id}/latest_telemetry", "devices items system_id", "devices encharges", "channel id last_report_at name operational_mode power"},
			{"/{id}/devices/micros/telemetry", "devices end_at granularity items meta start_at system_id total_devices", "devices intervals", "end_at enwh powr"},
			{"/{id}/devices/micros/122344040000/telemetry", "end_at " + series + "meta start_at system_id total_devices", "intervals", "end_at enwh powr"},
			{"/{id}/devices/encharges/492320000140/telemetry", "end_at " + series + "meta start_at system_id total_devices", "intervals", "charge discharge end_at soc"},
			{"/{id}/12/evse_telemetry", "end_at granularity interval_duration intervals items start_at system_id total_devices", "", ""},
			{"/{id}/hp_telemetry", "end_at granularity interval_duration intervals items start_at system_id total_devices", "", ""},
			{"/{id}/events?start_time=1780000000", "count current_page events items size system_id total", "", ""},
			{"/{id}/open_alarms", "alarms count current_page items size system_id total", "", ""},
			{"/retrieve_system_id?serial_num=" + serial, "system_id", "", ""},
			{"/config/{id}/battery_settings", "battery_mode battery_shutdown_level charge_from_grid energy_independence reserve_soc system_id", "", ""},
			{"/config/{id}/grid_status", "grid_state last_report_date system_id", "", ""},
			{"/config/{id}/storm_guard", "storm_alert storm_guard_status system_id", "", ""},
			{"/config/{id}/load_control", "load_control_data system_id", "", ""},
		} {
			doc := u.doc(strings.ReplaceAll(tt.path, "{id}", fmt.Sprint(u.cloud.System())))
			if got := keys(doc); got != tt.top {
				t.Errorf("%s: %s, want %s", tt.path, got, tt.top)
			}
			if got := keys(first(doc, tt.into)); tt.into != "" && got != tt.inner {
				t.Errorf("%s at %s: %s, want %s", tt.path, tt.into, got, tt.inner)
			}
		}
	})
}

func TestIntervalsHaveTheSheetsLengthAndNumber(t *testing.T) {
	cfg, house := usual()
	at(t, time.Date(2026, 6, 28, 22, 0, 0, 0, time.UTC), cfg, house, func(u *user) {
		midnight := time.Date(2026, 6, 20, 22, 0, 0, 0, time.UTC).Unix()
		for path, want := range map[string][2]int{
			"production_micro?granularity=15mins": {0, 300}, "production_meter?granularity=15mins": {1, 900}, "production_meter?granularity=5mins": {0, 900},
			"production_meter": {96, 900}, "production_meter?granularity=week": {672, 900}, "battery?granularity=week": {672, 900}, "consumption_meter": {96, 900},
		} {
			join := "?"
			if strings.Contains(path, "?") {
				join = "&"
			}
			list := u.intervals(fmt.Sprintf("/telemetry/%s%sstart_at=%d", path, join, midnight))
			if len(list) != want[0] {
				t.Errorf("%s: %d intervals", path, len(list))
			}
			for i, it := range list {
				if end := it["end_at"].(float64); end != float64(midnight+int64((i+1)*want[1])) {
					t.Fatalf("%s: interval %d ends at %.0f", path, i, end)
				}
			}
		}
		noonish := fmt.Sprintf("/telemetry/production_micro?granularity=15mins&start_at=%d", midnight+12*3600)
		if list := u.intervals(noonish); len(list) != 3 || list[0]["powr"].(float64) < 100 || list[0]["devices_reporting"] != 20.0 {
			t.Errorf("%v", list)
		}
		for _, it := range u.intervals("/telemetry/production_micro?start_date=2026-06-21") {
			if it["powr"].(float64) < 0 || it["enwh"].(float64)*12-it["powr"].(float64) > 15 {
				t.Errorf("%v", it)
			}
		}
		old := u.doc(u.own("/telemetry/production_meter?start_date=2024-07-01"))
		began := u.home.Commissioned().In(berlin(t)).Format(time.DateOnly)
		if old["start_date"] != began {
			t.Errorf("before the system was there: %v, want %s", old["start_date"], began)
		}
	})
}

func TestInvertersComeInPages(t *testing.T) {
	cfg, house := usual()
	at(t, noon(), cfg, house, func(u *user) {
		seen := map[any]bool{}
		for page := 1; page <= 3; page++ {
			code, text := u.get(fmt.Sprintf("/inverters_summary_by_envoy_or_site?site_id=%d&size=8&page=%d", u.cloud.System(), page))
			var gateways []struct {
				Inverters []map[string]any `json:"micro_inverters"`
			}
			if err := json.Unmarshal([]byte(text), &gateways); err != nil || code != 200 {
				t.Fatalf("%d %v %s", code, err, text)
			}
			for _, inv := range gateways[0].Inverters {
				seen[inv["serial_number"]] = true
				if energy := inv["energy"].(map[string]any); energy["units"] != "Wh" || energy["value"].(float64) < 1e5 {
					t.Errorf("%v", inv)
				}
			}
		}
		if len(seen) != 20 {
			t.Errorf("%d inverters", len(seen))
		}
	})
}

func TestSearchIsAPost(t *testing.T) {
	cfg, house := usual()
	at(t, noon(), cfg, house, func(u *user) {
		if w, _ := u.send(u.request(http.MethodPost, "/search?size=1000")); w.Code != 200 || !strings.Contains(w.Body.String(), `"total":1`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if code, _ := u.get("/search"); code != 405 {
			t.Errorf("GET: %d", code)
		}
	})
}

func TestTheLiveStreamLastsItsDuration(t *testing.T) {
	cfg, house := usual()
	at(t, noon(), cfg, house, func(u *user) {
		for duration, want := range map[string]int{"": 200, "29": 461, "301": 462, "x": 463} {
			r := u.request(http.MethodGet, u.own("/live_data"))
			r.Header.Set("duration", duration)
			began := time.Now()
			w, _ := u.send(r)
			if w.Code != want {
				t.Errorf("duration %q: %d %s", duration, w.Code, w.Body)
			}
			if want == 200 && (time.Since(began) != 30*time.Second || strings.Count(w.Body.String(), "data: {") != 15) {
				t.Errorf("%d frames in %s", strings.Count(w.Body.String(), "data: {"), time.Since(began))
			}
		}
	})
}
