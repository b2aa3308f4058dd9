package cloud

import (
	"maps"
	"time"

	"envoyd/internal/sim/home"
)

// quarter is the interval of everything that a CT or a battery measures.
const quarter = 15 * time.Minute

// item is one interval.
type item map[string]any

// series is one of the site's interval series.
type series struct {
	step    time.Duration
	week    bool // granularity=week is taken; not documented for those that refuse it
	nested  bool // intervals come as an array of arrays
	meta    bool
	devices func() int // 0 = the system cannot have it
	item    func(a, b home.Mark) item
	extra   func(q *query) item
}

// telemetry lists the site's series.
func (c *Cloud) telemetry() []endpoint {
	ct := func(have bool) func() int {
		return func() int {
			if have {
				return 1
			}
			return 0
		}
	}
	grid := ct(c.cfg.Production && c.cfg.Consumption != "")
	flow := func(key string, of pick) func(a, b home.Mark) item {
		return func(a, b home.Mark) item { return item{key: wh(of, a, b)} }
	}
	withDevices := func(make func(a, b home.Mark) item) func(a, b home.Mark) item {
		return func(a, b home.Mark) item {
			it := make(a, b)
			it["devices_reporting"] = 1
			return it
		}
	}
	return []endpoint{
		{"/{id}/telemetry/production_micro", "", production, c.intervals(series{
			step: home.Grain, meta: true, devices: c.microCount, item: c.microItem,
		})},
		{"/{id}/telemetry/production_meter", "", production, c.intervals(series{
			step: quarter, week: true, devices: ct(c.cfg.Production), item: withDevices(flow("wh_del", produced)),
		})},
		{"/{id}/telemetry/consumption_meter", "", consumption, c.intervals(series{
			step: quarter, week: true, meta: true, devices: ct(c.cfg.Consumption != ""), item: withDevices(flow("enwh", c.consumed)),
		})},
		{"/{id}/telemetry/battery", "", consumption, c.battery},
		{"/{id}/energy_import_telemetry", "", consumption, c.intervals(series{
			step: quarter, nested: true, meta: true, devices: grid, item: flow("wh_imported", imported),
		})},
		{"/{id}/energy_export_telemetry", "", consumption, c.intervals(series{
			step: quarter, nested: true, meta: true, devices: grid, item: flow("wh_exported", exported),
		})},
	}
}

// intervals answers with a series.
func (c *Cloud) intervals(s series) func(*query) (any, error) {
	return func(q *query) (any, error) {
		v, err := c.window(q, s.step, s.week)
		if err != nil {
			return nil, err
		}
		list := []item{}
		if s.devices() > 0 {
			list = c.items(s, v, q)
		}
		doc := map[string]any{"system_id": c.cfg.System, "total_devices": s.devices(), "items": "intervals", "intervals": list}
		if s.nested {
			doc["total_devices"], doc["intervals"] = 0, [][]item{list}
		}
		v.bounds(doc, c.zone())
		if s.meta {
			doc["meta"] = c.meta(q)
		}
		if s.extra != nil {
			maps.Copy(doc, s.extra(q))
		}
		return doc, nil
	}
}

// items are the intervals that end within the window and have been reported.
func (c *Cloud) items(s series, v window, q *query) []item {
	to := v.to
	if q.known.Before(to) {
		to = q.known
	}
	list := []item{}
	marks := c.cfg.Home.Marks(v.from, to)
	per := int(s.step / home.Grain)
	for i := per; i < len(marks); i += per {
		it := s.item(marks[i-per], marks[i])
		if it == nil {
			continue
		}
		it["end_at"] = marks[i].Time.Unix()
		list = append(list, it)
	}
	return list
}

// microItem is what all inverters made; at night there is none.
func (c *Cloud) microItem(a, b home.Mark) item {
	if b.ProductionWh-a.ProductionWh < 0.05 {
		return nil
	}
	watts := (b.ProductionWh - a.ProductionWh) / home.Grain.Hours()
	return item{"devices_reporting": c.microCount(), "powr": int64(watts + 0.5), "enwh": wh(produced, a, b)}
}

// microCount is how many inverters are on the roof.
func (c *Cloud) microCount() int {
	n := 0
	for _, inv := range c.cfg.Home.State(time.Now()).Inverters {
		if !inv.Removed {
			n++
		}
	}
	return n
}

// battery is telemetry/battery.
func (c *Cloud) battery(q *query) (any, error) {
	if c.batteries() == 0 {
		return nil, unprocessable("System has no encharges")
	}
	return c.intervals(series{
		step: quarter, week: true, devices: c.batteries,
		item: func(a, b home.Mark) item {
			n := c.batteries()
			return item{
				"charge":    item{"enwh": wh(charged, a, b), "devices_reporting": n},
				"discharge": item{"enwh": wh(discharged, a, b), "devices_reporting": n},
				"soc":       item{"percent": percent(b.SoCPct), "devices_reporting": n},
			}
		},
		extra: func(q *query) item {
			return item{"last_reported_aggregate_soc": percentText(c.at(q.known, q.now).SoCPct)}
		},
	})(q)
}
