// Package reading is the domain: what a home with solar panels measures, in
// which unit, with which sign, from where, when, and what is not known.
//
// Everything else speaks of these types and they speak of nothing else: only
// the standard library is imported here. The JSON form of Reading is the one
// document of the program (`envoyd read -json`, the HTTP API, the stream, the
// store), so its field names and order are frozen by a golden file.
//
// Signs, stated once for the whole program: production is positive while
// generating (a small negative is the standby draw at night), consumption is
// never negative, grid is positive while importing, battery is positive while
// discharging, a generator is positive while generating. Therefore
//
//	consumption = production + grid + battery + generator
//
// Units stand in the names: W, Wh, V, A, Hz, VA, var, %, °C.
//
// A Reading is a value once it is published: nobody changes it or the slices
// in it afterwards; who wants another one makes a copy.
package reading

import (
	"slices"
	"time"
)

// Source says who gave the values.
type Source string

// The sources of a reading.
const (
	Local     Source = "local"     // the gateway itself, over the LAN
	Enlighten Source = "enlighten" // Enphase's cloud, Enlighten API v4
)

// Quality speaks of Power: whether it can still be called current.
type Quality string

// The qualities of a reading.
const (
	Good  Quality = "good"  // Power is fresh
	Stale Quality = "stale" // Power is the last that was measured, and old
)

// States of the grid connection as a system controller or collar reports it.
const (
	OnGrid  = "on-grid"
	OffGrid = "off-grid"
)

// Storage modes, as the owner chooses them.
const (
	ModeSelfConsumption = "self-consumption"
	ModeSavings         = "savings"
	ModeBackup          = "backup"
)

// Kinds of battery and of controller.
const (
	KindEncharge = "encharge" // IQ Battery
	KindACB      = "acb"      // AC Battery
	KindEnpower  = "enpower"  // System Controller
	KindCollar   = "collar"   // Meter Collar
	KindCombiner = "combiner" // IQ Combiner 6C controller
)

// Reading is everything that is known of one installation at one moment.
type Reading struct {
	Gateway     string       `json:"gateway"` // the installation: first serial of the replaces chain
	Serial      string       `json:"serial"`  // the hardware in use, 12 digits
	Name        string       `json:"name"`
	Source      Source       `json:"source"`
	Time        time.Time    `json:"time,omitzero"` // when Power was measured, in our clock; absent when nothing was
	Counted     time.Time    `json:"-"`             // up to when Energy and Today tell, which may be later; zero in records
	Firmware    string       `json:"firmware,omitempty"`
	Quality     Quality      `json:"quality"`
	Estimated   []string     `json:"estimated,omitempty"` // paths such as energy.charge_wh that were integrated, not counted
	Power       Power        `json:"power"`
	Energy      Energy       `json:"energy"` // lifetime counters that never step down
	Today       Energy       `json:"today"`  // since local midnight in the gateway's zone
	Meters      []Meter      `json:"meters,omitempty"`
	Inverters   []Inverter   `json:"inverters,omitempty"`
	Batteries   []Battery    `json:"batteries,omitempty"`
	Storage     Storage      `json:"storage,omitzero"`
	Controllers []Controller `json:"controllers,omitempty"`
	GridState   string       `json:"grid_state,omitempty"` // OnGrid, OffGrid or absent
}

// IsEstimated reports whether the quantity at path ("energy.charge_wh") was
// integrated or taken from coarse intervals rather than counted by hardware.
func (r *Reading) IsEstimated(path string) bool { return slices.Contains(r.Estimated, path) }

// Power is the flow of this moment in W. Signs as in the package comment.
type Power struct {
	ProductionW  Value `json:"production_w,omitzero"`
	ConsumptionW Value `json:"consumption_w,omitzero"`
	GridW        Value `json:"grid_w,omitzero"`
	BatteryW     Value `json:"battery_w,omitzero"`
	GeneratorW   Value `json:"generator_w,omitzero"`
}

// Energy holds six counters in Wh, each in one direction only.
type Energy struct {
	ProductionWh  Value `json:"production_wh,omitzero"`
	ConsumptionWh Value `json:"consumption_wh,omitzero"`
	ImportWh      Value `json:"import_wh,omitzero"`
	ExportWh      Value `json:"export_wh,omitzero"`
	ChargeWh      Value `json:"charge_wh,omitzero"`
	DischargeWh   Value `json:"discharge_wh,omitzero"`
}

