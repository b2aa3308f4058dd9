package capture

// generic are states that pass in every field but a private one.
var generic = wordSet(`
	true false yes no on off enabled disabled enable disable open opened close closed idle normal none unknown null auto manual ok
	error fault warning ready active inactive connected connecting disconnected present absent running stopped starting
	charging discharging full empty grid-tied multimode-ongrid multimode-offgrid on_grid off_grid on-grid off-grid
	single split three L1 L2 L3 L1N L2N L3N L12 L23 L31 ph-a ph-b ph-c ph-all a b c
	NaN nan inf -inf n/a N/A Installed installed`)

// enumerations are the texts that the firmware is known to use, by field. From
// the fact sheet's section 4 and the recordings it rests on.
var enumerations = map[string]map[string]bool{
	"type": wordSet(`inverters eim rgms rgm pmus acb pcu PCU ACB NSRB ESUB ENCHARGE ENPOWER COLLAR NONE PV LOAD 3RD-PV
		ethernet wifi cellular BLE zigbee subghz`),
	"reportType":      meterKinds,
	"measurementType": wordSet(`production net-consumption total-consumption storage backfeed load evse pv3p`),
	"meteringStatus":  wordSet(`normal not-metering check-wiring`),
	"statusFlags":     wordSet(`production-imbalance negative-production power-on-unused-phase negative-total-consumption`),
	"device_status":   wordSet(`envoy.global.ok prop.done`),
	"devName":         wordSet(`pcu eim acb nsrb esub rgm`),
	"mode":            storageModes, "batt_mode": storageModes, "battery_mode": storageModes,
	"operation_mode_sub_type": wordSet(`prioritize-energy`),
	"grid_action":             actions, "micro_grid_action": actions, "gen_action": actions, "safe_state_action": actions,
	"admin_state_str": wordSet(`ENCHG_STATE_READY ENPWR_STATE_OPER_CLOSED ENPWR_STATE_OPER_OPEN ENCMN_MDE_ENCHARGE_READY
		ENS_DEVICE_STATE_READY ENCMN_MDE_ON_GRID ENCMN_MDE_OFF_GRID ENCMN_C6_CC_READY ENCMN_C6_RGM_DEV_CONNECTED`),
	"fsm_state":         wordSet(`ENCMN_MDE_PCU_READY ENCMN_MDE_BMU_READY`),
	"id":                wordSet(`NC1 NC2 NO1 NO2 filler period_1 period_2 period_3 all_days weekdays weekend all_year_long summer winter`),
	"load_name":         wordSet(`NC1 NC2 NO1 NO2`),
	"com_interface_str": wordSet(`CAN USB ZigBee`),
	"interface":         interfaces, "primary_interface": interfaces,
	"tariff":            wordSet(`single_rate time_of_use tiered none`),
	"Export_Limit_Type": wordSet(`Aggregate`),
	"setting":           wordSet(`ID ZN CG CP AON`), "must_charge_mode": wordSet(`CP CG`),
	"peak_rule": wordSet(`DL`), "last_updated_by": wordSet(`ITK`), "gen_type": wordSet(`Standby`),
	"override_tou_mode": wordSet(`StorageTouMode_DEFAULT_TOU_MODE`), "source": wordSet(`Tariff`), "filename": wordSet(`Tariff`),
	"device_control": wordSet(`gficlearset`), "err": refusals, "error": refusals,
	"package": wordSet(`agf app backbone boot devimg essimg ffuimg full geo kernel meter patch pkgsec rootfs rootfs-full security`),
	"euaid":   wordSet(`4c8675`), "release_stage": wordSet(`700-GA`), // the same on every gateway
}

var (
	meterKinds   = wordSet(`production net-consumption total-consumption storage`)
	storageModes = wordSet(`self-consumption economy savings-mode savings backup manual`)
	actions      = wordSet(`apply shed none`)
	interfaces   = wordSet(`eth0 wlan0 ppp0`)
	refusals     = map[string]bool{"404 - Not Found": true}
	// groups have a blank in their names, so no wordSet can hold them.
	groups = map[string]bool{"C6 COMBINER CONTROLLER": true, "C6 RGM": true}
)

// enumerated reports whether the firmware is known to say text in this field.
func enumerated(f field, text string) bool {
	return generic[text] || enumerations[f.name][text] || f.name == "type" && groups[text]
}
