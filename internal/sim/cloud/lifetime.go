package cloud

import (
	"time"

	"envoyd/internal/sim/home"
)

// lifetimes lists the daily series.
func (c *Cloud) lifetimes() []endpoint {
	metered := c.cfg.Production && c.cfg.Consumption != ""
	daily := func(have bool, columns map[string]pick) func(*query) (any, error) {
		return func(q *query) (any, error) { return c.daily(q, have, columns) }
	}
	return []endpoint{
		{"/{id}/energy_lifetime", "", production, c.productionLifetime},
		{"/{id}/consumption_lifetime", "", consumption, daily(c.cfg.Consumption != "", map[string]pick{"consumption": c.consumed})},
		{"/{id}/battery_lifetime", "", consumption, daily(c.batteries() > 0, map[string]pick{"charge": charged, "discharge": discharged})},
		{"/{id}/energy_import_lifetime", "", consumption, daily(metered, map[string]pick{"import": imported})},
		{"/{id}/energy_export_lifetime", "", consumption, daily(metered, map[string]pick{"export": exported})},
	}
}

// productionLifetime is the merged series, and its two parts when asked for.
func (c *Cloud) productionLifetime(q *query) (any, error) {
	columns := map[string]pick{"production": produced}
	all := q.URL.Query().Get("production") == "all"
	if all {
		columns["micro_production"] = produced
		if c.cfg.Production {
			columns["meter_production"] = produced
		}
	}
	doc, err := c.daily(q, true, columns)
	if err == nil && all && c.cfg.Production {
		doc["meter_start_date"] = c.cfg.Home.Commissioned().In(c.zone()).Format(time.DateOnly)
	}
	return doc, err
}

// daily answers with the energy of each local day from start_date to end_date.
func (c *Cloud) daily(q *query, have bool, columns map[string]pick) (map[string]any, error) {
	from, to, err := c.days(q)
	if err != nil {
		return nil, err
	}
	lists := map[string][]int64{}
	for name := range columns {
		lists[name] = []int64{}
	}
	before := c.at(from, q.now)
	for day := from; have && !day.After(to); {
		next := day.In(c.zone()).AddDate(0, 0, 1)
		after := before
		if q.known.After(day) {
			after = c.at(earlier(next, q.known), q.now)
		}
		for name, of := range columns {
			lists[name] = append(lists[name], wh(of, before, after))
		}
		day, before = next, after
	}
	doc := map[string]any{"system_id": c.cfg.System, "start_date": from.In(c.zone()).Format(time.DateOnly), "meta": c.meta(q)}
	for name, list := range lists {
		doc[name] = list
	}
	return doc, nil
}

// days reads start_date (default: the first day) and end_date (default:
// yesterday, or today when that is where it starts).
func (c *Cloud) days(q *query) (from, to time.Time, err error) {
	args := q.URL.Query()
	began, today := c.cfg.Home.Commissioned(), c.midnight(q.now)
	from, to = began, today.In(c.zone()).AddDate(0, 0, -1)
	if text := args.Get("start_date"); text != "" {
		if from, err = c.date(text); err != nil {
			return from, to, err
		}
	}
	if from.Before(began) {
		from = began
	}
	if from.Equal(today) {
		to = today
	}
	if text := args.Get("end_date"); text != "" {
		if to, err = c.date(text); err != nil {
			return from, to, err
		}
	}
	switch {
	case from.After(today), to.After(today):
		return from, to, unprocessable("Requested date is in the future")
	case to.Before(from) && args.Get("end_date") != "":
		return from, to, unprocessable("Requested date range is invalid for this system")
	}
	return from, to, nil
}

// earlier is the first of two moments.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// total is what all batteries and CTs of one kind have counted, in whole Wh.
func total(of pick, m home.Mark) int64 { return int64(of(m.Totals)) }
