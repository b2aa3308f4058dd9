package derive_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/reading"
)

var sameValue = cmp.Comparer(func(a, b reading.Value) bool { return a == b })

func TestStorage(t *testing.T) {
	secctrl := answers{"/ivp/ensemble/secctrl": `{"agg_soc":52,"Max_energy":6000,"ENC_agg_soc":55,"ENC_agg_avail_energy":2750,
		"Enc_max_available_capacity":5000,"ACB_agg_soc":40,"ACB_agg_energy":400,"configured_backup_soc":20}`}
	tariff := func(mode string) answers {
		return answers{"/admin/lib/tariff": `{"tariff":{"storage_settings":{"mode":"` + mode + `","reserved_soc":30}}}`}
	}
	acb := answers{"/api/v1/production/inverters": list(inverter("1", noon, 11, 5))}
	for _, c := range []struct {
		name string
		is   answers
		want reading.Storage
	}{
		{"IQ Battery", withEncharge.with(secctrl).with(tariff("economy")), reading.Storage{SoCPct: reading.Of(55), AvailableWh: reading.Of(2750),
			CapacityWh: reading.Of(5000), ReservePct: reading.Of(20), Mode: reading.ModeSavings}},
		{"without secctrl", withEncharge.with(tariff("savings-mode")), reading.Storage{SoCPct: reading.Of(50),
			CapacityWh: reading.Of(5000), ReservePct: reading.Of(30), Mode: reading.ModeSavings}},
		{"both kinds", withEncharge.with(secctrl).with(acb).with(tariff("backup")), reading.Storage{SoCPct: reading.Of(52), AvailableWh: reading.Of(3150),
			CapacityWh: reading.Of(6000), ReservePct: reading.Of(20), Mode: reading.ModeBackup}},
		{"AC Batteries", metered.with(secctrl).with(acb).with(tariff("null-mode")), reading.Storage{SoCPct: reading.Of(40), AvailableWh: reading.Of(400),
			ReservePct: reading.Of(20)}},
		{"no battery", metered.with(secctrl).with(tariff("backup")), reading.Storage{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, r := c.is.read(t, identity("D8.2.4345"))
			if diff := cmp.Diff(c.want, r.Reading.Storage, sameValue); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGridState(t *testing.T) {
	enpower := func(state string) string {
		return `{"type":"ENPOWER","devices":[{"serial_num":"1","mains_oper_state":"` + state + `"}]}`
	}
	collar := func(mid, grid string) string {
		return `{"type":"COLLAR","devices":[{"serial_num":"2","mid_state":"` + mid + `","grid_state":"` + grid + `"}]}`
	}
	for _, c := range []struct{ name, inventory, want string }{
		{"nobody says", "[]", ""},
		{"relay closed", list(enpower("closed")), reading.OnGrid},
		{"relay open", list(enpower("open")), reading.OffGrid},
		{"relay unknown", list(enpower("unknown")), ""},
		{"collar on", list(collar("close", "on_grid")), reading.OnGrid},
		{"collar off", list(collar("open", "off_grid")), reading.OffGrid},
		{"grid lost behind a closed collar", list(collar("close", "off_grid")), reading.OffGrid},
		{"one of two is open", list(enpower("open"), collar("close", "on_grid")), reading.OffGrid},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, r := metered.with(answers{"/ivp/ensemble/inventory": c.inventory}).read(t, identity("D8.2.4345"))
			if r.Reading.GridState != c.want {
				t.Errorf("got %q, want %q", r.Reading.GridState, c.want)
			}
		})
	}
}

func TestMeterValues(t *testing.T) {
	channel := func(power, apparent, volts float64) string {
		return `{"eid":1,"activePower":` + reading.Of(power).String() + `,"apparentPower":` + reading.Of(apparent).String() +
			`,"voltage":` + reading.Of(volts).String() + `,"freq":0,"actEnergyDlvd":1,"actEnergyRcvd":2}`
	}
	body := `[{"eid":704643328,"timestamp":1782043200,"activePower":-98,"apparentPower":97,"voltage":360,"freq":0,"actEnergyDlvd":10,"actEnergyRcvd":-0.0,
		"channels":[` + channel(-50, 100, 121) + "," + channel(0.5, 0.9, 119) + "," + channel(7, 8, 120) + `]}]`
	_, r := metered.with(answers{"/ivp/meters/readings": body}).read(t, identity("D8.2.4345"))
	want := []reading.Meter{
		{Kind: "production", Time: noon, Status: "normal", Flags: []string{}, PowerW: reading.Of(-98), VoltageV: reading.Of(120),
			PowerFactor: reading.Of(-98.0 / 97), ApparentVA: reading.Of(97), DeliveredWh: reading.Of(10), ReceivedWh: reading.Of(0)},
		{Kind: "production", Phase: "L1", Time: noon, Status: "normal", Flags: []string{}, PowerW: reading.Of(-50), VoltageV: reading.Of(121),
			PowerFactor: reading.Of(-0.5), ApparentVA: reading.Of(100), DeliveredWh: reading.Of(1), ReceivedWh: reading.Of(2)},
		{Kind: "production", Phase: "L2", Time: noon, Status: "normal", Flags: []string{}, PowerW: reading.Of(0.5), VoltageV: reading.Of(119),
			ApparentVA: reading.Of(0.9), DeliveredWh: reading.Of(1), ReceivedWh: reading.Of(2)},
	}
	if diff := cmp.Diff(want, r.Reading.Meters, sameValue); diff != "" {
		t.Error(diff)
	}
}
