package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// batteryW is the rated power of an IQ Battery in W.
const batteryW = 3840

// BatterySerial is the serial of the i-th IQ Battery.
func BatterySerial(i int) string { return fmt.Sprintf("4923%08d", 20000140+8*i) }

const controllerSerial = "482326107450"

// object keeps the order of a document that is written only once.
type object []field

type field struct {
	name  string
	value any
}

// MarshalJSON writes the fields in their order.
func (o object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, f := range o {
		if i > 0 {
			out = append(out, ',')
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", f.name, err)
		}
		out = fmt.Appendf(out, "%q:%s", f.name, value)
	}
	return append(out, '}'), nil
}

// iqShare is the IQ Batteries' part of all batteries' work.
func (v *view) iqShare() float64 {
	if v.Config.Batteries == 0 {
		return 0
	}
	return 1 - v.acbShare()
}

// ensembleInventory is /ivp/ensemble/inventory.
func ensembleInventory(v *view) (any, error) {
	groups := []object{}
	if n := v.Config.Batteries; n > 0 {
		devices := []object{}
		for i := range n {
			devices = append(devices, v.battery(i))
		}
		groups = append(groups, object{{"type", "ENCHARGE"}, {"devices", devices}})
	}
	if v.cfg.Controller {
		groups = append(groups, object{{"type", "ENPOWER"}, {"devices", []object{v.controller()}}})
	}
	return groups, nil
}

// battery is one IQ Battery; it reports every minute or two.
func (v *view) battery(i int) object {
	led := 14
	if v.BatteryW < 0 {
		led = 12
	} else if v.BatteryW > 0 {
		led = 13
	}
	state := "grid-tied"
	if v.OffGrid {
		state = "grid-forming"
	}
	temp := 19 + int(math.Abs(v.BatteryW)/2000) + i%2
	return object{
		{"part_num", "836-01826-r76"}, {"serial_num", BatterySerial(i)}, {"installed", 1722887725},
		{"device_status", []string{"envoy.global.ok", "prop.done"}}, {"last_rpt_date", v.Time.Unix() - 5 - (v.Time.Unix()+int64(i)*17)%90},
		{"admin_state", 6}, {"admin_state_str", "ENCHG_STATE_READY"}, {"created_date", 1722887725}, {"img_load_date", 1722887725},
		{"img_pnum_running", "3.0.7545_rel/31.33"}, {"bmu_fw_version", "3.8.63"}, {"communicating", true}, {"sleep_enabled", false},
		{"percentFull", v.soc()}, {"temperature", temp}, {"maxCellTemp", temp + 1}, {"reported_enc_grid_state", state},
		{"comm_level_sub_ghz", 5}, {"comm_level_2_4_ghz", 5}, {"led_status", led}, {"dc_switch_off", false}, {"encharge_rev", 3},
		{"encharge_capacity", int(v.Config.BatteryWh)}, {"phase", "ph-a"}, {"der_index", 2},
	}
}

// relayStates are the words for the main relay.
func (v *view) relayStates() (oper, mode string, state int, text string) {
	if v.OffGrid {
		return "open", "multimode-offgrid", 25, "ENPWR_STATE_OPER_OPEN"
	}
	return "closed", "multimode-ongrid", 24, "ENPWR_STATE_OPER_CLOSED"
}

// controller is the System Controller, whose temperature is in °F.
func (v *view) controller() object {
	oper, mode, state, text := v.relayStates()
	return object{
		{"part_num", "865-00378-r27"}, {"serial_num", controllerSerial}, {"installed", 1722887831},
		{"device_status", []string{"envoy.global.ok", "prop.done"}}, {"last_rpt_date", v.Time.Unix() - v.Time.Unix()%45},
		{"admin_state", state}, {"admin_state_str", text}, {"created_date", 1722887831}, {"img_load_date", 1722887831},
		{"img_pnum_running", "3.0.6297_rel/31.33"}, {"communicating", true}, {"temperature", 76}, {"comm_level_sub_ghz", 5},
		{"comm_level_2_4_ghz", 5}, {"mains_admin_state", "closed"}, {"mains_oper_state", oper}, {"Enpwr_grid_mode", mode},
		{"Enchg_grid_mode", mode}, {"Enpwr_relay_state_bm", 15868}, {"Enpwr_curr_state_id", 16},
	}
}

// soc is the charge as the gateway rounds it.
func (v *view) soc() int { return int(math.Round(v.SoCPct)) }

// ensemblePower is /ivp/ensemble/power, with its odd key.
func ensemblePower(v *view) (any, error) {
	list := []object{}
	for i := range v.Config.Batteries {
		mw := int64(math.Round(v.BatteryW*v.iqShare()/float64(v.Config.Batteries))) * 1000
		list = append(list, object{{"serial_num", BatterySerial(i)}, {"real_power_mw", mw}, {"apparent_power_mva", mw}, {"soc", v.soc()}})
	}
	return object{{"devices:", list}}, nil
}

