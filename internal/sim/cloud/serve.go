package cloud

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// prefix is where the systems are.
const prefix = "/api/v4/systems"

// endpoint is one data call.
type endpoint struct {
	pattern string
	method  string
	group   control
	handle  func(*query) (any, error)
}

// query is a call that was let in.
type query struct {
	*http.Request
	now   time.Time
	known time.Time // up to when the gateway's data have arrived
}

// endpoints lists the data calls.
func (c *Cloud) endpoints() []endpoint {
	list := []endpoint{
		{"/search", http.MethodPost, details, c.search},
		{"/retrieve_system_id", "", details, c.systemOf},
		{"/inverters_summary_by_envoy_or_site", "", details, c.inverters},
		{"/event_types", "", details, c.events("event_types")},
		{"/{id}", "", details, c.system},
		{"/{id}/summary", "", details, c.summary},
		{"/{id}/devices", "", details, c.devices},
		{"/{id}/events", "", details, c.events("events")},
		{"/{id}/alarms", "", details, c.events("alarms")},
		{"/{id}/open_events", "", details, c.events("events")},
		{"/{id}/open_alarms", "", details, c.events("alarms")},
		{"/{id}/production_meter_readings", "", production, c.productionReadings},
		{"/{id}/consumption_meter_readings", "", consumption, c.consumptionReadings},
		{"/{id}/storage_meter_readings", "", consumption, c.storageReadings},
		{"/{id}/rgm_stats", "", production, c.rgmStats},
		{"/{id}/latest_telemetry", "", consumption, c.latest},
		{"/{id}/live_data", "", streaming, c.live},
		{"/{id}/devices/micros/telemetry", "", device, c.micros},
		{"/{id}/devices/micros/{sn}/telemetry", "", device, c.micro},
		{"/{id}/devices/encharges/{sn}/telemetry", "", device, c.encharge},
		{"/{id}/{sn}/evse_telemetry", "", charger, c.none},
		{"/{id}/hp_telemetry", "", device, c.none},
		{"/config/{id}/battery_settings", "", configuration, c.batterySettings},
		{"/config/{id}/storm_guard", "", configuration, c.stormGuard},
		{"/config/{id}/grid_status", "", configuration, c.gridStatus},
		{"/config/{id}/load_control", "", configuration, c.loadControl},
	}
	list = append(list, c.telemetry()...)
	list = append(list, c.lifetimes()...)
	for i := range list {
		list[i].pattern = prefix + list[i].pattern
	}
	return append(list, endpoint{prefix, "", details, c.systems})
}

// serve lets a data call in.
func (c *Cloud) serve(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("key")
	if key == "" {
		key = r.URL.Query().Get("key")
	}
	if !same(key, c.cfg.Key) {
		details := "API key is invalid"
		if same(key, c.otherKey) {
			details = "The API key does not match the client of the access token"
		}
		p := unauthorized(details)
		c.answer(w, p.status, p.body)
		return
	}
	_, pattern := c.mux.Handler(r)
	name := strings.TrimPrefix(pattern, prefix)
	rec := c.begin(w, name)
	if p := c.overLimit(); p != nil {
		c.answer(rec, p.status, p.body)
		return
	}
	if c.misbehave(rec, r) {
		return
	}
	if !c.authorized(r) {
		p := unauthorized("User is not authorized")
		c.answer(rec, p.status, p.body)
		return
	}
	c.cutting(rec, r, c.mux.ServeHTTP)
}

// endpoint checks what all calls have in common.
func (c *Cloud) endpoint(e endpoint) http.Handler {
	if e.method == "" {
		e.method = http.MethodGet
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		doc, err := c.admit(e, r)
		if stream, ok := doc.(http.Handler); ok && err == nil {
			stream.ServeHTTP(w, r)
			return
		}
		var p *problem
		switch {
		case err == nil:
			c.answer(w, http.StatusOK, doc)
		case errors.As(err, &p):
			c.answer(w, p.status, p.body)
		default:
			c.answer(w, http.StatusBadRequest, badRequest(err.Error()).body)
		}
	})
}

// admit checks verb, plan and system and lets the endpoint answer.
func (c *Cloud) admit(e endpoint, r *http.Request) (any, error) {
	if r.Method != e.method {
		return nil, odd(http.StatusMethodNotAllowed)
	}
	if !c.Plan().grants(e.group) {
		return nil, unauthorized("User is not authorized")
	}
	if strings.Contains(e.pattern, "{id}") {
		if err := c.covers(r.PathValue("id")); err != nil {
			return nil, err
		}
	}
	now := time.Now()
	return e.handle(&query{Request: r, now: now, known: c.reported(now)})
}

// covers checks that the consent covers a system.
func (c *Cloud) covers(id string) error {
	n, err := strconv.ParseInt(id, 10, 64)
	switch {
	case err != nil, n != c.cfg.System && n != c.cfg.System+1:
		return notFound(id)
	case n != c.cfg.System, c.isUncovered():
		return forbidden()
	}
	return nil
}

// Uncover takes the system out of the consent, or puts it back.
func (c *Cloud) Uncover(out bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uncovered = out
}

func (c *Cloud) isUncovered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.uncovered
}

// unknown is any other path.
func (c *Cloud) unknown(w http.ResponseWriter, _ *http.Request) {
	p := fail(http.StatusNotFound, "Not Found", "Resource not found")
	c.answer(w, p.status, p.body)
}

// same compares secrets.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
