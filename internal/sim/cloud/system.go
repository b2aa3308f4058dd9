package cloud

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/url"
	"strconv"
	"time"
)

// systems lists what the consent covers.
func (c *Cloud) systems(q *query) (any, error) {
	return c.list(q.URL.Query(), q, 100)
}

// search is the same as a POST.
func (c *Cloud) search(q *query) (any, error) {
	body, err := io.ReadAll(io.LimitReader(q.Body, 1<<16))
	if err != nil {
		return nil, badRequest("the body could not be read")
	}
	var filter map[string]any
	if len(body) > 0 && json.Unmarshal(body, &filter) != nil {
		return nil, badRequest("the body is not JSON")
	}
	return c.list(q.URL.Query(), q, 1000)
}

// list is one page of the list of systems.
func (c *Cloud) list(args url.Values, q *query, most int) (any, error) {
	page, size, err := paging(args, 10, most)
	if err != nil {
		return nil, err
	}
	systems := []any{}
	if !c.isUncovered() {
		systems = append(systems, c.describe(q))
	}
	total := len(systems)
	if page > 1 {
		systems = []any{}
	}
	return map[string]any{
		"total": total, "current_page": page, "size": size, "count": len(systems), "items": "systems", "systems": systems,
	}, nil
}

// paging reads page and size.
func paging(args url.Values, usual, most int) (page, size int, err error) {
	page, size = 1, usual
	for name, into := range map[string]*int{"page": &page, "size": &size} {
		if text := args.Get(name); text != "" {
			if *into, err = strconv.Atoi(text); err != nil || *into < 1 {
				return 0, 0, badRequest(name + " is invalid")
			}
		}
	}
	if size > most {
		return 0, 0, badRequest(fmt.Sprintf("size is more than %d", most))
	}
	return page, size, nil
}

// system is one system.
func (c *Cloud) system(q *query) (any, error) { return c.describe(q), nil }

// describe is a system in the list. Its energies are -1 since 2023.
func (c *Cloud) describe(q *query) map[string]any {
	doc := map[string]any{
		"system_id": c.cfg.System, "name": "Sample Home", "public_name": "Residential System", "timezone": c.zone().String(),
		"address":         map[string]any{"city": "Sampleville", "state": "CA", "country": "US", "postal_code": "94954"},
		"connection_type": "ethernet", "energy_lifetime": -1, "energy_today": -1, "system_size": -1,
		"attachment_type": nil, "interconnect_date": nil,
	}
	for name, value := range c.meta(q) {
		doc[name] = value
	}
	return doc
}

// systemOf finds the system of a gateway.
func (c *Cloud) systemOf(q *query) (any, error) {
	serial := q.URL.Query().Get("serial_num")
	switch {
	case serial == "":
		return nil, badRequest("serial_num is missing")
	case serial != c.cfg.Identity().Serial:
		return nil, fail(404, "Not Found", "Envoy not found for serial_num "+serial)
	case c.isUncovered():
		return nil, forbidden()
	}
	return map[string]any{"system_id": c.cfg.System}, nil
}

// summary is the day in one answer.
func (c *Cloud) summary(q *query) (any, error) {
	day := c.midnight(q.now)
	today := true
	if text := q.URL.Query().Get("summary_date"); text != "" {
		asked, err := c.date(text)
		if err != nil {
			return nil, err
		}
		if asked.After(day) {
			return nil, unprocessable("Requested date is in the future")
		}
		today, day = asked.Equal(day), asked
	}
	config := c.cfg.Home.Config()
	begin := c.at(day, q.now)
	end := begin
	if q.known.After(day) {
		end = c.at(earlier(day.In(c.zone()).AddDate(0, 0, 1), q.known), q.now)
	}
	source := "microinverters"
	if c.cfg.Production {
		source = "meter"
	}
	doc := map[string]any{
		"system_id": c.cfg.System, "current_power": 0, "modules": 0, "size_w": 0, "nmi": nil, "source": source,
		"energy_today": wh(produced, begin, end), "energy_lifetime": int64(math.Round(begin.ProductionWh)),
		"summary_date": day.In(c.zone()).Format(time.DateOnly), "last_interval_end_at": q.known.Truncate(5 * time.Minute).Unix(),
		"battery_charge_w": config.Batteries * 3840, "battery_discharge_w": config.Batteries * 3840,
		"battery_capacity_wh": int64(float64(config.Batteries) * config.BatteryWh), "evse_power": []any{},
	}
	if today {
		doc["current_power"] = int64(math.Max(0, math.Round(c.flow(q.known, q.now).ProductionW)))
		doc["modules"], doc["size_w"] = c.microCount(), int64(float64(c.microCount())*config.InverterW)
	}
	meta := c.meta(q)
	for _, name := range []string{"status", "operational_at", "last_report_at"} {
		doc[name] = meta[name]
	}
	return doc, nil
}

// percent is a state of charge in whole per cent.
func percent(soc float64) int { return int(math.Round(soc)) }

// percentText is the same as a text.
func percentText(soc float64) string { return strconv.Itoa(percent(soc)) + "%" }