// secctrl is /ivp/ensemble/secctrl.
func secctrl(v *view) (any, error) {
	iq, acb := v.iqShare(), v.acbShare()
	capacity := int(float64(v.Config.Batteries) * v.Config.BatteryWh)
	iqSoC, acbSoC, reserve := 0, 0, int(v.Config.ReservePct)
	if v.Config.Batteries > 0 {
		iqSoC = v.soc()
	}
	if v.Config.ACBatteries > 0 {
		acbSoC = v.soc()
	}
	if v.Config.Batteries+v.Config.ACBatteries == 0 {
		reserve = 0
	}
	health := 100
	if capacity == 0 {
		health = 0
	}
	return object{
		{"shutdown", false}, {"freq_bias_hz", 0.0}, {"voltage_bias_v", 0.0}, {"freq_bias_hz_q8", 0}, {"voltage_bias_v_q5", 0},
		{"configured_backup_soc", reserve}, {"adjusted_backup_soc", reserve}, {"agg_soc", v.soc()},
		{"Max_energy", capacity + 1200*v.Config.ACBatteries}, {"ENC_agg_soc", iqSoC}, {"ENC_agg_soh", health},
		{"ENC_agg_backup_energy", capacity * reserve / 100}, {"ENC_agg_avail_energy", int(v.StoredWh * iq)},
		{"Enc_commissioned_capacity", capacity}, {"Enc_max_available_capacity", capacity}, {"ACB_agg_soc", acbSoC},
		{"ACB_agg_energy", int(v.StoredWh * acb)}, {"VLS_Limit", 10}, {"soc_rec_enabled", false}, {"soc_recovery_entry", 2},
		{"soc_recovery_exit", 10}, {"Commission_in_progress", false}, {"ESS_in_progress", false},
	}, nil
}

// ensembleStatus is a short /ivp/ensemble/status.
func ensembleStatus(v *view) (any, error) {
	serials := map[string]object{}
	for i := range v.Config.Batteries {
		serials[BatterySerial(i)] = object{
			{"device_type", 13}, {"com_interface_str", "USB"}, {"device_id", BatterySerial(i)}, {"admin_state", 6},
			{"admin_state_str", "ENCHG_STATE_READY"}, {"encharge_capacity", int(v.Config.BatteryWh)}, {"encharge_rated_power", batteryW},
		}
	}
	s, err := secctrl(v)
	if err != nil {
		return nil, err
	}
	r, err := relay(v)
	if err != nil {
		return nil, err
	}
	return object{{"inventory", map[string]any{"serial_nums": serials}}, {"secctrl", s}, {"relay", r}}, nil
}

// relay is /ivp/ensemble/relay.
func relay(v *view) (any, error) {
	oper, mode, _, _ := v.relayStates()
	return object{
		{"mains_admin_state", "closed"}, {"mains_oper_state", oper}, {"srt12_state", "closed"}, {"srt13_state", "closed"},
		{"der1_state", 2}, {"der2_state", 2}, {"der3_state", 1}, {"Enchg_grid_mode", mode}, {"Solar_grid_mode", mode},
	}, nil
}

// dryContacts is /ivp/ensemble/dry_contacts.
func dryContacts(*view) (any, error) {
	list := []object{}
	for _, id := range contacts() {
		list = append(list, object{{"id", id}, {"status", "closed"}})
	}
	return object{{"dry_contacts", list}}, nil
}

func contacts() []string { return []string{"NC1", "NC2", "NO1", "NO2"} }

// generator is /ivp/ensemble/generator without one.
func generator(*view) (any, error) {
	return object{
		{"admin_state", "unknown"}, {"oper_state", "open"}, {"admin_mode", 0}, {"schedule", 0}, {"start_soc", 100},
		{"stop_soc", -1}, {"exc_on", 0}, {"present", 0}, {"type", 1},
	}, nil
}

func emptyObject(*view) (any, error) { return struct{}{}, nil }

// pelSettings is /ivp/ss/pel_settings without an export limit.
func pelSettings(*view) (any, error) {
	return object{
		{"PEL", false}, {"Hard_PEL", false}, {"Soft_PEL", false}, {"Export_Limit_Type", "Aggregate"}, {"percent", false},
		{"apparent", false}, {"PEL_Limit", num(0)}, {"Comm_Time_Loss", num(0)}, {"PEL_db", num(0)},
	}, nil
}

func pvLimit(*view) (any, error) { return object{{"enable", false}, {"pv_limit_pct", 100}}, nil }

// dryContactSettings is /ivp/ss/dry_contact_settings, booleans as strings.
func dryContactSettings(*view) (any, error) {
	list := []object{}
	for i, id := range contacts() {
		action := "apply"
		if i > 1 {
			action = "shed"
		}
		list = append(list, object{
			{"id", id}, {"type", "NONE"}, {"grid_action", action}, {"micro_grid_action", action}, {"gen_action", action},
			{"essential_start_time", num(32400)}, {"essential_end_time", num(57600)}, {"priority", num(i + 1)}, {"black_s_start", num(5)},
			{"override", "false"}, {"manual_override", "true"}, {"load_name", ""}, {"mode", "manual"}, {"soc_low", num(30)},
			{"soc_high", num(70)}, {"pv_serial_nb", []string{}},
		})
	}
	return object{{"dry_contacts", list}}, nil
}

// streamSwitch is POST /ivp/livedata/stream.
func streamSwitch(v *view) (any, error) {
	var want struct {
		Enable int `json:"enable"`
	}
	if json.Unmarshal(v.request.Body, &want) != nil || want.Enable != 1 {
		return nil, errors.New(`{"error":"enable is missing"}`)
	}
	v.mu.Lock()
	v.stream = v.at.Add(streamLife)
	v.mu.Unlock()
	return object{{"sc_stream", "enabled"}}, nil
}
