package cloud

import (
	"math"
	"time"

	"envoyd/internal/sim/home"
	"envoyd/internal/sim/page"
)

// inverters is the last report of each inverter. power_produced is an object
// or a bare number; the vendor sends both.
func (c *Cloud) inverters(q *query) (any, error) {
	args := q.URL.Query()
	id := c.cfg.Identity()
	switch site, serial := args.Get("site_id"), args.Get("envoy_serial_number"); {
	case site != "":
		if err := c.covers(site); err != nil {
			return nil, err
		}
	case serial == "":
		return nil, badRequest("site_id or envoy_serial_number is needed")
	case serial != id.Serial:
		return nil, fail(404, "Not Found", "Envoy not found for serial number "+serial)
	}
	page, size, err := paging(args, 10, 100)
	if err != nil {
		return nil, err
	}
	list := []item{}
	for i, inv := range c.cfg.Home.State(q.now).Inverters {
		if i/size != page-1 {
			continue
		}
		var power any = item{"value": int64(inv.PowerW), "units": "W", "precision": 0}
		if i%2 == 1 {
			power = int64(inv.PowerW)
		}
		list = append(list, item{
			"id": 100000 + i, "serial_number": inv.Serial, "model": "IQ8PLUS", "part_number": "800-01736-r02", "sku": "IQ8PLUS-72-2-US",
			"status": "normal", "power_produced": power, "envoy_serial_number": id.Serial, "grid_profile": "IEEE 1547 default 2015",
			"energy":           item{"value": int64(inv.LifetimeJoules / 3600), "units": "Wh", "precision": 0},
			"last_report_date": earlier(inv.Reported, q.known).Format(time.RFC3339),
		})
	}
	return []item{{"signal_strength": 4, "micro_inverters": list}}, nil
}

// share is one of n devices' part of a series.
func share(of pick, n int) pick {
	return func(t home.Totals) float64 { return of(t) / float64(max(1, n)) }
}

// micro is the series of one inverter.
func (c *Cloud) micro(q *query) (any, error) {
	serial := q.PathValue("sn")
	for _, inv := range c.cfg.Home.State(q.now).Inverters {
		if inv.Serial == serial {
			return c.intervals(c.microSeries())(q)
		}
	}
	return nil, fail(404, "Not Found", "Micro not found for serial number "+serial)
}

// microSeries is the mean inverter's: the home keeps no archive of each.
func (c *Cloud) microSeries() series {
	return series{step: home.Grain, meta: true, devices: func() int { return 1 }, item: func(a, b home.Mark) item {
		mine := share(produced, c.microCount())
		made := mine(b.Totals) - mine(a.Totals)
		if made < 0.01 {
			return nil
		}
		return item{"powr": int64(math.Round(made / home.Grain.Hours())), "enwh": wh(mine, a, b)}
	}}
}

// micros is the series of every inverter, in pages of at most 20.
func (c *Cloud) micros(q *query) (any, error) {
	page, size, err := paging(q.URL.Query(), 20, 20)
	if err != nil {
		return nil, err
	}
	v, err := c.window(q, home.Grain, false)
	if err != nil {
		return nil, err
	}
	list := []item{}
	all := c.cfg.Home.State(q.now).Inverters
	for i, inv := range all {
		if i/size == page-1 {
			list = append(list, item{"serial_number": inv.Serial, "intervals": c.items(c.microSeries(), v, q)})
		}
	}
	doc := map[string]any{"system_id": c.cfg.System, "total_devices": len(all), "items": "devices", "devices": list, "meta": c.meta(q)}
	v.bounds(doc, c.zone())
	return doc, nil
}

// encharge is the series of one battery.
func (c *Cloud) encharge(q *query) (any, error) {
	n := c.cfg.Home.Config().Batteries
	for i := range n {
		if page.BatterySerial(i) != q.PathValue("sn") {
			continue
		}
		in, out := share(charged, n), share(discharged, n)
		return c.intervals(series{step: quarter, week: true, meta: true, devices: func() int { return 1 }, item: func(a, b home.Mark) item {
			return item{
				"charge": item{"enwh": wh(in, a, b)}, "discharge": item{"enwh": wh(out, a, b)}, "soc": item{"percent": percent(b.SoCPct)},
			}
		}})(q)
	}
	return nil, fail(404, "Not Found", "Encharge not found for serial number "+q.PathValue("sn"))
}
