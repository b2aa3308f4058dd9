package mqtt

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The tables of Home Assistant 2026.9, as far as they concern us: what it
// refuses it refuses silently, so the tests refuse it first.

// long expands the abbreviations of root, component and availability keys.
var long = map[string]string{
	"dev": "device", "o": "origin", "avty": "availability", "avty_mode": "availability_mode", "stat_t": "state_topic", "cmps": "components",
	"p": "platform", "uniq_id": "unique_id", "dev_cla": "device_class", "stat_cla": "state_class", "unit_of_meas": "unit_of_measurement",
	"sug_dsp_prc": "suggested_display_precision", "val_tpl": "value_template", "ops": "options", "ent_cat": "entity_category", "ic": "icon",
	"en": "enabled_by_default", "pl_on": "payload_on", "pl_off": "payload_off", "t": "topic",
}

var longDevice = map[string]string{
	"ids": "identifiers", "mf": "manufacturer", "mdl": "model", "mdl_id": "model_id", "sn": "serial_number", "sw": "sw_version", "cu": "configuration_url",
}

var longOrigin = map[string]string{"sw": "sw_version", "url": "support_url"}

var (
	rootKeys      = []string{"device", "origin", "components", "availability", "availability_mode", "state_topic", "qos"}
	deviceKeys    = []string{"identifiers", "name", "manufacturer", "model", "model_id", "serial_number", "sw_version", "configuration_url", "via_device"}
	originKeys    = []string{"name", "sw_version", "support_url"}
	componentKeys = map[string][]string{
		"sensor":        {"platform", "unique_id", "name", "device_class", "state_class", "unit_of_measurement", "suggested_display_precision", "options", "entity_category", "icon", "enabled_by_default", "state_topic", "availability", "value_template"},
		"binary_sensor": {"platform", "unique_id", "name", "device_class", "entity_category", "icon", "enabled_by_default", "state_topic", "availability", "value_template", "payload_on", "payload_off"},
	}
	// classes: allowed units and state classes of a sensor's device class.
	classes = map[string]struct{ units, states []string }{
		"power":          {[]string{"W"}, []string{"measurement"}},
		"energy":         {[]string{"Wh", "kWh"}, []string{"total", "total_increasing"}},
		"energy_storage": {[]string{"Wh", "kWh"}, []string{"measurement"}},
		"voltage":        {[]string{"V"}, []string{"measurement"}},
		"current":        {[]string{"A"}, []string{"measurement"}},
		"frequency":      {[]string{"Hz"}, []string{"measurement"}},
		"apparent_power": {[]string{"VA"}, []string{"measurement"}},
		"reactive_power": {[]string{"var"}, []string{"measurement"}},
		"power_factor":   {[]string{"%", ""}, []string{"measurement"}},
		"battery":        {[]string{"%"}, []string{"measurement"}},
		"temperature":    {[]string{"°C"}, []string{"measurement"}},
		"duration":       {[]string{"ms", "s"}, []string{"measurement", "total", "total_increasing"}},
		"timestamp":      {[]string{""}, []string{""}},
		"enum":           {[]string{""}, []string{""}},
		"":               {[]string{"", "%"}, []string{"", "measurement"}},
	}
	binaryClasses = []string{"problem", "connectivity"}
)

var (
	segmentRule  = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	templateRule = regexp.MustCompile(`^\{\{ value_json\.([a-z_]+) \}\}$`)
)

// validator checks documents and collects what Home Assistant would refuse.
type validator struct {
	states map[string][]byte // payload by topic
	ids    map[string]string // platform and unique id -> where
	faults []string
}

func (v *validator) fault(where, format string, args ...any) {
	v.faults = append(v.faults, where+": "+fmt.Sprintf(format, args...))
}

// document checks one config message.
func (v *validator) document(topic string, payload []byte) {
	parts := strings.Split(topic, "/")
	for _, p := range parts {
		if !segmentRule.MatchString(p) {
			v.fault(topic, "illegal topic segment %q", p)
		}
	}
	var doc map[string]any
	if err := json.Unmarshal(payload, &doc); err != nil {
		v.fault(topic, "%v", err)
		return
	}
	doc = expand(doc, long)
	v.onlyKeys(topic, doc, rootKeys)
	device, origin := expand(members(doc["device"]), longDevice), expand(members(doc["origin"]), longOrigin)
	v.plain(topic+" device", device, deviceKeys)
	v.plain(topic+" origin", origin, originKeys)
	if ids, _ := device["identifiers"].([]any); len(ids) != 1 || device["name"] == nil || origin["name"] == nil {
		v.fault(topic, "no identifier or no name")
	}
	for _, key := range []string{"configuration_url", "support_url"} {
		if u, ok := device[key].(string); ok && !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
			v.fault(topic, "%s %q without a scheme", key, u)
		}
	}
	v.availability(topic, doc["availability"])
	if doc["availability_mode"] != "all" {
		v.fault(topic, "availability mode %v", doc["availability_mode"])
	}
	stateTopic, _ := doc["state_topic"].(string)
	components := members(doc["components"])
	if len(components) == 0 {
		v.fault(topic, "no components")
	}
	for _, key := range slices.Sorted(maps.Keys(components)) {
		v.component(topic+" "+key, expand(members(components[key]), long), stateTopic)
	}
}

