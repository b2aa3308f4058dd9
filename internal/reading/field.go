package reading

// Field is a quantity with its wire name, such as "grid_w".
type Field struct {
	Name  string
	Value Value
}

// Fields lists the power quantities in the order of the wire form.
func (p *Power) Fields() [5]Field {
	return [5]Field{
		{"production_w", p.ProductionW},
		{"consumption_w", p.ConsumptionW},
		{"grid_w", p.GridW},
		{"battery_w", p.BatteryW},
		{"generator_w", p.GeneratorW},
	}
}

// Fields lists the counters in the order of the wire form.
func (e *Energy) Fields() [6]Field {
	return [6]Field{
		{"production_wh", e.ProductionWh},
		{"consumption_wh", e.ConsumptionWh},
		{"import_wh", e.ImportWh},
		{"export_wh", e.ExportWh},
		{"charge_wh", e.ChargeWh},
		{"discharge_wh", e.DischargeWh},
	}
}

// Fields lists the numbers of a meter in the order of the wire form.
func (m *Meter) Fields() [9]Field {
	return [9]Field{
		{"power_w", m.PowerW},
		{"voltage_v", m.VoltageV},
		{"current_a", m.CurrentA},
		{"frequency_hz", m.FrequencyHz},
		{"power_factor", m.PowerFactor},
		{"apparent_va", m.ApparentVA},
		{"reactive_var", m.ReactiveVar},
		{"delivered_wh", m.DeliveredWh},
		{"received_wh", m.ReceivedWh},
	}
}

// Fields lists the numbers of an inverter in the order of the wire form.
func (i *Inverter) Fields() [10]Field {
	return [10]Field{
		{"power_w", i.PowerW},
		{"max_power_w", i.MaxPowerW},
		{"today_wh", i.TodayWh},
		{"energy_wh", i.EnergyWh},
		{"dc_voltage_v", i.DCVoltageV},
		{"dc_current_a", i.DCCurrentA},
		{"ac_voltage_v", i.ACVoltageV},
		{"ac_current_a", i.ACCurrentA},
		{"frequency_hz", i.FrequencyHz},
		{"temperature_c", i.TemperatureC},
	}
}

// Fields lists the numbers of a battery in the order of the wire form.
func (b *Battery) Fields() [4]Field {
	return [4]Field{
		{"power_w", b.PowerW},
		{"soc_pct", b.SoCPct},
		{"temperature_c", b.TemperatureC},
		{"capacity_wh", b.CapacityWh},
	}
}

// Fields lists the numbers of the storage in the order of the wire form.
func (s *Storage) Fields() [4]Field {
	return [4]Field{
		{"soc_pct", s.SoCPct},
		{"available_wh", s.AvailableWh},
		{"capacity_wh", s.CapacityWh},
		{"reserve_pct", s.ReservePct},
	}
}

// Fields lists what the daemon says of itself in the order of the wire form.
func (d *Daemon) Fields() [6]Field {
	return [6]Field{
		{"poll_ms", d.PollMs},
		{"polls", d.Polls},
		{"failures", d.Failures},
		{"refused", d.Refused},
		{"backlog", d.Backlog},
		{"token_days", d.TokenDays},
	}
}

// Any reports whether at least one of the fields is known.
func Any(fields []Field) bool {
	for _, f := range fields {
		if f.Value.Known() {
			return true
		}
	}
	return false
}
