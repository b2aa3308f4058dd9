package mqtt

import (
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"envoyd/internal/reading"
)

// view is all that a gateway's own entities are made of.
type view struct {
	r     *reading.Reading // never nil; empty before the first reading
	facts GatewayFacts
}

// stateField is one key of the flat object that Home Assistant binds to, and
// the entity it feeds. write appends the value, or nothing when it is unknown.
type stateField struct {
	component
	write func(b []byte, v *view) []byte
}

// stateFields lists the object's keys in order.
func stateFields() []stateField {
	fields := []stateField{
		watts(power("production_power", "Production", "Current power production"), func(p *reading.Power) reading.Value { return p.ProductionW }),
		watts(power("consumption_power", "Consumption", "Current power consumption"), func(p *reading.Power) reading.Value { return p.ConsumptionW }),
		watts(power("grid_power", "Grid", "Current net power consumption"), func(p *reading.Power) reading.Value { return p.GridW }),
		watts(power("battery_power", "Battery power", "Current battery discharge"), func(p *reading.Power) reading.Value { return p.BatteryW }),
	}
	fields = append(fields, energyFields()...)
	fields = append(fields, storageFields()...)
	return append(fields, healthFields()...)
}

func energyFields() []stateField {
	lifetime := [...]struct {
		flow                         reading.Flow
		plain, native, today, natday string
	}{
		{reading.Production, "Production energy", "Lifetime energy production", "Production today", "Energy production today"},
		{reading.Consumption, "Consumption energy", "Lifetime energy consumption", "Consumption today", "Energy consumption today"},
		{reading.Import, "Grid import", "Lifetime net energy consumption", "Grid import today", ""},
		{reading.Export, "Grid export", "Lifetime net energy production", "Grid export today", ""},
		{reading.Charge, "Battery charge", "Lifetime battery energy charged", "Battery charge today", ""},
		{reading.Discharge, "Battery discharge", "Lifetime battery energy discharged", "Battery discharge today", ""},
	}
	var total, today []stateField
	for _, l := range lifetime {
		key := string(l.flow) + "_energy"
		total = append(total, stateField{energy(key, l.plain, l.native, 1),
			func(b []byte, v *view) []byte { return appendKWh(b, *v.r.Energy.At(l.flow)) }})
		today = append(today, stateField{energy(key+"_today", l.today, l.natday, 2),
			func(b []byte, v *view) []byte { return appendKWh(b, *v.r.Today.At(l.flow)) }})
	}
	return append(total, today...)
}

func storageFields() []stateField {
	percent := component{key: "battery_soc", plain: "Battery level", native: "Battery", class: "battery", unit: "%", state: "measurement"}
	// No class: Home Assistant would list the reserve among the batteries that run low.
	reserve := component{key: "battery_reserve", plain: "Battery reserve", native: "Reserve battery level", unit: "%", state: "measurement", icon: "mdi:battery-lock"}
	stored := func(key, plain, native string) component {
		return component{key: key, plain: plain, native: native, class: "energy_storage", unit: "kWh", state: "measurement", digits: 2}
	}
	mode := component{key: "storage_mode", plain: "Storage mode", class: "enum", icon: "mdi:home-battery",
		options: []string{reading.ModeSelfConsumption, reading.ModeSavings, reading.ModeBackup}}
	grid := component{key: "grid_state", plain: "Grid state", native: "Grid status", class: "enum", icon: "mdi:transmission-tower",
		options: []string{reading.OnGrid, reading.OffGrid}}
	return []stateField{
		{percent, func(b []byte, v *view) []byte { return appendNumber(b, v.r.Storage.SoCPct) }},
		{stored("battery_available", "Battery available energy", "Available battery energy"), func(b []byte, v *view) []byte { return appendKWh(b, v.r.Storage.AvailableWh) }},
		{stored("battery_capacity", "Battery capacity", ""), func(b []byte, v *view) []byte { return appendKWh(b, v.r.Storage.CapacityWh) }},
		{reserve, func(b []byte, v *view) []byte { return appendNumber(b, v.r.Storage.ReservePct) }},
		{mode, func(b []byte, v *view) []byte { return appendOption(b, v.r.Storage.Mode, mode.options) }},
		{grid, func(b []byte, v *view) []byte { return appendOption(b, v.r.GridState, grid.options) }},
	}
}

func healthFields() []stateField {
	source := component{key: "source", plain: "Source", class: "enum", category: diagnostic, off: true, options: []string{string(reading.Local), string(reading.Enlighten), "derapi"}}
	latency := component{key: "latency", plain: "Latency", class: "duration", unit: "ms", state: "measurement", category: diagnostic, off: true}
	return []stateField{
		{component{key: "problem", platform: binarySensor, plain: "Problem", class: "problem", category: diagnostic, always: true},
			func(b []byte, v *view) []byte { return strconv.AppendBool(b, v.facts.Problem) }},
		{component{key: "problem_text", plain: "Problem text", category: diagnostic, icon: "mdi:message-alert-outline", always: true},
			func(b []byte, v *view) []byte { return appendText(b, problemText(v.facts)) }},
		{timestamp("last_reading", "", "Last reading", ""), func(b []byte, v *view) []byte { return appendTime(b, v.r.Time.Truncate(time.Second)) }},
		{timestamp("token_expires", "", "Token expires", ""), func(b []byte, v *view) []byte { return appendTime(b, v.facts.TokenExpires.Truncate(time.Second)) }},
		{source, func(b []byte, v *view) []byte { return appendOption(b, string(v.r.Source), source.options) }},
		{latency, func(b []byte, v *view) []byte {
			if v.facts.Latency <= 0 {
				return b
			}
			return strconv.AppendInt(b, v.facts.Latency.Round(time.Millisecond).Milliseconds(), 10)
		}},
	}
}

func gatewayComponents() []component {
	fields := stateFields()
	all := make([]component, len(fields))
	for i, f := range fields {
		all[i] = f.component
	}
	return all
}

func watts(c component, of func(*reading.Power) reading.Value) stateField {
	return stateField{c, func(b []byte, v *view) []byte {
		w, known := of(&v.r.Power).Get()
		if !known {
			return b
		}
		return strconv.AppendFloat(b, math.Round(w)+0, 'f', 0, 64)
	}}
}

// appendKWh writes Wh as kWh with 3 decimals, always.
func appendKWh(b []byte, v reading.Value) []byte {
	wh, known := v.Get()
	if !known {
		return b
	}
	return strconv.AppendFloat(b, math.Round(wh)/1000+0, 'f', 3, 64)
}

func appendNumber(b []byte, v reading.Value) []byte {
	if !v.Known() {
		return b
	}
	return v.Append(b)
}

// appendOption writes only what was announced: Home Assistant logs an error
// for anything else.
func appendOption(b []byte, s string, options []string) []byte {
	if !slices.Contains(options, s) {
		return b
	}
	return appendText(b, s)
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// longestState is how long a state may be in Home Assistant, in characters.
const longestState = 255

// problemText says what is wrong. An empty text would be ignored by Home
// Assistant and leave the old problem standing, hence "ok".
func problemText(f GatewayFacts) string {
	if !f.Problem && f.ProblemText == "" {
		return "ok"
	}
	if f.ProblemText == "" {
		return "See envoyd's page."
	}
	return shorten(f.ProblemText, longestState)
}

// shorten cuts a text to n characters, with an ellipsis.
func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
