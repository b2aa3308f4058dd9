package mqtt

import (
	"strings"

	"envoyd/internal/reading"
)

// Platforms of Home Assistant that are used.
const (
	sensor       = "sensor"
	binarySensor = "binary_sensor"
)

// diagnostic is the entity category of what is not a measurement.
const diagnostic = "diagnostic"

// deviceName as a native name means the device's name alone.
const deviceName = "="

// component describes one entity. Its key, class, unit and state class are
// frozen: a change orphans years of statistics in somebody's home.
type component struct {
	key           string // end of the unique id
	field         string // in the payload; "" = key
	platform      string // "" = sensor
	plain, native string // names; native "" = plain
	class         string // device class
	unit          string
	state         string // state class
	options       []string
	category      string
	icon          string
	digits        int  // after the point on display; 0 = Home Assistant's choice, -1 = none
	off           bool // disabled at first
	always        bool // available whenever the daemon is, the gateway or not
}

func (c component) on() string {
	if c.platform == "" {
		return sensor
	}
	return c.platform
}

func (c component) path() string {
	if c.field == "" {
		return c.key
	}
	return c.field
}

// name returns the entity's name; nil stands for the device's name alone.
func (c component) name(names string) *string {
	if names != NamesNative || c.native == "" {
		return &c.plain
	}
	if c.native == deviceName {
		return nil
	}
	return &c.native
}

func power(key, plain, native string) component {
	return component{key: key, plain: plain, native: native, class: "power", unit: "W", state: "measurement", digits: -1}
}

func energy(key, plain, native string, digits int) component {
	return component{key: key, plain: plain, native: native, class: "energy", unit: "kWh", state: "total_increasing", digits: digits}
}

// measured is a number of a device of its own; keys and fields differ there,
// because a field carries its unit and a key must not.
func measured(key, field, plain, native, class, unit string) component {
	return component{key: key, field: field, plain: plain, native: native, class: class, unit: unit, state: "measurement"}
}

func counted(key, field, plain, native string) component {
	return component{key: key, field: field, plain: plain, native: native, class: "energy", unit: "Wh", state: "total_increasing"}
}

func timestamp(key, field, plain, native string) component {
	return component{key: key, field: field, plain: plain, native: native, class: "timestamp", category: diagnostic}
}

func (c component) disabled() component { c.off = true; return c }

func communicating() component {
	return component{key: "communicating", platform: binarySensor, plain: "Communicating", class: "connectivity", category: diagnostic}
}

// inverterComponents: power is shown, the rest waits until somebody wants it.
// With 50 inverters everything at once would be 500 entities.
func inverterComponents() []component {
	return []component{
		{key: "power", field: "power_w", plain: "Power", native: deviceName, class: "power", unit: "W", state: "measurement", digits: -1},
		measured("max_power", "max_power_w", "Highest power", "Lifetime maximum power", "power", "W").disabled(),
		counted("today", "today_wh", "Energy today", "Energy today").disabled(),
		counted("energy", "energy_wh", "Energy", "Lifetime energy").disabled(),
		measured("dc_voltage", "dc_voltage_v", "DC voltage", "", "voltage", "V").disabled(),
		measured("dc_current", "dc_current_a", "DC current", "", "current", "A").disabled(),
		measured("ac_voltage", "ac_voltage_v", "AC voltage", "", "voltage", "V").disabled(),
		measured("ac_current", "ac_current_a", "AC current", "", "current", "A").disabled(),
		measured("frequency", "frequency_hz", "Frequency", "", "frequency", "Hz").disabled(),
		measured("temperature", "temperature_c", "Temperature", "", "temperature", "°C").disabled(),
		timestamp("last_report", "time", "Last report", "Last reported").disabled(),
	}
}

func batteryComponents() []component {
	return []component{
		{key: "power", field: "power_w", plain: "Power", class: "power", unit: "W", state: "measurement", digits: -1},
		measured("soc", "soc_pct", "Charge level", "Battery", "battery", "%"),
		measured("temperature", "temperature_c", "Temperature", "", "temperature", "°C"),
		measured("capacity", "capacity_wh", "Capacity", "", "energy_storage", "Wh").disabled(),
		communicating(),
		timestamp("last_report", "time", "Last report", "Last reported").disabled(),
	}
}

func controllerComponents() []component {
	return []component{
		measured("temperature", "temperature_c", "Temperature", "", "temperature", "°C"),
		communicating(),
	}
}

// meterComponents are those of one CT or one of its phases. The status is
// shown: a clamp that is wired the wrong way round makes every number wrong.
func meterComponents(kind, phase string) []component {
	ct, suffix := ctName(kind), ""
	if phase != "" {
		suffix = " " + phase
	}
	named := func(c component, plain, native string) component {
		c.plain, c.native = plain+suffix, native+suffix
		return c.disabled()
	}
	plain := upperFirst(ct) + " CT "
	status := named(component{key: "status", class: "enum", options: []string{"normal", "not-metering", "check-wiring"}, category: diagnostic},
		plain+"status", "Metering status "+ct+" CT")
	status.off = phase != ""
	return []component{
		named(measured("power", "power_w", "", "", "power", "W"), plain+"power", ct+" CT power"),
		named(measured("voltage", "voltage_v", "", "", "voltage", "V"), plain+"voltage", "Voltage "+ct+" CT"),
		named(measured("current", "current_a", "", "", "current", "A"), plain+"current", ct+" CT current"),
		named(measured("frequency", "frequency_hz", "", "", "frequency", "Hz"), plain+"frequency", "Frequency "+ct+" CT"),
		named(measured("power_factor", "power_factor", "", "", "power_factor", ""), plain+"power factor", "Powerfactor "+ct+" CT"),
		named(measured("apparent", "apparent_va", "", "", "apparent_power", "VA"), plain+"apparent power", ct+" CT apparent power"),
		named(measured("reactive", "reactive_var", "", "", "reactive_power", "var"), plain+"reactive power", ct+" CT reactive power"),
		named(counted("delivered", "delivered_wh", "", ""), plain+"energy delivered", ct+" CT energy delivered"),
		named(counted("received", "received_wh", "", ""), plain+"energy received", ct+" CT energy received"),
		status,
	}
}

// componentsOf returns what a thing at this topic below the gateway may show.
func componentsOf(id string) []component {
	kind, rest, _ := strings.Cut(id, "/")
	switch kind {
	case "":
		return gatewayComponents()
	case kindInverter:
		return inverterComponents()
	case kindBattery:
		return batteryComponents()
	case kindController:
		return controllerComponents()
	case kindMeter:
		meter, phase, _ := strings.Cut(rest, "/")
		return meterComponents(meter, phase)
	}
	return nil
}

// modelOf names a thing's hardware for people: model, and the device name's
// first words, plain and native.
func modelOf(kind, sort string) (model, plain, native string) {
	switch {
	case kind == kindInverter:
		return "Microinverter", "Inverter", "Inverter"
	case sort == reading.KindEncharge:
		return "IQ Battery", "Battery", "Encharge"
	case sort == reading.KindACB:
		return "AC Battery", "Battery", "ACB"
	case sort == reading.KindEnpower:
		return "System Controller", "System Controller", "Enpower"
	case sort == reading.KindCollar:
		return "Meter Collar", "Meter Collar", "Collar"
	case sort == reading.KindCombiner:
		return "IQ Combiner", "Combiner", "C6CC"
	case kind == kindBattery:
		return "Battery", "Battery", "Battery"
	}
	return "Controller", "Controller", "Controller"
}
