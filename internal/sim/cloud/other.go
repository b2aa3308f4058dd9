package cloud

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// none is a series of a device that this home has not.
func (c *Cloud) none(q *query) (any, error) {
	v, err := c.window(q, quarter, true)
	if err != nil {
		return nil, err
	}
	doc := map[string]any{"system_id": c.cfg.System, "interval_duration": 900, "total_devices": 0, "items": "intervals", "intervals": []item{}}
	v.bounds(doc, c.zone())
	return doc, nil
}

// events are lists with nothing in them: this home has no mishaps of its own.
func (c *Cloud) events(name string) func(*query) (any, error) {
	return func(q *query) (any, error) {
		doc := map[string]any{"total": 0, "current_page": 1, "size": 10, "count": 0, "items": name, name: []item{}}
		if q.PathValue("id") != "" {
			doc["system_id"] = c.cfg.System
		}
		return doc, nil
	}
}

func (c *Cloud) batterySettings(*query) (any, error) {
	return map[string]any{
		"system_id": c.cfg.System, "battery_mode": "Self-Consumption", "reserve_soc": percent(c.cfg.Home.Config().ReservePct),
		"energy_independence": "disabled", "charge_from_grid": "disabled", "battery_shutdown_level": 5,
	}, nil
}

func (c *Cloud) stormGuard(*query) (any, error) {
	return map[string]any{"system_id": c.cfg.System, "storm_guard_status": "disabled", "storm_alert": "false"}, nil
}

func (c *Cloud) gridStatus(q *query) (any, error) {
	return map[string]any{"system_id": c.cfg.System, "grid_state": c.gridState(q.now), "last_report_date": q.known.Unix()}, nil
}

func (c *Cloud) loadControl(*query) (any, error) {
	return map[string]any{"system_id": c.cfg.System, "load_control_data": []item{}}, nil
}

func (c *Cloud) gridState(now time.Time) string {
	if c.cfg.Home.State(now).OffGrid {
		return "Off Grid"
	}
	return "On Grid"
}

// frames is how often the stream says something.
const frames = 2 * time.Second

// live is the stream, which only begins here; the duration is a header.
func (c *Cloud) live(q *query) (any, error) {
	seconds := 30
	if text := q.Header.Get("duration"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, streamProblem(463, "Duration is not an integer")
		}
		seconds = n
	}
	switch {
	case seconds < 30:
		return nil, streamProblem(461, "Duration is below 30 seconds")
	case seconds > 300:
		return nil, streamProblem(462, "Duration is above 300 seconds")
	case len(c.meters()) == 0:
		return nil, streamProblem(472, "Live stream is not supported")
	case c.meta(q)["status"] == "comm":
		return nil, streamProblem(473, "Gateway is not reporting")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.stream(w, r, seconds) }), nil
}

func streamProblem(status int, details string) *problem {
	now := time.Now()
	return &problem{status: status, body: map[string]any{
		"error":           item{"code": status, "status": "ERROR", "message": details, "details": details},
		"timestamp_epoch": now.UnixMilli(), "timestamp_utc": now.UTC().Format(time.RFC3339Nano), "type": "error",
	}}
}

// stream sends frames until the duration is over or the client is gone.
func (c *Cloud) stream(w http.ResponseWriter, r *http.Request, seconds int) {
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(frames)
	defer tick.Stop()
	for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end); {
		frame, err := json.Marshal(c.frame())
		if err == nil {
			_, err = fmt.Fprintf(w, "data: %s\n\n", frame)
		}
		if err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// frame is one moment; here the battery discharges with a plus.
func (c *Cloud) frame() map[string]any {
	now := time.Now()
	t := c.cfg.Home.Truth(now)
	return map[string]any{
		"data": item{
			"system_id": c.cfg.System, "envoy_serial_number": []string{c.cfg.Identity().Serial}, "pv_power": int64(t.ProductionW),
			"consumption_power": int64(t.ConsumptionW), "grid_power": int64(t.GridW), "battery_power": int64(t.BatteryW),
			"generator_power": 0, "battery_soc": percent(t.SoCPct), "battery_mode": "Self Consumption", "grid_status": c.gridState(now),
		},
		"timestamp_epoch": now.UnixMilli(), "timestamp_utc": now.UTC().Format(time.RFC3339Nano), "type": "response",
	}
}
