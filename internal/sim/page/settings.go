package page

import (
	"math"
	"strconv"
	"time"
)

// streamLife is how long the live data is refreshed after it was asked for.
const streamLife = 15 * time.Minute

// homePage is /home.json and, from firmware 7 on, /home.
func homePage(v *view) (any, error) {
	local := v.at.In(v.Config.Zone)
	tariff := "single_rate"
	n := 0
	for _, inv := range v.Inverters {
		if !inv.Removed {
			n++
		}
	}
	part := func(n int) object { return object{{"num", n}, {"level", min(5, 5*n)}} }
	return object{
		{"software_build_epoch", 1722440021}, {"timezone", v.Config.Zone.String()}, {"current_date", local.Format("01/02/2006")},
		{"current_time", local.Format("15:04")}, {"network", object{
			{"web_comm", true}, {"ever_reported_to_enlighten", true}, {"last_enlighten_report_time", v.at.Unix() - v.at.Unix()%300},
			{"primary_interface", "eth0"}, {"interfaces", []object{{
				{"type", "ethernet"}, {"interface", "eth0"}, {"mac", "00:1D:C0:00:00:01"}, {"dhcp", true}, {"ip", "192.0.2.10"},
				{"signal_strength", 1}, {"signal_strength_max", 1}, {"carrier", true},
			}}},
		}},
		{"tariff", tariff}, {"comm", object{
			{"num", n}, {"level", 5}, {"pcu", part(n)}, {"acb", part(v.Config.ACBatteries)}, {"nsrb", part(0)}, {"esub", part(0)},
			{"encharge", []object{{{"num", v.Config.Batteries}, {"level", 5}, {"level_24g", 5}, {"level_subg", 5}}}},
		}},
		{"wireless_connection", []object{{{"signal_strength", 0}, {"signal_strength_max", 0}, {"type", "zigbee"}, {"connected", true}}}},
	}, nil
}

// tariff is /admin/lib/tariff.
func tariff(v *view) (any, error) {
	start := v.Config.Start.Unix() - 86400
	t := object{
		{"currency", object{{"code", "EUR"}}}, {"logger", "mylogger"}, {"date", strconv.FormatInt(start, 10)},
	}
	if v.Config.Batteries+v.Config.ACBatteries > 0 {
		t = append(t, field{"storage_settings", object{
			{"mode", "self-consumption"}, {"operation_mode_sub_type", ""}, {"reserved_soc", num(v.Config.ReservePct)},
			{"very_low_soc", 5}, {"charge_from_grid", false}, {"date", strconv.FormatInt(start, 10)}, {"opt_schedules", true},
		}})
	}
	t = append(t, field{"single_rate", object{{"rate", num(0.32)}, {"sell", num(0.08)}}},
		field{"seasons", []any{}}, field{"seasons_sell", []any{}})
	schedule := object{
		{"source", "Tariff"}, {"date", time.Unix(start, 0).UTC().Format("2006-01-02 15:04:05 UTC")}, {"version", "00.00.02"},
		{"reserved_soc", num(v.Config.ReservePct)}, {"very_low_soc", 5}, {"charge_from_grid", false}, {"battery_mode", "self-consumption"},
	}
	return object{{"tariff", t}, {"schedule", schedule}}, nil
}

// livedata is /ivp/livedata/status. Without the stream it is up to five seconds
// old and says so.
func livedata(v *view) (any, error) {
	v.mu.Lock()
	live := v.at.Before(v.stream)
	v.mu.Unlock()
	shown, words := v.Time, "enabled"
	if !live {
		shown, words = shown.Truncate(5*time.Second), "disabled"
	}
	flow := v.cfg.Home.Truth(shown)
	phases := v.Config.Phases
	entry := func(w float64, part func(i int) float64) object {
		o := object{{"agg_p_mw", mw(w)}, {"agg_s_mva", mw(w)}}
		for i, name := range []string{"a", "b", "c"} {
			o = append(o, field{"agg_p_ph_" + name + "_mw", mw(part(i))})
		}
		for i, name := range []string{"a", "b", "c"} {
			o = append(o, field{"agg_s_ph_" + name + "_mva", mw(part(i))})
		}
		return o
	}
	relayState := 1
	if v.OffGrid {
		relayState = 0
	}
	p := flow.Flow.Phases
	meters := object{
		{"last_update", shown.Unix()}, {"soc", v.soc()}, {"main_relay_state", relayState}, {"gen_relay_state", 5},
		{"backup_bat_mode", 1}, {"backup_soc", int(v.Config.ReservePct)}, {"is_split_phase", b2i(phases == 2)}, {"phase_count", phases},
		{"enc_agg_soc", v.soc()}, {"enc_agg_energy", int(v.StoredWh * v.iqShare())}, {"acb_agg_soc", 0},
		{"acb_agg_energy", int(v.StoredWh * v.acbShare())},
		{"pv", entry(flow.ProductionW, func(i int) float64 { return p[i].ProductionW })},
		{"storage", entry(flow.BatteryW, func(i int) float64 { return p[i].BatteryW })},
		{"grid", entry(flow.GridW, func(i int) float64 { return p[i].GridW })},
		{"load", entry(flow.ConsumptionW, func(i int) float64 { return p[i].ProductionW + p[i].GridW + p[i].BatteryW })},
		{"generator", entry(0, func(int) float64 { return 0 })},
	}
	return object{
		{"connection", object{{"mqtt_state", "connected"}, {"prov_state", "configured"}, {"auth_state", "ok"}, {"sc_stream", words}, {"sc_debug", "disabled"}}},
		{"meters", meters}, {"tasks", object{{"task_id", 1}, {"timestamp", shown.Unix()}}},
		{"counters", object{{"main_CfgLoad", 1}}}, {"dry_contacts", object{}},
	}, nil
}

// mw is milliwatts.
func mw(w float64) int64 { return int64(math.Round(w * 1000)) }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
