package cloud

import (
	"time"

	"envoyd/internal/sim/home"
)

// registerAt is the moment a register was read for a question: the last report
// before end_at.
func (c *Cloud) registerAt(q *query) (home.Mark, error) {
	at := q.known
	if text := q.URL.Query().Get("end_at"); text != "" {
		asked, err := epoch(text)
		if err != nil {
			return home.Mark{}, err
		}
		if asked.After(q.now) {
			return home.Mark{}, unprocessable("Requested date is in the future")
		}
		at = earlier(at, asked)
	}
	return c.at(at, q.now), nil
}

// readings wraps registers in their envelope.
func (c *Cloud) readings(q *query, make func(home.Mark) []item) (any, error) {
	at, err := c.registerAt(q)
	if err != nil {
		return nil, err
	}
	list := make(at)
	for _, it := range list {
		it["read_at"] = at.Time.Unix()
	}
	return map[string]any{"system_id": c.cfg.System, "meter_readings": list, "meta": c.meta(q)}, nil
}

// productionReadings are the registers of the production CT in Wh.
func (c *Cloud) productionReadings(q *query) (any, error) {
	return c.readings(q, func(at home.Mark) []item {
		if !c.cfg.Production {
			return []item{}
		}
		return []item{{"serial_number": c.meters()[0].serial, "value": total(produced, at)}}
	})
}

// consumptionReadings are those of the consumption CT; the key of the serial
// has another name here.
func (c *Cloud) consumptionReadings(q *query) (any, error) {
	return c.readings(q, func(at home.Mark) []item {
		if c.cfg.Consumption == "" {
			return []item{}
		}
		meters := c.meters()
		return []item{{"serial_num": meters[len(meters)-1].serial, "value": total(c.consumed, at)}}
	})
}

// storageReadings are those of all batteries together.
func (c *Cloud) storageReadings(q *query) (any, error) {
	return c.readings(q, func(at home.Mark) []item {
		if c.batteries() == 0 {
			return []item{}
		}
		return []item{{
			"serial_num": c.cfg.Identity().Serial + "EIM3", "value_charged": total(charged, at), "value_discharged": total(discharged, at),
		}}
	})
}

// rgmStats are the quarter hours of a revenue-grade meter, which the
// production CT is taken for.
func (c *Cloud) rgmStats(q *query) (any, error) {
	args := q.URL.Query()
	from, to := c.midnight(q.now), q.now
	for name, into := range map[string]*time.Time{"start_at": &from, "end_at": &to} {
		if text := args.Get(name); text != "" {
			at, err := epoch(text)
			if err != nil {
				return nil, err
			}
			*into = at.Truncate(quarter)
		}
	}
	if from.After(q.now) || to.Before(from) || to.Sub(from) > 7*24*time.Hour {
		return nil, unprocessable("Requested date range is invalid for this system")
	}
	s := series{step: quarter, item: func(a, b home.Mark) item { return item{"wh_del": wh(produced, a, b), "devices_reporting": 1} }}
	doc := map[string]any{"system_id": c.cfg.System, "total_devices": 0, "intervals": []item{}, "meter_intervals": []item{}, "meta": c.meta(q)}
	if !c.cfg.Production {
		return doc, nil
	}
	list := c.items(s, window{from: from.Truncate(quarter), to: to}, q)
	channels := []item{}
	for _, it := range list {
		energy, _ := it["wh_del"].(int64)
		channels = append(channels, item{"channel": 1, "end_at": it["end_at"], "wh_del": energy, "curr_w": 4 * energy})
	}
	doc["total_devices"], doc["intervals"] = 1, list
	doc["meter_intervals"] = []item{{
		"meter_serial_number": c.meters()[0].serial, "envoy_serial_number": c.cfg.Identity().Serial, "intervals": channels,
	}}
	return doc, nil
}