func (v *validator) component(where string, c map[string]any, stateTopic string) {
	platform := text(c["platform"])
	if len(c) == 1 && componentKeys[platform] != nil {
		return // a removal
	}
	v.onlyKeys(where, c, componentKeys[platform])
	for key, value := range c {
		if value == nil && key != "name" {
			v.fault(where, "%s is null", key)
		}
	}
	id := text(c["unique_id"])
	if other, taken := v.ids[platform+" "+id]; id == "" || taken {
		v.fault(where, "unique id %q is missing or taken by %s", id, other)
	}
	v.ids[platform+" "+id] = where
	if _, named := c["name"]; !named {
		v.fault(where, "no name: entities of one class would collide")
	}
	if t := text(c["state_topic"]); t != "" {
		stateTopic = t
	}
	if category, given := c["entity_category"]; given && category != "diagnostic" {
		v.fault(where, "category %v", category)
	}
	if icon, given := c["icon"]; given && !strings.Contains(text(icon), ":") {
		v.fault(where, "icon %v", icon)
	}
	if digits, given := c["suggested_display_precision"].(float64); given && digits < 0 {
		v.fault(where, "precision %v", digits)
	}
	if c["availability"] != nil {
		v.availability(where, c["availability"])
	}
	if platform == "sensor" {
		v.sensor(where, c)
	} else if !slices.Contains(binaryClasses, text(c["device_class"])) {
		v.fault(where, "binary class %v", c["device_class"])
	}
	v.value(where, c, stateTopic)
}

func (v *validator) sensor(where string, c map[string]any) {
	class, unit, state := text(c["device_class"]), text(c["unit_of_measurement"]), text(c["state_class"])
	rule, known := classes[class]
	if !known || !slices.Contains(rule.units, unit) || !slices.Contains(rule.states, state) {
		v.fault(where, "class %q, unit %q and state class %q do not go together", class, unit, state)
	}
	options, given := c["options"].([]any)
	if given != (class == "enum") || given && len(options) == 0 {
		v.fault(where, "options %v with class %q", options, class)
	}
}

// value checks that the template finds what the class promises.
func (v *validator) value(where string, c map[string]any, topic string) {
	m := templateRule.FindStringSubmatch(text(c["value_template"]))
	if m == nil {
		v.fault(where, "template %v", c["value_template"])
		return
	}
	payload, sent := v.states[topic]
	var state map[string]any
	if err := json.Unmarshal(payload, &state); !sent || err != nil {
		v.fault(where, "nothing on %s", topic)
		return
	}
	value, found := state[m[1]]
	if !found || value == nil {
		v.fault(where, "%s lacks %s", topic, m[1])
		return
	}
	switch class := text(c["device_class"]); {
	case c["platform"] == "binary_sensor":
		if _, ok := value.(bool); !ok || c["payload_on"] != "True" || c["payload_off"] != "False" {
			v.fault(where, "%v is not said as True or False", value)
		}
	case class == "timestamp":
		if _, err := time.Parse(time.RFC3339, text(value)); err != nil {
			v.fault(where, "%v", err)
		}
	case class == "enum":
		if !slices.Contains(c["options"].([]any), value) {
			v.fault(where, "%v is no option", value)
		}
	case class != "" || c["state_class"] != nil:
		if _, ok := value.(float64); !ok {
			v.fault(where, "%v is no number", value)
		}
	case len([]rune(text(value))) > 255 || text(value) == "":
		v.fault(where, "text %v", value)
	}
}

func (v *validator) availability(where string, list any) {
	entries, _ := list.([]any)
	if len(entries) == 0 {
		v.fault(where, "no availability")
	}
	for _, e := range entries {
		entry := expand(members(e), long)
		v.onlyKeys(where, entry, []string{"topic"})
		if p := v.states[text(entry["topic"])]; string(p) != online {
			v.fault(where, "%v says %q", entry["topic"], p)
		}
	}
}

// plain checks a block that one null or unknown key makes worthless.
func (v *validator) plain(where string, block map[string]any, keys []string) {
	v.onlyKeys(where, block, keys)
	for key, value := range block {
		if value == nil || value == "" {
			v.fault(where, "%s is empty", key)
		}
	}
}

func (v *validator) onlyKeys(where string, block map[string]any, keys []string) {
	for key := range block {
		if !slices.Contains(keys, key) {
			v.fault(where, "key %q is not allowed", key)
		}
	}
}

func expand(block map[string]any, names map[string]string) map[string]any {
	full := map[string]any{}
	for key, value := range block {
		if name := names[key]; name != "" {
			key = name
		}
		full[key] = value
	}
	return full
}

func members(v any) map[string]any { m, _ := v.(map[string]any); return m }

func text(v any) string { s, _ := v.(string); return s }