// Meter is one current transformer (CT), or one phase of it.
// From /ivp/meters and /ivp/meters/readings.
type Meter struct {
	Kind        string    `json:"kind"`  // the gateway's measurementType: production, net-consumption, …
	Phase       string    `json:"phase"` // "" is the aggregate, else L1, L2, L3
	Time        time.Time `json:"time"`
	Status      string    `json:"status,omitempty"` // normal, not-metering, check-wiring
	Flags       []string  `json:"flags"`
	PowerW      Value     `json:"power_w,omitzero"`
	VoltageV    Value     `json:"voltage_v,omitzero"`
	CurrentA    Value     `json:"current_a,omitzero"`
	FrequencyHz Value     `json:"frequency_hz,omitzero"`
	PowerFactor Value     `json:"power_factor,omitzero"` // P/S, -1.02…1.02
	ApparentVA  Value     `json:"apparent_va,omitzero"`
	ReactiveVar Value     `json:"reactive_var,omitzero"`
	DeliveredWh Value     `json:"delivered_wh,omitzero"` // raw lifetime counter in the positive direction
	ReceivedWh  Value     `json:"received_wh,omitzero"`  // raw lifetime counter in the negative direction
}

// Inverter is one microinverter; Time is its own last report, not the poll.
// From /api/v1/production/inverters and /ivp/pdm/device_data.
type Inverter struct {
	Serial       string    `json:"serial"`
	Time         time.Time `json:"time"`
	PowerW       Value     `json:"power_w,omitzero"`
	MaxPowerW    Value     `json:"max_power_w,omitzero"` // highest ever reported
	TodayWh      Value     `json:"today_wh,omitzero"`
	EnergyWh     Value     `json:"energy_wh,omitzero"` // lifetime
	DCVoltageV   Value     `json:"dc_voltage_v,omitzero"`
	DCCurrentA   Value     `json:"dc_current_a,omitzero"`
	ACVoltageV   Value     `json:"ac_voltage_v,omitzero"`
	ACCurrentA   Value     `json:"ac_current_a,omitzero"`
	FrequencyHz  Value     `json:"frequency_hz,omitzero"`
	TemperatureC Value     `json:"temperature_c,omitzero"`
}

// Battery is one IQ Battery or AC Battery. PowerW is positive while discharging.
// From /ivp/ensemble/inventory, /ivp/ensemble/power and /inventory.json.
type Battery struct {
	Serial        string    `json:"serial"`
	Kind          string    `json:"kind"` // KindEncharge or KindACB
	Time          time.Time `json:"time"`
	PowerW        Value     `json:"power_w,omitzero"`
	SoCPct        Value     `json:"soc_pct,omitzero"` // 0…100
	TemperatureC  Value     `json:"temperature_c,omitzero"`
	CapacityWh    Value     `json:"capacity_wh,omitzero"`
	Communicating *bool     `json:"communicating,omitempty"`
}

// Storage is the whole of the batteries. From /ivp/ensemble/secctrl and
// /admin/lib/tariff.
type Storage struct {
	SoCPct      Value  `json:"soc_pct,omitzero"` // 0…100
	AvailableWh Value  `json:"available_wh,omitzero"`
	CapacityWh  Value  `json:"capacity_wh,omitzero"`
	ReservePct  Value  `json:"reserve_pct,omitzero"` // kept for a power cut
	Mode        string `json:"mode,omitempty"`       // ModeSelfConsumption, ModeSavings, ModeBackup
}

// Controller is a System Controller, a meter collar or a combiner.
// From /ivp/ensemble/inventory.
type Controller struct {
	Serial        string `json:"serial"`
	Kind          string `json:"kind"`
	TemperatureC  Value  `json:"temperature_c,omitzero"`
	Communicating *bool  `json:"communicating,omitempty"`
}

// Daemon is what envoyd says of itself, once a minute.
type Daemon struct {
	PollMs    Value `json:"poll_ms,omitzero"`    // mean answer time of the last minute
	Polls     Value `json:"polls,omitzero"`      // answers in the last minute
	Failures  Value `json:"failures,omitzero"`   // of them failed
	Refused   Value `json:"refused,omitzero"`    // values refused as untrue since the start
	Backlog   Value `json:"backlog,omitzero"`    // records the slowest sink has not taken
	TokenDays Value `json:"token_days,omitzero"` // days until the gateway token expires
}
