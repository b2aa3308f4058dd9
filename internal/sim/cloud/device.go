package cloud

import (
	"maps"
	"math"
	"time"

	"envoyd/internal/sim/home"
	"envoyd/internal/sim/page"
)

// devices is what stands in the house.
func (c *Cloud) devices(q *query) (any, error) {
	groups := map[string][]item{}
	for i, inv := range c.cfg.Home.State(q.now).Inverters {
		groups["micros"] = append(groups["micros"], part(100000+i, inv.Serial, "Microinverter "+inv.Serial, "IQ8PLUS-72-2-US",
			earlier(inv.Reported, q.known), !inv.Removed, nil))
	}
	id := c.cfg.Identity()
	groups["gateways"] = []item{part(200000, id.Serial, "Gateway "+id.Serial, "ENV2-IQ-AM1-240", q.known, true, item{
		"emu_sw_version": "D" + id.Firmware, "cellular_modem": nil,
	})}
	for i, m := range c.meters() {
		groups["meters"] = append(groups["meters"], part(300000+i, m.serial, m.name+" Meter", "ENV2-IQ-AM1-240", q.known, true, item{
			"state": "enabled", "config_type": m.config, "config_phase": "split", "model": "Envoy S",
		}))
	}
	config := c.cfg.Home.Config()
	for i := range config.Batteries {
		groups["encharges"] = append(groups["encharges"], part(400000+i, page.BatterySerial(i), "IQ Battery "+page.BatterySerial(i), "B05-T01-US00-1-3",
			q.known, true, nil))
	}
	for i := range config.ACBatteries {
		groups["acbs"] = append(groups["acbs"], part(450000+i, page.ACBatterySerial(i), "AC Battery "+page.ACBatterySerial(i), "B280", q.known, true, nil))
	}
	n := 0
	for _, group := range groups {
		n += len(group)
	}
	return map[string]any{"system_id": c.cfg.System, "total_devices": n, "items": "devices", "devices": groups}, nil
}

// part is one device.
func part(id int, serial, name, sku string, reported time.Time, active bool, more item) item {
	out := item{
		"id": id, "last_report_at": reported.Unix(), "name": name, "serial_number": serial, "part_number": "800-00000-r01",
		"sku": sku, "model": name, "status": "normal", "active": active, "product_name": name,
	}
	maps.Copy(out, more)
	return out
}

// meter is a CT.
type meter struct{ serial, name, config string }

// meters are the CTs as the cloud knows them.
func (c *Cloud) meters() []meter {
	serial := c.cfg.Identity().Serial
	var list []meter
	if c.cfg.Production {
		list = append(list, meter{serial + "EIM1", "Production", "Production"})
	}
	if c.cfg.Consumption != "" {
		list = append(list, meter{serial + "EIM2", "Consumption", c.cfg.Consumption})
	}
	return list
}

// latest is what was reported last of each meter and battery.
func (c *Cloud) latest(q *query) (any, error) {
	f := c.flow(q.known, q.now)
	old := q.now.Sub(q.known) > 7*24*time.Hour
	power := func(w float64) any {
		if old {
			return nil
		}
		return int64(math.Round(w))
	}
	groups := map[string][]item{"meters": {}, "encharges": {}, "heat-pump": {}, "evse": {}}
	phases := c.cfg.Home.Config().Phases
	for i, m := range c.meters() {
		for ch := range 3 {
			var value any
			if ch < phases {
				value = power(c.channel(m, f, ch, phases))
			}
			groups["meters"] = append(groups["meters"], item{
				"id": 300000 + i, "name": lower(m.name), "channel": ch + 1, "last_report_at": q.known.Unix(), "power": value,
			})
		}
	}
	n := c.cfg.Home.Config().Batteries
	for i := range n {
		w := -f.BatteryW / float64(n)
		if c.cfg.Discharge {
			w = -w
		}
		groups["encharges"] = append(groups["encharges"], item{
			"id": 400000 + i, "name": "IQ Battery " + page.BatterySerial(i), "channel": 1, "last_report_at": q.known.Unix(),
			"power": power(w), "operational_mode": mode(f.BatteryW),
		})
	}
	return map[string]any{"system_id": c.cfg.System, "items": "devices", "devices": groups}, nil
}

// channel is one phase of a meter in W; without the phases of that second each
// has its part.
func (c *Cloud) channel(m meter, f home.Flow, ch, phases int) float64 {
	p := f.Phases[ch]
	if f.Phases == [3]home.PhaseFlow{} {
		n := float64(phases)
		p = home.PhaseFlow{ProductionW: f.ProductionW / n, GridW: f.GridW / n, BatteryW: f.BatteryW / n}
	}
	switch m.config {
	case Net:
		return p.ProductionW + p.GridW
	case Total:
		return p.ProductionW + p.GridW + p.BatteryW
	}
	return p.ProductionW
}

// mode is the word for what a battery does.
func mode(batteryW float64) string {
	switch {
	case batteryW > 0:
		return "Discharging"
	case batteryW < 0:
		return "Charging"
	}
	return "Idle"
}

func lower(name string) string {
	if name == "Production" {
		return "production"
	}
	return "consumption"
}
